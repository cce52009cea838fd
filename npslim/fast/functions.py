"""Functions of each element, for loops: NumPy's own, and those that take several calls, into memory that is there.

Those give the bits of the plain kernels, which choose between two values element by element: `np.where` takes five
times as long as the arithmetic that gives the same.

before: arena.py   next: loops.py
"""

import numpy as np

from npslim.fast.arena import scratch
from npslim.ops.activation import ALPHA, SCALE

BOOL, BITS = np.dtype(bool), {n: np.dtype(f"i{n}") for n in (2, 4, 8)}  # of a mask; as long as a floating number


def working(number, like):
    """This thread's working array `number`, of the shape and dtype of `like`."""
    return scratch(number, like.size, like.dtype).reshape(like.shape)


def where_positive(g, y, out):
    """`g` where `y` is positive, else 0: the bits of `g` times 1 or 0, five times as quick as `np.where`, and exact."""
    mask, bits = scratch(0, g.size, BOOL), BITS[g.itemsize]
    np.greater(y.reshape(-1), 0, out=mask)
    return np.multiply(g.view(bits), mask.view(np.int8).reshape(g.shape), out=out.view(bits))


def where_inside(g, x, out):
    """`g` where `x` is between 0 and 6, else 0, in the same way."""
    mask, below, bits, x = scratch(0, g.size, BOOL), scratch(1, g.size, BOOL), BITS[g.itemsize], x.reshape(-1)
    np.logical_and(np.greater(x, 0, out=mask), np.less(x, 6, out=below), out=mask)
    return np.multiply(g.view(bits), mask.view(np.int8).reshape(g.shape), out=out.view(bits))


def chosen(mask, x, y, out):
    """`x` where the mask holds, else `y`: the bits of `y`, and those in which `x` differs from it times 1 or 0."""
    bits = BITS[out.itemsize]
    x, y, mask, found = x.view(bits), y.view(bits), mask.view(np.int8), out.view(bits)
    if y.ndim == 0 and y == 0:
        np.multiply(x, mask, out=found)
    else:
        np.bitwise_xor(x, y, out=found)
        np.multiply(found, mask, out=found)
        np.bitwise_xor(found, y, out=found)
    return out


def reciprocal(x, out):
    return np.divide(1, x, out=out)


# ---- activations: see `ops/activation.py`


def _towards_zero(x, out):
    """-|x|."""
    return np.minimum(x, np.negative(x, out=out), out=out)


def leaky_relu(alpha):
    """The function for an alpha between 0 and 1."""

    def leaky_relu(x, out):
        return np.maximum(x, np.multiply(x, x.dtype.type(alpha), out=working(0, x)), out=out)

    return leaky_relu


def elu(x, out):
    """The exponential part is 0 where x is positive, and what is added to it elsewhere is -0, which changes nothing."""
    part = np.minimum(x, 0, out=working(0, x))
    return np.add(np.maximum(x, -0.0, out=out), np.expm1(part, out=part), out=out)


def selu(x, out):
    part, of = np.minimum(x, 0, out=working(0, x)), x.dtype.type
    np.multiply(of(SCALE * ALPHA), np.expm1(part, out=part), out=part)
    np.multiply(of(SCALE), np.maximum(x, -0.0, out=out), out=out)
    return np.add(out, part, out=out)


def sigmoid(x, out):
    """Above the line stands 1, where x is not negative, else exp(x): the larger one of exp(-|x|) and the sign."""
    small = _towards_zero(x, working(0, x))
    np.maximum(np.exp(small, out=small), np.sign(x, out=working(1, x)), out=out)
    return np.divide(out, np.add(1, small, out=small), out=out)


def softplus(x, out):
    part = np.exp(_towards_zero(x, working(0, x)), out=working(0, x))
    return np.add(np.maximum(x, 0, out=out), np.log1p(part, out=part), out=out)


def softsign(x, out):
    size = _towards_zero(x, working(0, x))
    return np.divide(x, np.subtract(1, size, out=size), out=out)


def sigmoid_cross_entropy(labels, logits, out):
    """See `ops/softmax.py`; both are whole."""
    size, wrong, mask = working(0, out), working(1, out), scratch(0, out.size, BOOL).reshape(out.shape)
    np.greater_equal(logits, 0, out=mask)
    chosen(mask, np.subtract(1, labels, out=wrong), labels, wrong)
    np.negative(_towards_zero(logits, size), out=size)
    if np.isfinite(size.max(initial=0)):
        np.multiply(wrong, size, out=out)
    else:
        out[...] = np.where(wrong == 0, wrong, wrong * size)
    np.log1p(np.exp(np.negative(size, out=size), out=size), out=size)
    return np.add(out, size, out=out)


FUNCTIONS = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "realdiv": np.divide, "maximum": np.maximum,
    "minimum": np.minimum, "negative": np.negative, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs,
    "tanh": np.tanh, "bias_add": np.add, "relu_grad": where_positive,
    "sign": np.sign, "expm1": np.expm1, "log1p": np.log1p, "floor": np.floor, "ceil": np.ceil, "rint": np.rint,
    "sin": np.sin, "cos": np.cos, "reciprocal": reciprocal, "elu": elu, "sigmoid": sigmoid, "softplus": softplus,
    "selu": selu, "softsign": softsign, "sigmoid_cross_entropy_with_logits": sigmoid_cross_entropy,
}  # fmt: skip
