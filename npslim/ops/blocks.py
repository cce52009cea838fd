"""Ops that move pixels between the image and the channels, or between the image and the batch."""

import math

import numpy as np

from npslim.arguments import check_choice
from npslim.backend import array_module
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.spec import Spec, show_shape


def _sizes(x, block_size, data_format):
    """The axes (h, w, c) of an image batch. Raises ShapeError for another rank, ValueError for bad attributes."""
    if not isinstance(block_size, int) or block_size < 2:
        raise InvalidArgumentError("The block size is at least 2.", expected="an integer >= 2", got=block_size)
    check_choice(data_format, ("NHWC", "NCHW"), "data_format")
    if x.shape is not None and len(x.shape) != 4:
        raise ShapeError("The input is a batch of images.", expected="rank 4", got=show_shape(x.shape))
    return (1, 2, 3) if data_format == "NHWC" else (2, 3, 1)


def _depth_by_loop(input, block_size, data_format="NHWC"):
    x = input if data_format == "NHWC" else input.transpose(0, 2, 3, 1)
    n, h, w, c = x.shape
    b, depth = block_size, c // block_size**2
    y = np.zeros((n, h * b, w * b, depth), x.dtype)
    for i in range(b):
        for j in range(b):
            k = (i * b + j) * depth
            y[:, i::b, j::b] = x[..., k : k + depth]
    return y if data_format == "NHWC" else y.transpose(0, 3, 1, 2)


@op(type="DepthToSpace", holomorphic=True, exact=True, reference=_depth_by_loop)
def depth_to_space(input, *, block_size, data_format="NHWC"):
    """`[n, h, w, b * b * c]` to `[n, h * b, w * b, c]`: the channels of a pixel become a block of pixels.

    For data_format "NCHW", `[n, b * b * c, h, w]` to `[n, c, h * b, w * b]`.
    """
    b = block_size
    if data_format == "NHWC":
        n, h, w, c = input.shape
        parts = input.reshape(n, h, w, b, b, c // b**2).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(n, h * b, w * b, c // b**2)
    n, c, h, w = input.shape
    parts = input.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // b**2, h * b, w * b)


@depth_to_space.shape
def _(input, *, block_size, data_format):
    h, w, c = _sizes(input, block_size, data_format)
    if input.shape is None:
        return Spec((None,) * 4, input.dtype)
    sizes = list(input.shape)
    if sizes[c] is not None and sizes[c] % block_size**2:
        raise ShapeError(
            "The channels do not fill blocks.", expected=f"a multiple of {block_size**2}", got=f"{sizes[c]} channels"
        )
    sizes[c] = None if sizes[c] is None else sizes[c] // block_size**2
    for axis in (h, w):
        sizes[axis] = None if sizes[axis] is None else sizes[axis] * block_size
    return Spec(tuple(sizes), input.dtype)


@depth_to_space.vjp
def _(g, y, input, *, block_size, data_format):
    return space_to_depth(g, block_size=block_size, data_format=data_format)


depth_to_space.cases(lambda rng: (rng.normal(size=(2, 2, 3, 8)),), block_size=2)
depth_to_space.cases(lambda rng: (rng.normal(size=(1, 9, 2, 1)),), block_size=3, data_format="NCHW")
depth_to_space.rejects("do not fill blocks", lambda rng: (np.zeros((1, 2, 2, 3)),), block_size=2)
depth_to_space.rejects("at least 2", lambda rng: (np.zeros((1, 2, 2, 4)),), block_size=1)
depth_to_space.rejects("Unknown data_format", lambda rng: (np.zeros((1, 2, 2, 4)),), block_size=2, data_format="CHWN")
depth_to_space.rejects("batch of images", lambda rng: (np.zeros((2, 2, 4)),), block_size=2)


def _space_by_loop(input, block_size, data_format="NHWC"):
    x = input if data_format == "NHWC" else input.transpose(0, 2, 3, 1)
    b = block_size
    y = np.concatenate([x[:, i::b, j::b] for i in range(b) for j in range(b)], axis=-1)
    return y if data_format == "NHWC" else y.transpose(0, 3, 1, 2)


@op(type="SpaceToDepth", holomorphic=True, exact=True, reference=_space_by_loop)
def space_to_depth(input, *, block_size, data_format="NHWC"):
    """`[n, h * b, w * b, c]` to `[n, h, w, b * b * c]`: a block of pixels becomes the channels of one.

    For data_format "NCHW", `[n, c, h * b, w * b]` to `[n, b * b * c, h, w]`.
    """
    b = block_size
    if data_format == "NHWC":
        n, h, w, c = input.shape
        parts = input.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(n, h // b, w // b, b * b * c)
    n, c, h, w = input.shape
    parts = input.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, b * b * c, h // b, w // b)


@space_to_depth.shape
def _(input, *, block_size, data_format):
    h, w, c = _sizes(input, block_size, data_format)
    if input.shape is None:
        return Spec((None,) * 4, input.dtype)
    sizes = list(input.shape)
    for axis in (h, w):
        if sizes[axis] is not None and sizes[axis] % block_size:
            raise ShapeError(
                "The image is not made of whole blocks.", expected=f"multiples of {block_size}",
                got=show_shape(input.shape),
            )  # fmt: skip
        sizes[axis] = None if sizes[axis] is None else sizes[axis] // block_size
    sizes[c] = None if sizes[c] is None else sizes[c] * block_size**2
    return Spec(tuple(sizes), input.dtype)


@space_to_depth.vjp
def _(g, y, input, *, block_size, data_format):
    return depth_to_space(g, block_size=block_size, data_format=data_format)


space_to_depth.cases(lambda rng: (rng.normal(size=(2, 4, 6, 3)),), block_size=2)
space_to_depth.cases(lambda rng: (rng.normal(size=(1, 2, 6, 3)),), block_size=3, data_format="NCHW")
space_to_depth.rejects("whole blocks", lambda rng: (np.zeros((1, 3, 4, 1)),), block_size=2)


def _blocks_by_loop(x, block_shape, paddings):
    b = [int(s) for s in block_shape]
    padded = np.zeros([n + sum(p) for n, p in zip(x.shape[1 : 1 + len(b)], paddings, strict=True)])
    padded = np.zeros((x.shape[0], *padded.shape, *x.shape[1 + len(b) :]), x.dtype)
    inner = [slice(p[0], p[0] + n) for n, p in zip(x.shape[1:], paddings, strict=False)]
    padded[(slice(None), *inner)] = x
    return np.concatenate([padded[(slice(None), *(slice(o, None, s) for o, s in zip(at, b, strict=True)))]
                           for at in np.ndindex(*b)])  # fmt: skip


@op(
    type="SpaceToBatchND", holomorphic=True, exact=True, alike=(), host=("block_shape", "paddings"),
    reference=_blocks_by_loop,
)  # fmt: skip
def space_to_batch_nd(x, block_shape, paddings):
    """Every block of the padded image spread over the batch: `[n, h, w, ...]` to `[n * b0 * b1, h / b0, w / b1, ...]`.

    block_shape: `[m]`, of the dimensions after the first; paddings: `[m, 2]`, the zeros around them.
    """
    blocks = [int(b) for b in block_shape]
    m = len(blocks)
    around = [(0, 0), *((int(a), int(b)) for a, b in paddings), *[(0, 0)] * (x.ndim - 1 - m)]
    x = array_module(x).pad(x, around)
    split = [part for n, b in zip(x.shape[1:], blocks, strict=False) for part in (n // b, b)]
    rest = x.shape[1 + m :]
    parts = x.reshape(x.shape[0], *split, *rest)
    order = [*range(2, 2 * m + 1, 2), 0, *range(1, 2 * m + 1, 2), *range(2 * m + 1, parts.ndim)]
    return parts.transpose(order).reshape(x.shape[0] * math.prod(blocks), *split[::2], *rest)


@space_to_batch_nd.shape
def _(x, block_shape, paddings):
    known = [None if k.known is None or np.isnan(k.known.astype(float)).any() else k.known.astype(int)
             for k in (block_shape, paddings)]  # fmt: skip
    if x.shape is None or known[0] is None or known[1] is None:
        return Spec(None if x.shape is None else (None,) * len(x.shape), x.dtype)
    blocks, around = known
    _check_blocks(x.shape, blocks, around)
    sizes = list(x.shape)
    sizes[0] = None if sizes[0] is None else sizes[0] * int(np.prod(blocks))
    for i, (b, (before, after)) in enumerate(zip(blocks, around, strict=True), 1):
        if sizes[i] is not None:
            padded = sizes[i] + int(before) + int(after)
            if padded % b:
                raise ShapeError("The padded size is not a multiple of the block.", expected=int(b), got=padded)
            sizes[i] = padded // int(b)
    return Spec(tuple(sizes), x.dtype)


def _check_blocks(shape, blocks, pairs):
    if blocks.ndim != 1 or pairs.shape != (len(blocks), 2) or len(shape) < 1 + len(blocks):
        raise ShapeError(
            "A block size and a pair of margins are needed for each dimension after the first.",
            expected=f"[m] and [m, 2], m < {len(shape)}", got=f"{show_shape(blocks.shape)}, {show_shape(pairs.shape)}",
        )  # fmt: skip
    if (blocks < 1).any() or (pairs < 0).any():
        raise InvalidArgumentError("Blocks are positive, margins not negative.", got=f"{blocks}, {pairs.tolist()}")


@space_to_batch_nd.vjp
def _(g, y, x, block_shape, paddings):
    return batch_to_space_nd(g, block_shape, paddings), None, None


def _i32(*values):
    return np.array(values, np.int32)


space_to_batch_nd.cases(
    lambda rng: (rng.normal(size=(2, 3, 4, 2)), _i32(2, 2), _i32([1, 0], [0, 2])),
    lambda rng: (rng.normal(size=(1, 6)), _i32(3), _i32([0, 0])),
)
space_to_batch_nd.rejects("not a multiple", lambda rng: (np.zeros((1, 3, 4, 1)), _i32(2, 2), _i32([0, 0], [0, 0])))
space_to_batch_nd.rejects("for each dimension", lambda rng: (np.zeros((1, 4)), _i32(2, 2), _i32([0, 0])))
space_to_batch_nd.rejects("are positive", lambda rng: (np.zeros((1, 4)), _i32(0), _i32([0, 0])))


def _batch_by_loop(x, block_shape, crops):
    b = [int(s) for s in block_shape]
    n = x.shape[0] // int(np.prod(b))
    y = np.zeros((n, *(s * k for s, k in zip(x.shape[1:], b, strict=False)), *x.shape[1 + len(b) :]), x.dtype)
    for i, at in enumerate(np.ndindex(*b)):
        y[(slice(None), *(slice(o, None, s) for o, s in zip(at, b, strict=True)))] = x[i * n : (i + 1) * n]
    cut = [slice(int(p[0]), size - int(p[1])) for p, size in zip(crops, y.shape[1:], strict=False)]
    return y[(slice(None), *cut)]


@op(
    type="BatchToSpaceND", holomorphic=True, exact=True, alike=(), host=("block_shape", "crops"),
    reference=_batch_by_loop,
)  # fmt: skip
def batch_to_space_nd(x, block_shape, crops):
    """The inverse of `space_to_batch_nd`: `[n * b0 * b1, h, w, ...]` to `[n, h * b0, w * b1, ...]`, less the margins.

    block_shape: `[m]`, of the dimensions after the first; crops: `[m, 2]`, what is cut off around them.
    """
    blocks = [int(b) for b in block_shape]
    m, n = len(blocks), x.shape[0] // math.prod(int(b) for b in block_shape)
    rest = x.shape[1 + m :]
    parts = x.reshape(*blocks, n, *x.shape[1:])
    order = [m, *(axis for i in range(m) for axis in (m + 1 + i, i)), *range(2 * m + 1, parts.ndim)]
    y = parts.transpose(order).reshape(n, *(s * b for s, b in zip(x.shape[1:], blocks, strict=False)), *rest)
    cut = [slice(int(a), size - int(b)) for (a, b), size in zip(crops, y.shape[1:], strict=False)]
    return y[(slice(None), *cut)]


@batch_to_space_nd.shape
def _(x, block_shape, crops):
    known = [None if k.known is None or np.isnan(k.known.astype(float)).any() else k.known.astype(int)
             for k in (block_shape, crops)]  # fmt: skip
    if x.shape is None or known[0] is None or known[1] is None:
        return Spec(None if x.shape is None else (None,) * len(x.shape), x.dtype)
    blocks, margins = known
    _check_blocks(x.shape, blocks, margins)
    sizes, count = list(x.shape), int(np.prod(blocks))
    if sizes[0] is not None and sizes[0] % count:
        raise ShapeError("The batch is not made of whole blocks.", expected=f"a multiple of {count}", got=sizes[0])
    sizes[0] = None if sizes[0] is None else sizes[0] // count
    for i, (b, (before, after)) in enumerate(zip(blocks, margins, strict=True), 1):
        if sizes[i] is not None:
            sizes[i] = sizes[i] * int(b) - int(before) - int(after)
            if sizes[i] < 0:
                raise ShapeError("More is cut off than there is.", expected="crops within the image", got=sizes[i])
    return Spec(tuple(sizes), x.dtype)


@batch_to_space_nd.vjp
def _(g, y, x, block_shape, crops):
    return space_to_batch_nd(g, block_shape, crops), None, None


batch_to_space_nd.cases(
    lambda rng: (rng.normal(size=(8, 2, 3, 2)), _i32(2, 2), _i32([1, 0], [0, 2])),
    lambda rng: (rng.normal(size=(3, 2)), _i32(3), _i32([0, 0])),
)
batch_to_space_nd.rejects("whole blocks", lambda rng: (np.zeros((3, 2, 2, 1)), _i32(2, 2), _i32([0, 0], [0, 0])))
batch_to_space_nd.rejects("More is cut off", lambda rng: (np.zeros((2, 1)), _i32(2), _i32([2, 2])))
