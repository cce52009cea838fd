"""Distinct values, and how many there are of each."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
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
