"""What all readers of named arrays have in common: `names`, `dtype`, `shape`, `read`, `verify`, and a context manager.

before: _io.py   next: hdf5.py
"""

import math
from typing import Any

from npslim.errors import DataLossError, NotFoundError

MOST_DIMENSIONS, _MOST_VALUES = 32, 1 << 42  # of 2**20 bytes at most


def is_possible(shape):
    """Whether an array can have that shape. NumPy refuses enormous sizes even beside a size of 0."""
    return (
        len(shape) <= MOST_DIMENSIONS
        and min(shape, default=0) >= 0
        and math.prod(n or 1 for n in shape) <= _MOST_VALUES
    )


class ArrayReader:
    """Base of the readers of files with named arrays. `path` is the file; `meta` what it says beside the arrays."""

    def __init__(self, path):
        self.path = path
        self.meta = {}

    def names(self):
        """The names of the arrays, sorted."""
        raise NotImplementedError

    def dtype(self, name) -> Any:
        """The NumPy dtype of an array as it is read."""
        raise NotImplementedError

    def shape(self, name) -> Any:
        """The shape of an array."""
        raise NotImplementedError

    def read(self, name) -> Any:
        """An array. Raises NotFoundError for another name, DataLossError for damage."""
        raise NotImplementedError

    def verify(self):
        """Read everything. Raises DataLossError for the first array that is damaged."""
        for name in self.names():
            self.read(name)

    def close(self):
        """Close the file."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _missing(self, name):
        return NotFoundError(
            f"{self.path} has no array {name!r}.", expected=f"one of {len(self.names())} names", got=name
        )

    def _damaged(self, what, expected, got):
        return DataLossError(f"{self.path} is damaged: {what}.", expected=expected, got=got)
