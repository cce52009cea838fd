"""`tf.queue`: the queues by their later names."""

from npslim.queues.kinds import FIFOQueue, PaddingFIFOQueue, PriorityQueue, QueueBase, RandomShuffleQueue
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
