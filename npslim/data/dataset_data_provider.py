"""The records of a Dataset, read by several readers and decoded: `slim.dataset_data_provider`."""

from npslim.caller import user_line
from npslim.data import parallel_reader
from npslim.data.data_provider import DataProvider
from npslim.errors import InvalidArgumentError


class DatasetDataProvider(DataProvider):
    """A DataProvider of a Dataset: each run of its tensors is about one record.

    num_readers, reader_kwargs: how many readers, and their arguments. shuffle: in random order, through a queue of
    `common_queue_capacity` that keeps `common_queue_min`. num_epochs: how often all is read; None for ever. record_key:
    the name of the item that holds the record's key. seed: of the order.
    Raises ValueError if the decoder has an item of that name.
    """

    def __init__(
        self,
        dataset,
        num_readers=1,
        reader_kwargs=None,
        shuffle=True,
        num_epochs=None,
        common_queue_capacity=256,
        common_queue_min=128,
        record_key="record_key",
        seed=None,
        scope=None,
    ):
        key, data = parallel_reader.parallel_read(
            dataset.data_sources, reader_class=dataset.reader, num_epochs=num_epochs, num_readers=num_readers,
            reader_kwargs=reader_kwargs, shuffle=shuffle, capacity=common_queue_capacity,
            min_after_dequeue=common_queue_min, seed=seed, scope=scope,
        )  # fmt: skip
        key.set_shape([])
        data.set_shape([])
        items = dataset.decoder.list_items()
        if record_key in items:
            raise InvalidArgumentError(
                "The item name used for record_key is already in use.", expected="another name", got=record_key,
                made_at=user_line(),
            )  # fmt: skip
        tensors = dict(zip(items, dataset.decoder.decode(data, items), strict=True))
        tensors[record_key] = key
        super().__init__(items_to_tensors=tensors, num_samples=dataset.num_samples)
