"""Tensors made from a shape or a number."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_array, as_tensor, canonical, default_array
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import maximum
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_sum
from npslim.registry import OPERATORS
from npslim.spec import Spec, as_shape, count, show_shape

_FLOAT32 = np.dtype(np.float32)


def shape_from(dims):
    """The shape that the spec of a tensor of sizes stands for."""
    if dims.known is not None:
        return tuple(None if np.isnan(size) else int(size) for size in dims.known.ravel())
    return (None,) * dims.shape[0] if dims.shape and dims.shape[0] is not None else None


@op(alike=(), host=("dims",), reference=lambda dims, value: value * np.ones(tuple(dims), value.dtype))
def fill(dims, value):
    """A tensor of shape `dims` whose elements are all the scalar `value`."""
    return array_module(value).full(tuple(int(size) for size in dims), value, value.dtype)


@fill.shape
def _(dims, value):
    return Spec(shape_from(dims), value.dtype)


@fill.vjp
def _(g, y, dims, value):
    return None, reduce_sum(g)


fill.cases(
    lambda rng: (np.array([2, 3], np.int32), np.array(1.5)),
    lambda rng: (np.array([0, 3], np.int32), np.array(1.5)),
    lambda rng: (np.array([2], np.int64), np.array(7, np.int32)),
)


def constant(value, dtype=None, shape=None, name="Const", verify_shape=False):
    """A tensor of a fixed value: a number, an array, a nested list. Python's numbers are float32 or int32.

    shape: what a number is repeated to, or the elements of an array are put into, the last one repeated to fill it.
    Raises ShapeError if there are more elements than the shape holds, or, with verify_shape, if the shapes differ.
    """
    if shape is None:
        return as_tensor(value, None if dtype is None else canonical(dtype), name)
    array, shape = as_array(value, dtype), as_shape(shape)
    total = count(shape)
    if total is None or array.size > total or (verify_shape and array.shape != shape):
        raise ShapeError("The value does not fit the shape.", expected=show_shape(shape), got=show_shape(array.shape))
    flat = array.ravel()
    filled = np.concatenate([flat, np.repeat(flat[-1:], total - flat.size)])
    return as_tensor(filled.reshape(shape), name=name)


def zeros(shape, dtype=_FLOAT32, name=None):
    """Zeros of a shape, which may be a tensor."""
    return _constant_or_fill(shape, canonical(dtype), 0, name or "zeros")


def ones(shape, dtype=_FLOAT32, name=None):
    """Ones of a shape, which may be a tensor."""
    return _constant_or_fill(shape, canonical(dtype), 1, name or "ones")


OPERATORS["zeros"] = zeros


def _constant_or_fill(shape, dtype, number, name):
    value = (b"" if number == 0 else b"1") if dtype.kind == "O" else number
    return fill(_as_dims(shape), as_tensor(value, dtype), name=name)


def _as_dims(shape):
    if isinstance(shape, list | tuple) and not shape:
        return as_tensor(np.zeros(0, np.int32))
    return as_tensor(shape)


@op(
    type="Range",
    node_name="range",
    host=("start", "limit", "delta"),
    alike=(),
    dynamic=True,
    differentiable=False,
    reference=lambda start, limit, delta: np.array(
        [start + i * delta for i in range(max(0, int(np.ceil((limit - start) / delta))))], start.dtype
    ),
)
def range_of(start, limit, delta):
    """start, start + delta, ... up to, and without, the limit."""
    return array_module().arange(start[()], limit[()], delta[()], dtype=start.dtype)


@range_of.shape
def _(start, limit, delta):
    knowns = [x.known for x in (start, limit, delta)]
    if any(k is None or np.isnan(k) for k in knowns):
        return Spec((None,), start.dtype)
    first, last, step = (k.item() for k in knowns)
    if step == 0:
        raise InvalidArgumentError("The step cannot be zero.", expected="delta != 0", got=0)
    size = max(0, int(np.ceil((last - first) / step)))
    whole = all(k.dtype == start.dtype for k in knowns) and size <= 256
    return Spec((size,), start.dtype, np.arange(first, last, step, dtype=start.dtype) if whole else None)


range_of.cases(
    lambda rng: (np.array(2, np.int32), np.array(9, np.int32), np.array(3, np.int32)),
    lambda rng: (np.array(3.0), np.array(1.0), np.array(-0.5)),
    lambda rng: (np.array(3, np.int32), np.array(3, np.int32), np.array(1, np.int32)),
)
range_of.rejects("zero", lambda rng: (np.array(0), np.array(3), np.array(0)))


def range_(start, limit=None, delta=1, dtype=None, name=None):
    """Numbers from `start` (0 if only one is given) up to, and without, `limit`, in steps of `delta`."""
    if limit is None:
        start, limit = 0, start
    values = [start, limit, delta]
    if dtype is None:
        found = [v.dtype.dtype if hasattr(v, "spec") else default_array(v).dtype for v in values]
        of_tensors = [dtype for v, dtype in zip(values, found, strict=True) if hasattr(v, "spec")]
        dtype = np.result_type(*(of_tensors or found))
    return range_of(*(as_tensor(v, canonical(dtype)) for v in values), name=name)


def linspace(start, stop, num, name=None):
    """`num` (an int or a scalar tensor) numbers from `start` to `stop`, both included."""
    start = as_tensor(start)
    dtype = start.spec.dtype
    num = cast(as_tensor(num), dtype=dtype)
    steps = range_of(as_tensor(0, dtype), num, as_tensor(1, dtype))
    return start + steps * ((as_tensor(stop, dtype) - start) / maximum(num - 1, as_tensor(1, dtype)))


def eye(num_rows, num_columns=None, batch_shape=None, dtype=_FLOAT32, name=None):
    """The identity matrix."""
    return as_tensor(np.eye(num_rows, num_columns, dtype=canonical(dtype)), name=name or "eye")


@op(
    alike=(),
    host=("depth",),
    differentiable=False,
    node_name="one_hot",
    type="OneHot",
    reference=lambda indices, depth, on_value, off_value, axis, dtype: np.moveaxis(
        np.array([[on_value if i == d else off_value for d in range(depth)] for i in indices.ravel()], dtype).reshape(
            *indices.shape, int(depth)
        ),
        -1,
        axis,
    ),
)
def one_hot_of(indices, depth, *, on_value, off_value, axis, dtype):
    """`on_value` at the place that the index names along a new dimension of size `depth`, `off_value` elsewhere."""
    xp = array_module(indices)
    hot = xp.expand_dims(indices, -1) == xp.arange(int(depth), dtype=indices.dtype)
    return xp.moveaxis(xp.where(hot, dtype.type(on_value), dtype.type(off_value)), -1, axis)


@one_hot_of.shape
def _(indices, depth, *, on_value, off_value, axis, dtype):
    if indices.dtype.kind not in "iu":
        raise DTypeError("one_hot: indices are integers.", expected="integers", got=indices.dtype)
    if indices.shape is None:
        return Spec(None, dtype)
    size = None if depth.known is None else int(depth.known)
    if size is not None and size < 0:
        raise InvalidArgumentError("The depth cannot be negative.", expected="depth >= 0", got=size)
    at = len(indices.shape) if axis == -1 else axis
    return Spec((*indices.shape[:at], size, *indices.shape[at:]), dtype)


_F8 = np.dtype(np.float64)
one_hot_of.cases(
    lambda rng: (np.array([0, 2, -1, 3], np.int32), np.array(3, np.int32)),
    lambda rng: (np.array([[0, 2]]), np.array(3, np.int32)),
    lambda rng: (np.zeros(0, np.int32), np.array(3, np.int32)),
    on_value=1.0, off_value=0.0, axis=-1, dtype=_F8,
)  # fmt: skip
one_hot_of.cases(
    lambda rng: (np.array([[0, 2]]), np.array(3, np.int32)), on_value=5.0, off_value=-1.0, axis=1, dtype=_F8
)


def one_hot(indices, depth, on_value=None, off_value=None, axis=None, dtype=None, name=None):
    """Vectors of length `depth` with `on_value` (1) at the index and `off_value` (0) elsewhere; all off for others.

    indices: `[...]` integers. Returns `[..., depth]`, or with the new dimension at `axis`; float32 unless `dtype`.
    """
    on_value, off_value = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    dtype = np.dtype(np.float32) if dtype is None else canonical(dtype)
    axis = -1 if axis is None else axis
    return one_hot_of(
        indices, as_tensor(depth, np.int32), on_value=on_value, off_value=off_value, axis=axis, dtype=dtype, name=name
    )
