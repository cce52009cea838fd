"""Matrix products."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.ops.elementwise import sum_to
from npslim.spec import Spec, broadcast, show_shape


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
