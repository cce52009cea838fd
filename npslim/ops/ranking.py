"""The largest elements of each row."""

import collections
import numbers

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, constant_value
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.spec import Spec, compatible, show_shape

TopK = collections.namedtuple("TopKV2", ["values", "indices"])


def _top_by_sorting(x, k, sorted):
    rows = [[(-v, j) for j, v in enumerate(row)] for row in x.reshape(-1, x.shape[-1])]
    for row in rows:
        row.sort()
    found = np.array([row[:k] for row in rows]).reshape(*x.shape[:-1], k, 2)
    return -found[..., 0], found[..., 1].astype(np.int32)


@op(type="TopKV2", node_name="TopKV2", reference=_top_by_sorting)
def top_k_of(x, *, k=1, sorted=True):
    """The k largest elements of each row and their places, in falling order; the first of equal ones comes first."""
    xp = array_module(x)
    order = x.shape[-1] - 1 - xp.argsort(xp.flip(x, -1), axis=-1, kind="stable")
    order = xp.flip(order, -1)[..., :k]
    return xp.take_along_axis(x, order, -1), order.astype(np.int32)


@top_k_of.shape
def _(x, *, k, sorted):
    if x.shape is None:
        return Spec(None, x.dtype), Spec(None, np.dtype(np.int32))
    if not x.shape or (x.shape[-1] is not None and x.shape[-1] < k):
        raise ShapeError("There are fewer than k elements in a row.", expected=f">= {k}", got=show_shape(x.shape))
    return Spec((*x.shape[:-1], k), x.dtype), Spec((*x.shape[:-1], k), np.dtype(np.int32))


@top_k_of.vjp
def _(gs, ys, x, *, k, sorted):
    return sum_along_last(gs[0], ys[1], x)


top_k_of.cases(lambda rng: (rng.normal(size=(3, 5)),), k=2)
top_k_of.cases(lambda rng: (np.array([1.0, 3.0, 3.0, 2.0]),), k=3, gradient=False)
top_k_of.rejects("fewer than k", lambda rng: (np.zeros((2, 3)),), k=4)


@op(
    type="TopKV2", node_name="TopKV2", alike=(), host=("k",), dynamic=True,
    reference=lambda x, k, sorted: _top_by_sorting(x, int(k), sorted),
)  # fmt: skip
def top_k_by(x, k, *, sorted=True):
    """`top_k_of` for a `k` that is computed."""
    if not 0 <= k <= x.shape[-1]:
        raise InvalidArgumentError(
            "These are not k elements of a row.", expected=f"0 <= k <= {x.shape[-1]}", got=int(k)
        )
    return top_k_of.kernel(x, k=int(k), sorted=sorted)


@top_k_by.shape
def _(x, k, *, sorted):
    if k.shape:
        raise ShapeError("k is not a scalar.", expected="[]", got=show_shape(k.shape))
    shape = None if x.shape is None else (*x.shape[:-1], None)
    return Spec(shape, x.dtype), Spec(shape, np.dtype(np.int32))


@top_k_by.vjp
def _(gs, ys, x, k, *, sorted):
    return sum_along_last(gs[0], ys[1], x), None


top_k_by.cases(lambda rng: (rng.normal(size=(3, 5)), np.array(2, np.int32)))
top_k_by.cases(lambda rng: (rng.normal(size=(3, 5)), np.array(0, np.int32)))
top_k_by.rejects("scalar", lambda rng: (np.zeros((2, 3)), np.zeros(2, np.int32)))


def top_k(input, k=1, sorted=True, name=None):
    """TopKV2(values, indices) of the last dimension: the k largest, in falling order, the first of equal ones first.

    k: a number, or an integer scalar that is computed.
    """
    known = k if isinstance(k, numbers.Integral) else constant_value(as_tensor(k))
    if known is None:
        return TopK(*top_k_by(input, k, sorted=sorted, name=name))
    return TopK(*top_k_of(input, k=int(known), sorted=sorted, name=name))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda g, indices, like: (np.eye(like.shape[-1])[indices] * g[..., None]).sum(-2),
)
def sum_along_last(g, indices, like):
    """Zeros of the shape of `like`, with `g` `[..., k]` added at the places `indices` `[..., k]` of each row."""
    xp = array_module(g)
    hot = xp.expand_dims(indices, -1) == xp.arange(like.shape[-1])
    return (hot * xp.expand_dims(g, -1)).sum(axis=-2)


@sum_along_last.shape
def _(g, indices, like):
    return Spec(like.shape, g.dtype)


@sum_along_last.vjp
def _(h, y, g, indices, like):
    return take_several_along_last(h, indices), None, None


sum_along_last.cases(lambda rng: (rng.normal(size=(2, 3)), np.array([[0, 2, 1], [3, 0, 1]]), np.zeros((2, 4))))


@op(
    holomorphic=True,
    alike=(),
    reference=lambda x, indices: np.einsum("...ki,...i->...k", np.eye(x.shape[-1])[indices], x),
)
def take_several_along_last(x, indices):
    """The elements of each row at the indices: `[..., n]` and `[..., k]` to `[..., k]`."""
    return array_module(x).take_along_axis(x, indices.astype(np.int64), -1)


@take_several_along_last.shape
def _(x, indices):
    return Spec(indices.shape, x.dtype)


@take_several_along_last.vjp
def _(g, y, x, indices):
    return sum_along_last(g, indices, x), None


take_several_along_last.cases(lambda rng: (rng.normal(size=(2, 4)), np.array([[0, 2, 1], [3, 0, 1]])))


@op(
    type="InTopK",
    node_name="in_top_k",
    alike=(),
    differentiable=False,
    reference=lambda predictions, targets, k: np.array(
        [
            0 <= t < len(row) and np.isfinite(row[t]) and sum(v > row[t] for v in row) < k
            for row, t in zip(predictions, targets, strict=True)
        ]
    ),
)
def in_top_k(predictions, targets, *, k):
    """Whether the prediction of the target class is among the k largest: `[n, classes]` and `[n]` to `[n]` booleans.

    Equal predictions are all in; a target that is no class, or whose prediction is not finite, is not.
    """
    xp = array_module(predictions)
    classes = predictions.shape[-1]
    valid = (targets >= 0) & (targets < classes)
    own = xp.take_along_axis(predictions, xp.where(valid, targets, 0).astype(np.int64)[:, None], 1)
    return valid & xp.isfinite(own[:, 0]) & ((predictions > own).sum(axis=1) < k)


@in_top_k.shape
def _(predictions, targets, *, k):
    if predictions.shape is not None and len(predictions.shape) != 2:
        raise ShapeError("The predictions are a matrix.", expected="[n, classes]", got=show_shape(predictions.shape))
    if predictions.shape is not None and not compatible(predictions.shape[:1], targets.shape):
        raise ShapeError(
            "There is one target a row.", expected=show_shape(predictions.shape[:1]), got=show_shape(targets.shape)
        )
    return Spec(targets.shape if predictions.shape is None else predictions.shape[:1], np.dtype(bool))


in_top_k.cases(
    lambda rng: (np.array([[1.0, 3, 2], [1, 1, 1], [np.inf, 0, 1], [0, 1, 2]]), np.array([2, 0, 0, 3])),
    lambda rng: (np.zeros((0, 3)), np.zeros(0, np.int32)),
    k=2,
)  # fmt: skip
in_top_k.rejects("matrix", lambda rng: (np.zeros(3), np.zeros(3, int)), k=1)
