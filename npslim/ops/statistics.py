"""Moments in two steps: the sums that batches can add up, and the mean and variance of these."""

import math

from npslim.convert import as_tensor
from npslim.ops.elementwise import add, multiply, squared_difference, subtract
from npslim.ops.functions import reciprocal, square
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_prod, reduce_sum
from npslim.ops.shape import shape
from npslim.scopes import name_scope
from npslim.spec import is_full


def sufficient_statistics(x, axes, shift=None, keep_dims=None, name=None, keepdims=None):
    """(count, sum, sum of squares, shift) over `axes`, of `x - shift` if a shift is given.

    A shift near the mean keeps the variance of large numbers from cancelling out. See `normalize_moments`.
    """
    keepdims = bool(keepdims or keep_dims)
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = as_tensor(x)
        sizes = [x.spec.shape[a] for a in axes] if is_full(x.spec.shape) else None
        if sizes is None:
            count = cast(reduce_prod([shape(x)[a] for a in axes]), dtype=x.spec.dtype, name="count")
        else:
            count = as_tensor(float(math.prod(sizes)), x.spec.dtype, name="count")
        moved, squares = x, square(x)
        if shift is not None:
            shift = as_tensor(shift, x.spec.dtype, name="shift")
            moved, squares = subtract(x, shift), squared_difference(x, shift)
        total = reduce_sum(moved, axis=axes, keepdims=keepdims, name="mean_ss")
        return count, total, reduce_sum(squares, axis=axes, keepdims=keepdims, name="var_ss"), shift


def normalize_moments(counts, mean_ss, variance_ss, shift, name=None):
    """(mean, variance) of the sums that `sufficient_statistics` gives."""
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        share = reciprocal(counts, name="divisor")
        moved = multiply(mean_ss, share, name="shifted_mean" if shift is not None else "mean")
        mean = moved if shift is None else add(moved, shift, name="mean")
        return mean, subtract(multiply(variance_ss, share), square(moved), name="variance")
