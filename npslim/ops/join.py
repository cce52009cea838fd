"""Ops that join tensors and take them apart."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.shape import axis_of, zeros_like
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
    return list(unpack(g, num=len(xs), axis=axis))


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
    """The `num` slices of `x` along `axis`, which is gone from them. Raises ShapeError if there are not so many."""
    if x.shape[axis] != num:
        raise ShapeError("The number of slices is another one.", expected=x.shape[axis], got=num)
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
unpack.cases(lambda rng: (rng.normal(size=(1, 3)),), num=1)
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
    return list(unpack(value, num=num, axis=axis, name=name))


def _parts_by_index(x, sizes, axis):
    ends = np.cumsum(sizes)
    return tuple(np.take(x, np.arange(end - size, end), axis) for size, end in zip(sizes, ends, strict=True))


@op(
    type="Split",
    node_name="split",
    holomorphic=True,
    partial=True,
    reference=lambda x, num, axis: _parts_by_index(x, [x.shape[axis] // num] * num, axis),
)
def split_evenly(x, *, num, axis=0):
    """`x` taken apart along `axis` into `num` parts of one size. Raises ShapeError if that is impossible."""
    if x.shape[axis] % num:
        raise _uneven(x.shape[axis], num)
    return tuple(array_module(x).split(x, num, axis=axis))


def _uneven(size, num):
    return ShapeError("Cannot split evenly.", expected=f"a multiple of {num}", got=size)


@split_evenly.shape
def _(x, *, num, axis):
    if num < 1:
        raise InvalidArgumentError("There must be at least one part.", expected="num >= 1", got=num)
    if x.shape is None:
        return (Spec(None, x.dtype),) * num
    at = axis_of(axis, len(x.shape))
    if x.shape[at] is not None and x.shape[at] % num:
        raise _uneven(x.shape[at], num)
    size = None if x.shape[at] is None else x.shape[at] // num
    return (Spec((*x.shape[:at], size, *x.shape[at + 1 :]), x.dtype),) * num


@split_evenly.vjp
def _(gs, ys, x, *, axis):
    return concat(*(gs if isinstance(gs, tuple) else (gs,)), axis=axis)


split_evenly.cases(lambda rng: (rng.normal(size=(2, 6)),), lambda rng: (np.zeros((2, 0)),), num=3, axis=-1)
split_evenly.cases(lambda rng: (rng.normal(size=(3, 2)),), num=1)
split_evenly.rejects("a multiple of 2", lambda rng: (np.zeros((3, 2)),), num=2)
split_evenly.rejects("at least one", lambda rng: (np.zeros((3, 2)),), num=0)


@op(
    type="SplitV",
    node_name="split",
    alike=(),
    holomorphic=True,
    partial=True,
    host=("sizes",),
    reference=lambda x, sizes, num, axis: _parts_by_index(
        x, [x.shape[axis] - sum(sizes) - 1 if size == -1 else size for size in sizes], axis
    ),
)
def split_by_sizes(x, sizes, *, num, axis=0):
    """`x` taken apart along `axis` into `num` parts of the given sizes, one of which may be -1: what is left."""
    sizes = _filled_up(sizes.tolist(), x.shape[axis])
    return tuple(array_module(x).split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis))


def _filled_up(sizes, total):
    """The sizes of the parts of `total`, with what is left for -1. Raises ShapeError if they do not add up."""
    left = total - sum(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes) or (left < 0 if -1 in sizes else left != 0):
        raise ShapeError("The sizes do not add up.", expected=f"a sum of {total}, or less and one -1", got=sizes)
    return [left if size == -1 else size for size in sizes]


@split_by_sizes.shape
def _(x, sizes, *, num, axis):
    if x.shape is None:
        return (Spec(None, x.dtype),) * num
    at = axis_of(axis, len(x.shape))
    known = [None] * num if sizes.known is None else [None if np.isnan(n) else int(n) for n in sizes.known]
    if None not in known and x.shape[at] is not None:
        known = _filled_up(known, x.shape[at])
    known = [None if n == -1 else n for n in known]
    return tuple(Spec((*x.shape[:at], n, *x.shape[at + 1 :]), x.dtype) for n in known)


@split_by_sizes.vjp
def _(gs, ys, x, sizes, *, axis):
    return concat(*(gs if isinstance(gs, tuple) else (gs,)), axis=axis), None


split_by_sizes.cases(lambda rng: (rng.normal(size=(5, 2)), np.array([2, 3], np.int32)), num=2)
split_by_sizes.cases(lambda rng: (rng.normal(size=(2, 4)), np.array([1, 0, -1])), num=3, axis=-1)
split_by_sizes.cases(lambda rng: (rng.normal(size=(2, 4)), np.array([4])), num=1, axis=1)
split_by_sizes.rejects("add up", lambda rng: (np.zeros((2, 3)), np.array([1, 2])), num=2)
split_by_sizes.rejects("add up", lambda rng: (np.zeros((2, 3)), np.array([-1, -1])), num=2)


def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """A list of the parts of `value` along `axis`: that many equal ones, or of the given sizes (one may be -1).

    The sizes may be a tensor; `num` is their number then, if it is not known. Raises ShapeError if the parts do not
    add up, as far as it is known while defining.
    """
    sizes = as_tensor(num_or_size_splits)
    if sizes.spec.shape == ():
        return list(split_evenly(value, num=num_or_size_splits, axis=axis, name=name))
    num = sizes.spec.shape[0] if num is None and sizes.spec.shape else num
    if num is None:
        raise ShapeError("The number of parts is not known.", expected="sizes of a known number, or num=", got=sizes)
    return list(split_by_sizes(value, sizes, num=num, axis=axis, name=name)) if num else []
