"""Depthwise convolution: each channel by a filter of its own, read and written where the arrays lie.

Outputs are cut into rectangles whose windows have the same places inside: the inner one, and those along the edges. Of
each, einsum adds up all places of the window in one pass. Pixels of few channels are taken several at a time, with the
filter as often side by side, so that its loops are long.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from npslim.fast.arena import cleared, scratch
from npslim.fast.tiles import cut, runs
from npslim.fast.workers import each

TILE, LEAST = 1 << 19, 1 << 18  # elements of the result in a tile: a call of einsum takes 10 us
EDGE = 1 << 16  # elements of rectangles that one thread takes all together, for the calls are short
SHORT, LONG = 1 << 9, 1 << 12  # elements of pixels taken at once: if they come out even; at the most
PAD = 16  # elements between rows of the filter, which would else lie on the same lines of the first cache
GROUP = 1 << 8  # products added up in single precision: those of some rows


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c]` into `y` `[n, oh, ow, c]`; zeros lie around x."""
    if not y.size:
        return
    c, columns = w.shape[2], max(1, min(LONG // w.shape[2], y.shape[2]))
    line = columns * c + PAD
    filters = scratch(10, w.shape[0] * w.shape[1] * line, w.dtype).reshape(*w.shape[:2], line)
    filters[:, :, :-PAD].reshape(*w.shape[:2], columns, c)[...] = w[:, :, None]
    apart = (
        y.strides[2] != c * y.itemsize and c < SHORT
    )  # pixels of y do not lie side by side: they are put there later
    sums = scratch(9, y.size, y.dtype).reshape(y.shape) if apart else y

    def one(tile):
        for part in tile:
            for windows, out in seen(x, sums, slide, part):
                _multiply(windows, filters[part.i, part.j, : out.shape[3]], out)
            if apart:
                y[part.images, part.rows, part.columns] = sums[part.images, part.rows, part.columns]

    each(one, tiles(x, y, slide))


def _multiply(windows, w, out):
    """The sums over all places of the windows, times the filter's, into `out`."""
    if windows.shape[4] != 1 or not len(w):
        np.einsum("nrqijk,ijk->nrqk", windows, w, out=out)
        return
    np.multiply(windows[..., 0, 0, :], w[0, 0], out=out)  # of one column, einsum would copy two rows: 64 kB
    for i in range(1, len(w)):
        products = scratch(3, out.size, out.dtype).reshape(out.shape)
        np.add(out, np.multiply(windows[..., i, 0, :], w[i, 0], out=products), out=out)


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    found = tiles(x, g, slide, 2) if g.size else []
    totals = cleared(10, (len(found), *w.shape))

    def one(number):
        for part in found[number]:
            for windows, cotangent in seen(x, g, slide, part, alone=True):
                rows, columns = windows.shape[1:3]
                size = min(rows, max(1, GROUP // columns))
                whole = rows - rows % size
                for some in (slice(0, whole), slice(whole, rows)) if windows.size else ():
                    _add_up(windows[:, some], cotangent[:, some], size, totals[number, part.i, part.j])

    each(one, range(len(found)))
    w[...] = np.add.reduce(totals, axis=0, out=cleared(11, w.shape))


class Part(NamedTuple):
    """A rectangle of the outputs of some images, whose windows have their places `i`, `j` inside: slices."""

    images: slice
    rows: slice
    columns: slice
    i: slice
    j: slice


def tiles(x, y, slide, times=1):
    """[[Part]] that are all of `y`: the small ones, then the tiles of each large one, or tiles `times` as large."""
    n, height, width, c = y.shape
    small, large = [], []
    for rows, i in runs(x.shape[1], 0, height, slide.kernel[0], slide.strides[0], slide.first[0]):
        for columns, j in runs(x.shape[2], 0, width, slide.kernel[1], slide.strides[1], slide.first[1]):
            places = (rows.stop - rows.start) * (columns.stop - columns.start)
            if n * places * c < EDGE:
                small.append(Part(slice(0, n), rows, columns, i, j))
                continue
            least = max(LEAST // c, min(times * LEAST // c, n * places // 2), 1)
            for images, some in cut(
                n, rows.stop - rows.start, columns.stop - columns.start, max(1, times * TILE // c), least
            ):
                some = slice(rows.start + some.start, rows.start + some.stop)
                large.append([Part(images, some, columns, i, j)])
    return [small, *large] if small else large


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


def seen(x, y, slide, part, alone=False):
    """(what the windows see `[n, r, q, i, j, k]`, their outputs `[n, r, q, k]`) of a part.

    q counts pixels, or groups of pixels side by side unless they shall be taken alone, and k their elements.
    """
    images, rows, columns, i, j = part
    (sh, sw), (top, left) = slide.strides, slide.first
    n, c = images.stop - images.start, y.shape[3]
    image, row, column, channel = x.strides
    joined = not alone and sw == 1 and all(a.strides[2:] == (c * a.itemsize, a.itemsize) for a in (x, y))
    for begin, count, size in pieces(columns.start, columns.stop, *((SHORT // c, LONG // c) if joined else (1, 1))):
        out = y[images, rows, begin : begin + count * size].reshape(n, -1, count, size * c)
        start = (images.start, rows.start * sh - top + i.start, begin * sw - left + j.start)
        shape = (n, out.shape[1], count, i.stop - i.start, j.stop - j.start, size * c)
        yield _view(x, start, shape, (image, row * sh, column * sw * size, row, column, channel)), out


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
