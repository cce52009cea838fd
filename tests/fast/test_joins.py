"""A relu that is part of its neighbour gives the same bits as one that is a step of its own."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast import batch_norm, joins, kernels, rewrite
from npslim.fast.arena import Arena
from npslim.fast.kernels import FAST
from npslim.ops.activation import relu, relu_grad


@pytest.fixture(autouse=True)
def fresh_graph():
    slim.reset_default_graph()
    slim.set_random_seed(3)


@pytest.fixture(params=["blocks", "small blocks"])
def blocks(request, monkeypatch):
    if request.param == "small blocks":
        monkeypatch.setattr(batch_norm, "BLOCK", 40)
        monkeypatch.setattr(batch_norm, "LONG", 20)
        monkeypatch.setattr(batch_norm, "WIDTH", 10)


def same_bits(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_array_equal(np.asarray(a).view(f"i{a.itemsize}"), np.asarray(b).view(f"i{b.itemsize}"))


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 9, 7, 5), (1, 1, 1, 30), (700, 3)])
def test_batch_norm_and_relu(shape, dtype, blocks):
    rng = np.random.default_rng(1)
    x, scale, offset = (rng.normal(size=s).astype(dtype) for s in (shape, shape[-1], shape[-1]))
    y, *moments = FAST["fused_batch_norm"](Arena(), x, scale, offset)
    joined = kernels.fused_batch_norm_relu(Arena(), x, scale, offset)
    same_bits(joined, [relu.kernel(y), *moments])
    assert 0 < np.count_nonzero(joined[0]) < y.size


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", [(3, 5), (2, 9, 7, 5), (700, 3)])
def test_gradients_of_relu_and_batch_norm(shape, dtype, blocks):
    rng = np.random.default_rng(2)
    x, g, scale = (rng.normal(size=s).astype(dtype) for s in (shape, shape, shape[-1]))
    y = rng.choice(np.array([0.0, -0.0, 1.0, 2.5, np.nan, -1.0], dtype), shape)
    cut = y <= 0
    g[cut] = rng.choice(np.array([np.inf, -np.inf, np.nan, -3.0], dtype), cut.sum())  # where nothing gets through
    expected = kernels.fused_batch_norm_grad(Arena(), relu_grad.kernel(g, y), x, scale)
    assert all(np.isfinite(a).all() for a in expected)
    same_bits(kernels.relu_fused_batch_norm_grad(Arena(), g, y, x, scale), expected)
    wider = np.concatenate([g, g + 1, g], axis=-1)[..., : shape[-1]]  # as the gradient of concat gives it
    assert not wider.flags.c_contiguous
    same_bits(kernels.relu_fused_batch_norm_grad(Arena(), wider, y, x, scale), expected)
    cut = np.concatenate([x, relu_grad.kernel(g, y)], axis=-1)[..., shape[-1] :]
    same_bits(kernels.fused_batch_norm_grad(Arena(), cut, x, scale), expected)


def net(images):
    """Relus behind batch norm, one that is pooled, one whose result is read twice, and one behind nothing."""
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        first = slim.conv2d(images, 8, [3, 3], scope="first")
        pooled = slim.max_pool2d(first, [2, 2], scope="pool")
        second = slim.conv2d(pooled, 8, [3, 3], scope="second")
        third = slim.conv2d(second, 8, [3, 3], activation_fn=None, scope="third")
    return slim.relu(third + pooled, name="last") + slim.relu(slim.relu(pooled))


def losses(train_op, feeds, joined, monkeypatch):
    if not joined:
        passes = [one for one in rewrite.PASSES if one is not joins.join_relus]
        monkeypatch.setattr(rewrite, "PASSES", passes)
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    found = [session.run(train_op, feeds) for _ in range(4)]
    return found + session.run(slim.global_variables()), session.explain(train_op, feeds)


@pytest.mark.parametrize("batch", [4, None])
def test_training_has_the_same_bits(batch, monkeypatch):
    images = slim.placeholder("float32", [batch, 12, 12, 3], name="images")
    like = slim.avg_pool2d(slim.conv2d(images, 8, [1, 1], scope="like"), [2, 2])
    slim.losses.mean_squared_error(net(images), slim.zeros_like(like))
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.1, 0.9))
    feeds = {images: np.random.default_rng(0).normal(size=(4, 12, 12, 3))}
    joined, text = losses(train_op, feeds, True, monkeypatch)
    apart, other = losses(train_op, feeds, False, monkeypatch)
    same_bits([np.asarray(a) for a in joined], [np.asarray(a) for a in apart])
    assert "fast fused_batch_norm_relu  fuses first/BatchNorm/FusedBatchNormV3, first/Relu" in text
    assert text.count("fast fused_batch_norm_relu") == 2
    assert text.count("fast relu_fused_batch_norm_grad  fuses") == 1  # the second layer's
    assert text.count("fast relu_max_pool2d_grad  fuses") == 1  # the first layer's
    assert "fused_batch_norm_relu" not in other and "relu_fused_batch_norm_grad" not in other


def test_what_is_fetched_between_them_is_there():
    images = slim.placeholder("float32", [2, 12, 12, 3], name="images")
    x = slim.conv2d(images, 8, [3, 3], activation_fn=None)
    y = slim.batch_norm(x, is_training=True)
    z = slim.relu(y)
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    feeds = {images: np.random.default_rng(0).normal(size=(2, 12, 12, 3))}
    assert "fused_batch_norm_relu" in session.explain(z, feeds)
    assert "fused_batch_norm_relu" not in session.explain([y, z], feeds)
    (alone,), (before, after) = session.run([z], feeds), session.run([y, z], feeds)
    same_bits([alone, after], [relu.kernel(before)] * 2)


def test_channels_first_are_left_to_the_plain_kernels():
    x = slim.placeholder("float32", [2, 3, 8, 8])
    y = slim.batch_norm(x, is_training=True, data_format="NCHW", activation_fn=slim.relu)
    feeds = {x: np.random.default_rng(0).normal(size=(2, 3, 8, 8))}
    found = []
    for name in ("plain", "fast"):
        session = slim.Session(kernels=name)
        session.run(slim.global_variables_initializer())
        found.append(session.run([y, *slim.gradients(slim.reduce_sum(y * y), [x])], feeds))
    assert "fused_batch_norm_relu" in slim.Session(kernels="fast").explain(y, feeds)
    same_bits(*found)


def test_the_cotangent_may_be_a_part_of_a_larger_one():
    """As that of a concatenation is: the same bits as for a copy of it."""
    rng = np.random.default_rng(0)
    wide, x = rng.normal(size=(2, 9, 9, 20)).astype("f"), rng.normal(size=(2, 9, 9, 8)).astype("f")
    y, scale = np.maximum(rng.normal(size=x.shape).astype("f"), 0), rng.normal(size=8).astype("f")
    part = wide[..., 5:13]
    found = [kernels.relu_fused_batch_norm_grad(Arena(), g, y, x, scale) for g in (part, part.copy())]
    same_bits(*found)
    same_bits([wide], [np.random.default_rng(0).normal(size=wide.shape).astype("f")])
