"""Depthwise convolution with several filters a channel, one product of matrices for each channel.

    y of channel k = columns(x of channel k)^T . w of channel k        gradient by w = columns . g

A channel is put into planes first, one for each column of a stride: so a column's elements are rows of a plane, long
ones, copied in one go. A few rows of an image at a time, so that the columns stay in cache.
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
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, m]` into `y` `[n, oh, ow, c * m]`; zeros lie around x."""
    filters = _by_channel(w)

    def one(part):
        target = y[part]
        sums = target if target.flags.c_contiguous else scratch(6, target.size, y.dtype)
        sums = sums.reshape(-1, y.shape[3])
        for k, matrix in enumerate(filters):
            product(columns(x[..., k], slide, y.shape, part).T, matrix, _of_channel(sums, k, w.shape[3]))
        if not target.flags.c_contiguous:
            target[...] = sums.reshape(target.shape)

    each(one, parts(x, y.shape, slide))


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    kh, kw, c, m = w.shape
    found = parts(x, g.shape, slide)
    count = min(len(found), GROUPS)
    totals = scratch(4, count * w.size, w.dtype).reshape(count, c, kh * kw, m)

    def one(group):
        for number, part in enumerate(found[group::count]):
            source = g[part]
            if not source.flags.c_contiguous:
                source = scratch(6, source.size, g.dtype).reshape(source.shape)
                source[...] = g[part]
            source = source.reshape(-1, g.shape[3])
            for k, total in enumerate(totals[group]):
                seen = columns(x[..., k], slide, g.shape, part)
                product(seen, _of_channel(source, k, m), total, add=float(number > 0))

    each(one, range(count))
    for group in range(1, count):
        totals[0] += totals[group]
    w[...] = totals[0].reshape(c, kh, kw, m).transpose(1, 2, 0, 3) if count else 0


def parts(x, out, slide):
    """(images, rows) of the output `out` `[n, oh, ow, o]` that are done at once."""
    places = max(PLACES, figures()["tile"] // (x.itemsize * slide.kernel[0] * slide.kernel[1]))
    return cut(out[0], out[1], out[2], places, PLACES)


def columns(x, slide, out, part):
    """What the windows of a part see of the channel `x` `[n, h, w]`: `[kh * kw, places]`, until the next call."""
    (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
    images, rows = part
    n, count, ow = images.stop - images.start, rows.stop - rows.start, out[2]
    high, wide = (count - 1) * sh + kh, ow + (kw - 1) // sw
    padded = scratch(2, sw * n * high * wide, x.dtype).reshape(sw, n, high, wide)
    to, ys = _inside(x.shape[1], high, 1, rows.start * sh - top)
    padded[:, :, : to.start] = padded[:, :, to.stop :] = 0
    for j in range(sw):
        across, xs = _inside(x.shape[2], wide, sw, j - left)
        padded[j, :, to, : across.start] = padded[j, :, to, across.stop :] = 0
        padded[j, :, to, across] = x[images, ys, xs]
    found = scratch(3, kh * kw * n * count * ow, x.dtype).reshape(kh, kw, n, count, ow)
    for i, j in np.ndindex(kh, kw):
        found[i, j] = padded[j % sw, :, i : i + (count - 1) * sh + 1 : sh, j // sw : j // sw + ow]
    return found.reshape(kh * kw, n * count * ow)


def _inside(size, count, stride, start):
    """(slice of `count` places, each a stride from the last one, that lie inside `size`; slice of what lies there)."""
    low = min(count, max(0, -(start // stride)))
    high = max(low, min(count, (size - 1 - start) // stride + 1))
    begin = start + low * stride
    return slice(low, high), slice(begin, begin + (high - low - 1) * stride + 1, stride) if high > low else slice(0)


def _by_channel(w):
    """The filters of each channel as a matrix: `[c, kh * kw, m]`."""
    kh, kw, c, m = w.shape
    found = scratch(5, w.size, w.dtype).reshape(c, kh, kw, m)
    found[...] = w.transpose(2, 0, 1, 3)
    return found.reshape(c, kh * kw, m)


def _of_channel(matrix, k, m):
    return matrix[:, k * m : (k + 1) * m]
