"""Functions of each element: sign, powers, exponentials, rounding. For angles see trigonometry.py."""

import math

import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.registry import OPERATORS
from npslim.shape_rules import floats, same


def normal(rng):
    return (rng.normal(size=(3, 4)),)


def positive(rng):
    return (rng.uniform(0.5, 3, (3, 4)),)


def inside(rng):
    """Numbers of absolute value below 1."""
    return (rng.uniform(-0.9, 0.9, (3, 4)),)


def nonzero(rng):
    return (rng.choice([-1, 1], (3, 4)) * rng.uniform(0.2, 2, (3, 4)),)


def halves(rng):
    return (np.array([-2.5, -1.5, -0.5, 0.5, 1.2, 1.5, 2.5, 1e9]),)


def integers(rng):
    return (np.array([-3, 0, 2], np.int32),)


def empty(rng):
    return (np.zeros((0, 2)),)


def by_number(function):
    """A reference that calls a function of Python numbers for one element after the other."""
    return lambda x: np.array([function(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)


# ---- sign and size


@op(type="Neg", holomorphic=True, reference=lambda x: 0 - x)
def negative(x):
    """-x, element by element."""
    return -x


negative.shape(same)


@negative.vjp
def _(g, y, x):
    return -g


negative.cases(normal, empty, integers)


@op(reference=lambda x: np.maximum(x, -x))
def abs(x):
    """|x|, element by element. The gradient at 0 is 0."""
    return array_module(x).abs(x)


abs.shape(same)


@abs.vjp
def _(g, y, x):
    return g * sign(x)


abs.cases(nonzero, empty, integers)


@op(differentiable=False, reference=lambda x: ((x > 0) * 1.0 - (x < 0)).astype(x.dtype))
def sign(x):
    """-1, 0 or 1, element by element; NaN of NaN."""
    return array_module(x).sign(x)


sign.shape(same)
sign.cases(nonzero, empty, integers)


# ---- powers


@op(holomorphic=True, reference=lambda x: np.power(x, 2))
def square(x):
    """x * x, element by element."""
    return x * x


square.shape(same)


@square.vjp
def _(g, y, x):
    return g * 2.0 * x


square.cases(normal, empty, integers)


@op(holomorphic=True, reference=lambda x: np.power(x, -1.0))
def reciprocal(x):
    """1 / x, element by element."""
    return 1 / x


reciprocal.shape(floats)


@reciprocal.vjp
def _(g, y, x):
    return -g * y * y


reciprocal.cases(positive, empty)


@op(holomorphic=True, reference=lambda x: np.exp(0.5 * np.log(x)))
def sqrt(x):
    """The square root of each element."""
    return array_module(x).sqrt(x)


sqrt.shape(floats)


@sqrt.vjp
def _(g, y, x):
    return g * 0.5 / y


sqrt.cases(positive, empty)


@op(holomorphic=True, reference=lambda x: np.power(x, -0.5))
def rsqrt(x):
    """1 / sqrt(x), element by element."""
    return 1 / array_module(x).sqrt(x)


rsqrt.shape(floats)


@rsqrt.vjp
def _(g, y, x):
    return g * -0.5 * y * y * y


rsqrt.cases(positive, empty)


# ---- exponentials and logarithms


@op(holomorphic=True, reference=lambda x: np.power(np.e, x))
def exp(x):
    """e to the power of each element."""
    return array_module(x).exp(x)


exp.shape(floats)


@exp.vjp
def _(g, y, x):
    return g * y


exp.cases(normal, empty)
exp.rejects("not floating", integers)


@op(holomorphic=True, reference=lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2))
def expm1(x):
    """exp(x) - 1, with full precision for small x."""
    return array_module(x).expm1(x)


expm1.shape(floats)


@expm1.vjp
def _(g, y, x):
    return g * (y + 1.0)


expm1.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: np.log2(x) * np.log(2))
def log(x):
    """The natural logarithm of each element."""
    return array_module(x).log(x)


log.shape(floats)


@log.vjp
def _(g, y, x):
    return g / x


log.cases(positive, empty)


@op(holomorphic=True, reference=lambda x: 2 * np.arctanh(x / (2 + x)))
def log1p(x):
    """log(1 + x), with full precision for small x."""
    return array_module(x).log1p(x)


log1p.shape(floats)


@log1p.vjp
def _(g, y, x):
    return g / (x + 1.0)


log1p.cases(inside, empty)


# ---- rounding


@op(differentiable=False, reference=by_number(math.floor))
def floor(x):
    """The largest integer not above each element."""
    return array_module(x).floor(x)


floor.shape(floats)
floor.cases(halves, empty)


@op(differentiable=False, reference=by_number(math.ceil))
def ceil(x):
    """The smallest integer not below each element."""
    return array_module(x).ceil(x)


ceil.shape(floats)
ceil.cases(halves, empty)


@op(differentiable=False, reference=by_number(round))
def rint(x):
    """The nearest integer, halves to the even one."""
    return array_module(x).rint(x)


rint.shape(floats)
rint.cases(halves, empty)


@op(differentiable=False, reference=lambda x: np.floor(x) + ((x % 1 > 0.5) | (x % 2 == 1.5)))
def round(x):
    """The nearest integer, halves to the even one."""
    return x if x.dtype.kind in "iu" else array_module(x).rint(x)


round.shape(same)
round.cases(halves, empty, integers)


OPERATORS["__neg__"] = lambda x: negative(x)
OPERATORS["__abs__"] = lambda x: abs(x)
