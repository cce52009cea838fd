"""What TensorFlow has in `tf.image`: pictures resized, cut, turned, coloured and read.

A picture is `[h, w, c]`, a batch of them `[n, h, w, c]`; colours are in [0, 1] where they are floating, else from 0 to
the largest number of their dtype. The ops are in `npslim/ops/image_*.py`.
"""

from npslim.ops.image_boxes import (
    crop_and_resize,
    draw_bounding_boxes,
    non_max_suppression,
    non_max_suppression_with_scores,
)
from npslim.ops.image_codec import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
)
from npslim.ops.image_color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    convert_image_dtype,
    grayscale_to_rgb,
    hsv_to_rgb,
    per_image_standardization,
    psnr,
    rgb_to_grayscale,
    rgb_to_hsv,
    ssim,
)
from npslim.ops.image_place import (
    central_crop,
    crop_to_bounding_box,
    flip_left_right,
    flip_up_down,
    pad_to_bounding_box,
    resize_image_with_crop_or_pad,
    resize_image_with_pad,
    resize_with_crop_or_pad,
    rot90,
    total_variation,
    transpose_image,
)
from npslim.ops.image_random import (
    random_brightness,
    random_contrast,
    random_crop,
    random_flip_left_right,
    random_flip_up_down,
    random_hue,
    random_saturation,
    sample_distorted_bounding_box,
)
from npslim.ops.image_resize import (
    ResizeMethod,
    resize_area,
    resize_bicubic,
    resize_bilinear,
    resize_images,
    resize_nearest_neighbor,
)

__all__ = [
    "ResizeMethod", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "central_crop", "convert_image_dtype", "crop_and_resize", "crop_to_bounding_box", "decode_bmp", "decode_gif",
    "decode_image", "decode_jpeg", "decode_png", "draw_bounding_boxes", "encode_jpeg", "encode_png",
    "flip_left_right", "flip_up_down", "grayscale_to_rgb", "hsv_to_rgb", "non_max_suppression",
    "non_max_suppression_with_scores", "pad_to_bounding_box", "per_image_standardization", "psnr",
    "random_brightness", "random_contrast", "random_crop", "random_flip_left_right", "random_flip_up_down",
    "random_hue", "random_saturation", "resize", "resize_area", "resize_bicubic", "resize_bilinear",
    "resize_image_with_crop_or_pad", "resize_image_with_pad", "resize_images", "resize_nearest_neighbor",
    "resize_with_crop_or_pad", "rgb_to_grayscale", "rgb_to_hsv", "rot90", "sample_distorted_bounding_box", "ssim",
    "total_variation", "transpose", "transpose_image",
]  # fmt: skip

resize, transpose = resize_images, transpose_image
