"""Fine-tune: learn the digits 0 to 4, then take what was learned, all but the last layer, to the digits 5 to 9.

    python examples/fine_tuning.py --steps 100 --logdir runs/fine_tuning

With pictures as small as these it is as quick to learn from scratch; it is shown how a net is taken to another task.
"""

import argparse
import os

import npslim as slim
from npslim.data import digits

BATCH, CLASSES = 32, 5


def net(images, is_training):
    """Logits [n, 5] for images [n, 8, 8, 1]."""
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm,
                        normalizer_params={"is_training": is_training, "decay": 0.9}):  # fmt: skip
        x = slim.repeat(images, 2, slim.conv2d, 32, [3, 3], scope="conv1")
        x = slim.max_pool2d(x, [2, 2], scope="pool1")
        x = slim.conv2d(x, 64, [3, 3], scope="conv2")
    x = slim.fully_connected(slim.flatten(x), 64, scope="fc3")
    return slim.fully_connected(x, CLASSES, activation_fn=None, scope="logits")


def half(first, part):
    """(images, labels from 0 on) of the five digits from `first` on, for training ("train") or held out ("test")."""
    images, labels = digits.split()[:2] if part == "train" else digits.split()[2:]
    mine = (labels >= first) & (labels < first + CLASSES)
    return images[mine], labels[mine] - first


def train(first, logdir, steps, init_from=None):
    """Train on five digits; init_from: a checkpoint whose layers, but the last, the training begins with."""
    with slim.Graph().as_default():
        slim.set_random_seed(1)
        images, labels = half(first, "train")
        picked = slim.random_uniform([BATCH], 0, len(images), dtype=slim.int32)
        logits = net(slim.gather(slim.constant(images), picked), is_training=True)
        slim.losses.sparse_softmax_cross_entropy(logits, slim.gather(slim.constant(labels), picked))
        train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.02, 0.9))
        init_fn = None
        if init_from:
            layers = slim.get_variables_to_restore(include=["conv1", "conv2", "fc3"])
            restored = [var for var in layers if var in slim.get_model_variables()]  # not what the optimizer keeps
            init_fn = slim.assign_from_checkpoint_fn(init_from, restored)
        slim.learning.train(train_op, logdir, number_of_steps=steps, log_every_n_steps=100, init_fn=init_fn)


def accuracy(first, logdir):
    """The accuracy on held-out digits of the latest checkpoint."""
    with slim.Graph().as_default():
        images, labels = half(first, "test")
        value, update = slim.metrics.streaming_accuracy(slim.argmax(net(slim.constant(images), False), 1), labels)
        return slim.evaluation.evaluate_once("", slim.latest_checkpoint(logdir), None, eval_op=update, final_op=value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--logdir", default=os.path.join("runs", "fine_tuning"))
    args = parser.parse_args()
    below, above = (os.path.join(args.logdir, name) for name in ("0-4", "5-9"))
    train(0, below, args.steps)
    print(f"0 to 4: accuracy {accuracy(0, below):.3f}")
    train(5, above, args.steps, init_from=slim.latest_checkpoint(below))
    print(f"5 to 9: accuracy {accuracy(5, above):.3f}")
