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

PIECES = 512  # of a tile
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
FILTER = np.kron(G, G)  # from the 9 elements of a filter to the 16 factors
TURNED = FILTER[:, ::-1]


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


def transformed_input(x, first, images, rows, tw):
    """B^T x B of every piece: `[4, 4, pieces, c]`."""
    parts = even_and_odd(x, first, images, rows, tw)
    _, n, count, _, c = parts.shape
    th = rows.stop - rows.start
    mixed = scratch(4, 4 * parts.size // 2, x.dtype)[: 4 * 2 * n * th * (tw + 1) * c].reshape(4, 2, n, th, tw + 1, c)
    d0, d1, d2, d3 = (parts[:, :, i : i + 2 * th - 1 : 2] for i in range(4))
    np.subtract(d0, d2, out=mixed[0])
    np.add(d1, d2, out=mixed[1])
    np.subtract(d2, d1, out=mixed[2])
    np.subtract(d1, d3, out=mixed[3])
    v = scratch(5, 16 * n * th * tw * c, x.dtype).reshape(4, 4, n, th, tw, c)
    d0, d1, d2, d3 = mixed[:, 0, :, :, :-1], mixed[:, 1, :, :, :-1], mixed[:, 0, :, :, 1:], mixed[:, 1, :, :, 1:]
    np.subtract(d0, d2, out=v[:, 0])
    np.add(d1, d2, out=v[:, 1])
    np.subtract(d2, d1, out=v[:, 2])
    np.subtract(d1, d3, out=v[:, 3])
    return v.reshape(16, n * th * tw, c)


def correlate(x, w, y, first, turned=False):
    """`x` by filters `w` `[3, 3, c, o]` into `y`, as `conv.correlate`; by `[3, 3, o, c]` turned round if `turned`."""
    n, oh, ow, o = y.shape
    factors = scratch(3, 16 * w[0, 0].size, w.dtype).reshape(16, *w.shape[2:])
    matrix = (TURNED if turned else FILTER).astype(w.dtype)
    np.matmul(matrix, w.reshape(9, -1), out=factors.reshape(16, -1))
    if turned:
        factors = factors.transpose(0, 2, 1)
    th, tw = oh + 1 >> 1, ow + 1 >> 1
    for images, rows in cut(n, th, tw, PIECES):
        v = transformed_input(x, first, images, rows, tw)
        m = scratch(6, 16 * v.shape[1] * o, x.dtype).reshape(16, v.shape[1], o)
        for k in range(16):
            product(v[k], factors[k], m[k])
        m = m.reshape(4, 4, v.shape[1], o)
        s = scratch(5, 2 * m[0].size, x.dtype).reshape(2, *m.shape[1:])
        np.add(m[0], m[1], out=s[0])
        np.add(s[0], m[2], out=s[0])
        np.subtract(m[1], m[2], out=s[1])
        np.subtract(s[1], m[3], out=s[1])
        s = s.reshape(2, 4, images.stop - images.start, rows.stop - rows.start, tw, o)
        for i in (0, 1):
            target = y[images, 2 * rows.start + i : 2 * rows.stop : 2]
            part = s[i][:, :, : target.shape[1]]
            left, right = target[:, :, ::2], target[:, :, 1::2]
            np.add(part[0], part[1], out=part[0])
            np.add(part[0], part[2], out=left)
            np.subtract(part[1], part[2], out=part[1])
            np.subtract(part[1][:, :, : right.shape[2]], part[3][:, :, : right.shape[2]], out=right)


def correlate_filter(x, g, w, first):
    """The gradient of `correlate` by its filter, into `w`."""
    n, oh, ow, o = g.shape
    c = x.shape[3]
    sums = scratch(3, 16 * c * o, w.dtype).reshape(16, c, o)
    th, tw = oh + 1 >> 1, ow + 1 >> 1
    add = False
    for images, rows in cut(n, th, tw, PIECES):
        v = transformed_input(x, first, images, rows, tw)
        u = transformed_cotangent(g, images, rows, tw)
        for k in range(16):
            product(v[k].T, u[k], sums[k], add)
        add = True
    np.matmul(FILTER.T.astype(w.dtype), sums.reshape(16, -1), out=w.reshape(9, -1))


def transformed_cotangent(g, images, rows, tw):
    """A g A^T of every piece: `[16, pieces, o]`."""
    n, th, o = images.stop - images.start, rows.stop - rows.start, g.shape[3]
    parts = scratch(2, 4 * n * th * tw * o, g.dtype).reshape(2, 2, n, th, tw, o)
    for i in (0, 1):
        for j in (0, 1):
            source = g[images, 2 * rows.start + i : 2 * rows.stop : 2, j::2]
            if source.shape[1:3] != (th, tw):
                parts[i, j] = 0
            parts[i, j][:, : source.shape[1], : source.shape[2]] = source
    mixed = scratch(4, 8 * n * th * tw * o, g.dtype).reshape(4, 2, n, th, tw, o)
    mixed[0] = parts[0]
    np.add(parts[0], parts[1], out=mixed[1])
    np.subtract(parts[0], parts[1], out=mixed[2])
    np.negative(parts[1], out=mixed[3])
    u = scratch(6, 16 * n * th * tw * o, g.dtype).reshape(4, 4, n, th, tw, o)
    u[:, 0] = mixed[:, 0]
    np.add(mixed[:, 0], mixed[:, 1], out=u[:, 1])
    np.subtract(mixed[:, 0], mixed[:, 1], out=u[:, 2])
    np.negative(mixed[:, 1], out=u[:, 3])
    return u.reshape(16, n * th * tw, o)
