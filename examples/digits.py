"""Train a small convolutional net on real handwritten digits with slim, save it, restore it, evaluate it.

    python examples/digits.py --steps 1200 --logdir runs/digits      (the same as: python -m npslim demo)

A second run takes up where the first one stopped; --steps 0 only evaluates.
"""

import argparse
import os

import npslim as slim
from npslim.data import digits

BATCH = 64
LEARNING_RATE = 1e-3


def net(images, is_training):
    """Logits [n, 10] for images [n, 8, 8, 1]."""
    with slim.arg_scope([slim.conv2d, slim.fully_connected], weights_regularizer=slim.l2_regularizer(1e-4)):
        x = slim.repeat(images, 2, slim.conv2d, 32, [3, 3], scope="conv1")
        x = slim.max_pool2d(x, [2, 2], scope="pool1")
        x = slim.conv2d(x, 64, [3, 3], normalizer_fn=slim.batch_norm,
                        normalizer_params={"is_training": is_training, "decay": 0.95}, scope="conv2")  # fmt: skip
        x = slim.max_pool2d(x, [2, 2], scope="pool2")
        x = slim.fully_connected(slim.flatten(x), 128, scope="fc3")
        x = slim.dropout(x, 0.5, is_training=is_training, scope="dropout3")
        return slim.fully_connected(x, digits.CLASSES, activation_fn=None, scope="fc4")


def train_op():
    """What makes a training step. `python -m npslim train digits` calls it, too."""
    images, labels, _, _ = digits.split()
    picked = slim.random_uniform([BATCH], 0, len(images), dtype=slim.int32)
    logits = net(slim.gather(slim.constant(images), picked), is_training=True)
    targets = slim.one_hot_encoding(slim.gather(slim.constant(labels), picked), digits.CLASSES)
    slim.losses.softmax_cross_entropy(logits, targets)
    return slim.learning.create_train_op(slim.losses.get_total_loss(), slim.AdamOptimizer(LEARNING_RATE))


def metrics():
    """{name: (value, update)} over the held-out digits. `python -m npslim eval digits` calls it, too."""
    _, _, images, labels = digits.split()
    predictions = slim.argmax(net(slim.constant(images), is_training=False), 1)
    return {"accuracy": slim.metrics.streaming_accuracy(predictions, labels)}


def train(logdir, steps, seed=1, **options):
    """Train to `steps` steps in all, from the latest checkpoint in `logdir` if there is one; returns the last loss."""
    with slim.Graph().as_default():
        slim.set_random_seed(seed)
        return slim.learning.train(train_op(), logdir, number_of_steps=steps, log_every_n_steps=100, **options)


def evaluate(logdir):
    """The accuracy on the held-out digits of the latest checkpoint in `logdir`."""
    with slim.Graph().as_default():
        value, update = metrics()["accuracy"]
        checkpoint = slim.latest_checkpoint(logdir)
        return slim.evaluation.evaluate_once("", checkpoint, None, eval_op=update, final_op=value)


def predict(logdir):
    """(logits, labels, images) of the held-out digits by the latest checkpoint in `logdir`."""
    with slim.Graph().as_default(), slim.Session() as session:
        _, _, images, labels = digits.split()
        logits = net(slim.constant(images), is_training=False)
        slim.Saver().restore(session, slim.latest_checkpoint(logdir))
        return session.run(logits), labels, images


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--logdir", default=os.path.join("runs", "digits"))
    args = parser.parse_args()
    if args.steps:
        train(args.logdir, args.steps)
    print(f"test accuracy {evaluate(args.logdir)!r}")
