"""The beginning of an input pipeline: file names, numbers or slices, in order or shuffled, for some epochs or for ever.

Each makes a queue, a QueueRunner in the collection QUEUE_RUNNERS, and a summary of how full the queue is.
"""

import glob

from npslim import tf_summary as summary
from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value
from npslim.dtypes import float32, int64, string
from npslim.errors import InvalidArgumentError, NotFoundError, ShapeError
from npslim.graph import control_dependencies
from npslim.graph_keys import GraphKeys
from npslim.ops.create import range_
from npslim.ops.debug import Assert
from npslim.ops.indexing import gather
from npslim.ops.logic import cast, greater
from npslim.ops.random import random_shuffle
from npslim.ops.shape import identity, shape, size
from npslim.queues.kinds import FIFOQueue
from npslim.queues.runner import QueueRunner, add_queue_runner
from npslim.scopes import name_scope
from npslim.spec import as_shape, is_full, merge
from npslim.variables import Variable


def match_filenames_once(pattern, name=None):
    """A local variable with the sorted names of the files that match `pattern` (or one of a list of patterns).

    They are looked for when it is initialized. Raises NotFoundError if there are none.
    """
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    found = sorted(path for one in patterns for path in glob.glob(one))
    if not found:
        raise NotFoundError("No file matches.", expected="a file", got=patterns, made_at=user_line())
    return Variable(
        [path.encode() for path in found], trainable=False, name=name or "matching_filenames",
        collections=[GraphKeys.LOCAL_VARIABLES],
    )  # fmt: skip


def limit_epochs(tensor, num_epochs=None, name=None):
    """`tensor`; after `num_epochs` runs of it, OutOfRangeError. Makes the local variable `epochs`.

    None: no limit. Raises ValueError for num_epochs below 1.
    """
    tensor = as_tensor(tensor)
    if num_epochs is None:
        return tensor
    if num_epochs <= 0:
        raise InvalidArgumentError("num_epochs must be positive.", expected="> 0, or None", got=num_epochs)
    with name_scope(name, "limit_epochs", [tensor]) as scope:
        epochs = Variable(0, trainable=False, name="epochs", dtype=int64, collections=[GraphKeys.LOCAL_VARIABLES])
        with control_dependencies([epochs.count_up_to(num_epochs)]):
            return identity(tensor, name=scope)


def input_producer(
    input_tensor, element_shape=None, num_epochs=None, shuffle=True, seed=None, capacity=32, shared_name=None,
    summary_name=None, name=None, cancel_op=None,
):  # fmt: skip
    """A queue of the rows of `input_tensor` `[n, ...]`, for `num_epochs` epochs or for ever.

    shuffle: in a new order each epoch. capacity: of the queue. Returns the FIFOQueue.
    Raises ValueError for shapes that are not known.
    """
    with name_scope(name, "input_producer", [input_tensor]) as scope:
        rows = as_tensor(input_tensor)
        inner = None if rows.spec.shape is None else rows.spec.shape[1:]
        inner = merge(inner, as_shape(element_shape))
        if not is_full(inner):
            raise ShapeError("input_producer: the shape of a row must be known.", got=rows, hint="element_shape=")
        if shuffle:
            rows = random_shuffle(rows, seed=seed)
        rows = limit_epochs(rows, num_epochs)
        queue = FIFOQueue(capacity, [rows.dtype], [inner], shared_name=shared_name, name=scope)
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([rows])], cancel_op=cancel_op))
        note_fill(queue, summary_name or f"fraction_of_{capacity}_full", capacity)
        return queue


def note_fill(queue, name, capacity, least=0):
    """A scalar summary of how full a queue is, counted from `least` elements."""
    filled = cast(queue.size(), dtype=float32.dtype)
    share = (filled - float(least)) * (1.0 / (capacity - least)) if least else filled * (1.0 / capacity)
    summary.scalar(name, share)


def string_input_producer(
    string_tensor, num_epochs=None, shuffle=True, seed=None, capacity=32, shared_name=None, name=None, cancel_op=None
):
    """A queue of strings, mostly file names: see `input_producer`. Raises ValueError for an empty list."""
    if not hasattr(string_tensor, "op") and len(string_tensor) == 0:
        raise InvalidArgumentError(
            "string_input_producer needs at least one string.", expected="['a', ...]", got="[]", made_at=user_line()
        )
    with name_scope(name, "input_producer", [string_tensor]) as scope:
        strings = as_tensor(string_tensor, string.dtype)
        if constant_value(strings) is None:
            message = "string_input_producer requires a non-null input tensor"
            with control_dependencies([Assert(greater(size(strings), 0), [message])]):
                strings = identity(strings)
        return input_producer(
            strings, [], num_epochs, shuffle, seed, capacity, shared_name, f"fraction_of_{capacity}_full", scope,
            cancel_op,
        )  # fmt: skip


def range_input_producer(limit, num_epochs=None, shuffle=True, seed=None, capacity=32, shared_name=None, name=None):
    """A queue of the numbers from 0 to limit - 1: see `input_producer`."""
    with name_scope(name, "input_producer", [limit]) as scope:
        return input_producer(
            range_(limit), [], num_epochs, shuffle, seed, capacity, shared_name, f"fraction_of_{capacity}_full", scope
        )


def slice_input_producer(
    tensor_list, num_epochs=None, shuffle=True, seed=None, capacity=32, shared_name=None, name=None
):
    """One row of each tensor of a list at a time, the same row of all: a list of tensors.

    Raises ValueError for an empty list.
    """
    if not tensor_list:
        raise InvalidArgumentError("slice_input_producer needs at least one tensor.", got=tensor_list)
    with name_scope(name, "input_producer", list(tensor_list)):
        tensors = [as_tensor(t) for t in tensor_list]
        queue = range_input_producer(shape(tensors[0])[0], num_epochs, shuffle, seed, capacity, shared_name)
        index = queue.dequeue()
        return [gather(t, index) for t in tensors]
