"""Buffers that are in use at once share nothing, whatever a run does; runs that repeat themselves allocate nothing."""

import random

import numpy as np
import pytest

import npslim as slim
from npslim.fast import arena, buffers
from npslim.fast.arena import LARGE, Arena, Arenas, Layout

BYTES = np.dtype(np.uint8)


class Counting:
    """Stands for NumPy where memory is made, and counts the large pieces."""

    def __init__(self):
        self.large = []

    def empty(self, count, dtype=np.uint8):
        array = np.empty(count, dtype)
        if array.nbytes > LARGE:
            self.large.append(array.nbytes)
        return array

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.fixture
def made(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(arena, "np", counting)
    return counting.large


def some_run(rng, length=40):
    """[(size, when it is given back, or None)]: what a run takes."""
    sizes = [LARGE * rng.randint(1, 9) + rng.randint(1, 99) for _ in range(5)]
    return [(rng.choice(sizes), rng.choice([None, *[i + rng.randint(1, 8)] * 6])) for i in range(length)]


def perform(run, own):
    """Take and give back as `run` says; every buffer must keep what is written into it."""
    held = {}
    for i, (size, until) in enumerate([*run, (0, None)]):
        now = i if i < len(run) else float("inf")  # in the end, all but those that are kept
        for number in [n for n, (_, end) in held.items() if end is not None and end <= now]:
            array, _ = held.pop(number)
            assert (array == number % 251).all()
            own.give(array.reshape(1, -1))
        if size:
            array = own.take((size,), BYTES, size)
            array.fill(i % 251)
            held[i] = array, until
    for number, (array, _) in held.items():
        assert (array == number % 251).all()


def changed(run, rng):
    """The run, from somewhere on another one, or shorter, or with some buffers given back at another time."""
    at, kind = rng.randrange(len(run)), rng.randrange(3)
    if kind == 0:
        return run[:at] + some_run(rng, len(run) - at)
    if kind == 1:
        return run[: at + 1]
    return [(size, None if rng.random() < 0.1 else until) for size, until in run]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_in_use_is_kept_whatever_a_run_does(seed):
    rng = random.Random(seed)
    own, usual = Arenas(), some_run(rng)
    for _ in range(12):
        one = own.enter()
        perform(usual if rng.random() < 0.5 else changed(usual, rng), one)
        own.leave(one)


def test_a_run_that_repeats_itself_allocates_nothing(made):
    own, run, counts = Arena(), [(size, until or 50) for size, until in some_run(random.Random(1))], []
    for kept in (0, 0, 0, 1, 1, 1):
        made.clear()
        perform(run + [(2 * LARGE, None)] * kept, own)
        own.end()
        counts.append(len(made))
    assert counts[0] > 5 and counts[1:3] == [1, 0]
    assert counts[3:] == [1, 1, 1]  # what is not given back is new each time


def test_the_memory_is_hardly_more_than_what_is_in_use_at_once():
    rng, events, in_use, most = random.Random(2), [], [], 0
    for _ in range(400):
        if in_use and rng.random() < 0.48:
            events.append(~in_use.pop(rng.randrange(len(in_use))))
        else:
            in_use.append(len(events))
            events.append(rng.choice([1, 2, 3, 5, 8]) * LARGE)
        most = max(most, sum(events[number] for number in in_use))
    events += [~number for number in in_use]
    assert most <= Layout(events).nbytes <= 1.2 * most


def test_two_kinds_of_runs_take_turns_without_allocating(made):
    """Such as batches of two sizes."""
    own, runs = Arena(), [[(k * LARGE, i + 2) for i in range(6)] for k in (2, 3)]
    for number in range(8):
        made.clear()
        perform(runs[number % 2], own)
        own.end()
        assert number < 4 or not made


def test_a_plan_that_runs_once_keeps_nothing(made, monkeypatch):
    arenas = Arenas()
    monkeypatch.setattr(buffers, "Arenas", lambda: arenas)
    x = slim.placeholder("float32", [300, 400])
    total = slim.reduce_sum(slim.matmul(x, x, transpose_b=True))
    session = slim.Session(kernels="fast")
    session.run(total, {x: np.ones((300, 400))})
    (own,) = arenas.waiting
    assert made == [360_000] and own.layouts and own.memory is None and not own.taken


def test_small_buffers_are_numpys_own():
    own = Arena()
    array = own.take((3, 4), np.dtype("f"), 12)
    own.give(array)
    assert array.base is None and array.shape == (3, 4) and not own.events
    own.give(np.float32(3))  # neither is this one's
    own.give(np.zeros((40_000,), "f")[1:])
    assert not own.events


def test_memory_that_was_freed_and_given_to_others_is_not_taken_back():
    """A buffer that is dropped, not given back, may leave its address to an array from elsewhere."""
    own = Arena()
    for _ in range(3):
        first = own.take((3 * LARGE,), BYTES, 3 * LARGE)
        address, kept = first.ctypes.data, own.take((2 * LARGE,), BYTES, 2 * LARGE)
        del first
        stranger = np.empty(3 * LARGE, np.uint8)
        own.taken[stranger.ctypes.data] = own.taken[address]  # wherever the system has put it
        own.give(stranger)
        own.give(kept)
        assert own.events == [3 * LARGE, 2 * LARGE, ~1]
        own.end()
    assert list(own.layouts) == [3 * LARGE]
