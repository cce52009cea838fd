"""Ops that take elements by their index, and put them."""

import numpy as np

from npslim.backend import array_module
from npslim.graph import IndexedSlices
from npslim.op import op
from npslim.spec import Spec


@op(holomorphic=True, alike=(), type="GatherV2", node_name="GatherV2", reference=lambda x, indices: np.array([x[i] for i in indices.ravel()], x.dtype).reshape(indices.shape + x.shape[1:]))
def gather(x, indices):
    """Rows of `x` `[n, ...]` by `indices` `[...]`."""
    return array_module(x).take(x, indices, axis=0)


@gather.shape
def _(x, indices):
    return Spec(None if x.shape is None or indices.shape is None else indices.shape + x.shape[1:], x.dtype)


@gather.vjp
def _(g, y, x, indices):
    return IndexedSlices(g, indices, dense_like=x), None


gather.cases(lambda rng: (rng.normal(size=(4, 3)), np.array([0, 2, 2], np.int32)))


@op(holomorphic=True, alike=(), shape_only=("like",), reference=lambda values, indices, like: sum((np.eye(len(like))[i][:, None] * v for i, v in zip(indices, values)), np.zeros(like.shape)))
def dense(values, indices, like):
    """Zeros of the shape of `like`, with `values` added at the rows `indices`: an IndexedSlices as one tensor."""
    xp = array_module(values)
    total = xp.zeros(like.shape, values.dtype)
    xp.add.at(total, indices, values)
    return total


@dense.shape
def _(values, indices, like):
    return Spec(like.shape, values.dtype)


@dense.vjp
def _(g, y, values, indices, like):
    return gather(g, indices), None, None


dense.cases(lambda rng: (rng.normal(size=(3, 2)), np.array([0, 2, 2], np.int32), np.zeros((4, 2))))
