"""Damages files: bytes changed, cut, put in, moved and overwritten by numbers that lie. Counts what came of it."""

import resource
import time
import tracemalloc

import numpy as np

from npslim.errors import OpError

FIGURES = {}  # {file: [mutations, refused, read as before, read otherwise, the longest in s]}; conftest.py prints them
LIES = (0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
MANY = 1000  # mutations of one file, from which on the figures of each are shown
SLOWEST = 20.0  # s; what hangs does not come back at all, and machines may be busy
MOST_MEMORY = 64 << 20


def mutated(rng, data):
    """`data` with one kind of damage, drawn from `rng`."""
    kind, at = int(rng.integers(7)), int(rng.integers(len(data)))
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]
    if kind == 3:
        length = int(rng.integers(1, 64))
        return data[:at] + rng.bytes(len(data[at : at + length])) + data[at + length :]
    if kind == 4:
        width = int(rng.choice([1, 2, 4, 8]))
        lie = (LIES[rng.integers(len(LIES))] % (1 << 8 * width)).to_bytes(width, "little")
        return (data[:at] + lie + data[at + width :])[: max(len(data), at + width)]
    if kind == 5:
        length = int(rng.integers(1, 64))
        return data[:at] + data[at + length :]
    other, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    return data[:at] + data[other : other + length] + data[at + len(data[other : other + length]) :]


def survive(name, read, count, mutate, *, whole=None, checksums=True):
    """Read `count` damaged files: each gives an error of npslim's, within bounded memory and time, or values.

    read: what gives {name: array}. mutate: a function that damages the file, and puts it right again when called with
    None. With `checksums`, values must be those of `whole`.
    """
    row = FIGURES.setdefault(name, [0, 0, 0, 0, 0.0])
    for i in range(count):
        mutate(i)
        began = time.monotonic()
        try:
            found = read()
        except OpError as error:
            assert "\n" in str(error) or str(error).endswith("."), f"{name} {i}: {error}"
            row[1] += 1
        else:
            same = whole is not None and unchanged(found, whole)
            assert same or not checksums, f"{name}, mutation {i}: other values without an error"
            row[2 if same else 3] += 1
        row[0] += 1
        row[4] = max(row[4], time.monotonic() - began)
    mutate(None)
    assert row[4] < SLOWEST


def unchanged(found, whole):
    """Whether two {name: array} are equal to the bit."""
    return found.keys() == whole.keys() and all(
        found[k].dtype == v.dtype and found[k].shape == v.shape and (found[k] == v).all() for k, v in whole.items()
    )


def in_file(path, seed, damage=mutated):
    """A `mutate` for `survive`: another damage of the file at each call."""
    good = path.read_bytes()

    def mutate(i):
        path.write_bytes(good if i is None else damage(np.random.default_rng([seed, i]), good))

    return mutate


class bounded_memory:
    """Asserts that what runs inside allocates at most MOST_MEMORY at once; for long runs, that the process grows by so
    much, which costs no time to see.
    """

    def __init__(self, count=0):
        self.traced = count < MANY
        self.before = 0

    def __enter__(self):
        if self.traced:
            tracemalloc.start()
        self.before = _peak()

    def __exit__(self, *_):
        used = tracemalloc.get_traced_memory()[1] if self.traced else _peak() - self.before
        tracemalloc.stop()
        assert used <= MOST_MEMORY, f"{used:,} bytes"


def _peak():
    """The greatest size that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
