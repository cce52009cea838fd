"""Softmax, its logarithm and that of its sum, along the last dimension, a few rows at a time.

Exponentials and sums are those of `ops/softmax.py`, in their order: the same bits. Where a largest logit is not finite,
the plain kernels do it.

before: arena.py, tiles.py   next: kernels.py
"""

import functools

import numpy as np

from npslim.fast.arena import scratch, take
from npslim.fast.tiles import halves, rows
from npslim.fast.workers import each

BLOCK, NARROW = 1 << 15, 1 << 4  # elements of some rows: 128 KB of float32; those that a row counts for at the least
SMALL = 1 << 12  # elements: below, the plain kernel is as quick
_total = functools.partial(np.add.reduce, axis=1, keepdims=True)


def softmax(arena, x, *, axis=-1):
    """`ops.softmax.softmax`."""

    def shares(e):
        np.exp(e, out=e)
        np.divide(e, _total(e), out=e)

    return _of_shifted(arena, x, axis, shares)


def log_softmax(arena, x, *, axis=-1):
    """`ops.softmax.log_softmax`."""
    return _of_shifted(arena, x, axis, lambda shifted: np.subtract(shifted, _log_sums(shifted), out=shifted))


def _of_shifted(arena, x, axis, finish):
    """What `finish` makes, in place, of rows without their largest element."""
    tops = _tops(x, axis)
    if tops is None:
        return None
    y = take(arena, x.shape, x.dtype)
    source, target = rows(x), rows(y)
    each(lambda part: finish(np.subtract(source[part], tops[part], out=target[part])), _parts(source))
    return y


def reduce_logsumexp(arena, x, *, axis=None, keepdims=False):
    """`ops.softmax.reduce_logsumexp`."""
    tops = _tops(x, axis)
    if tops is None:
        return None
    y = take(arena, (*x.shape[:-1], 1) if keepdims else x.shape[:-1], x.dtype)
    source, target = rows(x), y.reshape(-1, 1)

    def one(part):
        shifted = scratch(2, source[part].size, x.dtype).reshape(source[part].shape)
        np.subtract(source[part], tops[part], out=shifted)
        np.add(_log_sums(shifted), tops[part], out=target[part])

    each(one, _parts(source))
    return y


def _tops(x, axis):
    """The largest of each row; None if the plain kernel shall go on."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or x.size < SMALL or not x.flags.c_contiguous:
        return None
    if axis not in (-1, x.ndim - 1) or x.ndim < 2:
        return None
    tops = scratch(("softmax", 0), x.size // x.shape[-1], x.dtype).reshape(-1, 1)
    np.maximum.reduce(rows(x), axis=1, keepdims=True, out=tops)
    return tops if np.isfinite(np.add.reduce(tops, axis=None)) else None


def _parts(x):
    return halves(len(x), max(1, BLOCK // max(NARROW, x.shape[1])))


def _log_sums(x):
    """The logarithms of the sums of exp(x), of which the largest is 0: see `log_sum`."""
    signs = np.sign(x, out=scratch(1, x.size, x.dtype).reshape(x.shape))  # -1, but 0 for all that are the largest
    more = x.shape[1] - 1 + _total(signs)
    others = np.exp(x, out=scratch(0, x.size, x.dtype).reshape(x.shape))
    np.multiply(others, signs, out=others)
    return np.log1p(more - _total(others))


KERNELS = {kernel.__name__: kernel for kernel in (softmax, log_softmax, reduce_logsumexp)}
