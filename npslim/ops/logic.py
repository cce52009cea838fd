"""Comparison, logic, choice and conversion, element by element."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.graph import OPERATORS
from npslim.op import compares, op
from npslim.spec import Spec, broadcast, compatible, show_shape


def _comparison(name, type, function, reference, doc):
    """An op that compares two tensors; the result is boolean and has no gradient."""

    def kernel(x, y):
        return function(x, y)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, differentiable=False, reference=reference)
    made.shape(compares)
    made.cases(
        lambda rng: (np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])),
        lambda rng: (rng.integers(0, 3, (2, 1)).astype(np.int32), rng.integers(0, 3, (3,)).astype(np.int32)),
        lambda rng: (np.zeros((0, 2)), np.zeros((1, 2))),
    )
    made.rejects("do not broadcast", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))
    return made


equal = _comparison("equal", "Equal", lambda x, y: x == y, lambda x, y: x - y == 0, "x == y, element by element.")
not_equal = _comparison("not_equal", "NotEqual", lambda x, y: x != y, lambda x, y: x - y != 0, "x != y, element by element.")
less = _comparison("less", "Less", lambda x, y: x < y, lambda x, y: x - y < 0, "x < y, element by element.")
less_equal = _comparison("less_equal", "LessEqual", lambda x, y: x <= y, lambda x, y: x - y <= 0, "x <= y, element by element.")
greater = _comparison("greater", "Greater", lambda x, y: x > y, lambda x, y: x - y > 0, "x > y, element by element.")
greater_equal = _comparison("greater_equal", "GreaterEqual", lambda x, y: x >= y, lambda x, y: x - y >= 0, "x >= y, element by element.")


def _logical(name, type, function, reference, doc):
    """An op of two boolean tensors."""

    def kernel(x, y):
        return function(array_module(x, y), x, y)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, differentiable=False, reference=reference)
    made.shape(compares)
    made.cases(lambda rng: (np.array([[True], [False]]), np.array([True, False])), lambda rng: (np.zeros(0, bool), np.zeros(0, bool)))
    return made


logical_and = _logical("logical_and", "LogicalAnd", lambda xp, x, y: xp.logical_and(x, y), lambda x, y: x & y, "x and y, element by element.")
logical_or = _logical("logical_or", "LogicalOr", lambda xp, x, y: xp.logical_or(x, y), lambda x, y: x | y, "x or y, element by element.")
logical_xor = _logical("logical_xor", "LogicalXor", lambda xp, x, y: xp.logical_xor(x, y), lambda x, y: x != y, "Exactly one of x and y, element by element.")


def _test(name, type, reference, doc):
    """An op that tests each floating element."""

    def kernel(x):
        return getattr(array_module(x), name.removeprefix("is_").join(("is", "")))(x)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, differentiable=False, reference=reference)
    made.shape(lambda x: Spec(x.shape, np.dtype(bool)))
    made.cases(lambda rng: (np.array([1.0, np.inf, -np.inf, np.nan]),), lambda rng: (np.zeros((0, 2)),))
    return made


is_finite = _test("is_finite", "IsFinite", lambda x: np.abs(x) < np.inf, "Whether each element is neither infinite nor NaN.")
is_inf = _test("is_inf", "IsInf", lambda x: np.abs(x) == np.inf, "Whether each element is infinite.")
is_nan = _test("is_nan", "IsNan", lambda x: x != x, "Whether each element is NaN.")


@op(differentiable=False, reference=lambda x: x == False)  # noqa: E712
def logical_not(x):
    """not x, element by element."""
    return ~x


logical_not.shape(lambda x: Spec(x.shape, np.dtype(bool)))
logical_not.cases(lambda rng: (np.array([True, False]),))


@op(type="Select", node_name="Select", alike=("x", "y"), reference=lambda condition, x, y: np.array([a if c else b for c, a, b in zip(*(v.ravel() for v in np.broadcast_arrays(condition if condition.ndim != 1 or x.ndim < 2 else condition.reshape(-1, *[1] * (x.ndim - 1)), x, y)), strict=True)], x.dtype).reshape(np.broadcast_shapes(x.shape, y.shape, condition.shape if condition.ndim != 1 else ())))
def where(condition, x, y):
    """x where `condition` holds, else y.

    condition: boolean, broadcasts with x and y; `[n]` chooses rows of x and y of a higher rank, as in TensorFlow 1.
    """
    if condition.ndim == 1 and max(x.ndim, y.ndim) > 1:
        condition = condition.reshape((-1,) + (1,) * (max(x.ndim, y.ndim) - 1))
    return array_module(x, y).where(condition, x, y)


@where.shape
def _(condition, x, y):
    shape = broadcast(x.shape, y.shape)
    if shape is None or condition.shape is None:
        return Spec(None, x.dtype)
    if len(condition.shape) == 1 and len(shape) > 1:
        if not compatible(condition.shape, shape[:1]):
            raise ShapeError("There must be one condition for each row.", expected=shape[0], got=show_shape(condition.shape))
        return Spec((condition.shape[0] if shape[0] is None else shape[0], *shape[1:]), x.dtype)
    return Spec(broadcast(condition.shape, shape), x.dtype)


@where.vjp
def _(g, z, condition, x, y):
    nothing = g * 0.0
    return None, sum_to(where(condition, g, nothing), x), sum_to(where(condition, nothing, g), y)


where.cases(
    lambda rng: (rng.integers(0, 2, (3, 4)).astype(bool), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (np.array([True, False]), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
    lambda rng: (np.array(True), rng.normal(size=(2, 1)), rng.normal(size=(3,))),
    lambda rng: (np.zeros((0, 2), bool), np.zeros((0, 2)), np.zeros((0, 2))),
)
where.rejects("row", lambda rng: (np.zeros(3, bool), np.zeros((2, 3)), np.zeros((2, 3))))


@op(reference=lambda x, dtype: np.array(x.tolist(), dtype).reshape(x.shape))
def cast(x, *, dtype):
    """`x` in another dtype; floating numbers are cut off to integers."""
    return x.astype(dtype)


@cast.shape
def _(x, *, dtype):
    partial = x.known is not None and x.known.dtype.kind == "f" and dtype.kind in "iu" and x.dtype.kind in "iu"
    return Spec(x.shape, dtype, x.known if partial else None)


@cast.vjp
def _(g, y, x, *, dtype):
    return cast(g, dtype=x.dtype.dtype) if dtype.kind in "fc" else None


cast.cases(lambda rng: (rng.normal(size=(2, 3)),), dtype=np.dtype(np.float32), gradient=False)
cast.cases(lambda rng: (np.array([-1.7, 1.7]),), dtype=np.dtype(np.int32), gradient=False)
cast.cases(lambda rng: (np.array([0, 2], np.int32),), dtype=np.dtype(np.float64), gradient=False)
cast.cases(lambda rng: (np.array([0, 2], np.int32),), dtype=np.dtype(bool), gradient=False)


@op(alike=(), shape_only=("like",), holomorphic=True, reference=lambda g, like: _sum_to_by_loop(g, like))
def sum_to(g, like):
    """Sum `g` over the dimensions that broadcasting would add to `like`: what undoes broadcasting on the way back."""
    extra = g.ndim - like.ndim
    axes = tuple(range(extra)) + tuple(
        i for i in range(extra, g.ndim) if like.shape[i - extra] == 1 and g.shape[i] != 1
    )
    return g.sum(axis=axes, keepdims=True).reshape(like.shape) if axes else g


@sum_to.shape
def _(g, like):
    return Spec(like.shape, g.dtype)


@sum_to.vjp
def _(h, y, g, like):
    return broadcast_like(h, g), None


def _sum_to_by_loop(g, like):
    total = np.zeros(like.shape, g.dtype)
    for place in np.ndindex(*g.shape):
        inner = place[g.ndim - like.ndim :]
        total[tuple(0 if size == 1 else i for i, size in zip(inner, like.shape, strict=True))] += g[place]
    return total


sum_to.cases(
    lambda rng: (rng.normal(size=(2, 3, 4)), np.zeros((3, 1))),
    lambda rng: (rng.normal(size=(3, 4)), np.zeros((3, 4))),
    lambda rng: (rng.normal(size=(2, 3)), np.zeros(())),
)


@op(alike=(), shape_only=("like",), holomorphic=True, type="BroadcastTo", reference=lambda x, like: x + np.zeros(like.shape, x.dtype))
def broadcast_like(x, like):
    """Repeat `x` to the shape of `like`."""
    return array_module(x).broadcast_to(x, like.shape)


@broadcast_like.shape
def _(x, like):
    return Spec(like.shape, x.dtype)


@broadcast_like.vjp
def _(g, y, x, like):
    return sum_to(g, x), None


broadcast_like.cases(
    lambda rng: (rng.normal(size=(3, 1)), np.zeros((2, 3, 4))),
    lambda rng: (rng.normal(size=()), np.zeros((2, 0))),
)

for _method, _op in (("__lt__", less), ("__le__", less_equal), ("__gt__", greater), ("__ge__", greater_equal)):
    OPERATORS[_method] = lambda x, y, op=_op: op(x, y)
for _method, _op in (("and__", logical_and), ("or__", logical_or), ("xor__", logical_xor)):
    OPERATORS["__" + _method] = lambda x, y, op=_op: op(x, y, name=op.__name__.removeprefix("logical_"))
    OPERATORS["__r" + _method] = lambda x, y, op=_op: op(y, x, name=op.__name__.removeprefix("logical_"))
OPERATORS["__invert__"] = lambda x: logical_not(x)
