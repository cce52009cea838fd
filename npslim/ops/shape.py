"""Ops that change the shape of a tensor, ask for it, join tensors and take them apart."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import as_tensor, op, same
from npslim.spec import Spec, compatible, count, merge

_INT32 = np.dtype(np.int32)


@op(shape_only=("x",), differentiable=False, holomorphic=True, reference=lambda x: np.full(x.shape, 0, x.dtype))
def zeros_like(x):
    """Zeros of the shape and dtype of `x`."""
    return array_module(x).zeros(x.shape, x.dtype)


zeros_like.shape(same)
zeros_like.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2), np.int32),))


@op(shape_only=("x",), differentiable=False, holomorphic=True, reference=lambda x: np.full(x.shape, 1, x.dtype))
def ones_like(x):
    """Ones of the shape and dtype of `x`."""
    return array_module(x).ones(x.shape, x.dtype)


ones_like.shape(same)
ones_like.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2), np.int32),))


@op(holomorphic=True, partial=True, reference=lambda x: x)
def identity(x):
    """`x` itself."""
    return x


identity.shape(same)


@identity.vjp
def _(g, y, x):
    return g


identity.cases(lambda rng: (rng.normal(size=(2, 3)),))


@op(
    holomorphic=True,
    host=("shape",),
    partial=True,
    reference=lambda x, shape: np.array(x.ravel().tolist(), x.dtype).reshape(shape),
)
def reshape(x, shape):
    """The elements of `x` in another shape; a size of -1 takes what is left.

    x: any shape. shape: `[rank]` integers. Raises ShapeError if the number of elements does not fit.
    """
    return x.reshape(tuple(int(size) for size in shape))


@reshape.shape
def _(x, shape):
    if shape.known is None:
        rank = shape.shape[0] if shape.shape else None
        return Spec(None if rank is None else (None,) * rank, x.dtype)
    sizes = [None if np.isnan(s) else int(s) for s in shape.known.ravel()]
    total, rest = count(x.shape), [s for s in sizes if s != -1]
    if sizes.count(-1) > 1:
        raise ShapeError("Only one size can be -1.", expected="at most one -1", got=sizes)
    inner = count(tuple(rest))
    if (
        inner is not None
        and total is not None
        and ((-1 in sizes and (total % inner if inner else total)) or (-1 not in sizes and inner != total))
    ):
        raise ShapeError(
            f"Cannot reshape {total} elements to {sizes}.", expected=f"{total} elements", got=f"{inner} elements"
        )
    left = total // inner if total is not None and inner else None
    return Spec(tuple(left if s == -1 else s for s in sizes), x.dtype)


@reshape.vjp
def _(g, y, x, shape):
    return reshape_like(g, x), None


reshape.cases(
    lambda rng: (rng.normal(size=(2, 6)), np.array([3, 4], np.int32)),
    lambda rng: (rng.normal(size=(2, 3, 2)), np.array([-1, 2], np.int32)),
    lambda rng: (rng.normal(size=(0, 3)), np.array([0], np.int32)),
)
reshape.rejects("Cannot reshape 6 elements", lambda rng: (np.zeros((2, 3)), np.array([4], np.int32)))


@op(
    holomorphic=True,
    shape_only=("like",),
    alike=(),
    reference=lambda x, like: np.array(x.ravel().tolist(), x.dtype).reshape(like.shape),
)
def reshape_like(x, like):
    """The elements of `x` in the shape of `like`."""
    return x.reshape(like.shape)


@reshape_like.shape
def _(x, like):
    if not compatible((count(x.shape),), (count(like.shape),)):
        raise ShapeError("The numbers of elements differ.", expected=count(like.shape), got=count(x.shape))
    return Spec(like.shape, x.dtype)


@reshape_like.vjp
def _(g, y, x, like):
    return reshape_like(g, x), None


reshape_like.cases(lambda rng: (rng.normal(size=(2, 6)), np.zeros((3, 4))))


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


@op(partial=True, reference=lambda x: x)
def stop_gradient(x):
    """`x` itself, through which no gradient flows."""
    return x


stop_gradient.shape(same)


@stop_gradient.vjp
def _(g, y, x):
    return None


stop_gradient.cases(lambda rng: (rng.normal(size=(2, 3)),), gradient=False)


def sizes_known(x, dtype):
    """The sizes of spec `x` as a known value: NaN where one is not known, None if the rank is not."""
    if x.shape is None:
        return None
    if None in x.shape:
        return np.array([np.nan if size is None else size for size in x.shape])
    return np.array(x.shape, dtype)


@op(shape_only=("x",), differentiable=False, reference=lambda x, out_type: np.array(list(x.shape), out_type))
def shape(x, *, out_type=_INT32):
    """The sizes of `x`: `[rank]` integers, on the host."""
    return np.array(x.shape, out_type)


@shape.shape
def _(x, *, out_type):
    return Spec((None if x.shape is None else len(x.shape),), out_type, sizes_known(x, out_type))


shape.cases(lambda rng: (np.zeros((2, 0, 3)),), lambda rng: (np.zeros(()),), gradient=False)


@op(shape_only=("x",), differentiable=False, reference=lambda x, out_type: np.array(len(x.ravel()), out_type))
def size(x, *, out_type=_INT32):
    """The number of elements of `x`, on the host."""
    return np.array(x.size, out_type)


@size.shape
def _(x, *, out_type):
    total = count(x.shape)
    return Spec((), out_type, None if total is None else np.array(total, out_type))


size.cases(lambda rng: (np.zeros((2, 0, 3)),), lambda rng: (np.zeros((2, 3)),), gradient=False)


@op(shape_only=("x",), differentiable=False, reference=lambda x: np.array(len(x.shape), np.int32))
def rank(x):
    """The number of dimensions of `x`, on the host."""
    return np.array(x.ndim, np.int32)


@rank.shape
def _(x):
    return Spec((), np.dtype(np.int32), None if x.shape is None else np.array(len(x.shape), np.int32))


rank.cases(lambda rng: (np.zeros((2, 0, 3)),), gradient=False)


def axis_of(axis, rank):
    """`axis` as a number in [0, rank). Raises ShapeError."""
    if not -rank <= axis < rank:
        raise ShapeError("The axis is out of range.", expected=f"-{rank} <= axis < {rank}", got=axis)
    return axis % rank


@op(
    holomorphic=True,
    node_name="transpose",
    reference=lambda x, perm: np.einsum(
        x, list(range(x.ndim)), list(perm if perm is not None else range(x.ndim)[::-1])
    ),
)
def transpose(x, *, perm=None):
    """The dimensions of `x` in the order `perm`; reversed without one."""
    return x.transpose(perm)


@transpose.shape
def _(x, *, perm):
    if x.shape is None:
        return Spec(None if perm is None else (None,) * len(perm), x.dtype)
    perm = tuple(range(len(x.shape)))[::-1] if perm is None else perm
    if sorted(perm) != list(range(len(x.shape))):
        raise ShapeError(
            "perm is no permutation of the dimensions.", expected=list(range(len(x.shape))), got=list(perm)
        )
    return Spec(tuple(x.shape[i] for i in perm), x.dtype)


@transpose.vjp
def _(g, y, x, *, perm):
    return transpose(g, perm=None if perm is None else tuple(int(i) for i in np.argsort(perm)))


transpose.cases(lambda rng: (rng.normal(size=(2, 3, 4)),))
transpose.cases(lambda rng: (rng.normal(size=(2, 3, 0)),), lambda rng: (rng.normal(size=(2, 3, 4)),), perm=(2, 0, 1))
transpose.rejects("no permutation", lambda rng: (np.zeros((2, 3)),), perm=(0, 0))


@op(
    holomorphic=True,
    partial=True,
    reference=lambda x, axis: x.reshape(x.shape[: axis % (x.ndim + 1)] + (1,) + x.shape[axis % (x.ndim + 1) :]),
)
def expand_dims(x, *, axis):
    """`x` with a dimension of size 1 put in at `axis`."""
    return array_module(x).expand_dims(x, axis)


@expand_dims.shape
def _(x, *, axis):
    if x.shape is None:
        return Spec(None, x.dtype)
    at = axis_of(axis, len(x.shape) + 1)
    return Spec((*x.shape[:at], 1, *x.shape[at:]), x.dtype)


@expand_dims.vjp
def _(g, y, x, *, axis):
    return reshape_like(g, x)


for _axis in (0, 1, -1):
    expand_dims.cases(lambda rng: (rng.normal(size=(2, 3)),), axis=_axis)
expand_dims.rejects("out of range", lambda rng: (np.zeros((2, 3)),), axis=3)


@op(
    holomorphic=True,
    partial=True,
    dynamic=True,
    reference=lambda x, axis: x.reshape(
        [
            n
            for i, n in enumerate(x.shape)
            if not (n == 1 if axis is None else i in [a % x.ndim for a in np.atleast_1d(axis)])
        ]
    ),
)
def squeeze(x, *, axis=None):
    """`x` without its dimensions of size 1, or without those of `axis` (an int, or several)."""
    return array_module(x).squeeze(x, None if axis == () else axis)


@squeeze.shape
def _(x, *, axis):
    if x.shape is None:
        return Spec(None, x.dtype)
    if axis is None or axis == ():
        return Spec(None if None in x.shape else tuple(n for n in x.shape if n != 1), x.dtype)
    axes = {axis_of(a, len(x.shape)) for a in ((axis,) if isinstance(axis, int) else axis)}
    for a in axes:
        if x.shape[a] not in (1, None):
            raise ShapeError(
                "Cannot squeeze a dimension that is not 1.", expected="size 1", got=f"size {x.shape[a]} at {a}"
            )
    return Spec(tuple(n for i, n in enumerate(x.shape) if i not in axes), x.dtype)


@squeeze.vjp
def _(g, y, x, *, axis):
    return reshape_like(g, x)


squeeze.cases(lambda rng: (rng.normal(size=(1, 3, 1)),))
for _axis in (0, -1, (0, 2)):
    squeeze.cases(lambda rng: (rng.normal(size=(1, 3, 1)),), axis=_axis)
squeeze.rejects("not 1", lambda rng: (np.zeros((2, 3)),), axis=0)


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


@op(
    holomorphic=True,
    host=("multiples",),
    node_name="Tile",
    reference=lambda x, multiples: (
        np.kron(np.ones(multiples, x.dtype), x)
        if x.size
        else np.zeros([a * b for a, b in zip(x.shape, multiples, strict=True)])
    ),
)
def tile(x, multiples):
    """`x` repeated `multiples[i]` times along dimension i."""
    return array_module(x).tile(x, tuple(int(m) for m in multiples))


@tile.shape
def _(x, multiples):
    if multiples.known is None or x.shape is None:
        rank = len(x.shape) if x.shape is not None else multiples.shape[0] if multiples.shape else None
        return Spec(None if rank is None else (None,) * rank, x.dtype)
    if len(multiples.known) != len(x.shape):
        raise ShapeError(
            "There must be a multiple for each dimension.", expected=len(x.shape), got=len(multiples.known)
        )
    sizes = zip(x.shape, multiples.known.tolist(), strict=True)
    return Spec(tuple(None if n is None or np.isnan(m) else int(n * m) for n, m in sizes), x.dtype)


@tile.vjp
def _(g, y, x, multiples):
    return sum_of_tiles(g, x), None


tile.cases(
    lambda rng: (rng.normal(size=(2, 3)), np.array([2, 1], np.int32)),
    lambda rng: (rng.normal(size=(2, 3)), np.array([1, 3], np.int32)),
)
tile.rejects("each dimension", lambda rng: (np.zeros((2, 3)), np.array([2], np.int32)))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda g, like: np.einsum(
        "aibj->ij", g.reshape(g.shape[0] // like.shape[0], like.shape[0], g.shape[1] // like.shape[1], like.shape[1])
    ),
)
def sum_of_tiles(g, like):
    """The sum of the tiles of the shape of `like` that `g` is made of."""
    pairs = [n for a, b in zip(g.shape, like.shape, strict=True) for n in ((a // b if b else 1), b)]
    return g.reshape(pairs).sum(axis=tuple(range(0, 2 * like.ndim, 2)))


@sum_of_tiles.shape
def _(g, like):
    return Spec(like.shape, g.dtype)


@sum_of_tiles.vjp
def _(h, y, g, like):
    return tile_like(h, g), None


sum_of_tiles.cases(lambda rng: (rng.normal(size=(4, 3)), np.zeros((2, 1))))


@op(
    holomorphic=True,
    alike=(),
    shape_only=("like",),
    reference=lambda x, like: np.kron(np.ones([a // b for a, b in zip(like.shape, x.shape, strict=True)]), x),
)
def tile_like(x, like):
    """`x` repeated to the shape of `like`, whose sizes are multiples."""
    return array_module(x).tile(x, tuple(a // b if b else 1 for a, b in zip(like.shape, x.shape, strict=True)))


@tile_like.shape
def _(x, like):
    return Spec(like.shape, x.dtype)


@tile_like.vjp
def _(g, y, x, like):
    return sum_of_tiles(g, x), None


tile_like.cases(lambda rng: (rng.normal(size=(2, 1)), np.zeros((4, 3))))


@op(
    holomorphic=True,
    type="ReverseV2",
    reference=lambda x, axis: x[
        tuple(
            slice(None, None, -1) if i in [a % x.ndim for a in np.atleast_1d(axis)] else slice(None)
            for i in range(x.ndim)
        )
    ],
)
def reverse(x, *, axis):
    """`x` the other way round along `axis` (an int, or several)."""
    return array_module(x).flip(x, axis)


@reverse.shape
def _(x, *, axis):
    if x.shape is not None:
        for a in (axis,) if isinstance(axis, int) else axis:
            axis_of(a, len(x.shape))
    return Spec(x.shape, x.dtype)


@reverse.vjp
def _(g, y, x, *, axis):
    return reverse(g, axis=axis)


reverse.cases(lambda rng: (rng.normal(size=(2, 3)),), axis=(0, -1))
reverse.cases(lambda rng: (rng.normal(size=(2, 3)),), axis=1)
reverse.rejects("out of range", lambda rng: (np.zeros((2, 3)),), axis=2)
