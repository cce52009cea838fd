"""Convolutions without columns: BLAS reads the windows where they lie.

For each output row, put the kh input rows that it sees side by side, padded, place by place. A window is then
kw * kh * c numbers that lie together, and those of the windows r, r + q, r + 2q ... (q strides are at least kw) do not
overlap: they are the rows of a matrix that is there already. So elements are copied kh times, not kh * kw times.

    y[r::q] = windows(x, r) . w                   for each r < q
    gradient by w = sum of windows(x, r)^T . g[r::q]
    gradient by x = for each place of a stride, a convolution of g by every stride-th element of the turned filter

The work is cut into tiles of a size that the shape alone decides.
"""

from dataclasses import dataclass

from npslim.fast.arena import scratch
from npslim.fast.blas import product
from npslim.fast.choice import figures
from npslim.fast.tiles import cut
from npslim.fast.workers import each

TILE = None  # bytes of a tile's input and output together, or None for what was measured
PLACES = 1024  # the least places of a tile
GROUPS = 4  # of tiles, each of which adds up a filter's gradient


@dataclass(frozen=True)
class Slide:
    """Windows of `kernel` elements, moved by `strides`: y[p] is the sum of x[p * strides - first + i] w[i]."""

    kernel: tuple
    strides: tuple
    first: tuple


class Tile:
    """What some images' output rows see of the input: for each output row its kh padded rows, interleaved.

    `grid` is the shape of the matrices' rows as images, rows and columns, of which `valid` holds the output's.
    """

    def __init__(self, x, slide, out, images, rows):
        (kh, kw), (sh, sw), (top, left) = slide.kernel, slide.strides, slide.first
        n, count = images.stop - images.start, rows.stop - rows.start
        h, w, c = x.shape[1:]
        self.slide, self.depth, self.q = slide, kh * c, -(-kw // sw)
        skip, before = max(0, -left), max(0, left)
        across = max(0, min(w, (out[1] - 1) * sw - left + kw) - skip)
        width = -(-max(before + across, (out[1] - 1) * sw + kw - before, out[1] * sw) // sw) * sw
        self.grid, self.valid = (n, count, width // sw), (slice(None), slice(None), slice(0, out[1]))
        self.places = n * count * self.grid[2]
        size, margin = n * count * width * self.depth, (kw + self.q * sw) * self.depth
        self.flat = scratch(2, size + margin, x.dtype)
        self.flat[size:] = 0
        inner = self.flat[:size].reshape(n, count, width, kh, c)
        inner[:, :, :before] = 0
        inner[:, :, before + across :] = 0
        for i in range(kh):
            y = rows.start * sh - top + i  # the input's row for the first output row
            first = min(count, max(0, -(y // sh)))
            last = max(first, min(count, -((y - h) // sh)))
            part = inner[:, :, before : before + across, i]
            part[:, :first] = 0
            part[:, last:] = 0
            if last > first:
                source = x[images, y + first * sh : y + (last - 1) * sh + 1 : sh, skip : skip + across]
                if c < 8:
                    for k in range(c):
                        part[:, first:last, :, k] = source[..., k]
                else:
                    part[:, first:last] = source

    def rows(self, r):
        """The windows r, r + q, r + 2q ...: a matrix `[m, kw * kh * c]`."""
        step, start = self.q * self.slide.strides[1] * self.depth, r * self.slide.strides[1] * self.depth
        count = -(-(self.places - r) // self.q)
        return self.flat[start : start + count * step].reshape(count, step)[:, : self.slide.kernel[1] * self.depth]


def tiles(x, slide, out, depth):
    """(images, rows) of each tile."""
    row = x.itemsize * (x.shape[3] * slide.kernel[0] * slide.strides[1] + depth)
    return cut(x.shape[0], out[0], out[1], max(PLACES, (TILE or figures()["tile"]) // row), PLACES // 4)


def correlate(x, w, y, slide):
    """`x` `[n, h, w, c]` by filters `[kh, kw, c, o]` into `y` `[n, oh, ow, o]`; zeros lie around x."""
    o = w.shape[3]
    matrix = scratch(4, w.size, w.dtype).reshape(-1, o)
    matrix.reshape(w.shape[1], w.shape[0], -1, o)[...] = w.transpose(1, 0, 2, 3)

    def one(part):
        tile = Tile(x, slide, y.shape[1:3], *part)
        sums = scratch(3, tile.places * o, y.dtype).reshape(tile.places, o)
        for r in range(tile.q):
            product(tile.rows(r), matrix, sums[r :: tile.q])
        y[part] = sums.reshape(*tile.grid, o)[tile.valid]

    each(one, tiles(x, slide, y.shape[1:3], o))


def correlate_filter(x, g, w, slide):
    """The gradient of `correlate` by its filter, into `w`, for the cotangent `g` of y."""
    kh, kw, c, o = w.shape
    parts = tiles(x, slide, g.shape[1:3], o)
    count = max(1, min(len(parts), GROUPS))
    totals = scratch(4, count * w.size, w.dtype).reshape(count, -1, o)
    totals.fill(0)

    def one(group):
        for part in parts[group::count]:
            tile = Tile(x, slide, g.shape[1:3], *part)
            padded = scratch(3, tile.places * o, g.dtype).reshape(*tile.grid, o)
            padded[tile.valid] = g[part]
            padded[:, :, g.shape[2] :] = 0
            padded = padded.reshape(tile.places, o)
            for r in range(tile.q):
                product(tile.rows(r).T, padded[r :: tile.q], totals[group], add=True)

    each(one, range(count))
    for group in range(1, count):
        totals[0] += totals[group]
    w.transpose(1, 0, 2, 3)[...] = totals[0].reshape(kw, kh, c, o)


def correlate_input(g, w, x, slide, correlate):
    """The gradient of `correlate` by its input, into `x`, for the cotangent `g` of y; `w` `[kh, kw, ..]` fits g."""
    (sh, sw), (top, left) = slide.strides, slide.first
    for a in range(sh):
        i, u = (a + top) % sh, (a + top) // sh
        for b in range(sw):
            j, v = (b + left) % sw, (b + left) // sw
            part, target = w[i::sh, j::sw][::-1, ::-1], x[:, a::sh, b::sw]
            if part.size and target.size:
                first = part.shape[0] - 1 - u, part.shape[1] - 1 - v
                correlate(g, part, target, Slide(part.shape[:2], (1, 1), first))
            else:
                target[...] = 0


def phases(x, y, slide, dilations):
    """[(part of x, part of y, Slide)]: the convolutions of every d-th row and column that make up a dilated one.

    y[p] is the sum of x[p - first + i * d] w[i]; the windows must have no strides. Each part of x belongs to one of y.
    """
    (dh, dw), (top, left) = dilations, slide.first
    found = []
    for a in range(dh):
        i, u = (a - top) % dh, (a - top) // dh
        for b in range(dw):
            j, v = (b - left) % dw, (b - left) // dw
            found.append((x[:, i::dh, j::dw], y[:, a::dh, b::dw], Slide(slide.kernel, (1, 1), (-u, -v))))
    return found
