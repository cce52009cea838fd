"""Queues as nodes: a queue is state of the session, and enqueuing and dequeuing are ops that wait.

before: queue_state.py, what waits and in which order   next: queues/kinds.py, the classes that programs use
"""

import contextlib
import time

import numpy as np

from npslim.backend import to_host
from npslim.errors import CancelledError, InvalidArgumentError, range_of
from npslim.op import op
from npslim.ops.queue_state import Buffer, Element, PriorityBuffer, ShuffleBuffer, producer
from npslim.spec import Spec, compatible, show_shape

_HANDLE = np.dtype(object)
_INT32 = np.dtype(np.int32)


def _queue_of(name, type, buffer):
    """The op that is the queue itself: a scalar that the other ops take."""

    def queue(*, capacity, options=(), seed=None, run=None, node=None):
        cell = run.cell(node.name)
        with cell.lock:
            if cell.value is None:
                made = run.store.take_up(node.name, buffer(node.name, capacity, run.store.key(node), *options))
                cell.value, cell.release = np.empty((), object), made.cancel
                cell.value[()] = made
        return cell.value

    queue.__name__, queue.__doc__ = name, f"A {type}, as a scalar that the ops on queues take."
    made = op(queue, type=f"{type}V2", node_name=name, stateful=True, differentiable=False)
    made.shape(lambda: Spec((), _HANDLE))
    return made


fifo_queue = _queue_of("fifo_queue", "FIFOQueue", Buffer)
padding_fifo_queue = _queue_of("padding_fifo_queue", "PaddingFIFOQueue", Buffer)
random_shuffle_queue = _queue_of("random_shuffle_queue", "RandomShuffleQueue", ShuffleBuffer)
priority_queue = _queue_of("priority_queue", "PriorityQueue", PriorityBuffer)


@op(type="RefSelect", stateful=True, alike=(), host=("index", "handles"), differentiable=False)
def pick_queue(index, *handles):
    """The queue number `index` of `handles`."""
    return handles[int(index)]


@pick_queue.shape
def _(index, *handles):
    return Spec((), _HANDLE)


@op(type="QueueEnqueueV2", stateful=True, alike=(), host=("handle", "components"), differentiable=False)
def enqueue(handle, *components, many, shapes, run=None):
    """Put one element, or with `many` one for each entry along the first dimension, into the queue."""
    buffer = handle[()]
    components = [np.array(to_host(c)) for c in components]
    rows = list(zip(*map(_rows, components), strict=True)) if many else [components]
    origins = run.origins
    if len(rows) != len(origins):
        origins = [range_of(origins)] * len(rows)
    elements = [Element.of(row, origin) for row, origin in zip(rows, origins, strict=True)]
    for element in elements:
        for i, (part, shape) in enumerate(zip(element, shapes or [None] * len(element), strict=True)):
            if not compatible(np.shape(part), shape):
                raise InvalidArgumentError(
                    f"Shape mismatch in component {i} for {buffer.kind} '{buffer.name}'.", expected=show_shape(shape),
                    got=show_shape(np.shape(part)),
                )  # fmt: skip
    with _in_order(run, buffer):
        buffer.put(elements)


def _rows(array):
    """The entries along the first dimension, arrays all of them; an object stays one."""
    return [as_array_of(row, array.dtype) for row in array]


@contextlib.contextmanager
def _in_order(run, buffer):
    """Wait for the ticket of this run, or for the turn of this thread's producer."""

    def cancelled():
        if buffer.cancelled:
            raise CancelledError(f"Enqueue operation was cancelled: {buffer.kind} '{buffer.name}' is closed.")

    if producer.rotation is not None:
        with producer.rotation.turn(producer.member, cancelled):
            yield
    elif run.ticket is not None:
        tickets, number = run.ticket
        tickets.wait_for(number, cancelled)
        yield
    else:
        yield


@enqueue.shape
def _(handle, *components, many, shapes):
    return ()


@op(type="QueueDequeueV2", stateful=True, alike=(), host=("handle", "n"), differentiable=False)
def dequeue(handle, n, *, dtypes, shapes, how, run=None):
    """Take elements out of the queue: "one"; "many", n of them stacked; or "some", up to n once it is closed.

    Components of unknown size are padded with zeros to the largest of the batch.
    """
    buffer = handle[()]
    start = time.monotonic()
    try:
        elements, ticket = buffer.take(1 if how == "one" else int(n), some=how == "some")
    finally:
        run.waited, run.queue = run.waited + time.monotonic() - start, buffer
    run.hold(buffer.tickets, ticket, *buffer.origins_of(elements, ticket))
    if how == "one":
        return tuple(as_array_of(part, dtype) for part, dtype in zip(elements[0], dtypes, strict=True))
    columns = list(zip(*elements, strict=True)) if elements else [()] * len(dtypes)
    return tuple(_stacked(column, dtype, shape) for column, dtype, shape in zip(columns, dtypes, shapes, strict=True))


def as_array_of(value, dtype):
    """`value` as an array of `dtype`; a string stays one object."""
    if isinstance(value, np.ndarray):
        return value
    array = np.empty((), dtype)
    array[()] = value
    return array


def _stacked(parts, dtype, shape):
    """The parts one above the other, the smaller ones padded at their ends."""
    if not parts:
        return np.zeros((0, *(n or 0 for n in shape or ())), dtype)
    shapes = [np.shape(part) for part in parts]
    sizes = tuple(max(ns) for ns in zip(*shapes, strict=True))
    stacked = np.full((len(parts), *sizes), b"" if dtype == _HANDLE else 0, dtype)
    for row, part in zip(range(len(parts)), parts, strict=True):
        stacked[(row, *(slice(n) for n in np.shape(part)))] = part if np.ndim(part) else part[()]
    return stacked


@dequeue.shape
def _(handle, n, *, dtypes, shapes, how):
    batch = int(n.known) if how == "many" and n.known is not None else None
    shapes = shapes or [None] * len(dtypes)
    outer = () if how == "one" else (batch,)
    return tuple(
        Spec(None if shape is None else (*outer, *shape), dtype) for dtype, shape in zip(dtypes, shapes, strict=True)
    )


@op(type="QueueCloseV2", stateful=True, alike=(), host=("handle",), differentiable=False)
def close_queue(handle, *, cancel_pending_enqueues):
    """Close the queue: nothing more comes in."""
    handle[()].close(cancel_pending_enqueues)


@close_queue.shape
def _(handle, *, cancel_pending_enqueues):
    return ()


@op(type="QueueSizeV2", stateful=True, alike=(), host=("handle",), differentiable=False)
def queue_size(handle):
    """How many elements the queue has: int32 []."""
    return np.array(handle[()].size(), _INT32)


@queue_size.shape
def _(handle):
    return Spec((), _INT32)


@op(type="QueueIsClosedV2", stateful=True, alike=(), host=("handle",), differentiable=False)
def queue_is_closed(handle):
    """Whether the queue is closed: bool []."""
    return np.array(handle[()].closed)


@queue_is_closed.shape
def _(handle):
    return Spec((), np.dtype(bool))
