"""Arrays that grow row by row: what a TensorArray of TensorFlow 1 holds, as a tensor that each write makes anew.

before: switch.py   next: files.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.dtypes import numpy_dtype
from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.ops.indexing import check_indices, gather
from npslim.ops.shape import shape
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

    Rows of another shape than the values' are all zeros of that shape before. Raises InvalidArgumentError for an index
    out of range.
    """
    check_indices(indices, len(rows))
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


@op(alike=(), host=("count",), exact=True, dynamic=True, reference=lambda rows, count: np.concatenate(
    [rows, np.zeros((max(int(count) - len(rows), 0), *rows.shape[1:]), rows.dtype)]
))  # fmt: skip
def grown_rows(rows, count):
    """`rows`, and rows of zeros after them if they are fewer than `count`."""
    if len(rows) >= int(count):
        return rows.copy()
    grown = array_module(rows).zeros((int(count), *rows.shape[1:]), rows.dtype)
    grown[: len(rows)] = rows
    return grown


@grown_rows.shape
def _(rows, count):
    return Spec(None if rows.shape is None else (None, *rows.shape[1:]), rows.dtype)


@grown_rows.vjp
def _(g, y, rows, count):
    return first_rows(g, rows), None


@op(alike=(), shape_only=("like",), exact=True, reference=lambda g, like: np.array(
    [g[i] for i in range(len(like))], g.dtype
).reshape(len(like), *g.shape[1:]))  # fmt: skip
def first_rows(g, like):
    """As many of the first rows of `g` as `like` has."""
    return g[: len(like)]


@first_rows.shape
def _(g, like):
    return Spec(None if g.shape is None else ((like.shape or (None,))[0], *g.shape[1:]), g.dtype)


@first_rows.vjp
def _(h, y, g, like):
    return grown_rows(h, shape(g)[0]), None


@op(exact=True, reference=lambda rows, element: rows if rows.shape[1:] == element else np.zeros((len(rows), *element)))
def written_rows(rows, *, element):
    """`rows`; zeros of the shape `element` in their place if nothing was written.

    Raises InvalidArgumentError if that shape is not known in full.
    """
    if rows.shape[1:] != (0,) or element == (0,):
        return rows
    if element is None or None in element:
        raise InvalidArgumentError(
            "TensorArray: an element is read, and none was written.", expected="a write before, or element_shape",
            got=f"{len(rows)} elements of an unknown shape",
        )  # fmt: skip
    return array_module(rows).zeros((len(rows), *element), rows.dtype)


@written_rows.shape
def _(rows, *, element):
    if element is None:
        return Spec(None, rows.dtype)
    return Spec((None if rows.shape is None else rows.shape[0], *element), rows.dtype)


@written_rows.vjp
def _(g, y, rows, *, element):
    return other_rows(g, np.zeros(0, np.int32), rows)


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
grown_rows.cases(
    lambda rng: (rng.normal(size=(2, 3)), np.array(4, np.int32)),
    lambda rng: (rng.normal(size=(3,)), np.array(2, np.int32)),
)
first_rows.cases(
    lambda rng: (rng.normal(size=(4, 2)), np.zeros((3, 2))),
    lambda rng: (rng.normal(size=(4,)), np.zeros(0)),
)
written_rows.cases(lambda rng: (rng.normal(size=(3, 2)),), element=(2,))
written_rows.cases(lambda rng: (np.zeros((3, 0)),), element=(2, 2))
