"""Rounded quotients, and the remainders that they leave."""

import math
from fractions import Fraction

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.ops.elementwise import operator_of, pair, realdiv
from npslim.shape_rules import broadcasts


def _check_divisor(name, y):
    if y.dtype.kind in "iu" and (y == 0).any():
        raise InvalidArgumentError(f"{name}: integer division by zero.", expected="a divisor other than 0", got=0)


_QUOTIENT_CASES = (
    lambda rng: (np.array([-7, 7, -7, 7, 0, 6], np.int32), np.array([2, -2, -2, 2, 3, 3], np.int32)),
    lambda rng: (np.array([[-7], [9]], np.int64), np.array([2, 4, 5])),
    lambda rng: (np.array([-7.5, 7.5, 6.1, -0.5]), np.array([2.0, -2.0, -4.0, 3.0])),
    lambda rng: (np.zeros((0, 2), np.int32), np.ones((1, 2), np.int32)),
)


def _quotients(rounded):
    """A reference that divides as rational numbers and rounds by `rounded`."""

    def reference(x, y):
        pairs = zip(*(v.ravel() for v in np.broadcast_arrays(x, y)), strict=True)
        found = [rounded(Fraction(a.item()) / Fraction(b.item())) for a, b in pairs]
        return np.array(found, x.dtype).reshape(np.broadcast_shapes(x.shape, y.shape))

    return reference


def _remainders(rounded):
    """A reference for what is left of x after the quotient."""
    quotient = _quotients(rounded)
    return lambda x, y: x - quotient(x, y) * y


@op(type="FloorDiv", node_name="floordiv", differentiable=False, partial=True, reference=_quotients(math.floor))
def floordiv(x, y):
    """The largest integer not above x / y. Raises InvalidArgumentError for integers divided by zero."""
    _check_divisor("floordiv", y)
    return x // y if x.dtype.kind in "iu" else array_module(x, y).floor(x / y)


floordiv.shape(broadcasts)
floordiv.cases(*_QUOTIENT_CASES)


@op(type="TruncateDiv", differentiable=False, reference=_quotients(math.trunc))
def truncatediv(x, y):
    """x / y rounded towards zero. Raises InvalidArgumentError for integers divided by zero."""
    _check_divisor("truncatediv", y)
    if x.dtype.kind not in "iu":
        return array_module(x, y).trunc(x / y)
    down = x // y
    return down + ((down < 0) & (down * y != x)).astype(x.dtype)


truncatediv.shape(broadcasts)
truncatediv.cases(*_QUOTIENT_CASES)


@op(type="FloorMod", partial=True, reference=_remainders(math.floor))
def mod(x, y):
    """x - floor(x / y) * y: the remainder with the sign of y. Raises InvalidArgumentError for an integer y of zero."""
    _check_divisor("mod", y)
    return x % y


mod.shape(broadcasts)


@mod.vjp
def _(g, z, x, y):
    return g, -g * floordiv(x, y)


mod.cases(*_QUOTIENT_CASES)
floormod = mod


@op(type="TruncateMod", reference=_remainders(math.trunc))
def truncatemod(x, y):
    """x - truncatediv(x, y) * y: the remainder with the sign of x.

    Raises InvalidArgumentError for an integer y of zero. TensorFlow has no gradient for it.
    """
    _check_divisor("truncatemod", y)
    return array_module(x, y).fmod(x, y)


truncatemod.shape(broadcasts)


@truncatemod.vjp
def _(g, z, x, y):
    return g, -g * truncatediv(x, y)


truncatemod.cases(*_QUOTIENT_CASES)


def div(x, y, name=None):
    """x / y as in Python 2: of integers the largest integer not above the quotient."""
    x, y = pair(x, y, "div")
    return (floordiv if x.spec.dtype.kind in "iu" else realdiv)(x, y, name=name or "div")


operator_of("floordiv", floordiv)
operator_of("mod", mod)
