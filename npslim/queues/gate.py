"""Where the threads that fill queues come to rest, so that what they have made so far can be saved.

A thread at rest is between two runs of its enqueue op: it holds no element. So while all of them rest, the state of an
input pipeline is what lies in the queues, the places of its readers, and how often each random node has drawn.
"""

import contextlib
import threading
from typing import Any

from npslim.graph import needed

PATIENCE_SECS = 10.0
_QUEUES = ("fifo_queue", "padding_fifo_queue", "random_shuffle_queue", "priority_queue")


class Gate:
    """What the threads of one QueueRunner pass before each run. in_turn: they put their elements in rotation."""

    def __init__(self, runner, threads, in_turn):
        self.runner = runner
        self._in_turn = in_turn
        self._changed = threading.Condition()
        self._started = [0] * threads
        self._resting, self._gone = set(range(threads)), set()
        self._limit: Any = None

    @contextlib.contextmanager
    def passing(self, member):
        """One run of the thread number `member`; before it, the thread rests if the gate is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._limit is None or self._started[member] < self._limit)
            self._started[member] += 1
            self._resting.discard(member)
        try:
            yield
        finally:
            with self._changed:
                self._resting.add(member)
                self._changed.notify_all()

    def leave(self, member):
        """The thread number `member` has ended."""
        with self._changed:
            self._gone.add(member)
            self._changed.notify_all()

    def close(self, seconds):
        """Let the threads come to rest; True if they do within so many seconds.

        Those that take turns finish their round: one that rests would keep the next ones waiting with an element.
        """
        with self._changed:
            self._limit = max(self._started) if self._in_turn else 0
            return self._changed.wait_for(self._all_rest, seconds)

    def _all_rest(self):
        alive = set(range(len(self._started))) - self._gone
        return all(m in self._resting and self._started[m] >= self._limit for m in alive)

    def open(self):
        """Let the threads go on."""
        with self._changed:
            self._limit: Any = None
            self._changed.notify_all()


@contextlib.contextmanager
def at_rest(session):
    """Inside, the threads that fill the queues of `session` rest. Gives whether all of them do.

    They do not if some program feeds a queue by hand, or if one waits longer than PATIENCE_SECS.
    """
    gates = list(session.store.gates)
    held = []
    try:
        yield not _fed_by_hand(gates) and all(_close(gate, session, held) for gate in _last_first(gates))
    finally:
        for gate, buffer in held:
            gate.open()
            if buffer is not None:
                buffer.overfill(False)


def _close(gate, session, held):
    """Close a gate; the queue behind it takes more than its capacity until then, so that nobody waits for room."""
    cell = session.store.cell(gate.runner.queue.name)
    buffer = None if cell.value is None else cell.value[()]
    if buffer is not None:
        buffer.overfill(True)
    held.append((gate, buffer))
    return gate.close(PATIENCE_SECS)


def _sources(gate):
    """The queues that the threads of a gate take from."""
    nodes = needed(gate.runner.enqueue_ops)
    return {node for node in nodes if node.op.name in _QUEUES} - {gate.runner.queue.queue_ref.op}


def _fed_by_hand(gates):
    filled = {gate.runner.queue.queue_ref.op for gate in gates}
    return any(not _sources(gate) <= filled for gate in gates)


def _last_first(gates):
    """The end of the pipeline before its beginning: who rests needs nothing more, who goes on may still need more."""
    left, order = list(gates), []
    while left:
        wanted = set().union(*(_sources(gate) for gate in left))
        ends = [gate for gate in left if gate.runner.queue.queue_ref.op not in wanted] or left[-1:]
        order += ends
        left = [gate for gate in left if gate not in ends]
    return order
