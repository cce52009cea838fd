"""The transforms of Winograd's F(4x4, 3x3), with 36 multiplications where there were 144: on request only.

The matrices hold numbers from 1/24 to 8, so the error is some ten times that of the plain sums (docs/decisions/0010).
Each transform is a matrix along rows and then along columns; the filter's gradient is the exact adjoint.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.winograd import Winograd

PIECES = 256  # of a tile
INPUT = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
     [0, 4, 0, -5, 0, 1]], float,
)  # fmt: skip
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], float)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24


def pieces(total, c, o):
    return PIECES


def _combine(matrix, sources, targets):
    """targets[k] = sum of matrix[k, i] * sources[i], without other memory than one working array."""
    for row, target in zip(matrix, targets, strict=True):
        terms = [(factor, source) for factor, source in zip(row, sources, strict=True) if factor]
        term = scratch(8, target.size, target.dtype).reshape(target.shape)
        np.multiply(terms[0][1], target.dtype.type(terms[0][0]), out=target)
        for factor, source in terms[1:]:
            if abs(factor) != 1:
                source = np.multiply(source, target.dtype.type(abs(factor)), out=term)
            (np.add if factor > 0 else np.subtract)(target, source, out=target)


def transform_input(x, first, images, rows, v):
    """B^T x B of the pieces in these rows, into `v` `[6, 6, n, th, tw, c]`."""
    _, _, n, th, tw, c = v.shape
    padded = _padded(x, (4 * rows.start - first[0], -first[1]), images, 4 * th + 2, 4 * tw + 2)
    tall = scratch(4, 6 * n * th * (4 * tw + 2) * c, x.dtype).reshape(6, n, th, 4 * tw + 2, c)
    _combine(INPUT, [padded[:, i : i + 4 * th - 3 : 4] for i in range(6)], tall)
    _combine(INPUT, [tall[..., j : j + 4 * tw - 3 : 4, :] for j in range(6)], v.swapaxes(0, 1))


def _padded(x, start, images, height, width):
    """`height` rows and `width` columns of the images from `start` on, zeros where there is no input."""
    (y0, x0), (h, w, c) = start, x.shape[1:]
    part = scratch(2, (images.stop - images.start) * height * width * c, x.dtype).reshape(-1, height, width, c)
    part.fill(0)
    top, left = max(0, -y0), max(0, -x0)
    found = x[images, max(0, y0) : max(0, min(h, y0 + height)), max(0, x0) : max(0, min(w, x0 + width))]
    part[:, top : top + found.shape[1], left : left + found.shape[2]] = found
    return part


def untransform(y, images, rows, m):
    """A^T m A of the pieces in these rows, into theirs of `y`."""
    _, _, n, th, tw, o = m.shape
    tall = scratch(4, 24 * n * th * tw * o, y.dtype).reshape(4, 6, n, th, tw, o)
    _combine(OUTPUT, list(m), tall)
    whole = scratch(2, 16 * n * th * tw * o, y.dtype).reshape(n, th, 4, tw, 4, o)
    for k in range(4):
        _combine(OUTPUT, list(tall[k]), [whole[:, :, k, :, j] for j in range(4)])
    target = y[images, 4 * rows.start : 4 * rows.stop]
    target[...] = whole.reshape(n, 4 * th, 4 * tw, o)[:, : target.shape[1], : target.shape[2]]


def transform_cotangent(g, images, rows, u):
    """A g A^T of the pieces in these rows, into `u` `[6, 6, n, th, tw, o]`."""
    _, _, n, th, tw, o = u.shape
    padded = _padded(g, (4 * rows.start, 0), images, 4 * th, 4 * tw).reshape(n, th, 4, tw, 4, o)
    tall = scratch(4, 24 * n * th * tw * o, g.dtype).reshape(6, n, th, tw, 4, o)
    _combine(OUTPUT.T, [padded[:, :, i] for i in range(4)], tall)
    _combine(OUTPUT.T, [tall[:, :, :, :, j] for j in range(4)], u.swapaxes(0, 1))


WINOGRAD = Winograd(4, np.kron(G, G), pieces, transform_input, transform_cotangent, untransform)
