"""Depthwise convolution: each channel by a filter of its own, read and written where the arrays lie.

Outputs are cut into rectangles whose windows have the same places inside: the inner one, and those along the edges. Of
each, einsum adds up all places of the window in one pass. Pixels of few channels are taken several at a time, with the
filter as often side by side, so that its loops are long.
"""

import functools
import math

import numpy as np

from npslim.fast.arena import cleared, scratch
from npslim.fast.tiles import cut, runs
from npslim.fast.workers import each

TILE, LEAST = 1 << 19, 1 << 18  # elements of the result in a tile: a call of einsum takes 10 us
SHORT, LONG = 1 << 9, 1 << 12  # elements of pixels taken at once: if they come out even; at the most
PAD = 16  # elements between rows of the filter, which would else lie on the same lines of the first cache
GROUP = 1 << 8  # products added up in single precision: those of some rows


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c]` into `y` `[n, oh, ow, c]`; zeros lie around x."""
    c, columns = w.shape[2], max(1, min(LONG // w.shape[2], y.shape[2]))
    line = columns * c + PAD
    filters = scratch(10, w.shape[0] * w.shape[1] * line, w.dtype).reshape(*w.shape[:2], line)
    filters[:, :, :-PAD].reshape(*w.shape[:2], columns, c)[...] = w[:, :, None]
    apart = (
        y.strides[2] != c * y.itemsize and c < SHORT
    )  # pixels of y do not lie side by side: they are put there later
    sums = scratch(9, y.size, y.dtype).reshape(y.shape) if apart else y

    def one(tile):
        for windows, out, (i, j) in rectangles(x, sums, slide, tile):
            np.einsum("nrqijk,ijk->nrqk", windows, filters[i, j, : out.shape[3]], out=out)
        if apart:
            y[tile] = sums[tile]

    each(one, tiles(y))


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    parts = tiles(g, 2)
    totals = cleared(10, (len(parts), *w.shape))

    def one(number):
        for windows, cotangent, (i, j) in rectangles(x, g, slide, parts[number], alone=True):
            rows, columns = windows.shape[1:3]
            size = min(rows, max(1, GROUP // columns))
            whole = rows - rows % size
            for some in (slice(0, whole), slice(whole, rows)) if windows.size else ():
                _add_up(windows[:, some], cotangent[:, some], size, totals[number, i, j])

    each(one, range(len(parts)))
    w[...] = np.add.reduce(totals, axis=0, out=cleared(11, w.shape))


def tiles(y, times=1):
    """(images, rows) of each tile of the result, or of tiles `times` as large if there are two of them."""
    n, rows, columns, c = y.shape
    least = max(LEAST // c, min(times * LEAST // c, n * rows * columns // 2), 1)
    return cut(n, rows, columns, max(1, times * TILE // c), least)


def _add_up(windows, cotangent, size, into):
    """Add the products' sums over images, rows and columns; those of `size` rows are added up in single precision."""
    n, rows, *others = windows.shape
    size = min(size, rows)
    if rows:
        windows = windows.reshape(n, rows // size, size, *others)
        cotangent = cotangent.reshape(n, rows // size, size, *cotangent.shape[2:])
        shape = (n, rows // size, *into.shape)
        sums = scratch(0, math.prod(shape), cotangent.dtype).reshape(shape)
        if windows.shape[3] == 1:  # a column at the edge: einsum would take more memory, and as long
            products = scratch(3, windows.size, cotangent.dtype).reshape(windows.shape)
            np.multiply(windows, cotangent[..., None, None, :], out=products)
            np.add.reduce(products, axis=(2, 3), out=sums)
        else:
            np.einsum("nrsqijk,nrsqk->nrijk", windows, cotangent, out=sums)
        total = scratch(12, into.size, into.dtype).reshape(into.shape)
        into += np.add.reduce(sums, axis=(0, 1), dtype=np.float64, out=total)


def rectangles(x, y, slide, tile, alone=False):
    """(what the windows see `[n, r, q, i, j, k]`, their outputs `[n, r, q, k]`, slices of places) of parts of a tile.

    q counts pixels, or groups of pixels side by side unless they shall be taken alone, and k their elements.
    """
    images, rows = tile
    (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
    n, c = images.stop - images.start, y.shape[3]
    image, row, column, channel = x.strides
    joined = not alone and sw == 1 and all(a.strides[2:] == (c * a.itemsize, a.itemsize) for a in (x, y))
    sizes = (SHORT // c, LONG // c) if joined else (1, 1)
    across = runs(x.shape[2], 0, y.shape[2], kw, sw, left)
    for ys, i in runs(x.shape[1], rows.start, rows.stop, kh, sh, top):
        for xs, j in across:
            for begin, count, size in pieces(xs.start, xs.stop, *sizes):
                out = y[images, ys, begin : begin + count * size].reshape(n, -1, count, size * c)
                start = (images.start, ys.start * sh - top + i.start, begin * sw - left + j.start)
                shape = (n, out.shape[1], count, i.stop - i.start, j.stop - j.start, size * c)
                yield _view(x, start, shape, (image, row * sh, column * sw * size, row, column, channel)), out, (i, j)


@functools.lru_cache(maxsize=256)
def pieces(begin, end, least, most):
    """[(first column, groups, columns in a group)], groups of `most` columns at most; all alike if of `least`."""
    count = end - begin
    most = max(1, min(count, most))
    size = max(d for d in range(1, most + 1) if count % d == 0)
    size = size if size >= least else most
    whole = count - count % size
    found = [(begin, whole // size, size), (begin + whole, 1, count - whole)]
    return found[: 1 if whole == count else 2]


def _view(x, start, shape, strides):
    """What lies in `x` from the place `start` on. (`as_strided` takes 10 us.)"""
    if not x.flags.c_contiguous or 0 in shape:
        return np.lib.stride_tricks.as_strided(x[tuple(slice(i, None) for i in start)], shape, strides)
    offset = sum(i * step for i, step in zip(start, x.strides, strict=False))
    return np.ndarray(shape, x.dtype, x, offset, strides)
