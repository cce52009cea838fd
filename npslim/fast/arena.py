"""Buffers that a run takes and gives back, so that after the first steps no large memory is allocated.

An allocation of the system costs page faults on first use: twice the time of the work itself. A plan's arenas wait
here; each run takes one of its own, so concurrent runs share nothing.

A run of a plan takes and gives back the same buffers each time. So what the first one does is written down; its memory
is the system's, and plans that run once keep nothing. For the following runs, each buffer gets its place in one piece
of memory, where those that are never in use at once may lie over each other.
"""

import ctypes
import functools
import itertools
import math
import os
import sys
import threading
import weakref

import numpy as np

LARGE = 1 << 15  # bytes: up to that, the allocator of NumPy is as quick; with what NumPy takes beside, less than 64 kB
ALIGNED = 64  # bytes: buffers begin at multiples of this
MANY = 8  # layouts that an arena remembers, such as those for batches of another size
DATA = object.__basicsize__  # where NumPy's binary interface has the address of an array's elements in its object

_number_at = ctypes.c_size_t.from_address


def _is_known():
    """True if it does."""
    array = np.zeros(2)[1:]
    return sys.implementation.name == "cpython" and _number_at(id(array) + DATA).value == array.ctypes.data


_known = _is_known()
_NEVER = None, None


def address(array):
    """`array.ctypes.data`, in a fifth of the time."""
    return _number_at(id(array) + DATA).value if _known and type(array) is np.ndarray else array.ctypes.data


class Arena:
    """The memory of one run at a time.

    events: what this run has done so far: the size of each buffer taken, ~number for one given back, the number being
    the place of its taking among the events.
    """

    def __init__(self):
        self.layouts = {}  # size of a run's first buffer -> Layout
        self.memory = None
        self.owner = None  # a weak reference to the array that has the memory
        self.arrays = {}  # number of a taking in the layout that was followed last -> its array
        self.followed = None
        self._begin()

    def _begin(self):
        self.events, self.forks = [], {}
        self.layout = None  # what this run follows, as long as it does the same
        self.taken = {}  # address -> (number, a weak reference to the array that owns the memory)

    def take(self, shape, dtype, count):
        """An array of `count` elements, its values arbitrary."""
        nbytes = count * dtype.itemsize
        if nbytes <= LARGE:
            return np.empty(shape, dtype)
        if not self.events:
            self._follow(self.layouts.get(nbytes))
        number = len(self.events)
        self._note(nbytes)
        array, owner = self.placed(number, shape, dtype), self.owner
        if array is None:
            array = np.empty(shape, dtype)
            owner = weakref.ref(array)
        self.taken[address(array)] = number, owner
        return array

    def placed(self, number, shape, dtype):
        """The array at the place that the layout has for this taking; None if there is none."""
        place = self.layout.places.get(number) if self.layout is not None else None
        if place is None:
            return None
        array = self.arrays.get(number)  # of the last run: most shapes stay what they were
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self.arrays[number] = np.ndarray(shape, dtype, self.memory, place)
        return array

    def give(self, array):
        """Take back the buffer of `array`; an array from elsewhere is left alone."""
        if not isinstance(array, np.ndarray):
            return
        place = address(array)
        number, owner = self.taken.get(place, _NEVER)
        if owner is not None and owner() is _owner(array):  # or its memory was freed, and is somebody else's now
            del self.taken[place]
            self._note(~number)

    def _note(self, event):
        """A run that does something else than the one whose layout it follows, gets no more memory from there.

        What it has got so far lies where nothing else in use does: up to now, it has done the same.
        """
        if self.layout is not None:
            number, known = len(self.events), self.layout.events
            if number == len(known) or known[number] != event:
                self.layout = None
        self.events.append(event)

    def _follow(self, layout):
        if layout is not None and (self.memory is None or self.memory.nbytes < layout.nbytes):
            self.memory, self.arrays, self.followed = None, {}, None
            memory = np.empty(layout.nbytes + ALIGNED, np.uint8)
            self.owner = weakref.ref(memory)
            self.memory = memory[-address(memory) % ALIGNED :]
        if layout is not self.followed:
            self.arrays, self.followed = {}, layout
        self.layout = layout

    def fork(self, number):
        """What that many sides take their buffers from, each for steps that run beside those of the others."""
        if not self.events:
            self._follow(next(reversed(self.layouts.values()), None))
        begin, known = len(self.events), self.layout and self.layout.forks.get(len(self.events))
        starts = list(itertools.accumulate(known or [0] * number, initial=begin))
        return tuple(Side(self, *pair) for pair in itertools.pairwise(starts))

    def join(self, sides):
        """What the sides have done happened here, one after the other; what they gave back is free from here on."""
        self.forks[len(self.events)] = [len(side.taken) for side in sides]
        for nbytes, array in (one for side in sides for one in side.taken):
            self.taken[address(array)] = len(self.events), weakref.ref(_owner(array))
            self._note(nbytes)
        for array in (array for side in sides for array in side.given):
            self.give(array)

    def end(self):
        """The run is over; buffers that it has not given back belong to whoever holds them now."""
        if self.events and (self.layout is None or len(self.layout.events) != len(self.events)):
            first = not self.layouts
            self.layouts.pop(self.events[0], None)
            self.layouts[self.events[0]] = Layout(self.events, self.forks)
            if len(self.layouts) > MANY:
                del self.layouts[next(iter(self.layouts))]
            if first:
                _trim()
        self._begin()


class Side:
    """An arena's buffers number `start`, ..., `stop` - 1, which a run takes while other sides take theirs.

    So each gets the place that is known for it, whichever side is the quicker one. Before all of them have ended, no
    place is used twice.
    """

    def __init__(self, arena, start, stop):
        self.arena, self.start, self.stop = arena, start, stop
        self.taken, self.given = [], []

    def take(self, shape, dtype, count):
        """As the arena's."""
        nbytes, number = count * dtype.itemsize, self.start + len(self.taken)
        if nbytes <= LARGE:
            return np.empty(shape, dtype)
        as_known = number < self.stop and self.arena.layout.events[number] == nbytes
        self.stop = self.stop if as_known else 0
        array = self.arena.placed(number, shape, dtype) if as_known else None
        array = np.empty(shape, dtype) if array is None else array
        self.taken.append((nbytes, array))
        return array

    def give(self, array):
        """The buffer of `array` is no longer needed."""
        self.given.append(array)


def _owner(array):
    """The array whose memory `array` looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _trim():
    """Let the C library hand back to the system what has become free; it keeps pieces of up to 32 MB otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def take(arena, shape, dtype):
    """A buffer of the arena."""
    return arena.take(shape, dtype, math.prod(shape))


class Layout:
    """Where the buffers of a run lie. places: {number of a taking: offset}, of those that were given back.

    forks: {number of events before sides began: how many buffers each of them took}.
    """

    def __init__(self, events, forks=None):
        self.events, self.forks = events, forks or {}

    @functools.cached_property
    def places(self):
        events, places = self.events, {}
        ends = {~event: i for i, event in enumerate(events) if event < 0}
        numbers = sorted(ends, key=lambda number: -events[number])
        begins, until = np.array(numbers, int), np.array([ends[number] for number in numbers], int)
        froms, tos = np.zeros((2, len(numbers)), int)
        for i, number in enumerate(numbers):  # the large ones first, each as low as it can be
            at_once = (begins[:i] < until[i]) & (until[:i] > begins[i])
            places[number] = froms[i] = offset = _gap(froms[:i][at_once], tos[:i][at_once], events[number])
            tos[i] = offset + -(-events[number] // ALIGNED) * ALIGNED
        return places

    @functools.cached_property
    def nbytes(self):
        return max((place + self.events[number] for number, place in self.places.items()), default=0)


def _gap(froms, tos, nbytes):
    """The lowest offset of `nbytes` that lie in none of the pieces."""
    offset = 0
    order = np.argsort(froms)
    for begin, end in zip(froms[order].tolist(), tos[order].tolist(), strict=True):
        if begin - offset >= nbytes:
            break
        offset = max(offset, end)
    return offset


class Arenas:
    """The arenas of a plan that no run is using."""

    def __init__(self):
        self.waiting = []

    def enter(self):
        """An arena for one run."""
        try:
            return self.waiting.pop()
        except IndexError:
            return Arena()

    def leave(self, arena):
        """The run is over."""
        arena.end()
        self.waiting.append(arena)


class _Scratch(threading.local):
    def __init__(self):
        self.held = {}


_scratch = _Scratch()


def scratch(number, count, dtype):
    """This thread's working array `number`, of at least `count` elements, cut to them; its values are arbitrary."""
    held = _scratch.held.get((number, dtype))
    if held is None or held.size < count:
        held = _scratch.held[(number, dtype)] = np.empty(count, dtype)
    return held[:count]


def cleared(number, shape):
    """The working array `number` in double precision, of that shape, filled with zeros: for sums."""
    held = scratch(number, math.prod(shape), np.dtype(np.float64))
    held.fill(0)
    return held.reshape(shape)
