"""Convolutions by columns: what each window sees is copied into a row, and one product of matrices does the rest.

    y = columns(x) . w          gradient by w = columns(x)^T . g

A few places at a time, so that the columns stay in cache. A row of a window lies together in the input, so NumPy copies
it in one go. `conv.py` reads the windows where they lie, but forms sums at the borders that nobody needs, and calls
BLAS once for each place in a window's row. So columns pay where outputs are narrow, windows wide or strides long.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import large_product, product
from npslim.fast.choice import figures
from npslim.fast.tiles import cut, stretches
from npslim.fast.workers import each

PLACES = 512  # the least places of a part
WHOLE = 1 << 22  # bytes of all columns up to which a filter's gradient is one product
DEEP, FEW = 96, 320  # channels and places of a cotangent's image for which what they add to windows is one product
PLANES, MOST = 4, 1 << 23  # an input of fewer channels is added up plane by plane, if an image adds no more elements
GROUPS = 4  # of parts, each of which adds up a filter's gradient where there are more


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, o]` into `y` `[n, oh, ow, o]`; zeros lie around x."""
    o = w.shape[3]
    matrix = w if w.flags.c_contiguous else scratch(5, w.size, w.dtype).reshape(w.shape)
    if matrix is not w:
        matrix[...] = w
    matrix = matrix.reshape(-1, o)
    found = parts(x, slide, y.shape)
    multiply = large_product if len(found) == 1 else product

    def one(part):
        windows, target = columns(x, slide, y.shape, part), y[part]
        sums = target if target.flags.c_contiguous else scratch(4, target.size, y.dtype).reshape(target.shape)
        multiply(windows, matrix, sums.reshape(len(windows), o))
        if sums is not target:
            target[...] = sums

    each(one, found)


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    found = parts(x, slide, g.shape)
    window, o = w.shape[0] * w.shape[1] * w.shape[2], w.shape[3]
    places = g.shape[0] * g.shape[1] * g.shape[2]
    if places * window * x.itemsize <= WHOLE:
        together = scratch(4, places * window, x.dtype).reshape(*g.shape[:3], window)
        each(lambda part: columns(x, slide, g.shape, part, together[part]), found)
        large_product(together.reshape(places, window).T, _matrix(g), w.reshape(window, o))
        return
    count = min(len(found), GROUPS)
    totals = scratch(4, count * w.size, w.dtype).reshape(count, window, o)

    def one(group):
        for number, part in enumerate(found[group::count]):
            windows = columns(x, slide, g.shape, part)
            product(windows.T, _matrix(g[part]), totals[group], add=float(number > 0))

    each(one, range(count))
    for group in range(1, count):
        totals[0] += totals[group]
    w[...] = totals[0].reshape(w.shape)


def adds_well(g, strides):
    """True if `correlate_input` is quicker than a convolution of the cotangent `g` by the turned filter.

    That is split at strides, and to turn a filter takes long beside what few places have to compute.
    """
    n, oh, ow, o = g.shape
    return o >= DEEP and (n * oh * ow <= 2 * o or (strides != (1, 1) and oh * ow <= FEW))


def correlate_input(g, w, x, slide):
    """The gradient of `correlate` by its input, into `x`, for the cotangent `g` of y.

    One product gives what each place of `g` adds to all that its window has seen.
    """
    (n, oh, ow, o), window = g.shape, w.shape[0] * w.shape[1] * w.shape[2]
    step = -(-n // max(1, -(-n * oh * ow // (2 * FEW)))) or 1
    multiply = large_product if n <= step else product

    def one(start):
        some, images = g[start : start + step], x[start : start + step]
        terms = scratch(3, len(some) * oh * ow * window, g.dtype).reshape(len(some), oh, ow, *w.shape[:3])
        multiply(_matrix(some), w.reshape(window, o).T, terms.reshape(len(some) * oh * ow, window))
        halves = stretches(len(some), -(-len(some) // 2))
        each(lambda half: _add_to_windows(terms[half], images[half], slide), halves)

    each(one, range(0, n, step))


def _add_to_windows(terms, x, slide):
    """Into the images `x` `[n, h, w, c]`, the sums of what `terms` `[n, oh, ow, kh, kw, c]` adds to windows."""
    across = zip(slide.kernel, slide.strides, slide.first, x.shape[1:3], terms.shape[1:3], strict=True)
    found = [[_reached(i, *others) for i in range(count)] for count, *others in across]
    x[...] = 0
    for i, (y, rows) in enumerate(found[0]):
        for j, (p, places) in enumerate(found[1]):
            target = x[:, rows, places]
            np.add(target, terms[:, y, p, i, j], out=target)


def _reached(i, stride, first, size, count):
    """(slice of windows whose element `i` lies inside, slice of these elements) along a dimension."""
    begin = max(0, -((i - first) // stride))
    end = max(begin, min(count, (size - 1 + first - i) // stride + 1))
    start = begin * stride - first + i
    return slice(begin, end), slice(start, start + (end - begin) * stride, stride)


def adds_planes(w, out):
    """True if `correlate_input_of_few` suits filters of shape `w` and outputs `[oh, ow]`, and needs little memory."""
    return w[2] < PLANES and w[0] * w[1] * w[2] * out[0] * out[1] <= MOST


def correlate_input_of_few(g, w, x, slide):
    """`correlate_input` for an `x` of few channels: added up plane by plane, for to add to short rows is slow.

    There is a plane for each channel and each place of a stride.
    """
    (kh, kw, c, o), (n, oh, ow, _), (sh, sw) = w.shape, g.shape, slide.strides
    high, wide = oh + (kh - 1) // sh, ow + (kw - 1) // sw

    def one(image):
        terms = scratch(3, kh * kw * c * oh * ow, g.dtype)
        product(w.reshape(kh * kw * c, o), _matrix(g[image : image + 1]).T, terms.reshape(kh * kw * c, oh * ow))
        terms = terms.reshape(kh, kw, c, oh, ow)
        planes = scratch(4, sh * sw * c * high * wide, g.dtype).reshape(sh, sw, c, high, wide)
        planes.fill(0)
        for i, j in np.ndindex(kh, kw):
            target = planes[i % sh, j % sw, :, i // sh : i // sh + oh, j // sw : j // sw + ow]
            np.add(target, terms[i, j], out=target)
        x[image] = 0
        for i, j in np.ndindex(sh, sw):
            y, rows = _reached(i, sh, slide.first[0], x.shape[1], high)
            p, places = _reached(j, sw, slide.first[1], x.shape[2], wide)
            for k in range(c):
                x[image, rows, places, k] = planes[i, j, k, y, p]

    each(one, range(n))


def _matrix(g):
    """`g` `[n, oh, ow, o]` as a matrix, or a copy of it if it has none."""
    if not g.flags.c_contiguous:
        copy = scratch(5, g.size, g.dtype).reshape(g.shape)
        copy[...] = g
        g = copy
    return g.reshape(g.shape[0] * g.shape[1] * g.shape[2], g.shape[3])


def parts(x, slide, out):
    """(images, rows) of the output `out` `[n, oh, ow, o]` that are done at once; two if there is enough for them."""
    window = slide.kernel[0] * slide.kernel[1] * x.shape[3]
    places = max(PLACES, figures()["tile"] // max(1, x.itemsize * window))
    total = out[0] * out[1] * out[2]
    return cut(out[0], out[1], out[2], min(places, max(PLACES // 2, -(-total // 2))))


def columns(x, slide, out, part, into=None):
    """What the windows of a part see: a matrix of one row for each, or `into` an array `[images, rows, ow, ...]`."""
    (kh, kw), (sh, sw) = slide.kernel, slide.strides
    seen = padded(x, slide, out, *part)
    images, rows, places, channels = seen.strides
    shape = (len(seen), part[1].stop - part[1].start, out[2], kh, kw * x.shape[3])
    strides = (images, rows * sh, places * sw, rows, channels)
    windows = np.lib.stride_tricks.as_strided(seen, shape, strides, writeable=False)
    copy = scratch(3, windows.size, x.dtype) if into is None else into
    copy = copy.reshape(shape)
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
