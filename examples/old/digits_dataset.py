"""The handwritten digits as TFRecords of PNG images, as a slim Dataset, and a net: what three programs share."""

import os

import npslim.tf as tf
from npslim.data import digits

slim = tf.contrib.slim

SIZES = {"train": 1438, "test": 359}
DESCRIPTIONS = {"image": "A grey picture of 8 x 8 pixels.", "label": "A digit, or its place among the chosen ones."}


def write(folder):
    """Write `<folder>/digits_{train,test}-0000?-of-00002.tfrecord`, unless they are there."""
    os.makedirs(folder, exist_ok=True)
    train, train_labels, test, test_labels = digits.split()
    picture = tf.placeholder(tf.uint8, [8, 8, 1])
    encoded = tf.image.encode_png(picture)
    with tf.Session() as sess:
        for name, images, labels in (("train", train, train_labels), ("test", test, test_labels)):
            for shard in range(2):
                path = os.path.join(folder, f"digits_{name}-{shard:05d}-of-00002.tfrecord")
                if os.path.exists(path):
                    continue
                with tf.python_io.TFRecordWriter(path) as writer:
                    for image, label in zip(images[shard::2], labels[shard::2], strict=True):
                        png = sess.run(encoded, {picture: (image * 255).astype("uint8")})
                        writer.write(example(png, int(label)).SerializeToString())


def example(png, label):
    """The Example of one picture."""
    features = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png])),
        "image/format": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"png"])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def get(split, folder):
    """The Dataset of a split."""
    keys_to_features = {
        "image/encoded": tf.FixedLenFeature((), tf.string, default_value=""),
        "image/format": tf.FixedLenFeature((), tf.string, default_value="png"),
        "image/class/label": tf.FixedLenFeature([], tf.int64, default_value=0),
    }
    items_to_handlers = {
        "image": slim.tfexample_decoder.Image(shape=[8, 8, 1], channels=1),
        "label": slim.tfexample_decoder.Tensor("image/class/label"),
    }
    return slim.dataset.Dataset(
        data_sources=os.path.join(folder, f"digits_{split}-*.tfrecord"), reader=tf.TFRecordReader,
        decoder=slim.tfexample_decoder.TFExampleDecoder(keys_to_features, items_to_handlers),
        num_samples=SIZES[split], items_to_descriptions=DESCRIPTIONS, num_classes=10,
    )  # fmt: skip


def batches(split, folder, batch_size, training):
    """(images in [-0.5, 0.5], labels) by queues: shuffled and repeated for training, else once in order."""
    provider = slim.dataset_data_provider.DatasetDataProvider(
        get(split, folder), num_readers=2 if training else 1, shuffle=training, common_queue_capacity=512,
        common_queue_min=128 if training else 1, num_epochs=None if training else 1,
    )  # fmt: skip
    image, label = provider.get(["image", "label"])
    image = tf.to_float(image) / 255.0 - 0.5
    return tf.train.batch(
        [image, label], batch_size=batch_size, capacity=4 * batch_size, allow_smaller_final_batch=not training
    )


def net(images, num_classes, is_training):
    """A small convolutional net; its last layer is called logits."""
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected], weights_regularizer=slim.l2_regularizer(1e-4),
        normalizer_fn=slim.batch_norm, normalizer_params={"is_training": is_training, "decay": 0.9},
    ):  # fmt: skip
        net = slim.conv2d(images, 16, [3, 3], scope="conv1")
        net = slim.conv2d(net, 32, [3, 3], scope="conv2")
        net = slim.max_pool2d(net, [2, 2], scope="pool2")
        net = slim.fully_connected(slim.flatten(net), 64, scope="fc3")
    net = slim.dropout(net, 0.5, is_training=is_training, scope="dropout3")
    return slim.fully_connected(net, num_classes, activation_fn=None, scope="logits")
