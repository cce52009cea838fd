"""Pooling by taps: one pass over a part of the input that stays in cache, for each place of the window.

The maximum's gradient needs no positions: in the order of the taps, each element that equals its window's maximum takes
the cotangent if none before it did.
"""

import functools
import itertools
import math

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.conv import Slide
from npslim.fast.tiles import cut, halves, runs
from npslim.fast.workers import each

BLOCK = 1 << 17  # elements of the result in a part


def reach(size, out, first, stride, tap):
    """(slice of the outputs, slice of the inputs) that tap `tap` of the windows joins in one dimension."""
    start = tap - first  # the input's place for output 0
    low = max(0, -(start // stride))
    high = max(low, min(out, (size - start - 1) // stride + 1))
    begin = start + low * stride
    return slice(low, high), slice(begin, begin + (high - low - 1) * stride + 1 if high > low else begin, stride)


def taps(sizes, out, slide, rows):
    """(slices of the output, slices of the input) of each place of the window, for the output's rows `rows` only."""
    for i, j in itertools.product(*map(range, slide.kernel)):
        ys, xs = reach(sizes[0], out[0], slide.first[0], slide.strides[0], i)
        low, high = max(ys.start, rows.start), min(ys.stop, rows.stop)
        if low >= high:
            continue
        begin = xs.start + (low - ys.start) * slide.strides[0]
        xs = slice(begin, begin + (high - low - 1) * slide.strides[0] + 1, slide.strides[0])
        across, along = reach(sizes[1], out[1], slide.first[1], slide.strides[1], j)
        if across.stop > across.start:
            yield (slice(None), slice(low, high), across), (slice(None), xs, along)


def row_parts(y):
    """Slices of the rows of `y` `[n, h, w, c]`, each of about BLOCK elements of an image."""
    return halves(y.shape[1], BLOCK // max(1, y.shape[2] * y.shape[3]))


def each_image(work, y):
    """`work(number)` for each image of `y`, shared out by as many images as make a block."""

    def some(images):
        for image in range(images.start, images.stop):
            work(image)

    each(some, halves(len(y), BLOCK // max(1, y[:1].size)))


def each_block(work, y):
    """`work((images, rows))` for each block of `y` `[n, h, w, c]`."""
    n, rows, columns, c = y.shape
    each(work, cut(n, rows, columns, max(1, BLOCK // max(1, c))))


def maximum(x, y, slide):
    """The maximum of each window of `x` into `y`."""

    def one(block):
        images, rows = block
        for ys, xs, count in combined(np.maximum, x[images], y[images], slide, rows):
            if not count:
                y[images, ys, xs] = -np.inf

    each_block(one, y)


def combined(function, x, y, slide, rows):
    """What `function` makes of each window, for some rows of `y`: first down whole rows, which are long, then across.

    Gives (rows, columns, number of elements in the windows) of parts of `y` as they are done; with 0, nothing has been.
    """
    across = runs(x.shape[2], 0, y.shape[2], slide.kernel[1], slide.strides[1], slide.first[1])
    for ys, i in runs(x.shape[1], rows.start, rows.stop, slide.kernel[0], slide.strides[0], slide.first[0]):
        seen = [x[:, at] for at in _seen(ys, i, slide, 0)]
        shape = (len(x), ys.stop - ys.start, *x.shape[2:])
        tall = _all_of(function, seen, scratch(6, math.prod(shape), x.dtype).reshape(shape)) if seen else None
        for xs, j in across:
            count = len(seen) * (j.stop - j.start)
            if count:
                wide = [tall[:, :, columns] for columns in _seen(xs, j, slide, 1)]
                if _all_of(function, wide, y[:, ys, xs]) is wide[0]:
                    y[:, ys, xs] = wide[0]
            yield ys, xs, count


def _seen(out, places, slide, axis):
    """For each of the places of a window, the slice of the inputs that the outputs `out` see there."""
    stride, first, count = slide.strides[axis], slide.first[axis], out.stop - out.start
    starts = [out.start * stride - first + place for place in range(places.start, places.stop)]
    return [slice(start, start + (count - 1) * stride + 1, stride) for start in starts]


def _all_of(function, arrays, out):
    """Element by element, into `out`; a single array comes back as it is."""
    if len(arrays) == 1:
        return arrays[0]
    function(arrays[0], arrays[1], out=out)
    for other in arrays[2:]:
        function(out, other, out=out)
    return out


def maximum_grad(x, y, g, out, slide):
    """The cotangent `g` of `y`, the maxima of `x`, put where each window has its first maximum, into `out`.

    No element of y may be NaN.
    """
    tiling = slide.kernel == slide.strides and slide.first == (0, 0)
    tiling = tiling and all(o * k <= n for o, k, n in zip(y.shape[1:3], slide.kernel, x.shape[1:3], strict=True))
    covered = tiling and all(o * k == n for o, k, n in zip(y.shape[1:3], slide.kernel, x.shape[1:3], strict=True))
    if covered and all(a.flags.c_contiguous for a in (x, y, g, out)):  # the rows of all images are those of one
        x, y, g, out = (a.reshape(1, -1, *a.shape[2:]) for a in (x, y, g, out))
        each(lambda part: _tiling_grad(x, y, g, out, slide, part), row_parts(y))
        return
    work = _tiling_grad if tiling else _maximum_grad

    def one(image):
        here = slice(image, image + 1)
        if not covered:
            out[here].fill(0)
        for part in row_parts(y):
            work(x[here], y[here], g[here], out[here], slide, part)

    each_image(one, y)


def _maximum_grad(source, maxima, g, target, slide, part):
    """Add some rows of an image's cotangents to `target`, place by place of the window."""
    bits = np.dtype(f"i{source.itemsize}")
    cotangent, shape = g.view(bits), (1, part.stop - part.start, *maxima.shape[2:])
    count = shape[1] * shape[2] * shape[3]
    taken = scratch(0, count, np.dtype(bool)).reshape(shape)
    taken.fill(False)
    chosen, picked = scratch(1, count, np.dtype(bool)), scratch(2, count, bits)
    for to, into in taps(source.shape[1:3], maxima.shape[1:3], slide, part):
        before = taken[:, to[1].start - part.start : to[1].stop - part.start, to[2]]
        found, pick = (a[: before.size].reshape(before.shape) for a in (chosen, picked))
        np.equal(source[into], maxima[to], out=found)
        np.greater(found, before, out=found)
        np.logical_or(before, found, out=before)
        np.multiply(cotangent[to], found.view(np.int8), out=pick)
        np.add(target[into], pick.view(source.dtype), out=target[into])


def _tiling_grad(source, maxima, g, target, slide, part):
    """The same where windows lie side by side: whole rows at once, for rows are long, and so are NumPy's loops.

    Maxima and cotangents are spread over the width of their windows; which element is the first is found by shifts.
    """
    (kh, kw), bits, c = slide.kernel, np.dtype(f"i{source.itemsize}"), source.shape[3]
    rows, ow = part.stop - part.start, maxima.shape[2]
    shape, count = (rows, ow * kw, c), rows * ow * kw * c
    tops = _spread_out(maxima[0, part], kw, scratch(3, count, source.dtype)).reshape(shape)
    cotangents = _spread_out(g.view(bits)[0, part], kw, scratch(4, count, bits)).reshape(shape)
    found, taken, shifted = (scratch(number, count, np.dtype(bool)) for number in (0, 1, 5))
    for i, ys in enumerate(_seen(part, slice(0, kh), slide, 0)):
        np.equal(source[0, ys, : ow * kw], tops, out=found.reshape(shape))
        if i:
            np.greater(found, taken, out=found)
        _keep_first(found, shifted, kw, c)
        if i < kh - 1:
            _note_windows(found, taken, shifted, kw, c, first=i == 0)
        np.multiply(cotangents, found.view(np.int8).reshape(shape), out=target.view(bits)[0, ys, : ow * kw])


def _spread_out(x, times, out):
    """Each column of `x` `[rows, w, c]` `times` times, into the flat `out`."""
    out.reshape(*x.shape[:2], times, x.shape[2])[...] = x[:, :, None]
    return out


@functools.lru_cache(maxsize=64)
def _columns(count, kw, c, low, high):
    """For flat rows of windows `kw` wide: True in the columns low, ..., high - 1 of each."""
    pattern = np.zeros((kw, c), bool)
    pattern[low:high] = True
    mask = np.resize(pattern.reshape(-1), count)
    mask.flags.writeable = False
    return mask


def _keep_first(found, shifted, kw, c):
    """Of several that are True in a row of a window, keep the first."""
    for d in range(1, kw):  # what is d columns before, in the same window, and was not taken back itself
        mask = _columns(found.size, kw, c, d, d + 1)
        shifted[: d * c] = False
        np.copyto(shifted[d * c :], found[: -d * c])
        for nearer in range(1, d):
            np.logical_or(shifted[d * c :], found[(d - nearer) * c : -nearer * c], out=shifted[d * c :])
        np.logical_and(shifted, mask, out=shifted)
        np.greater(found, shifted, out=found)


def _note_windows(found, taken, shifted, kw, c, first):
    """Let `taken` be True in every column of the windows that have an element in `found`."""
    if first:
        taken[...] = found
    else:
        np.logical_or(taken, found, out=taken)
    for d in range(1, kw):
        size = found.size - d * c
        after, before = _columns(found.size, kw, c, d, kw)[d * c :], _columns(found.size, kw, c, 0, kw - d)[:size]
        np.logical_or(taken[d * c :], np.logical_and(found[:size], after, out=shifted[:size]), out=taken[d * c :])
        np.logical_or(taken[:size], np.logical_and(found[d * c :], before, out=shifted[:size]), out=taken[:size])


def mean(x, y, slide):
    """The mean of the elements that are inside, of each window of `x`, into `y`."""

    def one(block):
        images, rows = block
        for ys, xs, count in combined(np.add, x[images], y[images], slide, rows):
            np.divide(y[images, ys, xs], count, out=y[images, ys, xs])

    each_block(one, y)


def mean_grad(g, out, slide):
    """The adjoint of `mean`, of the cotangent `g` into `out`."""
    if not out.size:
        return
    over = shares(out.shape[1:3], g.shape[1:3], slide, g.dtype)
    covered = _covered(g, out, slide)
    turned = Slide(slide.kernel, (1, 1), tuple(k - 1 - f for k, f in zip(slide.kernel, slide.first, strict=True)))

    def one(image):
        target = out[image : image + 1]
        share = scratch(2, g[0].size, g.dtype).reshape(1, *g.shape[1:])
        np.divide(g[image : image + 1], over, out=share)
        if covered:
            spread = target.reshape(g.shape[1], slide.kernel[0], g.shape[2], slide.kernel[1], -1)
            spread[...] = share[0, :, None, :, None]
        elif slide.strides == (1, 1):
            for part in row_parts(out):
                for ys, xs, count in combined(np.add, share, target, turned, part):
                    if not count:
                        target[:, ys, xs] = 0
        else:
            target.fill(0)
            for to, into in taps(out.shape[1:3], g.shape[1:3], slide, slice(0, g.shape[1])):
                np.add(target[into], share[to], out=target[into])

    each_image(one, out)


def _covered(y, x, slide):
    """True if windows lie side by side and cover all of `x`, whose elements lie together."""
    sizes = zip(y.shape[1:3], slide.kernel, slide.strides, x.shape[1:3], strict=True)
    return (
        x.flags.c_contiguous
        and slide.first == (0, 0)
        and all(o * k == n and (k == s or o == 1) for o, k, s, n in sizes)
    )


def shares(sizes, out, slide, dtype):
    """How many elements of each window are inside: `[oh, ow, 1]`."""
    counts = []
    for size, n, k, first, stride in zip(sizes, out, slide.kernel, slide.first, slide.strides, strict=True):
        starts = np.arange(n) * stride - first
        counts.append(np.minimum(starts + k, size) - np.maximum(starts, 0))
    return np.multiply.outer(*counts)[..., None].astype(dtype)
