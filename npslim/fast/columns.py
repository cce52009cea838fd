"""Convolutions by columns: what each window sees is copied into a row, and one product of matrices does the rest.

    y = columns(x) . w          gradient by w = columns(x)^T . g

A few places at a time, so that the columns stay in cache. A row of a window lies together in the input, so NumPy copies
it in one go. `conv.py` reads the windows where they lie, but forms sums at the borders that nobody needs, and calls
BLAS once for each place in a window's row. So columns pay where outputs are narrow, windows wide or strides long.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.choice import figures
from npslim.fast.tiles import cut
from npslim.fast.workers import each

PLACES = 512  # the least places of a part
GROUPS = 4  # of parts, each of which adds up a filter's gradient


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, o]` into `y` `[n, oh, ow, o]`; zeros lie around x."""
    o = w.shape[3]
    matrix = w if w.flags.c_contiguous else scratch(5, w.size, w.dtype).reshape(w.shape)
    if matrix is not w:
        matrix[...] = w
    matrix = matrix.reshape(-1, o)

    def one(part):
        matrix_of_windows, target = columns(x, slide, y.shape, part), y[part]
        if target.flags.c_contiguous:
            product(matrix_of_windows, matrix, target.reshape(-1, o))
        else:
            sums = scratch(4, target.size, y.dtype).reshape(-1, o)
            product(matrix_of_windows, matrix, sums)
            target[...] = sums.reshape(target.shape)

    each(one, parts(x, slide, y.shape))


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    found = parts(x, slide, g.shape)
    count = max(1, min(len(found), GROUPS))
    totals = scratch(4, count * w.size, w.dtype).reshape(count, -1, w.shape[3])
    if not found:
        totals.fill(0)

    def one(group):
        for part in found[group::count]:
            cotangent = g[part].reshape(-1, w.shape[3])
            product(columns(x, slide, g.shape, part).T, cotangent, totals[group], add=float(part is not found[group]))

    each(one, range(count))
    for group in range(1, count):
        totals[0] += totals[group]
    w[...] = totals[0].reshape(w.shape)


def parts(x, slide, out):
    """(images, rows) of the output `out` `[n, oh, ow, o]` that are done at once."""
    window = slide.kernel[0] * slide.kernel[1] * x.shape[3]
    places = max(PLACES, figures()["tile"] // (x.itemsize * window))
    return cut(out[0], out[1], out[2], places, PLACES // 2)


def columns(x, slide, out, part):
    """What the windows of a part see: a matrix of one row for each."""
    (kh, kw), (sh, sw) = slide.kernel, slide.strides
    seen = padded(x, slide, out, *part)
    images, rows, places, channels = seen.strides
    shape = (len(seen), part[1].stop - part[1].start, out[2], kh, kw * x.shape[3])
    strides = (images, rows * sh, places * sw, rows, channels)
    windows = np.lib.stride_tricks.as_strided(seen, shape, strides, writeable=False)
    copy = scratch(3, windows.size, x.dtype).reshape(shape)
    copy[...] = windows
    return copy.reshape(-1, kh * kw * x.shape[3])


def padded(x, slide, out, images, rows):
    """The input that the rows `rows` of the output see, with the zeros around it: a view where there are none."""
    (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
    h, w, c = x.shape[1:]
    high, wide = (rows.stop - rows.start - 1) * sh + kh, (out[2] - 1) * sw + kw
    begin = rows.start * sh - top
    whole_rows = x.strides[2:] == (c * x.itemsize, x.itemsize)
    if whole_rows and begin >= 0 and begin + high <= h and left <= 0 and wide - left <= w:
        return x[images, begin : begin + high, -left : wide - left]
    count = images.stop - images.start
    seen = scratch(2, count * high * wide * c, x.dtype).reshape(count, high, wide, c)
    above, before = max(0, -begin), max(0, left)
    below, after = max(above, min(high, h - begin)), max(before, min(wide, w + left))
    seen[:, :above] = seen[:, below:] = 0
    seen[:, above:below, :before] = seen[:, above:below, after:] = 0
    if below > above and after > before:
        seen[:, above:below, before:after] = x[images, begin + above : begin + below, before - left : after - left]
    return seen
