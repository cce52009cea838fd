"""Ops that join tensors and take them apart."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import as_tensor, op
from npslim.ops.shape import axis_of, identity, squeeze, zeros_like
from npslim.spec import Spec, merge


def _concat_by_copying(*xs, axis):
    axis %= xs[0].ndim
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    joined, at = np.empty(shape, xs[0].dtype), 0
    for x in xs:
        joined[(slice(None),) * axis + (slice(at, at + x.shape[axis]),)] = x
        at += x.shape[axis]
    return joined


@op(holomorphic=True, partial=True, type="ConcatV2", node_name="concat", reference=_concat_by_copying)
def concat(*xs, axis):
    """The tensors `xs` joined along `axis`; all other sizes are equal."""
    return array_module(*xs).concatenate(xs, axis=axis)


@concat.shape
def _(*xs, axis):
    if any(x.shape is None for x in xs):
        return Spec(None, xs[0].dtype)
    rank = len(xs[0].shape)
    if not -rank <= axis < rank:
        raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=axis)
    axis %= rank
    shape = None
    for x in xs:
        shape = merge(shape, x.shape[:axis] + (None,) + x.shape[axis + 1 :])
    sizes = [x.shape[axis] for x in xs]
    size = None if None in sizes else sum(sizes)
    return Spec(shape[:axis] + (size,) + shape[axis + 1 :], xs[0].dtype)


@concat.vjp
def _(g, y, *xs, axis):
    return [slice_like(g, *xs, axis=axis, part=i) for i in range(len(xs))]


concat.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), axis=0)
concat.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))), axis=-1)


@op(
    holomorphic=True,
    alike=(),
    shape_only=("xs",),
    reference=lambda g, *xs, axis, part: np.split(g, np.cumsum([x.shape[axis] for x in xs])[:-1], axis)[part],
)
def slice_like(g, *xs, axis, part):
    """What part number `part` of the concatenation of `xs` along `axis` takes up in `g`."""
    begin = sum(x.shape[axis] for x in xs[:part])
    place = [slice(None)] * g.ndim
    place[axis] = slice(begin, begin + xs[part].shape[axis])
    return g[tuple(place)]


@slice_like.shape
def _(g, *xs, axis, part):
    return Spec(xs[part].shape, g.dtype)


@slice_like.vjp
def _(h, y, g, *xs, axis, part):
    parts = [h if i == part else zeros_like(x) for i, x in enumerate(xs)]
    return [concat(*parts, axis=axis)] + [None] * len(xs)


slice_like.cases(lambda rng: (rng.normal(size=(5, 3)), np.zeros((2, 3)), np.zeros((3, 3))), axis=0, part=1)


@op(
    holomorphic=True,
    partial=True,
    type="Pack",
    node_name="stack",
    reference=lambda *xs, axis: np.moveaxis(
        np.array([x.tolist() for x in xs], xs[0].dtype).reshape((len(xs), *xs[0].shape)), 0, axis
    ),
)
def stack(*xs, axis=0):
    """Tensors of one shape, joined along a new dimension at `axis`."""
    return array_module(*xs).stack(xs, axis=axis)


@stack.shape
def _(*xs, axis):
    each = None
    for x in xs:
        each = merge(each, x.shape)
    if each is None:
        return Spec(None, xs[0].dtype)
    at = axis_of(axis, len(each) + 1)
    return Spec((*each[:at], len(xs), *each[at:]), xs[0].dtype)


@stack.vjp
def _(g, y, *xs, axis):
    return list(unpack(g, num=len(xs), axis=axis)) if len(xs) > 1 else [squeeze(g, axis=axis)]


for _axis in (0, 1, -1):
    stack.cases(
        lambda rng: [rng.normal(size=(2, 3)) for _ in range(3)], lambda rng: [rng.normal(size=(0, 3))], axis=_axis
    )
stack.rejects("not compatible", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(
    holomorphic=True,
    type="Unpack",
    partial=True,
    node_name="unstack",
    reference=lambda x, num, axis: tuple(np.moveaxis(x, axis, 0)[i] for i in range(num)),
)
def unpack(x, *, num, axis=0):
    """The `num` slices of `x` along `axis`, which is gone from them."""
    return tuple(array_module(x).moveaxis(x, axis, 0))


@unpack.shape
def _(x, *, num, axis):
    if x.shape is None:
        return (Spec(None, x.dtype),) * num
    at = axis_of(axis, len(x.shape))
    if x.shape[at] not in (num, None):
        raise ShapeError("The number of slices is another one.", expected=x.shape[at], got=num)
    return (Spec(x.shape[:at] + x.shape[at + 1 :], x.dtype),) * num


@unpack.vjp
def _(gs, ys, x, *, num, axis):
    return stack(*(gs if isinstance(gs, tuple) else (gs,)), axis=axis)


unpack.cases(lambda rng: (rng.normal(size=(3, 2)),), num=3)
unpack.cases(lambda rng: (rng.normal(size=(2, 3, 2)),), num=3, axis=-2)
unpack.rejects("another one", lambda rng: (np.zeros((2, 3)),), num=3)


def unstack(value, num=None, axis=0, name=None):
    """The slices of `value` along `axis`, as a list. Raises ShapeError if their number is not known."""
    value = as_tensor(value)
    if num is None:
        num = None if value.spec.shape is None else value.spec.shape[axis_of(axis, len(value.spec.shape))]
    if num is None:
        raise ShapeError("Cannot infer the number of slices.", expected="a known size, or num=", got=value)
    if num == 0:
        return []
    parts = unpack(value, num=num, axis=axis, name=name)
    return list(parts)


@op(
    holomorphic=True,
    type="SplitV",
    partial=True,
    node_name="split",
    reference=lambda x, sizes, axis: tuple(
        np.take(x, np.arange(sum(sizes[:i]), sum(sizes[: i + 1])), axis) for i in range(len(sizes))
    ),
)
def split_sizes(x, *, sizes, axis=0):
    """`x` taken apart along `axis` into parts of the given sizes."""
    places = np.cumsum(sizes)[:-1].tolist()
    return tuple(array_module(x).split(x, places, axis=axis))


@split_sizes.shape
def _(x, *, sizes, axis):
    if x.shape is None:
        return (Spec(None, x.dtype),) * len(sizes)
    at = axis_of(axis, len(x.shape))
    if x.shape[at] not in (None, sum(sizes)):
        raise ShapeError("The sizes do not add up.", expected=x.shape[at], got=f"{sum(sizes)} = sum of {list(sizes)}")
    return tuple(Spec((*x.shape[:at], size, *x.shape[at + 1 :]), x.dtype) for size in sizes)


@split_sizes.vjp
def _(gs, ys, x, *, sizes, axis):
    return concat(*(gs if isinstance(gs, tuple) else (gs,)), axis=axis)


split_sizes.cases(lambda rng: (rng.normal(size=(5, 2)),), sizes=(2, 3))
split_sizes.cases(lambda rng: (rng.normal(size=(2, 4)),), sizes=(1, 0, 3), axis=-1)
split_sizes.rejects("add up", lambda rng: (np.zeros((2, 3)),), sizes=(1, 2))


def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """A list of the parts of `value` along `axis`: that many equal ones, or of the given sizes (one may be -1).

    Raises ShapeError if the size is not known, or not divisible.
    """
    value = as_tensor(value)
    total = None if value.spec.shape is None else value.spec.shape[axis_of(axis, len(value.spec.shape))]
    if isinstance(num_or_size_splits, int):
        if total is None or total % num_or_size_splits:
            raise ShapeError("Cannot split evenly.", expected=f"a multiple of {num_or_size_splits}", got=total)
        sizes = [total // num_or_size_splits] * num_or_size_splits
    else:
        sizes = [int(n) for n in num_or_size_splits]
        if -1 in sizes and total is not None:
            sizes[sizes.index(-1)] = total - sum(n for n in sizes if n != -1)
    if any(n < 0 for n in sizes):
        raise ShapeError("A part has no known size.", expected="sizes >= 0", got=list(num_or_size_splits))
    if len(sizes) == 1:
        return [identity(value, name=name)]
    return list(split_sizes(value, sizes=tuple(sizes), axis=axis, name=name))


