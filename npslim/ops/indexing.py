"""Ops that take elements by their index, and put them."""

import math

import numpy as np

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.indexed_slices import IndexedSlices
from npslim.op import op
from npslim.ops.join import concat
from npslim.ops.logic import where as chosen
from npslim.ops.reduce import axes_of
from npslim.ops.shape import reshape
from npslim.ops.shape import shape as sizes_of
from npslim.spec import Spec, compatible, is_full, show_shape


def check_indices(indices, size, name="indices"):
    """Raises InvalidArgumentError for an index outside [0, size), naming it and its place."""
    outside = (indices < 0) | (indices >= size)
    if outside.any():
        place = int(outside.ravel().argmax())
        where = ", ".join(str(int(i)) for i in np.unravel_index(place, indices.shape))
        raise InvalidArgumentError(
            "An index is out of range.", expected=f"0 <= index < {size}",
            got=f"{name}[{where}] = {int(indices.ravel()[place])}",
        )  # fmt: skip


def _integers(indices):
    if indices.dtype.kind not in "iu":
        raise DTypeError("Indices are integers.", expected="an integer dtype", got=indices.dtype)


@op(
    holomorphic=True,
    alike=(),
    partial=True,
    type="GatherV2",
    reference=lambda x, indices, axis: np.moveaxis(
        np.array([np.moveaxis(x, axis, 0)[i] for i in indices.ravel()], x.dtype).reshape(
            indices.shape + np.moveaxis(x, axis, 0).shape[1:]
        ),
        range(indices.ndim),
        range(axis % x.ndim, axis % x.ndim + indices.ndim),
    ),
)
def gather(x, indices, *, axis=0):
    """Slices of `x` along `axis` by `indices` `[...]`, whose dimensions take the place of that one.

    Raises InvalidArgumentError for an index out of range.
    """
    check_indices(indices, x.shape[axis])
    return array_module(x).take(x, indices, axis=axis)


@gather.shape
def _(x, indices, *, axis):
    _integers(indices)
    if x.shape is None or indices.shape is None:
        return Spec(None, x.dtype)
    (at,) = axes_of(axis, len(x.shape))
    return Spec(x.shape[:at] + indices.shape + x.shape[at + 1 :], x.dtype)


@gather.vjp
def _(g, y, x, indices, *, axis):
    if axis == 0:
        return IndexedSlices(*_in_a_row(g, indices, x), dense_like=x), None
    return dense(g, indices, x, axis=axis), None


def _in_a_row(g, indices, x):
    """(cotangents of the rows that were taken of `x`, their indices), one after the other."""
    if indices.spec.shape is not None and len(indices.spec.shape) == 1:
        return g, indices
    count = math.prod(indices.spec.shape) if is_full(indices.spec.shape) else -1
    known = x.spec.shape is not None and is_full(x.spec.shape[1:])
    sizes = [count, *x.spec.shape[1:]] if known else concat([count], sizes_of(x)[1:], axis=0)
    return reshape(g, sizes), reshape(indices, [-1])


gather.cases(
    lambda rng: (rng.normal(size=(4, 3)), np.array([0, 2, 2], np.int32)),
    lambda rng: (rng.normal(size=(4, 3)), np.array([[0], [3]])),
    lambda rng: (rng.normal(size=(4,)), np.array(1)),
    lambda rng: (rng.normal(size=(4, 3)), np.zeros(0, np.int32)),
)
gather.cases(lambda rng: (rng.normal(size=(2, 4, 3)), np.array([[0, 2], [2, 3]])), axis=1)
gather.cases(lambda rng: (rng.normal(size=(2, 4)), np.array([3, 0])), axis=-1)
gather.rejects("integers", lambda rng: (np.zeros((2, 3)), np.zeros(2)))


def _dense_by_loop(values, indices, like, axis):
    total = np.moveaxis(np.zeros(like.shape, values.dtype), axis, 0)
    at = axis % like.ndim
    rows = np.moveaxis(values, range(at, at + indices.ndim), range(indices.ndim)).reshape(
        indices.size, *total.shape[1:]
    )
    for i, row in zip(indices.ravel(), rows, strict=True):
        total[i] += row
    return np.moveaxis(total, 0, axis)


@op(holomorphic=True, alike=(), shape_only=("like",), reference=_dense_by_loop)
def dense(values, indices, like, *, axis=0):
    """Zeros of the shape of `like`, with `values` added at the places `indices` along `axis`: what undoes a gather."""
    xp = array_module(values)
    total, at = xp.zeros(like.shape, values.dtype), axis % like.ndim
    xp.add.at(total, (slice(None),) * at + (indices,), values)
    return total


@dense.shape
def _(values, indices, like, *, axis):
    return Spec(like.shape, values.dtype)


@dense.vjp
def _(g, y, values, indices, like, *, axis):
    return gather(g, indices, axis=axis), None, None


dense.cases(
    lambda rng: (rng.normal(size=(3, 2)), np.array([0, 2, 2], np.int32), np.zeros((4, 2))),
    lambda rng: (rng.normal(size=(0, 2)), np.zeros(0, np.int32), np.zeros((4, 2))),
)
dense.cases(lambda rng: (rng.normal(size=(2, 2, 3)), np.array([1, 1]), np.zeros((2, 4, 3))), axis=1)


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda g, indices, like: np.eye(like.shape[-1])[indices] * g[..., None],
)
def put_along_last(g, indices, like):
    """Zeros of the shape of `like`, with `g` at the places `indices` along the last dimension."""
    xp = array_module(g)
    return (xp.expand_dims(indices, -1) == xp.arange(like.shape[-1])) * xp.expand_dims(g, -1)


@put_along_last.shape
def _(g, indices, like):
    return Spec(like.shape, g.dtype)


@put_along_last.vjp
def _(h, y, g, indices, like):
    return take_along_last(h, indices), None, None


put_along_last.cases(lambda rng: (rng.normal(size=(3,)), np.array([0, 2, 1]), np.zeros((3, 4))))


@op(
    holomorphic=True,
    alike=(),
    reference=lambda x, indices: np.array(
        [row[i] for row, i in zip(x.reshape(-1, x.shape[-1]), indices.ravel(), strict=True)]
    ).reshape(indices.shape),
)
def take_along_last(x, indices):
    """The element of each row at the index: `[..., k]` and `[...]` to `[...]`."""
    xp = array_module(x)
    return xp.take_along_axis(x, xp.expand_dims(indices, -1).astype(np.int64), -1)[..., 0]


@take_along_last.shape
def _(x, indices):
    return Spec(indices.shape, x.dtype)


@take_along_last.vjp
def _(g, y, x, indices):
    return put_along_last(g, indices, x), None


take_along_last.cases(lambda rng: (rng.normal(size=(3, 4)), np.array([0, 2, 1])))


def _places(indices, sizes):
    """`[..., k]` indices as a tuple of k arrays, checked against the sizes."""
    places = tuple(indices[..., i] for i in range(indices.shape[-1]))
    for i, (place, size) in enumerate(zip(places, sizes, strict=False)):
        check_indices(place, size, f"indices[..., {i}]")
    return places


@op(
    holomorphic=True,
    alike=(),
    reference=lambda x, indices: np.array(
        [x[tuple(i)] for i in indices.reshape(-1, indices.shape[-1])], x.dtype
    ).reshape(indices.shape[:-1] + x.shape[indices.shape[-1] :]),
)
def gather_nd(x, indices):
    """Elements or slices of `x` by `indices` `[..., k]`: each names the first k dimensions.

    Raises InvalidArgumentError for an index out of range.
    """
    return x[_places(indices, x.shape)]


@gather_nd.shape
def _(x, indices):
    _integers(indices)
    if x.shape is None or indices.shape is None or indices.shape[-1] is None:
        return Spec(None, x.dtype)
    if indices.shape[-1] > len(x.shape):
        raise ShapeError(
            "The indices name more dimensions than there are.", expected=f"<= {len(x.shape)}", got=indices.shape[-1]
        )
    return Spec(indices.shape[:-1] + x.shape[indices.shape[-1] :], x.dtype)


@gather_nd.vjp
def _(g, y, x, indices):
    return scatter_nd_like(indices, g, x), None


gather_nd.cases(
    lambda rng: (rng.normal(size=(3, 4)), np.array([[0, 1], [2, 3]])),
    lambda rng: (rng.normal(size=(3, 4)), np.array([[[2]], [[0]]], np.int32)),
)
gather_nd.rejects("more dimensions", lambda rng: (np.zeros((2,)), np.zeros((1, 2), int)))


def _scatter_by_loop(indices, updates, sizes):
    total = np.zeros(sizes, updates.dtype)
    k = indices.shape[-1]
    for i, u in zip(indices.reshape(-1, k), updates.reshape(-1, *total.shape[k:]), strict=True):
        total[tuple(i)] += u
    return total


@op(
    holomorphic=True,
    alike=(),
    host=("shape",),
    reference=lambda indices, updates, shape: _scatter_by_loop(indices, updates, tuple(shape)),
)
def scatter_nd(indices, updates, shape):
    """Zeros of `shape` with `updates` added at `indices` `[..., k]`, each of which names the first k dimensions."""
    xp = array_module(updates)
    total = xp.zeros(tuple(int(size) for size in shape), updates.dtype)
    xp.add.at(total, _places(indices, total.shape), updates)
    return total


@scatter_nd.shape
def _(indices, updates, shape):
    _integers(indices)
    if shape.known is None:
        return Spec((None,) * shape.shape[0] if shape.shape and shape.shape[0] is not None else None, updates.dtype)
    sizes = tuple(None if np.isnan(size) else int(size) for size in shape.known)
    if indices.shape is not None and indices.shape[-1] is not None:
        expected = indices.shape[:-1] + sizes[indices.shape[-1] :]
        if not compatible(expected, updates.shape):
            raise ShapeError("The updates do not fit.", expected=show_shape(expected), got=show_shape(updates.shape))
    return Spec(sizes, updates.dtype)


@scatter_nd.vjp
def _(g, y, indices, updates, shape):
    return None, gather_nd(g, indices), None


scatter_nd.cases(
    lambda rng: (np.array([[1], [3], [1]]), rng.normal(size=(3, 2)), np.array([4, 2], np.int32)),
    lambda rng: (np.array([[0, 1], [2, 0]]), rng.normal(size=(2,)), np.array([3, 2], np.int32)),
)
scatter_nd.rejects("do not fit", lambda rng: (np.array([[1]]), np.zeros((2, 2)), np.array([4, 2], np.int32)))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda indices, updates, like: _scatter_by_loop(indices, updates, like.shape),
)
def scatter_nd_like(indices, updates, like):
    """`scatter_nd` into the shape of `like`."""
    xp = array_module(updates)
    total = xp.zeros(like.shape, updates.dtype)
    xp.add.at(total, _places(indices, total.shape), updates)
    return total


@scatter_nd_like.shape
def _(indices, updates, like):
    return Spec(like.shape, updates.dtype)


@scatter_nd_like.vjp
def _(g, y, indices, updates, like):
    return None, gather_nd(g, indices), None


scatter_nd_like.cases(lambda rng: (np.array([[1], [3], [1]]), rng.normal(size=(3, 2)), np.zeros((4, 2))))


@op(
    type="Where",
    node_name="Where",
    dynamic=True,
    differentiable=False,
    reference=lambda condition: np.array([i for i in np.ndindex(*condition.shape) if condition[i]], np.int64).reshape(
        -1, condition.ndim
    ),
)
def where_true(condition):
    """The places where `condition` holds: `[n, rank]` int64."""
    xp = array_module(condition)
    return xp.stack(xp.nonzero(condition), axis=-1).astype(np.int64)


@where_true.shape
def _(condition):
    return Spec((None, None if condition.shape is None else len(condition.shape)), np.dtype(np.int64))


where_true.cases(lambda rng: (np.array([[True, False], [True, True]]),), lambda rng: (np.zeros((0, 2), bool),))


def where(condition, x=None, y=None, name=None):
    """x where `condition` holds, else y: see `npslim.ops.logic.where`; of a condition alone its places, `[n, rank]`.

    Raises ValueError for x without y, or y without x.
    """
    if x is None and y is None:
        return where_true(condition, name=name)
    if x is None or y is None:
        raise InvalidArgumentError(
            "where takes both x and y, or neither.", expected="where(condition, x, y), or where(condition)",
            got="only x" if y is None else "only y", made_at=user_line(),
        )  # fmt: skip
    return chosen(condition, x, y, name=name)


def boolean_mask(tensor, mask, name="boolean_mask", axis=None):
    """The slices of `tensor` where `mask` holds: mask's dimensions become one, as long as there are true elements.

    Raises ShapeError if the shapes do not fit or the mask is a scalar.
    """
    tensor, mask = as_tensor(tensor), as_tensor(mask)
    if not mask.spec.shape:
        raise ShapeError("The mask needs a known rank above 0.", expected="[...]", got=show_shape(mask.spec.shape))
    if axis:
        order = [axis, *(i for i in range(tensor.spec.rank) if i != axis)]
        raise ShapeError("boolean_mask takes axis=0 alone.", expected=0, got=axis, hint=f"transpose(x, {order}) first")
    if tensor.spec.shape is not None and not compatible(tensor.spec.shape[: len(mask.spec.shape)], mask.spec.shape):
        raise ShapeError(
            "The mask does not fit.", expected=show_shape(tensor.spec.shape[: len(mask.spec.shape)]),
            got=show_shape(mask.spec.shape),
        )  # fmt: skip
    return gather_nd(tensor, where_true(mask), name=name)
