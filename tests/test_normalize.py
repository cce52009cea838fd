"""Normalization: functions made of simple ops, safety against cancellation, and TensorFlow's names."""

import numpy as np
import pytest

from npslim.autograd import check_gradients, gradients
from npslim.graph import get_default_graph
from npslim.ops.normalize import (
    batch_normalization,
    bias_add,
    fused_batch_norm,
    l2_normalize,
    local_response_normalization,
    moments,
    weighted_moments,
)
from npslim.ops.state import placeholder
from npslim.session import Session

RNG = np.random.default_rng(5)


def names():
    return [node.name for node in get_default_graph().get_operations() if node.type != "Const"]


def test_moments():
    x = RNG.normal(size=(4, 3, 2))
    for axes, keep in (([0], False), ([0, 1], True), ([0, 1, 2], False), ([-1], True)):
        mean, variance = Session().run(moments(x, axes, keep_dims=keep))
        np.testing.assert_allclose(mean, x.mean(tuple(axes), keepdims=keep), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(variance, x.var(tuple(axes), keepdims=keep), rtol=1e-13)


def test_moments_of_half_precision_do_not_overflow():
    x = np.full((70000,), 1.0, np.float16)
    mean, variance = Session().run(moments(x, [0]))
    assert (mean, variance) == (1.0, 0.0)
    assert mean.dtype == np.float16


def test_moments_names():
    moments(placeholder(np.float32, [None, 4], name="x"), [0])
    assert names() == [
        "x", "moments/mean", "moments/SquaredDifference", "moments/variance", "moments/Squeeze", "moments/Squeeze_1",
    ]  # fmt: skip


def test_gradients_of_functions_to_third_order():
    x, w = RNG.normal(size=(4, 3)), RNG.uniform(0.5, 2, (4, 1))
    check_gradients(lambda x: moments(x, [0]), [x], order=3)
    check_gradients(lambda x, w: weighted_moments(x, [0], w), [x, w], order=2)
    check_gradients(lambda x: l2_normalize(x, 1), [x], order=2)
    check_gradients(lambda *v: batch_normalization(*v, 0.1), [x, x[0], w[:3, 0] + 1, x[1], x[2]], order=2)
    check_gradients(lambda *v: fused_batch_norm(*v, epsilon=0.1), [x, x[0], x[1]], order=3)


def test_weighted_moments_count_rows_as_often_as_said():
    x = RNG.normal(size=(3, 2))
    found = Session().run(weighted_moments(x, [0], np.array([[1], [0], [3]], np.int32)))
    expected = Session().run(moments(x[[0, 2, 2, 2]], [0]))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("scale", [None, 2.0])
@pytest.mark.parametrize("offset", [None, 3.0])
def test_batch_normalization(scale, offset):
    x = RNG.normal(size=(4, 3))
    y = batch_normalization(x, np.ones(3), np.full(3, 4.0), offset, scale, 0.5)
    np.testing.assert_allclose(
        Session().run(y), (x - 1) / np.sqrt(4.5) * (scale or 1) + (offset or 0), rtol=1e-13, atol=1e-13
    )


def test_batch_normalization_names():
    x = placeholder(np.float32, [None, 3], name="x")
    batch_normalization(x, np.ones(3), np.ones(3), np.ones(3), np.ones(3), 0.5)
    expected = ["add", "Rsqrt", "mul", "mul_1", "mul_2", "sub", "add_1"]
    assert names() == ["x", *("batchnorm/" + name for name in expected)]


def test_fused_is_the_composed_one():
    x, scale, offset = RNG.normal(3.0, 2.0, (5, 4, 3, 2)), RNG.normal(size=2), RNG.normal(size=2)
    mean, variance = moments(x, [0, 1, 2])
    composed = batch_normalization(x, mean, variance, offset, scale, 0.01)
    fused, fused_mean, fused_variance = fused_batch_norm(x, scale, offset, epsilon=0.01)
    values = Session().run([composed, fused, mean, fused_mean, variance * 60 / 59, fused_variance])
    for a, b in zip(values[::2], values[1::2], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)


def test_variance_does_not_cancel_out():
    x = (1e4 + RNG.normal(size=(1000, 2))).astype(np.float32)
    y, _, variance = Session().run(fused_batch_norm(x, np.ones(2, np.float32), np.zeros(2, np.float32)))
    np.testing.assert_allclose(variance, x.astype(np.float64).var(0, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-2)


def test_fused_of_an_empty_batch():
    x = placeholder(np.float32, [None, 2, 2, 3])
    y, mean, _ = fused_batch_norm(x, np.ones(3), np.zeros(3))
    (g,) = gradients(y, [x])
    y, mean, g = Session().run([y, mean, g], {x: np.zeros((0, 2, 2, 3))})
    assert y.shape == g.shape == (0, 2, 2, 3)
    assert np.isnan(mean).all()


def test_gradients_need_no_known_rank():
    x = placeholder(np.float64, None)
    offset = placeholder(np.float64, None)
    value = RNG.normal(size=(4, 3))
    y = fused_batch_norm(bias_add(x, offset), np.ones(3), offset)[0]
    first = gradients(y * y * y, [x, offset])
    second = gradients(first[0] * first[0], [x])
    assert all(np.isfinite(v).all() for v in Session().run(first + second, {x: value, offset: np.ones(3)}))


def test_l2_normalize():
    x = RNG.normal(size=(4, 3))
    y, zero = l2_normalize(x, dim=1), l2_normalize(np.zeros((2, 2)), 1)
    assert y.name == "l2_normalize:0"
    value, zero = Session().run([y, zero])
    np.testing.assert_allclose(np.linalg.norm(value, axis=1), 1, rtol=1e-13)
    assert not zero.any()


def test_default_names():
    x = placeholder(np.float32, [None, 2, 2, 3])
    ones = np.ones(3)
    assert bias_add(x, ones).name == "BiasAdd:0"
    assert local_response_normalization(x).name == "LRN:0"
    assert fused_batch_norm(x, ones, ones)[2].name == "FusedBatchNormV3:2"
