"""Convolution by 3x3 with 16 multiplications where there were 36: Winograd's F(2x2, 3x3) (Lavin and Gray, 2015).

A piece of 4x4 of the input gives 2x2 of the output. Input, filter and output go through small fixed matrices,

    y = A^T [(G w G^T) * (B^T x B)] A,

and what is between is 16 products of matrices over all pieces. The gradients are the exact adjoints. The error is that
of sums in which each element stands for the largest in its piece.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.tiles import cut
from npslim.fast.workers import each

PIECES, ELEMENTS = 512, 1 << 18  # of a tile at the least: pieces, or elements of one of their places
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
FILTER = np.kron(G, G)  # from the 9 elements of a filter to the 16 factors
TURNED = FILTER[:, ::-1]


def correlate(x, w, y, first, turned=False):
    """`x` by filters `w` `[3, 3, c, o]` into `y`, as `conv.correlate`; by `[3, 3, o, c]` turned round if `turned`."""
    n, oh, ow, o = y.shape
    factors = scratch(3, 16 * w[0, 0].size, w.dtype).reshape(16, *w.shape[2:])
    matrix = (TURNED if turned else FILTER).astype(w.dtype)
    np.matmul(matrix, w.reshape(9, -1), out=factors.reshape(16, -1))
    if turned:
        factors = factors.transpose(0, 2, 1)

    def one(tile):
        v = transformed_input(x, first, tile, (ow + 1) // 2)
        m = scratch(6, 16 * v.shape[1] * o, x.dtype).reshape(16, v.shape[1], o)
        each(lambda k: product(v[k], factors[k], m[k]), range(16))
        untransform(m, tile, y)

    each(one, _tiles(y, x.shape[3]))


def correlate_filter(x, g, w, first):
    """The gradient of `correlate` by its filter, into `w`."""
    n, oh, ow, o = g.shape
    c = x.shape[3]
    sums = scratch(3, 16 * c * o, w.dtype).reshape(16, c, o)
    if not g.size:
        sums.fill(0)
    for number, tile in enumerate(_tiles(g, c)):
        v, u = transformed_input(x, first, tile, (ow + 1) // 2), transformed_cotangent(g, tile)
        each(lambda k, v=v, u=u, add=number > 0: product(v[k].T, u[k], sums[k], add), range(16))
    np.matmul(FILTER.T.astype(w.dtype), sums.reshape(16, -1), out=w.reshape(9, -1))


def _tiles(y, c):
    """(images, rows) of pieces: the fewer channels, the more at once, for BLAS is quicker on tall matrices."""
    n, oh, ow, o = y.shape
    return cut(n, (oh + 1) // 2, (ow + 1) // 2, max(PIECES, ELEMENTS // max(1, c, o)))


def _by_parts(work, tile, *arrays):
    """`work(images, rows, *views)` on parts of a tile, views of the arrays `[..., images, rows, columns, c]`."""
    images, rows = tile
    n, th = images.stop - images.start, rows.stop - rows.start

    def one(part):
        i, j = part
        here = slice(images.start + i.start, images.start + i.stop), slice(rows.start + j.start, rows.start + j.stop)
        work(*here, *(array[..., i, j, :, :] for array in arrays))

    each(one, cut(n, th, 1, -(-n * th // 4)))


# ---- B^T x B


def transformed_input(x, first, tile, tw):
    """B^T x B of every piece: `[16, pieces, c]`."""
    (images, rows), c = tile, x.shape[3]
    n, th = images.stop - images.start, rows.stop - rows.start
    v = scratch(5, 16 * n * th * tw * c, x.dtype)
    _by_parts(lambda *part: transform_input(x, first, *part), tile, v.reshape(4, 4, n, th, tw, c))
    return v.reshape(16, n * th * tw, c)


def transform_input(x, first, images, rows, v):
    """B^T x B of the pieces in these rows, into `v` `[4, 4, n, th, tw, c]`."""
    _, _, n, th, tw, c = v.shape
    parts = even_and_odd(x, first, images, rows, tw)
    mixed = scratch(4, 8 * n * th * (tw + 1) * c, x.dtype).reshape(4, 2, n, th, tw + 1, c)
    d = [parts[:, :, i : i + 2 * th - 1 : 2] for i in range(4)]
    _mix(d[0], d[1], d[2], d[3], mixed)
    even, odd = mixed[:, 0], mixed[:, 1]
    _mix(even[..., :-1, :], odd[..., :-1, :], even[..., 1:, :], odd[..., 1:, :], v.swapaxes(0, 1))


def _mix(d0, d1, d2, d3, out):
    np.subtract(d0, d2, out=out[0])
    np.add(d1, d2, out=out[1])
    np.subtract(d2, d1, out=out[2])
    np.subtract(d1, d3, out=out[3])


def even_and_odd(x, first, images, rows, tw):
    """Padded rows of `x`, even columns and odd ones: `[2, n, 2 * rows + 2, tw + 1, c]`."""
    n, count = images.stop - images.start, 2 * (rows.stop - rows.start) + 2
    h, w, c = x.shape[1:]
    parts = scratch(2, 2 * n * count * (tw + 1) * c, x.dtype).reshape(2, n, count, tw + 1, c)
    y0 = 2 * rows.start - first[0]
    before, begin, end = max(0, -y0), max(0, y0), min(h, y0 + count)
    after = before + max(0, end - begin)
    parts[:, :, :before] = 0
    parts[:, :, after:] = 0
    for odd in (0, 1):
        # column 2 p + odd of the padded input is column 2 p + odd - first[1] of the input
        p0 = max(0, -(-(first[1] - odd) // 2))
        x0 = 2 * p0 + odd - first[1]
        across = min(tw + 1 - p0, len(range(x0, w, 2)))
        inner = parts[odd, :, before:after]
        inner[:, :, :p0] = 0
        inner[:, :, p0 + across :] = 0
        inner[:, :, p0 : p0 + across] = x[images, begin:end, x0 : x0 + 2 * across : 2]
    return parts


# ---- A^T m A


def untransform(m, tile, y):
    """A^T m A of every piece, into the tile's rows of `y`."""
    (images, rows), (_, _, ow, o) = tile, y.shape
    n, th, tw = images.stop - images.start, rows.stop - rows.start, (ow + 1) // 2

    def one(images, rows, m):
        count = m[0, 0].size
        s = scratch(4, 8 * count, y.dtype).reshape(2, *m.shape[1:])
        _unmix(*m, *s)
        for i in (0, 1):
            target = y[images, 2 * rows.start + i : 2 * rows.stop : 2]
            part = s[i][:, :, : target.shape[1]]
            left, right = target[:, :, ::2], target[:, :, 1::2]
            np.add(part[0], part[1], out=part[0])
            np.add(part[0], part[2], out=left)
            np.subtract(part[1], part[2], out=part[1])
            np.subtract(part[1][:, :, : right.shape[2]], part[3][:, :, : right.shape[2]], out=right)

    _by_parts(one, tile, m.reshape(4, 4, n, th, tw, o))


def _unmix(m0, m1, m2, m3, s0, s1):
    np.add(m0, m1, out=s0)
    np.add(s0, m2, out=s0)
    np.subtract(m1, m2, out=s1)
    np.subtract(s1, m3, out=s1)


def transformed_cotangent(g, tile):
    """A g A^T of every piece: `[16, pieces, o]`."""
    (images, rows), o = tile, g.shape[3]
    n, th, tw = images.stop - images.start, rows.stop - rows.start, (g.shape[2] + 1) // 2
    u = scratch(6, 16 * n * th * tw * o, g.dtype)
    _by_parts(lambda *part: transform_cotangent(g, *part), tile, u.reshape(4, 4, n, th, tw, o))
    return u.reshape(16, n * th * tw, o)


def transform_cotangent(g, images, rows, u):
    """A g A^T of the pieces in these rows, into `u` `[4, 4, n, th, tw, o]`."""
    _, _, n, th, tw, o = u.shape
    parts = scratch(2, 4 * n * th * tw * o, g.dtype).reshape(2, 2, n, th, tw, o)
    for i in (0, 1):
        for j in (0, 1):
            source = g[images, 2 * rows.start + i : 2 * rows.stop : 2, j::2]
            if source.shape[1:3] != (th, tw):
                parts[i, j] = 0
            parts[i, j][:, : source.shape[1], : source.shape[2]] = source
    mixed = scratch(4, 8 * n * th * tw * o, g.dtype).reshape(4, 2, n, th, tw, o)
    _spread(parts[0], parts[1], mixed)
    _spread(mixed[:, 0], mixed[:, 1], u.swapaxes(0, 1))


def _spread(g0, g1, out):
    out[0] = g0
    np.add(g0, g1, out=out[1])
    np.subtract(g0, g1, out=out[2])
    np.negative(g1, out=out[3])
