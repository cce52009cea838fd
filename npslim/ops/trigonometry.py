"""Sines, tangents, their inverses and their hyperbolic twins, of each element."""

import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.ops.functions import empty, inside, normal, positive, rsqrt
from npslim.shape_rules import broadcasts_floats, floats


@op(holomorphic=True, reference=lambda x: np.exp(1j * x).imag)
def sin(x):
    """The sine of each element, in radians."""
    return array_module(x).sin(x)


sin.shape(floats)


@sin.vjp
def _(g, y, x):
    return g * cos(x)


sin.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: np.exp(1j * x).real)
def cos(x):
    """The cosine of each element, in radians."""
    return array_module(x).cos(x)


cos.shape(floats)


@cos.vjp
def _(g, y, x):
    return -g * sin(x)


cos.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: np.sin(x) / np.cos(x))
def tan(x):
    """The tangent of each element, in radians."""
    return array_module(x).tan(x)


tan.shape(floats)


@tan.vjp
def _(g, y, x):
    return g * (y * y + 1.0)


tan.cases(inside, empty)


@op(holomorphic=True, reference=lambda x: np.arctan2(x, np.sqrt(1 - x * x)))
def asin(x):
    """The angle in radians whose sine is x."""
    return array_module(x).arcsin(x)


asin.shape(floats)


@asin.vjp
def _(g, y, x):
    return g * rsqrt(1.0 - x * x)


asin.cases(inside, empty)


@op(holomorphic=True, reference=lambda x: np.arctan2(np.sqrt(1 - x * x), x))
def acos(x):
    """The angle in radians whose cosine is x."""
    return array_module(x).arccos(x)


acos.shape(floats)


@acos.vjp
def _(g, y, x):
    return -g * rsqrt(1.0 - x * x)


acos.cases(inside, empty)


@op(holomorphic=True, reference=lambda x: np.log(1 + 1j * x).imag)
def atan(x):
    """The angle in radians whose tangent is x."""
    return array_module(x).arctan(x)


atan.shape(floats)


@atan.vjp
def _(g, y, x):
    return g / (x * x + 1.0)


atan.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: (np.exp(x) - np.exp(-x)) / 2)
def sinh(x):
    """The hyperbolic sine of each element."""
    return array_module(x).sinh(x)


sinh.shape(floats)


@sinh.vjp
def _(g, y, x):
    return g * cosh(x)


sinh.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: (np.exp(x) + np.exp(-x)) / 2)
def cosh(x):
    """The hyperbolic cosine of each element."""
    return array_module(x).cosh(x)


cosh.shape(floats)


@cosh.vjp
def _(g, y, x):
    return g * sinh(x)


cosh.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1))
def tanh(x):
    """The hyperbolic tangent of each element, in [-1, 1]."""
    return array_module(x).tanh(x)


tanh.shape(floats)


@tanh.vjp
def _(g, y, x):
    return g * (1.0 - y * y)


tanh.cases(normal, empty)


@op(holomorphic=True, reference=lambda x: np.log(x + np.sqrt(x * x + 1)))
def asinh(x):
    """The inverse hyperbolic sine of each element."""
    return array_module(x).arcsinh(x)


asinh.shape(floats)


@asinh.vjp
def _(g, y, x):
    return g * rsqrt(x * x + 1.0)


asinh.cases(positive, empty)


@op(holomorphic=True, reference=lambda x: np.log(x + np.sqrt(x * x - 1)))
def acosh(x):
    """The inverse hyperbolic cosine of each element."""
    return array_module(x).arccosh(x)


acosh.shape(floats)


@acosh.vjp
def _(g, y, x):
    return g * rsqrt(x * x - 1.0)


acosh.cases(lambda rng: (rng.uniform(1.5, 3, (3, 4)),), empty)


@op(holomorphic=True, reference=lambda x: np.log((1 + x) / (1 - x)) / 2)
def atanh(x):
    """The inverse hyperbolic tangent of each element."""
    return array_module(x).arctanh(x)


atanh.shape(floats)


@atanh.vjp
def _(g, y, x):
    return g / (1.0 - x * x)


atanh.cases(inside, empty)


@op(type="Atan2", reference=lambda y, x: np.angle(x + 1j * y))
def atan2(y, x):
    """The angle of the point (x, y), in radians, in [-pi, pi]."""
    return array_module(y, x).arctan2(y, x)


atan2.shape(broadcasts_floats)


@atan2.vjp
def _(g, z, y, x):
    share = g / (x * x + y * y)
    return share * x, -share * y


atan2.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.choice([-1, 1], 4) * rng.uniform(0.5, 2, 4)),
    lambda rng: (np.zeros((0, 2)), np.ones(2)),
)
