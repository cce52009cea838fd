"""Convolution by 3x3 with fewer multiplications: Winograd's F(m x m, 3x3) (Lavin and Gray, 2015).

A piece of (m + 2) x (m + 2) of the input gives m x m of the output. Input, filter and output go through small fixed
matrices,

    y = A^T [(G w G^T) * (B^T x B)] A,

and what is between is (m + 2)^2 products of matrices over all pieces. The gradients are the exact adjoints. The error
is that of sums in which each element stands for the largest in its piece. `winograd2.py` and `winograd4.py` hold the
transforms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.tiles import cut, stretches
from npslim.fast.workers import each

PART = 1 << 16  # elements of one of the places of a piece that are transformed at once
GROUPS, FILTERS = 4, 1 << 14  # of tiles, each of which adds up a filter's gradient, if it has no more filters
APART = 16  # elements between the factors of two places, which would lie over each other in the cache
STRETCH = 1 << 13  # elements of a filter's place that are transformed at once


@dataclass(frozen=True)
class Winograd:
    """The algorithm for one size m of the pieces of the output.

    filter: G x G, from the 9 elements of a filter to the factors; pieces: how many a tile shall have, from the number
    of all, and the channels in and out. Transforms, of rows `rows` of pieces of some images:
    input(x, first, images, rows, v), cotangent(g, images, rows, u), output(y, images, rows, m);
    v, u and m are arrays `[m + 2, m + 2, images, rows, columns, channels]` of the pieces.
    """

    size: int
    filter: np.ndarray
    pieces: Callable
    input: Callable
    cotangent: Callable
    output: Callable

    def correlate(self, x, w, y, first, turned=False):
        """`x` by filters `w` `[3, 3, c, o]` into `y`, as `conv.correlate`; turned: by `[3, 3, o, c]` turned round."""
        factors = self.factors(w, turned)

        def one(tile):
            v, m = self.room(5, tile, y, x.shape[3]), self.room(6, tile, y, y.shape[3])
            _by_parts(tile, (partial(self.input, x, first), v))
            _multiply(_places(v), factors, _places(m))
            _by_parts(tile, (partial(self.output, y), m))

        each(one, self.tiles(y, x.shape[3]))

    def correlate_filter(self, x, g, w, first):
        """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
        (c, o), tiles, k = w.shape[2:], self.tiles(g, x.shape[3]), len(self.filter)
        count = max(1, min(len(tiles), GROUPS if c * o <= FILTERS else 1))
        sums = scratch(3, count * k * c * o, w.dtype).reshape(count, k, c, o)
        if not tiles:
            sums.fill(0)

        def one(group):
            for number, tile in enumerate(tiles[group::count]):
                v, u = self.room(5, tile, g, c), self.room(6, tile, g, o)
                _by_parts(tile, (partial(self.input, x, first), v), (partial(self.cotangent, g), u))
                _multiply(_places(v).transpose(0, 2, 1), _places(u), sums[group], number > 0)

        each(one, range(count))
        for group in range(1, count):
            sums[0] += sums[group]
        _transform(self.filter.T, sums[0].reshape(k, c * o), w.reshape(9, c * o))

    def factors(self, w, turned):
        """G w G^T of every filter: `[(m + 2)^2, c, o]`."""
        count, matrix = w.shape[2] * w.shape[3], self.filter[:, ::-1] if turned else self.filter
        room = scratch(3, len(matrix) * (count + APART), w.dtype).reshape(len(matrix), count + APART)[:, :count]
        _transform(matrix, w.reshape(9, count), room)
        factors = room.reshape(len(matrix), *w.shape[2:])
        return factors.transpose(0, 2, 1) if turned else factors

    def tiles(self, y, c):
        """(images, rows) of pieces that are multiplied at once."""
        n, oh, ow, o = y.shape
        th, tw = -(-oh // self.size), -(-ow // self.size)
        return cut(n, th, tw, self.pieces(n * th * tw, c, o))

    def room(self, number, tile, y, c):
        """The working array `number` for the pieces of a tile."""
        (images, rows), k, tw = tile, self.size + 2, -(-y.shape[2] // self.size)
        shape = k, k, images.stop - images.start, rows.stop - rows.start, tw, c
        return scratch(number, k * k * shape[2] * shape[3] * tw * c, y.dtype).reshape(shape)


def _places(v):
    """Pieces as matrices, one for each place."""
    k, _, n, th, tw, c = v.shape
    return v.reshape(k * k, n * th * tw, c)


def _by_parts(tile, *works):
    """Each `(work, array)`: `work(images, rows, part of the array)` for parts of the tile, two of them at the least."""
    images, rows = tile
    items = []
    for work, array in works:
        n, th, tw, c = array.shape[2:]
        parts = cut(n, th, tw, max(1, min(PART // max(c, 1), -(-n * th * tw // 2))))
        items += [(work, array, part) for part in parts]

    def one(item):
        work, array, (i, j) = item
        here = slice(images.start + i.start, images.start + i.stop), slice(rows.start + j.start, rows.start + j.stop)
        work(*here, array[:, :, i, j])

    each(one, items)


def _multiply(a, b, out, add=False):
    """`a[k] @ b[k]` into `out[k]`, or added to it, for every k."""

    def one(some):
        if not add:
            np.matmul(a[some], b[some], out=out[some])
            return
        for k in range(some.start, some.stop):
            product(a[k], b[k], out[k], add=1.0)

    each(one, stretches(len(a), len(a) // 4))


def _transform(matrix, a, out):
    """`matrix @ a` into `out`, some columns at a time."""
    matrix = np.ascontiguousarray(matrix, a.dtype)
    each(lambda some: np.matmul(matrix, a[:, some], out=out[:, some]), stretches(a.shape[1], STRETCH))
