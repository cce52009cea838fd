"""Comparison, logic, choice and conversion, element by element; and what makes and undoes broadcasting."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.dtypes import numpy_dtype
from npslim.errors import DTypeError, ShapeError
from npslim.op import op
from npslim.registry import OPERATORS
from npslim.shape_rules import broadcasts, compares
from npslim.spec import Spec, broadcast, compatible, show_shape

# ---- comparison


def _comparison(name, type, function, reference):
    """An op that compares two tensors; the result is boolean and has no gradient."""

    def kernel(x, y):
        return function(x, y)

    kernel.__name__ = name
    kernel.__doc__ = f"Whether x is {name.replace('_', ' ').replace('equal', 'equal to')} y, element by element."
    # NumPy compares complex numbers by their real parts first, so the complex step passes through
    made = op(kernel, type=type, differentiable=False, holomorphic=True, reference=reference)
    made.shape(compares)
    made.cases(
        lambda rng: (np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])),
        lambda rng: (rng.integers(0, 3, (2, 1)).astype(np.int32), rng.integers(0, 3, (3,)).astype(np.int32)),
        lambda rng: (np.array([np.nan, np.inf, -np.inf, 0.0]), np.array([np.nan, 1.0, 1.0, -0.0])),
        lambda rng: (np.zeros((0, 2)), np.zeros((1, 2))),
    )
    made.rejects("do not broadcast", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))
    made.rejects("same dtype", lambda rng: (np.zeros(2), np.zeros(2, np.int32)))
    return made


equal = _comparison("equal", "Equal", lambda x, y: x == y, lambda x, y: x - y == 0)
not_equal = _comparison("not_equal", "NotEqual", lambda x, y: x != y, lambda x, y: ~(x - y == 0))
less = _comparison("less", "Less", lambda x, y: x < y, lambda x, y: x - y < 0)
less_equal = _comparison("less_equal", "LessEqual", lambda x, y: x <= y, lambda x, y: x - y <= 0)
greater = _comparison("greater", "Greater", lambda x, y: x > y, lambda x, y: x - y > 0)
greater_equal = _comparison("greater_equal", "GreaterEqual", lambda x, y: x >= y, lambda x, y: x - y >= 0)

# ---- logic


def _all_bool(*inputs):
    """The shape rule of logic: boolean inputs that broadcast."""
    for x in inputs:
        if x.dtype != bool:
            raise DTypeError("The inputs are not boolean.", expected="bool", got=x.dtype, hint="cast(x, bool) converts")
    return broadcasts(*inputs)


def _all_integers(*inputs):
    """The shape rule of operations on bits: integer inputs that broadcast."""
    for x in inputs:
        if x.dtype.kind not in "iu":
            raise DTypeError("The inputs are no integers.", expected="an integer dtype", got=x.dtype)
    return broadcasts(*inputs)


def _logical(name, type, function, reference, doc):
    """An op of two boolean tensors."""

    def kernel(x, y):
        return function(x, y)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, differentiable=False, holomorphic=True, reference=reference)
    made.shape(_all_bool)
    made.cases(
        lambda rng: (np.array([[True], [False]]), np.array([True, False])),
        lambda rng: (np.zeros(0, bool), np.zeros(0, bool)),
    )
    made.rejects("not boolean", lambda rng: (np.zeros(2), np.zeros(2)))
    return made


logical_and = _logical(
    "logical_and", "LogicalAnd", lambda x, y: x & y, lambda x, y: x * y, "x and y, element by element."
)
logical_or = _logical("logical_or", "LogicalOr", lambda x, y: x | y, lambda x, y: x + y, "x or y, element by element.")


@op(differentiable=False, reference=lambda x: x != np.array(True))
def logical_not(x):
    """not x, element by element."""
    return ~x


logical_not.shape(_all_bool)
logical_not.cases(lambda rng: (np.array([True, False]),), lambda rng: (np.zeros((0, 2), bool),))
logical_not.rejects("not boolean", lambda rng: (np.zeros(2),))


def logical_xor(x, y, name="LogicalXor"):
    """Exactly one of x and y, element by element."""
    return logical_and(logical_or(x, y), logical_not(logical_and(x, y)), name=name)


def _bitwise(name, type, function, reference):
    """An op on the bits of two integer tensors."""

    def kernel(x, y):
        return function(x, y)

    kernel.__name__, kernel.__doc__ = name, f"The {name.replace('_', ' ')} of x and y, element by element."
    made = op(kernel, type=type, differentiable=False, reference=reference)
    made.shape(_all_integers)
    made.cases(
        lambda rng: (np.array([[12, -3]], np.int32), np.array([[10], [7]], np.int32)),
        lambda rng: (np.zeros(0, np.uint8), np.zeros(0, np.uint8)),
    )
    made.rejects("no integers", lambda rng: (np.zeros(2), np.zeros(2)))
    return made


def _by_bits(rule):
    """A reference that looks at one bit after the other."""

    def reference(x, y):
        places = 1 << np.arange(x.dtype.itemsize * 8, dtype=np.int64)
        bits = rule((x[..., None] & places) != 0, (y[..., None] & places) != 0)
        return (bits * places).sum(-1).astype(x.dtype)

    return reference


bitwise_and = _bitwise("bitwise_and", "BitwiseAnd", lambda x, y: x & y, _by_bits(lambda a, b: a * b))
bitwise_or = _bitwise("bitwise_or", "BitwiseOr", lambda x, y: x | y, _by_bits(lambda a, b: a + b))
bitwise_xor = _bitwise("bitwise_xor", "BitwiseXor", lambda x, y: x ^ y, _by_bits(lambda a, b: a != b))


def _width(x):
    """How far the bits of `x` may be shifted: by more than that, the result is that of the most."""
    return x.dtype.itemsize * 8 - 1


def _power(x, y):
    return 2 ** (y % (x.dtype.itemsize * 8)).astype(object)


left_shift = _bitwise(
    "left_shift", "LeftShift", lambda x, y: x << (y & _width(x)),
    lambda x, y: (x.astype(object) * _power(x, y) % 2**64).astype(np.uint64).astype(x.dtype),
)  # fmt: skip
right_shift = _bitwise(
    "right_shift", "RightShift", lambda x, y: x >> (y & _width(x)),
    lambda x, y: (x.astype(object) // _power(x, y)).astype(x.dtype),
)  # fmt: skip


@op(differentiable=False, reference=lambda x: -1 - x)
def invert(x):
    """x with every bit turned round."""
    return ~x


invert.shape(_all_integers)
invert.cases(lambda rng: (np.array([0, 5, -7], np.int32),))
invert.rejects("no integers", lambda rng: (np.zeros(2),))


def _test(name, type, reference, doc):
    """An op that tests each floating element."""
    function = name.replace("_", "")

    def kernel(x):
        return getattr(array_module(x), function)(x)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, differentiable=False, reference=reference)

    @made.shape
    def _(x):
        if x.dtype.kind not in "fc":
            raise DTypeError("The input is not floating.", expected="a floating dtype", got=x.dtype)
        return Spec(x.shape, np.dtype(bool))

    made.cases(lambda rng: (np.array([1.0, np.inf, -np.inf, np.nan]),), lambda rng: (np.zeros((0, 2)),))
    made.rejects("not floating", lambda rng: (np.zeros(2, np.int32),))
    return made


is_finite = _test(
    "is_finite", "IsFinite", lambda x: np.abs(x) < np.inf, "Whether each element is neither infinite nor NaN."
)
is_inf = _test("is_inf", "IsInf", lambda x: np.abs(x) == np.inf, "Whether each element is infinite.")
is_nan = _test("is_nan", "IsNan", lambda x: x != x, "Whether each element is NaN.")

# ---- choice


def _chosen_by_loop(condition, x, y):
    places = zip(*(v.ravel() for v in np.broadcast_arrays(condition, x, y)), strict=True)
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    return np.array([a if c else b for c, a, b in places], x.dtype).reshape(shape)


def _check_condition(condition):
    if condition.dtype != bool:
        raise DTypeError("The condition is not boolean.", expected="bool", got=condition.dtype)


@op(type="SelectV2", alike=("x", "y"), holomorphic=True, exact=True, reference=_chosen_by_loop)
def where_v2(condition, x, y):
    """x where `condition` holds, else y; the three broadcast.

    What is not chosen has no influence: neither on the value nor, NaN or not, on the gradient of the rest.
    """
    return array_module(condition, x, y).where(condition, x, y)


@where_v2.shape
def _(condition, x, y):
    _check_condition(condition)
    return Spec(broadcast(condition.shape, x.shape, y.shape), x.dtype)


@where_v2.vjp
def _(g, z, condition, x, y):
    return None, sum_to(where_v2(condition, g, 0.0), x), sum_to(where_v2(condition, 0.0, g), y)


where_v2.cases(
    lambda rng: (rng.integers(0, 2, (3, 4)).astype(bool), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (np.array([True, False, True]), rng.normal(size=(2, 3)), rng.normal(size=())),
    lambda rng: (np.array([[True], [False]]), rng.normal(size=(3,)), rng.normal(size=(2, 1))),
    lambda rng: (np.array([True, False]), np.array([1, 2], np.int32), np.array([3, 4], np.int32)),
    lambda rng: (np.zeros((0, 2), bool), np.zeros((0, 2)), np.zeros((0, 2))),
)
where_v2.rejects("do not broadcast", lambda rng: (np.zeros(3, bool), np.zeros((2, 4)), np.zeros((2, 4))))
where_v2.rejects("not boolean", lambda rng: (np.zeros(3), np.zeros(3), np.zeros(3)))


def _as_rows(condition, rank):
    """`condition` of rank 1, ready to choose rows of something of a higher rank."""
    return condition.reshape((-1,) + (1,) * (rank - 1)) if condition.ndim == 1 and rank > 1 else condition


@op(
    type="Select",
    alike=("x", "y"),
    holomorphic=True,
    exact=True,
    reference=lambda condition, x, y: _chosen_by_loop(_as_rows(condition, max(x.ndim, y.ndim)), x, y),
)
def where(condition, x, y):
    """x where `condition` holds, else y, as TensorFlow 1 has it: a condition `[n]` chooses rows of x and y.

    Otherwise the three broadcast, where TensorFlow 1 wants equal shapes. What is not chosen has no influence: neither
    on the value nor, NaN or not, on the gradient of the rest.
    """
    return array_module(condition, x, y).where(_as_rows(condition, max(x.ndim, y.ndim)), x, y)


@where.shape
def _(condition, x, y):
    _check_condition(condition)
    shape = broadcast(x.shape, y.shape)
    if shape is None or condition.shape is None:
        return Spec(None, x.dtype)
    if len(condition.shape) == 1 and len(shape) > 1:
        if not compatible(condition.shape, shape[:1]):
            raise ShapeError(
                "There must be one condition for each row.", expected=shape[0], got=show_shape(condition.shape)
            )
        return Spec((condition.shape[0] if shape[0] is None else shape[0], *shape[1:]), x.dtype)
    return Spec(broadcast(condition.shape, shape), x.dtype)


@where.vjp
def _(g, z, condition, x, y):
    return None, sum_to(where(condition, g, 0.0), x), sum_to(where(condition, 0.0, g), y)


where.cases(
    lambda rng: (rng.integers(0, 2, (3, 4)).astype(bool), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (np.array([True, False]), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
    lambda rng: (np.array([True, False]), rng.normal(size=(2, 2, 2)), rng.normal(size=(2, 2, 2))),
    lambda rng: (np.array(True), rng.normal(size=(2, 1)), rng.normal(size=(3,))),
    lambda rng: (np.zeros((0, 2), bool), np.zeros((0, 2)), np.zeros((0, 2))),
)
where.rejects("row", lambda rng: (np.zeros(3, bool), np.zeros((2, 3)), np.zeros((2, 3))))
where.rejects("not boolean", lambda rng: (np.zeros(3), np.zeros(3), np.zeros(3)))

# ---- conversion


@op(
    type="Cast",
    reference=lambda x, dtype: (
        np.array(x.real.tolist(), dtype if dtype.kind == "b" else None).astype(dtype).reshape(x.shape)
    ),
)
def cast_(x, *, dtype):
    """`x` in another dtype: floating numbers lose what follows the point, complex ones their imaginary part."""
    return (x if dtype.kind == "c" else x.real).astype(dtype)


@cast_.shape
def _(x, *, dtype):
    if "O" in (x.dtype.kind, dtype.kind):
        raise DTypeError("Strings cannot be cast.", expected="numbers", got=f"{x.dtype} to {dtype}")
    partly_known = x.known is not None and x.known.dtype.kind == "f" and dtype.kind in "iu" and x.dtype.kind in "iu"
    return Spec(x.shape, dtype, x.known if partly_known else None)


@cast_.vjp
def _(g, y, x, *, dtype):
    return cast(g, x.dtype) if dtype.kind in "fc" and x.dtype.dtype.kind in "fc" else None


cast_.cases(lambda rng: (rng.normal(size=(2, 3)),), dtype=np.dtype(np.float32), gradient=False)
cast_.cases(lambda rng: (rng.normal(size=(2, 3)).astype(np.float32),), dtype=np.dtype(np.float64), gradient=False)
cast_.cases(lambda rng: (np.array([-1.7, 1.7]),), dtype=np.dtype(np.int32), gradient=False)
cast_.cases(lambda rng: (np.array([0, 2], np.int32),), dtype=np.dtype(np.float64), gradient=False)
cast_.cases(
    lambda rng: (np.array([0, 2], np.int32),), lambda rng: (np.array([0.3, 0.0]),), dtype=np.dtype(bool), gradient=False
)
cast_.cases(lambda rng: (np.array([1.5 + 2j]),), dtype=np.dtype(np.float64), gradient=False)
cast_.cases(lambda rng: (np.zeros((0, 2), bool),), dtype=np.dtype(np.int64), gradient=False)
cast_.rejects("strings", lambda rng: (np.array([b"1"], object),), dtype=np.dtype(np.int64))


def cast(x, dtype, name=None):
    """`x` in another dtype: floating numbers lose what follows the point, complex ones their imaginary part.

    A tensor that has the dtype already comes back as it is.
    """
    x, dtype = as_tensor(x), numpy_dtype(dtype)
    return x if x.spec.dtype == dtype else cast_(x, dtype=dtype, name=name)


# ---- what makes and undoes broadcasting


def _sum_to_by_loop(g, like):
    total = np.zeros(like.shape, g.dtype)
    for place in np.ndindex(*g.shape):
        inner = place[g.ndim - like.ndim :]
        total[tuple(0 if size == 1 else i for i, size in zip(inner, like.shape, strict=True))] += g[place]
    return total


@op(alike=(), shape_only=("like",), holomorphic=True, reference=_sum_to_by_loop)
def sum_to(g, like):
    """Sum `g` over the dimensions that broadcasting would add to `like`: what undoes broadcasting on the way back."""
    added = g.ndim - like.ndim
    axes = (*range(added), *(i + added for i, n in enumerate(like.shape) if n == 1 and g.shape[i + added] != 1))
    if not axes:
        return g
    return g.sum(axis=axes, keepdims=True, dtype=accumulator(g.dtype)).reshape(like.shape).astype(g.dtype)


@sum_to.shape
def _(g, like):
    return Spec(like.shape, g.dtype)


@sum_to.vjp
def _(h, y, g, like):
    return broadcast_like(h, g), None


sum_to.cases(
    lambda rng: (rng.normal(size=(2, 3, 4)), np.zeros((3, 1))),
    lambda rng: (rng.normal(size=(3, 4)), np.zeros((3, 4))),
    lambda rng: (rng.normal(size=(2, 3)), np.zeros(())),
    lambda rng: (np.zeros((0, 3)), np.zeros((1, 3))),
)


@op(
    alike=(),
    shape_only=("like",),
    holomorphic=True,
    exact=True,
    type="BroadcastTo",
    reference=lambda x, like: x + np.zeros(like.shape, x.dtype),
)
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


def accumulator(dtype):
    """The dtype that sums of `dtype` are taken in: float32 for float16, which has 11 bits and ends at 65504."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


# ---- Python's operators, their nodes named as in TensorFlow


def _of_bools_or_bits(name, of_bools, of_bits):
    """The function for an operator such as `&`: of booleans, or of integers."""

    def apply(x, y):
        of_integers = any(z.spec.dtype.kind in "iu" for z in (as_tensor(x), as_tensor(y)))
        return of_bits(x, y, name=f"{name}/{of_bits.type}") if of_integers else of_bools(x, y, name=name)

    return apply


for _method, _op in (("__lt__", less), ("__le__", less_equal), ("__gt__", greater), ("__ge__", greater_equal)):
    OPERATORS[_method] = lambda x, y, op=_op: op(x, y)
for _name, _of_bools, _of_bits in (
    ("and", logical_and, bitwise_and),
    ("or", logical_or, bitwise_or),
    ("xor", logical_xor, bitwise_xor),
):
    _apply = _of_bools_or_bits(_name, _of_bools, _of_bits)
    OPERATORS[f"__{_name}__"] = _apply
    OPERATORS[f"__r{_name}__"] = lambda x, y, apply=_apply: apply(y, x)
OPERATORS["__invert__"] = lambda x: invert(x) if as_tensor(x).spec.dtype.kind in "iu" else logical_not(x)
