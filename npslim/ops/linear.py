"""Products of matrices and of tensors, diagonals, norms."""

import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, UnimplementedError
from npslim.op import op
from npslim.ops.elementwise import pow
from npslim.ops.functions import abs, sqrt, square
from npslim.ops.logic import sum_to
from npslim.ops.reduce import reduce_max, reduce_sum
from npslim.ops.shape import ones_like, transpose
from npslim.registry import OPERATORS
from npslim.scopes import name_scope
from npslim.spec import Spec, broadcast, merge, show_shape


def _by_einsum(a, b, transpose_a, transpose_b):
    left, right = "...ji" if transpose_a else "...ij", "...kj" if transpose_b else "...jk"
    return np.einsum(f"{left},{right}->...ik", a, b)


@op(holomorphic=True, type="MatMul", reference=_by_einsum)
def matmul(a, b, *, transpose_a=False, transpose_b=False):
    """The product of matrices: `[..., n, k]` by `[..., k, m]` is `[..., n, m]`; leading dimensions broadcast.

    transpose_a, transpose_b: take that input's last two dimensions the other way round.
    Raises ShapeError for a rank below 2, or sizes that do not fit.
    """
    xp = array_module(a, b)
    return xp.matmul(a.swapaxes(-1, -2) if transpose_a else a, b.swapaxes(-1, -2) if transpose_b else b)


@matmul.shape
def _(a, b, *, transpose_a, transpose_b):
    for x in (a, b):
        if x.shape is not None and len(x.shape) < 2:
            raise ShapeError("The input is no matrix.", expected="rank >= 2", got=show_shape(x.shape))
    if a.shape is None or b.shape is None:
        return Spec(None, a.dtype)
    n, inner_a = a.shape[-2:] if not transpose_a else a.shape[-2:][::-1]
    inner_b, m = b.shape[-2:] if not transpose_b else b.shape[-2:][::-1]
    if None not in (inner_a, inner_b) and inner_a != inner_b:
        raise ShapeError("The inner sizes differ.", expected=f"{inner_a} rows in b", got=inner_b)
    return Spec((*broadcast(a.shape[:-2], b.shape[:-2]), n, m), a.dtype)


@matmul.vjp
def _(g, y, a, b, *, transpose_a, transpose_b):
    if transpose_a:
        ga = matmul(b, g, transpose_a=transpose_b, transpose_b=True)
    else:
        ga = matmul(g, b, transpose_b=not transpose_b)
    if transpose_b:
        gb = matmul(g, a, transpose_a=True, transpose_b=transpose_a)
    else:
        gb = matmul(a, g, transpose_a=not transpose_a)
    return sum_to(ga, a), sum_to(gb, b)


def _matrices(transpose_a, transpose_b):
    """Cases of a product: plain, batches that broadcast, nothing to sum over."""
    for lead_a, lead_b, k in (((), (), 4), ((2, 1), (3,), 2), ((), (), 0)):
        a, b = (k, 3) if transpose_a else (3, k), (2, k) if transpose_b else (k, 2)
        yield lambda rng, a=lead_a + a, b=lead_b + b: (rng.normal(size=a), rng.normal(size=b))


for _a in (False, True):
    for _b in (False, True):
        matmul.cases(*_matrices(_a, _b), transpose_a=_a, transpose_b=_b)
matmul.cases(lambda rng: (np.array([[1, 2]], np.int32), np.array([[3], [4]], np.int32)))
matmul.rejects("inner sizes", lambda rng: (np.zeros((2, 3)), np.zeros((2, 3))))
matmul.rejects("no matrix", lambda rng: (np.zeros(3), np.zeros((3, 3))))
matmul.rejects("do not broadcast", lambda rng: (np.zeros((2, 1, 3)), np.zeros((3, 3, 1))))

OPERATORS["__matmul__"] = lambda a, b: matmul(a, b, name="matmul")
OPERATORS["__rmatmul__"] = lambda b, a: matmul(a, b, name="matmul")

# ---- sums of products over any axes


def _free(x, axes):
    """The axes of spec or array `x` that are not among `axes`, in order."""
    rank = len(x.shape)
    return [i for i in range(rank) if i not in [a % rank for a in axes]]


@op(type="Tensordot", holomorphic=True)
def tensordot_(a, b, *, axes_a, axes_b):
    """The sum of products over pairs of axes: what is left of `a`, then what is left of `b`."""
    return array_module(a, b).tensordot(a, b, (axes_a, axes_b))


@tensordot_.shape
def _(a, b, *, axes_a, axes_b):
    if len(axes_a) != len(axes_b):
        raise ShapeError("The axes are no pairs.", expected=f"{len(axes_a)} axes of b", got=len(axes_b))
    for x, axes in ((a, axes_a), (b, axes_b)):
        if x.shape is not None and not all(-len(x.shape) <= i < len(x.shape) for i in axes):
            raise ShapeError("An axis is out of range.", expected=f"axes of {show_shape(x.shape)}", got=axes)
    if a.shape is None or b.shape is None:
        return Spec(None, a.dtype)
    for i, j in zip(axes_a, axes_b, strict=True):
        if None not in (a.shape[i], b.shape[j]) and a.shape[i] != b.shape[j]:
            raise ShapeError("The sizes of a pair differ.", expected=f"{a.shape[i]} (axis {i} of a)", got=b.shape[j])
    left = [x.shape[i] for x, axes in ((a, axes_a), (b, axes_b)) for i in _free(x, axes)]
    return Spec(tuple(left), a.dtype)


@tensordot_.vjp
def _(g, y, a, b, *, axes_a, axes_b):
    if a.spec.shape is None or b.spec.shape is None:
        raise UnimplementedError("tensordot: the gradient needs the ranks.", expected="known ranks", got=f"{a}, {b}")
    free_a, free_b = _free(a.spec, axes_a), _free(b.spec, axes_b)
    of_a, of_b = tuple(range(len(free_a))), tuple(range(len(free_a), len(free_a) + len(free_b)))
    # what is left of the other factor comes in its own order, not in that of the pairs
    paired_a = [axes_a[i] % len(a.spec.shape) for i in _order(axes_b, b)]
    paired_b = [axes_b[i] % len(b.spec.shape) for i in _order(axes_a, a)]
    ga = tensordot_(g, b, axes_a=of_b, axes_b=tuple(free_b))
    gb = tensordot_(a, g, axes_a=tuple(free_a), axes_b=of_a)
    return transpose(ga, perm=_inverse(free_a + paired_a)), transpose(gb, perm=_inverse(paired_b + free_b))


def _order(axes, x):
    """The numbers of the pairs, by the place of their axis in `x`."""
    return sorted(range(len(axes)), key=lambda i: axes[i] % len(x.spec.shape))


def _inverse(perm):
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


tensordot_.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 4))), axes_a=(1,), axes_b=(0,))
tensordot_.cases(lambda rng: (rng.normal(size=(4, 2, 3)), rng.normal(size=(3, 5, 4))), axes_a=(0, -1), axes_b=(2, 0))
tensordot_.cases(lambda rng: (rng.normal(size=(2,)), rng.normal(size=(3, 0))), axes_a=(), axes_b=())
tensordot_.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 2))), axes_a=(0, 1), axes_b=(1, 0))
tensordot_.rejects("pair differ", lambda rng: (np.zeros((2, 3)), np.zeros((4, 2))), axes_a=(1,), axes_b=(0,))
tensordot_.rejects("no pairs", lambda rng: (np.zeros((2, 3)), np.zeros((4, 2))), axes_a=(1,), axes_b=())
tensordot_.rejects("out of range", lambda rng: (np.zeros((2, 3)), np.zeros((4, 2))), axes_a=(2,), axes_b=(0,))


def tensordot(a, b, axes, name=None):
    """The sum of products over axes: the last `axes` ones of `a` with the first of `b`, or those of two lists."""
    if isinstance(axes, int):
        axes_a, axes_b = range(-axes, 0), range(axes)
    elif len(axes) == 2:
        axes_a, axes_b = ((x,) if isinstance(x, int) else x for x in axes)
    else:
        raise ArgumentTypeError("tensordot: these are no axes.", expected="an int, or two lists", got=axes)
    return tensordot_(a, b, axes_a=tuple(axes_a), axes_b=tuple(axes_b), name=name)


def _terms(equation):
    """The labels of the inputs, and of the output."""
    inputs, _, output = equation.partition("->")
    return inputs.split(","), output


@op(holomorphic=True, node_name="einsum/Einsum", type="Einsum")
def einsum_(*inputs, equation):
    """The sum of products that `equation` describes, 'ij,jk->ik': over the labels that the output does not have."""
    return array_module(*inputs).einsum(equation, *inputs, optimize=True)


@einsum_.shape
def _(*inputs, equation):
    terms, output = _terms(equation)
    sizes = {}
    for term, x in zip(terms, inputs, strict=True):
        if x.shape is not None and len(x.shape) != len(term):
            raise ShapeError("The rank does not fit the labels.", expected=f"rank {len(term)} for {term!r}", got=x)
        for label, size in zip(term, x.shape or (), strict=False):
            sizes[label] = merge((sizes.get(label),), (size,))[0]
    return Spec(tuple(sizes.get(label) for label in output), inputs[0].dtype)


@einsum_.vjp
def _(g, y, *inputs, equation):
    terms, output = _terms(equation)
    cotangents = []
    for i, own in enumerate(terms):
        others, labels = [g, *inputs[:i], *inputs[i + 1 :]], [output, *terms[:i], *terms[i + 1 :]]
        if set(own) - set("".join(labels)):  # a label of this input alone: every place gets the same
            others, labels = [*others, ones_like(inputs[i])], [*labels, own]
        cotangents.append(einsum_(*others, equation=f"{','.join(labels)}->{own}"))
    return cotangents


einsum_.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 4))), equation="ij,jk->ik")
einsum_.cases(
    lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), equation="ij,jk,kl->li"
)
einsum_.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 3)),), equation="ij->")
einsum_.cases(lambda rng: (rng.normal(size=(2, 3)),), equation="ij->j")
einsum_.cases(lambda rng: (rng.normal(size=(2,)), rng.normal(size=(2, 3))), equation="b,bi->ib")
einsum_.cases(lambda rng: (rng.normal(size=()), rng.normal(size=(3,))), equation=",i->i")
einsum_.rejects("does not fit", lambda rng: (np.zeros((2, 3)), np.zeros((3,))), equation="ij,jk->ik")
einsum_.rejects("not compatible", lambda rng: (np.zeros((2, 3)), np.zeros((4, 2))), equation="ij,jk->ik")


def einsum(equation, *inputs, name=None):
    """The sum of products that `equation` describes: 'ij,jk->ik' is a product of matrices.

    Without '->' the output has the labels that occur once, in alphabetical order. Raises UnimplementedError for '...'
    and for a label that one input has twice.
    """
    equation = equation.replace(" ", "")
    if "..." in equation:
        raise UnimplementedError("einsum: '...' is not supported.", got=equation, hint="write a label for each axis")
    terms, output = _terms(equation)
    if "->" not in equation:
        labels = "".join(terms)
        output = "".join(sorted(label for label in set(labels) if labels.count(label) == 1))
    unknown = set(output) - set("".join(terms))
    if unknown or not all(term.isalpha() or not term for term in (*terms, output)):
        raise InvalidArgumentError("einsum: this is no equation.", expected="'ij,jk->ik'", got=repr(equation))
    for term in (*terms, output):
        if len(set(term)) < len(term):
            raise UnimplementedError(
                "einsum: a label occurs twice.", expected="different labels", got=term, hint="matrix_diag_part(x)"
            )
    if len(terms) != len(inputs):
        raise InvalidArgumentError("einsum: inputs are missing.", expected=f"{len(terms)} inputs", got=len(inputs))
    return einsum_(*inputs, equation=f"{','.join(terms)}->{output}", name=name)


# ---- diagonals


@op(holomorphic=True, exact=True, type="MatrixDiagV3", node_name="diag")
def matrix_diag(diagonal):
    """Matrices with the given diagonal and zeros elsewhere: `[..., n]` to `[..., n, n]`."""
    xp = array_module(diagonal)
    on = xp.eye(diagonal.shape[-1], dtype=bool)
    return xp.where(on, diagonal[..., None], diagonal.dtype.type(0))


@matrix_diag.shape
def _(diagonal):
    if diagonal.shape is None:
        return Spec(None, diagonal.dtype)
    if not diagonal.shape:
        raise ShapeError("A number is no diagonal.", expected="rank >= 1", got=show_shape(diagonal.shape))
    return Spec((*diagonal.shape, diagonal.shape[-1]), diagonal.dtype)


@matrix_diag.vjp
def _(g, y, diagonal):
    return matrix_diag_part(g)


matrix_diag.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros(0),))
matrix_diag.rejects("no diagonal", lambda rng: (np.zeros(()),))


@op(holomorphic=True, exact=True, type="MatrixDiagPartV3", node_name="diag_part")
def matrix_diag_part(x):
    """The diagonals of matrices: `[..., n, m]` to `[..., min(n, m)]`."""
    return array_module(x).diagonal(x, axis1=-2, axis2=-1)


@matrix_diag_part.shape
def _(x):
    if x.shape is None:
        return Spec(None, x.dtype)
    if len(x.shape) < 2:
        raise ShapeError("The input is no matrix.", expected="rank >= 2", got=show_shape(x.shape))
    n, m = x.shape[-2:]
    return Spec((*x.shape[:-2], None if None in (n, m) else min(n, m)), x.dtype)


@matrix_diag_part.vjp
def _(g, y, x):
    return diag_like(g, x)


matrix_diag_part.cases(lambda rng: (rng.normal(size=(2, 3, 3)),), lambda rng: (rng.normal(size=(2, 3)),))
matrix_diag_part.cases(lambda rng: (rng.normal(size=(3, 2)),), lambda rng: (np.zeros((0, 2)),))
matrix_diag_part.rejects("no matrix", lambda rng: (np.zeros(3),))


@op(holomorphic=True, exact=True, alike=(), shape_only=("like",))
def diag_like(diagonal, like):
    """Matrices of the shape of `like` with the given diagonal and zeros elsewhere."""
    xp = array_module(diagonal)
    n, m = like.shape[-2:]
    places = xp.arange(min(n, m))
    y = xp.zeros(like.shape, diagonal.dtype)
    y[..., places, places] = diagonal
    return y


@diag_like.shape
def _(diagonal, like):
    return Spec(like.shape, diagonal.dtype)


@diag_like.vjp
def _(g, y, diagonal, like):
    return matrix_diag_part(g), None


diag_like.cases(lambda rng: (rng.normal(size=(4, 2)), np.zeros((4, 2, 3))))


@op(holomorphic=True, exact=True)
def diag(diagonal):
    """A tensor of twice the rank with the given diagonal and zeros elsewhere: `y[i, i] = x[i]`, i a tuple."""
    return array_module(diagonal).diag(diagonal.ravel()).reshape(diagonal.shape * 2)


@diag.shape
def _(diagonal):
    return Spec(None if diagonal.shape is None else diagonal.shape * 2, diagonal.dtype)


@diag.vjp
def _(g, y, diagonal):
    return diag_part(g)


@op(holomorphic=True, exact=True)
def diag_part(x):
    """The diagonal of a tensor whose shape is a shape twice over: `y[i] = x[i, i]`, i a tuple."""
    half = x.shape[: x.ndim // 2]
    n = math.prod(half)
    return array_module(x).diagonal(x.reshape(n, n)).reshape(half)


@diag_part.shape
def _(x):
    if x.shape is None:
        return Spec(None, x.dtype)
    half = len(x.shape) // 2
    if not x.shape or len(x.shape) % 2:
        raise ShapeError("The rank is odd.", expected="a shape twice over", got=show_shape(x.shape))
    return Spec(merge(x.shape[:half], x.shape[half:]), x.dtype)


@diag_part.vjp
def _(g, y, x):
    return diag(g)


diag.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (rng.normal(size=(3,)),), lambda rng: (np.zeros(0),))
diag_part.cases(lambda rng: (rng.normal(size=(2, 3, 2, 3)),), lambda rng: (rng.normal(size=(3, 3)),))
diag_part.rejects("odd", lambda rng: (np.zeros((2, 2, 2)),))
diag_part.rejects("not compatible", lambda rng: (np.zeros((2, 3)),))


def trace(x, name=None):
    """The sums of the diagonals of matrices: `[..., n, m]` to `[...]`."""
    with name_scope(name, "Trace", [x]) as scope:
        return reduce_sum(matrix_diag_part(x), axis=-1, name=scope)


# ---- norms


def norm(tensor, ord="euclidean", axis=None, keepdims=False, name=None):
    """The norm of vectors, or of matrices where `axis` is a pair.

    ord: 'euclidean', 'fro', 1, 2, inf or any positive number for vectors, which `axis` None makes of the whole tensor;
    'euclidean', 'fro', 1 or inf for matrices. Raises ValueError for others.
    """
    if ord in ("fro", "euclidean") or (ord == 2 and not _is_pair(axis)):
        power = 2
    elif isinstance(ord, str) or not ord > 0 or (_is_pair(axis) and ord not in (1, np.inf)):
        raise InvalidArgumentError("norm: this order is not supported.", expected="'euclidean', 1, inf ...", got=ord)
    else:
        power = ord
    with name_scope(name, "norm", [tensor]):
        x = as_tensor(tensor)
        if power == 2:
            return sqrt(reduce_sum(square(x), axis=axis, keepdims=keepdims))
        if _is_pair(axis):
            rows, columns = axis if power == 1 else axis[::-1]
            sums = reduce_max(reduce_sum(abs(x), axis=rows, keepdims=True), axis=columns, keepdims=True)
            return reduce_sum(sums, axis=tuple(axis), keepdims=keepdims)
        if power == np.inf:
            return reduce_max(abs(x), axis=axis, keepdims=keepdims)
        return pow(reduce_sum(pow(abs(x), power), axis=axis, keepdims=keepdims), 1.0 / power)


def _is_pair(axis):
    return isinstance(axis, list | tuple) and len(axis) == 2


def _by_gram_schmidt(x):
    columns = []
    for column in x.T.astype(np.float64):
        for _ in range(2):  # once more, for what rounding left
            for other in columns:
                column = column - other * (other @ column)
        columns.append(column / np.sqrt(column @ column))
    return np.array(columns, np.float64).T.reshape(x.shape).astype(x.dtype)


@op(differentiable=False, reference=_by_gram_schmidt)
def orthonormal(x):
    """The columns of `x` `[n, k]`, k <= n, made orthogonal and of length 1, one after the other."""
    xp = array_module(x)
    q, r = xp.linalg.qr(x)
    diagonal = xp.diagonal(r)
    return q * xp.where(diagonal < 0, -1, 1).astype(x.dtype)


@orthonormal.shape
def _(x):
    if x.shape is not None and len(x.shape) != 2:
        raise ShapeError("orthonormal takes a matrix.", expected="rank 2", got=show_shape(x.shape))
    return Spec(x.shape, x.dtype)


orthonormal.cases(lambda rng: (rng.normal(size=(5, 3)),), lambda rng: (rng.normal(size=(4, 4)),))
orthonormal.rejects("takes a matrix", lambda rng: (np.zeros(3),))
