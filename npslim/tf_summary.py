"""`tf.summary`: nodes that describe tensors for TensorBoard, and the writer of event files.

Every function adds a node that gives a serialized Summary, a string, and puts it into the collection SUMMARIES or those
given; its tag is the node's name without characters that a name cannot have. A session run of `merge_all()` goes to
`FileWriter.add_summary`. As in TensorFlow 1.
"""

import atexit
import contextlib
import importlib
import os
import re
import time

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data.tfrecord import tf_record_iterator
from npslim.errors import FailedPreconditionError, InvalidArgumentError, missing_extra
from npslim.events import Writer, unique_suffix
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops import summary as ops
from npslim.registry import ABOVE
from npslim.scopes import name_scope


def scalar(name, tensor, collections=None, family=None):
    """One number: `tensor` of shape []. family: a prefix of the tag, by which TensorBoard groups."""
    with _tagged(name, family, tensor) as (tag, scope):
        return _collected(ops.scalar_summary(tensor, tag=tag, name=scope), collections)


def histogram(name, values, collections=None, family=None):
    """The distribution of the elements of `values`, any shape. A run with NaN among them raises."""
    with _tagged(name, family, values) as (tag, scope):
        return _collected(ops.histogram_summary(values, tag=tag, name=scope), collections)


def image(name, tensor, max_outputs=3, collections=None, family=None):
    """The first `max_outputs` images of `[n, h, w, c]`, c of 1, 3 or 4: uint8, or floating, scaled to their range."""
    with _tagged(name, family, tensor) as (tag, scope):
        return _collected(ops.image_summary(tensor, tag=tag, max_images=max_outputs, name=scope), collections)


def audio(name, tensor, sample_rate, max_outputs=3, collections=None, family=None):
    """The first `max_outputs` sounds of `[n, frames, channels]` or `[n, frames]`, in [-1, 1], `sample_rate` in Hz."""
    with _tagged(name, family, tensor) as (tag, scope):
        rate = as_tensor(sample_rate, None if hasattr(sample_rate, "op") else "float32")
        return _collected(ops.audio_summary(tensor, rate, tag=tag, max_outputs=max_outputs, name=scope), collections)


def text(name, tensor, collections=None):
    """Strings, any shape."""
    with _tagged(name, None, tensor) as (tag, scope):
        return _collected(ops.text_summary(tensor, tag=tag, name=scope), collections)


def merge(inputs, collections=None, name=None):
    """One summary of several. Raises ValueError for none; a run raises where two have one tag."""
    inputs = list(inputs)
    if not inputs:
        raise InvalidArgumentError("There are no summaries to merge.", expected="at least one", made_at=user_line())
    with name_scope(name, "Merge", inputs):
        return _collected(ops.merge_summary(*inputs), collections or [])


def merge_all(key=GraphKeys.SUMMARIES, scope=None, name=None):
    """One summary of all in the collection `key`, those under `scope` if given; None if there are none."""
    summaries = get_default_graph().get_collection(key, scope)
    return merge(summaries, name=name) if summaries else None


@contextlib.contextmanager
def _tagged(name, family, tensor):
    """(tag, name of the node) of a summary called `name`."""
    name, family = _clean(name), _clean(family)
    with name_scope(f"{family}/{name}" if family else name, values=[tensor]) as scope:
        tag = scope.rstrip("/")
        yield (f"{family}/{tag}" if family else tag), scope


def _clean(name):
    """`name` with _ in place of characters that the name of a node cannot have."""
    return name if name is None else re.sub(r"[^-/\w\.]", "_", name).lstrip("/")


def _collected(summary, collections):
    collections = [GraphKeys.SUMMARIES] if collections is None else collections
    get_default_graph().add_to_collections(collections, summary)
    return summary


def _graph_def_of(graph, add_shapes):
    """`npslim.graph_def.export`, loaded when it is first asked for."""
    return importlib.import_module("npslim.graph_def.export").graph_def_of(graph, add_shapes)


def _meta_export():
    return importlib.import_module("npslim.graph_def.meta_export")


ABOVE["graph_def"], ABOVE["meta_graph"] = _graph_def_of, _meta_export


class FileWriter:
    """Writes summaries and the graph into an event file of the folder `logdir`, and its scalars into `scalars.csv`.

    graph: shown by TensorBoard. max_queue, flush_secs: how many events, and how long, may wait in memory.
    filename_suffix: at the end of the file's name. The other arguments are accepted for old programs.
    Raises MissingExtraError without tensorboardX.
    """

    def __init__(
        self, logdir, graph=None, max_queue=10, flush_secs=120, graph_def=None, filename_suffix=None, session=None
    ):
        self._folder, self._suffix = logdir, filename_suffix or ""
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._waiting, self._flushed_at = 0, time.monotonic()
        self._events = self._numbers = None
        self.reopen()
        if graph is not None:
            self.add_graph(graph)

    def get_logdir(self):
        """The folder."""
        return self._folder

    def add_summary(self, summary, global_step=None):
        """Write what a run of a summary gave (bytes, or a Summary message) for a step."""
        message = ops.messages().Summary
        parsed = summary if isinstance(summary, message) else message.FromString(bytes(summary))
        numbers = {value.tag: value.simple_value for value in parsed.value if value.HasField("simple_value")}
        self._opened()
        self._numbers.note(global_step or 0, numbers)
        self._add(summary=parsed, step=global_step)

    def add_numbers(self, numbers, global_step=None):
        """Write {tag: number} for a step."""
        values = [ops.messages().Summary.Value(tag=tag, simple_value=float(x)) for tag, x in numbers.items()]
        self.add_summary(ops.messages().Summary(value=values), global_step)

    def add_graph(self, graph, global_step=None, graph_def=None):
        """Write the nodes of `graph`, with their ops, inputs and shapes."""
        self._add(graph_def=graph_message(graph).SerializeToString(), step=global_step)

    def add_event(self, event):
        """Write an Event message."""
        self._opened().write_event(event)
        self._waiting += 1
        if self._waiting >= self._max_queue or time.monotonic() - self._flushed_at > self._flush_secs:
            self.flush()

    def add_session_log(self, session_log, global_step=None):
        """Write a SessionLog message: START, STOP or CHECKPOINT."""
        self._add(session_log=session_log, step=global_step)

    def _add(self, step, **fields):
        event = ops.messages("event_pb2").Event(wall_time=time.time(), **fields)
        if step is not None:
            event.step = int(step)
        self.add_event(event)

    def _opened(self):
        if self._events is None:
            raise FailedPreconditionError("The writer is closed.", hint="reopen() begins a new file", got=self._folder)
        return self._events

    def flush(self):
        """Write what is waiting."""
        self._waiting, self._flushed_at = 0, time.monotonic()
        if self._events is not None:
            self._events.flush()
            self._numbers.flush()

    def close(self):
        """Write what is waiting and close the files."""
        if self._events is not None:
            self._events.close()
            self._numbers.close()
        self._events = self._numbers = None

    def reopen(self):
        """Begin a new event file in the folder, if the writer was closed."""
        if self._events is None:
            os.makedirs(self._folder, exist_ok=True)
            try:
                files = importlib.import_module("tensorboardX.event_file_writer")
            except ImportError:
                raise missing_extra("tensorboardX", "tensorboard", "An event file") from None
            self._events = files.EventsWriter(os.path.join(self._folder, "events"), unique_suffix() + self._suffix)
            self._numbers = Writer(self._folder, with_events=False)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class FileWriterCache:
    """One FileWriter for each folder, closed when the program ends."""

    _writers: dict = {}

    @classmethod
    def get(cls, logdir):
        """The writer of `logdir`, made when first asked for."""
        if not cls._writers:
            atexit.register(cls.clear)
        if logdir not in cls._writers:
            cls._writers[logdir] = FileWriter(logdir)
        return cls._writers[logdir]

    @classmethod
    def clear(cls):
        """Close and forget all writers."""
        for writer in cls._writers.values():
            writer.close()
        cls._writers.clear()


def graph_message(graph):
    """The GraphDef message of `graph`: names, ops, inputs, devices and output shapes."""
    nodes = ops.messages("node_def_pb2")
    attributes, shapes = ops.messages("attr_value_pb2"), ops.messages("tensor_shape_pb2")

    def shape_message(spec):
        if spec.shape is None:
            return shapes.TensorShapeProto(unknown_rank=True)
        sizes = [shapes.TensorShapeProto.Dim(size=-1 if n is None else n) for n in spec.shape]
        return shapes.TensorShapeProto(dim=sizes)

    def node_message(node):
        inputs = [t.name.removesuffix(":0") for t in node.inputs] + [f"^{c.name}" for c in node.control_inputs]
        made = nodes.NodeDef(name=node.name, op=node.type, input=inputs, device=node.device or "")
        made.attr["_output_shapes"].CopyFrom(
            attributes.AttrValue(
                list=attributes.AttrValue.ListValue(shape=[shape_message(t.spec) for t in node.outputs])
            )
        )
        return made

    return ops.messages("graph_pb2").GraphDef(node=[node_message(node) for node in graph.nodes])


def summary_iterator(path):
    """The Event messages of an event file, in their order. Needs the extra `tensorboard`."""
    try:
        event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    except ImportError:
        raise missing_extra("tensorboardX", "tensorboard", "reads event files") from None
    for record in tf_record_iterator(path):
        yield event_pb2.Event.FromString(record)
