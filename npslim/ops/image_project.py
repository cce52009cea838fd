"""Images rotated, moved and seen at an angle: every place of the result says where in the image its colour is from.

A transform is eight numbers a0, a1, a2, b0, b1, b2, c0, c1: the place (x, y) of the result shows the image at
((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k), where k = c0 x + c1 y + 1. Outside of the image it is 0.
"""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.join import stack
from npslim.ops.logic import cast
from npslim.ops.shape import expand_dims, ones_like, reshape, shape, squeeze, zeros_like
from npslim.ops.trigonometry import cos, sin
from npslim.scopes import name_scope
from npslim.spec import Spec, show_shape

INTERPOLATIONS = ("NEAREST", "BILINEAR")


def _sources(transforms, n, height, width, interpolation):
    """[(weights, rows, columns)] `[n, height, width]`: the pixels that make each place's colour."""
    xp = array_module(transforms)
    t = xp.broadcast_to(transforms, (n, 8)).astype(np.float64)[:, :, None, None]
    y, x = xp.arange(height, dtype=np.float64)[:, None], xp.arange(width, dtype=np.float64)
    k = t[:, 6] * x + t[:, 7] * y + 1
    at_x, at_y = (t[:, 0] * x + t[:, 1] * y + t[:, 2]) / k, (t[:, 3] * x + t[:, 4] * y + t[:, 5]) / k
    seen = (k != 0).astype(np.float64)
    if interpolation == "NEAREST":
        return [(seen, _rounded(at_y), _rounded(at_x))]
    top, left = xp.floor(at_y), xp.floor(at_x)
    by, bx = at_y - top, at_x - left
    return [
        (seen * wy * wx, top + i, left + j)
        for i, wy in ((0, 1 - by), (1, by)) for j, wx in ((0, 1 - bx), (1, bx))
    ]  # fmt: skip


def _rounded(x):
    """The nearest whole number, away from zero where two are."""
    xp = array_module(x)
    return xp.trunc(x + xp.copysign(0.5, x))


def _inside(weights, rows, columns, height, width):
    """(weights, rows, columns) as numbers of pixels, with weight 0 and pixel 0 outside of the image."""
    xp = array_module(weights)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = (xp.where(inside, v, 0).astype(np.intp) for v in (rows, columns))
    return xp.where(inside, weights, 0.0), rows, columns


def _by_loop(images, transforms, size, interpolation):
    n, height, width, c = images.shape
    made = np.zeros((n, *size, c), np.float64)
    for i, row, column in np.ndindex(n, *size):
        a0, a1, a2, b0, b1, b2, c0, c1 = transforms[i if len(transforms) > 1 else 0].astype(np.float64)
        k = c0 * column + c1 * row + 1
        x, y = (a0 * column + a1 * row + a2) / k, (b0 * column + b1 * row + b2) / k
        for v in range(height):
            for u in range(width):
                near = max(0, 1 - abs(x - u)) * max(0, 1 - abs(y - v))
                if interpolation == "NEAREST":
                    near = float(abs(x - u) < 0.5 and abs(y - v) < 0.5)
                made[i, row, column] += near * images[i, v, u]
    return made.astype(images.dtype)


@op(alike=(), type="ImageProjectiveTransformV2", reference=_by_loop)
def projected(images, transforms, *, size, interpolation):
    """Each image as its transform sees it: `[n, h, w, c]`, transforms `[n, 8]` or `[1, 8]`, to `[n, *size, c]`."""
    n, height, width, c = images.shape
    xp = array_module(images)
    made = xp.zeros((n, *size, c), np.float64 if images.dtype.kind == "f" else images.dtype)
    batch = xp.arange(n)[:, None, None]
    for source in _sources(transforms, n, *size, interpolation):
        weights, rows, columns = _inside(*source, height, width)
        seen = images[batch, rows, columns]
        made += weights[..., None] * seen if images.dtype.kind == "f" else xp.where(weights[..., None] > 0, seen, 0)
    return made.astype(images.dtype)


@projected.shape
def _(images, transforms, *, size, interpolation):
    if interpolation not in INTERPOLATIONS or (interpolation == "BILINEAR" and images.dtype.kind != "f"):
        raise InvalidArgumentError(
            "transform: unknown interpolation.", expected="NEAREST, or BILINEAR for floats", got=interpolation
        )
    if transforms.dtype.kind != "f":
        raise DTypeError("transform: the transforms are floats.", expected="float32", got=transforms.dtype)
    if images.shape is None:
        return Spec((None, *size, None), images.dtype)
    if len(images.shape) != 4:
        raise ShapeError(
            "transform: the images have four dimensions.", expected="[n, h, w, c]", got=show_shape(images.shape)
        )
    return Spec((images.shape[0], *size, images.shape[3]), images.dtype)


@projected.vjp
def _(g, y, images, transforms, *, size, interpolation):
    return projected_back(g, transforms, images, interpolation=interpolation), None


@op(alike=(), shape_only=("like",), reference=lambda g, transforms, like, interpolation: _back_by_loop(
    g, transforms, like, interpolation))  # fmt: skip
def projected_back(g, transforms, like, *, interpolation):
    """What `projected` takes from each pixel: its transpose, into the shape of `like`."""
    n, height, width, _ = like.shape
    xp = array_module(g)
    made = xp.zeros(like.shape, np.float64)
    batch = xp.arange(n)[:, None, None]
    for source in _sources(transforms, n, *g.shape[1:3], interpolation):
        weights, rows, columns = _inside(*source, height, width)
        xp.add.at(made, (xp.broadcast_to(batch, rows.shape), rows, columns), weights[..., None] * g)
    return made.astype(g.dtype)


def _back_by_loop(g, transforms, like, interpolation):
    """The transpose column by column: what each pixel, alone, gives."""
    made = np.zeros(like.shape)
    for place in np.ndindex(*like.shape):
        one = np.zeros(like.shape)
        one[place] = 1
        made[place] = (_by_loop(one, transforms, g.shape[1:3], interpolation) * g).sum()
    return made


@projected_back.shape
def _(g, transforms, like, *, interpolation):
    return Spec(like.shape, g.dtype)


@projected_back.vjp
def _(g, y, cotangent, transforms, like, *, interpolation):
    size = tuple(cotangent.spec.shape[1:3])
    return projected(g, transforms, size=size, interpolation=interpolation), None, None


def _pictures(rng):
    turned = np.array([[0.9, -0.3, 0.43, 0.3, 0.9, -0.61, 0.02, -0.01], [1, 0, 1.2, 0, 1, -0.7, 0, 0]])
    return rng.normal(size=(2, 3, 4, 2)), turned


for _interpolation in INTERPOLATIONS:  # no gradient by the transforms, as in TensorFlow
    projected.cases(_pictures, size=(4, 3), interpolation=_interpolation, gradient=0)
    projected.cases(
        lambda rng: (_pictures(rng)[0], _pictures(rng)[1][:1]), size=(3, 4), interpolation=_interpolation, gradient=0
    )
    projected_back.cases(
        lambda rng: (rng.normal(size=(2, 4, 3, 2)), _pictures(rng)[1], np.zeros((2, 3, 4, 2))),
        interpolation=_interpolation,
        gradient=0,
    )
projected.rejects("interpolation", _pictures, size=(3, 3), interpolation="CUBIC")
projected.rejects("four", lambda rng: (np.zeros((3, 3)), np.zeros((1, 8))), size=(3, 3), interpolation="NEAREST")


def transform(images, transforms, interpolation="NEAREST", output_shape=None, name=None):
    """Images as transforms see them; the head of this file says what a transform is.

    images: `[n, h, w, c]`, `[h, w, c]` or `[h, w]`, of known height and width. transforms: `[8]`, `[1, 8]` or `[n, 8]`.
    output_shape: (height, width) of the result, those of the images unless given. BILINEAR is for floats.
    """
    with name_scope(name, "transform", [images, transforms]):
        images, transforms = as_tensor(images), as_tensor(transforms, np.float32)
        rank = _rank_of(images)
        whole = images if rank == 4 else expand_dims(images if rank == 3 else expand_dims(images, axis=2), axis=0)
        size = tuple(whole.spec.shape[1:3]) if output_shape is None else tuple(int(n) for n in output_shape)
        if None in size:
            raise ShapeError("transform: the size must be known.", expected="output_shape=(height, width)", got=size)
        made = projected(whole, reshape(transforms, [-1, 8]), size=size, interpolation=interpolation)
        return made if rank == 4 else squeeze(made, axis=[0] if rank == 3 else [0, 3])


def _rank_of(images):
    rank = images.spec.rank
    if rank not in (2, 3, 4):
        raise ShapeError("These are no images.", expected="rank 2, 3 or 4", got=show_shape(images.spec.shape))
    return rank


def rotate(images, angles, interpolation="NEAREST", name=None):
    """Images turned by `angles`, in radians against the clock: a number, or `[n]`. See `transform`."""
    with name_scope(name, "rotate", [images, angles]):
        images = as_tensor(images)
        rows, columns = (1, 2) if _rank_of(images) == 4 else (0, 1)
        sizes = cast(shape(images), np.float32)
        return transform(images, angles_to_projective_transforms(angles, sizes[rows], sizes[columns]), interpolation)


def translate(images, translations, interpolation="NEAREST", name=None):
    """Images moved to the right and down by `translations`: `[2]`, or `[n, 2]`. See `transform`."""
    with name_scope(name, "translate", [images, translations]):
        return transform(images, translations_to_projective_transforms(translations), interpolation)


def angles_to_projective_transforms(angles, image_height, image_width, name=None):
    """`[n, 8]`: the transforms that turn images of this size around their middle by `angles`, a number or `[n]`."""
    with name_scope(name, "angles_to_projective_transforms", [angles]):
        angles = reshape(as_tensor(angles, np.float32), [-1])
        height, width = (cast(as_tensor(v), np.float32) - 1.0 for v in (image_height, image_width))
        c, s, none = cos(angles), sin(angles), zeros_like(angles)
        x = (width - (c * width - s * height)) / 2.0
        y = (height - (s * width + c * height)) / 2.0
        return stack([c, -s, x, s, c, y, none, none], axis=1)


def translations_to_projective_transforms(translations, name=None):
    """`[n, 8]`: the transforms that move images by (to the right, down): `[2]` or `[n, 2]`."""
    with name_scope(name, "translations_to_projective_transforms", [translations]):
        translations = reshape(as_tensor(translations, np.float32), [-1, 2])
        x, y = translations[:, 0], translations[:, 1]
        one, none = ones_like(x), zeros_like(x)
        return stack([one, none, -x, none, one, -y, none, none], axis=1)
