"""Convolutions without columns: BLAS reads the windows where they lie.

Pad the input, as rows of `width` places. A row of a window is then kw * c numbers that lie together, and those of the
windows r, r + q, r + 2q ... (q strides are at least kw) do not overlap: they are the rows of a matrix that is there
already. So a convolution is kh * q products of matrices, added up, and no element is copied except into the padding:

    y[r::q] += rows(x, i, r) . w[i]            for each row i of the filter, for each r < q
    gradient by w[i] += rows(x, i, r)^T . g[r::q]
    gradient by x = for each place of a stride a convolution of g by every stride-th element of the turned filter

The work is cut into tiles of a size that the shape alone decides.
"""

from dataclasses import dataclass

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import product

TILE = 3 << 19  # bytes of a tile's input and output together
PLACES = 2048  # the least places of a tile


@dataclass(frozen=True)
class Slide:
    """Windows of `kernel` elements, moved by `strides`: y[p] is the sum of x[p * strides - first + i] w[i]."""

    kernel: tuple
    strides: tuple
    first: tuple


class Tile:
    """What some images' output rows need of the input, padded; for each place of the stride in height, as flat rows.

    `places` counts the rows of the matrices; `grid` is their shape as images, rows and columns, of which `valid` holds
    the output's.
    """

    def __init__(self, x, slide, out, images, rows):
        (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
        n, (y0, y1) = images.stop - images.start, (rows.start, rows.stop)
        h, w, c = x.shape[1:]
        oh, ow = out
        self.c, self.kernel, self.strides = c, slide.kernel, slide.strides
        # the input's rows that the tile sees, from `begin`, and where the first of them goes
        begin, before = max(0, y0 * sh - top), max(0, top - y0 * sh)
        end = min(h, (y1 - 1) * sh - top + kh)
        used = max(0, end - begin)
        shared = (y1 - y0 - 1) * sh + kh - before if n > 1 else (y1 - y0 - 1) * sh + kh
        height = -(-max(before + used, shared, (y1 - y0) * sh) // sh)
        left_begin, left_before = max(0, -left), max(0, left)
        across = max(0, min(w, (ow - 1) * sw - left + kw) - left_begin)
        self.width = -(-max(left_before + across, (ow - 1) * sw + kw - left_before, ow * sw) // sw) * sw
        self.grid = (n, height, self.width // sw)
        self.valid = (slice(None), slice(0, y1 - y0), slice(0, ow))
        self.places = ((n - 1) * height + y1 - y0) * self.grid[2]
        margin = (kh // sh + 1) * self.width + kw + 2 * kw * sw
        size = n * height * self.width
        flat = scratch(2, sh * (size + margin) * c, x.dtype)
        flat.fill(0)
        self.flat = flat.reshape(sh, (size + margin) * c)
        inner = self.flat[:, : size * c].reshape(sh, n, height, self.width, c)
        for place in range(sh):
            skip = (place - before) % sh  # the first of the input's rows, from `begin`, that goes to this place
            count = len(range(skip, used, sh))
            at = (before + skip) // sh
            inner[place, :, at : at + count, left_before : left_before + across] = x[
                images, begin + skip : begin + used : sh, left_begin : left_begin + across
            ]

    def rows(self, i, r):
        """Row `i` of the windows r, r + q, r + 2q ...: a matrix `[m, kw * c]`."""
        kw, (sh, sw) = self.kernel[1], self.strides
        step, start = self.q * sw * self.c, ((i // sh) * self.width + r * sw) * self.c
        count = -(-(self.places - r) // self.q)
        return self.flat[i % sh, start : start + count * step].reshape(count, step)[:, : kw * self.c]

    @property
    def q(self):
        return -(-self.kernel[1] // self.strides[1])


def tiles(x, slide, out, depth):
    """(images, rows) of each tile."""
    n, (oh, ow) = x.shape[0], out
    places = max(PLACES, TILE // (x.itemsize * (x.shape[3] * slide.strides[0] * slide.strides[1] + depth)))
    if oh * ow >= places:
        step = -(-oh // -(-oh * ow // places))
        for i in range(n):
            for row in range(0, oh, step):
                yield slice(i, i + 1), slice(row, min(oh, row + step))
    else:
        step = max(1, places // (oh * ow))
        for i in range(0, n, step):
            yield slice(i, min(n, i + step)), slice(0, oh)


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, o]` into `y` `[n, oh, ow, o]`; zeros lie around x."""
    kh, kw, c, o = w.shape
    matrices = np.ascontiguousarray(w).reshape(kh, kw * c, o)
    for images, rows in tiles(x, slide, y.shape[1:3], o):
        tile = Tile(x, slide, y.shape[1:3], images, rows)
        sums = scratch(3, np.prod(tile.grid) * o, y.dtype).reshape(-1, o)
        for i in range(kh):
            for r in range(tile.q):
                product(tile.rows(i, r), matrices[i], sums[r : tile.places : tile.q], add=i > 0)
        y[images, rows] = sums.reshape(*tile.grid, o)[tile.valid]


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    kh, kw, c, o = w.shape
    matrices = w.reshape(kh, kw * c, o)
    first = True
    for images, rows in tiles(x, slide, g.shape[1:3], o):
        tile = Tile(x, slide, g.shape[1:3], images, rows)
        padded = scratch(3, np.prod(tile.grid) * o, g.dtype)
        padded.fill(0)
        padded.reshape(*tile.grid, o)[tile.valid] = g[images, rows]
        padded = padded.reshape(-1, o)
        for i in range(kh):
            for r in range(tile.q):
                product(tile.rows(i, r).T, padded[r : tile.places : tile.q], matrices[i], add=not first or r > 0)
        first = False
    if first:
        w.fill(0)


def correlate_input(g, w, x, slide):
    """The gradient of `correlate` by its input, into `x`, for the cotangent `g` of y."""
    (sh, sw), (top, left) = slide.strides, slide.first
    turned = w.transpose(0, 1, 3, 2)
    for a in range(sh):
        i, u = (a + top) % sh, (a + top) // sh
        for b in range(sw):
            j, v = (b + left) % sw, (b + left) // sw
            part, target = turned[i::sh, j::sw][::-1, ::-1], x[:, a::sh, b::sw]
            if part.size and target.size:
                first = part.shape[0] - 1 - u, part.shape[1] - 1 - v
                correlate(g, part, target, Slide(part.shape[:2], (1, 1), first))
            else:
                target[...] = 0
