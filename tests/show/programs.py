"""A small net and a step of its training, for the pictures."""

import numpy as np

import npslim as slim


def training():
    """(session, train op, loss, feeds) of a convolutional net."""
    slim.set_random_seed(1)
    x = slim.placeholder(slim.float32, [None, 8, 8, 1], name="x")
    y = slim.placeholder(slim.float32, [None, 10], name="y")
    net = slim.max_pool2d(slim.conv2d(x, 4, [3, 3], scope="conv1"), [2, 2], scope="pool1")
    logits = slim.fully_connected(slim.flatten(net), 10, activation_fn=None, scope="logits")
    slim.losses.softmax_cross_entropy(logits, y)
    loss = slim.losses.get_total_loss()
    train = slim.learning.create_train_op(loss, slim.MomentumOptimizer(0.1, 0.9))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    images = np.random.default_rng(0).random((2, 8, 8, 1))
    return session, train, loss, {x: images, y: np.eye(10)[:2]}
