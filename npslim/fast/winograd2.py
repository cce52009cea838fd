"""The transforms of Winograd's F(2x2, 3x3), with 16 multiplications where there were 36: for `winograd.py`.

The matrices hold 0, 1, -1 and 1/2, so the sums are as exact as those of the definition.
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.winograd import Winograd

PIECES, ELEMENTS = 512, 1 << 18  # of a tile at the least: pieces, or elements of one of their places
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


def pieces(total, c, o):
    """The fewer channels, the more at once, for BLAS is quicker on tall matrices; two tiles if that leaves enough."""
    return min(max(PIECES, ELEMENTS // max(1, c, o)), max(2 * PIECES, -(-total // 2)))


# ---- B^T x B


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


def untransform(y, images, rows, m):
    """A^T m A of the pieces in these rows, into theirs of `y`."""
    s = scratch(4, 8 * m[0, 0].size, y.dtype).reshape(2, *m.shape[1:])
    _unmix(*m, *s)
    for i in (0, 1):
        target = y[images, 2 * rows.start + i : 2 * rows.stop : 2]
        part = s[i][:, :, : target.shape[1]]
        left, right = target[:, :, ::2], target[:, :, 1::2]
        np.add(part[0], part[1], out=part[0])
        np.add(part[0], part[2], out=left)
        np.subtract(part[1], part[2], out=part[1])
        np.subtract(part[1][:, :, : right.shape[2]], part[3][:, :, : right.shape[2]], out=right)


def _unmix(m0, m1, m2, m3, s0, s1):
    np.add(m0, m1, out=s0)
    np.add(s0, m2, out=s0)
    np.subtract(m1, m2, out=s1)
    np.subtract(s1, m3, out=s1)


# ---- A g A^T


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


WINOGRAD = Winograd(2, np.kron(G, G), pieces, transform_input, transform_cotangent, untransform)
