"""Convolution by 3x3 with 36 multiplications where there were 144: Winograd's F(4x4, 3x3), on request only.

As `winograd.py` with larger pieces: 6x6 of the input give 4x4 of the output. The matrices hold numbers from 1/24 to 8,
so the error is some ten times that of the plain sums (docs/decisions/0010). Each transform is a matrix along rows and
then along columns; the filter's gradient is the exact adjoint.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.tiles import cut
from npslim.fast.workers import each

PIECES = 256  # of a tile
INPUT = np.array(
    [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0],
     [0, 4, 0, -5, 0, 1]], float,
)  # fmt: skip
OUTPUT = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], float)
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
FILTER = np.kron(G, G)
TURNED = FILTER[:, ::-1]


def correlate(x, w, y, first, turned=False):
    """`x` by filters `w` `[3, 3, c, o]` into `y`, as `winograd.correlate`."""
    n, oh, ow, o = y.shape
    factors = scratch(3, 36 * w[0, 0].size, w.dtype).reshape(36, *w.shape[2:])
    np.matmul((TURNED if turned else FILTER).astype(w.dtype), w.reshape(9, -1), out=factors.reshape(36, -1))
    if turned:
        factors = factors.transpose(0, 2, 1)

    def one(tile):
        v = _transformed_input(x, first, tile, -(-ow // 4))
        m = scratch(6, 36 * v.shape[1] * o, x.dtype).reshape(36, v.shape[1], o)
        for k in range(36):
            product(v[k], factors[k], m[k])
        _untransform(m, tile, y)

    each(one, _tiles(n, oh, ow))


def correlate_filter(x, g, w, first):
    """The gradient of `correlate` by its filter, into `w`."""
    n, oh, ow, o = g.shape
    c = x.shape[3]
    sums = scratch(3, 36 * c * o, w.dtype).reshape(36, c, o)
    if not g.size:
        sums.fill(0)
    for number, tile in enumerate(_tiles(n, oh, ow)):
        v, u = _transformed_input(x, first, tile, -(-ow // 4)), _transformed_cotangent(g, tile)
        each(lambda k, v=v, u=u, add=number > 0: product(v[k].T, u[k], sums[k], add), range(36))
    np.matmul(FILTER.T.astype(w.dtype), sums.reshape(36, -1), out=w.reshape(9, -1))


def _tiles(n, oh, ow):
    return cut(n, -(-oh // 4), -(-ow // 4), PIECES)


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


def _transformed_input(x, first, tile, tw):
    """B^T x B of every piece: `[36, pieces, c]`."""
    (images, rows), c = tile, x.shape[3]
    n, th = images.stop - images.start, rows.stop - rows.start
    padded = _padded(x, (4 * rows.start - first[0], -first[1]), images, 4 * th + 2, 4 * tw + 2)
    tall = scratch(4, 6 * n * th * (4 * tw + 2) * c, x.dtype).reshape(6, n, th, 4 * tw + 2, c)
    _combine(INPUT, [padded[:, i : i + 4 * th - 3 : 4] for i in range(6)], tall)
    v = scratch(5, 36 * n * th * tw * c, x.dtype).reshape(6, 6, n, th, tw, c)
    _combine(INPUT, [tall[..., j : j + 4 * tw - 3 : 4, :] for j in range(6)], v.swapaxes(0, 1))
    return v.reshape(36, n * th * tw, c)


def _padded(x, start, images, height, width):
    """`height` rows and `width` columns of the images from `start` on, zeros where there is no input."""
    (y0, x0), (h, w, c) = start, x.shape[1:]
    part = scratch(2, (images.stop - images.start) * height * width * c, x.dtype).reshape(-1, height, width, c)
    part.fill(0)
    top, left = max(0, -y0), max(0, -x0)
    found = x[images, max(0, y0) : max(0, min(h, y0 + height)), max(0, x0) : max(0, min(w, x0 + width))]
    part[:, top : top + found.shape[1], left : left + found.shape[2]] = found
    return part


def _untransform(m, tile, y):
    """A^T m A of every piece, into the tile's rows of `y`."""
    (images, rows), (_, _, ow, o) = tile, y.shape
    n, th, tw = images.stop - images.start, rows.stop - rows.start, -(-ow // 4)
    tall = scratch(4, 24 * n * th * tw * o, y.dtype).reshape(4, 6, n, th, tw, o)
    _combine(OUTPUT, list(m.reshape(6, 6, n, th, tw, o)), tall)
    whole = scratch(2, 16 * n * th * tw * o, y.dtype).reshape(n, th, 4, tw, 4, o)
    for k in range(4):
        _combine(OUTPUT, list(tall[k]), [whole[:, :, k, :, j] for j in range(4)])
    target = y[images, 4 * rows.start : 4 * rows.stop]
    target[...] = whole.reshape(n, 4 * th, 4 * tw, o)[:, : target.shape[1], :ow]


def _transformed_cotangent(g, tile):
    """A g A^T of every piece: `[36, pieces, o]`."""
    (images, rows), o = tile, g.shape[3]
    n, th, tw = images.stop - images.start, rows.stop - rows.start, -(-g.shape[2] // 4)
    padded = _padded(g, (4 * rows.start, 0), images, 4 * th, 4 * tw).reshape(n, th, 4, tw, 4, o)
    tall = scratch(4, 24 * n * th * tw * o, g.dtype).reshape(6, n, th, tw, 4, o)
    _combine(OUTPUT.T, [padded[:, :, i] for i in range(4)], tall)
    u = scratch(6, 36 * n * th * tw * o, g.dtype).reshape(6, 6, n, th, tw, o)
    _combine(OUTPUT.T, [tall[:, :, :, :, j] for j in range(4)], u.swapaxes(0, 1))
    return u.reshape(36, n * th * tw, o)
