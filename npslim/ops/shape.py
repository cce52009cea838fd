"""Ops that change the shape of a tensor or ask for it, and tensors made from a shape."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op, same
from npslim.ops.logic import broadcast_like
from npslim.spec import Spec, compatible, count, merge


@op(shape_only=("x",), differentiable=False, holomorphic=True, reference=lambda x: np.full(x.shape, 0, x.dtype))
def zeros_like(x):
    """Zeros of the shape and dtype of `x`."""
    return array_module(x).zeros(x.shape, x.dtype)


zeros_like.shape(same)
zeros_like.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2), np.int32),))


@op(shape_only=("x",), differentiable=False, holomorphic=True, reference=lambda x: np.full(x.shape, 1, x.dtype))
def ones_like(x):
    """Ones of the shape and dtype of `x`."""
    return array_module(x).ones(x.shape, x.dtype)


ones_like.shape(same)
ones_like.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2), np.int32),))


@op(holomorphic=True, partial=True, reference=lambda x: x)
def identity(x):
    """`x` itself."""
    return x


identity.shape(same)


@identity.vjp
def _(g, y, x):
    return g


identity.cases(lambda rng: (rng.normal(size=(2, 3)),))


@op(holomorphic=True, host=("shape",), partial=True, reference=lambda x, shape: np.array(x.ravel().tolist(), x.dtype).reshape(shape))
def reshape(x, shape):
    """The elements of `x` in another shape; a size of -1 takes what is left.

    x: any shape. shape: `[rank]` integers. Raises ShapeError if the number of elements does not fit.
    """
    return x.reshape(tuple(int(size) for size in shape))


@reshape.shape
def _(x, shape):
    if shape.known is None:
        rank = shape.shape[0] if shape.shape else None
        return Spec(None if rank is None else (None,) * rank, x.dtype)
    sizes = [None if np.isnan(s) else int(s) for s in shape.known.ravel()]
    total, rest = count(x.shape), [s for s in sizes if s != -1]
    if sizes.count(-1) > 1:
        raise ShapeError("Only one size can be -1.", expected="at most one -1", got=sizes)
    inner = count(tuple(rest))
    if inner is not None and total is not None and (
        (-1 in sizes and (total % inner if inner else total)) or (-1 not in sizes and inner != total)
    ):
        raise ShapeError(
            f"Cannot reshape {total} elements to {sizes}.", expected=f"{total} elements", got=f"{inner} elements"
        )
    left = total // inner if total is not None and inner else None
    return Spec(tuple(left if s == -1 else s for s in sizes), x.dtype)


@reshape.vjp
def _(g, y, x, shape):
    return reshape_like(g, x), None


reshape.cases(
    lambda rng: (rng.normal(size=(2, 6)), np.array([3, 4], np.int32)),
    lambda rng: (rng.normal(size=(2, 3, 2)), np.array([-1, 2], np.int32)),
    lambda rng: (rng.normal(size=(0, 3)), np.array([0], np.int32)),
)
reshape.rejects("Cannot reshape 6 elements", lambda rng: (np.zeros((2, 3)), np.array([4], np.int32)))


@op(holomorphic=True, shape_only=("like",), alike=(), reference=lambda x, like: np.array(x.ravel().tolist(), x.dtype).reshape(like.shape))
def reshape_like(x, like):
    """The elements of `x` in the shape of `like`."""
    return x.reshape(like.shape)


@reshape_like.shape
def _(x, like):
    if not compatible((count(x.shape),), (count(like.shape),)):
        raise ShapeError("The numbers of elements differ.", expected=count(like.shape), got=count(x.shape))
    return Spec(like.shape, x.dtype)


@reshape_like.vjp
def _(g, y, x, like):
    return reshape_like(g, x), None


reshape_like.cases(lambda rng: (rng.normal(size=(2, 6)), np.zeros((3, 4))))


@op(holomorphic=True, partial=True, type="ConcatV2", node_name="concat", reference=lambda *xs, axis: np.concatenate([np.moveaxis(x, axis, 0) for x in xs]).swapaxes(0, 0) if axis == 0 else np.moveaxis(np.concatenate([np.moveaxis(x, axis, 0) for x in xs]), 0, axis))
def concat(*xs, axis):
    """The tensors `xs` joined along `axis`; all other sizes are equal."""
    return array_module(*xs).concatenate(xs, axis=axis)


@concat.shape
def _(*xs, axis):
    if any(x.shape is None for x in xs):
        return Spec(None, xs[0].dtype)
    rank = len(xs[0].shape)
    if not -rank <= axis < rank:
        raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=axis)
    axis %= rank
    shape = None
    for x in xs:
        shape = merge(shape, x.shape[:axis] + (None,) + x.shape[axis + 1 :])
    sizes = [x.shape[axis] for x in xs]
    size = None if None in sizes else sum(sizes)
    return Spec(shape[:axis] + (size,) + shape[axis + 1 :], xs[0].dtype)


@concat.vjp
def _(g, y, *xs, axis):
    return [slice_like(g, *xs, axis=axis, part=i) for i in range(len(xs))]


concat.cases(
    lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), axis=0
)
concat.cases(
    lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))), axis=-1
)


@op(holomorphic=True, alike=(), shape_only=("xs",), reference=lambda g, *xs, axis, part: np.split(g, np.cumsum([x.shape[axis] for x in xs])[:-1], axis)[part])
def slice_like(g, *xs, axis, part):
    """What part number `part` of the concatenation of `xs` along `axis` takes up in `g`."""
    begin = sum(x.shape[axis] for x in xs[:part])
    place = [slice(None)] * g.ndim
    place[axis] = slice(begin, begin + xs[part].shape[axis])
    return g[tuple(place)]


@slice_like.shape
def _(g, *xs, axis, part):
    return Spec(xs[part].shape, g.dtype)


@slice_like.vjp
def _(h, y, g, *xs, axis, part):
    parts = [h if i == part else zeros_like(x) for i, x in enumerate(xs)]
    return [concat(*parts, axis=axis)] + [None] * len(xs)


slice_like.cases(lambda rng: (rng.normal(size=(5, 3)), np.zeros((2, 3)), np.zeros((3, 3))), axis=0, part=1)

__all__ = ["broadcast_like", "concat", "identity", "ones_like", "reshape", "reshape_like", "zeros_like"]
