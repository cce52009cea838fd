"""The sum of gradients by the input of branches, as one product, beside the plain kernels."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast import branches
from npslim.fast.arena import Arena
from npslim.ops.conv import conv2d_backprop_input
from npslim.optimizers import GradientDescentOptimizer


@pytest.fixture(autouse=True)
def fresh_graph():
    slim.reset_default_graph()
    slim.set_random_seed(3)


def block(images, widths):
    """Branches that begin with 1x1, as inception has them, and one that pools."""
    net = slim.conv2d(images, 128, [3, 3], scope="stem")
    ends = [slim.conv2d(slim.conv2d(net, o, [1, 1], scope=f"{o}a"), 8, [3, 3], scope=f"{o}b") for o in widths]
    ends.append(slim.avg_pool2d(net, [3, 3], 1, padding="SAME"))
    return slim.concat(ends, 3)


def training(widths, batch):
    images = slim.placeholder("float32", [batch, 17, 17, 3])
    loss = slim.reduce_sum(slim.square(block(images, widths)))
    rng = np.random.default_rng(2)
    feeds = {images: rng.normal(size=(2, 17, 17, 3)).astype(np.float32)}
    return slim.learning.create_train_op(loss, GradientDescentOptimizer(1e-4)), feeds


@pytest.mark.parametrize("batch", [2, None])
def test_a_step_comes_near_the_plain_one(batch):
    train_op, feeds = training([16, 24, 40], batch)
    text = slim.Session().explain(train_op, feeds)
    assert text.count("fast sum by input of 3 branches") == 1
    found = {}
    for kernels in ("plain", "fast"):
        session = slim.Session(kernels=kernels)
        session.run(slim.global_variables_initializer())
        losses = [session.run(train_op, feeds) for _ in range(3)]
        found[kernels] = losses, session.run({v.op.name: v for v in slim.get_variables()})
    np.testing.assert_allclose(found["fast"][0], found["plain"][0], rtol=1e-5)
    for name, value in found["plain"][1].items():
        assert np.linalg.norm(value - found["fast"][1][name]) <= 1e-5 * np.linalg.norm(value), name


def test_a_gradient_that_is_fetched_is_formed():
    train_op, feeds = training([16, 24], 2)
    gradients = [node for node in slim.get_default_graph().get_operations() if node.type == "Conv2DBackpropInput"]
    wanted = [node.outputs[0] for node in gradients if node.inputs[1].spec.shape[:2] == (1, 1)]
    assert len(wanted) == 2
    assert "branches" not in slim.Session().explain([train_op, wanted[0]], feeds)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("terms", [0, 1, 3])
@pytest.mark.parametrize("part", [1 << 19, 200])
def test_the_sum_is_off_by_a_few_roundings_of_its_terms(terms, part, dtype, monkeypatch):
    monkeypatch.setattr(branches, "PART", part)
    monkeypatch.setattr(branches, "BAND", 2)
    rng = np.random.default_rng(1)
    filters = [rng.normal(size=(1, 1, 7, o)).astype(dtype) for o in (3, 1, 12)]
    cotangents = [rng.normal(size=(2, 5, 9, w.shape[3])).astype(dtype) for w in filters]
    rest = [rng.normal(size=(2, 5, 9, 7)).astype(dtype) for _ in range(terms)]

    def summed(change):
        attrs = {"strides": 1, "padding": "SAME"}
        like = np.zeros((2, 5, 9, 7))
        pairs = zip(map(change, filters), map(change, cotangents), strict=True)
        return sum([*(conv2d_backprop_input.kernel(like, w, g, **attrs) for w, g in pairs), *map(change, rest)])

    result = branches.sum_by_input(3, Arena(), *filters, *cotangents, *rest)
    assert result.dtype == dtype and result.shape == (2, 5, 9, 7)
    error = np.abs(result - summed(np.float64))
    assert (error <= 4 * np.finfo(dtype).eps * summed(lambda a: np.abs(a).astype(np.float64))).all()
