"""Batch normalization in as few passes over memory as there can be: one for the moments, one for the result.

The moments are those of the differences to a sample's mean, which loses nothing: the variance is at least the square
of the sample's distance to the mean, times the share of the sample. Rows of a few channels are laid side by side, so
that NumPy's loops are long.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.workers import each

BLOCK = 1 << 17  # elements
WIDTH = 1 << 9  # elements of rows laid side by side
SAMPLE = 1 << 9  # rows of the sample


class Rows:
    """A matrix `[m, c]` in blocks of rows, `wide` of which lie side by side.

    parts: [(slice of rows, how many of them lie side by side)] of each block.
    """

    def __init__(self, m, c):
        self.m, self.c = m, c
        self.wide = max(1, WIDTH // max(c, 1))
        step = max(1, BLOCK // (self.wide * max(c, 1))) * self.wide
        whole = m - m % self.wide
        self.parts = [(slice(i, min(whole, i + step)), self.wide) for i in range(0, whole, step)]
        if whole < m:
            self.parts.append((slice(whole, m), 1))

    def side_by_side(self, vector, dtype):
        """{rows side by side: the vector as often}."""
        vector = np.asarray(vector, dtype)
        return {1: vector, self.wide: np.tile(vector, self.wide)}

    def block(self, x, part, wide):
        """The block of `x` as a matrix of long rows."""
        return x[part].reshape(-1, wide * self.c)

    def temporary(self, number, part, wide, dtype):
        return scratch(number, (part.stop - part.start) * self.c, dtype).reshape(-1, wide * self.c)

    def total(self, block, into):
        """Add up the block's rows into a vector in double precision."""
        ones = scratch(7, len(block), block.dtype)
        ones.fill(1)
        into += (ones @ block).reshape(-1, self.c).sum(axis=0, dtype=np.float64)


def moments(x):
    """(mean, variance) of the columns of `x`, in double precision."""
    m, c = x.shape
    rows, dtype = Rows(m, c), x.dtype
    centre = x[:: max(1, m // SAMPLE)].mean(axis=0)
    centres = rows.side_by_side(centre, dtype)
    totals = np.zeros((len(rows.parts), 2, c))

    def one(number):
        part, wide = rows.parts[number]
        block = np.subtract(rows.block(x, part, wide), centres[wide], out=rows.temporary(0, part, wide, dtype))
        rows.total(block, totals[number, 0])
        rows.total(np.multiply(block, block, out=block), totals[number, 1])

    each(one, range(len(totals)))
    first, second = totals.sum(axis=0) / m
    return centre + first, np.maximum(second - first * first, 0)


def column_sums(x):
    """The sums of the columns of `x`, block by block, the blocks' in double precision."""
    if len(x) <= WIDTH:
        return np.ones(len(x), x.dtype) @ x
    rows = Rows(*x.shape)
    totals = np.zeros((len(rows.parts), x.shape[1]))
    each(lambda number: rows.total(rows.block(x, *rows.parts[number]), totals[number]), range(len(totals)))
    return totals.sum(axis=0).astype(x.dtype)


def normalize(x, mean, rate, offset, y):
    """`(x - mean) * rate + offset` into `y`."""
    rows = Rows(*x.shape)
    means, rates, offsets = (rows.side_by_side(v, x.dtype) for v in (mean, rate, offset))

    def one(piece):
        part, wide = piece
        block = rows.block(y, part, wide)
        np.subtract(rows.block(x, part, wide), means[wide], out=block)
        np.multiply(block, rates[wide], out=block)
        np.add(block, offsets[wide], out=block)

    each(one, rows.parts)


def gradients(g, x, scale, mean, inverse, out):
    """Those by x, into `out`, by scale and by offset; `inverse` is 1 / sqrt(variance + epsilon)."""
    (m, c), dtype = x.shape, x.dtype
    rows = Rows(m, c)
    means = rows.side_by_side(mean, dtype)
    totals = np.zeros((len(rows.parts), 2, c))

    def add_up(number):
        part, wide = rows.parts[number]
        gs, block = rows.block(g, part, wide), rows.temporary(0, part, wide, dtype)
        rows.total(gs, totals[number, 0])
        np.subtract(rows.block(x, part, wide), means[wide], out=block)
        rows.total(np.multiply(block, gs, out=block), totals[number, 1])

    each(add_up, range(len(totals)))
    g_offset, products = totals.sum(axis=0)
    rate, g_scale = scale * inverse, products * inverse
    rates = rows.side_by_side(rate, dtype)
    slopes = rows.side_by_side(-rate * inverse * g_scale / m, dtype)
    shifts = rows.side_by_side(-rate * g_offset / m, dtype)

    def one(piece):
        part, wide = piece
        target, block = rows.block(out, part, wide), rows.temporary(0, part, wide, dtype)
        np.subtract(rows.block(x, part, wide), means[wide], out=block)
        np.multiply(block, slopes[wide], out=block)
        np.add(block, shifts[wide], out=block)
        np.multiply(rows.block(g, part, wide), rates[wide], out=target)
        np.add(target, block, out=target)

    each(one, rows.parts)
    return g_scale.astype(dtype), g_offset.astype(dtype)
