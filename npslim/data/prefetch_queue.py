"""A queue of whole batches that are made ahead of time: `slim.data.prefetch_queue`."""

from npslim.convert import as_tensor
from npslim.queues.kinds import FIFOQueue, PaddingFIFOQueue
from npslim.queues.producers import note_fill
from npslim.queues.runner import QueueRunner, add_queue_runner
from npslim.scopes import name_scope


def prefetch_queue(tensors, capacity=8, num_threads=1, dynamic_pad=False, shared_name=None, name=None):
    """A queue of `tensors` (a list or a dictionary), computed ahead of time by `num_threads` threads.

    capacity: how many it holds. dynamic_pad: sizes may be unknown. Use `dequeue()` of what is returned: it gives a list
    or a dictionary as `tensors` was. Adds a QueueRunner, and a summary of how full the queue is.
    """
    names = sorted(tensors) if isinstance(tensors, dict) else None
    values = [tensors[key] for key in names] if names else tensors
    listed = list(values) if isinstance(values, list | tuple) else [values]
    with name_scope(name, "prefetch_queue", [t for t in listed if hasattr(t, "graph")]):
        listed = [as_tensor(t) for t in listed]
        kind = PaddingFIFOQueue if dynamic_pad else FIFOQueue
        queue = kind(capacity, [t.dtype for t in listed], [t.spec.shape for t in listed], names=names)
        enqueue = queue.enqueue(dict(zip(names, listed, strict=True)) if names else listed)
        add_queue_runner(QueueRunner(queue, [enqueue] * num_threads))
        note_fill(queue, f"fraction_of_{capacity}_full", capacity)
        return queue
