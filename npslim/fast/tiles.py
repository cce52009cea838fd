"""How work is cut into tiles: by the shape alone, so that the same sums are added up whoever does them.

What is cut is remembered, for steps cut the same shapes again and again; nobody changes what is remembered.
"""

import functools
import math
from collections.abc import Sequence

PARTS = 8  # at most, into which a long loop is cut


class Parts(Sequence):
    """Parts of some work, each made when it is asked for: thousands of slices would take as much as the work may.

    make: the part of a number; numbers: a range of them.
    """

    def __init__(self, make, numbers):
        self.make, self.numbers = make, numbers

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, i):
        return Parts(self.make, self.numbers[i]) if isinstance(i, slice) else self.make(self.numbers[i])

    def __iter__(self):
        return map(self.make, self.numbers)


@functools.lru_cache(maxsize=1024)
def cut(n, rows, columns, places, least=None):
    """(images, rows) of tiles of about `places` places of `n` images: some rows of one image, or some images.

    least: tiles may be as small as that if there are fewer than 4 otherwise.
    """
    if not n * rows * columns:
        return []
    if least is not None:
        places = min(places, max(least, n * rows * columns // 4, 1))
    if rows * columns >= places:
        step = -(-rows // -(-rows * columns // places))
        return Parts(functools.partial(_some_rows, rows, step), range(n * -(-rows // step)))
    step, whole = max(1, places // (rows * columns)), slice(0, rows)
    return Parts(lambda i: (slice(i, min(n, i + step)), whole), range(0, n, step))


def _some_rows(rows, step, number):
    image, y = divmod(number, -(-rows // step))
    return slice(image, image + 1), slice(y * step, min(rows, (y + 1) * step))


@functools.lru_cache(maxsize=1024)
def stretches(count, least):
    """[slice] of a few stretches of `count` elements, of at least `least` each, all but the last multiples of that."""
    step = max(1, least) * max(1, -(-count // (max(1, least) * PARTS)))
    return [slice(start, min(count, start + step)) for start in range(0, count, step)]


@functools.lru_cache(maxsize=1024)
def halves(count, most):
    """Slices of parts of `count` elements, as large as each other, of `most` at most: one, or an even number of them.

    Two threads, or four, then have as much to do.
    """
    number = -(-count // max(1, most))
    number = min(count, number + number % 2) if number > 1 else number
    return Parts(lambda i: slice(i * count // number, (i + 1) * count // number), range(number))


@functools.lru_cache(maxsize=256)
def runs(size, begin, end, kernel, stride, first):
    """[(slice of outputs, slice of the window's places that lie inside)]: the outputs begin, ..., end - 1, in order."""
    found = []
    for p in range(begin, end):
        low = min(kernel, max(0, first - p * stride))
        inside = slice(low, max(low, min(kernel, size - p * stride + first)))
        if found and found[-1][1] == inside:
            found[-1] = slice(found[-1][0].start, p + 1), inside
        else:
            found.append((slice(p, p + 1), inside))
    return found


def rows(x):
    """`x` as a matrix, one row for each place."""
    return (
        x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
    )  # -1 is not known where there are no columns


def flat(x):
    """`x` as a matrix, one row for each image."""
    return x if x.ndim == 2 else x.reshape(len(x), math.prod(x.shape[1:]))
