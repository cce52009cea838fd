"""Matrix products."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import OPERATORS
from npslim.op import as_tensor, op
from npslim.ops.logic import sum_to
from npslim.ops.shape import concat, reshape, transpose
from npslim.ops.shape import shape as shape_of
from npslim.scopes import name_scope
from npslim.spec import Spec, broadcast, count, is_full, show_shape


@op(holomorphic=True, type="MatMul", reference=lambda a, b, transpose_a, transpose_b: np.einsum(("...ji" if transpose_a else "...ij") + "," + ("...kj" if transpose_b else "...jk") + "->...ik", a, b))
def matmul(a, b, *, transpose_a=False, transpose_b=False):
    """The product of matrices: `[..., n, k]` by `[..., k, m]` is `[..., n, m]`; leading dimensions broadcast.

    transpose_a, transpose_b: take that input's last two dimensions the other way round.
    """
    xp = array_module(a)
    return xp.matmul(xp.swapaxes(a, -1, -2) if transpose_a else a, xp.swapaxes(b, -1, -2) if transpose_b else b)


@matmul.shape
def _(a, b, *, transpose_a, transpose_b):
    if a.shape is None or b.shape is None:
        return Spec(None, a.dtype)
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ShapeError("The inputs are no matrices.", expected="rank >= 2", got=f"{show_shape(a.shape)} and {show_shape(b.shape)}")
    n, k = a.shape[-2:] if not transpose_a else a.shape[-2:][::-1]
    l, m = b.shape[-2:] if not transpose_b else b.shape[-2:][::-1]  # noqa: E741
    if None not in (k, l) and k != l:
        raise ShapeError("The inner sizes differ.", expected=f"{k} rows in b", got=f"{l}")
    return Spec((*broadcast(a.shape[:-2], b.shape[:-2]), n, m), a.dtype)


@matmul.vjp
def _(g, y, a, b, *, transpose_a, transpose_b):
    ga = matmul(b, g, transpose_a=transpose_b, transpose_b=True) if transpose_a else matmul(g, b, transpose_b=not transpose_b)
    gb = matmul(g, a, transpose_a=True, transpose_b=transpose_a) if transpose_b else matmul(a, g, transpose_a=not transpose_a)
    return sum_to(ga, a), sum_to(gb, b)


for _ta in (False, True):
    for _tb in (False, True):
        matmul.cases(
            lambda rng, ta=_ta, tb=_tb: (rng.normal(size=(4, 3) if ta else (3, 4)), rng.normal(size=(2, 4) if tb else (4, 2))),
            transpose_a=_ta, transpose_b=_tb,
        )  # fmt: skip
matmul.rejects("inner sizes", lambda rng: (np.zeros((2, 3)), np.zeros((2, 3))))
matmul.cases(lambda rng: (rng.normal(size=(2, 1, 3, 4)), rng.normal(size=(5, 4, 2))), lambda rng: (np.zeros((0, 3)), np.zeros((3, 2))))
matmul.rejects("no matrices", lambda rng: (np.zeros(3), np.zeros((3, 2))))

OPERATORS["__matmul__"] = lambda a, b: matmul(a, b, name="matmul")
OPERATORS["__rmatmul__"] = lambda a, b: matmul(b, a, name="matmul")


def tensordot(a, b, axes, name=None):
    """The sum over `axes` of products: an int n for the last n of `a` and first n of `b`, or two lists of axes.

    One matrix product, with the axes that are summed over brought together. Raises ShapeError if their sizes differ.
    """
    with name_scope(name, "Tensordot", [a, b, axes]):
        a, b = as_tensor(a), as_tensor(b)
        if isinstance(axes, int):
            axes = (range(a.spec.rank - axes, a.spec.rank), range(axes))
        over_a, over_b = ([i % t.spec.rank for i in ((over,) if isinstance(over, int) else over)] for over, t in zip(axes, (a, b), strict=True))
        free_a, free_b = ([i for i in range(t.spec.rank) if i not in over] for t, over in ((a, over_a), (b, over_b)))
        rows = _as_matrix(a, free_a, over_a)
        product = matmul(rows, _as_matrix(b, over_b, free_b))
        free = [t.spec.shape[i] for t, kept in ((a, free_a), (b, free_b)) for i in kept]
        if is_full(tuple(free)):
            return reshape(product, np.array(free, np.int32))
        sizes = [shape_of(t)[i : i + 1] for t, kept in ((a, free_a), (b, free_b)) for i in kept]
        return reshape(product, concat(*sizes, axis=0))


def _as_matrix(t, first, second):
    """`t` with the axes `first` as rows and `second` as columns."""
    if first + second != list(range(t.spec.rank)):
        t = transpose(t, perm=first + second)
    columns = count(t.spec.shape[len(first) :])
    if columns is None:
        rows = count(t.spec.shape[: len(first)])
        if rows is None:
            raise InvalidArgumentError("tensordot: too much of the shape is unknown.", got=show_shape(t.spec.shape))
        return reshape(t, np.array([rows, -1], np.int32))
    return reshape(t, np.array([-1, columns], np.int32))
