"""Colours: hue, saturation, brightness, contrast and gamma; grey and coloured pictures; the dtype of a picture.

The channels are last: red, green, blue. What changes a picture works in float32 (float16 stays) on colours in [0, 1]
and gives the dtype back that it got, rounded down and kept in its limits.

before: image_place.py   next: image_boxes.py
"""

import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, contains_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DTypeError, ShapeError
from npslim.op import op
from npslim.ops.arrange import tile
from npslim.ops.conv import depthwise_conv2d_native
from npslim.ops.create import one_hot
from npslim.ops.elementwise import (
    clip_by_value,
    divide_no_nan,
    maximum,
    multiply,
    pow,
    saturate_cast,
    squared_difference,
)
from npslim.ops.functions import log, sqrt
from npslim.ops.image_place import Needs
from npslim.ops.join import concat
from npslim.ops.logic import cast, logical_and
from npslim.ops.normalize import moments
from npslim.ops.quotients import floordiv, mod
from npslim.ops.reduce import argmax, argmin, reduce_max, reduce_mean, reduce_min, reduce_sum
from npslim.ops.shape import expand_dims, identity, ones_like
from npslim.scopes import name_scope
from npslim.shape_rules import floats
from npslim.spec import compatible, show_shape

_GREY = (0.2989, 0.587, 0.114)  # how bright red, green and blue look
_FLOATS = (np.dtype(np.float16), np.dtype(np.float32))
_CENTRES = (3.0, 2.0, 4.0)  # of red, green and blue: where on the circle of six their ramps are symmetric ...
_RISES = (1.0, -1.0, -1.0)  # ... rising or falling from there ...
_LEVELS = (-1.0, 2.0, 2.0)  # ... from this level, cut to [0, 1]


def _check_colours(shape, what="The image"):
    if shape is not None and (not shape or shape[-1] not in (3, None)):
        raise ShapeError(f"{what} has no three channels.", expected="[..., 3]", got=show_shape(shape))


def _like_colours(x):
    _check_colours(x.shape)
    return floats(x)


@op(type="RGBToHSV", node_name="RGBToHSV")
def rgb_to_hsv(images):
    """Red, green and blue `[..., 3]` as hue, saturation and value: the hue in [0, 1), 0 for grey; value the largest."""
    xp = array_module(images)
    r, g, b = images[..., 0], images[..., 1], images[..., 2]
    high, low = images.max(axis=-1), images.min(axis=-1)
    spread = high - low
    step = 1 / xp.where(spread > 0, 6 * spread, images.dtype.type(1))
    hue = xp.where(r == high, step * (g - b), xp.where(g == high, step * (b - r) + 2 / 6, step * (r - g) + 4 / 6))
    hue = xp.where(hue < 0, hue + 1, hue)
    saturation = xp.where(high > 0, spread / xp.where(high > 0, high, images.dtype.type(1)), images.dtype.type(0))
    return xp.stack([xp.where(spread > 0, hue, images.dtype.type(0)), saturation, high], axis=-1)


rgb_to_hsv.shape(_like_colours)


@rgb_to_hsv.vjp
def _(g, y, images):
    dtype = images.dtype
    place = argmax(images, axis=-1)
    high, low = one_hot(place, 3, dtype=dtype), one_hot(argmin(images, axis=-1), 3, dtype=dtype)
    after, before = (one_hot(mod(place + i, 3), 3, dtype=dtype) for i in (1, 2))
    highest, lowest = reduce_max(images, axis=-1, keepdims=True), reduce_min(images, axis=-1, keepdims=True)
    spread = highest - lowest
    sixth = divide_no_nan(ones_like(spread), 6.0 * spread)
    offset = reduce_sum(images * (after - before), axis=-1, keepdims=True)
    by_hue = sixth * (after - before) - divide_no_nan(offset * sixth, spread) * (high - low)
    coloured = cast(highest > 0, dtype)
    by_saturation = coloured * (divide_no_nan(lowest, highest * highest) * high - divide_no_nan(low, highest))
    return g[..., 0:1] * by_hue + g[..., 1:2] * by_saturation + g[..., 2:3] * high


@op(type="HSVToRGB", node_name="HSVToRGB")
def hsv_to_rgb(images):
    """Hue, saturation and value `[..., 3]`, each in [0, 1], as red, green and blue."""
    xp = array_module(images)
    h, s, v = images[..., 0:1], images[..., 1:2], images[..., 2:3]
    centres, rises, levels = (xp.asarray(numbers, images.dtype) for numbers in (_CENTRES, _RISES, _LEVELS))
    full = xp.clip(rises * abs(6 * h - centres) + levels, 0, 1)
    return (1 - s + s * full) * v


hsv_to_rgb.shape(_like_colours)


@hsv_to_rgb.vjp
def _(g, y, images):
    dtype = images.dtype.as_numpy_dtype
    h, s, v = images[..., 0:1], images[..., 1:2], images[..., 2:3]
    centres, rises, levels = (np.array(numbers, dtype) for numbers in (_CENTRES, _RISES, _LEVELS))
    place = 6.0 * h - centres
    ramp = rises * abs(place) + levels
    full = clip_by_value(ramp, dtype(0), dtype(1))
    slope = cast(logical_and(ramp > 0, ramp < 1), dtype) * rises * (2.0 * cast(place > 0, dtype) - 1.0)
    parts = (6.0 * s * v * slope, (full - 1.0) * v, 1.0 - s + s * full)
    return concat(*(reduce_sum(g * part, axis=-1, keepdims=True) for part in parts), axis=-1)


rgb_to_hsv.cases(
    lambda rng: (rng.permuted(np.arange(24.0).reshape(3, 8) / 24 + 0.02, axis=0).reshape(8, 3),),
    lambda rng: (rng.permuted(np.tile([0.2, 0.45, 0.9], (2, 6, 1)), axis=-1),),
    lambda rng: (np.zeros((0, 3)),),
)
rgb_to_hsv.cases(
    lambda rng: (np.array([[0.0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 0], [0, 1, 1], [1, 0, 1]]),), gradient=False
)
hsv_to_rgb.cases(
    lambda rng: (np.stack([(np.arange(12) + 0.3) / 12, *rng.uniform(0.1, 0.9, (2, 12))], axis=-1),),
    lambda rng: (np.zeros((0, 3)),),
)
hsv_to_rgb.cases(lambda rng: (np.array([[0.0, 1, 1], [1, 1, 1], [0.5, 0, 0.3]]),), gradient=False)
for _op in (rgb_to_hsv, hsv_to_rgb):
    _op.rejects("three channels", lambda rng: (np.zeros((2, 4)),))
    _op.rejects("not floating", lambda rng: (np.zeros((2, 3), np.int32),))


# ---- functions under TensorFlow's names


def convert_image_dtype(image, dtype, saturate=False, name=None):
    """`image` in another dtype, its colours scaled: [0, 1] for floats, from 0 to the largest number for integers.

    Floats are cut to integers, not rounded. saturate: what lies outside moves to the nearest limit.
    Raises DTypeError for bools, strings and complex numbers.
    """
    image, dtype = as_tensor(image, name="image"), numpy_dtype(dtype)
    own = image.spec.dtype
    if own.kind not in "iuf" or dtype.kind not in "iuf":
        raise DTypeError(
            "A picture has floating numbers or integers.", expected="a floating or integer dtype",
            got=f"{as_dtype(own).name} to {as_dtype(dtype).name}",
        )  # fmt: skip
    if own == dtype:
        return identity(image, name=name)
    convert = saturate_cast if saturate else cast
    with name_scope(name, "convert_image", [image]) as scope:
        if own.kind == "f" and dtype.kind == "f":
            return cast(image, dtype, name=scope)
        if own.kind == "f":
            return convert(multiply(image, np.array(np.iinfo(dtype).max + 0.5, own)), dtype, name=scope)
        most = int(np.iinfo(own).max)
        if dtype.kind == "f":
            return multiply(cast(image, dtype), np.array(1.0 / most, dtype), name=scope)
        others = int(np.iinfo(dtype).max)
        if most > others:
            return convert(floordiv(image, np.array((most + 1) // (others + 1), own)), dtype, name=scope)
        return multiply(convert(image, dtype), np.array((others + 1) // (most + 1), dtype), name=scope)


def _as_float(images):
    """float16 and float32 as they are, anything else as float32 in [0, 1]."""
    return images if images.spec.dtype in _FLOATS else convert_image_dtype(images, np.float32)


def _number_like(x, value, name):
    """A number or scalar tensor as a tensor of the dtype of `x`."""
    return cast(value, x.spec.dtype) if contains_tensor(value) else as_tensor(value, x.spec.dtype, name)


def _check_rank(images, least):
    shape = images.spec.shape
    if shape is not None and len(shape) < least:
        raise ShapeError("The image has the wrong rank.", expected=f"rank >= {least}", got=show_shape(shape))
    if shape is not None and 0 in shape[-3:]:
        raise ShapeError("The image has no pixels.", expected="sizes > 0", got=show_shape(shape))


def adjust_brightness(image, delta):
    """`image` with `delta` added to all colours, of a range of [0, 1]."""
    with name_scope(None, "adjust_brightness", [image]):
        image = as_tensor(image, name="image")
        colours = _as_float(image)
        return convert_image_dtype(colours + _number_like(colours, delta, "delta"), image.spec.dtype, saturate=True)


def adjust_contrast(images, contrast_factor):
    """`images` `[..., h, w, c]` with the distances to the mean of each channel multiplied by `contrast_factor`.

    Raises ShapeError for a rank below 3.
    """
    with name_scope(None, "adjust_contrast", [images]):
        images = as_tensor(images, name="images")
        _check_rank(images, 3)
        colours = _as_float(images)
        factor = _number_like(colours, contrast_factor, "contrast_factor")
        mean = reduce_mean(colours, axis=(-3, -2), keepdims=True)
        return convert_image_dtype((colours - mean) * factor + mean, images.spec.dtype, saturate=True)


def adjust_gamma(image, gamma=1, gain=1):
    """`gain * image ** gamma`. Raises InvalidArgumentError for a negative gamma."""
    with name_scope(None, "adjust_gamma", [image]):
        image, needs = as_tensor(image, name="image"), Needs()
        colours = _as_float(image)
        needs.that(gamma >= 0, "gamma must be >= 0.", ">= 0", gamma=gamma)
        gamma, gain = (_number_like(colours, x, name) for x, name in ((gamma, "gamma"), (gain, "gain")))
        return convert_image_dtype(gain * pow(needs.then(colours), gamma), image.spec.dtype, saturate=True)


def adjust_hue(image, delta, name=None):
    """`image` `[..., 3]` with its colours turned by `delta` of a whole turn; the darkest and brightest channel stay.

    Raises ShapeError without three channels or for a rank below 3.
    """
    with name_scope(name, "adjust_hue", [image]):
        image = as_tensor(image, name="image")
        _check_colours(image.spec.shape)
        _check_rank(image, 3)
        colours = _as_float(image)
        hue = mod(rgb_to_hsv(colours)[..., 0:1] + _number_like(colours, delta, "delta"), 1.0)
        pure = hsv_to_rgb(concat(hue, ones_like(hue), ones_like(hue), axis=-1))
        low, high = reduce_min(colours, axis=-1, keepdims=True), reduce_max(colours, axis=-1, keepdims=True)
        return convert_image_dtype(low + (high - low) * pure, image.spec.dtype)


def adjust_saturation(image, saturation_factor, name=None):
    """`image` `[..., 3]` with its saturation multiplied by `saturation_factor` and cut to [0, 1].

    Raises ShapeError without three channels or for a rank below 3.
    """
    with name_scope(name, "adjust_saturation", [image]):
        image = as_tensor(image, name="image")
        _check_colours(image.spec.shape)
        _check_rank(image, 3)
        colours = _as_float(image)
        hsv = rgb_to_hsv(colours)
        factor = _number_like(colours, saturation_factor, "saturation_factor")
        one = colours.dtype.as_numpy_dtype(1)
        saturation = clip_by_value(hsv[..., 1:2] * factor, one - one, one)
        changed = hsv_to_rgb(concat(hsv[..., 0:1], saturation, hsv[..., 2:3], axis=-1))
        return convert_image_dtype(changed, image.spec.dtype)


def per_image_standardization(image):
    """float32 images `[..., h, w, c]` of mean 0 and deviation 1 each.

    What is divided by is at least 1 / sqrt(h w c), so a picture of one colour gives zeros.
    Raises ShapeError for a rank below 3.
    """
    with name_scope(None, "per_image_standardization", [image]):
        image = as_tensor(image, name="image")
        _check_rank(image, 3)
        image = cast(image, np.float32)
        mean, variance = moments(image, axes=(-3, -2, -1), keepdims=True)
        pixel = reduce_sum(ones_like(image), axis=(-3, -2, -1), keepdims=True)
        return (image - mean) / sqrt(maximum(variance, 1.0 / pixel))


def rgb_to_grayscale(images, name=None):
    """Coloured `[..., 3]` as grey `[..., 1]` of the same dtype. Raises ShapeError without three channels."""
    with name_scope(name, "rgb_to_grayscale", [images]):
        images = as_tensor(images, name="images")
        _check_colours(images.spec.shape, "The picture")
        colours = convert_image_dtype(images, np.float32)
        grey = reduce_sum(colours * np.array(_GREY, np.float32), axis=-1, keepdims=True)
        return convert_image_dtype(grey, images.spec.dtype)


def grayscale_to_rgb(images, name=None):
    """Grey `[..., 1]` as `[..., 3]`. Raises ShapeError if there is not one channel."""
    with name_scope(name, "grayscale_to_rgb", [images]):
        images = as_tensor(images, name="images")
        shape = images.spec.shape
        if not shape or shape[-1] not in (1, None):
            raise ShapeError("A grey image has one channel.", expected="[..., 1]", got=show_shape(shape))
        return tile(images, np.array([1] * (len(shape) - 1) + [3], np.int32))


# ---- how alike pictures are


def _compared(a, b, max_val):
    """Both as float32 in [0, 1], and the range of colours likewise."""
    a, b = as_tensor(a, name="a"), as_tensor(b, name="b")
    for x in (a, b):
        _check_rank(x, 3)
    shapes = a.spec.shape, b.spec.shape
    if not compatible(*(shape and shape[-3:] for shape in shapes)):
        raise ShapeError("The images have different sizes.", expected=show_shape(shapes[0]), got=show_shape(shapes[1]))
    most = convert_image_dtype(_number_like(a, max_val, "max_val"), np.float32)
    return convert_image_dtype(a, np.float32), convert_image_dtype(b, np.float32), most


def psnr(a, b, max_val, name=None):
    """The peak signal-to-noise ratio of images `[..., h, w, c]` in decibels: `[...]`, infinite for equal ones.

    max_val: the range of the colours, 255 for bytes. Raises ShapeError for different sizes.
    """
    with name_scope(name, "PSNR", [a, b]):
        a, b, most = _compared(a, b, max_val)
        error = reduce_mean(squared_difference(a, b), axis=(-3, -2, -1))
        return (20.0 * log(most) - 10.0 * log(error)) / math.log(10.0)


def ssim(img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """The structural similarity of images `[n, h, w, c]`, 1 for equal ones: `[n]`.

    Means and variances are weighed by a bell of `filter_size` pixels and deviation `filter_sigma`; max_val is the range
    of the colours. Wang and others, Image quality assessment: from error visibility to structural similarity, 2004.
    Raises ShapeError for different sizes, a rank other than 4, or images smaller than the bell.
    """
    with name_scope(None, "SSIM", [img1, img2]):
        a, b, most = _compared(img1, img2, max_val)
        single = a.spec.shape is not None and len(a.spec.shape) == 3
        if single:
            a, b = expand_dims(a, axis=0), expand_dims(b, axis=0)
        shape = a.spec.shape
        if shape is None or len(shape) != 4 or shape[-1] is None:
            raise ShapeError("The images have the wrong rank.", expected="[n, h, w, c]", got=show_shape(shape))
        if any(size is not None and size < filter_size for size in shape[1:3]):
            raise ShapeError("The images are smaller than the filter.", expected=filter_size, got=show_shape(shape))
        distances = (np.arange(filter_size) - (filter_size - 1) / 2) ** 2
        bell = np.exp(-0.5 * distances / filter_sigma**2)
        window = np.outer(bell, bell) / bell.sum() ** 2
        window = np.repeat(window[:, :, None, None], shape[-1], axis=2).astype(np.float32)

        def local(x):
            return depthwise_conv2d_native(x, window, strides=(1, 1, 1, 1), padding="VALID")

        c1, c2 = (most * k1) ** 2, (most * k2) ** 2
        mean_a, mean_b = local(a), local(b)
        both, each = 2.0 * mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
        luminance = (both + c1) / (each + c1)
        structure = (2.0 * local(a * b) - both + c2) / (local(a * a + b * b) - each + c2)
        found = reduce_mean(luminance * structure, axis=(-3, -2, -1))
        return found[0] if single else found
