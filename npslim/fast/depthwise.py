"""Depthwise convolution: each channel by a filter of its own, one place of the window after the other.

A part of the padded input lies in cache as flat rows of places, so that a place of the window is a shift of the whole
part, and einsum adds up all places in one pass. Of the places of a stride each has its own rows.

The gradient by the filter is left to the plain kernel: its einsum was quicker than any of these.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.tiles import cut
from npslim.fast.workers import each

TILE = 1 << 17  # elements of the result in a tile
WIDTH = 1 << 10  # elements of places laid side by side, so that NumPy's loops are long


class Tile:
    """Padded rows of some images, flat, for each place of the stride; `grid`: the result's images, rows, columns."""

    def __init__(self, x, slide, out, images, rows):
        (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
        n, count = images.stop - images.start, rows.stop - rows.start
        h, w, c = x.shape[1:]
        self.c, self.slide, self.wide = c, slide, max(1, WIDTH // c)
        over = (kh - 1) // sh  # rows of the next output rows that a window sees
        columns = out[1] + (kw - 1) // sw
        self.grid = (n, count + over, columns)
        self.valid = (slice(None), slice(0, count), slice(0, out[1]))
        places = n * (count + over) * columns
        self.places = -(-places // self.wide) * self.wide  # of which the last ones are not used
        size = (self.places + (over + 1) * columns + self.wide) * c
        self.parts = scratch(2, sh * sw * size, x.dtype).reshape(sh, sw, size)
        self.parts.fill(0)
        inner = self.parts[:, :, : places * c].reshape(sh, sw, *self.grid, c)
        for a in range(sh):
            ys = _inside(rows.start * sh - top + a, sh, count + over, h)
            for b in range(sw):
                xs = _inside(b - left, sw, columns, w)
                inner[a, b, :, ys[0], xs[0]] = x[images, ys[1], xs[1]]

    def seen(self, a, b):
        """What windows see at their places (a, b), (a + sh, b) ..., as `[m, ki, kj, wide * c]`: rows that overlap."""
        (kh, kw), (sh, sw) = self.slide.kernel, self.slide.strides
        part, step = self.parts[a, b], self.parts.itemsize
        shape = (self.places // self.wide, len(range(a, kh, sh)), len(range(b, kw, sw)), self.wide * self.c)
        strides = (self.wide * self.c * step, self.grid[2] * self.c * step, self.c * step, step)
        return np.lib.stride_tricks.as_strided(part, shape, strides)

    def temporary(self, number, dtype):
        return scratch(number, self.places * self.c, dtype).reshape(-1, self.wide * self.c)

    def result(self, block):
        """The block's elements that are the output's: `[n, rows, ow, c]`."""
        size = self.grid[0] * self.grid[1] * self.grid[2]
        return block.reshape(-1, self.c)[:size].reshape(*self.grid, self.c)[self.valid]


def _inside(start, stride, count, size):
    """(slice of `count` places, slice of the input) of the places start, start + stride ... that are inside."""
    low = min(count, max(0, -(start // stride)))
    high = max(low, min(count, -((start - size) // stride)))
    begin = start + low * stride
    return slice(low, high), slice(begin, begin + (high - low - 1) * stride + 1, stride) if high > low else slice(0, 0)


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c]` into `y` `[n, oh, ow, c]`; zeros lie around x."""
    sh, sw = slide.strides

    def one(part):
        tile = Tile(x, slide, y.shape[1:3], *part)
        filters = np.tile(w, tile.wide)
        total, term = tile.temporary(3, y.dtype), tile.temporary(4, y.dtype)
        for a, b in np.ndindex(min(sh, slide.kernel[0]), min(sw, slide.kernel[1])):
            out = term if a or b else total
            np.einsum("mijk,ijk->mk", tile.seen(a, b), filters[a::sh, b::sw], out=out)
            if a or b:
                np.add(total, term, out=total)
        y[part] = tile.result(total)

    each(one, cut(len(x), y.shape[1], y.shape[2], max(1, TILE // w.shape[2]), max(1, TILE // (4 * w.shape[2]))))
