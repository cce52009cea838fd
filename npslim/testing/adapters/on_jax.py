"""JAX: values, and gradients by `jax.vjp`."""

import functools
from typing import Any

import numpy as np

from npslim.testing.adapters.common import Unmapped, answers_of, axes_of, found, imported, window_of


def setup():
    """Import JAX, with 64-bit numbers. Raises MissingExtraError."""
    jax = imported("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def answer(case):
    """The case in JAX."""
    jax = setup()
    function = found(case, _table())
    inputs = {n: jax.numpy.asarray(a) for n, a in case.inputs.items()}
    wanted = list(case.gradients)

    def of_wanted(*xs):
        ys = function(*{**inputs, **dict(zip(wanted, xs, strict=True))}.values())
        return ys if isinstance(ys, tuple) else (ys,)

    if not wanted:
        return answers_of(case, of_wanted(), [])
    ys, back = jax.vjp(of_wanted, *(inputs[n] for n in wanted))
    return answers_of(case, ys, back(tuple(jax.numpy.asarray(w) for w in case.cotangents.values())))


@functools.cache
def _table():
    jax = setup()
    np_, nn, lax, special = jax.numpy, jax.nn, jax.lax, imported("jax.scipy.special")

    def plain(function):
        return lambda a, *xs: function(*xs)

    table: dict[str, Any] = {
        name: plain(function)
        for name, function in {
            "abs": np_.abs, "negative": np_.negative, "exp": np_.exp, "expm1": np_.expm1, "log": np_.log,
            "log1p": np_.log1p, "sqrt": np_.sqrt, "rsqrt": lax.rsqrt, "reciprocal": lambda x: 1 / x,
            "square": np_.square, "sign": np_.sign, "floor": np_.floor, "ceil": np_.ceil, "rint": np_.rint,
            "sigmoid": nn.sigmoid, "tanh": np_.tanh, "relu": nn.relu, "relu6": nn.relu6, "elu": nn.elu,
            "selu": nn.selu, "softplus": nn.softplus, "softsign": nn.soft_sign, "erf": special.erf,
            "erfc": special.erfc, "lgamma": special.gammaln, "digamma": special.digamma, "sin": np_.sin,
            "cos": np_.cos, "tan": np_.tan, "asin": np_.arcsin, "acos": np_.arccos, "atan": np_.arctan,
            "sinh": np_.sinh, "cosh": np_.cosh, "asinh": np_.arcsinh, "acosh": np_.arccosh, "atanh": np_.arctanh,
            "atan2": np_.arctan2, "add": np_.add, "subtract": np_.subtract, "multiply": np_.multiply,
            "realdiv": np_.true_divide, "pow": np_.power, "maximum": np_.maximum, "minimum": np_.minimum,
            "squared_difference": lambda x, y: (x - y) ** 2, "mod": np_.mod, "equal": np_.equal,
            "not_equal": np_.not_equal, "less": np_.less, "less_equal": np_.less_equal, "greater": np_.greater,
            "greater_equal": np_.greater_equal, "logical_and": np_.logical_and, "logical_or": np_.logical_or,
            "logical_not": np_.logical_not, "is_nan": np_.isnan, "is_inf": np_.isinf, "is_finite": np_.isfinite,
            "where_v2": np_.where, "identity": lambda x: x, "l2_loss": lambda x: (x * x).sum() / 2,
            "add_n": lambda *xs: functools.reduce(np_.add, xs),
            "sigmoid_cross_entropy_with_logits": lambda z, x: -z * nn.log_sigmoid(x) - (1 - z) * nn.log_sigmoid(-x),
        }.items()
    }  # fmt: skip

    def reduced(function):
        return lambda a, x: function(x, axis=axes_of(a, x.ndim), keepdims=a["keepdims"]).astype(
            bool if x.dtype == bool else x.dtype
        )

    def mean(x, axis, keepdims):
        if x.dtype.kind != "f":
            raise Unmapped("a mean of integers is floating")
        return np_.mean(x, axis, keepdims=keepdims)

    def dimension_numbers(w, kernel="HWIO"):
        data = "NCHW" if w.first else "NHWC"
        return data, kernel, data

    def conv2d(a, x, k, groups=1):
        w = window_of({"x": x, "k": k}, a, "x")
        return lax.conv_general_dilated(
            x, k, w.strides, w.pads, rhs_dilation=w.dilations, dimension_numbers=dimension_numbers(w),
            feature_group_count=groups, precision="highest",
        )  # fmt: skip

    def depthwise(a, x, k):
        return conv2d(a, x, k.reshape(*k.shape[:2], 1, -1), k.shape[2])

    def pool(a, x, start, function):
        w = window_of({"x": x}, a, "x")
        around = (lambda v, one: (one, one, *v)) if w.first else (lambda v, one: (one, *v, one))
        return lax.reduce_window(
            x, start, function, around(w.size, 1), around(w.strides, 1), around(w.pads, (0, 0)),
            window_dilation=around(w.dilations, 1),
        )  # fmt: skip

    def max_pool(a, x):
        if x.dtype.kind != "f":
            raise Unmapped("only floating numbers are pooled")
        return pool(a, x, -np.inf, lax.max)

    def avg_pool(a, x):
        return pool(a, x, 0.0, lax.add) / pool(a, np_.ones_like(x), 0.0, lax.add)

    def matmul(a, x, y):
        x = x.swapaxes(-1, -2) if a["transpose_a"] else x
        return np_.matmul(x, y.swapaxes(-1, -2) if a["transpose_b"] else y, precision="highest")

    def transpose(a, x):
        y = np_.transpose(x, a["perm"])
        return y.conj() if a["conjugate"] else y

    def cumsum(a, x):
        if a["exclusive"] or a["reverse"]:
            raise Unmapped("only forward and inclusive")
        return np_.cumsum(x, a["axis"]).astype(x.dtype)

    def bias_add(a, x, b):
        return x + (b.reshape(-1, *[1] * (x.ndim - 2)) if str(a["data_format"] or "").startswith("NC") else b)

    table.update(
        matmul=matmul, conv2d=conv2d, depthwise_conv2d_native=depthwise, max_pool2d=max_pool, avg_pool2d=avg_pool,
        transpose=transpose, cumsum=cumsum, bias_add=bias_add,
        gather=lambda a, x, i: np_.take(x, i, a["axis"]),
        softmax=lambda a, x: nn.softmax(x, a["axis"]), log_softmax=lambda a, x: nn.log_softmax(x, a["axis"]),
        reduce_sum=reduced(np_.sum), reduce_mean=reduced(mean), reduce_max=reduced(np_.max),
        reduce_min=reduced(np_.min), reduce_prod=reduced(np_.prod), reduce_any=reduced(np_.any),
        reduce_all=reduced(np_.all), reduce_logsumexp=reduced(special.logsumexp),
        concat=lambda a, *xs: np_.concatenate(xs, a["axis"]), stack=lambda a, *xs: np_.stack(xs, a["axis"]),
        leaky_relu=lambda a, x: nn.leaky_relu(x, a["alpha"]),
        softmax_cross_entropy_with_logits=lambda a, z, x: -(z * nn.log_softmax(x, a["axis"])).sum(a["axis"]),
        einsum=lambda a, *xs: np_.einsum(a["equation"], *xs, precision="highest"),
    )  # fmt: skip
    return table
