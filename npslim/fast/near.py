"""Local response normalization and its parts: sums over near channels, and powers.

The channels of some rows lie in one line, zeros between them. A line and itself, shifted, add up to the sums of 2
elements, those of 4, and so on: four passes make sums of 9. A block of rows stays in cache.

before: arena.py, tiles.py   next: kernels.py
"""

import numpy as np

from npslim.fast.arena import scratch, take
from npslim.fast.tiles import halves, rows
from npslim.fast.workers import each

BLOCK = 1 << 17  # elements that are summed up at once
LONG = 1 << 18  # elements of powers taken at once
SMALL = 1 << 12  # elements: below, the plain kernel is as quick
ROOTS = {0.75, -0.75, -0.5}  # powers that NumPy takes by a logarithm


def local_response_normalization(arena, input, *, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5):
    """`ops.normalize.local_response_normalization`."""
    if not _is_known(input):
        return None
    x, y = rows(input), take(arena, input.shape, input.dtype)
    target, exponent = rows(y), input.dtype.type(beta)

    def one(part):
        line, inner = _line(part.stop - part.start, x.shape[1], depth_radius, x.dtype)
        np.multiply(x[part], x[part], out=inner)
        sums, found = _sums(line, inner, depth_radius)
        np.multiply(sums, alpha, out=sums)
        np.add(sums, bias, out=sums)
        _to_the_power(sums, exponent, sums)
        np.divide(x[part], found, out=target[part])

    each(one, halves(len(x), max(1, BLOCK // x.shape[1])))
    return y


def sum_of_near(arena, x, *, radius):
    """`ops.normalize.sum_of_near`."""
    if not _is_known(x):
        return None
    y = take(arena, x.shape, x.dtype)
    source, target = rows(x), rows(y)

    def one(part):
        line, inner = _line(part.stop - part.start, source.shape[1], radius, x.dtype)
        inner[...] = source[part]
        target[part] = _sums(line, inner, radius)[1]

    each(one, halves(len(source), max(1, BLOCK // source.shape[1])))
    return y


def pow(arena, x, y):
    """`ops.elementwise.pow`, to a power that is a number."""
    if not _is_known(x) or y.shape or y.dtype != x.dtype:
        return None
    z = take(arena, x.shape, x.dtype)
    source, target = x.reshape(-1), z.reshape(-1)
    each(lambda part: _to_the_power(source[part], y[()], target[part]), halves(x.size, LONG))
    return z


def _is_known(x):
    return type(x) is np.ndarray and x.ndim > 0 and x.size >= SMALL and x.flags.c_contiguous


def _line(count, c, radius, dtype):
    """(a line of `count` rows of `c` elements with zeros around each, the rows), in this thread's working memory."""
    radius = min(radius, c - 1)
    line = scratch(0, radius + count * (c + radius), dtype)
    spaced = line[radius:].reshape(count, c + radius)
    line[:radius] = spaced[:, c:] = 0
    return line, spaced[:, :c]


def _sums(line, inner, radius):
    """(sums of each 2 * radius + 1 elements of the line that lie side by side, those of them that are the rows')."""
    (count, c), width, number = inner.shape, 2 * min(radius, inner.shape[1] - 1) + 1, 1
    sums, held, other = line, line, scratch(1, line.size, line.dtype)
    for bit in bin(width)[3:]:
        size = len(sums) - number
        sums = np.add(sums[:size], sums[number:], out=other[:size])
        held, other = other, scratch(2, line.size, line.dtype) if held is line else held
        number *= 2
        if bit == "1":
            sums = np.add(sums[:-1], line[number:], out=sums[:-1])
            number += 1
    return sums, held[: line.size - width // 2].reshape(count, -1)[:, :c]


def _to_the_power(x, exponent, out):
    """`x` to that power, into `out`; roots are as exact, within two roundings, and take a tenth of the time."""
    if exponent not in ROOTS or not x.min() > 0:
        np.power(x, exponent, out=out)
        return
    np.sqrt(x, out=out)
    if abs(exponent) == 0.75:
        np.multiply(out, np.sqrt(out, out=scratch(3, out.size, out.dtype)), out=out)
    if exponent < 0:
        np.divide(1, out, out=out)
