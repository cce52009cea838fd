"""Convolutions by filters of one row or one column, without strides: a product of matrices for each tap.

The places with one coordinate along the filter are a line. Tap i of the filter sees the same lines, moved by i:

    y[lines] = sum over i of x[lines moved by i] . w[i]         gradient by w[i] = x[lines moved by i]^T . g[lines]

BLAS adds these up. An image's lines lie together if the filter is a column, so nothing is copied; elsewhere each
element is copied once, where columns (`columns.py`) have it for each tap. The zeros around x are not multiplied.
"""

import math

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.tiles import cut, halves
from npslim.fast.workers import each

PLACES, LEAST = 1024, 256  # of a part; at the least, for there shall be two of them
BAND = 128  # filters of a band, if all places are one part
WHOLE = 1 << 20  # elements of input and cotangent that are used for a filter's gradient at once


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, o]` into `y` `[n, oh, ow, o]`; zeros lie around x."""
    x, y, first, taps, o = _in_lines(x, slide), _in_lines(y, slide), _first(slide), _taps(w), w.shape[3]
    parts = _parts(y, min(PLACES, max(LEAST, -(-math.prod(y.shape[:3]) // 2))))
    bands = halves(o, max(BAND, -(-o // 2)) if len(parts) == 1 else o)

    def one(item):
        part, band = item
        source, begin = _seen(x, part, first, len(taps))
        target, width = y[part], band.stop - band.start
        if target.flags.c_contiguous:
            sums = target.reshape(-1, o)[:, band]
        else:
            sums = scratch(4, target.size // o * width, y.dtype).reshape(-1, width)
        ranges = [_range(part[0], i - first, len(x)) for i in range(len(taps))]
        widest = max(range(len(taps)), key=lambda i: ranges[i].stop - ranges[i].start)
        add, across = ranges[widest] != part[0], target.shape[1] * target.shape[2]
        if add:
            sums.fill(0)
        for i in (widest, *range(widest), *range(widest + 1, len(taps))):
            seen, into = _rows(ranges[i], i - first - begin, across), _rows(ranges[i], -part[0].start, across)
            product(source[seen], taps[i][:, band], sums[into], add=float(add))
            add = True
        if not target.flags.c_contiguous:
            target[..., band] = sums.reshape(*target.shape[:3], width)

    each(one, [(part, band) for part in parts for band in bands])


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    x, g, first, taps = _in_lines(x, slide), _in_lines(g, slide), _first(slide), _taps(w)
    begun = [False] * len(taps)
    for part in _parts(g, WHOLE // (x.shape[3] + g.shape[3])):
        _add_to_taps(x, g, part, first, taps, begun)
    for tap, known in zip(taps, begun, strict=True):
        if not known:
            tap.fill(0)


def _add_to_taps(x, g, part, first, taps, begun):
    """What a part of the places adds to the gradient by each tap; begun: for each, whether there was one before."""
    (source, begin), cotangent = _seen(x, part, first, len(taps)), _matrix(g[part], 4)
    across = len(cotangent) // (part[0].stop - part[0].start)

    def one(i):
        some = _range(part[0], i - first, len(x))
        if some.stop > some.start:
            seen, given = _rows(some, i - first - begin, across), _rows(some, -part[0].start, across)
            product(source[seen].T, cotangent[given], taps[i], add=float(begun[i]))
            begun[i] = True

    each(one, range(len(taps)))


def fit(kernel, strides, pads):
    """True for filters of one row or one column that move by 1, and have no zeros beside the lines."""
    return 1 in kernel and strides == (1, 1) and not any(pads[1 if kernel[1] == 1 else 0])


def _in_lines(x, slide):
    """`x` `[n, h, w, c]` as `[along the filter, n, across, c]`."""
    return x.transpose((1, 0, 2, 3) if slide.kernel[1] == 1 else (2, 0, 1, 3))


def _first(slide):
    return slide.first[0 if slide.kernel[1] == 1 else 1]


def _taps(w):
    return w[:, 0] if w.shape[1] == 1 else w[0]


def _parts(y, places):
    """[(lines, images)] of `y`, in lines, of about so many places."""
    parts = cut(y.shape[1], len(y), y.shape[2], max(1, places))
    return [(lines, images) for images, lines in parts]


def _seen(x, part, first, taps):
    """(what the lines of a part see as a matrix, the number of its first line)."""
    lines, images = part
    begin = max(0, lines.start - first)
    return _matrix(x[begin : max(begin, min(len(x), lines.stop + taps - 1 - first)), images], 3), begin


def _range(lines, moved, count):
    """Those of the lines that, moved, are some of the `count` lines of the input."""
    start = min(lines.stop, max(lines.start, -moved))
    return slice(start, max(start, min(lines.stop, count - moved)))


def _rows(lines, moved, across):
    """The rows of a matrix that lines are, moved by some."""
    return slice((lines.start + moved) * across, (lines.stop + moved) * across)


def _matrix(lines, number):
    """Lines as a matrix of a row for each place: a copy in this thread's working array `number` if they lie apart."""
    if not lines.flags.c_contiguous:
        together = scratch(number, lines.size, lines.dtype).reshape(lines.shape)
        together[...] = lines
        lines = together
    return lines.reshape(math.prod(lines.shape[:3]), lines.shape[3])
