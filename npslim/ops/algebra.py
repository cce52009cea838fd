"""Linear algebra of square matrices: inverse, determinant, solutions of systems; `[..., n, n]`."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import multiply
from npslim.ops.linear import matmul
from npslim.ops.shape import expand_dims, matrix_transpose
from npslim.spec import Spec, compatible, show_shape


def _square(a):
    if a.shape is not None and (len(a.shape) < 2 or not compatible(a.shape[-2:-1], a.shape[-1:])):
        raise ShapeError("The matrices are not square.", expected="[..., n, n]", got=show_shape(a.shape))
    return Spec(a.shape, a.dtype)


def _regular(rng):
    return (rng.normal(size=(2, 3, 3)) + 3 * np.eye(3),)


def _singular(error):
    return InvalidArgumentError("The matrix is not invertible.", expected="a regular matrix", got=str(error))


def _inverse_by_cofactors(a):
    made = np.empty_like(a)
    for place in np.ndindex(a.shape[:-2]):
        m = a[place]
        n = len(m)
        minors = [[_determinant_by_expansion(np.delete(np.delete(m, i, 0), j, 1)) for j in range(n)] for i in range(n)]
        signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
        made[place] = (np.array(minors) * signs).T / _determinant_by_expansion(m)
    return made


def _determinant_by_expansion(m):
    if not len(m):
        return 1.0
    return sum((-1) ** j * m[0, j] * _determinant_by_expansion(np.delete(m[1:], j, 1)) for j in range(len(m)))


@op(type="MatrixInverse", holomorphic=True, reference=_inverse_by_cofactors)
def matrix_inverse(a):
    """The inverse of each matrix. Raises InvalidArgumentError for one that has none."""
    try:
        return array_module(a).linalg.inv(a)
    except np.linalg.LinAlgError as error:
        raise _singular(error) from None


matrix_inverse.shape(_square)


@matrix_inverse.vjp
def _(g, y, a):
    turned = matrix_transpose(y)
    return -matmul(matmul(turned, g), turned)


@op(type="MatrixDeterminant", holomorphic=True,
    reference=lambda a: np.array([_determinant_by_expansion(m) for m in a.reshape(-1, *a.shape[-2:])]).reshape(
        a.shape[:-2]))  # fmt: skip
def matrix_determinant(a):
    """The determinant of each matrix: `[...]`."""
    return array_module(a).linalg.det(a).astype(a.dtype)


@matrix_determinant.shape
def _(a):
    return Spec(None if _square(a).shape is None else a.shape[:-2], a.dtype)


@matrix_determinant.vjp
def _(g, y, a):
    scale = expand_dims(expand_dims(multiply(g, y), axis=-1), axis=-1)
    return multiply(scale, matrix_transpose(matrix_inverse(a)))


for _made in (matrix_inverse, matrix_determinant):
    _made.cases(_regular, lambda rng: (rng.normal(size=(2, 2)) + 2 * np.eye(2),))
    _made.rejects("not square", lambda rng: (np.zeros((2, 3)),))


def _solved_by_elimination(a, b):
    made = np.empty_like(b)
    for place in np.ndindex(a.shape[:-2]):
        rows = np.concatenate([a[place], b[place]], 1)
        n = len(rows)
        for i in range(n):
            best = i + np.abs(rows[i:, i]).argmax()
            rows[[i, best]] = rows[[best, i]]
            rows[i] /= rows[i, i]
            for j in range(n):
                if j != i:
                    rows[j] -= rows[j, i] * rows[i]
        made[place] = rows[:, n:]
    return made


@op(type="MatrixSolve", holomorphic=True, reference=_solved_by_elimination)
def solved(a, b):
    """x of `a @ x = b`, `b` being `[..., n, k]`. Raises InvalidArgumentError for a singular matrix."""
    try:
        return array_module(a).linalg.solve(a, b)
    except np.linalg.LinAlgError as error:
        raise _singular(error) from None


@solved.shape
def _(a, b):
    _square(a)
    if a.shape is not None and b.shape is not None and not compatible(a.shape[:-1], b.shape[:-1]):
        raise ShapeError(
            "The right sides do not fit.", expected=f"{show_shape(a.shape[:-1])} + [k]", got=show_shape(b.shape)
        )
    return Spec(b.shape, b.dtype)


@solved.vjp
def _(g, y, a, b):
    of_b = solved(matrix_transpose(a), g)
    return -matmul(of_b, y, transpose_b=True), of_b


solved.cases(lambda rng: (*_regular(rng), rng.normal(size=(2, 3, 4))))
solved.rejects("not square", lambda rng: (np.zeros((2, 3)), np.zeros((2, 1))))
solved.rejects("do not fit", lambda rng: (np.zeros((2, 2)), np.zeros((3, 1))))


def matrix_solve(matrix, rhs, adjoint=False, name=None):
    """x of `matrix @ x = rhs`, of the transposed matrices for adjoint."""
    return solved(matrix_transpose(matrix) if adjoint else matrix, rhs, name=name)
