"""Arithmetic, comparison and logic, element by element, with broadcasting.

The gradient rules here are the inside cover of a calculus book. A rule need not undo broadcasting: where an op
broadcasts, the walk back sums each cotangent over the dimensions that were added.

before: op.py   next: plan.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError
from npslim.graph import OPERATORS
from npslim.op import as_tensor, broadcasts, op, same
from npslim.ops.functions import log
from npslim.ops.logic import cast, sum_to, where
from npslim.spec import Spec, merge


@op(alike=True, holomorphic=True, type="AddV2", node_name="Add", partial=True, reference=lambda x, y: x - (-1 * y))
def add(x, y):
    """x + y, element by element."""
    return x + y


add.shape(broadcasts)


@add.vjp
def _(g, z, x, y):
    return g, g


add.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (rng.normal(size=(2, 1, 4)), rng.normal(size=(3, 1))),
    lambda rng: (rng.normal(size=(0, 3)), rng.normal(size=(3,))),
    lambda rng: (np.array([1, 2], np.int32), np.array(3, np.int32)),
)
add.rejects("do not broadcast", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(alike=True, holomorphic=True, type="Sub", partial=True, reference=lambda x, y: x + (-1 * y))
def subtract(x, y):
    """x - y, element by element."""
    return x - y


subtract.shape(broadcasts)


@subtract.vjp
def _(g, z, x, y):
    return g, -g


subtract.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (rng.normal(size=()), rng.normal(size=(2, 3))),
)


@op(alike=True, holomorphic=True, type="Mul", partial=True, reference=lambda x, y: np.exp(np.log(x + 0j) + np.log(y + 0j)).real)
def multiply(x, y):
    """x * y, element by element."""
    return x * y


multiply.shape(broadcasts)


@multiply.vjp
def _(g, z, x, y):
    return g * y, g * x


multiply.cases(
    lambda rng: (rng.uniform(0.5, 2, (3, 4)), rng.uniform(-2, -0.5, (3, 4))),
    lambda rng: (rng.uniform(0.5, 2, (2, 1, 4)), rng.uniform(0.5, 2, (3, 1))),
)


@op(holomorphic=True, type="Neg", reference=lambda x: 0 - x)
def negative(x):
    """-x, element by element."""
    return -x


negative.shape(same)


@negative.vjp
def _(g, y, x):
    return -g


negative.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, node_name="AddN", type="AddN", reference=lambda *xs: np.stack(xs).sum(0))
def add_n(*xs):
    """The sum of tensors of one shape."""
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


@add_n.shape
def _(*xs):
    shape = xs[0].shape
    for x in xs[1:]:
        shape = merge(shape, x.shape)
    return Spec(shape, xs[0].dtype)


@add_n.vjp
def _(g, y, *xs):
    return [g] * len(xs)


add_n.cases(
    lambda rng: [rng.normal(size=(3, 4)) for _ in range(3)],
    lambda rng: [rng.normal(size=(2,))],
)
add_n.rejects("not compatible", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(type="RealDiv", holomorphic=True, node_name="truediv", reference=lambda x, y: x * np.power(y, -1.0))
def divide(x, y):
    """x / y, element by element, for floating tensors."""
    return x / y


divide.shape(broadcasts)


@divide.vjp
def _(g, z, x, y):
    return g / y, -g * z / y


divide.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4))),
    lambda rng: (rng.normal(size=(2, 1)), rng.uniform(-2, -0.5, (3,))),
    lambda rng: (np.zeros((0, 2)), np.ones((1, 2))),
)


def truediv(x, y, name=None):
    """x / y; integers are divided as floating numbers: float64, or float32 for 8 and 16 bits."""
    x, y = pair(x, y)
    if x.spec.dtype.kind in "iu":
        dtype = np.dtype(np.float32 if x.spec.dtype.itemsize <= 2 else np.float64)
        x, y = cast(x, dtype=dtype), cast(y, dtype=dtype)
    return divide(x, y, name=name)


def div(x, y, name=None):
    """x / y as Python 2 has it: integers give the quotient rounded towards zero."""
    x, y = pair(x, y)
    return truncatediv(x, y, name=name or "div") if x.spec.dtype.kind in "iu" else divide(x, y, name=name or "div")


def pair(x, y):
    """Both as tensors of one dtype: numbers take that of the tensor beside them."""
    if not hasattr(x, "spec") and hasattr(y, "spec"):
        return as_tensor(x, y.spec.dtype), as_tensor(y)
    x = as_tensor(x)
    return x, as_tensor(y, None if hasattr(y, "spec") else x.spec.dtype)


@op(type="DivNoNan", holomorphic=False, node_name="div_no_nan", reference=lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)))
def divide_no_nan(x, y):
    """x / y, and 0 where y is 0."""
    zero = y == 0
    return array_module(x, y).where(zero, x.dtype.type(0), x / (y + zero))


divide_no_nan.shape(broadcasts)


@divide_no_nan.vjp
def _(g, z, x, y):
    return divide_no_nan(g, y), divide_no_nan(-g * z, y)


divide_no_nan.cases(
    lambda rng: (rng.normal(size=(3,)), rng.uniform(0.5, 2, (3,))), lambda rng: (rng.normal(size=(2, 1)), np.ones(3))
)
divide_no_nan.cases(lambda rng: (np.array([1.0, 2.0]), np.array([0.0, 4.0])), gradient=False)


@op(type="FloorDiv", node_name="floordiv", differentiable=False, partial=True, reference=lambda x, y: np.floor(x / y).astype(x.dtype))
def floordiv(x, y):
    """The largest integer not above x / y. Integers divided by zero raise InvalidArgumentError."""
    _check_divisor("floordiv", y)
    return x // y


floordiv.shape(broadcasts)
floordiv.cases(
    lambda rng: (np.array([-7.5, 7.5, 6.0]), np.array([2.0, 2.0, -4.0])),
    lambda rng: (np.array([-7, 7, 6], np.int32), np.array([2], np.int32)),
)


def _check_divisor(name, y):
    if y.dtype.kind in "iu" and not y.all():
        raise InvalidArgumentError(f"{name}: integer division by zero.", expected="a divisor other than 0", got=0)


@op(type="TruncateDiv", differentiable=False, reference=lambda x, y: np.trunc(x / y).astype(x.dtype))
def truncatediv(x, y):
    """x / y rounded towards zero. Integers divided by zero raise InvalidArgumentError."""
    _check_divisor("truncatediv", y)
    if x.dtype.kind not in "iu":
        return array_module(x, y).trunc(x / y)
    quotient = abs(x) // abs(y)
    return array_module(x, y).where((x < 0) != (y < 0), -quotient, quotient)


truncatediv.shape(broadcasts)
truncatediv.cases(
    lambda rng: (np.array([-7, 7, 6], np.int32), np.array([2, -2, 4], np.int32)), lambda rng: (np.array([-7.5]), np.array([2.0]))
)


@op(type="FloorMod", node_name="FloorMod", partial=True, reference=lambda x, y: x - np.floor(x / y).astype(x.dtype) * y)
def mod(x, y):
    """x - floor(x / y) * y: the remainder with the sign of y."""
    _check_divisor("mod", y)
    return x % y


mod.shape(broadcasts)


@mod.vjp
def _(g, z, x, y):
    return g, -g * floordiv(x, y)


mod.cases(
    lambda rng: (np.array([-7.5, 7.5, 6.1]), np.array([2.0, 2.0, -4.0])),
    lambda rng: (np.array([-7, 7, 6], np.int32), np.array([2], np.int32)),
)


@op(type="Pow", holomorphic=True, reference=lambda x, y: np.exp(y * np.log(x)) if x.dtype.kind == "f" else np.array([int(a) ** int(b) for a, b in zip(x, y, strict=True)]))
def pow_(x, y):
    """x to the power of y, element by element. The gradient by y is zero where x is not positive."""
    return x**y


pow_.shape(broadcasts)


@pow_.vjp
def _(g, z, x, y):
    positive = x > 0.0
    log_x = log(where(positive, x, x * 0.0 + 1.0))
    return g * y * pow_(x, y - 1.0), g * where(positive, z * log_x, z * 0.0)


pow_.cases(
    lambda rng: (rng.uniform(0.5, 2, (3, 4)), rng.normal(size=(3, 4))), lambda rng: (rng.uniform(0.5, 2, (3, 4)), np.array(2.5))
)
pow_.cases(lambda rng: (np.array([2, 3], np.int32), np.array([3, 2], np.int32)), gradient=False)


def _extreme(name, type, compare):
    """maximum or minimum: the gradient goes to the larger (smaller) input, where equal to x."""

    def kernel(x, y):
        return getattr(array_module(x, y), name)(x, y)

    kernel.__name__ = name
    kernel.__doc__ = f"The {name} of x and y, element by element; NaN where one of them is."
    made = op(kernel, type=type, partial=True, reference=lambda x, y: np.where(compare(x, y), x, y))
    made.shape(broadcasts)

    def rule(g, z, x, y):
        mine = compare(x, y)
        nothing = g * 0.0
        return where(mine, g, nothing), where(mine, nothing, g)

    made.vjp(rule)
    made.cases(
        lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
        lambda rng: (rng.normal(size=(3, 1)), rng.normal(size=(2,))),
        lambda rng: (np.zeros((0, 3)), np.zeros(3)),
    )
    return made


maximum = _extreme("maximum", "Maximum", lambda x, y: x >= y)
minimum = _extreme("minimum", "Minimum", lambda x, y: x <= y)


def squared_difference(x, y, name=None):
    """(x - y) ** 2, element by element."""
    difference = subtract(x, y)
    return multiply(difference, difference, name=name or "SquaredDifference")


def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    """`t` with each element moved to the nearer limit where it is outside; no gradient flows there."""
    return maximum(minimum(t, clip_value_max), clip_value_min, name=name or "clip_by_value")


def _operator(method, function, swapped=None):
    """Let Python's `method` call `function`; the node is named after the operator, as in TensorFlow."""
    name = method.strip("_")
    OPERATORS[method] = lambda self, *others: function(self, *others, name=name)
    if swapped:
        OPERATORS[swapped] = lambda self, other: function(other, self, name=name)


_operator("__add__", add, "__radd__")
_operator("__sub__", subtract, "__rsub__")
_operator("__mul__", multiply, "__rmul__")
_operator("__truediv__", truediv, "__rtruediv__")
_operator("__floordiv__", floordiv, "__rfloordiv__")
_operator("__mod__", mod, "__rmod__")
_operator("__pow__", pow_, "__rpow__")
OPERATORS["__neg__"] = lambda x: negative(x)
