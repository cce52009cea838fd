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


def message(name, module="summary_pb2"):
    """The class of a protocol buffer. Raises MissingExtraError without tensorboardX."""
    try:
        return getattr(importlib.import_module(f"tensorboardX.proto.{module}"), name)
    except ImportError:
        raise missing_extra("tensorboardX", "tensorboard", f"tf.{name}") from None
