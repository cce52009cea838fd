"""Ops that move elements, into a buffer: what repeats, takes, joins, and puts among zeros.

before: arena.py   next: kernels.py
"""

import math

import numpy as np

from npslim.fast.arena import take
from npslim.ops.indexing import check_indices
from npslim.ops.slicing import index_of

SMALL = 1 << 12  # elements: below, the plain kernel is as quick
ROWS = 1 << 11  # rows into which something is put at once


def tile(arena, x, multiples):
    """`ops.arrange.tile`."""
    multiples = [int(m) for m in multiples]
    if type(x) is not np.ndarray or len(multiples) != x.ndim or x.size * math.prod(multiples) < SMALL:
        return None
    pairs = list(zip(multiples, x.shape, strict=True))
    out = take(arena, tuple(m * n for m, n in pairs), x.dtype)
    out.reshape([size for pair in pairs for size in pair])[...] = x.reshape([size for n in x.shape for size in (1, n)])
    return out


def gather(arena, x, indices, *, axis=0):
    """`ops.indexing.gather`."""
    shape = x.shape[: axis % x.ndim] + indices.shape + x.shape[axis % x.ndim + 1 :]
    if type(x) is not np.ndarray or x.dtype.kind == "O" or math.prod(shape) < SMALL:
        return None
    check_indices(indices, x.shape[axis])
    return np.take(x, indices, axis=axis, out=take(arena, shape, x.dtype), mode="clip")  # else it is copied once more


def dense(arena, values, indices, like, *, axis=0):
    """`ops.indexing.dense`."""
    total = _zeros(arena, like.shape, values.dtype)
    if total is not None:
        np.add.at(total, (slice(None),) * (axis % like.ndim) + (indices,), values)
    return total


def put_along_last(arena, g, indices, like):
    """`ops.indexing.put_along_last`, whose zeros have the sign of `g`, and are NaN where it is not finite."""
    if like.size < SMALL or indices.size == 0 or indices.min() < 0 or indices.max() >= like.shape[-1]:
        return None
    out = take(arena, like.shape, g.dtype)
    np.multiply(g[..., None], 0, out=out)
    flat, g, indices = out.reshape(-1, like.shape[-1]), g.reshape(-1), indices.reshape(-1)
    for start in range(0, len(flat), ROWS):
        some = slice(start, start + ROWS)
        flat[some][np.arange(len(flat[some])), indices[some]] = g[some]
    return out


def stack(arena, *xs, axis=0):
    """`ops.join.stack`."""
    first = xs[0]
    if any(type(x) is not np.ndarray or x.shape != first.shape for x in xs) or len(xs) * first.size < SMALL:
        return None
    at = axis % (first.ndim + 1)
    return np.stack(xs, axis=axis, out=take(arena, (*first.shape[:at], len(xs), *first.shape[at:]), first.dtype))


def slice_grad(arena, g, begin, like):
    """`ops.slicing.slice_grad`."""
    total = _zeros(arena, like.shape, g.dtype)
    if total is not None:
        total[tuple(slice(b, b + s) for b, s in zip(begin.tolist(), g.shape, strict=True))] = g
    return total


def strided_slice_grad(arena, g, numbers, like, *, plan, missing):
    """`ops.slicing.strided_slice_grad`."""
    total = _zeros(arena, like.shape, g.dtype)
    if total is not None:
        total[index_of(plan, missing, numbers.tolist())] = g
    return total


def _zeros(arena, shape, dtype):
    """A buffer of zeros; None if it would be small."""
    if dtype.kind not in "biufc" or math.prod(shape) < SMALL:
        return None
    out = take(arena, shape, dtype)
    out.fill(0)
    return out


KERNELS = {
    kernel.__name__: kernel for kernel in (tile, gather, dense, put_along_last, stack, slice_grad, strided_slice_grad)
}
