"""Write image.{json,npz} beside this file: what TensorFlow's `tf.image` computes from stored inputs.

    python tests/golden/make_image.py

Needs TensorFlow 2, and nothing of npslim. A case is a function by its name, its arguments and its input arrays; stored
are the result, or the class of the error, and for floating results the gradient by the first input for a stored
cotangent. Inputs are rounded to a few bits, so that they compress well.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
RNG = np.random.default_rng(20)
CASES = []


def case(op, *inputs, tag="", gradient=True, unknown=False, **args):
    """Note a case. unknown: the sizes of the inputs are not known while the graph is defined."""
    CASES.append({"op": op, "inputs": inputs, "args": args, "tag": tag, "gradient": gradient, "unknown": unknown})


def picture(*shape):
    """Colours in [0, 1], multiples of 1/64."""
    return (RNG.integers(0, 65, shape) / 64).astype(np.float32)


def pixels(*shape, dtype=np.uint8):
    return RNG.integers(0, min(np.iinfo(dtype).max, 1000) + 1, shape).astype(dtype)


def resizing():
    sizes = [
        ((4, 5), (7, 3)),
        ((5, 3), (10, 9)),
        ((9, 8), (3, 4)),
        ((6, 7), (1, 5)),
        ((1, 4), (3, 4)),
        ((13, 3), (5, 8)),
    ]
    for (old, new), method in itertools.product(sizes, ("bilinear", "nearest_neighbor", "bicubic")):
        for how in ({}, {"align_corners": True}, {"half_pixel_centers": True}):
            case(f"tf.image.resize_{method}", picture(2, *old, 2), size=new, **how)
    for (old, new), how in itertools.product(sizes, ({}, {"align_corners": True})):
        if how and 1 in old:
            continue  # TensorFlow gives 0 / 0
        case("tf.image.resize_area", picture(2, *old, 2), size=new, gradient=False, **how)
    for method in ("bilinear", "nearest_neighbor", "bicubic", "area"):
        case(f"tf.image.resize_{method}", pixels(1, 5, 4, 3), size=(3, 6), tag="uint8")
        case(f"tf.image.resize_{method}", picture(1, 5, 4, 3).astype(np.float64), size=(3, 6), tag="float64",
             gradient=False)  # fmt: skip
        case(f"tf.image.resize_{method}", picture(1, 5, 4, 3), size=(3, 0), tag="no size")
        case(f"tf.image.resize_{method}", picture(5, 4, 3), size=(3, 3), tag="rank")
        case(f"tf.image.resize_{method}", picture(1, 5, 4, 3), size=(3, 3, 3), tag="size of rank")
    case("tf.image.resize_bilinear", picture(1, 5, 4, 3), size=(3, 3), align_corners=True, half_pixel_centers=True)
    for method in range(4):
        case("tf.image.resize_images", picture(2, 5, 4, 3), size=(3, 6), method=method, gradient=method < 3)
        case("tf.image.resize_images", picture(5, 4, 3), size=(7, 7), method=method, gradient=method < 3, tag="one")
        case("tf.image.resize_images", pixels(5, 4, 3), size=(7, 7), method=method, tag="uint8")
        case("tf.image.resize_images", pixels(5, 4, 3), size=(5, 4), method=method, tag="same size")
        case("tf.image.resize_images", pixels(5, 4, 3), size=(5, 4), method=method, tag="same", unknown=True)
    for new, unknown in itertools.product([(3, 6), (20, 7), (10, 8), (11, 11)], (False, True)):
        case("tf.image.resize_images", picture(5, 4, 1), size=new, preserve_aspect_ratio=True, unknown=unknown)
    case("tf.image.resize_images", picture(5, 4), size=(3, 3), tag="rank")
    case("tf.image.resize_images", picture(5, 4, 1), size=(3, 3, 3), tag="size of rank")
    case("tf.image.resize_images", picture(5, 4, 1), size=(3, 3), method=7)


def placing():
    for unknown in (False, True):
        for image in (picture(6, 5, 2), picture(2, 6, 5, 2)):
            box = {"offset_height": 1, "offset_width": 2, "target_height": 3, "target_width": 3}
            case("tf.image.crop_to_bounding_box", image, **box, unknown=unknown)
            wrong = [{"offset_height": -1}, {"offset_width": 3}, {"target_height": 6}, {"target_width": 0}]
            for change in wrong:
                case("tf.image.crop_to_bounding_box", image, **{**box, **change}, unknown=unknown)
            box = {"offset_height": 1, "offset_width": 2, "target_height": 9, "target_width": 7}
            case("tf.image.pad_to_bounding_box", image, **box, unknown=unknown)
            wrong = [{"offset_height": -1}, {"offset_width": 3}, {"target_height": 6}, {"target_width": 0}]
            for change in wrong:
                case("tf.image.pad_to_bounding_box", image, **{**box, **change}, unknown=unknown)
            for fraction in (0.1, 0.33, 0.5, 0.875, 1.0, 0.0, 1.5):
                case("tf.image.central_crop", image, central_fraction=fraction, unknown=unknown)
            for height, width in ((6, 5), (3, 9), (9, 2), (11, 8), (1, 1), (0, 3), (3, -1)):
                case("tf.image.resize_image_with_crop_or_pad", image, target_height=height, target_width=width,
                     unknown=unknown)  # fmt: skip
                for method in (0, 1):
                    case("tf.image.resize_image_with_pad", image, target_height=height, target_width=width,
                         method=method, unknown=unknown)  # fmt: skip
            for turn in ("flip_left_right", "flip_up_down", "transpose_image", "rot90", "total_variation"):
                # of a rot90 of known sizes TensorFlow's gradient fails: it takes the branch not taken for wrong
                case(f"tf.image.{turn}", image, unknown=unknown, gradient=unknown or turn != "rot90")
                case(f"tf.image.{turn}", pixels(*image.shape), tag="uint8", unknown=unknown)
            for k in (-1, 0, 2, 3, 4, 7):
                case("tf.image.rot90", image, k=k, unknown=unknown, gradient=unknown)
    for k in range(-1, 5):
        case("tf.image.rot90", picture(3, 5, 1), np.array(k, np.int32), tag="tensor", gradient=False)
    for turn in ("flip_left_right", "flip_up_down", "transpose_image", "rot90", "total_variation"):
        case(f"tf.image.{turn}", picture(6, 5), tag="rank")
    case("tf.image.central_crop", picture(6, 5), central_fraction=0.5, tag="rank")
    case("tf.image.central_crop", picture(6, 5, 1), np.array(0.4), tag="tensor")
    case("tf.image.central_crop", picture(6, 5, 1), np.array(1.4), tag="tensor")
    case("tf.image.crop_to_bounding_box", picture(0, 5, 1), offset_height=0, offset_width=0, target_height=0,
         target_width=1)  # fmt: skip


def colours(*shape):
    """Colours of which no two channels of a pixel are equal, and none is 0: no kinks."""
    return (RNG.permuted(RNG.integers(0, 12, (*shape, 3)) * 5 + [1, 2, 3], axis=-1) / 64).astype(np.float32)


def colouring():
    grey = np.stack([pixels(3, 4)] * 3, axis=-1)
    dtypes = (np.uint8, np.int16, np.uint16, np.int32, np.int64)
    wide = np.array([[[-0.5], [0.25], [1.75]]], np.float32)
    for image in (colours(4, 5), colours(2, 4, 5)):
        case("tf.image.rgb_to_hsv", image, gradient=False)
        case("tf.image.hsv_to_rgb", picture(*image.shape))
        for delta in (0.25, -0.4):
            case("tf.image.adjust_brightness", image, delta=delta)
            case("tf.image.adjust_hue", image, delta=delta)
        for factor in (0.0, 0.5, 1.75):
            case("tf.image.adjust_contrast", image, contrast_factor=factor)
            case("tf.image.adjust_saturation", image, saturation_factor=factor)
            case("tf.image.adjust_gamma", image, gamma=factor, gain=1.5)
        case("tf.image.per_image_standardization", image)
        case("tf.image.rgb_to_grayscale", image)
        case("tf.image.grayscale_to_rgb", image[..., :1])
    case("tf.image.rgb_to_hsv", (grey / 255).astype(np.float32), tag="grey", gradient=False)
    case("tf.image.rgb_to_hsv", picture(3, 4, 3) - np.float32(0.5), tag="negative", gradient=False)
    case("tf.image.adjust_hue", picture(3, 4, 3) - np.float32(0.5), delta=0.3, tag="negative", gradient=False)
    case("tf.image.adjust_saturation", picture(3, 4, 3) - np.float32(0.5), saturation_factor=0.3, tag="negative",
         gradient=False)  # fmt: skip
    for image, tag in ((grey, "grey"), (pixels(5, 4, 3), "uint8"), (pixels(5, 4, 3, dtype=np.uint16), "uint16"),
                       (picture(5, 4, 3).astype(np.float64), "float64"),
                       (picture(5, 4, 3).astype(np.float16), "float16")):  # fmt: skip
        args = {"tag": tag, "gradient": False}
        case("tf.image.adjust_brightness", image, delta=0.3, **args)
        if tag != "float16":  # TensorFlow has no kernels
            case("tf.image.adjust_contrast", image, contrast_factor=1.6, **args)
            case("tf.image.adjust_hue", image, delta=0.3, **args)
            case("tf.image.adjust_saturation", image, saturation_factor=0.6, **args)
        case("tf.image.adjust_gamma", image, gamma=2.0, **args)
        case("tf.image.per_image_standardization", image, **args)
        case("tf.image.rgb_to_grayscale", image, **args)
        if tag != "uint16":  # nor here
            case("tf.image.grayscale_to_rgb", image[..., :1], **args)
    case("tf.image.per_image_standardization", np.full((3, 4, 2), 0.5, np.float32), tag="one colour", gradient=False)
    case("tf.image.per_image_standardization", np.full((3, 4, 2), 7, np.uint8), tag="one colour")
    for dtype in dtypes:
        for other in (*dtypes, np.float32):
            for saturate in (False, True):
                case("tf.image.convert_image_dtype", pixels(1, 4, 1, dtype=dtype), dtype=f"tf.{np.dtype(other)}",
                     saturate=saturate, tag=np.dtype(dtype).name)  # fmt: skip
        if np.dtype(dtype).itemsize < 4:  # the others overflow at 1.0
            case("tf.image.convert_image_dtype", picture(1, 7, 1), dtype=f"tf.{np.dtype(dtype)}")
        if dtype != np.int64:  # the same, even saturated
            case("tf.image.convert_image_dtype", wide, dtype=f"tf.{np.dtype(dtype)}", saturate=True, tag="wide")
    for dtype in ("float16", "float64", "float32"):
        case("tf.image.convert_image_dtype", picture(1, 7, 1), dtype=f"tf.{dtype}")
    for make, most in ((picture, 1.0), (pixels, 255)):
        image, other = make(2, 12, 13, 2), make(2, 12, 13, 2)
        image = image, (image * 0.75 + other * 0.25).astype(image.dtype)
        case("tf.image.psnr", *image, max_val=most)
        case("tf.image.ssim", *image, max_val=most)
        case("tf.image.ssim", *image, max_val=most, filter_size=7, filter_sigma=1.1, k1=0.02, k2=0.05)
    case("tf.image.ssim", picture(1, 8, 12, 1), picture(1, 8, 12, 1), max_val=1.0, tag="small")
    case("tf.image.psnr", picture(1, 8, 12, 1), picture(1, 8, 11, 1), max_val=1.0, tag="sizes")
    for one in ("rgb_to_hsv", "hsv_to_rgb", "rgb_to_grayscale", "grayscale_to_rgb"):
        case(f"tf.image.{one}", picture(3, 4, 2), tag="channels")
    for one in ("rgb_to_hsv", "hsv_to_rgb"):
        case(f"tf.image.{one}", pixels(3, 4, 3), tag="uint8")
    case("tf.image.adjust_hue", picture(3, 4, 2), delta=0.5, tag="channels")
    case("tf.image.adjust_hue", picture(4, 3), delta=0.5, tag="rank")
    case("tf.image.adjust_hue", picture(3, 4, 3), delta=1.5, tag="far")
    case("tf.image.adjust_saturation", picture(3, 4, 2), saturation_factor=0.5, tag="channels")
    case("tf.image.adjust_contrast", picture(3, 4), contrast_factor=0.5, tag="rank")
    case("tf.image.adjust_gamma", picture(3, 4, 1), gamma=-1.0)
    case("tf.image.per_image_standardization", picture(3, 4), tag="rank")


def boxing():
    """Edges are multiples of 1/32, so that no place lies on a border by a rounding."""
    low = RNG.integers(-4, 20, (9, 2)) / 32
    boxes = np.concatenate([low, low + RNG.integers(1, 16, (9, 2)) / 32], axis=1).astype(np.float32)
    boxes[3:5] = boxes[3:5, [2, 3, 0, 1]]
    which = RNG.integers(0, 2, 9).astype(np.int32)
    for image, method, size in itertools.product((picture(2, 6, 5, 2), pixels(2, 6, 5, 1)), ("bilinear", "nearest"),
                                                 ((4, 3), (1, 5), (9, 1))):  # fmt: skip
        case("tf.image.crop_and_resize", image, boxes, which, crop_size=size, method=method, extrapolation_value=0.5)
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes, which, crop_size=(3, 4), unknown=True)
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes[:0], which[:0], crop_size=(3, 4), tag="no boxes")
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes, which + 1, crop_size=(3, 4), tag="which")
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes, which[:3], crop_size=(3, 4), tag="too few")
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes, which, crop_size=(3, 0), tag="no size")
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes, which, crop_size=(3, 4), method="area")
    case("tf.image.crop_and_resize", picture(6, 5, 2), boxes, which, crop_size=(3, 4), tag="rank")
    case("tf.image.crop_and_resize", picture(2, 6, 5, 2), boxes[:, :3], which, crop_size=(3, 4), tag="edges")
    drawn = np.stack([boxes, boxes[::-1]])
    for channels in (1, 3, 4):
        case("tf.image.draw_bounding_boxes", picture(2, 9, 11, channels), drawn, gradient=False)
        colors = RNG.integers(0, 5, (3, channels)) / 4
        case("tf.image.draw_bounding_boxes", picture(2, 9, 11, channels), drawn, colors=colors.tolist(), gradient=False)
    case("tf.image.draw_bounding_boxes", picture(2, 9, 11, 3).astype(np.float16), drawn, gradient=False, tag="float16")
    case("tf.image.draw_bounding_boxes", picture(2, 9, 11, 2), drawn, gradient=False, tag="channels")
    case("tf.image.draw_bounding_boxes", picture(9, 11, 3), drawn, gradient=False, tag="rank")
    case("tf.image.draw_bounding_boxes", picture(2, 9, 11, 3), drawn[..., :3], gradient=False, tag="edges")
    case("tf.image.draw_bounding_boxes", picture(1, 9, 11, 3), drawn, gradient=False, tag="images")
    low = RNG.integers(0, 20, (40, 2)) / 32
    boxes = np.concatenate([low, low + RNG.integers(2, 12, (40, 2)) / 32], axis=1).astype(np.float32)
    boxes[:10] = boxes[:10, [2, 1, 0, 3]]
    scores = (RNG.permutation(40) // 2 / 20).astype(np.float32)
    for most, limit, least in ((10, 0.5, None), (40, 0.1, None), (40, 0.3, 0.4), (40, 1.0, None), (0, 0.5, None)):
        args = {"max_output_size": most, "iou_threshold": limit, "gradient": False}
        args |= {} if least is None else {"score_threshold": least}
        case("tf.image.non_max_suppression", boxes, scores, **args)
        case("tf.image.non_max_suppression_with_scores", boxes, scores, **args)
        case("tf.image.non_max_suppression_with_scores", boxes, scores, soft_nms_sigma=0.5, **args)
    case("tf.image.non_max_suppression", boxes[:0], scores[:0], max_output_size=3, tag="none")
    case("tf.image.non_max_suppression", boxes, scores, max_output_size=3, iou_threshold=1.5)
    case("tf.image.non_max_suppression", boxes, scores, max_output_size=-3)
    case("tf.image.non_max_suppression", boxes, scores[:3], max_output_size=3, tag="too few")
    case("tf.image.non_max_suppression", boxes[0], scores, max_output_size=3, tag="rank")


def resolve(value):
    """The function or dtype of TensorFlow that 'tf.image.rot90' or 'tf.uint8' means; anything else as it is."""
    if not isinstance(value, str) or not value.startswith("tf."):
        return value
    for part in value.split(".")[1:]:
        value = getattr(tf if value is None or isinstance(value, str) else value, part)
    return value


def computed(facts):
    """(static shapes, outputs, gradient or None, cotangent or None), or the name of the error's class."""
    with tf.Graph().as_default():
        try:
            inputs = [
                tf.placeholder(a.dtype, [None] * a.ndim if facts["unknown"] else a.shape) for a in facts["inputs"]
            ]
            args = {key: resolve(value) for key, value in facts["args"].items()}
            outputs = resolve(facts["op"])(*inputs, **args)
            outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
            static = [None if y.shape.ndims is None else y.shape.as_list() for y in outputs]
            feeds = dict(zip(inputs, facts["inputs"], strict=True))
            with tf.Session() as session:
                values = session.run(outputs, feeds)
                first = values[0]
                floating = [i for i, a in enumerate(facts["inputs"]) if a.dtype.kind == "f"][:1]
                if not facts["gradient"] or not floating or first.dtype.kind != "f":
                    return static, values, None, None
                cotangent = (RNG.integers(-8, 9, first.shape) / 4).astype(first.dtype)
                try:
                    (slope,) = tf.gradients(outputs[0], inputs[floating[0]], tf.constant(cotangent))
                except LookupError:  # TensorFlow has no gradient for it
                    slope = None
                return static, values, None if slope is None else session.run(slope, feeds), cotangent
        except (ValueError, TypeError, tf.errors.OpError) as error:
            return type(error).__name__


def main():
    for family in (resizing, placing, colouring, boxing):
        family()
    arrays, listed, seen = {}, [], {}
    for facts in CASES:
        words = [facts["op"].split(".")[-1], facts["tag"].replace(" ", "_")]
        words += [f"{key}{value}" for key, value in facts["args"].items() if not isinstance(value, list)]
        name = "-".join(word for word in words if word).replace(" ", "")
        seen[name] = seen.get(name, 0) + 1
        name += f"-{seen[name]}" if seen[name] > 1 else ""
        entry = {"id": name, "op": facts["op"], "args": facts["args"], "unknown": facts["unknown"]}

        def keep(kind, key, array, entry=entry, name=name):
            arrays[f"{name}/{key}"] = array
            entry.setdefault(kind, {})[key] = {"key": f"{name}/{key}"}

        for i, array in enumerate(facts["inputs"]):
            keep("inputs", f"x{i}", array)
        result = computed(facts)
        if isinstance(result, str):
            entry["error"] = result
        else:
            entry["static"], outputs, slope, cotangent = result
            for i, array in enumerate(outputs):
                keep("outputs", f"y{i}", array)
            if slope is not None:
                keep("inputs", "cotangent", cotangent)
                keep("grads", "x", slope)
        listed.append(entry)
    out = Path(__file__).with_name("image")
    np.savez_compressed(out.with_suffix(".npz"), **arrays)
    facts = {"tensorflow": tf.__version__, "cases": listed}
    out.with_suffix(".json").write_text(json.dumps(facts, separators=(",", ":")).replace('},{"id"', '},\n{"id"') + "\n")
    sys.stdout.write(f"{len(listed)} cases, {sum('error' in entry for entry in listed)} of them errors\n")


if __name__ == "__main__":
    main()
