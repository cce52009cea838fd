"""Ops that change the shape of a tensor, and ask for it."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import ShapeError
from npslim.op import op
from npslim.registry import OPERATORS
from npslim.scopes import name_scope
from npslim.shape_rules import same
from npslim.spec import Spec, compatible, count

_INT32 = np.dtype(np.int32)


def _filled(x, dtype, number, string):
    dtype = dtype or x.dtype
    return array_module(x).full(x.shape, string if dtype.kind == "O" else number, dtype)


def _like(x, *, dtype):
    return Spec(x.shape, dtype or x.dtype)


def _reference(number, string):
    return lambda x, dtype: np.array(
        [string if x.dtype == object else number] * x.size, dtype or x.dtype
    ).reshape(x.shape)  # fmt: skip


@op(shape_only=("x",), node_name="zeros_like", differentiable=False, holomorphic=True, reference=_reference(0, b""))
def zeros_like(x, *, dtype=None):
    """Zeros of the shape of `x`, and of its dtype unless another is given."""
    return _filled(x, dtype, 0, b"")


@op(shape_only=("x",), node_name="ones_like", differentiable=False, holomorphic=True, reference=_reference(1, b"1"))
def ones_like(x, *, dtype=None):
    """Ones of the shape of `x`, and of its dtype unless another is given."""
    return _filled(x, dtype, 1, b"1")


for _made in (zeros_like, ones_like):
    _made.shape(_like)
    _made.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2), np.int32),))
    _made.cases(lambda rng: (rng.normal(size=(2, 3)),), dtype=np.dtype(np.int32))
zeros_like.cases(lambda rng: (np.array([b"a", b"bc"], object),), gradient=False)


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
    try:
        return x.reshape(shape.tolist())
    except ValueError:
        raise _misfit(x.size, shape.tolist()) from None


def _misfit(total, sizes):
    rest = count(tuple(size for size in sizes if size != -1))
    expected = f"{total} elements" if -1 not in sizes else f"sizes whose product divides {total}"
    return ShapeError(f"Cannot reshape {total} elements to {sizes}.", expected=expected, got=f"{rest} elements")


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
        raise _misfit(total, sizes)
    left = total // inner if total is not None and inner else None
    return Spec(tuple(left if s == -1 else s for s in sizes), x.dtype)


@reshape.vjp
def _(g, y, x, shape):
    return reshape_like(g, x), None


reshape.cases(
    lambda rng: (rng.normal(size=(2, 6)), np.array([3, 4], np.int32)),
    lambda rng: (rng.normal(size=(2, 3, 2)), np.array([-1, 2], np.int32)),
    lambda rng: (rng.normal(size=(0, 3)), np.array([0], np.int32)),
    lambda rng: (rng.normal(size=(1, 1)), np.array([], np.int32)),
)
reshape.rejects("at most one", lambda rng: (np.zeros((2, 3)), np.array([-1, -1], np.int32)))
reshape.rejects("product divides 6", lambda rng: (np.zeros((2, 3)), np.array([4, -1], np.int32)))
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


@op(partial=True, reference=lambda x: x)
def stop_gradient(x):
    """`x` itself, through which no gradient flows."""
    return x


stop_gradient.shape(same)


@stop_gradient.vjp
def _(g, y, x):
    return None


stop_gradient.cases(lambda rng: (rng.normal(size=(2, 3)),), gradient=False)


def sizes_spec(x, dtype):
    """The spec of the sizes of spec `x`, their value known in part: NaN where one is not."""
    if x.shape is None:
        return Spec((None,), dtype)
    if None in x.shape:
        return Spec((len(x.shape),), dtype, np.array([np.nan if size is None else size for size in x.shape]))
    return Spec((len(x.shape),), dtype, np.array(x.shape, dtype))


@op(shape_only=("x",), differentiable=False, reference=lambda x, out_type: np.array(list(x.shape), out_type))
def shape(x, *, out_type=_INT32):
    """The sizes of `x`: `[rank]` integers, on the host."""
    return np.array(x.shape, out_type)


@shape.shape
def _(x, *, out_type):
    return sizes_spec(x, out_type)


shape.cases(lambda rng: (np.zeros((2, 0, 3)),), lambda rng: (np.zeros(()),), gradient=False)
shape.cases(lambda rng: (np.zeros((2, 3)),), out_type=np.dtype(np.int64), gradient=False)
OPERATORS["shape"] = shape


@op(
    type="ShapeN",
    alike=(),
    shape_only=("xs",),
    differentiable=False,
    reference=lambda *xs, out_type: tuple(np.array(list(x.shape), out_type) for x in xs),
)
def shape_n(*xs, out_type=_INT32):
    """The sizes of each of `xs`, as `shape` gives them."""
    return tuple(np.array(x.shape, out_type) for x in xs)


shape_n.shape(lambda *xs, out_type: tuple(sizes_spec(x, out_type) for x in xs))
shape_n.cases(lambda rng: (np.zeros((2, 0, 3)), np.zeros(())), lambda rng: (np.zeros(2),), gradient=False)


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
    reference=lambda x, perm, conjugate: np.einsum(
        x.conj() if conjugate else x, list(range(x.ndim)), list(perm if perm is not None else range(x.ndim)[::-1])
    ),
)
def transpose(x, *, perm=None, conjugate=False):
    """The dimensions of `x` in the order `perm`, reversed without one; `conjugate`: of complex numbers, that too."""
    return x.transpose(perm).conj() if conjugate else x.transpose(perm)


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
def _(g, y, x, *, perm, conjugate):
    return transpose(g, perm=None if perm is None else tuple(int(i) for i in np.argsort(perm)), conjugate=conjugate)


transpose.cases(lambda rng: (rng.normal(size=(2, 3, 4)),))
transpose.cases(lambda rng: (rng.normal(size=(2, 3, 0)),), lambda rng: (rng.normal(size=(2, 3, 4)),), perm=(2, 0, 1))
transpose.cases(lambda rng: (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),), conjugate=True, gradient=False)
transpose.rejects("no permutation", lambda rng: (np.zeros((2, 3)),), perm=(0, 0))


def matrix_transpose(a, name="matrix_transpose", conjugate=False):
    """The last two dimensions of `a` exchanged: `[..., n, m]` to `[..., m, n]`."""
    a = as_tensor(a)
    if a.spec.rank is None or a.spec.rank < 2:
        raise ShapeError("matrix_transpose takes matrices.", expected="a known rank >= 2", got=a)
    perm = (*range(a.spec.rank - 2), a.spec.rank - 1, a.spec.rank - 2)
    with name_scope(name, "matrix_transpose", [a]):
        return transpose(a, perm=perm, conjugate=conjugate)


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
