"""Products and diagonals by loops over every place."""

import itertools

import numpy as np

from npslim.registry import REGISTRY


def einsum(*inputs, equation):
    """One term after the other, of every combination of labels."""
    left, output = equation.split("->")
    terms = left.split(",")
    sizes = {label: n for term, x in zip(terms, inputs, strict=True) for label, n in zip(term, x.shape, strict=True)}
    y = np.zeros([sizes[label] for label in output], inputs[0].dtype)
    for place in itertools.product(*map(range, sizes.values())):
        at = dict(zip(sizes, place, strict=True))
        factors = [x[tuple(at[label] for label in term)] for term, x in zip(terms, inputs, strict=True)]
        y[tuple(at[label] for label in output)] += np.prod(factors)
    return y


def tensordot(a, b, axes_a, axes_b):
    """By labels: equal ones for the pairs."""
    of_a = [chr(97 + i) for i in range(a.ndim)]
    of_b = [chr(65 + i) for i in range(b.ndim)]
    for i, j in zip(axes_a, axes_b, strict=True):
        of_b[j] = of_a[i]
    summed = [of_a[i] for i in axes_a]
    output = [label for label in of_a + of_b if label not in summed]
    return einsum(a, b, equation=f"{''.join(of_a)},{''.join(of_b)}->{''.join(output)}")


def matrix_diag(diagonal):
    y = np.zeros((*diagonal.shape, diagonal.shape[-1]), diagonal.dtype)
    for *lead, i in np.ndindex(*diagonal.shape):
        y[(*lead, i, i)] = diagonal[(*lead, i)]
    return y


def matrix_diag_part(x):
    n = min(x.shape[-2:])
    y = np.zeros((*x.shape[:-2], n), x.dtype)
    for *lead, i in np.ndindex(*y.shape):
        y[(*lead, i)] = x[(*lead, i, i)]
    return y


def diag_like(diagonal, like):
    y = np.zeros(like.shape, diagonal.dtype)
    for *lead, i in np.ndindex(*diagonal.shape):
        y[(*lead, i, i)] = diagonal[(*lead, i)]
    return y


def diag(diagonal):
    y = np.zeros(diagonal.shape * 2, diagonal.dtype)
    for place in np.ndindex(*diagonal.shape):
        y[place * 2] = diagonal[place]
    return y


def diag_part(x):
    y = np.zeros(x.shape[: x.ndim // 2], x.dtype)
    for place in np.ndindex(*y.shape):
        y[place] = x[place * 2]
    return y


for _reference in (einsum, tensordot, matrix_diag, matrix_diag_part, diag_like, diag, diag_part):
    REGISTRY[_reference.__name__].reference = _reference
