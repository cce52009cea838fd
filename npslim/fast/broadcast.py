"""Elementwise ops that no loop takes: operands that are repeated, comparisons, choices, other dtypes.

Each is a pass or two of NumPy into a buffer, cut along the first dimension. The result has the plain kernel's bits, and
its order of elements: where an input is laid out otherwise, the plain kernel does it.

before: loops.py   next: kernels.py
"""

import math

import numpy as np

from npslim.fast.arena import scratch, take
from npslim.fast.functions import BITS, chosen
from npslim.fast.loops import in_order
from npslim.fast.tiles import halves
from npslim.fast.workers import each

BLOCK = 1 << 18  # elements of the result that are computed at once
SMALL = 1 << 12  # elements: below, the plain kernel is as quick
BOOL, NUMBERS = np.dtype(bool), set("biufc")


def _into(arena, function, inputs, dtype):
    """`function(*parts of the inputs, out=part)` for all parts of a buffer; None if that is small, or out of order."""
    if not all(isinstance(x, np.ndarray | np.generic) and x.dtype.kind in NUMBERS and in_order(x) for x in inputs):
        return None
    shape = np.broadcast_shapes(*[x.shape for x in inputs])
    if math.prod(shape) < SMALL:
        return None
    out = take(arena, shape, dtype)
    cut = [x.ndim == out.ndim and len(x) == len(out) for x in inputs]

    def one(part):
        function(*[x[part] if along else x for x, along in zip(inputs, cut, strict=True)], out=out[part])

    each(one, halves(len(out), max(1, BLOCK * len(out) // out.size)))
    return out


def _squared_difference(x, y, out):
    np.subtract(x, y, out=out)
    np.multiply(out, out, out=out)


def _multiply_no_nan(x, y, out):
    """The bits of the products, times 0 where `y` is 0."""
    mask = np.not_equal(y, 0, out=scratch(0, y.size, BOOL).reshape(y.shape))
    np.multiply(x, y, out=out)
    np.multiply(out.view(BITS[out.itemsize]), mask.view(np.int8), out=out.view(BITS[out.itemsize]))


def _arithmetic(name, function):
    """The kernel of a function of two tensors of one dtype."""

    def kernel(arena, x, y):
        known = x.dtype == y.dtype and (x.dtype.kind == "f" or isinstance(function, np.ufunc))
        return _into(arena, function, (x, y), x.dtype) if known else None

    kernel.__name__ = name
    return kernel


def _comparison(name, function):
    """The kernel of a function of one tensor, or of two, whose result is boolean."""

    def kernel(arena, *inputs):
        return _into(arena, function, inputs, BOOL)

    kernel.__name__ = name
    return kernel


def bias_add(arena, value, bias, *, data_format=None):
    """`ops.normalize.bias_add` to channels that are not the last dimension."""
    if (data_format or "NHWC")[1] != "C" or value.dtype != bias.dtype:
        return None
    return _into(arena, np.add, (value, bias.reshape(-1, *[1] * (value.ndim - 2))), value.dtype)


def where_v2(arena, condition, x, y):
    """`ops.logic.where_v2`."""
    if x.dtype != y.dtype or x.itemsize not in BITS:
        return None
    return _into(arena, chosen, (condition, x, y), x.dtype)


def where(arena, condition, x, y):
    """`ops.logic.where`: a vector of conditions chooses rows."""
    rank = max(x.ndim, y.ndim)
    if condition.ndim == 1 and rank > 1:
        condition = condition.reshape(-1, *[1] * (rank - 1))
    return where_v2(arena, condition, x, y)


def cast(arena, x, *, dtype):
    """`ops.logic.cast_`."""
    return _into(arena, _converted, (x,), dtype) if {x.dtype.kind, dtype.kind} <= set("biuf") else None


def _converted(x, out):
    np.copyto(out, x, casting="unsafe")


def zeros_like(arena, x, *, dtype=None):
    """`ops.shape.zeros_like`."""
    return _filled(arena, x.shape, dtype or x.dtype, 0)


def ones_like(arena, x, *, dtype=None):
    """`ops.shape.ones_like`."""
    return _filled(arena, x.shape, dtype or x.dtype, 1)


def fill(arena, dims, value):
    """`ops.create.fill`."""
    return _filled(arena, tuple(int(size) for size in dims), value.dtype, value)


def _filled(arena, shape, dtype, value):
    if dtype.kind not in NUMBERS or math.prod(shape) < SMALL:
        return None
    out = take(arena, shape, dtype)
    out.fill(value)
    return out


def standard_uniform(arena, shape, *, dtype, seed=None, rng):
    """`ops.random.standard_uniform`."""
    if dtype.char not in "fd":
        return None
    return rng.random(dtype=dtype, out=take(arena, tuple(int(size) for size in shape), dtype))


KERNELS = {
    **{name: _arithmetic(name, function) for name, function in {
        "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "realdiv": np.divide,
        "maximum": np.maximum, "minimum": np.minimum,
        "squared_difference": _squared_difference, "multiply_no_nan": _multiply_no_nan,
    }.items()},
    **{name: _comparison(name, getattr(np, name)) for name in (
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
        "logical_and", "logical_or", "logical_not",
    )},
    **{kernel.__name__: kernel for kernel in (
        bias_add, where_v2, where, cast, zeros_like, ones_like, fill, standard_uniform,
    )},
}  # fmt: skip
