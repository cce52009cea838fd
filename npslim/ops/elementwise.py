"""Arithmetic of two tensors, element by element, with broadcasting.

The gradient rules here are the inside cover of a calculus book. A rule need not undo broadcasting: where an op
broadcasts, the walk back sums each cotangent over the dimensions that were added.

before: op.py   next: plan.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor, contains_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DTypeError, InvalidArgumentError
from npslim.op import op
from npslim.ops.functions import log
from npslim.ops.logic import cast, cast_, greater, where_v2
from npslim.registry import OPERATORS
from npslim.scopes import name_scope
from npslim.shape_rules import broadcasts, broadcasts_floats
from npslim.spec import Spec, merge
from npslim.tensor import shapes_of


@op(holomorphic=True, type="AddV2", node_name="Add", partial=True, reference=lambda x, y: x - (-1 * y))
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
add.rejects("same dtype", lambda rng: (np.zeros(2), np.zeros(2, np.int32)))


@op(holomorphic=True, type="Sub", partial=True, reference=lambda x, y: x + (-1 * y))
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


@op(
    holomorphic=True,
    type="Mul",
    partial=True,
    reference=lambda x, y: np.exp(np.log(x + 0j) + np.log(y + 0j)).real,
)
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


@op(type="MulNoNan", node_name="multiply_no_nan", holomorphic=True, reference=lambda x, y: np.where(y == 0, 0, x) * y)
def multiply_no_nan(x, y):
    """x * y, and 0 where y is 0, also if x is infinite or NaN there."""
    return array_module(x, y).where(y == 0, x.dtype.type(0), x * y)


multiply_no_nan.shape(broadcasts_floats)


@multiply_no_nan.vjp
def _(g, z, x, y):
    return multiply_no_nan(g, y), multiply_no_nan(x, g)


multiply_no_nan.cases(
    lambda rng: (rng.normal(size=(3, 1)), rng.normal(size=(3, 4))), lambda rng: (np.zeros((0, 2)), np.ones((1, 2)))
)
multiply_no_nan.cases(lambda rng: (np.array([np.inf, np.nan, 2.0]), np.array([0.0, 0.0, 3.0])), gradient=False)


@op(holomorphic=True, type="RealDiv", reference=lambda x, y: x * np.power(y, -1.0))
def realdiv(x, y):
    """x / y, element by element, for floating tensors."""
    return x / y


realdiv.shape(broadcasts_floats)


@realdiv.vjp
def _(g, z, x, y):
    return g / y, -g * z / y


realdiv.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4))),
    lambda rng: (rng.normal(size=(2, 1)), rng.uniform(-2, -0.5, (3,))),
    lambda rng: (np.zeros((0, 2)), np.ones((1, 2))),
)
realdiv.rejects("not floating", lambda rng: (np.ones(2, np.int32), np.ones(2, np.int32)))


def truediv(x, y, name=None):
    """x / y, element by element. Integers are divided as float64, those of 8 and 16 bits as float32."""
    x, y = pair(x, y, "truediv")
    with name_scope(name, "truediv", [x]) as scope:
        if x.spec.dtype.kind in "iu":
            dtype = np.float32 if x.spec.dtype.itemsize <= 2 else np.float64
            x, y = cast(x, dtype), cast(y, dtype)
        return realdiv(x, y, name=scope)


divide = truediv


def pair(x, y, name):
    """Both as tensors of one dtype: numbers and arrays take that of the tensor beside them. name: for the error."""
    if contains_tensor(y) and not contains_tensor(x):
        y = as_tensor(y)
        x = as_tensor(x, y.spec.dtype)
    else:
        keeps = contains_tensor(y) or (hasattr(y, "dtype") and not contains_tensor(x))
        x = as_tensor(x)
        y = as_tensor(y, None if keeps else x.spec.dtype)
    if x.spec.dtype != y.spec.dtype:
        raise DTypeError(
            f"{name}: the inputs do not have the same dtype.",
            expected="one dtype",
            got=shapes_of([x, y]),
            made_at=user_line(),
            hint="cast(x, dtype) converts",
        )
    return x, y


@op(
    type="DivNoNan",
    node_name="div_no_nan",
    holomorphic=True,
    reference=lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
)
def divide_no_nan(x, y):
    """x / y, element by element, and 0 where y is 0."""
    zero = y == 0
    return array_module(x, y).where(zero, x.dtype.type(0), x / (y + zero))


divide_no_nan.shape(broadcasts_floats)


@divide_no_nan.vjp
def _(g, z, x, y):
    return divide_no_nan(g, y), divide_no_nan(-g * z, y)


divide_no_nan.cases(
    lambda rng: (rng.normal(size=(3,)), rng.uniform(0.5, 2, (3,))),
    lambda rng: (rng.normal(size=(2, 1)), np.ones(3)),
)
divide_no_nan.cases(lambda rng: (np.array([1.0, 2.0, np.inf]), np.array([0.0, 4.0, 0.0])), gradient=False)

# ---- powers


def _power_by_logarithm(x, y):
    if x.dtype.kind == "f":
        return np.exp(y * np.log(x))
    return np.array([int(a) ** int(b) for a, b in zip(x, y, strict=True)])


@op(type="Pow", holomorphic=True, reference=_power_by_logarithm)
def pow(x, y):
    """x to the power of y, element by element. The gradient by y is zero where x is not positive.

    Raises InvalidArgumentError for integers to a negative power.
    """
    if y.dtype.kind == "i" and (y < 0).any():
        raise InvalidArgumentError("pow: integers to a negative power.", expected="powers >= 0", got=int(y.min()))
    return x**y


pow.shape(broadcasts)


@pow.vjp
def _(g, z, x, y):
    positive = greater(x, 0.0)
    log_x = where_v2(positive, log(where_v2(positive, x, 1.0)), 0.0)
    return g * multiply_no_nan(pow(x, y - 1.0), y), g * multiply_no_nan(z, log_x)


pow.cases(
    lambda rng: (rng.uniform(0.5, 2, (3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (rng.uniform(0.5, 2, (3, 4)), np.array(2.5)),
    lambda rng: (rng.uniform(0.5, 2, (2,)), rng.normal(size=(2, 2))),
    lambda rng: (np.zeros((0, 2)), np.ones((1, 2))),
)
pow.cases(lambda rng: (np.array([2, 3], np.int32), np.array([3, 2], np.int32)), gradient=False)

# ---- the larger and the smaller


def _extreme(name, type, compare):
    """maximum or minimum: the gradient goes to the larger (smaller) input, to x where they are equal."""

    def kernel(x, y):
        return getattr(array_module(x, y), name)(x, y)

    kernel.__name__ = name
    kernel.__doc__ = f"The {name} of x and y, element by element; NaN where one of them is."
    made = op(
        kernel,
        type=type,
        partial=True,
        exact=True,
        holomorphic=True,
        reference=lambda x, y: np.where(compare(x, y), x, y),
    )
    made.shape(broadcasts)

    @made.vjp
    def _(g, z, x, y):
        mine = compare(x, y)
        return where_v2(mine, g, 0.0), where_v2(mine, 0.0, g)

    made.cases(
        lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
        lambda rng: (rng.normal(size=(3, 1)), rng.normal(size=(2,))),
        lambda rng: (np.zeros((0, 3)), np.zeros(3)),
    )
    return made


maximum = _extreme("maximum", "Maximum", lambda x, y: x >= y)
minimum = _extreme("minimum", "Minimum", lambda x, y: x <= y)


def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    """`t`, each element moved to the nearer limit where it is outside; no gradient flows there."""
    with name_scope(name, "clip_by_value", [t]) as scope:
        return maximum(minimum(t, clip_value_max), clip_value_min, name=scope)


def saturate_cast(value, dtype, name=None):
    """`value` in another dtype, moved to its nearest limit where it is outside."""
    value, dtype = as_tensor(value), numpy_dtype(dtype)
    with name_scope(name, "saturate_cast", [value]) as scope:
        low, high = _limits(value.spec.dtype, dtype)
        return cast_(clip_by_value(value, low, high, name="clamp"), dtype=dtype, name=scope)


def _limits(own, other):
    """The smallest and the largest number that both dtypes hold, in dtype `own`."""
    mine, others = as_dtype(own), as_dtype(other)
    low, high = max(mine.min, others.min), min(mine.max, others.max)
    low, high = np.array(low, own), np.array(high, own)
    if own.kind == "f" and other.kind in "iu":  # the nearest float may lie outside of the integers
        low = low if int(low) >= others.min else np.nextafter(low, own.type(0))
        high = high if int(high) <= others.max else np.nextafter(high, own.type(0))
    return low, high


@op(holomorphic=True, reference=lambda x, y: x * x - 2 * x * y + y * y)
def squared_difference(x, y):
    """(x - y) ** 2, element by element."""
    return (x - y) * (x - y)


squared_difference.shape(broadcasts)


@squared_difference.vjp
def _(g, z, x, y):
    pulled = g * 2.0 * (x - y)
    return pulled, -pulled


squared_difference.cases(
    lambda rng: (rng.normal(size=(3, 1)), rng.normal(size=(3, 4))), lambda rng: (np.zeros((0, 2)), np.ones((1, 2)))
)


# ---- many tensors


@op(holomorphic=True, type="AddN", reference=lambda *xs: np.stack(xs).sum(0))
def add_n(*inputs):
    """The sum of tensors of one shape."""
    total = inputs[0]
    for x in inputs[1:]:
        total = total + x
    return total


@add_n.shape
def _(*inputs):
    shape = inputs[0].shape
    for x in inputs[1:]:
        shape = merge(shape, x.shape)
    return Spec(shape, inputs[0].dtype)


@add_n.vjp
def _(g, y, *inputs):
    return [g] * len(inputs)


add_n.cases(
    lambda rng: [rng.normal(size=(3, 4)) for _ in range(3)],
    lambda rng: [rng.normal(size=(2,))],
    lambda rng: [np.zeros((0, 2))] * 2,
)
add_n.rejects("not compatible", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


def accumulate_n(inputs, shape=None, tensor_dtype=None, name=None):
    """The sum of a list of tensors, of static `shape` and of dtype `tensor_dtype` if these are given."""
    inputs = [as_tensor(x, tensor_dtype) for x in inputs]
    total = add_n(*inputs, name=name)
    total.set_shape(shape)
    return total


# ---- Python's operators, their nodes named as in TensorFlow


def operator_of(name, function):
    """Let Python's operator `name` call `function`; the node is named after the operator."""
    OPERATORS[f"__{name}__"] = lambda x, y: function(x, y, name=name)
    OPERATORS[f"__r{name}__"] = lambda x, y: function(y, x, name=name)


operator_of("add", add)
operator_of("sub", subtract)
operator_of("mul", multiply)
operator_of("truediv", truediv)
operator_of("pow", pow)
