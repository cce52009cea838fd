"""Reductions over axes."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.spec import Spec


def reduced(x, axis, keepdims):
    """The shape that is left of spec `x`. Raises ShapeError for an axis out of range."""
    if x.shape is None:
        return None if axis is not None or keepdims else ()
    rank = len(x.shape)
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -rank <= a < rank:
            raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=a)
    axes = {a % rank for a in axes}
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    return tuple(size for i, size in enumerate(x.shape) if i not in axes)


@op(holomorphic=True, type="Sum", reference=lambda x, axis, keepdims: np.add.reduce(x.astype(np.longdouble), axis, keepdims=keepdims).astype(x.dtype))
def reduce_sum(x, *, axis=None, keepdims=False):
    """The sum over `axis` (an int, several, or None for all)."""
    return x.sum(axis=axis, keepdims=keepdims, dtype=x.dtype)


@reduce_sum.shape
def _(x, *, axis, keepdims):
    return Spec(reduced(x, axis, keepdims), x.dtype)


@reduce_sum.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(g, x, axis=axis, keepdims=keepdims)


for _axis, _keepdims in ((None, False), (0, False), (-1, True), ((0, 2), False), ((), False)):
    reduce_sum.cases(lambda rng: (rng.normal(size=(2, 3, 4)),), axis=_axis, keepdims=_keepdims)
reduce_sum.cases(lambda rng: (np.zeros((0, 3)),), axis=0)
reduce_sum.rejects("out of range", lambda rng: (np.zeros((2, 3)),), axis=2)


@op(holomorphic=True, alike=(), shape_only=("like",), reference=lambda g, like, axis, keepdims: g + np.zeros(like.shape) if axis is None else (g if keepdims else np.expand_dims(g, tuple(np.atleast_1d(axis)))) + np.zeros(like.shape))
def spread(g, like, *, axis=None, keepdims=False):
    """A reduction's result `g` repeated over `axis` to the shape of `like`, which was reduced."""
    xp = array_module(g)
    if not keepdims:
        axes = range(like.ndim) if axis is None else np.atleast_1d(np.array(axis, int)) % max(like.ndim, 1)
        g = g.reshape([1 if i in axes else size for i, size in enumerate(like.shape)])
    return xp.broadcast_to(g, like.shape)


@spread.shape
def _(g, like, *, axis, keepdims):
    return Spec(like.shape, g.dtype)


@spread.vjp
def _(h, y, g, like, *, axis, keepdims):
    return reduce_sum(h, axis=axis, keepdims=keepdims), None


spread.cases(lambda rng: (rng.normal(size=(3,)), np.zeros((2, 3))), axis=0)
spread.cases(lambda rng: (rng.normal(size=()), np.zeros((2, 3))))
spread.cases(lambda rng: (rng.normal(size=(2, 1)), np.zeros((2, 3))), axis=-1, keepdims=True)
