"""Buffers that a run takes and gives back, so that after the first steps no large memory is allocated.

An allocation of the system costs page faults on first use: twice the time of the work itself. A plan's arenas wait
here; each run takes one of its own, so concurrent runs share nothing.
"""

import threading

import numpy as np

LARGE = 1 << 16  # bytes: below, the allocator of NumPy is as quick


class Arena:
    """Free buffers by size."""

    def __init__(self):
        self.free = {}
        self.owned = set()

    def take(self, shape, dtype, count):
        """An array of `count` elements, its values arbitrary."""
        nbytes = count * dtype.itemsize
        waiting = self.free.get(nbytes)
        buffer = waiting.pop() if waiting else self._new(nbytes)
        return np.ndarray(shape, dtype, buffer)

    def _new(self, nbytes):
        buffer = np.empty(nbytes, np.uint8)
        self.owned.add(id(buffer))
        return buffer

    def give(self, array):
        """Take back the buffer of `array`; an array from elsewhere is left alone."""
        buffer = getattr(array, "base", None)
        if id(buffer) in self.owned:
            self.free.setdefault(buffer.nbytes, []).append(buffer)

    def forget(self):
        """Keep only buffers that are free: the others belong to whoever holds them now."""
        self.owned = {id(buffer) for waiting in self.free.values() for buffer in waiting}


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
        arena.forget()
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
