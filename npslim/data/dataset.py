"""A data set: where its records are, how they are read and decoded, how many there are."""


class Dataset:
    """Whatever is given by name becomes an attribute.

    data_sources: names or patterns of files. reader: a class of readers, such as TFRecordReader. decoder: a
    DataDecoder. num_samples: how many records there are. items_to_descriptions: {name of an item: what it is}.
    """

    def __init__(self, data_sources, reader, decoder, num_samples, items_to_descriptions, **kwargs):
        self.__dict__.update(
            kwargs, data_sources=data_sources, reader=reader, decoder=decoder, num_samples=num_samples,
            items_to_descriptions=items_to_descriptions,
        )  # fmt: skip
