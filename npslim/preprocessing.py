"""What a picture goes through before a net: the four ways of TF-Slim's model library, for training and for evaluation.

    preprocess = preprocessing.get_preprocessing("vgg_16", is_training=False)
    image = preprocess(image, 224, 224)          # [h, w, 3] uint8 to [224, 224, 3] float32

Source: the preprocessing folder of TensorFlow's models/research/slim (2016).

before: image.py   next: nets/factory.py
"""

import functools
import re
from typing import Any

from npslim import image as images
from npslim.convert import as_tensor
from npslim.dtypes import float32, int32
from npslim.errors import InvalidArgumentError, NotFoundError, nearest
from npslim.ops.cond import case
from npslim.ops.elementwise import maximum, minimum
from npslim.ops.functions import rint
from npslim.ops.logic import cast, equal
from npslim.ops.random import random_uniform
from npslim.ops.shape import expand_dims, shape, squeeze
from npslim.ops.slicing import slice_

VGG_MEANS = (123.68, 116.78, 103.94)  # of the red, green and blue of ImageNet's pictures
RESIZE_SIDES = (256, 512)  # of VGG's training


# ---- LeNet and CIFAR-10


def lenet(image, height, width, is_training=False):
    """`image` `[h, w, c]` with colours from 0 to 255, cut or padded to `[height, width, c]`, from -1 to 1."""
    return (images.resize_image_with_crop_or_pad(cast(image, float32), height, width) - 128.0) / 128.0


def cifarnet(image, height, width, is_training=False, padding=4):
    """`image` `[h, w, 3]` cut or padded to `[height, width, 3]`, of mean 0 and variance 1.

    For training: padded by `padding`, a random part, mirrored at even odds, brighter or darker, of another contrast.
    """
    image = cast(image, float32)
    if not is_training:
        return images.per_image_standardization(images.resize_image_with_crop_or_pad(image, height, width))
    if padding:
        sizes = [n + 2 * padding for n in _sizes(image)]
        image = images.pad_to_bounding_box(image, padding, padding, *sizes)
    image = images.random_flip_left_right(images.random_crop(image, [height, width, 3]))
    image = images.random_contrast(images.random_brightness(image, 63.0), 0.2, 1.8)
    return images.per_image_standardization(image)


def _sizes(image):
    """Height and width: numbers where they are known, else tensors."""
    known, at_run_time = image.shape.as_list(), shape(image)
    return [at_run_time[i] if known[i] is None else known[i] for i in (0, 1)]


# ---- VGG


def vgg(image, height, width, is_training=False, resize_side_min=RESIZE_SIDES[0], resize_side_max=RESIZE_SIDES[1]):
    """`image` `[h, w, 3]` with its smaller side resized to resize_side_min, its middle cut out, less `VGG_MEANS`.

    For training: resized to a side in [resize_side_min, resize_side_max], a random part, mirrored at even odds.
    Colours from 0 to 255. Raises InvalidArgumentError if the resized picture is smaller than height and width.
    """
    image = as_tensor(image, name="image")
    if image.shape.ndims != 3 or image.shape.as_list()[2] not in (3, None):
        raise InvalidArgumentError("vgg: the picture must have 3 colours.", expected="[h, w, 3]", got=str(image.spec))
    side = resize_side_min
    if is_training:
        side = random_uniform([], resize_side_min, resize_side_max + 1, int32)
    image = _resized(image, side)
    if is_training:
        image = images.random_flip_left_right(images.random_crop(image, [height, width, 3]))
    else:
        top, left = ((n - size) // 2 for n, size in zip(_sizes(image), (height, width), strict=True))
        image = images.crop_to_bounding_box(image, top, left, height, width)
    image.set_shape([height, width, 3])
    return cast(image, float32) - as_tensor(VGG_MEANS, float32.dtype)


def _resized(image, side):
    """`image` with its smaller side made `side` pixels."""
    sizes = cast(shape(image)[:2], float32)
    new = cast(rint(sizes * (cast(as_tensor(side), float32) / minimum(sizes[0], sizes[1]))), int32)
    return squeeze(images.resize_bilinear(expand_dims(image, 0), new), axis=[0])


# ---- Inception


def inception(image, height, width, is_training=False, bbox=None, fast_mode=False, central_fraction=0.875):
    """`image` `[h, w, 3]`, uint8 or floating in [0, 1]: its middle, resized, colours from -1 to 1.

    For training: a random part that shows some of `bbox` `[1, boxes, 4]` (all of the picture unless given), resized by
    one of four methods, mirrored at even odds, its colours changed in one of four orders; fast_mode: bilinear, and two
    orders without the slow changes.
    """
    image = images.convert_image_dtype(image, float32)
    if not is_training:
        if central_fraction:
            image = images.central_crop(image, central_fraction)
        if height and width:
            image = squeeze(images.resize_bilinear(expand_dims(image, 0), [height, width]), axis=[0])
        return (image - 0.5) * 2.0
    box = [[[0.0, 0.0, 1.0, 1.0]]] if bbox is None else bbox
    begin, size, _ = images.sample_distorted_bounding_box(
        shape(image), box, min_object_covered=0.1, aspect_ratio_range=(0.75, 1.33), area_range=(0.05, 1.0),
        max_attempts=100, use_image_if_no_bounding_boxes=True,
    )  # fmt: skip
    part = slice_(image, begin, size)
    part.set_shape([None, None, 3])
    resizes = [functools.partial(images.resize_images, size=[height, width], method=i) for i in range(4)]
    image = _one_of(part, resizes[:1] if fast_mode else resizes)
    image.set_shape([height, width, 3])
    image = images.random_flip_left_right(image)
    orders = _FAST_ORDERS if fast_mode else _ORDERS
    image = _one_of(image, [functools.partial(_coloured, order=order) for order in orders])
    return (image - 0.5) * 2.0


_CHANGES = {
    "brightness": lambda image: images.random_brightness(image, 32.0 / 255.0),
    "saturation": lambda image: images.random_saturation(image, 0.5, 1.5),
    "hue": lambda image: images.random_hue(image, 0.2),
    "contrast": lambda image: images.random_contrast(image, 0.5, 1.5),
}
_FAST_ORDERS = (("brightness", "saturation"), ("saturation", "brightness"))
_ORDERS = (
    ("brightness", "saturation", "hue", "contrast"), ("saturation", "brightness", "contrast", "hue"),
    ("contrast", "hue", "brightness", "saturation"), ("hue", "saturation", "contrast", "brightness"),
)  # fmt: skip


def _coloured(image, order):
    for change in order:
        image = _CHANGES[change](image)
    return minimum(maximum(image, 0.0), 1.0)


def _one_of(x, functions) -> Any:
    """One of the functions of `x`, drawn at even odds."""
    if len(functions) == 1:
        return functions[0](x)
    drawn = random_uniform([], 0, len(functions), int32)
    branches = [(equal(drawn, i), functools.partial(f, x)) for i, f in enumerate(functions)]
    return case(branches[:-1], default=branches[-1][1])


# ---- which net has which


_WAYS = (
    (r"lenet", lenet), (r"cifarnet", cifarnet), (r"vgg(16|_.*)?|resnet_v[12]_.*|alexnet.*|overfeat", vgg),
    (r"inception.*|mobilenet.*", inception),
)  # fmt: skip
_NAMES = (
    "lenet", "cifarnet", "vgg", "vgg_16", "resnet_v1_50", "alexnet_v2", "overfeat", "inception_v3", "mobilenet_v1",
)  # fmt: skip


def get_preprocessing(name, is_training=False):
    """The function `f(image, output_height, output_width, **options)` for the net `name`.

    Raises NotFoundError, a KeyError, for another name.
    """
    for pattern, way in _WAYS:
        if re.fullmatch(pattern, name):
            return functools.partial(way, is_training=is_training)
    near = nearest(name, _NAMES, 2)
    raise NotFoundError(
        f"There is no preprocessing for {name}.", expected="the name of a net, such as " + ", ".join(_NAMES), got=name,
        hint=f"did you mean {' or '.join(near)}?" if near else None,
    )  # fmt: skip
