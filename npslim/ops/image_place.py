"""Pictures cut, padded, mirrored and turned: `[h, w, c]`, or a batch `[n, h, w, c]`.

Sizes and offsets are integers or scalar tensors. What can be checked while defining is checked then; the rest becomes
nodes that raise InvalidArgumentError when they run.

before: image_resize.py   next: image_color.py
"""

import numpy as np

from npslim.convert import as_tensor, constant_value, contains_tensor
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.ops.arrange import reverse
from npslim.ops.cond import case
from npslim.ops.debug import Assert
from npslim.ops.elementwise import maximum, minimum
from npslim.ops.functions import floor
from npslim.ops.image_resize import ResizeMethod, resize_images
from npslim.ops.logic import cast, equal
from npslim.ops.padding import pad_by
from npslim.ops.quotients import mod
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import identity, transpose
from npslim.ops.shape import shape as shape_of
from npslim.ops.slicing import slice_
from npslim.scopes import name_scope
from npslim.spec import show_shape


def as_image(image, name="image"):
    """`image` as a tensor `[h, w, c]` or `[n, h, w, c]`. Raises ShapeError for another rank, or without pixels."""
    image = as_tensor(image, name=name)
    shape = image.spec.shape
    if shape is None or len(shape) not in (3, 4):
        raise ShapeError("The image has the wrong rank.", expected="[h, w, c] or [n, h, w, c]", got=show_shape(shape))
    if 0 in shape[-3:]:
        raise ShapeError("The image has no pixels.", expected="sizes > 0", got=show_shape(shape))
    return image


def height_and_width(image):
    """Two integers, or scalar tensors where they are not known."""
    shape = image.spec.shape
    if None not in shape[-3:-1]:
        return shape[-3:-1]
    dynamic = shape_of(image)
    return tuple(dynamic[len(shape) + i] if shape[i] is None else shape[i] for i in (-3, -2))


def number(x):
    """`x` as an integer if that is known, else as it is."""
    if not contains_tensor(x):
        return int(x)
    known = constant_value(as_tensor(x))
    return cast(x, np.int32) if known is None else int(known)


def larger(a, b):
    return maximum(a, b) if contains_tensor([a, b]) else max(a, b)


def smaller(a, b):
    return minimum(a, b) if contains_tensor([a, b]) else min(a, b)


class Needs:
    """Conditions: checked at once where they are bools, in the run where they are tensors."""

    def __init__(self):
        self._nodes = []

    def that(self, holds, sentence, expected, **got):
        """Raises InvalidArgumentError with `sentence` unless `holds`."""
        if contains_tensor(holds):
            words = [part for key, value in got.items() for part in (key, value)]
            self._nodes.append(Assert(holds, [f"{sentence} expected {expected}; got", *words]))
        elif not holds:
            raise InvalidArgumentError(sentence, expected=expected, got=", ".join(f"{k} {v}" for k, v in got.items()))

    def then(self, x):
        """`x`, in a run that has checked."""
        if not self._nodes:
            return x
        with control_dependencies(self._nodes):
            return identity(x)


def _cut(image, top, left, height, width):
    whole = [0] * (len(image.spec.shape) - 3)
    part = slice_(image, [*whole, top, left, 0], [*(-1 for _ in whole), height, width, -1])
    part.set_shape([*image.spec.shape[:-3], None, None, image.spec.shape[-1]])
    return part


def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of `image` with `target_height` rows from `offset_height` on, and the columns likewise.

    Raises InvalidArgumentError if it does not lie inside, ShapeError for another rank than 3 or 4.
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        image, needs = as_image(image), Needs()
        numbers = [number(x) for x in (offset_height, offset_width, target_height, target_width)]
        top, left, height, width = numbers
        rows, columns = height_and_width(image)
        needs.that(top >= 0, "offset_height must be >= 0.", ">= 0", offset_height=top)
        needs.that(left >= 0, "offset_width must be >= 0.", ">= 0", offset_width=left)
        needs.that(height > 0, "target_height must be > 0.", "> 0", target_height=height)
        needs.that(width > 0, "target_width must be > 0.", "> 0", target_width=width)
        needs.that(rows - top - height >= 0, "height must be >= target + offset.", rows, offset=top, target=height)
        needs.that(columns - left - width >= 0, "width must be >= target + offset.", columns, offset=left, target=width)
        return _cut(needs.then(image), *numbers)


def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """`image` with zeros around it: `offset_height` rows above, `target_height` rows in all; the columns likewise.

    Raises InvalidArgumentError if the image does not fit in, ShapeError for another rank than 3 or 4.
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        image, needs = as_image(image), Needs()
        top, left, height, width = (number(x) for x in (offset_height, offset_width, target_height, target_width))
        rows, columns = height_and_width(image)
        below, right = height - top - rows, width - left - columns
        needs.that(top >= 0, "offset_height must be >= 0.", ">= 0", offset_height=top)
        needs.that(left >= 0, "offset_width must be >= 0.", ">= 0", offset_width=left)
        needs.that(below >= 0, "height must be <= target - offset.", f"<= {height} - {top}", height=rows)
        needs.that(right >= 0, "width must be <= target - offset.", f"<= {width} - {left}", width=columns)
        none = [[0, 0]] * (len(image.spec.shape) - 3)
        padded = pad_by(needs.then(image), [*none, [top, below], [left, right], [0, 0]], name="Pad")
        sizes = [None if contains_tensor(size) else size for size in (height, width)]
        padded.set_shape([*image.spec.shape[:-3], *sizes, image.spec.shape[-1]])
        return padded


def central_crop(image, central_fraction):
    """The middle of `image`, with `central_fraction` in (0, 1] of its height and of its width.

    Raises InvalidArgumentError for another fraction, ShapeError for another rank than 3 or 4.
    """
    with name_scope(None, "central_crop", [image]):
        image, needs, fraction = as_image(image), Needs(), central_fraction
        known = constant_value(fraction) if contains_tensor(fraction) else fraction
        if known is None:
            fraction = cast(fraction, np.float64)
            needs.that(fraction > 0, "central_fraction must be in (0, 1].", "> 0", central_fraction=fraction)
            needs.that(fraction <= 1, "central_fraction must be in (0, 1].", "<= 1", central_fraction=fraction)
        else:
            fraction = float(known)
            needs.that(0 < fraction <= 1, "central_fraction must be in (0, 1].", "(0, 1]", central_fraction=fraction)
            if fraction == 1:
                return image
        image = needs.then(image)
        sizes = height_and_width(image)
        starts = []
        for size in sizes:
            size = cast(size, np.float64) if contains_tensor(size) else float(size)
            start = (size - size * fraction) / 2
            starts.append(cast(start, np.int32) if contains_tensor(start) else int(start))
        return _cut(image, *starts, *(size - 2 * start for size, start in zip(sizes, starts, strict=True)))


def resize_image_with_crop_or_pad(image, target_height, target_width):
    """`image` cut to its middle where it is larger than the target, with zeros around it where it is smaller.

    Raises InvalidArgumentError for a target that is not positive, ShapeError for another rank than 3 or 4.
    """
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        image, needs = as_image(image), Needs()
        target = [number(target_height), number(target_width)]
        needs.that(target[0] > 0, "target_height must be > 0.", "> 0", target_height=target[0])
        needs.that(target[1] > 0, "target_width must be > 0.", "> 0", target_width=target[1])
        image = needs.then(image)
        sizes = height_and_width(image)
        pairs = list(zip(sizes, target, strict=True))
        cut = crop_to_bounding_box(
            image, *(larger((size - t) // 2, 0) for size, t in pairs), *(smaller(size, t) for size, t in pairs)
        )
        return pad_to_bounding_box(cut, *(larger((t - size) // 2, 0) for size, t in pairs), *target)


resize_with_crop_or_pad = resize_image_with_crop_or_pad


def _float(x):
    return cast(x, np.float32) if contains_tensor(x) else np.float32(x)


def _whole(x):
    return cast(floor(x), np.int32) if contains_tensor(x) else int(np.floor(x))


def resize_image_with_pad(image, target_height, target_width, method=ResizeMethod.BILINEAR, align_corners=False):
    """`image` resized in its proportions until it fits into the target, with zeros around it for the rest.

    For method and align_corners see `resize_images`. Raises as `resize_image_with_crop_or_pad`.
    """
    with name_scope(None, "resize_image_with_pad", [image]):
        image, needs = as_image(image), Needs()
        target = [number(target_height), number(target_width)]
        needs.that(target[0] > 0, "target_height must be > 0.", "> 0", target_height=target[0])
        needs.that(target[1] > 0, "target_width must be > 0.", "> 0", target_width=target[1])
        image = needs.then(image)
        sizes = [_float(size) for size in height_and_width(image)]
        wanted = [_float(t) for t in target]
        ratio = larger(sizes[1] / wanted[1], sizes[0] / wanted[0])
        fitting = [size / ratio for size in sizes]
        before = [larger(_whole((t - size) / 2), 0) for t, size in zip(wanted, fitting, strict=True)]
        resized = resize_images(image, [_whole(size) for size in fitting], method, align_corners=align_corners)
        return pad_to_bounding_box(resized, *before, *target)


def _mirrored(image, axis, name):
    with name_scope(None, name, [image]):
        return reverse(as_image(image), axis=(axis,))


def flip_left_right(image):
    """`image` mirrored: its columns in the other order. Raises ShapeError for another rank than 3 or 4."""
    return _mirrored(image, -2, "flip_left_right")


def flip_up_down(image):
    """`image` upside down: its rows in the other order. Raises ShapeError for another rank than 3 or 4."""
    return _mirrored(image, -3, "flip_up_down")


def _swapped(image):
    """Rows and columns exchanged."""
    return transpose(image, perm=(1, 0, 2) if len(image.spec.shape) == 3 else (0, 2, 1, 3))


def transpose_image(image, name=None):
    """`image` with rows and columns exchanged. Raises ShapeError for another rank than 3 or 4."""
    with name_scope(name, "transpose_image", [image]):
        return _swapped(as_image(image))


def rot90(image, k=1, name=None):
    """`image` turned by `k` (an integer or a scalar tensor) times 90 degrees, against the clock.

    Raises ShapeError for another rank than 3 or 4, or a `k` that is no scalar.
    """
    with name_scope(name, "rot90", [image, k]):
        image, k = as_image(image), as_tensor(k, np.int32 if not contains_tensor(k) else None, "k")
        if k.spec.shape not in ((), None):
            raise ShapeError("k is no scalar.", expected="[]", got=show_shape(k.spec.shape))
        turns = (
            lambda: image,
            lambda: reverse(_swapped(image), axis=(-3,)),
            lambda: reverse(image, axis=(-3, -2)),
            lambda: reverse(_swapped(image), axis=(-2,)),
        )
        known = constant_value(k)
        if known is not None:
            return turns[int(known) % 4]()
        k = mod(k, 4)
        return case([(equal(k, i), turns[i]) for i in (1, 2, 3)], default=lambda: identity(image))


def total_variation(images, name=None):
    """The sum of the absolute differences of neighbouring pixels: a scalar, or `[n]` for a batch.

    Raises ShapeError for another rank than 3 or 4, DTypeError for numbers without a sign.
    """
    with name_scope(name, "total_variation"):
        images = as_image(images, "images")
        if images.spec.dtype.kind not in "if":
            raise DTypeError(
                "Differences need a sign.", expected="floating numbers or int", got=str(images.spec),
                hint="convert_image_dtype(images, float32)",
            )  # fmt: skip
        below, right = images[..., 1:, :, :], images[..., :, 1:, :]
        down, across = below - images[..., :-1, :, :], right - images[..., :, :-1, :]
        axes = (-3, -2, -1)
        return reduce_sum(abs(down), axis=axes) + reduce_sum(abs(across), axis=axes)
