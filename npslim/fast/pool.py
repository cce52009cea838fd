"""Pooling by taps: one pass over a part of the input that stays in cache, for each place of the window.

The maximum's gradient needs no positions: in the order of the taps, each element that equals its window's maximum takes
the cotangent if none before it did.
"""

import functools
import itertools

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.tiles import stretches
from npslim.fast.workers import each

BLOCK = 1 << 14  # elements of the result in a part


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
    step = max(1, BLOCK // max(1, y.shape[2] * y.shape[3]))
    return [slice(start, min(y.shape[1], start + step)) for start in range(0, y.shape[1], step)]


def each_image(work, y):
    """`work(number)` for each image of `y`, shared out by as many images as make a block."""

    def some(images):
        for image in range(images.start, images.stop):
            work(image)

    each(some, stretches(len(y), max(1, BLOCK // max(1, y[:1].size))))


def maximum(x, y, slide):
    """The maximum of each window of `x` into `y`."""
    whole = slide.first == (0, 0) and all(
        (o - 1) * s + k <= n for o, s, k, n in zip(y.shape[1:3], slide.strides, slide.kernel, x.shape[1:3], strict=True)
    )
    work = _whole_maxima if whole else _maxima

    def one(image):
        for part in row_parts(y):
            work(x[image : image + 1], y[image : image + 1], slide, part)

    each_image(one, y)


def _maxima(source, target, slide, part):
    """Some rows of an image's maxima, of windows that may reach outside."""
    target[:, part] = -np.inf
    for out, into in taps(source.shape[1:3], target.shape[1:3], slide, part):
        np.maximum(target[out], source[into], out=target[out])


def _whole_maxima(source, target, slide, part):
    """The same of windows that lie inside: first down whole rows, which are long, then across."""
    rows, width, c = part.stop - part.start, source.shape[2], source.shape[3]
    tall = scratch(0, rows * width * c, source.dtype).reshape(1, rows, width, c)
    tall = _largest([source[:, ys] for ys in _steps(part.start, rows, slide.kernel[0], slide.strides[0])], tall)
    wide = [tall[:, :, xs] for xs in _steps(0, target.shape[2], slide.kernel[1], slide.strides[1])]
    if _largest(wide, target[:, part]) is wide[0]:
        target[:, part] = wide[0]


def _steps(start, count, kernel, stride):
    """For each place of a window, the slice of the inputs that `count` windows see there."""
    begin = start * stride
    return [slice(begin + i, begin + i + (count - 1) * stride + 1, stride) for i in range(kernel)]


def _largest(arrays, out):
    """Element by element, into `out`; a single array comes back as it is."""
    if len(arrays) == 1:
        return arrays[0]
    np.maximum(arrays[0], arrays[1], out=out)
    for other in arrays[2:]:
        np.maximum(out, other, out=out)
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
    free = scratch(0, count, np.dtype(bool)).reshape(shape)
    free.fill(True)
    chosen, masks = scratch(1, count, np.dtype(bool)), scratch(2, count, bits)
    for to, into in taps(source.shape[1:3], maxima.shape[1:3], slide, part):
        here = free[:, to[1].start - part.start : to[1].stop - part.start, to[2]]
        found = chosen[: here.size].reshape(here.shape)
        np.equal(source[into], maxima[to], out=found)
        np.logical_and(found, here, out=found)
        np.logical_xor(here, found, out=here)
        mask = masks[: here.size].reshape(here.shape)
        mask[...] = np.negative(found.view(np.int8), out=found.view(np.int8))
        np.bitwise_and(cotangent[to], mask, out=mask)
        np.add(target[into], mask.view(source.dtype), out=target[into])


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
    mask = scratch(2, count, bits)
    for i, ys in enumerate(_steps(part.start, rows, kh, kh)):
        np.equal(source[0, ys, : ow * kw], tops, out=found.reshape(shape))
        if i:
            np.greater(found, taken, out=found)
        _keep_first(found, shifted, kw, c)
        if i < kh - 1:
            _note_windows(found, taken, kw, c, first=i == 0)
        mask[...] = np.negative(found.view(np.int8), out=found.view(np.int8))
        np.bitwise_and(cotangents, mask.reshape(shape), out=target.view(bits)[0, ys, : ow * kw])


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


def _note_windows(found, taken, kw, c, first):
    """Let `taken` be True in every column of the windows that have an element in `found`."""
    if first:
        taken[...] = found
    else:
        np.logical_or(taken, found, out=taken)
    for d in range(1, kw):
        size = found.size - d * c
        after, before = _columns(found.size, kw, c, d, kw)[d * c :], _columns(found.size, kw, c, 0, kw - d)[:size]
        np.logical_or(taken[d * c :], np.logical_and(found[:size], after), out=taken[d * c :])
        np.logical_or(taken[:size], np.logical_and(found[d * c :], before), out=taken[:size])


def mean(x, y, slide):
    """The mean of the elements that are inside, of each window of `x`, into `y`."""
    over = shares(x.shape[1:3], y.shape[1:3], slide, x.dtype)

    def one(image):
        source, target = x[image : image + 1], y[image : image + 1]
        for part in row_parts(y):
            target[:, part] = 0
            for out, into in taps(x.shape[1:3], y.shape[1:3], slide, part):
                np.add(target[out], source[into], out=target[out])
            np.divide(target[:, part], over[part], out=target[:, part])

    each_image(one, y)


def mean_grad(g, out, slide):
    """The adjoint of `mean`, of the cotangent `g` into `out`."""
    over = shares(out.shape[1:3], g.shape[1:3], slide, g.dtype)

    def one(image):
        target = out[image : image + 1]
        target.fill(0)
        for part in row_parts(g):
            share = scratch(2, g[0, part].size, g.dtype).reshape(1, *g[0, part].shape)
            np.divide(g[image : image + 1, part], over[part], out=share)
            for to, into in taps(out.shape[1:3], g.shape[1:3], slide, part):
                of = share[:, to[1].start - part.start : to[1].stop - part.start, to[2]]
                np.add(target[into], of, out=target[into])

    each_image(one, g)


def shares(sizes, out, slide, dtype):
    """How many elements of each window are inside: `[oh, ow, 1]`."""
    counts = []
    for size, n, k, first, stride in zip(sizes, out, slide.kernel, slide.first, slide.strides, strict=True):
        starts = np.arange(n) * stride - first
        counts.append(np.minimum(starts + k, size) - np.maximum(starts, 0))
    return np.multiply.outer(*counts)[..., None].astype(dtype)
