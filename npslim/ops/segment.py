"""Sums, means and extremes of rows that belong together."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import divide, maximum
from npslim.ops.indexing import check_indices
from npslim.ops.logic import cast, equal, where
from npslim.ops.shape import ones_like
from npslim.spec import Spec, compatible, show_shape


def _by_loop(data, ids, n, start, combine):
    found = [np.full(data.shape[ids.ndim :], start, data.dtype) for _ in range(int(n))]
    for i, row in zip(ids.ravel(), data.reshape(-1, *data.shape[ids.ndim :]), strict=True):
        if i >= 0:
            found[i] = combine(found[i], row)
    return np.array(found, data.dtype).reshape(int(n), *data.shape[ids.ndim :])


def _segmented(data, segment_ids, num_segments):
    """The shape rule: the ids' dimensions become one of `num_segments`."""
    if data.shape is None or segment_ids.shape is None:
        return Spec(None, data.dtype)
    if not compatible(data.shape[: len(segment_ids.shape)], segment_ids.shape):
        raise ShapeError(
            "The ids do not fit the data.", expected=show_shape(data.shape[: len(segment_ids.shape)]),
            got=show_shape(segment_ids.shape),
        )  # fmt: skip
    n = None if num_segments.known is None or np.isnan(num_segments.known) else int(num_segments.known)
    return Spec((n, *data.shape[len(segment_ids.shape) :]), data.dtype)


def _unsorted(name, type, method, start, combine, doc):
    """An op that combines the rows of one segment; ids below 0 are left out."""

    def kernel(data, segment_ids, num_segments):
        xp, n = array_module(data), int(num_segments)
        check_indices(xp.maximum(segment_ids, 0), max(n, 1), "segment_ids")
        ids = segment_ids.reshape(-1)
        rows = data.reshape(ids.shape + data.shape[segment_ids.ndim :])
        total = xp.full((n, *rows.shape[1:]), start(data.dtype), data.dtype)
        getattr(xp, method).at(total, ids[ids >= 0], rows[ids >= 0])
        return total

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(
        kernel, type=type, alike=(), host=("num_segments",), holomorphic=method == "add", exact=method != "add",
        reference=lambda data, ids, n: _by_loop(data, ids, n, start(data.dtype), combine),
    )  # fmt: skip
    made.shape(_segmented)
    made.cases(
        lambda rng: (rng.normal(size=(4, 3)), np.array([2, 0, 2, -1], np.int32), np.array(4, np.int32)),
        lambda rng: (rng.normal(size=(2, 2)), np.array([[1, 0], [1, 1]]), np.array(2, np.int32)),
        lambda rng: (np.zeros((0, 3)), np.zeros(0, np.int32), np.array(2, np.int32)),
        gradient=2 if method == "add" else 0,
    )
    made.rejects("do not fit", lambda rng: (np.zeros((2, 3)), np.zeros(3, int), np.array(2)))
    return made


def _lowest(dtype):
    return np.iinfo(dtype).min if dtype.kind in "iu" else np.finfo(dtype).min


def _highest(dtype):
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.finfo(dtype).max


unsorted_segment_sum = _unsorted(
    "unsorted_segment_sum", "UnsortedSegmentSum", "add", lambda d: 0, np.add,
    "The sum of the rows of each segment: `[n, ...]` and ids `[n]` to `[num_segments, ...]`; 0 for an empty one.",
)  # fmt: skip
unsorted_segment_max = _unsorted(
    "unsorted_segment_max", "UnsortedSegmentMax", "maximum", _lowest, np.maximum,
    "The maximum of the rows of each segment; the lowest number of the dtype for an empty one.",
)  # fmt: skip
unsorted_segment_min = _unsorted(
    "unsorted_segment_min", "UnsortedSegmentMin", "minimum", _highest, np.minimum,
    "The minimum of the rows of each segment; the highest number of the dtype for an empty one.",
)  # fmt: skip


@unsorted_segment_sum.vjp
def _(g, y, data, segment_ids, num_segments):
    return rows_or_zero(g, segment_ids), None, None


def _extreme_rule(g, y, data, segment_ids, num_segments):
    mine = cast(equal(data, rows_or_zero(y, segment_ids)), dtype=data.dtype)
    mine = mine * rows_or_zero(ones_like(y), segment_ids)
    ties = unsorted_segment_sum(mine, segment_ids, num_segments)
    return rows_or_zero(divide(g, maximum(ties, 1.0)), segment_ids) * mine, None, None


unsorted_segment_max.vjp(_extreme_rule)
unsorted_segment_min.vjp(_extreme_rule)


@op(
    alike=(),
    holomorphic=True,
    reference=lambda x, ids: np.array([x[i] if i >= 0 else 0 * x[0] for i in ids.ravel()]).reshape(
        ids.shape + x.shape[1:]
    ),
)
def rows_or_zero(x, ids):
    """The rows of `x` by `ids`, zeros where an id is below 0."""
    xp = array_module(x)
    rows = xp.take(x, xp.maximum(ids, 0), axis=0)
    return rows * (ids >= 0).reshape(ids.shape + (1,) * (x.ndim - 1))


@rows_or_zero.shape
def _(x, ids):
    return Spec(None if x.shape is None or ids.shape is None else ids.shape + x.shape[1:], x.dtype)


@rows_or_zero.vjp
def _(g, y, x, ids):
    return segment_sum_like(g, ids, x), None


rows_or_zero.cases(lambda rng: (rng.normal(size=(3, 2)), np.array([2, -1, 0, 0])))


@op(
    alike=(),
    holomorphic=True,
    shape_only=("like",),
    reference=lambda data, ids, like: _by_loop(data, ids, like.shape[0], 0, np.add),
)
def segment_sum_like(data, ids, like):
    """`unsorted_segment_sum` into the shape of `like`."""
    xp = array_module(data)
    total = xp.zeros(like.shape, data.dtype)
    xp.add.at(total, ids[ids >= 0], data[ids >= 0])
    return total


@segment_sum_like.shape
def _(data, ids, like):
    return Spec(like.shape, data.dtype)


@segment_sum_like.vjp
def _(g, y, data, ids, like):
    return rows_or_zero(g, ids), None, None


segment_sum_like.cases(lambda rng: (rng.normal(size=(4, 2)), np.array([2, -1, 0, 0]), np.zeros((3, 2))))


@op(dynamic=True, differentiable=False, reference=lambda ids: np.array(max(ids.tolist(), default=-1) + 1, np.int32))
def number_of_segments(ids):
    """One more than the last of the sorted ids, on the host. Raises InvalidArgumentError if they are not sorted."""
    if ids.size and (bool((ids[1:] < ids[:-1]).any()) or bool((ids < 0).any())):
        raise InvalidArgumentError("Segment ids must be sorted and not negative.", expected="0, 0, 1 ...", got=ids)
    return np.array(int(ids[-1]) + 1 if ids.size else 0, np.int32)


number_of_segments.shape(lambda ids: Spec((), np.dtype(np.int32)))
number_of_segments.cases(lambda rng: (np.array([0, 0, 2], np.int32),), lambda rng: (np.zeros(0, np.int32),))


def segment_sum(data, segment_ids, name=None):
    """The sum of the rows of each segment; ids are sorted: `[n, ...]` and `[n]` to `[last id + 1, ...]`."""
    segment_ids = as_tensor(segment_ids)
    return unsorted_segment_sum(data, segment_ids, number_of_segments(segment_ids), name=name or "SegmentSum")


def segment_mean(data, segment_ids, name=None):
    """The mean of the rows of each segment, 0 for an empty one; ids are sorted."""
    data = as_tensor(data)
    return divide(segment_sum(data, segment_ids), maximum(segment_sum(ones_like(data), segment_ids), 1.0), name=name)


def _zero_for_empty(extreme, data, segment_ids, name):
    data, segment_ids = as_tensor(data), as_tensor(segment_ids)
    n = number_of_segments(segment_ids)
    found = extreme(data, segment_ids, n)
    return where(unsorted_segment_sum(ones_like(data), segment_ids, n) > 0.0, found, found * 0.0, name=name)


def segment_max(data, segment_ids, name=None):
    """The maximum of the rows of each segment, 0 for an empty one; ids are sorted."""
    return _zero_for_empty(unsorted_segment_max, data, segment_ids, name)


def segment_min(data, segment_ids, name=None):
    """The minimum of the rows of each segment, 0 for an empty one; ids are sorted."""
    return _zero_for_empty(unsorted_segment_min, data, segment_ids, name)
