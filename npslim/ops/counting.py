"""Distinct values, and how many there are of each."""

import numbers
from collections.abc import Iterable

import numpy as np

from npslim.backend import array_module
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
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
