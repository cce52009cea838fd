"""Functions of each element: powers, exponentials, trigonometry, rounding."""

import numpy as np
from scipy import special

from npslim.backend import array_module, special_module
from npslim.graph import OPERATORS
from npslim.op import op, same


@op(holomorphic=True, type="Square", reference=lambda x: np.power(x, 2))
def square(x):
    """x * x, element by element."""
    return x * x


square.shape(same)


@square.vjp
def _(g, y, x):
    return g * 2.0 * x


square.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Sqrt", reference=lambda x: np.exp(0.5 * np.log(x)))
def sqrt(x):
    """The square root of each element."""
    return array_module(x).sqrt(x)


sqrt.shape(same)


@sqrt.vjp
def _(g, y, x):
    return g * 0.5 / y


sqrt.cases(lambda rng: (rng.uniform(0.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Rsqrt", reference=lambda x: np.power(x, -0.5))
def rsqrt(x):
    """1 / sqrt(x), element by element."""
    return 1 / array_module(x).sqrt(x)


rsqrt.shape(same)


@rsqrt.vjp
def _(g, y, x):
    return g * -0.5 * y * y * y


rsqrt.cases(lambda rng: (rng.uniform(0.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Reciprocal", reference=lambda x: np.power(x, -1.0))
def reciprocal(x):
    """1 / x, element by element."""
    return 1 / x


reciprocal.shape(same)


@reciprocal.vjp
def _(g, y, x):
    return -g * y * y


reciprocal.cases(lambda rng: (rng.uniform(0.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Exp", reference=lambda x: np.power(np.e, x))
def exp(x):
    """e to the power of each element."""
    return array_module(x).exp(x)


exp.shape(same)


@exp.vjp
def _(g, y, x):
    return g * y


exp.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Expm1", reference=lambda x: np.sinh(x) + np.cosh(x) - 1)
def expm1(x):
    """exp(x) - 1, exact for small x."""
    return array_module(x).expm1(x)


expm1.shape(same)


@expm1.vjp
def _(g, y, x):
    return g * (y + 1.0)


expm1.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Log", reference=lambda x: np.log2(x) * np.log(2))
def log(x):
    """The natural logarithm of each element."""
    return array_module(x).log(x)


log.shape(same)


@log.vjp
def _(g, y, x):
    return g / x


log.cases(lambda rng: (rng.uniform(0.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Log1p", reference=lambda x: 2 * np.arctanh(x / (2 + x)))
def log1p(x):
    """log(1 + x), exact for small x."""
    return array_module(x).log1p(x)


log1p.shape(same)


@log1p.vjp
def _(g, y, x):
    return g / (x + 1.0)


log1p.cases(lambda rng: (rng.uniform(-0.9, 0.9, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Sin", reference=lambda x: np.imag(np.exp(1j * x)))
def sin(x):
    """The sine of each element, in radians."""
    return array_module(x).sin(x)


sin.shape(same)


@sin.vjp
def _(g, y, x):
    return g * cos(x)


sin.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Cos", reference=lambda x: np.real(np.exp(1j * x)))
def cos(x):
    """The cosine of each element, in radians."""
    return array_module(x).cos(x)


cos.shape(same)


@cos.vjp
def _(g, y, x):
    return -g * sin(x)


cos.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Tan", reference=lambda x: np.sin(x) / np.cos(x))
def tan(x):
    """The tangent of each element, in radians."""
    return array_module(x).tan(x)


tan.shape(same)


@tan.vjp
def _(g, y, x):
    return g * (y * y + 1.0)


tan.cases(lambda rng: (rng.uniform(-0.9, 0.9, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Sinh", reference=lambda x: (np.exp(x) - np.exp(-x)) / 2)
def sinh(x):
    """The hyperbolic sine of each element."""
    return array_module(x).sinh(x)


sinh.shape(same)


@sinh.vjp
def _(g, y, x):
    return g * cosh(x)


sinh.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Cosh", reference=lambda x: (np.exp(x) + np.exp(-x)) / 2)
def cosh(x):
    """The hyperbolic cosine of each element."""
    return array_module(x).cosh(x)


cosh.shape(same)


@cosh.vjp
def _(g, y, x):
    return g * sinh(x)


cosh.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Tanh", reference=lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1))
def tanh(x):
    """The hyperbolic tangent of each element, in (-1, 1)."""
    return array_module(x).tanh(x)


tanh.shape(same)


@tanh.vjp
def _(g, y, x):
    return g * (1.0 - y * y)


tanh.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Asin", reference=lambda x: np.arctan2(x, np.sqrt(1 - x * x)))
def asin(x):
    """The angle in radians whose sine is x."""
    return array_module(x).arcsin(x)


asin.shape(same)


@asin.vjp
def _(g, y, x):
    return g * rsqrt(1.0 - x * x)


asin.cases(lambda rng: (rng.uniform(-0.9, 0.9, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Acos", reference=lambda x: np.arctan2(np.sqrt(1 - x * x), x))
def acos(x):
    """The angle in radians whose cosine is x."""
    return array_module(x).arccos(x)


acos.shape(same)


@acos.vjp
def _(g, y, x):
    return -g * rsqrt(1.0 - x * x)


acos.cases(lambda rng: (rng.uniform(-0.9, 0.9, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Atan", reference=lambda x: np.imag(np.log(1 + 1j * x)))
def atan(x):
    """The angle in radians whose tangent is x."""
    return array_module(x).arctan(x)


atan.shape(same)


@atan.vjp
def _(g, y, x):
    return g / (x * x + 1.0)


atan.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Asinh", reference=lambda x: np.log(x + np.sqrt(x * x + 1)))
def asinh(x):
    """The inverse hyperbolic sine of each element."""
    return array_module(x).arcsinh(x)


asinh.shape(same)


@asinh.vjp
def _(g, y, x):
    return g * rsqrt(x * x + 1.0)


asinh.cases(lambda rng: (rng.uniform(0.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Acosh", reference=lambda x: np.log(x + np.sqrt(x * x - 1)))
def acosh(x):
    """The inverse hyperbolic cosine of each element."""
    return array_module(x).arccosh(x)


acosh.shape(same)


@acosh.vjp
def _(g, y, x):
    return g * rsqrt(x * x - 1.0)


acosh.cases(lambda rng: (rng.uniform(1.5, 3, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Atanh", reference=lambda x: np.log((1 + x) / (1 - x)) / 2)
def atanh(x):
    """The inverse hyperbolic tangent of each element."""
    return array_module(x).arctanh(x)


atanh.shape(same)


@atanh.vjp
def _(g, y, x):
    return g / (1.0 - x * x)


atanh.cases(lambda rng: (rng.uniform(-0.9, 0.9, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(type="Abs", reference=lambda x: np.sqrt(x * x))
def abs_(x):
    """|x|, element by element."""
    return array_module(x).abs(x)


abs_.shape(same)


@abs_.vjp
def _(g, y, x):
    return g * sign(x)


abs_.cases(lambda rng: (rng.choice([-1, 1], (3, 4)) * rng.uniform(0.2, 2, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(type="Sign", differentiable=False, reference=lambda x: (x > 0) * 1.0 - (x < 0))
def sign(x):
    """-1, 0 or 1, element by element."""
    return array_module(x).sign(x)


sign.shape(same)


sign.cases(lambda rng: (rng.choice([-1, 1], (3, 4)) * rng.uniform(0.2, 2, (3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(type="Floor", differentiable=False, reference=lambda x: -np.ceil(-x))
def floor(x):
    """The largest integer not above each element."""
    return array_module(x).floor(x)


floor.shape(same)


floor.cases(lambda rng: (np.array([-1.5, -0.5, 0.5, 1.2, 2.5]),), lambda rng: (np.zeros((0, 2)),))


@op(type="Ceil", differentiable=False, reference=lambda x: -np.floor(-x))
def ceil(x):
    """The smallest integer not below each element."""
    return array_module(x).ceil(x)


ceil.shape(same)


ceil.cases(lambda rng: (np.array([-1.5, -0.5, 0.5, 1.2, 2.5]),), lambda rng: (np.zeros((0, 2)),))


@op(type="Round", differentiable=False, reference=lambda x: np.round(x))
def round_(x):
    """The nearest integer, halves to the even one."""
    return array_module(x).rint(x)


round_.shape(same)


round_.cases(lambda rng: (np.array([-1.5, -0.5, 0.5, 1.2, 2.5]),), lambda rng: (np.zeros((0, 2)),))


@op(type="Rint", differentiable=False, reference=lambda x: np.round(x))
def rint(x):
    """The nearest integer, halves to the even one."""
    return array_module(x).rint(x)


rint.shape(same)


rint.cases(lambda rng: (np.array([-1.5, -0.5, 0.5, 1.2, 2.5]),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, type="Erf", reference=lambda x: 1 - special.erfc(x))
def erf(x):
    """The error function of each element."""
    return special_module(x).erf(x)


erf.shape(same)


@erf.vjp
def _(g, y, x):
    return g * (2.0 / np.sqrt(np.pi)) * exp(-x * x)


erf.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


OPERATORS["__abs__"] = lambda x: abs_(x)
