"""`tf.summary`, with the message `Summary` of tensorboardX."""

import importlib

from npslim.errors import missing_extra
from npslim.tf.missing import reporter
from npslim.tf_summary import (
    FileWriter,
    FileWriterCache,
    audio,
    histogram,
    image,
    merge,
    merge_all,
    scalar,
    summary_iterator,
    text,
)

_report = reporter(__name__, lambda: globals())


def __getattr__(name):
    if name in ("Summary", "HistogramProto"):
        return message(name)
    if name == "Event":
        return message("Event", "event_pb2")
    return _report(name)


# ---- the names of before TensorFlow 1.0


def scalar_summary(tags, values, collections=None, name=None):
    """See `scalar`."""
    return scalar(tags, values, collections)


def histogram_summary(tag, values, collections=None, name=None):
    """See `histogram`."""
    return histogram(tag, values, collections)


def image_summary(tag, tensor, max_images=3, collections=None, name=None):
    """See `image`."""
    return image(tag, tensor, max_images, collections)


def audio_summary(tag, tensor, sample_rate, max_outputs=3, collections=None, name=None):
    """See `audio`."""
    return audio(tag, tensor, sample_rate, max_outputs, collections)


def message(name, module="summary_pb2"):
    """The class of a protocol buffer. Raises MissingExtraError without tensorboardX."""
    try:
        return getattr(importlib.import_module(f"tensorboardX.proto.{module}"), name)
    except ImportError:
        raise missing_extra("tensorboardX", "tensorboard", f"tf.{name}") from None
