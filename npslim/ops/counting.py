"""Distinct values, and how many there are of each."""

import numbers
from collections.abc import Iterable

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import maximum, minimum
from npslim.ops.functions import floor
from npslim.ops.indexing import gather, where_true
from npslim.ops.join import concat
from npslim.ops.logic import cast, equal, less, logical_not, where_v2
from npslim.ops.reduce import reduce_any, reduce_max
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import expand_dims, ones_like, reshape, size
from npslim.scopes import name_scope
from npslim.spec import Spec, show_shape


@op(
    dynamic=True,
    differentiable=False,
    reference=lambda x: (
        np.array(list(dict.fromkeys(x.tolist())), x.dtype),
        np.array([list(dict.fromkeys(x.tolist())).index(v) for v in x], np.int32),
    ),
)
def unique(x):
    """(values, index): the distinct values of the vector `x` in the order they first come in, and where each element is
    among them (int32)."""
    xp = array_module(x)
    values, first, place = xp.unique(x, return_index=True, return_inverse=True)
    order = xp.argsort(first)
    return values[order], xp.argsort(order)[place].astype(np.int32)


@unique.shape
def _(x):
    if x.shape is not None and len(x.shape) != 1:
        raise ShapeError("unique takes a vector.", expected="rank 1", got=show_shape(x.shape))
    return Spec((None,), x.dtype), Spec(x.shape, np.dtype(np.int32))


unique.cases(lambda rng: (np.array([3, 1, 3, 2, 1], np.int32),), lambda rng: (np.zeros(0),))
unique.rejects("vector", lambda rng: (np.zeros((2, 3)),))


@op(
    type="Bucketize",
    node_name="Bucketize",
    differentiable=False,
    reference=lambda x, boundaries: np.array([sum(v >= b for b in boundaries) for v in x.ravel()], np.int32).reshape(
        x.shape
    ),
)
def place_among(x, *, boundaries):
    """How many of `boundaries` (a list of numbers in rising order) are at most x: int32, the shape of `x`."""
    xp = array_module(x)
    return xp.searchsorted(xp.asarray(boundaries, np.float32), x, side="right").astype(np.int32)


@place_among.shape
def _(x, *, boundaries):
    if x.dtype.kind not in "iuf":
        raise DTypeError("bucketize takes numbers.", expected="int or float", got=x.dtype)
    if list(boundaries) != sorted(boundaries):
        raise InvalidArgumentError("The boundaries must rise.", expected="sorted boundaries", got=list(boundaries))
    return Spec(x.shape, np.dtype(np.int32))


place_among.cases(
    lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.array([-1.0, 0.0, 5.0]),), boundaries=(-1.0, 0.5)
)
place_among.cases(lambda rng: (np.array([1, 7, 3, 4], np.int32),), boundaries=(3.5,))
place_among.rejects("numbers", lambda rng: (np.array([b"a"], object),), boundaries=(1.0,))
place_among.rejects("must rise", lambda rng: (np.zeros(2),), boundaries=(2.0, 1.0))


def bucketize(input_tensor, boundaries, name=None):
    """How many of `boundaries` (numbers in rising order) are at most each element: int32.

    Raises TypeError for strings, ValueError for boundaries out of order.
    """
    if not isinstance(boundaries, Iterable) or not all(isinstance(b, numbers.Real) for b in boundaries):
        raise ArgumentTypeError("bucketize: the boundaries are numbers.", expected="a list", got=repr(boundaries))
    return place_among(input_tensor, boundaries=tuple(float(b) for b in boundaries), name=name)


def unique_with_counts(x, name=None):
    """(values, index, count): `unique`, and how often each value comes: int32."""
    with name_scope(name, "UniqueWithCounts", [x]):
        values, index = unique(x)
        return values, index, bincount(index, size(values))


def bincount(arr, minlength=None, maxlength=None, weights=None, dtype=np.int32, name=None):
    """How often each number from 0 on comes, or the sum of its weights: a vector.

    arr: integers >= 0 of any shape. minlength: the vector is at least so long. maxlength: larger numbers are left out.
    """
    with name_scope(name, "bincount", [arr]):
        arr = reshape(arr, [-1])
        n = reduce_max(concat([arr, [-1]], 0)) + 1
        n = n if minlength is None else maximum(n, cast(as_tensor(minlength), arr.spec.dtype))
        n = n if maxlength is None else minimum(n, cast(as_tensor(maxlength), arr.spec.dtype))
        amounts = ones_like(arr, dtype=as_dtype(dtype).dtype) if weights is None else reshape(weights, [-1])
        places = where_v2(less(arr, n), arr, -ones_like(arr))
        return unsorted_segment_sum(amounts, places, n)


def histogram_fixed_width_bins(values, value_range, nbins=100, dtype=np.int32, name=None):
    """In which of `nbins` equal bins between two numbers each value is; outside of them: the first or the last one."""
    with name_scope(name, "histogram_fixed_width_bins", [values, value_range]):
        values = as_tensor(values)
        limits = as_tensor(value_range, values.spec.dtype)
        share = (values - limits[0]) / (limits[1] - limits[0])
        places = cast(floor(cast(nbins, share.spec.dtype) * share), np.int32)
        return cast(minimum(maximum(places, 0), nbins - 1), dtype)


def histogram_fixed_width(values, value_range, nbins=100, dtype=np.int32, name=None):
    """How many values are in each of `nbins` equal bins; see `histogram_fixed_width_bins`."""
    with name_scope(name, "histogram_fixed_width", [values, value_range]):
        return bincount(histogram_fixed_width_bins(values, value_range, nbins), nbins, nbins, dtype=dtype)


def setdiff1d(x, y, index_dtype=np.int32, name=None):
    """(the elements of the vector `x` that `y` does not have, their places in x)."""
    with name_scope(name, "ListDiff", [x, y]):
        x, y = as_tensor(x), as_tensor(y)
        held = reduce_any(equal(expand_dims(x, axis=1), y), axis=1)
        places = reshape(where_true(logical_not(held)), [-1])
        return gather(x, places), cast(places, index_dtype)
