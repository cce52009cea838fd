"""After the second training step, no node allocates more than 64 kB: with any optimizer, in any of slim's nets."""

import numpy as np
import pytest
from allocations import allocated

import npslim as slim
from npslim.nets import factory

OPTIMIZERS = {
    "descent": lambda: slim.GradientDescentOptimizer(0.01),
    "momentum": lambda: slim.MomentumOptimizer(0.01, 0.9),
    "nesterov": lambda: slim.MomentumOptimizer(0.01, 0.9, use_nesterov=True),
    "adam": lambda: slim.AdamOptimizer(0.01),
    "rms_prop": lambda: slim.RMSPropOptimizer(0.01, 0.9, 0.9),
    "centered": lambda: slim.RMSPropOptimizer(0.01, 0.9, 0.9, centered=True),
    "adagrad": lambda: slim.AdagradOptimizer(0.01),
    "adadelta": lambda: slim.AdadeltaOptimizer(0.01),
    "ftrl": lambda: slim.FtrlOptimizer(0.01, l1_regularization_strength=0.001),
    "proximal": lambda: slim.ProximalGradientDescentOptimizer(0.01, 0.001, 0.001),
    "proximal adagrad": lambda: slim.ProximalAdagradOptimizer(0.01, 0.1, 0.001),
    "dual averaging": lambda: slim.AdagradDAOptimizer(0.01, slim.get_or_create_global_step()),
}


def largest(logits, labels, feeds, optimizer):
    """{node: bytes} of the nodes that allocate more than 64 kB in the third training step."""
    slim.losses.softmax_cross_entropy(logits, labels)
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), OPTIMIZERS[optimizer]())
    session = slim.Session(kernels="fast", threads=1)
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        session.run(train_op, feeds)
    found = allocated(session, train_op, feeds)
    assert len(found) > 10 and max(found.values())[0] > 0
    return {node: size for node, (size, _) in found.items() if size > 1 << 16}


def fed(shape, classes=10):
    """(images, labels, what they are fed)."""
    images, labels = slim.placeholder("float32", shape), slim.placeholder("float32", [shape[0], classes])
    rng = np.random.default_rng(0)
    return (
        images,
        labels,
        {images: rng.normal(size=shape), labels: np.eye(classes)[rng.integers(classes, size=shape[0])]},
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_optimizer_allocates_much(optimizer):
    """With weights of 200 kB, decayed, whose gradient is formed for one layer and not for the other."""
    images, labels, feeds = fed([200, 250])
    with slim.arg_scope([slim.fully_connected], weights_regularizer=slim.l2_regularizer(0.01)):
        net = slim.fully_connected(images, 200)
    net = slim.fully_connected(net, 204)
    assert largest(slim.fully_connected(net, 10, activation_fn=None), labels, feeds, optimizer) == {}


@pytest.mark.long
@pytest.mark.parametrize("name", factory.names())
def test_no_net_allocates_much(name):
    network = factory.get(name, 10, weight_decay=0.0001, is_training=True)
    size = network.default_image_size
    images, labels, feeds = fed([2, size, size, 1 if name == "lenet" else 3])
    logits, _ = network(images)
    logits = slim.squeeze(logits, [1, 2]) if len(logits.shape) == 4 else logits
    assert largest(logits, labels, feeds, "momentum") == {}
