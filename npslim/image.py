"""What TensorFlow has in `tf.image`: pictures resized, cut, turned, coloured and read.

A picture is `[h, w, c]`, a batch of them `[n, h, w, c]`; colours are in [0, 1] where they are floating, else from 0 to
the largest number of their dtype. The ops are in `npslim/ops/image_*.py`.
"""

from npslim.ops.image_codec import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
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
    "ResizeMethod", "decode_bmp", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "encode_jpeg",
    "encode_png", "resize_area", "resize_bicubic", "resize_bilinear", "resize_images", "resize_nearest_neighbor",
]  # fmt: skip

resize = resize_images
