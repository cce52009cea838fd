"""The state of queues: buffers whose users wait for each other, in an order that depends on the seeds alone.

Elements are tuples of arrays on the host. What a run takes out of a queue has a number, the run's ticket; when runs on
several threads put their results into the next queue, they do so in the order of their tickets. So the order of the
data does not depend on the number of threads.

next: queue.py, the ops
"""

import collections
import contextlib
import heapq
import threading

import numpy as np

from npslim.errors import CancelledError, OutOfRangeError


class Element(tuple):
    """The arrays of an element, and `origin`: the file and record that they were made of, or None."""

    origin = None

    @classmethod
    def of(cls, arrays, origin):
        """An element of arrays."""
        element = cls(arrays)
        element.origin = origin
        return element


class Tickets:
    """Numbers in order of taking; `wait_for(n)` returns when all lower numbers are settled."""

    def __init__(self):
        self.changed = threading.Condition()
        self.next = 0
        self.open = set()

    def take(self):
        """The next number, open from now on."""
        with self.changed:
            number, self.next = self.next, self.next + 1
            self.open.add(number)
            return number

    def settle(self, number):
        """Nobody has to wait for `number` any more."""
        with self.changed:
            self.open.discard(number)
            self.changed.notify_all()

    def wait_for(self, number, cancelled):
        """Return when no lower number is open. `cancelled()` may raise in between."""
        with self.changed:
            while any(n < number for n in self.open):
                cancelled()
                self.changed.wait(0.05)


class Buffer:
    """The elements of a queue: first in, first out; at most `capacity`."""

    kind = "FIFOQueue"

    def __init__(self, name, capacity, seed):
        self.name, self.capacity = name, capacity
        self.changed = threading.Condition()
        self.closed = self.cancelled = self.overfull = False
        self.error = None
        self.tickets, self.taking = Tickets(), threading.Lock()
        self._make_store(seed)

    def _make_store(self, seed):
        self._elements = collections.deque()

    def _add(self, element):
        self._elements.append(element)

    def _take(self):
        return self._elements.popleft()

    def size(self):
        """How many elements there are."""
        return len(self._elements)

    def _ready(self):
        """True if an element may be taken out."""
        return self.size() > 0

    def put(self, elements):
        """Add elements, one after the other; waits while the queue is full. Raises CancelledError once closed."""
        for element in elements:
            with self.changed:
                self._check_open()
                while self.size() >= self.capacity and not self.overfull:
                    self.changed.wait()
                    if self.cancelled:
                        raise CancelledError(f"Enqueue operation was cancelled: {self.kind} '{self.name}' is closed.")
                self._add(element)
                self.changed.notify_all()

    def _check_open(self):
        if self.closed:
            raise CancelledError(f"{self.kind} '{self.name}' is closed.")

    def take(self, count, some=False):
        """(elements, ticket): `count` elements; waits for them. `some`: fewer are enough once the queue is closed.

        Raises OutOfRangeError if the queue is closed and has not enough, or the error that closed it.
        """
        with self.taking, self.changed:
            taken = []
            try:
                while len(taken) < count:
                    while not self._ready() and not self.closed:
                        self.changed.wait()
                    if not self._ready():
                        break
                    taken.append(self._take())
                    self.changed.notify_all()
                if len(taken) == count or (some and taken):
                    return taken, self.tickets.take()
            except BaseException:
                self._return(taken)
                raise
            self._return(taken)
            if self.error is not None:
                raise self.error
            raise OutOfRangeError(
                f"{self.kind} '{self.name}' is closed and has insufficient elements "
                f"(requested {count}, current size {len(taken)})."
            )

    def _return(self, taken):
        self._elements.extendleft(reversed(taken))

    def origins_of(self, elements, ticket):
        """The files and records of elements, or where they have none the queue and the number of the taking."""
        known = [element.origin for element in elements if getattr(element, "origin", None)]
        return known or [f"{self.name}, {'element' if len(elements) == 1 else 'batch'} {ticket}"]

    def overfill(self, allowed):
        """While it is allowed, elements may be added beyond the capacity."""
        with self.changed:
            self.overfull = allowed
            self.changed.notify_all()

    def state(self):
        """({what JSON holds}, elements): what `restore` needs. Not while elements are being added or taken."""
        with self.changed:
            facts, elements = self._held()
            origins = [getattr(element, "origin", None) for element in elements]
            return {"taken": self.tickets.next, "origins": origins, **facts}, elements

    def _held(self):
        return {}, list(self._elements)

    def restore(self, facts, elements):
        """Hold what a queue of the same kind held when its `state` was asked for."""
        origins = facts.get("origins", [None] * len(elements))
        with self.changed:
            self.tickets.next = facts["taken"]
            self._hold(facts, [Element.of(*pair) for pair in zip(elements, origins, strict=True)])
            self.changed.notify_all()

    def _hold(self, facts, elements):
        self._elements.clear()
        for element in elements:
            self._add(element)

    def cancel(self):
        """The session is closed: everyone who waits gives up."""
        self.close(True, CancelledError(f"The session was closed while {self.kind} '{self.name}' was in use."))

    def close(self, cancel_pending=False, error=None):
        """No further elements. cancel_pending: those that wait to be added give up. error: what takers shall raise."""
        with self.changed:
            self.closed = True
            self.cancelled = self.cancelled or cancel_pending
            self.error = self.error or error
            self.changed.notify_all()


class ShuffleBuffer(Buffer):
    """Elements in random order: each is drawn from the oldest `min_after_dequeue + 1` that are there.

    TensorFlow draws from all that happen to be there, so that its order depends on the speed of the threads.
    """

    kind = "RandomShuffleQueue"

    def __init__(self, name, capacity, seed, min_after_dequeue):
        self._window_size = min_after_dequeue + 1
        super().__init__(name, capacity, seed)

    def _make_store(self, seed):
        self._window, self._waiting, self._hole = [], collections.deque(), None
        self._random = np.random.Generator(np.random.Philox(key=seed))

    def _add(self, element):
        if self._hole is not None:
            self._window[self._hole], self._hole = element, None
        else:
            (self._window if len(self._window) < self._window_size else self._waiting).append(element)

    def _take(self):
        """A drawn element; the next one that comes, or has come, takes its place, whenever that is."""
        self._close_hole()
        at = int(self._random.integers(len(self._window)))
        element, self._hole = self._window[at], at
        if self._waiting:
            self._add(self._waiting.popleft())
        return element

    def _close_hole(self):
        """Nothing more comes: the last element moves into the place that is free."""
        if self._hole is not None:
            self._window[self._hole] = self._window[-1]
            self._window.pop()
            self._hole = None

    def size(self):
        return len(self._window) + len(self._waiting) - (self._hole is not None)

    def _ready(self):
        ended = self.closed and self.error is None  # after an error the rest would come in another order
        return (len(self._window) == self._window_size and self._hole is None) or (ended and self.size() > 0)

    def _return(self, taken):
        self._close_hole()
        self._window += taken

    def _held(self):
        facts = {"window": len(self._window), "hole": self._hole, "random": _plain(self._random.bit_generator.state)}
        return facts, [*self._window, *self._waiting]

    def _hold(self, facts, elements):
        self._window, self._hole = elements[: facts["window"]], facts["hole"]
        self._waiting = collections.deque(elements[facts["window"] :])
        self._random.bit_generator.state = facts["random"]


class PriorityBuffer(Buffer):
    """The element with the least first component comes first; among equals, the one that came first."""

    kind = "PriorityQueue"

    def _make_store(self, seed):
        self._elements, self._count = [], 0

    def _add(self, element):
        heapq.heappush(self._elements, (int(element[0]), self._count, element))
        self._count += 1

    def _take(self):
        return heapq.heappop(self._elements)[2]

    def _return(self, taken):
        for element in taken:
            self._add(element)

    def _held(self):
        return {}, [element for _, _, element in sorted(self._elements, key=lambda entry: entry[:2])]


def _plain(state):
    """A generator's state as JSON holds it."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


# ---- turns of several producers


class Rotation:
    """Producers that put their elements into a queue in turn: 0, 1, ..., 0, 1, ... Those that leave are passed over."""

    def __init__(self, count):
        self.changed = threading.Condition()
        self.members = list(range(count))
        self.at = 0

    def wait(self, member, cancelled):
        """Return when it is the turn of `member`. `cancelled()` may raise in between."""
        with self.changed:
            while self.members[self.at % len(self.members)] != member:
                cancelled()
                self.changed.wait(0.05)

    @contextlib.contextmanager
    def turn(self, member, cancelled):
        """Wait for the turn of `member`; the next one's begins at the end."""
        self.wait(member, cancelled)
        yield
        with self.changed:
            self.at = (self.members.index(member) + 1) % len(self.members)
            self.changed.notify_all()

    def leave(self, member):
        """`member` has nothing more to put."""
        with self.changed:
            at = self.members.index(member)
            self.members.remove(member)
            self.at = (self.at - (at < self.at)) % max(len(self.members), 1)
            self.changed.notify_all()


class _Producer(threading.local):
    rotation = member = None


producer = _Producer()


def wait_for_turn(cancelled):
    """Wait for the turn of this thread's producer, if it is one of several."""
    if producer.rotation is not None:
        producer.rotation.wait(producer.member, cancelled)


@contextlib.contextmanager
def producing(rotation, member):
    """Enqueue ops that this thread runs inside wait for the turn of `member` in `rotation`."""
    before = producer.rotation, producer.member
    producer.rotation, producer.member = rotation, member
    try:
        yield
    finally:
        producer.rotation, producer.member = before
