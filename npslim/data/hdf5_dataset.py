"""HDF5 files as a source of training data, without converting them: a DataProvider for queues, a Dataset for tf.data.

Rows are named by their numbers, so data is shuffled by shuffling numbers; of the file, only the rows that are on their
way are in memory.
"""

from typing import Any

import numpy as np

from npslim import queues
from npslim.caller import user_line
from npslim.data.arguments import number
from npslim.data.data_provider import DataProvider
from npslim.data.hdf5_rows import Hdf5Rows
from npslim.data.pipeline import Dataset
from npslim.data.stages import Item
from npslim.data.structure import Leaf
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.op import op
from npslim.ops.queue import as_array_of
from npslim.queues.kinds import FIFOQueue, RandomShuffleQueue
from npslim.queues.producers import note_fill
from npslim.scopes import name_scope
from npslim.spec import Spec

_TEXT, _INT64 = np.dtype(object), np.dtype(np.int64)


@op(stateful=True, alike=(), host=("blocks",), differentiable=False)
def hdf5_rows(blocks, *, path, datasets, block_rows, count, specs, run=None, node=None):
    """(keys, one tensor for each item) of the rows of `blocks`, a vector; each block is `block_rows` rows."""
    cell = run.cell(node.name)
    with cell.lock:
        if cell.value is None:
            rows = Hdf5Rows(path, dict(datasets))
            cell.value, cell.release = as_array_of(rows, _TEXT), rows.close
    source: Any = cell.value[()]
    rows = np.concatenate([np.arange(b * block_rows, min((b + 1) * block_rows, count)) for b in blocks.tolist()])
    found = source.read(rows)
    keys = np.empty(len(rows), object)
    keys[:] = [f"{path}:{row}".encode() for row in rows.tolist()]
    run.origins[:] = [f"{path}, row {row}" for row in rows.tolist()]
    return keys, *(found[item] for item, _ in datasets)


@hdf5_rows.shape
def _(blocks, *, path, datasets, block_rows, count, specs):
    return Spec((None,), _TEXT), *(Spec((None, *shape), dtype) for shape, dtype in specs)


class Hdf5DataProvider(DataProvider):
    """A DataProvider of the rows of an HDF5 file: each run of its tensors is about one row.

    path: the file. datasets: {item: name in the file}, or a list of names; all unless given. num_epochs: how often all
    rows are read; None for ever. shuffle: in a new random order each epoch. block_rows: rows that are read together and
    shuffled as one. More than 1 is quicker for compressed files (`Hdf5Rows.chunk_rows()` says how many lie together);
    with `shuffle` the rows are then mixed again in a queue of `common_queue_capacity` that keeps `common_queue_min`.
    read_rows: so many rows are read at a time. num_readers: how many threads read. record_key: the item that holds the
    row's key, "file:number". Strings, and arrays of bytes of any length, come as strings.
    Raises NotFoundError and ValueError for a file or datasets that do not fit, here and not while training.
    """

    def __init__(
        self, path, datasets=None, num_readers=1, shuffle=True, num_epochs=None, block_rows=1, read_rows=64,
        common_queue_capacity=256, common_queue_min=128, record_key="record_key", seed=None, scope=None,
    ):  # fmt: skip
        with Hdf5Rows(path, datasets) as rows:
            items, shapes, dtypes, count = rows.items, rows.shapes, rows.dtypes, rows.count
        if count == 0 or block_rows < 1 or read_rows < 1:
            raise InvalidArgumentError(
                "Hdf5DataProvider: there must be rows, and blocks of at least one.", expected="rows, block_rows >= 1",
                got=f"{count} rows, block_rows {block_rows}, read_rows {read_rows}", made_at=user_line(),
            )  # fmt: skip
        if record_key in items:
            raise InvalidArgumentError(
                "The item name used for record_key is already in use.", expected="another name", got=record_key,
                made_at=user_line(),
            )  # fmt: skip
        named = datasets if isinstance(datasets, dict) else {item: item for item in items}
        blocks = max(read_rows // block_rows, 1)
        with name_scope(scope, "hdf5"):
            numbers = queues.range_input_producer(
                -(-count // block_rows), num_epochs, shuffle, seed, capacity=4 * blocks, name="rows"
            )
            keys, *tensors = hdf5_rows(
                numbers.dequeue_up_to(blocks), path=str(path), datasets=tuple(named.items()), block_rows=block_rows,
                count=count, specs=tuple((shapes[item], dtypes[item]) for item in items),
            )  # fmt: skip
            kinds, sizes = [t.dtype for t in [keys, *tensors]], [[], *(list(shapes[item]) for item in items)]
            if shuffle and block_rows > 1:
                queue = RandomShuffleQueue(common_queue_capacity, common_queue_min, kinds, sizes, seed=seed)
            else:
                queue = FIFOQueue(common_queue_capacity, kinds, sizes, name="common_queue")
            queues.add_queue_runner(queues.QueueRunner(queue, [queue.enqueue_many([keys, *tensors])] * num_readers))
            note_fill(queue, f"fraction_of_{common_queue_capacity}_full", common_queue_capacity)
            key, *values = queue.dequeue()
        super().__init__({**dict(zip(items, values, strict=True)), record_key: key}, count)


class Hdf5Dataset(Dataset):
    """A Dataset of the rows of an HDF5 file: dictionaries by item.

    path, datasets, block_rows, read_rows: see `Hdf5DataProvider`. shuffle: in random order, a new one each epoch of a
    `repeat`; the order depends on `seed` and the graph's.
    """

    def __init__(self, path, datasets=None, shuffle=False, seed=None, block_rows=1, read_rows=64, name=None):
        with Hdf5Rows(path, datasets) as rows:
            items, count = rows.items, rows.count
            element = {item: Leaf(rows.dtypes[item], rows.shapes[item]) for item in items}
        graph, seed = get_default_graph(), None if seed is None else number(seed)
        name = graph.unique_name(name or "Hdf5Dataset")
        blocks, per_read = -(-count // block_rows), max(read_rows // block_rows, 1)

        def stream(context):
            order = np.arange(blocks)
            if shuffle:
                order = order[
                    np.argsort(context.random(graph, seed, name, False).bit_generator.random_raw(blocks), kind="stable")
                ]
            with Hdf5Rows(path, datasets) as rows:
                for at in range(0, blocks, per_read):
                    spans = [range(b * block_rows, min((b + 1) * block_rows, count)) for b in order[at : at + per_read]]
                    numbers = [row for span in spans for row in span]
                    found = rows.read(numbers)
                    for i, row in enumerate(numbers):
                        values = tuple(as_array_of(found[item][i], found[item].dtype) for item in sorted(items))
                        yield Item(values, f"{rows.path}, row {row}")

        super().__init__(element, stream, uses=[seed])
