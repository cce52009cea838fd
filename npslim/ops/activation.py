"""Activations: what a layer ends with."""

import numpy as np

from npslim.backend import array_module
from npslim.op import op, same
from npslim.ops.logic import where


def gate(g, inside):
    """`g` where `inside`, else 0."""
    return where(inside, g, g * 0.0)


def _kinked(rng):
    """Points away from the kinks at 0 and 6."""
    return (np.array([[-3.2, -0.4, 0.3, 5.5], [6.5, 2.0, -1.1, 8.0]]),)


def _empty(rng):
    return (np.zeros((0, 2)),)


@op(type="Relu", reference=lambda x: (x + np.abs(x)) / 2)
def relu(x):
    """max(x, 0), element by element. The gradient at 0 is 0."""
    return array_module(x).maximum(x, x.dtype.type(0))


relu.shape(same)


@relu.vjp
def _(g, y, x):
    return relu_grad(g, y)


relu.cases(_kinked, _empty, lambda rng: (np.array([-2, 3], np.int32),))


@op(type="ReluGrad", reference=lambda g, y: np.where(y > 0, g, 0))
def relu_grad(g, y):
    """`g` where `y` is positive, else 0."""
    return g * (y > 0)


relu_grad.shape(same)


@relu_grad.vjp
def _(h, z, g, y):
    return relu_grad(h, y), None


relu_grad.cases(lambda rng: (rng.normal(size=(2, 4)), rng.choice([-1.0, 1.0], (2, 4))))


@op(type="Relu6", reference=lambda x: np.clip(x, 0, 6))
def relu6(x):
    """min(max(x, 0), 6), element by element (Krizhevsky, 2010)."""
    xp = array_module(x)
    return xp.minimum(xp.maximum(x, x.dtype.type(0)), x.dtype.type(6))


relu6.shape(same)


@relu6.vjp
def _(g, y, x):
    return gate(g, (x > 0.0) & (x < 6.0))


relu6.cases(_kinked, _empty)


@op(type="LeakyRelu", reference=lambda x, alpha: np.where(x > 0, x, alpha * x))
def leaky_relu(x, *, alpha=0.2):
    """x where it is positive, else alpha * x (Maas et al., 2013)."""
    return array_module(x).maximum(x, x * x.dtype.type(alpha)) if alpha <= 1 else array_module(x).minimum(x, x * alpha)


leaky_relu.shape(same)


@leaky_relu.vjp
def _(g, y, x, *, alpha):
    return where(x > 0.0, g, g * alpha)


leaky_relu.cases(_kinked, _empty)
leaky_relu.cases(_kinked, alpha=0.01)


@op(type="Elu", reference=lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1))
def elu(x):
    """x where it is positive, else exp(x) - 1 (Clevert et al., 2015)."""
    xp = array_module(x)
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, x.dtype.type(0))))


elu.shape(same)


@elu.vjp
def _(g, y, x):
    return where(x > 0.0, g, g * (y + 1.0))


elu.cases(_kinked, _empty)

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@op(type="Selu", reference=lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * (np.exp(np.minimum(x, 0)) - 1)))
def selu(x):
    """elu with the scales that keep mean 0 and variance 1 (Klambauer et al., 2017)."""
    xp, of = array_module(x), x.dtype.type
    return xp.where(x > 0, of(_SELU_SCALE) * x, of(_SELU_SCALE * _SELU_ALPHA) * xp.expm1(xp.minimum(x, of(0))))


selu.shape(same)


@selu.vjp
def _(g, y, x):
    return where(x > 0.0, g * _SELU_SCALE, g * (y + _SELU_SCALE * _SELU_ALPHA))


selu.cases(_kinked, _empty)


@op(type="Sigmoid", reference=lambda x: 0.5 + 0.5 * np.tanh(x / 2))
def sigmoid(x):
    """1 / (1 + exp(-x)), element by element; no overflow at any x."""
    xp = array_module(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, x.dtype.type(1), small) / (1 + small)


sigmoid.shape(same)


@sigmoid.vjp
def _(g, y, x):
    return g * y * (1.0 - y)


sigmoid.cases(lambda rng: (rng.normal(size=(3, 4)),), _empty)
sigmoid.cases(lambda rng: (np.array([-1e3, 1e3, 0.0]),), gradient=False)


@op(type="Softplus", reference=lambda x: np.logaddexp(x, 0))
def softplus(x):
    """log(1 + exp(x)), element by element; no overflow at any x."""
    xp = array_module(x)
    return xp.maximum(x, x.dtype.type(0)) + xp.log1p(xp.exp(-xp.abs(x)))


softplus.shape(same)


@softplus.vjp
def _(g, y, x):
    return g * sigmoid(x)


softplus.cases(lambda rng: (rng.normal(size=(3, 4)),), _empty)
softplus.cases(lambda rng: (np.array([-1e3, 1e3, 0.0]),), gradient=False)


@op(type="Softsign", reference=lambda x: np.where(x > 0, 1 - 1 / (1 + np.abs(x)), 1 / (1 + np.abs(x)) - 1))
def softsign(x):
    """x / (1 + |x|), element by element."""
    return x / (1 + array_module(x).abs(x))


softsign.shape(same)


@softsign.vjp
def _(g, y, x):
    size = where(x > 0.0, x, -x) + 1.0
    return g / (size * size)


softsign.cases(_kinked, _empty)


def log_sigmoid(x, name=None):
    """log(sigmoid(x)), element by element; no overflow at any x."""
    return -softplus(-x, name=name)


def swish(x, name=None):
    """x * sigmoid(x) (Ramachandran et al., 2017)."""
    return x * sigmoid(x, name=name)


