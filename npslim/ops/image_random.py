"""Pictures changed at random: mirrored, other colours, a part of them. What is drawn depends on the seeds alone.

before: image_boxes.py   next: ../image.py
"""

import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.op import op
from npslim.ops.checks import assert_greater_equal
from npslim.ops.image_color import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from npslim.ops.image_place import as_image, flip_left_right, flip_up_down
from npslim.ops.logic import cast, less, where_v2
from npslim.ops.quotients import mod
from npslim.ops.random import random_uniform
from npslim.ops.shape import identity, reshape
from npslim.ops.shape import shape as shape_of
from npslim.ops.slicing import slice_
from npslim.scopes import name_scope
from npslim.spec import Spec, show_shape

_INT, _FLOAT = np.dtype(np.int32), np.dtype(np.float32)


def _flipped(image, flip, seed, name):
    """Each picture as it is or flipped, at even odds."""
    with name_scope(None, name, [image]):
        image = as_image(image)
        batch = image.spec.rank == 4
        draws = random_uniform(shape_of(image)[:1] if batch else [], seed=seed)
        flips = reshape(less(draws, 0.5), [-1, 1, 1, 1] if batch else [])
        return where_v2(flips, flip(image), image)


def random_flip_left_right(image, seed=None):
    """`image` `[h, w, c]` or `[n, h, w, c]`, mirrored at even odds, each picture for itself."""
    return _flipped(image, flip_left_right, seed, "random_flip_left_right")


def random_flip_up_down(image, seed=None):
    """`image` `[h, w, c]` or `[n, h, w, c]`, upside down at even odds, each picture for itself."""
    return _flipped(image, flip_up_down, seed, "random_flip_up_down")


def random_brightness(image, max_delta, seed=None):
    """`adjust_brightness` by a number in [-max_delta, max_delta). Raises InvalidArgumentError for one below 0."""
    if max_delta < 0:
        raise InvalidArgumentError("max_delta must be non-negative.", expected=">= 0", got=max_delta)
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_hue(image, max_delta, seed=None):
    """`adjust_hue` by a number in [-max_delta, max_delta). InvalidArgumentError unless max_delta is in [0, 0.5]."""
    if not 0 <= max_delta <= 0.5:
        raise InvalidArgumentError("max_delta must be in [0, 0.5].", expected="half a turn at most", got=max_delta)
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


def _factor(lower, upper, seed):
    if upper <= lower:
        raise InvalidArgumentError("upper must be > lower.", expected=f"> {lower}", got=upper)
    if lower < 0:
        raise InvalidArgumentError("lower must be non-negative.", expected=">= 0", got=lower)
    return random_uniform([], lower, upper, seed=seed)


def random_contrast(image, lower, upper, seed=None):
    """`adjust_contrast` by a factor in [lower, upper). Raises InvalidArgumentError unless 0 <= lower < upper."""
    return adjust_contrast(image, _factor(lower, upper, seed))


def random_saturation(image, lower, upper, seed=None):
    """`adjust_saturation` by a factor in [lower, upper). Raises InvalidArgumentError unless 0 <= lower < upper."""
    return adjust_saturation(image, _factor(lower, upper, seed))


def random_crop(value, size, seed=None, name=None):
    """A part of `value` of the shape `size`, as many numbers as dimensions, from a random place; all places alike.

    Raises InvalidArgumentError where `value` is smaller.
    """
    with name_scope(name, "random_crop", [value]) as scope:
        value, size = as_tensor(value, name="value"), cast(as_tensor(size, name="size"), _INT)
        sizes = shape_of(value)
        fits = assert_greater_equal(sizes, size, message="random_crop needs value.shape >= size.")
        with control_dependencies([fits]):
            room = identity(sizes) - size + 1
        begin = mod(random_uniform(shape_of(sizes), 0, np.iinfo(np.int32).max, _INT, seed=seed), room)
        return slice_(value, begin, size, name=scope)


# ---- a random part that shows enough of a box


def _distorted(rng, height, width, boxes, covered, aspects, areas, attempts):
    """(top, left, height, width) of a part; all of the picture if no attempt is good."""
    for _ in range(attempts):
        part = _part(rng, height, width, rng.uniform(*aspects), [share * height * width for share in areas])
        if part is not None and _shows(part, boxes, covered):
            return part
    return 0, 0, height, width


def _part(rng, height, width, aspect, areas):
    """A part with this ratio of width to height and an area between the two, or None."""
    if aspect <= 0 or areas[1] <= 0 or areas[0] > areas[1]:
        return None
    low, high = (round(math.sqrt(area / aspect)) for area in areas)
    if round(high * aspect) > width:
        high = int((width + 0.5 - 1e-7) / aspect)
        high -= round(high * aspect) > width
    high = min(high, height)
    tall = int(rng.integers(low, high + 1)) if low < high else high
    for step in (1, -1):  # rounding may have left the area
        area = tall * round(tall * aspect)
        if (area < areas[0] and step == 1) or (area > areas[1] and step == -1):
            tall += step
    wide = round(tall * aspect)
    if not (0 < wide <= width and 0 < tall <= height and areas[0] <= tall * wide <= areas[1]):
        return None
    return int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1)), tall, wide


def _shows(part, boxes, covered):
    """Whether the part shows that share of any box, `[boxes, 4]` in pixels."""
    top, left, tall, wide = part
    for y, x, y2, x2 in boxes:
        area = (y2 - y) * (x2 - x)
        shared = max(0, min(y2, top + tall) - max(y, top)) * max(0, min(x2, left + wide) - max(x, left))
        if area > 0 and shared >= covered * area:
            return True
    return False


@op(
    type="SampleDistortedBoundingBoxV2", node_name="SampleDistortedBoundingBoxV2", random=True, differentiable=False,
    host=("image_size", "boxes", "covered"), alike=(),
)  # fmt: skip
def distorted_box(image_size, boxes, covered, *, aspects, areas, attempts, whole_if_none, seed=None, rng=None):
    """(begin `[3]`, size `[3]`, the part as a box `[1, 1, 4]`)."""
    xp, (height, width) = array_module(), (int(n) for n in image_size[:2])
    if height < 1 or width < 1:
        raise InvalidArgumentError("The image has no pixels.", expected="sizes >= 1", got=image_size.tolist())
    found = boxes.reshape(-1, 4).astype(np.float64)
    if not len(found):
        if not whole_if_none:
            raise InvalidArgumentError(
                "There are no bounding boxes.", expected="at least one, or use_image_if_no_bounding_boxes", got="none"
            )
        found = np.array([[0.0, 0.0, 1.0, 1.0]])
    if (found < 0).any() or (found > 1).any():
        raise InvalidArgumentError(
            "A box lies outside of the image.", expected="edges in [0, 1]", got=found.tolist()[:3]
        )
    pixels = np.trunc(found * [height, width, height, width])
    top, left, tall, wide = _distorted(rng, height, width, pixels, float(covered), aspects, areas, attempts)
    box = np.array([top / height, left / width, (top + tall) / height, (left + wide) / width], _FLOAT)
    begin, size = np.array([top, left, 0]), np.array([tall, wide, -1])
    return tuple(
        xp.asarray(x) for x in (begin.astype(image_size.dtype), size.astype(image_size.dtype), box[None, None])
    )


@distorted_box.shape
def _(image_size, boxes, covered, *, aspects, areas, attempts, whole_if_none):
    if image_size.shape not in ((3,), (None,), None):
        raise ShapeError("The image_size is [h, w, c].", expected="[3]", got=show_shape(image_size.shape))
    if boxes.shape is not None and (len(boxes.shape) != 3 or boxes.shape[2] not in (4, None)):
        raise ShapeError("The boxes have the wrong shape.", expected="[n, boxes, 4]", got=show_shape(boxes.shape))
    return Spec((3,), image_size.dtype), Spec((3,), image_size.dtype), Spec((1, 1, 4), _FLOAT)


@distorted_box.properties
def _(result, image_size, boxes, covered, **attrs):
    begin, size, box = result
    h, w = image_size[:2]
    assert (begin[:2] >= 0).all() and (begin[:2] + size[:2] <= image_size[:2]).all()  # noqa: S101
    edges = [begin[0] / h, begin[1] / w, (begin[0] + size[0]) / h, (begin[1] + size[1]) / w]
    np.testing.assert_allclose(box[0, 0], edges, rtol=1e-6)


for _covered in (0.1, 0.9):
    distorted_box.cases(
        lambda rng, share=_covered: (
            np.array([60, 80, 3], np.int32), np.array([[[0.1, 0.2, 0.5, 0.6], [0.6, 0.6, 0.9, 1.0]]]), np.array(share)
        ), aspects=(0.75, 1.33), areas=(0.05, 1.0), attempts=100, whole_if_none=False, gradient=False,
    )  # fmt: skip
distorted_box.rejects(
    "wrong shape", lambda rng: (np.array([6, 8, 3], np.int32), np.zeros((1, 4)), np.array(0.1)),
    aspects=(0.75, 1.33), areas=(0.05, 1.0), attempts=100, whole_if_none=False,
)  # fmt: skip


def sample_distorted_bounding_box(
    image_size,
    bounding_boxes,
    seed=None,
    seed2=None,
    min_object_covered=0.1,
    aspect_ratio_range=None,
    area_range=None,
    max_attempts=None,
    use_image_if_no_bounding_boxes=None,
    name=None,
):
    """A random part of an image for training: (begin `[3]`, size `[3]`, box float32 `[1, 1, 4]`).

    image_size: `[h, w, c]`; begin and size have its dtype and are for `slice`. bounding_boxes: `[n, boxes, 4]`.
    min_object_covered: the share of some box that must be seen. aspect_ratio_range (0.75, 1.33), area_range (0.05, 1)
    in shares of the image, max_attempts (100): what parts are drawn, and how often before all of the image is taken.
    use_image_if_no_bounding_boxes: take the whole image for a box where there is none.
    Raises InvalidArgumentError for boxes outside, none at all, or ranges that are none; ShapeError.
    Source: the Inception training pipeline (Szegedy et al., 2014), as TensorFlow's op of that name.
    """
    aspects = tuple(float(x) for x in (aspect_ratio_range or (0.75, 1.33)))
    areas = tuple(float(x) for x in (area_range or (0.05, 1.0)))
    attempts = 100 if max_attempts is None else max_attempts
    if len(aspects) != 2 or not 0 < aspects[0] <= aspects[1]:
        raise InvalidArgumentError("aspect_ratio_range is no range.", expected="0 < low <= high", got=aspects)
    if len(areas) != 2 or not 0 < areas[0] <= areas[1] <= 1:
        raise InvalidArgumentError("area_range is no range of shares.", expected="0 < low <= high <= 1", got=areas)
    if attempts < 1:
        raise InvalidArgumentError("max_attempts must be positive.", expected=">= 1", got=attempts)
    boxes = as_tensor(bounding_boxes, _FLOAT if not hasattr(bounding_boxes, "spec") else None, "bounding_boxes")
    return distorted_box(
        as_tensor(image_size, name="image_size"), boxes, as_tensor(min_object_covered, _FLOAT, "min_object_covered"),
        aspects=aspects, areas=areas, attempts=int(attempts), whole_if_none=bool(use_image_if_no_bounding_boxes),
        seed=seed if seed2 is None else (seed or 0) * 1000003 + seed2, name=name,
    )  # fmt: skip
