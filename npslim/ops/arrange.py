"""Ops that repeat elements or put them into another order."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.shape import axis_of
from npslim.spec import Spec, merge


@op(
    holomorphic=True,
    host=("multiples",),
    node_name="Tile",
    reference=lambda x, multiples: (
        np.kron(np.ones(multiples, x.dtype), x)
        if x.size
        else np.zeros([a * b for a, b in zip(x.shape, multiples, strict=True)])
    ),
)
def tile(x, multiples):
    """`x` repeated `multiples[i]` times along dimension i."""
    return array_module(x).tile(x, tuple(int(m) for m in multiples))


@tile.shape
def _(x, multiples):
    if multiples.known is None or x.shape is None:
        rank = len(x.shape) if x.shape is not None else multiples.shape[0] if multiples.shape else None
        return Spec(None if rank is None else (None,) * rank, x.dtype)
    if len(multiples.known) != len(x.shape):
        raise ShapeError(
            "There must be a multiple for each dimension.", expected=len(x.shape), got=len(multiples.known)
        )
    sizes = zip(x.shape, multiples.known.tolist(), strict=True)
    return Spec(tuple(None if n is None or np.isnan(m) else int(n * m) for n, m in sizes), x.dtype)


@tile.vjp
def _(g, y, x, multiples):
    return sum_of_tiles(g, x), None


tile.cases(
    lambda rng: (rng.normal(size=(2, 3)), np.array([2, 1], np.int32)),
    lambda rng: (rng.normal(size=(2, 3)), np.array([1, 3], np.int32)),
)
tile.rejects("each dimension", lambda rng: (np.zeros((2, 3)), np.array([2], np.int32)))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda g, like: np.einsum(
        "aibj->ij", g.reshape(g.shape[0] // like.shape[0], like.shape[0], g.shape[1] // like.shape[1], like.shape[1])
    ),
)
def sum_of_tiles(g, like):
    """The sum of the tiles of the shape of `like` that `g` is made of."""
    pairs = [n for a, b in zip(g.shape, like.shape, strict=True) for n in ((a // b if b else 1), b)]
    return g.reshape(pairs).sum(axis=tuple(range(0, 2 * like.ndim, 2)))


@sum_of_tiles.shape
def _(g, like):
    return Spec(like.shape, g.dtype)


@sum_of_tiles.vjp
def _(h, y, g, like):
    return tile_like(h, g), None


sum_of_tiles.cases(lambda rng: (rng.normal(size=(4, 3)), np.zeros((2, 1))))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda x, like: np.kron(np.ones([a // b for a, b in zip(like.shape, x.shape, strict=True)]), x),
)
def tile_like(x, like):
    """`x` repeated to the shape of `like`, whose sizes are multiples."""
    return array_module(x).tile(x, tuple(a // b if b else 1 for a, b in zip(like.shape, x.shape, strict=True)))


@tile_like.shape
def _(x, like):
    return Spec(like.shape, x.dtype)


@tile_like.vjp
def _(g, y, x, like):
    return sum_of_tiles(g, x), None


tile_like.cases(lambda rng: (rng.normal(size=(2, 1)), np.zeros((4, 3))))


@op(
    holomorphic=True,
    type="ReverseV2",
    reference=lambda x, axis: x[
        tuple(
            slice(None, None, -1) if i in [a % x.ndim for a in np.atleast_1d(axis)] else slice(None)
            for i in range(x.ndim)
        )
    ],
)
def reverse(x, *, axis):
    """`x` the other way round along `axis` (an int, or several)."""
    return array_module(x).flip(x, axis)


@reverse.shape
def _(x, *, axis):
    if x.shape is not None:
        for a in (axis,) if isinstance(axis, int) else axis:
            axis_of(a, len(x.shape))
    return Spec(x.shape, x.dtype)


@reverse.vjp
def _(g, y, x, *, axis):
    return reverse(g, axis=axis)


reverse.cases(lambda rng: (rng.normal(size=(2, 3)),), axis=(0, -1))
reverse.cases(lambda rng: (rng.normal(size=(2, 3)),), axis=1)
reverse.rejects("out of range", lambda rng: (np.zeros((2, 3)),), axis=2)


def _rows_reversed(x, lengths, seq_axis, batch_axis):
    y = np.moveaxis(x, (batch_axis, seq_axis), (0, 1)).copy()
    for row, n in zip(y, lengths, strict=True):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(y, (0, 1), (batch_axis, seq_axis))


@op(holomorphic=True, alike=(), type="ReverseSequence", node_name="ReverseSequence", reference=_rows_reversed)
def reverse_by_lengths(x, lengths, *, seq_axis, batch_axis):
    """`x` with the first `lengths[i]` elements along `seq_axis` the other way round, i the place along `batch_axis`."""
    xp = array_module(x)
    steps = x.shape[seq_axis]
    if lengths.size and (lengths.min() < 0 or lengths.max() > steps):
        raise InvalidArgumentError(
            "A length is none of the sequence.", expected=f"0 to {steps}", got=[int(n) for n in lengths]
        )
    places = xp.arange(steps, dtype=np.int64)[None, :]
    ends = lengths.astype(np.int64)[:, None]
    places = xp.where(places < ends, ends - 1 - places, places)
    if seq_axis < batch_axis:
        places = places.T
    others = tuple(i for i in range(x.ndim) if i not in (seq_axis, batch_axis))
    return xp.take_along_axis(x, xp.expand_dims(places, others), seq_axis)


@reverse_by_lengths.shape
def _(x, lengths, *, seq_axis, batch_axis):
    if lengths.dtype.kind != "i" or (lengths.shape is not None and len(lengths.shape) != 1):
        raise ShapeError("The lengths are one integer for each row.", expected="int32 or int64 [n]", got=lengths)
    if x.shape is None:
        return Spec(None, x.dtype)
    axis_of(seq_axis, len(x.shape))
    axis_of(batch_axis, len(x.shape))
    (rows,) = merge((x.shape[batch_axis],), lengths.shape)
    return Spec(tuple(rows if i == batch_axis else n for i, n in enumerate(x.shape)), x.dtype)


@reverse_by_lengths.vjp
def _(g, y, x, lengths, *, seq_axis, batch_axis):
    return reverse_by_lengths(g, lengths, seq_axis=seq_axis, batch_axis=batch_axis), None


reverse_by_lengths.cases(
    lambda rng: (rng.normal(size=(3, 4, 2)), np.array([4, 0, 3], np.int32)), seq_axis=1, batch_axis=0
)
reverse_by_lengths.cases(lambda rng: (rng.normal(size=(4, 2, 3)), np.array([1, 2, 4])), seq_axis=0, batch_axis=2)
reverse_by_lengths.rejects(
    "not compatible", lambda rng: (np.zeros((2, 3)), np.array([1, 2, 3])), seq_axis=1, batch_axis=0
)
reverse_by_lengths.rejects("integer", lambda rng: (np.zeros((2, 3)), np.array([1.0, 2])), seq_axis=1, batch_axis=0)


def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=None, name=None, seq_dim=None, batch_dim=None):
    """`input` with the first `seq_lengths[i]` elements along `seq_axis` the other way round, i the place along
    `batch_axis` (0 unless given). seq_lengths: int32 or int64 `[n]`.
    """
    seq_axis = seq_dim if seq_axis is None else seq_axis
    batch_axis = (0 if batch_dim is None else batch_dim) if batch_axis is None else batch_axis
    if seq_axis is None or seq_axis == batch_axis:
        raise InvalidArgumentError(
            "reverse_sequence: the sequence needs an axis of its own.", expected=f"seq_axis other than {batch_axis}",
            got=seq_axis,
        )  # fmt: skip
    return reverse_by_lengths(input, seq_lengths, seq_axis=seq_axis, batch_axis=batch_axis, name=name)
