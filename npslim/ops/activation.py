"""Activations: what a layer ends with.

Where a formula has two branches, the choice is made by comparison. NumPy compares complex numbers by their real parts
first, so the complex step checks these gradients too, however near a kink is.
"""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.op import op
from npslim.ops.functions import negative
from npslim.ops.join import concat
from npslim.ops.logic import where_v2
from npslim.scopes import name_scope
from npslim.shape_rules import floats, same


def _kinked(rng):
    """Points on both sides of the kinks at 0 and 6."""
    return (np.array([[-3.2, -0.4, 0.3, 5.5], [6.5, 2.0, -1.1, 8.0]]),)


def _normal(rng):
    return (rng.normal(size=(3, 4)),)


def _far(rng):
    return (np.array([-1e3, 1e3, 0.0, -30.0, 30.0]),)


def _empty(rng):
    return (np.zeros((0, 2)),)


@op(holomorphic=True, exact=True, reference=lambda x: ((x + np.abs(x)) / 2).astype(x.dtype))
def relu(x):
    """max(x, 0), element by element. The gradient at 0 is 0."""
    return array_module(x).maximum(x, x.dtype.type(0))


relu.shape(same)


@relu.vjp
def _(g, y, x):
    return relu_grad(g, y)


relu.cases(_kinked, _empty, lambda rng: (np.array([-2, 3], np.int32),))


@op(holomorphic=True, exact=True, reference=lambda g, y: g * (y > 0))
def relu_grad(g, y):
    """`g` where `y` is positive, else 0: also where g is infinite or NaN."""
    return array_module(g, y).where(y > 0, g, g.dtype.type(0))


relu_grad.shape(same)


@relu_grad.vjp
def _(h, z, g, y):
    return relu_grad(h, y), None


relu_grad.cases(lambda rng: (rng.normal(size=(2, 4)), rng.choice([-1.0, 1.0], (2, 4))))


@op(type="Relu6", holomorphic=True, exact=True, reference=lambda x: np.clip(x, 0, 6))
def relu6(x):
    """min(max(x, 0), 6), element by element (Krizhevsky, 2010). The gradient at 0 and 6 is 0."""
    xp = array_module(x)
    return xp.minimum(xp.maximum(x, x.dtype.type(0)), x.dtype.type(6))


relu6.shape(same)


@relu6.vjp
def _(g, y, x):
    return where_v2((x > 0.0) & (x < 6.0), g, 0.0)


relu6.cases(_kinked, _empty)


@op(holomorphic=True, reference=lambda x, alpha: np.maximum(x, 0) + alpha * np.minimum(x, 0))
def leaky_relu(x, *, alpha=0.2):
    """x where it is positive, else alpha * x (Maas et al., 2013)."""
    return array_module(x).where(x > 0, x, x * x.dtype.type(alpha))


leaky_relu.shape(floats)


@leaky_relu.vjp
def _(g, y, x, *, alpha):
    return where_v2(x > 0.0, g, g * alpha)


leaky_relu.cases(_kinked, _empty)
leaky_relu.cases(_kinked, alpha=1.5)


@op(holomorphic=True, reference=lambda x: np.maximum(x, 0) + np.exp(np.minimum(x, 0)) - 1)
def elu(x):
    """x where it is positive, else exp(x) - 1 (Clevert et al., 2015)."""
    xp = array_module(x)
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, x.dtype.type(0))))


elu.shape(floats)


@elu.vjp
def _(g, y, x):
    return where_v2(x > 0.0, g, g * (y + 1.0))


elu.cases(_kinked, _empty)

SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@op(holomorphic=True, reference=lambda x: SCALE * (np.maximum(x, 0) + ALPHA * (np.exp(np.minimum(x, 0)) - 1)))
def selu(x):
    """elu with the scales that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    xp, of = array_module(x), x.dtype.type
    return xp.where(x > 0, of(SCALE) * x, of(SCALE * ALPHA) * xp.expm1(xp.minimum(x, of(0))))


selu.shape(floats)


@selu.vjp
def _(g, y, x):
    return where_v2(x > 0.0, g * SCALE, g * (y + SCALE * ALPHA))


selu.cases(_kinked, _empty)


def crelu(features, name=None, axis=-1):
    """relu of `features` and of `-features`, side by side along `axis` (Shang et al., 2016)."""
    with name_scope(name, "CRelu", [features]) as scope:
        features = as_tensor(features)
        return relu(concat(features, negative(features), axis=axis, name=scope))


def towards_zero(x):
    """-|x|, as a function that has a derivative in the complex plane."""
    return array_module(x).minimum(x, -x)


@op(holomorphic=True, reference=lambda x: 0.5 + 0.5 * np.tanh(x / 2))
def sigmoid(x):
    """1 / (1 + exp(-x)), element by element; no overflow at any x."""
    xp = array_module(x)
    small = xp.exp(towards_zero(x))
    return xp.where(x >= 0, x.dtype.type(1), small) / (1 + small)


sigmoid.shape(floats)


@sigmoid.vjp
def _(g, y, x):
    return g * y * (1.0 - y)


sigmoid.cases(_normal, _empty)
sigmoid.cases(_far, gradient=False)


@op(holomorphic=True, reference=lambda x: np.logaddexp(x, 0).astype(x.dtype))
def softplus(x):
    """log(1 + exp(x)), element by element; no overflow at any x."""
    xp = array_module(x)
    return xp.maximum(x, x.dtype.type(0)) + xp.log1p(xp.exp(towards_zero(x)))


softplus.shape(floats)


@softplus.vjp
def _(g, y, x):
    return g * sigmoid(x)


softplus.cases(_normal, _empty)
softplus.cases(_far, gradient=False)


@op(holomorphic=True, reference=lambda x: np.sign(x) * (1 - 1 / (1 + np.abs(x))))
def softsign(x):
    """x / (1 + |x|), element by element. NaN at infinity, as in TensorFlow."""
    return x / (1 - towards_zero(x))


softsign.shape(floats)


@softsign.vjp
def _(g, y, x):
    size = where_v2(x > 0.0, x, -x) + 1.0
    return g / (size * size)


softsign.cases(_kinked, _empty)


def log_sigmoid(x, name=None):
    """log(sigmoid(x)), element by element; no overflow at any x."""
    with name_scope(name, "LogSigmoid", [x]) as scope:
        return negative(softplus(negative(x)), name=scope)


def swish(features, name=None):
    """x * sigmoid(x), element by element (Ramachandran et al., 2017)."""
    with name_scope(name, "swish", [features]):
        features = as_tensor(features)
        return features * sigmoid(features)
