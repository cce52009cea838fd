"""Single examples into batches, by a queue that threads keep filled.

`tensors` are a list or a dictionary of tensors (sparse ones too), and so is what comes out, with a batch dimension in
front. Each function makes a queue, a QueueRunner, and a summary of how full the queue is.
"""

from typing import Any

from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.ops.cond import cond
from npslim.ops.indexing import boolean_mask
from npslim.ops.sparse import SparseTensor, pack_sparse, pack_sparse_rows, unpack_sparse
from npslim.ops.state import group, no_op
from npslim.queues.kinds import FIFOQueue, PaddingFIFOQueue, RandomShuffleQueue
from npslim.queues.producers import note_fill
from npslim.queues.runner import QueueRunner, add_queue_runner
from npslim.scopes import name_scope
from npslim.spec import as_shape, is_full, merge, show_shape


def batch(
    tensors, batch_size, num_threads=1, capacity=32, enqueue_many=False, shapes=None, dynamic_pad=False,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """Batches of `batch_size` examples in their order.

    num_threads: how many threads compute `tensors`; the order of the examples stays. enqueue_many: `tensors` hold
    several examples each, along the first dimension. shapes: of one example, where they are not known. dynamic_pad: pad
    examples of different size with zeros. allow_smaller_final_batch: the last batch may be smaller.
    Raises ValueError for shapes that are not known.
    """
    return maybe_batch(
        tensors, True, batch_size, num_threads, capacity, enqueue_many, shapes, dynamic_pad, allow_smaller_final_batch,
        shared_name, name,
    )  # fmt: skip


def maybe_batch(
    tensors, keep_input, batch_size, num_threads=1, capacity=32, enqueue_many=False, shapes=None, dynamic_pad=False,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`batch` of the examples for which the boolean tensor `keep_input` holds (with enqueue_many, `[n]` of them)."""
    return _batched(
        [tensors] * num_threads, keep_input, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch,
        name, "batch", PaddingFIFOQueue if dynamic_pad else FIFOQueue,
    )  # fmt: skip


def batch_join(
    tensors_list, batch_size, capacity=32, enqueue_many=False, shapes=None, dynamic_pad=False,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`batch` of several sources, a thread for each, one example of each in turn."""
    return maybe_batch_join(
        tensors_list, True, batch_size, capacity, enqueue_many, shapes, dynamic_pad, allow_smaller_final_batch,
        shared_name, name,
    )  # fmt: skip


def maybe_batch_join(
    tensors_list, keep_input, batch_size, capacity=32, enqueue_many=False, shapes=None, dynamic_pad=False,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`batch_join` of the examples for which `keep_input` holds."""
    return _batched(
        list(tensors_list), keep_input, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch, name,
        "batch_join", PaddingFIFOQueue if dynamic_pad else FIFOQueue,
    )  # fmt: skip


def shuffle_batch(
    tensors, batch_size, capacity, min_after_dequeue, num_threads=1, seed=None, enqueue_many=False, shapes=None,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """Batches of examples in random order: each is drawn from min_after_dequeue + 1 that wait. See `batch`."""
    return maybe_shuffle_batch(
        tensors, batch_size, capacity, min_after_dequeue, True, num_threads, seed, enqueue_many, shapes,
        allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def maybe_shuffle_batch(
    tensors, batch_size, capacity, min_after_dequeue, keep_input, num_threads=1, seed=None, enqueue_many=False,
    shapes=None, allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`shuffle_batch` of the examples for which `keep_input` holds."""
    return _batched(
        [tensors] * num_threads, keep_input, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch,
        name, "shuffle_batch", RandomShuffleQueue, min_after_dequeue, seed,
    )  # fmt: skip


def shuffle_batch_join(
    tensors_list, batch_size, capacity, min_after_dequeue, seed=None, enqueue_many=False, shapes=None,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`shuffle_batch` of several sources, a thread for each."""
    return maybe_shuffle_batch_join(
        tensors_list, batch_size, capacity, min_after_dequeue, True, seed, enqueue_many, shapes,
        allow_smaller_final_batch, shared_name, name,
    )  # fmt: skip


def maybe_shuffle_batch_join(
    tensors_list, batch_size, capacity, min_after_dequeue, keep_input, seed=None, enqueue_many=False, shapes=None,
    allow_smaller_final_batch=False, shared_name=None, name=None,
):  # fmt: skip
    """`shuffle_batch_join` of the examples for which `keep_input` holds."""
    return _batched(
        list(tensors_list), keep_input, batch_size, capacity, enqueue_many, shapes, allow_smaller_final_batch, name,
        "shuffle_batch_join", RandomShuffleQueue, min_after_dequeue, seed,
    )  # fmt: skip


def _batched(
    sources, keep_input, batch_size, capacity, enqueue_many, shapes, smaller, name, default_name, kind,
    min_after_dequeue=0, seed=None,
):  # fmt: skip
    """What all of them do: a queue, an enqueue op for each source, a dequeue of batches."""
    if not sources or any(len(source) != len(sources[0]) for source in sources):
        raise InvalidArgumentError("The sources need the same tensors, and there must be one.", got=sources)
    same = all(source is sources[0] for source in sources)
    with name_scope(name, default_name, _flat(sources[0])) as scope:
        keys = sorted(sources[0]) if isinstance(sources[0], dict) else None
        listed = [_listed(source, keys) for source in (sources[:1] if same else sources)]
        sparse = [_Sparse(t) if isinstance(t, SparseTensor) else None for t in listed[0]]
        packed = [[_packed(t, enqueue_many) for t in tensors] for tensors in listed]
        shapes = _shapes_of(packed, shapes, enqueue_many, kind)
        if kind is RandomShuffleQueue:
            queue = RandomShuffleQueue(capacity, min_after_dequeue, [t.dtype for t in packed[0]], shapes, seed=seed)
        else:
            queue = kind(capacity, [t.dtype for t in packed[0]], shapes)
        ops = [_enqueued(queue, tensors, keep_input, enqueue_many) for tensors in packed]
        add_queue_runner(QueueRunner(queue, ops * len(sources) if same else ops))
        if kind is RandomShuffleQueue:
            title = f"fraction_over_{min_after_dequeue}_of_{capacity - min_after_dequeue}_full"
            note_fill(queue, title, capacity, min_after_dequeue)
        else:
            note_fill(queue, f"fraction_of_{capacity}_full", capacity)
        take = queue.dequeue_up_to if smaller else queue.dequeue_many
        taken = take(batch_size, name=scope)
        taken = taken if isinstance(taken, list) else [taken]
        taken = [t if how is None else how.restored(t) for t, how in zip(taken, sparse, strict=True)]
        if keys is not None:
            return dict(zip(keys, taken, strict=True))
        return taken if isinstance(sources[0], list | tuple) and len(taken) > 1 else taken[0]


def _flat(source):
    return [t for t in (source.values() if isinstance(source, dict) else _listed(source, None)) if hasattr(t, "graph")]


def _listed(source, keys):
    values = [source[key] for key in keys] if keys is not None else source
    values = list(values) if isinstance(values, list | tuple) else [values]
    return [t if isinstance(t, SparseTensor) else as_tensor(t) for t in values]


class _Sparse:
    """How a sparse tensor comes back from a batch: its dtype and rank."""

    def __init__(self, tensor):
        self.dtype = tensor.values.spec.dtype

    def restored(self, packed):
        return SparseTensor(*unpack_sparse(packed, dtype=self.dtype))


def _packed(tensor, enqueue_many):
    """A sparse tensor as strings, one for the tensor or one for each row; others as they are."""
    if not isinstance(tensor, SparseTensor):
        return tensor
    pack = pack_sparse_rows if enqueue_many else pack_sparse
    return pack(tensor.indices, tensor.values, tensor.dense_shape)


def _shapes_of(sources, given, enqueue_many, kind):
    """The shape of each component of one example. Raises ShapeError where it is not known."""
    shapes = []
    for i, parts in enumerate(zip(*sources, strict=True)):
        shape = None if given is None else as_shape(given[i])
        for part in parts:
            own = part.spec.shape
            if enqueue_many and own is not None:
                own = own[1:]
            shape = merge(shape, own)
        if shape is None or (kind is not PaddingFIFOQueue and not is_full(shape)):
            raise ShapeError(
                "All shapes must be fully defined.", expected="a shape without unknown sizes",
                got=f"{parts[0].name} {show_shape(shape)}", made_at=user_line(),
                hint="set_shape(), shapes=, or dynamic_pad=True where the rank is known",
            )  # fmt: skip
        shapes.append(shape)
    return shapes


def _enqueued(queue, tensors, keep_input, enqueue_many):
    """The op that puts `tensors` into the queue if `keep_input` holds."""
    keep = as_tensor(keep_input, bool)
    known = constant_value(keep)
    if known is not None and known.ndim == 0 and bool(known):
        return queue.enqueue_many(tensors) if enqueue_many else queue.enqueue(tensors)
    if enqueue_many and keep.spec.rank == 1:
        return queue.enqueue_many([boolean_mask(t, keep) for t in tensors])
    enqueue = queue.enqueue_many if enqueue_many else queue.enqueue

    def put():
        return group(enqueue(tensors))

    chosen: Any = cond(keep, put, no_op) if known is None else no_op()
    return getattr(chosen, "op", chosen)
