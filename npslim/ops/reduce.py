"""Reductions over axes."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import DTypeError, ShapeError
from npslim.op import as_tensor, canonical, op
from npslim.ops.elementwise import divide
from npslim.ops.functions import exp
from npslim.ops.logic import cast, equal, not_equal
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
    """The shape that is left of spec `x`."""
    if x.shape is None:
        return () if axis is None and not keepdims else None
    axes = axes_of(axis, len(x.shape))
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    return tuple(size for i, size in enumerate(x.shape) if i not in axes)


def reduces(x, *, axis, keepdims):
    """The shape rule of reductions: `axis` gone, or of size 1; same dtype."""
    return Spec(reduced(x, axis, keepdims), x.dtype)


def reduces_bool(x, *, axis, keepdims):
    """`reduces`, for boolean tensors only."""
    if x.dtype != bool:
        raise DTypeError("The input is not boolean.", expected="bool", got=x.dtype)
    return Spec(reduced(x, axis, keepdims), x.dtype)


VARIANTS = ((None, False), (0, False), (-1, True), ((0, 2), False), ((), False), (None, True))


def _examples(made, draw, **options):
    """The cases that every reduction has."""
    for axis, keepdims in VARIANTS:
        made.cases(draw, axis=axis, keepdims=keepdims, **options)
    made.rejects("out of range", lambda rng: (draw(rng)[0],), axis=3)
    made.rejects("twice", lambda rng: (draw(rng)[0],), axis=(0, -3))


def _normal(rng):
    return (rng.normal(size=(2, 3, 4)),)


def _in_float128(function):
    """A reference that computes in extended precision, one line after the other."""

    def reference(x, axis, keepdims):
        return function(x.astype(np.longdouble) if x.dtype.kind == "f" else x, axis=axis, keepdims=keepdims).astype(x.dtype)

    return reference


@op(holomorphic=True, type="Sum", partial=True, reference=_in_float128(np.add.reduce))
def reduce_sum(x, *, axis=None, keepdims=False):
    """The sum over `axis` (an int, several, or None for all)."""
    return x.sum(axis=axis, keepdims=keepdims, dtype=x.dtype)


reduce_sum.shape(reduces)


@reduce_sum.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(g, x, axis=axis, keepdims=keepdims)


_examples(reduce_sum, _normal)
reduce_sum.cases(lambda rng: (np.zeros((0, 3)),), lambda rng: (np.ones((3, 2), np.int32),), axis=0)


@op(holomorphic=True, alike=(), shape_only=("like",), reference=lambda g, like, axis, keepdims: (g if keepdims or g.ndim == like.ndim else np.expand_dims(g, axes_of(axis, like.ndim))) + np.zeros(like.shape))
def spread(g, like, *, axis=None, keepdims=False):
    """A reduction's result `g` repeated over `axis` to the shape of `like`, which was reduced."""
    if not keepdims:
        axes = axes_of(axis, like.ndim)
        g = g.reshape([1 if i in axes else size for i, size in enumerate(like.shape)])
    return array_module(g).broadcast_to(g, like.shape)


@spread.shape
def _(g, like, *, axis, keepdims):
    return Spec(like.shape, g.dtype)


@spread.vjp
def _(h, y, g, like, *, axis, keepdims):
    return reduce_sum(h, axis=axis, keepdims=keepdims), None


spread.cases(lambda rng: (rng.normal(size=(3,)), np.zeros((2, 3))), axis=0)
spread.cases(lambda rng: (rng.normal(size=()), np.zeros((2, 3))))
spread.cases(lambda rng: (rng.normal(size=(2, 1)), np.zeros((2, 3))), axis=-1, keepdims=True)


def _mean_by_sum(x, axis, keepdims):
    total = np.add.reduce(x.astype(np.longdouble), axis=axis, keepdims=keepdims)
    return (total / (x.size / max(total.size, 1))).astype(x.dtype)


@op(holomorphic=True, type="Mean", reference=_mean_by_sum)
def reduce_mean(x, *, axis=None, keepdims=False):
    """The mean over `axis` (an int, several, or None for all); of integers an integer, cut off. NaN of no elements."""
    return x.mean(axis=axis, keepdims=keepdims).astype(x.dtype)


reduce_mean.shape(reduces)


@reduce_mean.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(mean_share(g, x, axis=axis), x, axis=axis, keepdims=keepdims)


_examples(reduce_mean, _normal)
reduce_mean.cases(lambda rng: (np.array([[1, 2], [4, 4]], np.int32),), axis=0)


@op(holomorphic=True, alike=(), shape_only=("like",), reference=lambda g, like, axis: g * (np.prod([n for i, n in enumerate(like.shape) if i not in axes_of(axis, like.ndim)]) / like.size))
def mean_share(g, like, *, axis=None):
    """`g` divided by the number of elements that a mean over `axis` of `like` is taken of."""
    return g / g.dtype.type(np.prod([like.shape[a] for a in axes_of(axis, like.ndim)]))


@mean_share.shape
def _(g, like, *, axis):
    return Spec(g.shape, g.dtype)


@mean_share.vjp
def _(h, y, g, like, *, axis):
    return mean_share(h, like, axis=axis), None


mean_share.cases(lambda rng: (rng.normal(size=(3,)), np.zeros((2, 3))), axis=0)
mean_share.cases(lambda rng: (rng.normal(size=()), np.zeros((2, 3))))


@op(holomorphic=True, type="Prod", partial=True, reference=_in_float128(np.multiply.reduce))
def reduce_prod(x, *, axis=None, keepdims=False):
    """The product over `axis` (an int, several, or None for all)."""
    return x.prod(axis=axis, keepdims=keepdims, dtype=x.dtype)


reduce_prod.shape(reduces)


@reduce_prod.vjp
def _(g, y, x, *, axis, keepdims):
    return spread(g, x, axis=axis, keepdims=keepdims) * product_of_others(x, axis=axis)


_examples(reduce_prod, _normal)
reduce_prod.cases(lambda rng: (np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]),), axis=1, gradient=1)


def _product_of_others_by_loop(x, axis):
    one_out = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        without = x.copy()
        without[place] = 1
        one_out[place] = np.broadcast_to(without.prod(axis=axes_of(axis, x.ndim), keepdims=True), x.shape)[place]
    return one_out


@op(holomorphic=True, reference=_product_of_others_by_loop)
def product_of_others(x, *, axis=None):
    """For each element, the product of all others along `axis`: right also where some are zero."""
    xp, axes = array_module(x), axes_of(axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose(kept + axes)
    if not x.size:
        return x.copy()
    flat = rows.reshape([x.shape[i] for i in kept] + [-1])
    ones = xp.ones_like(flat[..., :1])
    before = xp.cumprod(xp.concatenate([ones, flat[..., :-1]], -1), -1)
    after = xp.cumprod(xp.concatenate([ones, flat[..., :0:-1]], -1), -1)[..., ::-1]
    back = [(kept + axes).index(i) for i in range(x.ndim)]
    return (before * after).reshape(rows.shape).transpose(back)


@product_of_others.shape
def _(x, *, axis):
    return Spec(x.shape, x.dtype)


@product_of_others.vjp
def _(g, y, x, *, axis):
    total = spread(reduce_sum(g * y, axis=axis), x, axis=axis)
    return (total - g * y) / x


product_of_others.cases(lambda rng: (rng.uniform(0.5, 2, (2, 3)),), axis=1)
product_of_others.cases(lambda rng: (rng.uniform(0.5, 2, (2, 3, 2)),), axis=(0, 2))


def _extreme(name, type, method):
    """reduce_max or reduce_min: the gradient is shared equally among equal elements, as in TensorFlow."""

    def kernel(x, *, axis=None, keepdims=False):
        return getattr(x, method)(axis=axis, keepdims=keepdims)

    kernel.__name__ = name
    kernel.__doc__ = f"The {method}imum over `axis` (an int, several, or None for all). Raises ValueError for no elements."
    order = {"max": -1, "min": 0}[method]

    def reference(x, axis, keepdims):
        axes = axes_of(axis, x.ndim)
        kept = [i for i in range(x.ndim) if i not in axes]
        flat = x.transpose(kept + list(axes)).reshape([x.shape[i] for i in kept] + [-1])
        found = np.sort(flat, -1)[..., order]
        return np.expand_dims(found, axes) if keepdims else found

    made = op(kernel, type=type, reference=reference)
    made.shape(reduces)

    def rule(g, y, x, *, axis, keepdims):
        mine = cast(equal(x, spread(y, x, axis=axis, keepdims=keepdims)), dtype=x.dtype)
        shared = divide(g, reduce_sum(mine, axis=axis, keepdims=keepdims))
        return spread(shared, x, axis=axis, keepdims=keepdims) * mine

    made.vjp(rule)
    _examples(made, _normal)
    made.cases(lambda rng: (np.array([[1, 5], [4, 4]], np.int32),), axis=0)
    return made


reduce_max = _extreme("reduce_max", "Max", "max")
reduce_min = _extreme("reduce_min", "Min", "min")


def _logical(name, type, method):
    def kernel(x, *, axis=None, keepdims=False):
        return getattr(x, method)(axis=axis, keepdims=keepdims)

    kernel.__name__ = name
    kernel.__doc__ = f"Whether {method} of the boolean elements over `axis` hold."
    count = {"any": lambda n, of: n > 0, "all": lambda n, of: n == of}[method]
    made = op(
        kernel, type=type, differentiable=False,
        reference=lambda x, axis, keepdims: count(
            np.add.reduce(x.astype(int), axis=axis, keepdims=keepdims),
            np.add.reduce(np.ones(x.shape, int), axis=axis, keepdims=keepdims),
        ),
    )  # fmt: skip
    made.shape(reduces_bool)
    _examples(made, lambda rng: (rng.integers(0, 4, (2, 3, 4)) > 0,))
    made.cases(lambda rng: (np.zeros((0, 3), bool),), axis=0)
    made.rejects("boolean", lambda rng: (np.zeros((2, 3)),))
    return made


reduce_any = _logical("reduce_any", "Any", "any")
reduce_all = _logical("reduce_all", "All", "all")


@op(type="LogSumExp", reference=lambda x, axis, keepdims: np.log(np.exp(x.astype(np.longdouble)).sum(axis=axis, keepdims=keepdims)).astype(x.dtype))
def reduce_logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, without overflow: the maximum is taken out first."""
    xp = array_module(x)
    top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, x.dtype.type(0))
    total = xp.log(xp.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return total if keepdims else total.reshape([n for i, n in enumerate(x.shape) if i not in axes_of(axis, x.ndim)])


reduce_logsumexp.shape(reduces)


@reduce_logsumexp.vjp
def _(g, y, x, *, axis, keepdims):
    spread_y = spread(y, x, axis=axis, keepdims=keepdims)
    return spread(g, x, axis=axis, keepdims=keepdims) * exp(x - spread_y)


_examples(reduce_logsumexp, _normal)
reduce_logsumexp.cases(lambda rng: (np.array([1e3, 1e3, -1e3]),), axis=0)


def _arg(name, type, compare):
    def kernel(x, *, axis=0, output_type=np.dtype(np.int64)):
        return getattr(x, name)(axis=axis).astype(output_type)

    kernel.__name__ = name
    kernel.__doc__ = f"The index of the {name[3:]}imum along `axis`, the first one if there are several."

    def reference(x, axis, output_type):
        lines = np.moveaxis(x, axis, -1)
        found = [next(i for i, v in enumerate(line) if not any(compare(w, v) for w in line)) for line in lines.reshape(-1, lines.shape[-1])]
        return np.array(found, output_type).reshape(lines.shape[:-1])

    made = op(kernel, type=type, differentiable=False, reference=reference)

    @made.shape
    def _(x, *, axis, output_type):
        return Spec(reduced(x, axis, False), output_type)

    made.cases(_normal, lambda rng: (np.array([[1, 5, 5], [4, 4, 2]], np.int32),), axis=1)
    made.cases(_normal, axis=-1, output_type=np.dtype(np.int32))
    made.rejects("out of range", _normal, axis=3)
    return made


argmax = _arg("argmax", "ArgMax", lambda a, b: a > b)
argmin = _arg("argmin", "ArgMin", lambda a, b: a < b)


def _cumsum_by_matrix(x, axis, exclusive, reverse):
    ones = np.tri(x.shape[axis], k=-1 if exclusive else 0)
    return np.moveaxis(np.tensordot(ones.T if reverse else ones, np.moveaxis(x, axis, 0), 1), 0, axis)


@op(holomorphic=True, reference=_cumsum_by_matrix)
def cumsum(x, *, axis=0, exclusive=False, reverse=False):
    """The running sum along `axis`. exclusive: without the element itself. reverse: from the end."""
    xp = array_module(x)
    x = xp.flip(x, axis) if reverse else x
    y = xp.cumsum(x, axis=axis, dtype=x.dtype)
    y = y - x if exclusive else y
    return xp.flip(y, axis) if reverse else y


@cumsum.shape
def _(x, *, axis):
    if x.shape is not None:
        axes_of(axis, len(x.shape))
    return Spec(x.shape, x.dtype)


@cumsum.vjp
def _(g, y, x, *, axis, exclusive, reverse):
    return cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse)


cumsum.cases(_normal, axis=0)
for _exclusive, _reverse in ((True, False), (False, True), (True, True)):
    cumsum.cases(_normal, axis=-1, exclusive=_exclusive, reverse=_reverse)
cumsum.rejects("out of range", _normal, axis=3)


def count_nonzero(x, axis=None, keepdims=False, dtype=np.dtype(np.int64), name=None):
    """How many elements over `axis` are not zero."""
    x = as_tensor(x)
    return reduce_sum(cast(not_equal(x, as_tensor(0, x.spec.dtype)), dtype=canonical(dtype)), axis=axis, keepdims=keepdims, name=name)
