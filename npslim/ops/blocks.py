"""Blocks of places moved to the batch or the channels, and back: how old graphs spread out a filter.

before: padding.py   next: sizes.py
"""

import math

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.spec import Spec, compatible, show_shape


def _known_pairs(spec, n):
    """The pairs that are known of a `[n, 2]` spec, with None for what is not. Raises ShapeError for another shape."""
    if not compatible(spec.shape, (n, 2)):
        raise ShapeError("There must be a pair for each block size.", expected=(n, 2), got=show_shape(spec.shape))
    if spec.known is None:
        return [(None, None)] * n
    return [tuple(None if np.isnan(v) else int(v) for v in pair) for pair in spec.known.reshape(n, 2)]


def _check_rank(x, n):
    if x.shape is not None and len(x.shape) < n + 1:
        raise ShapeError("The input has too few dimensions.", expected=f"rank > {n}", got=show_shape(x.shape))


def _quotient(size, by):
    """size / by. Raises ShapeError if it leaves a rest."""
    if size is not None and size % by:
        raise ShapeError("The size is not a multiple of the block's.", expected=f"a multiple of {by}", got=size)
    return None if size is None else size // by


def _to_batch_by_loop(x, paddings, block):
    widths = [(0, 0), *(tuple(pair) for pair in paddings), *((0, 0),) * (x.ndim - 1 - len(block))]
    x = np.pad(x, widths)
    return np.concatenate([x[_every(block, offsets)] for offsets in np.ndindex(*block)])


def _every(block, offsets):
    return (slice(None), *(slice(o, None, b) for o, b in zip(offsets, block, strict=True)))


@op(alike=(), holomorphic=True, exact=True, host=("paddings",), reference=_to_batch_by_loop, type="SpaceToBatchND")
def space_to_batch_nd(x, paddings, *, block):
    """`x` `[n, *sizes, ...]`, padded with zeros, every `block`-th place of it as an image of its own.

    paddings: `[len(block), 2]`. Returns `[prod(block) * n, *(padded sizes / block), ...]`.
    Raises ShapeError for a rest.
    """
    n = len(block)
    rest = x.shape[n + 1 :]
    widths = [(0, 0), *((int(a), int(b)) for a, b in paddings), *((0, 0),) * len(rest)]
    x = array_module(x).pad(x, widths)
    sizes = [_quotient(size, by) for size, by in zip(x.shape[1 : n + 1], block, strict=True)]
    x = x.reshape(x.shape[0], *(k for pair in zip(sizes, block, strict=True) for k in pair), *rest)
    order = (*range(2, 2 * n + 2, 2), 0, *range(1, 2 * n + 1, 2), *range(2 * n + 1, x.ndim))
    return x.transpose(order).reshape(x.shape[0] * math.prod(block), *sizes, *rest)


@space_to_batch_nd.shape
def _(x, paddings, *, block):
    n = len(block)
    pairs = _known_pairs(paddings, n)
    _check_rank(x, n)
    if x.shape is None:
        return Spec(None, x.dtype)
    sizes = [
        None if None in (size, *pair) else _quotient(size + sum(pair), by)
        for size, pair, by in zip(x.shape[1 : n + 1], pairs, block, strict=True)
    ]
    batch = None if x.shape[0] is None else x.shape[0] * math.prod(block)
    return Spec((batch, *sizes, *x.shape[n + 1 :]), x.dtype)


@space_to_batch_nd.vjp
def _(g, y, x, paddings, *, block):
    return batch_to_space_nd(g, paddings, block=block), None


def _to_space_by_loop(x, crops, block):
    n, count = len(block), math.prod(block)
    parts = x.reshape(count, x.shape[0] // count, *x.shape[1:])
    sizes = [s * b for s, b in zip(x.shape[1 : n + 1], block, strict=True)]
    full = np.zeros((parts.shape[1], *sizes, *x.shape[n + 1 :]), x.dtype)
    for part, offsets in zip(parts, np.ndindex(*block), strict=True):
        full[_every(block, offsets)] = part
    return full[(slice(None), *(slice(a, s - b) for (a, b), s in zip(crops, full.shape[1:], strict=False)))]


@op(alike=(), holomorphic=True, exact=True, host=("crops",), reference=_to_space_by_loop, type="BatchToSpaceND")
def batch_to_space_nd(x, crops, *, block):
    """What undoes `space_to_batch_nd`: images woven into each other, then `crops` `[len(block), 2]` cut off."""
    n, count = len(block), math.prod(block)
    sizes, rest = x.shape[1 : n + 1], x.shape[n + 1 :]
    batch = _quotient(x.shape[0], count)
    x = x.reshape(*block, batch, *sizes, *rest)
    order = (n, *(k for i in range(n) for k in (n + 1 + i, i)), *range(2 * n + 1, x.ndim))
    x = x.transpose(order).reshape(batch, *(s * b for s, b in zip(sizes, block, strict=True)), *rest)
    return x[(slice(None), *(slice(int(a), s - int(b)) for (a, b), s in zip(crops, x.shape[1:], strict=False)))]


@batch_to_space_nd.shape
def _(x, crops, *, block):
    n = len(block)
    pairs = _known_pairs(crops, n)
    _check_rank(x, n)
    if x.shape is None:
        return Spec(None, x.dtype)
    sizes = [
        None if None in (size, *pair) else size * by - sum(pair)
        for size, pair, by in zip(x.shape[1 : n + 1], pairs, block, strict=True)
    ]
    if any(size is not None and size < 0 for size in sizes):
        raise ShapeError("More is cut off than there is.", expected="sizes >= 0", got=sizes)
    return Spec((_quotient(x.shape[0], math.prod(block)), *sizes, *x.shape[n + 1 :]), x.dtype)


@batch_to_space_nd.vjp
def _(g, y, x, crops, *, block):
    return space_to_batch_nd(g, crops, block=block), None


_PAIRS = np.array([[1, 1], [0, 1]], np.int32)
space_to_batch_nd.cases(
    lambda rng: (rng.normal(size=(2, 4, 5, 3)), _PAIRS),
    lambda rng: (rng.normal(size=(1, 2, 2)), _PAIRS),
    lambda rng: (np.zeros((0, 4, 5, 3)), _PAIRS),
    block=(2, 3),
)
batch_to_space_nd.cases(
    lambda rng: (rng.normal(size=(12, 3, 2, 3)), _PAIRS), lambda rng: (np.zeros((0, 3, 2, 3)), _PAIRS), block=(2, 3)
)
space_to_batch_nd.rejects(
    "a multiple of 2", lambda rng: (np.zeros((1, 3, 4)), np.zeros((2, 2), np.int32)), block=(2, 2)
)
space_to_batch_nd.rejects("too few", lambda rng: (np.zeros((1, 4)), np.zeros((2, 2), np.int32)), block=(2, 2))
space_to_batch_nd.rejects(
    "a pair for each", lambda rng: (np.zeros((1, 4, 4)), np.zeros((1, 2), np.int32)), block=(2, 2)
)
batch_to_space_nd.rejects(
    "a multiple of 4", lambda rng: (np.zeros((3, 4, 4)), np.zeros((2, 2), np.int32)), block=(2, 2)
)


# ---- blocks as channels


def _planes(x):
    if x.shape is not None and len(x.shape) != 4:
        raise ShapeError("The input is no batch of images.", expected="[n, h, w, c]", got=show_shape(x.shape))
    return (None,) * 4 if x.shape is None else x.shape


def _to_depth_by_loop(x, block_size):
    places = [(i, j) for i in range(block_size) for j in range(block_size)]
    return np.concatenate([x[:, i::block_size, j::block_size] for i, j in places], axis=3)


@op(holomorphic=True, exact=True, reference=_to_depth_by_loop)
def space_to_depth(x, *, block_size):
    """Blocks of `[n, h, w, c]` as channels: `[n, h / b, w / b, b * b * c]`. Raises ShapeError for a rest."""
    n, h, w, c = x.shape
    h, w = _quotient(h, block_size), _quotient(w, block_size)
    x = x.reshape(n, h, block_size, w, block_size, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, h, w, block_size * block_size * c)


@space_to_depth.shape
def _(x, *, block_size):
    n, h, w, c = _planes(x)
    channels = None if c is None else c * block_size**2
    return Spec((n, _quotient(h, block_size), _quotient(w, block_size), channels), x.dtype)


@space_to_depth.vjp
def _(g, y, x, *, block_size):
    return depth_to_space(g, block_size=block_size)


def _to_planes_by_loop(x, block_size):
    n, h, w, c = x.shape
    c //= block_size**2
    full = np.zeros((n, h * block_size, w * block_size, c), x.dtype)
    for k in range(block_size**2):
        full[:, k // block_size :: block_size, k % block_size :: block_size] = x[..., k * c : (k + 1) * c]
    return full


@op(holomorphic=True, exact=True, reference=_to_planes_by_loop)
def depth_to_space(x, *, block_size):
    """Channels of `[n, h, w, b * b * c]` as blocks of places: `[n, h * b, w * b, c]`. Raises ShapeError for a rest."""
    n, h, w, c = x.shape
    c = _quotient(c, block_size**2)
    x = x.reshape(n, h, w, block_size, block_size, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * block_size, w * block_size, c)


@depth_to_space.shape
def _(x, *, block_size):
    n, h, w, c = _planes(x)
    h, w = (None if size is None else size * block_size for size in (h, w))
    return Spec((n, h, w, _quotient(c, block_size**2)), x.dtype)


@depth_to_space.vjp
def _(g, y, x, *, block_size):
    return space_to_depth(g, block_size=block_size)


space_to_depth.cases(lambda rng: (rng.normal(size=(2, 4, 6, 3)),), lambda rng: (np.zeros((0, 2, 2, 1)),), block_size=2)
depth_to_space.cases(lambda rng: (rng.normal(size=(2, 1, 2, 8)),), lambda rng: (np.zeros((0, 2, 2, 4)),), block_size=2)
space_to_depth.rejects("a multiple of 2", lambda rng: (np.zeros((1, 3, 4, 1)),), block_size=2)
depth_to_space.rejects("a multiple of 4", lambda rng: (np.zeros((1, 3, 4, 2)),), block_size=2)
depth_to_space.rejects("no batch of images", lambda rng: (np.zeros((1, 3, 4)),), block_size=2)
