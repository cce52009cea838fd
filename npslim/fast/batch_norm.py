"""Batch normalization in as few passes over memory as there can be: one for the moments, one for the result.

The moments are those of the differences to a sample's mean, which loses nothing: the variance is at least the square
of the sample's distance to the mean, times the share of the sample. As many rows as make a long one are laid side by
side, and vectors of one number a channel are tiled to it: NumPy's loops over shorter rows take twice the time, and
eight times for some places of the vector in memory (768 to 4,096 numbers a row, measured on Zen 3). A relu behind the
normalization, or before its gradient, is part of the pass, while a block is in cache.
"""

import functools
import math

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.functions import where_positive
from npslim.fast.loops import block_of_zeros
from npslim.fast.tiles import halves
from npslim.fast.workers import each

BLOCK = 1 << 18  # elements that one thread takes at once, at the most
LONG = 1 << 13  # elements of rows laid side by side
WIDTH = 1 << 9  # elements of rows that BLAS adds up side by side
SAMPLE = 1 << 9  # rows of the sample at the most, which are every eighth one or fewer


class Blocks:
    """A matrix `[m, c]` in blocks, each of some long rows; the last may be a part of one.

    parts: the slice of elements of each block.
    """

    def __init__(self, m, c, dtype):
        self.c, self.dtype = c, dtype
        self.narrow = max(1, WIDTH // max(c, 1))  # rows side by side for BLAS
        some = max(1, min(LONG // max(c, 1), m // 4))
        self.rows = max(1, some // self.narrow) * self.narrow if some > self.narrow else some
        self.length = length = self.rows * c
        whole = m * c - m * c % max(length, 1)
        self.parts = [
            slice(part.start * length, part.stop * length)
            for part in halves(whole // max(length, 1), max(1, BLOCK // max(length, 1)))
        ]
        if whole < m * c:
            self.parts.append(slice(whole, m * c))

    def tiled(self, *vectors):
        """Each vector, of one number a channel, as often as a long row has it; until the next call."""
        tiles = scratch(8, len(vectors) * self.length, self.dtype).reshape(len(vectors), self.rows, self.c)
        for tile, vector in zip(tiles, vectors, strict=True):
            tile[...] = vector
        return tiles.reshape(len(vectors), -1)

    def block(self, flat, part):
        """A block of the flat array as a matrix of long rows; the rest of a row as a vector."""
        block = flat[part]
        return block.reshape(-1, self.length) if block.size >= self.length else block

    def temporary(self, number, like):
        return scratch(number, like.size, self.dtype).reshape(like.shape)

    def each(self, work):
        """`work(number)` for each block, shared out; a part of a long row goes with the block before it."""
        whole = len(self.parts)
        if whole > 1 and self.parts[-1].stop - self.parts[-1].start < self.length:
            whole -= 1

        def one(number):
            work(number)
            if number == whole - 1:
                work(whole)

        each(work if whole == len(self.parts) else one, range(whole))

    def sums(self, number=1):
        """Zeros for that many sums of each block: what `total` makes, some sums side by side for each channel."""
        shape = (len(self.parts), number, self.narrow, self.c)
        sums = scratch(10, math.prod(shape), self.dtype).reshape(shape)
        sums.fill(0)
        return sums

    def total(self, block, into):
        """The sum of the block's rows."""
        wide = self.c * (self.narrow if block.size % (self.c * self.narrow) == 0 else 1)
        block = block.reshape(-1, wide)
        np.matmul(block_of_ones(len(block), self.dtype), block, out=into.reshape(-1)[:wide])


def blocks_of(x):
    """The blocks of the matrix `x`, remembered by its shape: to find them takes as long as a small image's pass."""
    return _blocks(*x.shape, x.dtype, BLOCK, LONG, WIDTH)


@functools.lru_cache(maxsize=256)
def _blocks(m, c, dtype, *sizes):
    return Blocks(m, c, dtype)


@functools.lru_cache
def block_of_shares(count, dtype):
    """`count` times 1 / count."""
    shares = np.full(count, 1 / count, dtype)
    shares.flags.writeable = False
    return shares


@functools.lru_cache
def block_of_ones(count, dtype):
    """`count` ones that cannot be written to."""
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones


def added_up(sums):
    """All blocks' sums in double precision: rows in this thread's working memory, its own until the next call."""
    number, c = sums.shape[1], sums.shape[3]
    total = scratch(11, number * c, np.dtype(np.float64)).reshape(number, c)
    return np.add.reduce(sums, axis=(0, 2), dtype=np.float64, out=total)


def along(tile, block):
    """What of the tiled vector lies along the rows of the block."""
    return tile[: block.shape[-1]]


def moments(x):
    """(mean, variance) of the columns of `x`, in double precision; the variance's memory is that of `added_up`."""
    m, blocks = len(x), blocks_of(x)
    sample = x[:: max(1, min(m // 8, 8), m // SAMPLE)]
    centre = block_of_shares(len(sample), x.dtype) @ sample
    (centres,), flat = blocks.tiled(centre), x.reshape(-1)
    totals = blocks.sums(2)

    def one(number):
        block = blocks.block(flat, blocks.parts[number])
        block = np.subtract(block, along(centres, block), out=blocks.temporary(0, block))
        blocks.total(block, totals[number, 0])
        blocks.total(np.multiply(block, block, out=block), totals[number, 1])

    blocks.each(one)
    first, second = added_up(totals)
    np.divide(first, m, out=first)
    np.divide(second, m, out=second)
    mean = centre + first
    np.subtract(second, np.multiply(first, first, out=first), out=second)
    return mean, np.maximum(second, 0, out=second)


def column_sums(x):
    """The sums of the columns of `x`, block by block, the blocks' in double precision."""
    if len(x) <= WIDTH:
        return block_of_zeros(len(x), x.dtype, 1) @ x
    blocks, flat = blocks_of(x), x.reshape(-1)
    totals = blocks.sums()
    blocks.each(lambda number: blocks.total(flat[blocks.parts[number]], totals[number, 0]))
    return added_up(totals)[0].astype(x.dtype)


def normalize(x, mean, rate, offset, y, relu=False):
    """`(x - mean) * rate + offset`, or what of it is positive, into `y`, which may be `x`."""
    blocks = blocks_of(x)
    means, rates, offsets = blocks.tiled(mean, rate, offset)
    zeros = block_of_zeros(blocks.length, x.dtype)
    source, target = x.reshape(-1), y.reshape(-1)

    def one(number):
        part = blocks.parts[number]
        block, out = blocks.block(source, part), blocks.block(target, part)
        np.subtract(block, along(means, block), out=out)
        np.multiply(out, along(rates, out), out=out)
        np.add(out, along(offsets, out), out=out)
        if relu:
            np.maximum(out, along(zeros, out), out=out)

    blocks.each(one)


def rescale(x, rate, shift, relu=False):
    """`x * rate + shift`, or what of it is positive, in the place of `x`; without a rate, only shifted."""
    blocks = blocks_of(x)
    rates, shifts = blocks.tiled(shift if rate is None else rate, shift)
    zeros, target = block_of_zeros(blocks.length, x.dtype), x.reshape(-1)

    def one(number):
        part = blocks.parts[number]
        block = blocks.block(target, part)
        if rate is not None:
            np.multiply(block, along(rates, block), out=block)
        np.add(block, along(shifts, block), out=block)
        if relu:
            np.maximum(block, along(zeros, block), out=block)

    blocks.each(one)


def gradients(g, x, scale, mean, inverse, out, y=None):
    """Those by x, into `out`, by scale and by offset; `inverse` is 1 / sqrt(variance + epsilon), and is written over.

    y: what a relu made of the result; the cotangent `g` counts where it is positive.
    """
    m, dtype, blocks = len(x), x.dtype, blocks_of(x)
    (means,), source, target = blocks.tiled(mean), x.reshape(-1), out.reshape(-1)
    totals = blocks.sums(2)
    taken = y is None and g.flags.c_contiguous  # as it is
    cut = g.reshape(-1) if taken else target

    def add_up(number):
        part = blocks.parts[number]
        if not taken:
            _cut(g, y, out, part)
        blocks.total(cut[part], totals[number, 0])
        block = blocks.block(source, part)
        block = np.subtract(block, along(means, block), out=blocks.temporary(0, block)).reshape(-1)
        blocks.total(np.multiply(block, cut[part], out=block), totals[number, 1])

    blocks.each(add_up)
    g_offset, products = added_up(totals)
    rate, g_scale = scale * inverse, np.multiply(products, inverse, out=products)
    found = g_scale.astype(dtype), g_offset.astype(dtype)
    shift = np.divide(np.multiply(rate, g_offset, out=g_offset), -m, out=g_offset)
    slope = np.divide(np.multiply(np.multiply(rate, inverse, out=inverse), g_scale, out=g_scale), -m, out=g_scale)
    means, rates, slopes, shifts = blocks.tiled(mean, rate, slope, shift)

    def one(number):
        part = blocks.parts[number]
        block, into = blocks.block(source, part), blocks.block(target, part)
        block = np.subtract(block, along(means, block), out=blocks.temporary(0, block))
        np.multiply(block, along(slopes, block), out=block)
        np.add(block, along(shifts, block), out=block)
        np.multiply(blocks.block(cut, part), along(rates, into), out=into)
        np.add(target[part], block.reshape(-1), out=target[part])

    blocks.each(one)
    return found


def _cut(g, y, out, part):
    """Put into some elements of `out` those of `g`, which may be columns of a wider matrix, where y is positive."""
    source, target = g.reshape(-1)[part] if g.flags.c_contiguous else None, out.reshape(-1)[part]
    if source is None:
        rows, source = slice(part.start // g.shape[1], part.stop // g.shape[1]), target
        out[rows] = g[rows]
    if y is not None:
        where_positive(source, y.reshape(-1)[part], target)
