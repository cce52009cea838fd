"""Ops on shapes as numbers, which TensorFlow's gradients are made of: graphs that were written with them need them.

before: blocks.py   next: switch.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.logic import accumulator
from npslim.spec import Spec, broadcast, count, show_shape


def _whole(spec):
    """The value that is known of a spec as a whole, or None."""
    return spec.known if spec.known is not None and spec.known.dtype == spec.dtype else None


def _axes_to_sum(shapes):
    """For each of two shapes, the axes of what they broadcast to over which it was repeated. Raises ShapeError."""
    rank = max(len(shape) for shape in shapes)
    padded = [[1] * (rank - len(shape)) + shape for shape in shapes]
    for sizes in zip(*padded, strict=True):
        if len(set(sizes) - {1}) > 1:
            raise ShapeError("The shapes do not broadcast.", expected="equal sizes, or 1", got=shapes)
    repeated = [[size == 1 for size in shape] for shape in padded]
    return [[i for i in range(rank) if own[i]] for own in repeated] if padded[0] != padded[1] else [[], []]


def _axes_by_trial(s0, s1):
    found = []
    for own, other in ((s0, s1), (s1, s0)):
        axes = []
        out = np.broadcast_shapes(tuple(own), tuple(other))
        lead = len(out) - len(own)
        for i in range(len(out)):
            if i < lead or own[i - lead] == 1:
                axes.append(i)
        same = [1] * lead + list(own) == [1] * (len(out) - len(other)) + list(other)
        found.append(np.array([] if same else axes, s0.dtype))
    return tuple(found)


@op(host=("s0", "s1"), alike=("s0", "s1"), differentiable=False, dynamic=True, reference=_axes_by_trial)
def broadcast_gradient_args(s0, s1):
    """The axes over which the gradients of two inputs that broadcast are summed, from their shapes as vectors."""
    return tuple(np.array(axes, s0.dtype) for axes in _axes_to_sum([s0.tolist(), s1.tolist()]))


@broadcast_gradient_args.shape
def _(s0, s1):
    shapes = [_whole(s0), _whole(s1)]
    if any(shape is None for shape in shapes):
        return Spec((None,), s0.dtype), Spec((None,), s0.dtype)
    found = [np.array(axes, s0.dtype) for axes in _axes_to_sum([shape.tolist() for shape in shapes])]
    return tuple(Spec(axes.shape, s0.dtype, axes) for axes in found)


broadcast_gradient_args.cases(
    lambda rng: (np.array([2, 1, 3]), np.array([4, 3])),
    lambda rng: (np.array([2, 3]), np.array([2, 3])),
    lambda rng: (np.array([], np.int32), np.array([2], np.int32)),
    lambda rng: (np.array([1, 2]), np.array([1, 1])),
)
broadcast_gradient_args.rejects("do not broadcast", lambda rng: (np.array([2]), np.array([3])))


@op(
    host=("s0", "s1"), alike=("s0", "s1"), differentiable=False,
    reference=lambda s0, s1: np.array(np.broadcast_shapes(tuple(s0), tuple(s1)), s0.dtype),
)  # fmt: skip
def broadcast_args(s0, s1):
    """The shape that two shapes, vectors, broadcast to. Raises ShapeError if they do not."""
    return np.array(broadcast(tuple(s0.tolist()), tuple(s1.tolist())), s0.dtype)


@broadcast_args.shape
def _(s0, s1):
    sizes = [count(s.shape) for s in (s0, s1)]
    return Spec((None if None in sizes else max(sizes),), s0.dtype)


broadcast_args.cases(
    lambda rng: (np.array([2, 1, 3]), np.array([4, 3])), lambda rng: (np.array([], np.int32), np.array([2], np.int32))
)


# ---- a sum over axes that are computed


def _places(axes, rank):
    if any(not -rank <= a < rank for a in axes.tolist()):
        raise ShapeError("An axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=axes.tolist())
    return tuple({int(a) % rank for a in axes.ravel()})


def _summed(x, keepdims):
    if x.shape is None or not keepdims:
        return None
    return (None,) * len(x.shape)


@op(
    host=("axes",), alike=(), dynamic=True, holomorphic=True,
    reference=lambda x, axes, keepdims: np.apply_over_axes(np.sum, x, axes.tolist()).reshape(
        [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
    ),
)  # fmt: skip
def sum_over(x, axes, *, keepdims=False):
    """The sum over the axes that the vector `axes` lists; see `reduce_sum` for axes that are known."""
    return x.sum(axis=_places(axes, x.ndim), keepdims=keepdims, dtype=accumulator(x.dtype)).astype(x.dtype)


@sum_over.shape
def _(x, axes, *, keepdims):
    return Spec(_summed(x, keepdims), x.dtype)


@sum_over.vjp
def _(g, y, x, axes, *, keepdims):
    return spread_over(g, axes, x, keepdims=keepdims), None


@op(
    host=("axes",), alike=(), shape_only=("like",), holomorphic=True,
    reference=lambda g, axes, like, keepdims: np.zeros(like.shape, g.dtype)
    + (g if keepdims else np.expand_dims(g, tuple(axes.tolist()))),
)  # fmt: skip
def spread_over(g, axes, like, *, keepdims=False):
    """Repeat `g` to the shape of `like`, along the axes over which `sum_over` has summed."""
    g = g if keepdims else array_module(g).expand_dims(g, _places(axes, like.ndim))
    return array_module(g).broadcast_to(g, like.shape)


@spread_over.shape
def _(g, axes, like):
    return Spec(like.shape, g.dtype)


@spread_over.vjp
def _(h, y, g, axes, like, *, keepdims):
    return sum_over(h, axes, keepdims=keepdims), None, None


for _keepdims in (False, True):
    sum_over.cases(
        lambda rng: (rng.normal(size=(2, 3, 4)), np.array([0, 2], np.int32)),
        lambda rng: (rng.normal(size=(2, 3)), np.array([], np.int32)),
        keepdims=_keepdims,
    )
spread_over.cases(lambda rng: (rng.normal(size=(3,)), np.array([0, 2], np.int32), np.zeros((2, 3, 4))))
spread_over.cases(lambda rng: (rng.normal(size=(2, 1)), np.array([1]), np.zeros((2, 3))), keepdims=True)


# ---- vectors of numbers


def _stitched(indices, data):
    size = 1 + max((int(i.max()) for i in indices if i.size), default=-1)
    rest = data[0].shape[indices[0].ndim :]
    made = np.zeros((size, *rest), data[0].dtype)
    for i, part in zip(indices, data, strict=True):
        if (i < 0).any():
            raise InvalidArgumentError("An index is negative.", expected=">= 0", got=i.min())
        made[i.ravel()] = part.reshape(i.size, *rest)
    return made


def _stitched_by_loop(*inputs):
    half = len(inputs) // 2
    rows = {}
    for i, part in zip(inputs[:half], inputs[half:], strict=True):
        for place in np.ndindex(*i.shape):
            rows[int(i[place])] = part[place]
    rest = inputs[half].shape[inputs[0].ndim :]
    return np.array([rows.get(k, np.zeros(rest)) for k in range(max(rows) + 1)], inputs[half].dtype)


@op(alike=(), host=("inputs",), dynamic=True, differentiable=False, reference=_stitched_by_loop)
def dynamic_stitch(*inputs):
    """Rows put where indices say: the first half of the inputs are indices, the others the rows; the last one wins.

    It is there for vectors of sizes, and has no gradient.
    """
    half = len(inputs) // 2
    return _stitched(inputs[:half], inputs[half:])


@dynamic_stitch.shape
def _(*inputs):
    if len(inputs) % 2:
        raise InvalidArgumentError("There must be rows for all indices.", expected="an even number", got=len(inputs))
    half = len(inputs) // 2
    data, knowns = inputs[half], [_whole(x) for x in inputs]
    if all(known is not None for known in knowns):
        made = _stitched(knowns[:half], knowns[half:])
        return Spec(made.shape, data.dtype, made)
    if None in (data.shape, inputs[0].shape):
        return Spec(None, data.dtype)
    size = None
    if all(known is not None for known in knowns[:half]):
        size = 1 + max((int(known.max()) for known in knowns[:half] if known.size), default=-1)
    return Spec((size, *data.shape[len(inputs[0].shape) :]), data.dtype)


dynamic_stitch.cases(
    lambda rng: (np.array([0, 3]), np.array(1), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])),
    lambda rng: (np.array([0, 1, 2]), np.array([1]), np.array([4, 5, 6]), np.array([1])),
)
dynamic_stitch.rejects("an even number", lambda rng: (np.array([0]),))


@op(host=("shapes",), differentiable=False, reference=lambda *shapes, axis: tuple(
    np.eye(len(s), dtype=s.dtype)[axis] * sum(t[axis] for t in shapes[:i]) for i, s in enumerate(shapes)
))  # fmt: skip
def concat_offset(*shapes, axis):
    """Where each of several arrays begins in their concatenation along `axis`, from their shapes as vectors."""
    begins, at = [], 0
    for shape in shapes:
        begin = np.zeros_like(shape)
        begin[axis] = at
        at += shape[axis]
        begins.append(begin)
    return tuple(begins)


@concat_offset.shape
def _(*shapes, axis):
    for shape in shapes:
        rank = count(shape.shape)
        if rank is not None and not -rank <= axis < rank:
            raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=axis)
    return tuple(Spec(shape.shape, shape.dtype) for shape in shapes)


concat_offset.cases(lambda rng: (np.array([2, 3]), np.array([2, 4]), np.array([2, 1])), axis=1)
concat_offset.rejects("out of range", lambda rng: (np.array([2, 3]),), axis=2)


@op(host=("x",), differentiable=False, reference=lambda x: np.argsort(x).astype(x.dtype))
def invert_permutation(x):
    """The permutation that undoes `x`, a vector of all of 0, 1, ... once. Raises InvalidArgumentError for another."""
    made = np.full_like(x, -1)
    if ((x >= 0) & (x < x.size)).all():
        made[x] = np.arange(x.size, dtype=x.dtype)
    if (made < 0).any():
        raise InvalidArgumentError("This is no permutation.", expected="each of 0, 1, ... once", got=x.tolist())
    return made


@invert_permutation.shape
def _(x):
    if x.shape is not None and len(x.shape) != 1:
        raise ShapeError("A permutation is a vector.", expected="rank 1", got=show_shape(x.shape))
    return Spec(x.shape, x.dtype)


invert_permutation.cases(lambda rng: (np.array([2, 0, 1], np.int32),), lambda rng: (np.zeros(0, np.int64),))
invert_permutation.rejects("rank 1", lambda rng: (np.zeros((2, 2), np.int32),))


@op(host=("indices", "dims"), differentiable=False, exact=True, reference=lambda indices, dims: np.array(
    [[i // int(np.prod(dims[axis + 1 :])) % n for i in indices.ravel()] for axis, n in enumerate(dims)], indices.dtype
).reshape(len(dims), *indices.shape))  # fmt: skip
def unravel_index(indices, dims):
    """The coordinates of flat places in an array of the shape `dims`: `[...]` to `[rank, ...]`.

    Raises InvalidArgumentError for a place outside of it.
    """
    size = int(np.prod(dims))
    if ((indices < 0) | (indices >= size)).any():
        raise InvalidArgumentError(
            "unravel_index: out of range.", expected=f"0 <= index < {size}", got=indices.tolist()
        )
    return np.stack(np.unravel_index(indices, dims.tolist())).astype(indices.dtype)


@unravel_index.shape
def _(indices, dims):
    if dims.shape is not None and len(dims.shape) != 1:
        raise ShapeError("unravel_index: dims is a shape.", expected="rank 1", got=show_shape(dims.shape))
    known = indices.shape is not None and dims.shape is not None
    return Spec((dims.shape[0], *indices.shape) if known else None, indices.dtype)


unravel_index.cases(
    lambda rng: (np.array([5, 0, 23], np.int32), np.array([2, 3, 4], np.int32)),
    lambda rng: (np.array(7), np.array([3, 3])),
    lambda rng: (np.array([[1, 2]]), np.array([4])),
)
unravel_index.rejects("dims is a shape", lambda rng: (np.array([1]), np.array(3)))
