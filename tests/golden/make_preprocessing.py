"""Write preprocessing.npz beside this file: a picture, and what TensorFlow's ops make of it in the four ways of the
model library, for evaluation.

    python tests/golden/make_preprocessing.py

Needs TensorFlow 2, and nothing of npslim.
"""

from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def picture():
    """A smooth one, 37 x 45."""
    y, x = np.mgrid[:37, :45]
    red, green, blue = 128 + 100 * np.sin(x / 7 + y / 5), 128 + 90 * np.cos(x / 4), 60 + 3 * y
    return np.stack([red, green, blue], 2).astype(np.uint8)


def vgg(image, height, width, side):
    sizes = tf.cast(tf.shape(image)[:2], tf.float32)
    new = tf.cast(tf.rint(sizes * (side / tf.minimum(sizes[0], sizes[1]))), tf.int32)
    resized = tf.squeeze(tf.image.resize_bilinear(tf.expand_dims(image, 0), new, align_corners=False))
    begin = (tf.shape(resized)[:2] - [height, width]) // 2
    part = tf.slice(resized, tf.concat([begin, [0]], 0), [height, width, 3])
    return tf.cast(part, tf.float32) - tf.constant([123.68, 116.78, 103.94])


def inception(image, height, width):
    middle = tf.image.central_crop(tf.image.convert_image_dtype(image, tf.float32), 0.875)
    resized = tf.image.resize_bilinear(tf.expand_dims(middle, 0), [height, width], align_corners=False)
    return (tf.squeeze(resized, [0]) - 0.5) * 2.0


def main():
    image = picture()
    whole = tf.image.resize_image_with_crop_or_pad(tf.cast(image, tf.float32), 32, 32)
    ways = {
        "vgg_16": vgg(tf.constant(image), 20, 24, 30.0), "inception_v3": inception(tf.constant(image), 21, 19),
        "lenet": (tf.image.resize_image_with_crop_or_pad(tf.cast(image, tf.float32), 28, 28) - 128.0) / 128.0,
        "cifarnet": tf.image.per_image_standardization(whole),
    }  # fmt: skip
    with tf.Session() as sess:
        np.savez_compressed(Path(__file__).with_name("preprocessing.npz"), image=image, **sess.run(ways))


if __name__ == "__main__":
    main()
