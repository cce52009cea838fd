"""Boxes in pictures: cut out and resized, drawn, the best of overlapping ones, a random one.

A box is (top, left, bottom, right), its edges in shares of the picture's height and width.

before: image_color.py   next: image_random.py
"""

import heapq
import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, constant_value
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.op import op
from npslim.ops.checks import assert_positive
from npslim.ops.create import range_
from npslim.ops.elementwise import maximum
from npslim.ops.functions import ceil, floor
from npslim.ops.image_resize import as_pair
from npslim.ops.indexing import gather_nd
from npslim.ops.join import stack
from npslim.ops.logic import cast, logical_and, where_v2
from npslim.ops.shape import expand_dims, identity, ones_like
from npslim.ops.shape import shape as shape_of
from npslim.scopes import name_scope
from npslim.spec import Spec, show_shape

_INT, _FLOAT = np.dtype(np.int32), np.dtype(np.float32)
_PALETTE = (  # TensorFlow's: yellow, blue, red, lime, purple, olive, maroon, navy, aqua, fuchsia
    (1, 1, 0, 1), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1), (0.5, 0, 0.5, 1), (0.5, 0.5, 0, 1), (0.5, 0, 0, 1),
    (0, 0, 0.5, 1), (0, 1, 1, 1), (1, 0, 1, 1),
)  # fmt: skip


def _check_rank(spec, rank, what, expected):
    if spec.shape is not None and len(spec.shape) != rank:
        raise ShapeError(f"{what} have the wrong rank.", expected=expected, got=show_shape(spec.shape))


def _check_boxes(spec, rank, what="The boxes"):
    expected = "[n, boxes, 4]" if rank == 3 else "[boxes, 4]"
    _check_rank(spec, rank, what, expected)
    if spec.shape is not None and spec.shape[-1] not in (4, None):
        raise ShapeError(f"{what} do not have four edges.", expected=expected, got=show_shape(spec.shape))


# ---- cut out and resized


def crop_and_resize(
    image, boxes, box_ind=None, crop_size=None, method="bilinear", extrapolation_value=0, name=None, box_indices=None
):
    """Parts of `image` `[n, h, w, c]`, each resized to `crop_size` (height, width): float32 `[boxes, *crop_size, c]`.

    boxes: float32 `[boxes, 4]`; one that is upside down gives a part upside down. box_ind (or box_indices): `[boxes]`,
    which of the n images. method: "bilinear" or "nearest". What lies outside of the image is extrapolation_value.
    There are gradients by image and boxes, of any order. Raises InvalidArgumentError for another method or a number of
    an image that there is not, ShapeError for other ranks.
    """
    if method not in ("bilinear", "nearest"):
        raise InvalidArgumentError("There is no such method.", expected="bilinear or nearest", got=repr(method))
    with name_scope(name, "CropAndResize", [image, boxes]):
        numbers = box_indices if box_ind is None else box_ind
        if numbers is None or crop_size is None:
            raise ArgumentTypeError("The box_ind and the crop_size are needed.", expected="both", got="None")
        image = cast(as_tensor(image, name="image"), _FLOAT)
        boxes, numbers = as_tensor(boxes, _FLOAT, "boxes"), as_tensor(numbers, name="box_ind")
        _check_rank(image.spec, 4, "The images", "[n, h, w, c]")
        _check_boxes(boxes.spec, 2)
        _check_rank(numbers.spec, 1, "The numbers of images", "[boxes]")
        pairs = [spec.shape[0] for spec in (boxes.spec, numbers.spec) if spec.shape is not None]
        if len(set(pairs) - {None}) > 1:
            raise ShapeError("There must be a number of an image for each box.", expected=pairs[0], got=pairs[1])
        if numbers.spec.dtype.kind not in "iu":
            raise DTypeError("The numbers of images are no integers.", expected="int32", got=str(numbers.spec))
        numbers = cast(numbers, _INT)
        size, sizes = as_pair(crop_size, "crop_size"), shape_of(image)[1:3]
        with control_dependencies([assert_positive(size, message="The crop_size has no pixels.")]):
            size = identity(size) if constant_value(size) is None else size
        most = cast(sizes - 1, _FLOAT)
        rows, columns = (_positions(boxes[:, i], boxes[:, i + 2], size[i], most[i]) for i in (0, 1))
        rows, columns = expand_dims(rows, axis=2), expand_dims(columns, axis=1)
        row_inside, column_inside = (
            logical_and(place >= 0, place <= limit) for place, limit in ((rows, most[0]), (columns, most[1]))
        )  # false for NaN, too
        rows, columns = where_v2(row_inside, rows, 0.0), where_v2(column_inside, columns, 0.0)

        def pixels(row, column):
            """The pixels at whole places, `[boxes, height, width, c]`."""
            row, column = cast(row, _INT), cast(column, _INT)
            row, column = row + 0 * column, column + 0 * row
            return gather_nd(image, stack(numbers[:, None, None] + 0 * row, row, column, axis=3))

        if method == "nearest":
            found = pixels(floor(rows + 0.5), floor(columns + 0.5))
        else:
            top, left = floor(rows), floor(columns)
            bottom, right = ceil(rows), ceil(columns)
            down, across = expand_dims(rows - top, axis=3), expand_dims(columns - left, axis=3)
            upper, lower = (
                first + (second - first) * across
                for first, second in ((pixels(row, left), pixels(row, right)) for row in (top, bottom))
            )
            found = upper + (lower - upper) * down
        outside = float(extrapolation_value) * ones_like(found)
        found = where_v2(expand_dims(logical_and(row_inside, column_inside), axis=3), found, outside)
        known = constant_value(size)
        height, width = (None, None) if known is None else (int(s) for s in known)
        found.set_shape(
            [next((n for n in pairs if n is not None), None), height, width, (image.spec.shape or [None])[-1]]
        )
        return found


def _positions(first, last, count, most):
    """`[boxes, count]`: places from `first` to `last`, in shares of `most`; a single one is in the middle."""
    known = constant_value(count)
    between = cast(maximum(count - 1, 1), _FLOAT)
    if known is None:
        single = cast(count <= 1, _FLOAT)
        start = first + 0.5 * single * (last - first)
    else:
        start = 0.5 * (first + last) if known == 1 else first
    steps = cast(range_(count), _FLOAT)
    return (start * most)[:, None] + steps * ((last - first) * most / between)[:, None]


# ---- drawn


def _edges(box, height, width):
    """The box in pixels, cut down to whole numbers, or None if nothing of it is seen."""
    top, bottom = (int(np.float32(edge) * np.float32(height - 1)) for edge in (box[0], box[2]))
    left, right = (int(np.float32(edge) * np.float32(width - 1)) for edge in (box[1], box[3]))
    seen = top <= bottom and left <= right and top < height and bottom >= 0 and left < width and right >= 0
    return (top, left, bottom, right) if seen else None


def _by_pixel(images, boxes, colors):
    images = images.copy()
    for n, y, x in np.ndindex(*images.shape[:3]):
        for b, box in enumerate(boxes[n]):
            edges = _edges(box, *images.shape[1:3])
            if edges and edges[0] <= y <= edges[2] and edges[1] <= x <= edges[3]:
                if y in (edges[0], edges[2]) or x in (edges[1], edges[3]):
                    images[n, y, x] = colors[b % len(colors), : images.shape[3]]
    return images


@op(
    type="DrawBoundingBoxesV2", node_name="DrawBoundingBoxesV2", host=("boxes", "colors"), differentiable=False,
    reference=_by_pixel,
)  # fmt: skip
def draw_boxes(images, boxes, colors):
    """`images` with the outlines of `boxes` in `colors`, one after the other."""
    xp, canvas = array_module(images), images.copy()
    _, height, width, channels = images.shape
    table = xp.asarray(np.asarray(colors[:, :channels], images.dtype))
    for picture, its in zip(canvas, boxes, strict=True):
        for i, box in enumerate(its):
            edges = _edges(box, height, width)
            if edges is None:
                continue
            top, left, bottom, right = edges
            rows, columns = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
            color = table[i % len(colors)]
            for row in {top, bottom}:
                if 0 <= row < height:
                    picture[row, columns] = color
            for column in {left, right}:
                if 0 <= column < width:
                    picture[rows, column] = color
    return canvas


@draw_boxes.shape
def _(images, boxes, colors):
    _check_rank(images, 4, "The images", "[n, h, w, c]")
    _check_boxes(boxes, 3)
    _check_rank(colors, 2, "The colors", "[colors, c]")
    if images.dtype.kind != "f":
        raise DTypeError("Boxes are drawn on floating images.", expected="float32 or float16", got=str(images))
    c = None if images.shape is None else images.shape[-1]
    if c is not None and c not in (1, 3, 4):
        raise ShapeError(
            "Boxes are drawn on grey or coloured images.", expected="[n, h, w, 1, 3 or 4]", got=str(images)
        )
    if colors.shape is not None and (
        colors.shape[0] == 0 or (c and colors.shape[1] is not None and colors.shape[1] < c)
    ):
        raise ShapeError("A color needs each channel.", expected=f"[>= 1, >= {c}]", got=show_shape(colors.shape))
    first = (images.shape or (None,))[0], (boxes.shape or (None,))[0]
    if None not in first and first[0] != first[1]:
        raise ShapeError("There must be boxes for each image.", expected=first[0], got=first[1])
    return Spec(images.shape, images.dtype)


def _some_boxes(rng):
    low = rng.uniform(-0.2, 0.7, (2, 5, 2))
    return np.concatenate([low, low + rng.uniform(0, 0.6, (2, 5, 2))], axis=2)


draw_boxes.cases(
    lambda rng: (rng.uniform(size=(2, 9, 11, 3)), _some_boxes(rng), rng.uniform(size=(3, 3))),
    lambda rng: (rng.uniform(size=(2, 9, 11, 1)), _some_boxes(rng)[..., [2, 1, 0, 3]], rng.uniform(size=(2, 4))),
    lambda rng: (rng.uniform(size=(2, 5, 5, 4)), np.zeros((2, 0, 4)), rng.uniform(size=(2, 4))),
    gradient=False,
)
draw_boxes.rejects("wrong rank", lambda rng: (np.zeros((4, 4, 3)), np.zeros((1, 1, 4)), np.zeros((1, 3))))
draw_boxes.rejects("four edges", lambda rng: (np.zeros((1, 4, 4, 3)), np.zeros((1, 1, 3)), np.zeros((1, 3))))
draw_boxes.rejects("each channel", lambda rng: (np.zeros((1, 4, 4, 3)), np.zeros((1, 1, 4)), np.zeros((1, 2))))
draw_boxes.rejects("each image", lambda rng: (np.zeros((1, 4, 4, 3)), np.zeros((2, 1, 4)), np.zeros((1, 3))))
draw_boxes.rejects("grey or", lambda rng: (np.zeros((1, 4, 4, 2)), np.zeros((1, 1, 4)), np.zeros((1, 3))))


def draw_bounding_boxes(images, boxes, name=None, colors=None):
    """`images` `[n, h, w, c]` (c: 1, 3 or 4) with the outlines of `boxes` `[n, boxes, 4]` on top.

    colors: `[colors, c]`, taken in turns; ten of TensorFlow's without. Boxes outside, or with exchanged edges, are not
    drawn. There is no gradient. Raises ShapeError for other shapes, DTypeError for integers.
    """
    images = as_tensor(images, name="images")
    palette = np.array(_PALETTE, images.spec.dtype)
    if images.spec.shape is not None and images.spec.shape[-1] == 1:
        palette[:, 0] = 1
    boxes = as_tensor(boxes, images.spec.dtype if not hasattr(boxes, "spec") else None, "boxes")
    boxes = cast(boxes, images.spec.dtype)
    return draw_boxes(images, boxes, palette if colors is None else cast(colors, images.spec.dtype), name=name)


# ---- the best of overlapping ones


def _overlaps(box, others):
    """The area that `box` shares with each of `others`, in shares of the area that the two cover; no area gives 0."""
    top, left = np.maximum(box[0], others[:, 0]), np.maximum(box[1], others[:, 1])
    bottom, right = np.minimum(box[2], others[:, 2]), np.minimum(box[3], others[:, 3])
    shared = np.maximum(bottom - top, 0) * np.maximum(right - left, 0)
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    known = (area > 0) & (areas > 0)
    return np.where(known, shared / np.where(known, area + areas - shared, 1), 0)


def _one_by_one(boxes, scores, most, iou_threshold, score_threshold, soft_nms_sigma):
    """Take the best box again and again, each time weakening what overlaps it."""

    def shared(a, b):
        (top, left, bottom, right), (top2, left2, bottom2, right2) = (
            (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])) for c in (a, b)
        )
        areas = (bottom - top) * (right - left), (bottom2 - top2) * (right2 - left2)
        both = max(0, min(bottom, bottom2) - max(top, top2)) * max(0, min(right, right2) - max(left, left2))
        return both / (sum(areas) - both) if min(areas) > 0 else 0.0

    left, taken = {i: float(s) for i, s in enumerate(scores) if s > score_threshold}, {}
    while left and len(taken) < most:
        best = max(left, key=lambda i: (left[i], -i))
        taken[best] = left.pop(best)
        for i in list(left):
            overlap = shared(boxes[best], boxes[i])
            left[i] *= math.exp(-(overlap**2) / (2 * soft_nms_sigma)) if soft_nms_sigma else 1.0
            if left[i] <= score_threshold or (overlap > iou_threshold and not soft_nms_sigma):
                del left[i]
    return np.array(list(taken), np.int32), np.array(list(taken.values()), scores.dtype)


@op(
    type="NonMaxSuppressionV5", node_name="NonMaxSuppressionV5", dynamic=True, differentiable=False, alike=(),
    host=("boxes", "scores", "max_output_size", "iou_threshold", "score_threshold", "soft_nms_sigma"),
    reference=_one_by_one,
)  # fmt: skip
def suppress_overlaps(boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma):
    """(numbers, scores) of the best boxes, each of which overlaps no better one by more than `iou_threshold`.

    The best candidate is compared with what was taken since it was last looked at. If that lowers its score, it waits
    until it is the best again.
    """
    xp, limit, sigma = array_module(), float(iou_threshold), float(soft_nms_sigma)
    if not 0 <= limit <= 1:
        raise InvalidArgumentError("The iou_threshold is no share.", expected="in [0, 1]", got=limit)
    if sigma < 0:
        raise InvalidArgumentError("The soft_nms_sigma is negative.", expected=">= 0", got=sigma)
    if max_output_size < 0:
        raise InvalidArgumentError("The max_output_size is negative.", expected=">= 0", got=int(max_output_size))
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    boxes = np.concatenate([low, high], axis=1)
    queue = [(-float(score), i, 0) for i, score in enumerate(scores) if score > score_threshold]
    heapq.heapify(queue)
    taken, kept = [], []
    while queue and len(taken) < max_output_size:
        negative, i, since = heapq.heappop(queue)
        overlaps = _overlaps(boxes[i], boxes[taken[since:]])
        score = -negative
        if sigma:
            score *= float(np.prod(np.exp(-(overlaps**2) / (2 * sigma))))
        elif (overlaps > limit).any():
            continue
        if score == -negative:
            taken.append(i)
            kept.append(score)
        elif score > score_threshold:
            heapq.heappush(queue, (-score, i, len(taken)))
    return xp.asarray(np.array(taken, np.int32)), xp.asarray(np.array(kept, scores.dtype))


@suppress_overlaps.shape
def _(boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma):
    _check_boxes(boxes, 2)
    _check_rank(scores, 1, "The scores", "[boxes]")
    first = (boxes.shape or (None,))[0], (scores.shape or (None,))[0]
    if None not in first and first[0] != first[1]:
        raise ShapeError("There must be a score for each box.", expected=first[0], got=first[1])
    for x in (max_output_size, iou_threshold, score_threshold, soft_nms_sigma):
        _check_rank(x, 0, "The limits", "[]")
    return Spec((None,), _INT), Spec((None,), scores.dtype)


def _candidates(rng):
    low = rng.uniform(0, 0.6, (40, 2))
    return np.concatenate([low, low + rng.uniform(0.1, 0.4, (40, 2))], axis=1), rng.uniform(size=40)


for _limit, _least, _sigma in ((0.3, -np.inf, 0.0), (0.5, 0.2, 0.0), (0.6, 0.1, 0.3), (1.0, 0.3, 0.8)):
    suppress_overlaps.cases(
        lambda rng, a=_limit, b=_least, c=_sigma: (
            *_candidates(rng), np.array(15, np.int32), np.array(a), np.array(b), np.array(c)
        ), gradient=False,
    )  # fmt: skip
suppress_overlaps.cases(
    lambda rng: (np.zeros((0, 4)), np.zeros(0), np.array(3, np.int32), *(np.array(x) for x in (0.5, 0.0, 0.0))),
    gradient=False,
)
suppress_overlaps.rejects(
    "each box",
    lambda rng: (np.zeros((3, 4)), np.zeros(2), np.array(3, np.int32), *(np.array(x) for x in (0.5, 0.0, 0.0))),
)


def non_max_suppression(boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf"), name=None):
    """The numbers, int32 `[m]`, of at most `max_output_size` boxes, the best first.

    boxes: `[boxes, 4]`, any two opposite corners. Left out are boxes that overlap a better one by more than
    `iou_threshold` (the shared area by the area covered), and scores that are not above `score_threshold`. Of equal
    scores the first is the better. There is no gradient.
    Raises InvalidArgumentError for an iou_threshold outside of [0, 1], ShapeError for other shapes.
    """
    return non_max_suppression_with_scores(boxes, scores, max_output_size, iou_threshold, score_threshold, name=name)[0]


def non_max_suppression_with_scores(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf"), soft_nms_sigma=0.0, name=None
):
    """As `non_max_suppression`, (numbers, scores). soft_nms_sigma: above 0, overlaps lower a score instead.

    Bodla and others, Soft-NMS: improving object detection with one line of code, 2017.
    """
    with name_scope(name, "non_max_suppression_with_scores"):
        boxes, scores = as_tensor(boxes, name="boxes"), as_tensor(scores, name="scores")
        limits = [
            as_tensor(x, None if hasattr(x, "spec") else scores.spec.dtype, what)
            for x, what in (
                (iou_threshold, "iou_threshold"), (score_threshold, "score_threshold"),
                (soft_nms_sigma, "soft_nms_sigma"),
            )
        ]  # fmt: skip
        return suppress_overlaps(boxes, scores, as_tensor(max_output_size, _INT, "max_output_size"), *limits)
