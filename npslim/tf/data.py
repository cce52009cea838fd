"""`tf.data`."""

from npslim.data.files import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from npslim.data.iterators import (
    Iterator,
    make_initializable_iterator,
    make_one_shot_iterator,
)
from npslim.data.pipeline import AUTOTUNE, Dataset
from npslim.tf.contrib import data as experimental
from npslim.tf.missing import reporter


def get_output_types(dataset_or_iterator):
    """The dtypes of an element, in its structure."""
    return dataset_or_iterator.output_types


def get_output_shapes(dataset_or_iterator):
    """The shapes of an element, in its structure."""
    return dataset_or_iterator.output_shapes


def get_output_classes(dataset_or_iterator):
    """The classes of an element's parts, in its structure."""
    return dataset_or_iterator.output_classes


__getattr__ = reporter(__name__, lambda: globals())
