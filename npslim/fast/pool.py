"""Pooling by taps: one pass over a part of the input that stays in cache, for each place of the window.

The maximum's gradient needs no positions: in the order of the taps, each element that equals its window's maximum takes
the cotangent if none before it did.
"""

import itertools

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.tiles import stretches
from npslim.fast.workers import each

BLOCK = 1 << 15  # elements of the result in a part


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

    def one(image):
        source, target = x[image : image + 1], y[image : image + 1]
        for part in row_parts(y):
            if not whole:
                target[:, part] = -np.inf
            for number, (out, into) in enumerate(taps(x.shape[1:3], y.shape[1:3], slide, part)):
                if whole and number == 0:
                    target[out] = source[into]
                else:
                    np.maximum(target[out], source[into], out=target[out])

    each_image(one, y)


def maximum_grad(x, y, g, out, slide):
    """The cotangent `g` of `y`, the maxima of `x`, put where each window has its first maximum, into `out`.

    No element of y may be NaN.
    """
    bits = np.dtype(f"i{x.itemsize}")
    apart = all(k <= s for k, s in zip(slide.kernel, slide.strides, strict=True))

    def one(image):
        source, maxima = x[image : image + 1], y[image : image + 1]
        cotangent, target = g[image : image + 1].view(bits), out[image : image + 1]
        target.fill(0)
        for part in row_parts(y):
            shape = (1, part.stop - part.start, *y.shape[2:])
            count = shape[1] * shape[2] * shape[3]
            free = scratch(0, count, np.dtype(bool)).reshape(shape)
            free.fill(True)
            chosen, masks = scratch(1, count, np.dtype(bool)), scratch(2, count, bits)
            for to, into in taps(x.shape[1:3], y.shape[1:3], slide, part):
                here = free[:, to[1].start - part.start : to[1].stop - part.start, to[2]]
                found = chosen[: here.size].reshape(here.shape)
                np.equal(source[into], maxima[to], out=found)
                np.logical_and(found, here, out=found)
                np.logical_xor(here, found, out=here)
                mask = masks[: here.size].reshape(here.shape)
                mask[...] = np.negative(found.view(np.int8), out=found.view(np.int8))
                if apart:
                    np.bitwise_and(cotangent[to], mask, out=target[into].view(bits))
                else:
                    np.bitwise_and(cotangent[to], mask, out=mask)
                    np.add(target[into], mask.view(x.dtype), out=target[into])

    each_image(one, y)


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
