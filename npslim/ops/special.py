"""Error and gamma functions, of each element."""

import math

import numpy as np

from npslim.backend import special_module
from npslim.op import op
from npslim.ops.functions import by_number, empty, exp, normal, positive
from npslim.shape_rules import broadcasts_floats, floats


@op(holomorphic=True, reference=by_number(math.erf))
def erf(x):
    """The error function of each element."""
    return special_module(x).erf(x).astype(x.dtype)


erf.shape(floats)


@erf.vjp
def _(g, y, x):
    return g * (2.0 / np.sqrt(np.pi)) * exp(-x * x)


erf.cases(normal, empty)


@op(holomorphic=True, reference=by_number(math.erfc))
def erfc(x):
    """1 - erf(x), with full precision for large x."""
    return special_module(x).erfc(x).astype(x.dtype)


erfc.shape(floats)


@erfc.vjp
def _(g, y, x):
    return g * (-2.0 / np.sqrt(np.pi)) * exp(-x * x)


erfc.cases(normal, empty)


@op(reference=by_number(math.lgamma))
def lgamma(x):
    """The logarithm of the absolute value of the gamma function of each element."""
    return special_module(x).gammaln(x).astype(x.dtype)


lgamma.shape(floats)


@lgamma.vjp
def _(g, y, x):
    return g * digamma(x)


lgamma.cases(positive, empty)


@op()
def digamma(x):
    """The derivative of lgamma, of each element."""
    return special_module(x).psi(x).astype(x.dtype)


digamma.shape(floats)


@digamma.vjp
def _(g, y, x):
    return g * polygamma(1.0, x)


digamma.cases(positive, empty)


@op()
def polygamma(a, x):
    """The derivative of order a of digamma, of each element; there is no gradient by `a`."""
    return special_module(x).polygamma(a, x).astype(x.dtype)


polygamma.shape(broadcasts_floats)


@polygamma.vjp
def _(g, y, a, x):
    return None, g * polygamma(a + 1.0, x)


polygamma.cases(
    lambda rng: (np.array(1.0), rng.uniform(0.5, 3, (3, 4))),
    lambda rng: (np.array([[1.0], [2.0]]), rng.uniform(0.5, 3, (2, 3))),
    lambda rng: (np.array([[1.0], [2.0]]), np.zeros((2, 0))),
    gradient=False,  # there is none by the order; the second derivative of digamma checks that by x
)
