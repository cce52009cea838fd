"""A batch norm with given moments as part of a convolution: the plain kernels' values, of variables as they are."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast import folding
from npslim.ops.conv import conv2d, depthwise_conv2d_native
from npslim.ops.normalize import fused_batch_norm


@pytest.fixture(autouse=True)
def fresh_graph():
    slim.reset_default_graph()
    slim.set_random_seed(3)


@pytest.fixture(params=["into the filter", "behind the sums"])
def where(request, monkeypatch):
    monkeypatch.setattr(folding, "LARGE", 0 if request.param == "into the filter" else 1e9)


def moments(session, rng):
    """Give the moving averages values as after some training."""
    for v in slim.global_variables():
        if "moving_mean" in v.op.name:
            v.load(rng.normal(size=v.shape), session)
        if "moving_variance" in v.op.name:
            v.load(rng.uniform(0.3, 3, v.shape), session)


def net(images):
    with slim.arg_scope([slim.conv2d, slim.separable_conv2d], normalizer_fn=slim.batch_norm):
        with slim.arg_scope([slim.batch_norm], is_training=False, scale=True):
            y = slim.conv2d(images, 16, [3, 3], stride=2, scope="first")
            y = slim.separable_conv2d(y, None, [3, 3], depth_multiplier=2, scope="second")
            y = slim.conv2d(y, 8, [1, 1], activation_fn=None, scope="third")
    return y, slim.conv2d(y, 4, [3, 3], scope="last")


@pytest.mark.parametrize("batch", [3, None])
def test_inference_gives_what_the_plain_kernels_give(batch, where):
    images = slim.placeholder("float32", [batch, 20, 20, 3], name="images")
    _, y = net(images)
    feeds = {images: np.random.default_rng(0).normal(size=(3, 20, 20, 3))}
    sessions = [slim.Session(kernels=name) for name in ("plain", "fast")]
    for session in sessions:
        slim.set_random_seed(3)
        session.run(slim.global_variables_initializer())
        moments(session, np.random.default_rng(1))
    text = sessions[1].explain(y, feeds)
    assert text.count(" with batch norm and relu  fuses ") == 2 and text.count(" with batch norm  fuses ") == 1
    assert "fuses first/Conv2D, first/BatchNorm/FusedBatchNormV3, first/Relu" in text
    for _ in range(3):  # variables change between runs
        plain, fast = (session.run(y, feeds) for session in sessions)
        assert np.abs(fast - plain).max() <= 1e-5 * np.abs(plain).max() and np.abs(plain).max() > 0
        for session in sessions:
            for v in slim.global_variables():
                v.load(session.run(v) * 1.1 + 0.05, session)
    assert np.abs(fast - sessions[1].run(y, feeds)).max() > 1e-3 * np.abs(fast).max()


def test_inference_on_no_images(where):
    images = slim.placeholder("float32", [None, 20, 20, 3], name="images")
    _, y = net(images)
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    for count in (0, 2, 0):
        assert session.run(y, {images: np.ones((count, 20, 20, 3))}).shape == (count, 10, 10, 4)


@pytest.mark.parametrize("op, shape", [(conv2d, (3, 3, 6, 10)), (depthwise_conv2d_native, (3, 3, 6, 2))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_errs_by_no_more_than_the_sums(op, shape, dtype, where):
    rng = np.random.default_rng(4)
    c = 10 if op is conv2d else 12
    x, w = rng.normal(size=(2, 9, 9, 6)) + 3, rng.normal(size=shape)
    scale, offset, mean, variance = rng.normal(size=c), rng.normal(size=c), rng.normal(size=c), rng.uniform(0.01, 4, c)
    given = [a.astype(dtype) for a in (x, w, scale, offset, mean, variance)]
    held = [slim.placeholder(dtype, a.shape) for a in given]
    y = op(*held[:2], strides=1, padding="SAME")
    y, *_ = fused_batch_norm(y, *held[2:], is_training=False)
    session = slim.Session(kernels="fast")
    feeds = dict(zip(held, given, strict=True))
    assert "with batch norm" in session.explain(y, feeds)
    found = session.run(y, feeds)
    x, w, scale, offset, mean, variance = (a.astype("d") for a in given)
    rate = scale / np.sqrt(variance + 1e-3)
    sums = [op.kernel(a, b, strides=1, padding="SAME") for a, b in ((x, w), (np.abs(x), np.abs(w)))]
    expected = (sums[0] - mean) * rate + offset
    terms = (sums[1] + np.abs(mean)) * np.abs(rate) + np.abs(offset)
    assert found.dtype == dtype
    assert (np.abs(found - expected) <= 4 * np.finfo(dtype).eps * terms).all()


def test_what_others_read_is_not_folded():
    images = slim.placeholder("float32", [2, 12, 12, 3], name="images")
    x = slim.conv2d(images, 8, [3, 3], activation_fn=None, biases_initializer=None)
    y = slim.batch_norm(x, is_training=False, scale=True)
    feeds = {images: np.random.default_rng(0).normal(size=(2, 12, 12, 3))}
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    assert "with batch norm" in session.explain(y, feeds)
    gradients = slim.gradients(slim.reduce_sum(y * y), slim.trainable_variables())
    for fetches in ([x, y], [y, slim.reduce_sum(x)], gradients):
        assert "with batch norm" not in session.explain(fetches, feeds)
    before, after = session.run([x, y], feeds)
    np.testing.assert_allclose(after, before / np.sqrt(1.001), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(session.run(y, feeds), after, rtol=1e-5, atol=1e-6)


def test_an_assignment_between_them_is_seen_where_it_stands():
    images = slim.placeholder("float32", [2, 6, 6, 3], name="images")
    w = slim.model_variable("weights", [1, 1, 3, 4])
    x = conv2d(images, w, strides=1, padding="SAME")
    with slim.control_dependencies([w.assign(w * 0)]):
        y = slim.batch_norm(x, is_training=False)
    feeds = {images: np.random.default_rng(0).normal(size=(2, 6, 6, 3))}
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    assert "with batch norm" not in session.explain(y, feeds)
    assert np.abs(session.run(y, feeds)).max() > 0
    assert np.abs(session.run(y, feeds)).max() == 0
