"""Arrays that grow row by row: what a TensorArray of TensorFlow 1 holds, as a tensor that each write makes anew.

before: switch.py   next: files.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.dtypes import numpy_dtype
from npslim.op import op
from npslim.ops.indexing import gather
from npslim.spec import Spec


@op(differentiable=False, host=("size",), reference=lambda size, dtype: np.zeros((int(size), 0), dtype))
def empty_rows(size, *, dtype):
    """`size` rows whose shape is not yet known: `[size, 0]`."""
    return np.zeros((int(size), 0), numpy_dtype(dtype))


@empty_rows.shape
def _(size, *, dtype):
    count = None if size.known is None or np.isnan(size.known) else int(size.known)
    return Spec((count, 0), numpy_dtype(dtype))


def _put_by_loop(rows, indices, values):
    element = values.shape[indices.ndim :]
    made = np.zeros((len(rows), *element), values.dtype) if rows.shape[1:] != element else rows.copy()
    for i, value in zip(indices.ravel(), values.reshape(-1, *element), strict=True):
        made[i] = value
    return made


@op(alike=("rows", "values"), holomorphic=True, exact=True, dynamic=True, reference=_put_by_loop)
def put_rows(rows, indices, values):
    """`rows` with those at `indices` (a number, or a vector of different ones) replaced by `values`.

    Rows of another shape than the values' are all zeros of that shape before.
    """
    xp, element = array_module(values), values.shape[indices.ndim :]
    if rows.shape[1:] == element:
        made = xp.array(rows, np.result_type(rows, values))
    else:
        made = xp.zeros((len(rows), *element), values.dtype)
    made[indices] = values
    return made


@put_rows.shape
def _(rows, indices, values):
    count = None if rows.shape is None else rows.shape[0]
    if values.shape is None or indices.shape is None:
        return Spec(None, values.dtype)
    return Spec((count, *values.shape[len(indices.shape) :]), values.dtype)


@put_rows.vjp
def _(g, y, rows, indices, values):
    return other_rows(g, indices, rows), None, gather(g, indices)


def _other_by_loop(g, indices, like):
    made = np.zeros(like.shape, g.dtype)
    for i in range(len(g)):
        if like.shape == g.shape and i not in indices:
            made[i] = g[i]
    return made


@op(alike=(), shape_only=("like",), holomorphic=True, exact=True, reference=_other_by_loop)
def other_rows(g, indices, like):
    """`g` with zeros in the rows at `indices`; zeros alone where `like` is of another shape."""
    if g.shape != like.shape:
        return array_module(g).zeros(like.shape, g.dtype)
    made = g.copy()
    made[indices] = 0
    return made


@other_rows.shape
def _(g, indices, like):
    return Spec(like.shape, g.dtype)


@other_rows.vjp
def _(h, y, g, indices, like):
    return other_rows(h, indices, g), None, None


empty_rows.cases(lambda rng: (np.array(3, np.int32),), dtype="float32")
put_rows.cases(
    lambda rng: (rng.normal(size=(4, 2)), np.array(1), rng.normal(size=(2,))),
    lambda rng: (rng.normal(size=(4, 2)), np.array([2, 0]), rng.normal(size=(2, 2))),
    lambda rng: (np.zeros((3, 0)), np.array([2, 0]), rng.normal(size=(2, 2, 2))),
    lambda rng: (rng.normal(size=(4,)), np.array(3), rng.normal(size=())),
)
other_rows.cases(
    lambda rng: (rng.normal(size=(4, 2)), np.array(1), np.zeros((4, 2))),
    lambda rng: (rng.normal(size=(4, 2)), np.array([0, 3]), np.zeros((4, 2))),
    lambda rng: (rng.normal(size=(3, 2)), np.array([0]), np.zeros((3, 0))),
)
