"""Reductions over axes."""

import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import squared_difference
from npslim.ops.functions import sqrt
from npslim.ops.logic import accumulator, cast, equal, not_equal, where_v2
from npslim.ops.scan import cumprod
from npslim.ops.shape import ones_like, reshape, reshape_like, zeros_like
from npslim.scopes import name_scope
from npslim.spec import Spec


def axes_of(axis, rank):
    """The axes as a tuple of numbers >= 0. Raises ShapeError for one out of range, or given twice."""
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    for a in axes:
        if not -rank <= a < rank:
            raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=a)
    found = tuple(sorted({a % rank for a in axes}))
    if len(found) < len(axes):
        raise ShapeError("An axis is given twice.", expected="different axes", got=axis)
    return found


def reduced(x, axis, keepdims):
    """The shape that is left of `x`, a spec or an array."""
    if x.shape is None:
        return () if axis is None and not keepdims else None
    axes = axes_of(axis, len(x.shape))
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    return tuple(size for i, size in enumerate(x.shape) if i not in axes)


def reduces(x, *, axis, keepdims):
    """The shape rule of reductions: `axis` gone, or of size 1; same dtype."""
    if x.dtype.kind not in "fciu":
        raise DTypeError("The input is not numeric.", expected="a numeric dtype", got=x.dtype, hint="cast(x, dtype)")
    return Spec(reduced(x, axis, keepdims), x.dtype)


def reduces_bool(x, *, axis, keepdims):
    """`reduces`, for boolean tensors only."""
    if x.dtype != bool:
        raise DTypeError("The input is not boolean.", expected="bool", got=x.dtype)
    return Spec(reduced(x, axis, keepdims), x.dtype)


VARIANTS = ((None, False), (0, False), (-1, True), ((0, 2), False), ((), False), (None, True))


def examples(made, draw, **options):
    """The cases that every reduction has."""
    for axis, keepdims in VARIANTS:
        made.cases(draw, axis=axis, keepdims=keepdims, **options)
    made.cases(lambda rng: (draw(rng)[0][:1, :1, :1],), **options)
    made.rejects("out of range", lambda rng: (draw(rng)[0],), axis=3)
    made.rejects("twice", lambda rng: (draw(rng)[0],), axis=(0, -3))


def _normal(rng):
    return (rng.normal(size=(2, 3, 4)),)


def _empty(rng):
    return (np.zeros((0, 3)),)


def _integers(rng):
    return (np.array([[-3, 5, 5], [-4, 4, 4]], np.int32),)


def by_lines(function):
    """A reference that gives a function of Python lists the elements of one result after the other."""

    def reference(x, axis, keepdims):
        axes = axes_of(axis, x.ndim)
        shape = reduced(x, axis, keepdims)
        lines = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
        lines = lines.reshape(int(np.prod(shape)), int(np.prod([x.shape[a] for a in axes])))
        return np.array([function(line.tolist()) for line in lines], x.dtype).reshape(shape)

    return reference


# ---- sum and mean


@op(
    holomorphic=True,
    type="Sum",
    partial=True,
    reference=by_lines(lambda line: math.fsum(line) if any(isinstance(v, float) for v in line) else sum(line)),
)
def reduce_sum(x, *, axis=None, keepdims=False):
    """The sum over `axis` (an int, several, or None for all). float16 is summed in float32 and rounded once."""
    return x.sum(axis=axis, keepdims=keepdims, dtype=accumulator(x.dtype)).astype(x.dtype)


reduce_sum.shape(reduces)


@reduce_sum.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(g, x, axis=axis, keepdims=keepdims)


examples(reduce_sum, _normal)
reduce_sum.cases(_empty, _integers, axis=0)
reduce_sum.rejects("not numeric", lambda rng: (np.zeros(3, bool),))


def _spread_by_addition(g, like, axis, keepdims):
    g = g if keepdims or g.ndim == like.ndim else np.expand_dims(g, axes_of(axis, like.ndim))
    return g + np.zeros(like.shape, g.dtype)


@op(holomorphic=True, exact=True, alike=(), shape_only=("like",), reference=_spread_by_addition)
def spread(g, like, *, axis=None, keepdims=False):
    """A reduction's result `g` repeated over `axis` to the shape of `like`, which was reduced."""
    return array_module(g).broadcast_to(g.reshape(reduced(like, axis, True)), like.shape)


@spread.shape
def _(g, like, *, axis, keepdims):
    return Spec(like.shape, g.dtype)


@spread.vjp
def _(h, y, g, like, *, axis, keepdims):
    return reduce_sum(h, axis=axis, keepdims=keepdims), None


spread.cases(lambda rng: (rng.normal(size=(3,)), np.zeros((2, 3))), axis=0)
spread.cases(lambda rng: (rng.normal(size=()), np.zeros((2, 3))))
spread.cases(lambda rng: (rng.normal(size=(2, 1)), np.zeros((2, 3))), axis=-1, keepdims=True)
spread.cases(lambda rng: (rng.normal(size=(2,)), np.zeros((2, 0))), axis=1)


_mean_of_numbers = by_lines(lambda line: math.fsum(line) / len(line) if line else math.nan)
_mean_of_integers = by_lines(lambda line: (1 if sum(line) > 0 else -1) * (abs(sum(line)) // max(len(line), 1)))


@op(
    holomorphic=True,
    type="Mean",
    reference=lambda x, **attrs: (_mean_of_integers if x.dtype.kind == "i" else _mean_of_numbers)(x, **attrs),
)
def reduce_mean(x, *, axis=None, keepdims=False):
    """The mean over `axis` (an int, several, or None for all).

    Of integers it is an integer, rounded towards zero. The mean of no elements is NaN, or 0 for integers.
    """
    n = number_of(x, axis)
    if x.dtype.kind not in "iu":
        total = x.sum(axis=axis, keepdims=keepdims, dtype=accumulator(x.dtype))
        return (total / total.dtype.type(n)).astype(x.dtype)
    total = x.sum(axis=axis, keepdims=keepdims, dtype=np.int64)
    size = array_module(x).abs(total) // max(n, 1)
    return (array_module(x).sign(total) * size).astype(x.dtype)


def number_of(x, axis):
    """How many elements of the array `x` go into one result."""
    return math.prod(x.shape[a] for a in axes_of(axis, x.ndim))


reduce_mean.shape(reduces)


@reduce_mean.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(mean_share(g, x, axis=axis), x, axis=axis, keepdims=keepdims)


examples(reduce_mean, _normal)
reduce_mean.cases(_integers, lambda rng: (np.array([[2**31 - 1], [2**31 - 1]], np.int32),), axis=0)
reduce_mean.cases(_empty, lambda rng: (np.zeros((0, 3), np.int32),), axis=0, gradient=False)
reduce_mean.cases(_empty, axis=1)


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda g, like, axis: g * (math.prod(like.shape[a] for a in axes_of(axis, like.ndim)) ** -1.0),
)
def mean_share(g, like, *, axis=None):
    """`g` divided by the number of elements that a mean over `axis` of `like` is taken of."""
    return g / g.dtype.type(number_of(like, axis))


@mean_share.shape
def _(g, like, *, axis):
    return Spec(g.shape, g.dtype)


@mean_share.vjp
def _(h, y, g, like, *, axis):
    return mean_share(h, like, axis=axis), None


mean_share.cases(lambda rng: (rng.normal(size=(3,)), np.zeros((2, 3))), axis=0)
mean_share.cases(lambda rng: (rng.normal(size=()), np.zeros((2, 3))))


def reduce_variance(input_tensor, axis=None, keepdims=False, name=None):
    """The mean over `axis` of the squared difference from the mean."""
    with name_scope(name, "reduce_variance", [input_tensor]):
        x = as_tensor(input_tensor)
        return reduce_mean(
            squared_difference(x, reduce_mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims
        )


def reduce_std(input_tensor, axis=None, keepdims=False, name=None):
    """The square root of the variance over `axis`."""
    with name_scope(name, "reduce_std", [input_tensor]):
        return sqrt(reduce_variance(input_tensor, axis, keepdims))


def count_nonzero(x, axis=None, keepdims=False, dtype=np.int64, name=None):
    """How many elements over `axis` are not zero."""
    with name_scope(name, "count_nonzero", [x]):
        x = as_tensor(x)
        return reduce_sum(cast(not_equal(x, zeros_like(x)), dtype), axis=axis, keepdims=keepdims)


def zero_fraction(value, name=None):
    """The share of zeros among the elements of `value`: a float32 scalar."""
    with name_scope(name, "zero_fraction", [value]):
        value = as_tensor(value)
        share = reduce_mean(cast(equal(value, zeros_like(value)), np.float64))
        return cast(share, np.float32, name="fraction")


# ---- product


@op(holomorphic=True, type="Prod", partial=True, reference=by_lines(math.prod))
def reduce_prod(x, *, axis=None, keepdims=False):
    """The product over `axis` (an int, several, or None for all)."""
    return x.prod(axis=axis, keepdims=keepdims, dtype=accumulator(x.dtype)).astype(x.dtype)


reduce_prod.shape(reduces)


@reduce_prod.vjp
def _(g, y, x, *, axis, keepdims):
    if axis is None:
        others = reshape_like(_product_of_others(reshape(x, [-1]), [0]), x)
    else:
        others = _product_of_others(x, [axis] if isinstance(axis, int) else axis)
    return spread(g, x, axis=axis, keepdims=keepdims) * others


def _product_of_others(x, axes):
    """For each element the product of all others along `axes`: of those in its line, times that of the other lines.

    Nothing is divided, so zeros do no harm.
    """
    if not axes:
        return as_tensor(1, x.spec.dtype)
    first, rest = axes[0], axes[1:]
    before = cumprod(x, axis=first, exclusive=True)
    after = cumprod(x, axis=first, exclusive=True, reverse=True)
    return before * after * _product_of_others(reduce_prod(x, axis=first, keepdims=True), rest)


examples(reduce_prod, _normal)
reduce_prod.cases(_empty, _integers, axis=0)
reduce_prod.cases(lambda rng: (np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]),), axis=1)
reduce_prod.cases(lambda rng: (np.array([[2.0, 0.0, 3.0], [4.0, 5.0, 1.0]]),))

# ---- the largest and the smallest


def _extreme(name, type, method, of_none):
    """reduce_max or reduce_min: the gradient is shared equally among equal elements, as in TensorFlow."""

    def kernel(x, *, axis=None, keepdims=False):
        if number_of(x, axis) == 0:
            limits = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
            nothing = getattr(limits, of_none) if limits else {"min": -np.inf, "max": np.inf}[of_none]
            return array_module(x).full(reduced(x, axis, keepdims), nothing, x.dtype)
        return getattr(x, method)(axis=axis, keepdims=keepdims)

    kernel.__name__ = name
    kernel.__doc__ = (
        f"The {method}imum over `axis` (an int, several, or None for all); NaN where one is.\n\n"
        f"Of no elements it is the {of_none}imum of the dtype, an infinity if there is one."
    )
    made = op(kernel, type=type, holomorphic=True, exact=True, reference=_by_sorting({"max": -1, "min": 0}[method]))
    made.shape(reduces)

    @made.vjp
    def _(g, y, x, *, axis, keepdims):
        mine = where_v2(equal(x, spread(y, x, axis=axis, keepdims=keepdims)), ones_like(x), 0.0)
        shared = g / reduce_sum(mine, axis=axis, keepdims=keepdims)
        return spread(shared, x, axis=axis, keepdims=keepdims) * mine

    examples(made, _normal)
    made.cases(_integers, axis=0)
    made.cases(lambda rng: (np.array([[1.0, np.nan], [-np.inf, np.inf]]),), axis=0, gradient=False)
    return made


def _by_sorting(place):
    def reference(x, axis, keepdims):
        axes = axes_of(axis, x.ndim)
        lines = np.moveaxis(x, axes, range(x.ndim - len(axes), x.ndim))
        lines = lines.reshape(*lines.shape[: x.ndim - len(axes)], -1)
        found = np.where(np.isnan(lines).any(-1), lines.sum(-1, dtype=x.dtype), np.sort(lines, -1)[..., place])
        return found.reshape(reduced(x, axis, keepdims))

    return reference


reduce_max = _extreme("reduce_max", "Max", "max", "min")
reduce_min = _extreme("reduce_min", "Min", "min", "max")


_INT64 = np.dtype(np.int64)


def _place(name, type, better):
    """argmax or argmin."""

    def kernel(x, *, axis=0, output_type=_INT64):
        if x.shape[axis] == 0 and number_of(x, None) == 0 != math.prod(reduced(x, axis, False)):
            raise InvalidArgumentError(f"{name}: no elements along the axis.", expected="at least one", got=x.shape)
        return getattr(x, name)(axis=axis).astype(output_type)

    kernel.__name__ = name
    kernel.__doc__ = (
        f"The index of the {name[3:]}imum along `axis`: of the first one, if there are several.\n\n"
        "output_type: int64 or int32. Raises InvalidArgumentError if there are no elements to choose from."
    )

    def reference(x, axis, output_type):
        lines = np.moveaxis(x, axis, -1)
        found = [line.index(better(line)) for line in lines.reshape(-1, lines.shape[-1]).tolist()]
        return np.array(found, output_type).reshape(lines.shape[:-1])

    made = op(kernel, type=type, differentiable=False, reference=reference)

    @made.shape
    def _(x, *, axis, output_type):
        if output_type not in (np.int64, np.int32):
            raise DTypeError("An index has another dtype.", expected="int64 or int32", got=output_type)
        if isinstance(axis, tuple):
            raise InvalidArgumentError("There is one axis.", expected="an int", got=axis)
        return Spec(reduced(x, axis, False), output_type)

    made.cases(_normal, lambda rng: (np.array([[1, 5, 5], [4, 4, 2]], np.int32),), axis=1)
    made.cases(_normal, axis=-1, output_type=np.dtype(np.int32))
    made.cases(lambda rng: (np.zeros((3, 0)),), lambda rng: (np.ones((1, 2)),))
    made.rejects("out of range", _normal, axis=3)
    made.rejects("int64 or int32", _normal, output_type=np.dtype(np.float32))
    return made


argmax = _place("argmax", "ArgMax", max)
argmin = _place("argmin", "ArgMin", min)

# ---- logic


def _logical(name, type, method):
    """reduce_any or reduce_all."""

    def kernel(x, *, axis=None, keepdims=False):
        return getattr(x, method)(axis=axis, keepdims=keepdims)

    kernel.__name__ = name
    kernel.__doc__ = f"Whether {method} of the boolean elements over `axis` hold (an int, several, or None for all)."
    made = op(kernel, type=type, differentiable=False, reference=by_lines({"any": any, "all": all}[method]))
    made.shape(reduces_bool)
    examples(made, lambda rng: (rng.integers(0, 4, (2, 3, 4)) > 0,))
    made.cases(lambda rng: (np.zeros((0, 3), bool),), axis=0)
    made.rejects("boolean", lambda rng: (np.zeros((2, 3)),))
    return made


reduce_any = _logical("reduce_any", "Any", "any")
reduce_all = _logical("reduce_all", "All", "all")
