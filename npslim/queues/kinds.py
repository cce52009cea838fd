"""TensorFlow's classes of queues: what an element is made of, and the nodes that put elements in and take them out."""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.ops.queue import (
    close_queue,
    dequeue,
    enqueue,
    fifo_queue,
    padding_fifo_queue,
    pick_queue,
    priority_queue,
    queue_is_closed,
    queue_size,
    random_shuffle_queue,
)
from npslim.scopes import name_scope
from npslim.spec import as_shape, compatible, is_full, merge, show_shape

_INT32 = np.dtype(np.int32)


class QueueBase:
    """A queue of elements, each a tuple (or with `names` a dictionary) of tensors.

    Made by the classes below it. `dequeue_many` and `dequeue_up_to` need known shapes.
    """

    def __init__(self, dtypes, shapes, names, queue_ref):
        self.queue_ref, self.names = queue_ref, names
        self._dtypes, self._shapes = dtypes, shapes

    @property
    def dtypes(self):
        """The dtypes of an element."""
        return [as_dtype(d) for d in self._dtypes]

    @property
    def shapes(self):
        """The static shapes of an element, None where none were given."""
        return [None] * len(self._dtypes) if self._shapes is None else list(self._shapes)

    @property
    def name(self):
        """The name of the queue's node."""
        return self.queue_ref.op.name

    @staticmethod
    def from_list(index, queues):
        """One of several queues of the same dtypes, chosen when it runs. index: an int32 scalar."""
        if not queues or any(q.dtypes != queues[0].dtypes for q in queues):
            raise ArgumentTypeError("from_list needs queues of the same dtypes.", got=queues, made_at=user_line())
        first = queues[0]
        return QueueBase(first._dtypes, first._shapes, first.names, pick_queue(index, *(q.queue_ref for q in queues)))

    def _components(self, vals, many):
        if self.names is not None:
            if not isinstance(vals, dict) or sorted(vals) != sorted(self.names):
                raise InvalidArgumentError(
                    "The queue has names, and takes a dictionary of them.", expected=sorted(self.names), got=vals,
                    made_at=user_line(),
                )  # fmt: skip
            vals = [vals[name] for name in self.names]
        elif isinstance(vals, dict):
            raise InvalidArgumentError("The queue has no names, and takes no dictionary.", got=vals)
        vals = list(vals) if isinstance(vals, list | tuple) else [vals]
        if len(vals) != len(self._dtypes):
            raise InvalidArgumentError(
                "An element of the queue has another number of components.", expected=len(self._dtypes), got=len(vals),
                made_at=user_line(),
            )  # fmt: skip
        tensors = [as_tensor(v, d, f"component_{i}") for i, (v, d) in enumerate(zip(vals, self._dtypes, strict=True))]
        first = None
        for tensor, shape in zip(tensors, self.shapes, strict=True):
            given = tensor.spec.shape
            if many and given is not None:
                if not given:
                    raise ShapeError("enqueue_many: each component needs a first dimension.", got=tensor.name)
                first, given = merge((first,), given[:1])[0], given[1:]
            if not compatible(given, shape):
                raise ShapeError(
                    "A component has another shape than the queue's.", expected=show_shape(shape),
                    got=f"{tensor.name} {show_shape(given)}", made_at=user_line(),
                )  # fmt: skip
        return tensors

    def _enqueued(self, vals, many, name):
        with name_scope(name) as scope:
            tensors = self._components(vals, many)
            return enqueue(self.queue_ref, *tensors, many=many, shapes=self._attribute(), name=scope)

    def _attribute(self):
        return None if self._shapes is None else tuple(self._shapes)

    def enqueue(self, vals, name=None):
        """A node that puts one element into the queue, waiting while it is full."""
        return self._enqueued(vals, False, name or f"{self.name}_enqueue")

    def enqueue_many(self, vals, name=None):
        """A node that puts an element in for each entry along the first dimension of `vals`."""
        return self._enqueued(vals, True, name or f"{self.name}_EnqueueMany")

    def _dequeued(self, n, how, name):
        if how != "one" and self._shapes is None:
            raise ShapeError("Dequeuing several needs the shapes of the elements.", expected="shapes=[...]")
        outputs = dequeue(
            self.queue_ref, as_tensor(n, _INT32), dtypes=tuple(self._dtypes), shapes=self._attribute(), how=how,
            name=name,
        )  # fmt: skip
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        if self.names is not None:
            return dict(zip(self.names, outputs, strict=True))
        return outputs[0] if len(outputs) == 1 else outputs

    def dequeue(self, name=None):
        """The next element: its tensors, one by itself; a run waits for it."""
        return self._dequeued(1, "one", name or f"{self.name}_Dequeue")

    def dequeue_many(self, n, name=None):
        """The next `n` elements, stacked. A run waits for them; raises OutOfRangeError if the queue is closed first."""
        return self._dequeued(n, "many", name or f"{self.name}_DequeueMany")

    def dequeue_up_to(self, n, name=None):
        """The next `n` elements, stacked, or the rest once the queue is closed."""
        return self._dequeued(n, "some", name or f"{self.name}_DequeueUpTo")

    def close(self, cancel_pending_enqueues=False, name=None):
        """A node that closes the queue; with `cancel_pending_enqueues`, enqueues that wait raise CancelledError."""
        return close_queue(
            self.queue_ref, cancel_pending_enqueues=cancel_pending_enqueues, name=name or f"{self.name}_Close"
        )

    def is_closed(self, name=None):
        """Whether the queue is closed: bool []."""
        return queue_is_closed(self.queue_ref, name=name or f"{self.name}_Is_Closed")

    def size(self, name=None):
        """How many elements the queue has: int32 []."""
        return queue_size(self.queue_ref, name=name or f"{self.name}_Size")

    def fail(self, session, error):
        """Close the queue in `session`; who takes from it gets `error` when its elements have run out."""
        cell = session.store.cell(self.name)
        if cell.value is None and not session.closed:  # the error came before anybody used the queue
            session.run(self.queue_ref)
        if cell.value is not None:
            cell.value[()].close(True, error)

    def _fill(self, kind, capacity, dtypes, shapes, names, name, **attrs):
        dtypes = [numpy_dtype(d) for d in (dtypes if isinstance(dtypes, list | tuple) else [dtypes])]
        if capacity is not None and capacity < 1:
            capacity = None
        if shapes is not None:
            shapes = list(shapes) if isinstance(shapes, list | tuple) else [shapes]
            if len(dtypes) == 1 and (not shapes or not isinstance(shapes[0], list | tuple) and shapes[0] is not None
                                     and not hasattr(shapes[0], "as_list")):  # fmt: skip
                shapes = [shapes]
            shapes = [as_shape(s) for s in shapes]
            if len(shapes) != len(dtypes):
                raise InvalidArgumentError(
                    "A queue needs a shape for each dtype.", expected=len(dtypes), got=len(shapes), made_at=user_line()
                )
        if names is not None:
            names = list(names) if isinstance(names, list | tuple) else [names]
            if len(names) != len(dtypes):
                raise InvalidArgumentError("A queue needs a name for each dtype.", expected=len(dtypes), got=names)
        handle = kind(capacity=float("inf") if capacity is None else int(capacity), name=name, **attrs)
        QueueBase.__init__(self, dtypes, shapes, names, handle)


def _check_known(shapes, kind):
    if shapes is not None and not all(is_full(shape) for shape in shapes):
        raise ShapeError(
            f"A {kind} needs fully known shapes.", expected="sizes", got=[show_shape(s) for s in shapes],
            hint="PaddingFIFOQueue takes unknown sizes",
        )  # fmt: skip


class FIFOQueue(QueueBase):
    """First in, first out. capacity: how many elements it holds. dtypes, shapes, names: of an element's components."""

    def __init__(self, capacity, dtypes, shapes=None, names=None, shared_name=None, name="fifo_queue"):
        self._fill(fifo_queue, capacity, dtypes, shapes, names, name)
        _check_known(self._shapes, "FIFOQueue")


class RandomShuffleQueue(QueueBase):
    """Elements in random order, `min_after_dequeue` of them kept to be mixed until it is closed.

    Each is drawn from the oldest min_after_dequeue + 1, so the order depends on `seed` (and the graph's) alone.
    """

    def __init__(
        self, capacity, min_after_dequeue, dtypes, shapes=None, names=None, seed=None, shared_name=None,
        name="random_shuffle_queue",
    ):  # fmt: skip
        if not 0 <= min_after_dequeue < capacity:
            raise InvalidArgumentError(
                "min_after_dequeue must be less than capacity.", expected=f"0 <= min_after_dequeue < {capacity}",
                got=min_after_dequeue, made_at=user_line(),
            )  # fmt: skip
        self._fill(
            random_shuffle_queue, capacity, dtypes, shapes, names, name, options=(int(min_after_dequeue),), seed=seed
        )
        _check_known(self._shapes, "RandomShuffleQueue")


class PaddingFIFOQueue(QueueBase):
    """First in, first out; batches of elements of unknown size are padded with zeros (or empty strings)."""

    def __init__(self, capacity, dtypes, shapes, names=None, shared_name=None, name="padding_fifo_queue"):
        if shapes is None:
            raise InvalidArgumentError("A PaddingFIFOQueue needs shapes.", expected="[[None, 3], ...]", got=None)
        self._fill(padding_fifo_queue, capacity, dtypes, shapes, names, name)


class PriorityQueue(QueueBase):
    """The element with the least priority first: an int64 scalar that every element begins with, besides `types`."""

    def __init__(self, capacity, types, shapes=None, names=None, shared_name=None, name="priority_queue"):
        types = list(types) if isinstance(types, list | tuple) else [types]
        shapes = [[]] + list(shapes) if shapes is not None else None
        self._fill(priority_queue, capacity, [np.int64, *types], shapes, names, name)
