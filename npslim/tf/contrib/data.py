"""`tf.contrib.data`: functions for `Dataset.apply`, and the datasets under their older names."""

from npslim.data.contrib import (
    Counter,
    batch_and_drop_remainder,
    enumerate_dataset,
    ignore_errors,
    map_and_batch,
    padded_batch_and_drop_remainder,
    parallel_interleave,
    prefetch_to_device,
    shuffle_and_repeat,
    unbatch,
)
from npslim.data.files import FixedLengthRecordDataset, TextLineDataset, TFRecordDataset
from npslim.data.iterators import Iterator
from npslim.data.pipeline import AUTOTUNE, Dataset
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
