"""Pictures in another size, as TensorFlow computes them: bilinear, nearest, bicubic and area.

Each method is linear and works on height and width one after the other. Along a dimension, `Taps` say which elements of
the input an output element is made of, and with which weights; the gradient puts the same weights back. Positions are
float32 numbers as in TensorFlow's kernels, so that the same elements are chosen (area alone needs none).

before: windows.py   next: image.py
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, constant_value
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.create import shape_from
from npslim.ops.elementwise import minimum
from npslim.ops.functions import rint
from npslim.ops.join import stack
from npslim.ops.logic import cast
from npslim.ops.shape import expand_dims, squeeze
from npslim.ops.shape import shape as shape_of
from npslim.ops.slicing import get_item
from npslim.scopes import name_scope
from npslim.spec import Spec, show_shape

_FLOAT = np.float32
_TABLE = 1024  # TensorFlow looks cubic weights up in a table of so many steps between two pixels


class ResizeMethod:
    """The `method` of `resize_images`; the words "bilinear", "nearest", "bicubic" and "area" do as well."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


@dataclass(frozen=True)
class Taps:
    """Along one dimension, output element i is the sum over j of `weights[i, j]` times element `indices[i, j]`."""

    indices: np.ndarray
    weights: np.ndarray


def _scale(old, new, align_corners):
    """Input pixels to an output pixel."""
    if align_corners and new > 1:
        return _FLOAT(old - 1) / _FLOAT(new - 1)
    return _FLOAT(old) / _FLOAT(new)


def _positions(old, new, align_corners, half_pixel_centers, back=0.5):
    """Where in the input the output pixels lie; `back`: what the middle of the first pixel is counted as."""
    scale, i = _scale(old, new, align_corners), np.arange(new, dtype=_FLOAT)
    return (i + _FLOAT(0.5)) * scale - _FLOAT(back) if half_pixel_centers else i * scale


def _bilinear(old, new, align_corners, half_pixel_centers):
    at = _positions(old, new, align_corners, half_pixel_centers)
    left = np.floor(at)
    share = at - left
    indices = np.stack([np.maximum(left, 0), np.minimum(np.ceil(at), old - 1)], axis=1)
    return Taps(indices.astype(np.intp), np.stack([1 - share, share], axis=1))


def _nearest(old, new, align_corners, half_pixel_centers):
    at = _positions(old, new, align_corners, half_pixel_centers, back=0.0)
    at = np.floor(at + _FLOAT(0.5)) if align_corners else np.floor(at)
    return Taps(np.clip(at, 0, old - 1).astype(np.intp)[:, None], np.ones((new, 1), _FLOAT))


def _cubic(x, a):
    """Keys' weight of a pixel at the distances x, in [0, 2]."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    return np.where(x <= 1, near, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a)


def _bicubic(old, new, align_corners, half_pixel_centers):
    """With half_pixel_centers pixels beyond the edge have no weight, without they are the edge's; `a` differs, too."""
    at = _positions(old, new, align_corners, half_pixel_centers)
    left = np.floor(at)
    share = np.rint((at - left) * _TABLE).astype(np.float64)[:, None] / _TABLE
    weights = _cubic(
        np.concatenate([1 + share, share, 1 - share, 2 - share], axis=1), -0.5 if half_pixel_centers else -0.75
    )
    wanted = left.astype(np.intp)[:, None] + np.arange(-1, 3)
    indices = np.clip(wanted, 0, old - 1)
    if half_pixel_centers:
        weights = np.where(indices == wanted, weights, 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
    return Taps(indices, weights)


def _area(old, new, align_corners, half_pixel_centers):
    """Each output pixel covers a stretch of the input; a pixel weighs as much of it as it fills."""
    whole, parts = (old - 1, new - 1) if align_corners and new > 1 else (old, new)
    if not whole:
        return Taps(np.zeros((new, 1), np.intp), np.ones((new, 1)))
    edges = np.arange(new + 1) * whole / parts
    start, end = edges[:-1, None], edges[1:, None]
    first = np.floor(start)
    pixels = first + np.arange(int((np.ceil(end) - first).max(initial=1)))
    filled = np.minimum(pixels + 1, end) - np.maximum(pixels, start)
    inside = np.where(filled > 0, pixels, first)  # what does not count is not looked at either
    return Taps(np.clip(inside, 0, old - 1).astype(np.intp), np.maximum(filled, 0) / (whole / parts))


_TAPS: dict[str, Any] = {"bilinear": _bilinear, "nearest": _nearest, "bicubic": _bicubic, "area": _area}


@functools.lru_cache(maxsize=256)
def taps(method, old, new, align_corners, half_pixel_centers):
    """The Taps from `old` to `new` pixels. Raises InvalidArgumentError if there are none."""
    if old < 1 or new < 1:
        raise InvalidArgumentError("A picture has no pixels.", expected="sizes >= 1", got=f"{old} to {new}")
    return _TAPS[method](old, new, align_corners, half_pixel_centers)


def _resized(x, axis, method, new, **how):
    """`x` with `new` elements along `axis`."""
    xp, found = array_module(x), taps(method, x.shape[axis], new, **how)
    parts = [xp.take(x, xp.asarray(column), axis=axis) for column in found.indices.T]
    if method == "nearest":
        return parts[0]
    along = (-1,) + (1,) * (x.ndim - axis - 1)
    weights = [xp.asarray(column.astype(x.dtype)).reshape(along) for column in found.weights.T]
    if method == "bilinear":
        return parts[0] + (parts[1] - parts[0]) * weights[1]  # two equal pixels give just that
    return sum((part * weight for part, weight in zip(parts[1:], weights[1:], strict=True)), parts[0] * weights[0])


def _put_back(g, axis, method, old, **how):
    """The adjoint of `_resized`: `g` weighed and added up where it came from."""
    xp, found = array_module(g), taps(method, old, g.shape[axis], **how)
    rows = xp.ascontiguousarray(xp.moveaxis(g, axis, 0))
    total = xp.zeros((old, *rows.shape[1:]), g.dtype)
    weights = found.weights.astype(g.dtype).tolist()
    for row, places, shares in zip(rows, found.indices.tolist(), weights, strict=True):
        for place, share in zip(places, shares, strict=True):
            if share:
                total[place] += row if share == 1 else row * share
    return xp.moveaxis(total, 0, axis)


def _check_images(shape):
    if shape is not None and len(shape) != 4:
        raise ShapeError("The images have the wrong rank.", expected="[n, h, w, c]", got=show_shape(shape))


def _checked(images, size, align_corners, half_pixel_centers):
    """The output's shape."""
    if align_corners and half_pixel_centers:
        raise InvalidArgumentError(
            "align_corners and half_pixel_centers exclude each other.", expected="one of them", got="both"
        )
    _check_images(images.shape)
    if size.shape is not None and size.shape not in ((2,), (None,)):
        raise ShapeError("size is no pair.", expected="[2]: height and width", got=show_shape(size.shape))
    n, _, _, c = images.shape or (None,) * 4
    new = shape_from(size) or (None, None)
    new = (None, None) if len(new) != 2 else new
    if any(s is not None and s < 1 for s in new):
        raise InvalidArgumentError("The new size must be positive.", expected="sizes >= 1", got=show_shape(new))
    return (n, *new, c)


def _family(method, name, type, doc):
    """Define a method of resizing and its gradient."""

    def resize(images, size, *, align_corners=False, half_pixel_centers=False):
        how = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
        height, width = (int(s) for s in size)
        first, second = (2, width), (1, height)
        if method == "bicubic":  # the order of TensorFlow's kernel
            first, second = second, first
        return _resized(_resized(images, first[0], method, first[1], **how), second[0], method, second[1], **how)

    def resize_grad(g, like, *, align_corners=False, half_pixel_centers=False):
        how = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
        return _put_back(_put_back(g, 1, method, like.shape[1], **how), 2, method, like.shape[2], **how)

    resize.__name__, resize.__doc__ = name, doc
    resize_grad.__name__ = f"{name}_grad"
    resize_grad.__doc__ = f"The gradient of `{name}`: `g`, put back where the pixels came from in images like `like`."
    resize = op(resize, type=type, node_name=type, host=("size",), exact=method == "nearest")
    resize_grad = op(resize_grad, type=f"{type}Grad", alike=(), shape_only=("like",))

    @resize.shape
    def _(images, size, *, align_corners, half_pixel_centers):
        return Spec(_checked(images, size, align_corners, half_pixel_centers), images.dtype)

    @resize.vjp
    def _(g, y, images, size, **how):
        return resize_grad(g, images, **how), None

    @resize_grad.shape
    def _(g, like):
        _check_images(g.shape)
        return Spec(like.shape, g.dtype)

    @resize_grad.vjp
    def _(h, y, g, like, **how):
        return resize(h, get_item(shape_of(g), slice(1, 3)), **how), None

    return resize, resize_grad


_resize_bilinear, resize_bilinear_grad = _family(
    "bilinear", "resize_bilinear", "ResizeBilinear", "Images whose pixels are weighed means of the four nearest ones."
)
_resize_nearest, resize_nearest_grad = _family(
    "nearest", "resize_nearest_neighbor", "ResizeNearestNeighbor", "Images whose pixels are the nearest ones."
)
_resize_bicubic, resize_bicubic_grad = _family(
    "bicubic", "resize_bicubic", "ResizeBicubic", "Images whose pixels lie on cubic curves through the 16 nearest ones."
)
_resize_area, resize_area_grad = _family(
    "area", "resize_area", "ResizeArea", "Images whose pixels are means of the pixels that they cover."
)


def _size(*numbers):
    return np.array(numbers, np.int32)


for _resize, _grad in (
    (_resize_bilinear, resize_bilinear_grad),
    (_resize_nearest, resize_nearest_grad),
    (_resize_bicubic, resize_bicubic_grad),
    (_resize_area, resize_area_grad),
):
    for _how in ({}, {"align_corners": True}, {"half_pixel_centers": True})[: 2 if _resize is _resize_area else 3]:
        _resize.cases(
            lambda rng: (rng.normal(size=(2, 4, 5, 2)), _size(7, 3)),
            lambda rng: (rng.normal(size=(1, 5, 2, 1)), _size(1, 6)),
            **_how,
        )
        _grad.cases(lambda rng: (rng.normal(size=(2, 7, 3, 2)), np.zeros((2, 4, 5, 2))), **_how)
    _resize.cases(lambda rng: (np.zeros((0, 2, 3, 1)), _size(3, 2)))
    _resize.rejects("wrong rank", lambda rng: (np.zeros((3, 4, 1)), _size(2, 2)))
    _resize.rejects("no pair", lambda rng: (np.zeros((1, 3, 4, 1)), _size(2, 2, 1)))
    _resize.rejects("positive", lambda rng: (np.zeros((1, 3, 4, 1)), _size(2, 0)))
    _resize.rejects(
        "exclude", lambda rng: (np.zeros((1, 3, 4, 1)), _size(2, 2)), align_corners=True, half_pixel_centers=True
    )


# ---- functions under TensorFlow's names


def as_pair(size, name="size"):
    """`size` as an int32 tensor of two numbers. Raises DTypeError unless they are integers, ShapeError unless two."""
    size = as_tensor(size, name=name)
    if size.spec.dtype.kind not in "iu":
        raise DTypeError(f"{name} is not of integers.", expected="int32 [2]", got=str(size.spec))
    if size.spec.shape not in ((2,), (None,), None):
        raise ShapeError(f"{name} is no pair.", expected="[2]: height and width", got=show_shape(size.spec.shape))
    known = constant_value(size)
    return cast(size, np.int32) if known is None else as_tensor(known.astype(np.int32), name=name)


def resize_bilinear(images, size, align_corners=False, name=None, half_pixel_centers=False):
    """`images` `[n, h, w, c]` as float32 `[n, *size, c]`; each pixel is a weighed mean of the four nearest ones.

    size: two integers, or a tensor of them. align_corners: the middles of the corner pixels stay where they are.
    half_pixel_centers: pixels are squares of which the middle counts, not their upper left corner.
    Raises InvalidArgumentError for both of them, ShapeError for another rank.
    """
    return _as_float(_resize_bilinear, images, size, align_corners, half_pixel_centers, name)


def resize_bicubic(images, size, align_corners=False, name=None, half_pixel_centers=False):
    """`images` `[n, h, w, c]` as float32 `[n, *size, c]`, along cubic curves through the nearest 4 by 4 pixels.

    For the arguments see `resize_bilinear`. With half_pixel_centers the curves are Keys' (a = -0.5), without they are
    steeper (a = -0.75), as in TensorFlow.
    """
    return _as_float(_resize_bicubic, images, size, align_corners, half_pixel_centers, name)


def resize_area(images, size, align_corners=False, name=None):
    """`images` `[n, h, w, c]` as float32 `[n, *size, c]`; each pixel is the mean of what it covers.

    For the arguments see `resize_bilinear`. There is a gradient; TensorFlow has none.
    """
    return _as_float(_resize_area, images, size, align_corners, False, name)


def resize_nearest_neighbor(images, size, align_corners=False, name=None, half_pixel_centers=False):
    """`images` `[n, h, w, c]` as `[n, *size, c]` of the same dtype; each pixel is one of the input's.

    For the arguments see `resize_bilinear`.
    """
    return _resize_nearest(
        images, as_pair(size), align_corners=align_corners, half_pixel_centers=half_pixel_centers, name=name
    )


def _as_float(resize, images, size, align_corners, half_pixel_centers, name):
    return resize(
        cast(images, np.float32), as_pair(size), align_corners=align_corners, half_pixel_centers=half_pixel_centers,
        name=name,
    )  # fmt: skip


_METHODS = {
    **dict.fromkeys((ResizeMethod.BILINEAR, "bilinear"), resize_bilinear),
    **dict.fromkeys((ResizeMethod.NEAREST_NEIGHBOR, "nearest"), resize_nearest_neighbor),
    **dict.fromkeys((ResizeMethod.BICUBIC, "bicubic"), resize_bicubic),
    **dict.fromkeys((ResizeMethod.AREA, "area"), resize_area),
}


def resize_images(
    images, size, method: Any = ResizeMethod.BILINEAR, align_corners=False, preserve_aspect_ratio=False, name=None
):
    """`images` `[n, h, w, c]`, or one `[h, w, c]`, in another size.

    size: new height and width, or a tensor of them. method: a `ResizeMethod`. preserve_aspect_ratio: `size` is the most
    that the picture may take. float32, but in the images' dtype for nearest and where the size is known to stay the
    same: then `images` come back as they are.
    Raises ShapeError for images or a size of another rank, InvalidArgumentError for an unknown method.
    """
    with name_scope(name, "resize", [images]):
        images = as_tensor(images, name="images")
        shape = images.spec.shape
        if shape is None:
            raise ShapeError("The rank of the images is not known.", expected="[h, w, c] or [n, h, w, c]")
        if len(shape) not in (3, 4):
            raise ShapeError(
                "The images have the wrong rank.", expected="[h, w, c] or [n, h, w, c]", got=show_shape(shape)
            )
        if method not in _METHODS:
            raise InvalidArgumentError(
                "There is no such method of resizing.", expected="a ResizeMethod", got=repr(method)
            )
        size = as_pair(size)
        single = len(shape) == 3
        if single:
            images = expand_dims(images, axis=0)
        if preserve_aspect_ratio:
            size = _largest_within(size, images)
        new = constant_value(size)
        if new is not None and tuple(new.tolist()) == images.spec.shape[1:3]:
            resized = images
        else:
            resized = _METHODS[method](images, size, align_corners=align_corners)
        return squeeze(resized, axis=(0,)) if single else resized


def _largest_within(size, images):
    """The largest size of the images' proportions, rounded, that is not above `size`."""
    old = get_item(shape_of(images), slice(1, 3))
    known, shape = constant_value(size), images.spec.shape
    if known is not None and None not in shape[1:3]:
        current = np.array(shape[1:3], np.float32)
        return as_tensor(np.rint((known.astype(np.float32) / current).min() * current).astype(np.int32), name="size")
    current = cast(old, np.float32)
    ratio = cast(size, np.float32) / current
    smallest = minimum(ratio[0], ratio[1])
    new = rint(stack(smallest * current[0], smallest * current[1]))
    return cast(new, np.int32)
