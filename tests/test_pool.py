"""Pooling: ties, NaN, corners, and TensorFlow's names."""

import numpy as np
import pytest

from npslim.autograd import gradients
from npslim.graph import get_default_graph
from npslim.ops.pool import (
    avg_pool,
    avg_pool2d,
    avg_pool3d,
    max_pool,
    max_pool2d,
    max_pool3d,
    max_pool_with_argmax,
    pool,
)
from npslim.ops.state import placeholder
from npslim.session import Session

RNG = np.random.default_rng(4)


def test_gradient_of_a_tie_goes_to_the_first():
    """As TensorFlow has it on a CPU: each window's share to its upper left corner."""
    x = placeholder(np.float64, [1, 3, 3, 1])
    y = max_pool(x, 2, 1, "VALID")
    (g,) = gradients(y, [x])
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(Session().run(g, {x: np.zeros((1, 3, 3, 1))})[0, ..., 0], expected)


def test_nan_and_infinity():
    x = np.array([1, np.nan, 0, 2, -np.inf, -np.inf]).reshape(1, 1, 6, 1)
    y = max_pool2d.kernel(x, ksize=(1, 2), strides=(1, 2), padding="VALID")
    np.testing.assert_array_equal(y.ravel(), [np.nan, 2, -np.inf])


def test_nan_of_a_cotangent_stays_in_its_window():
    x = np.arange(4.0).reshape(1, 1, 4, 1)
    settings = {"ksize": (1, 2), "strides": (1, 2), "padding": "VALID"}
    tensor = placeholder(np.float64, [1, 1, 4, 1])
    (g,) = gradients(max_pool(tensor, **settings), [tensor], np.array([np.nan, 1.0]).reshape(1, 1, 2, 1))
    np.testing.assert_array_equal(Session().run(g, {tensor: x}).ravel(), [0, np.nan, 0, 1])


def test_corners_count_only_what_is_inside():
    ones = np.ones((1, 3, 3, 1))
    np.testing.assert_array_equal(avg_pool2d.kernel(ones, ksize=3, strides=1, padding="SAME"), ones)
    negative = max_pool2d.kernel(-ones, ksize=3, strides=1, padding="SAME")
    np.testing.assert_array_equal(negative, -ones)  # the padding is no zero


def test_average_keeps_the_sum_of_gradients():
    """Every window hands on all that it gets."""
    x = placeholder(np.float64, [None, None, None, None])
    y = avg_pool(x, 3, 2, "SAME")
    (g,) = gradients(y, [x])
    value, total = Session().run([y, g], {x: RNG.normal(size=(2, 7, 6, 3))})
    assert total.sum() == pytest.approx(value.size, rel=1e-13)


def test_argmax_points_at_the_maximum():
    x = RNG.normal(size=(2, 5, 4, 3))
    values, places = max_pool_with_argmax.kernel(x, ksize=2, strides=2, padding="SAME", include_batch_in_index=True)
    np.testing.assert_array_equal(x.ravel()[places], values)


def test_pool_is_all_the_others():
    x, line, space = RNG.normal(size=(2, 6, 5, 3)), RNG.normal(size=(2, 6, 3)), RNG.normal(size=(1, 4, 3, 5, 2))
    run = Session().run
    pairs = [
        (pool(x, [2, 3], "MAX", "SAME"), max_pool2d.kernel(x, ksize=(2, 3), strides=1, padding="SAME")),
        (
            pool(x, [2, 2], "AVG", "VALID", dilation_rate=[2, 1], strides=[1, 2]),
            avg_pool2d.kernel(x, ksize=2, strides=(1, 2), padding="VALID", dilations=(2, 1)),
        ),
        (
            pool(line, [3], "AVG", "SAME"),
            avg_pool2d.kernel(line[:, None], ksize=(1, 3), strides=1, padding="SAME")[:, 0],
        ),
        (
            max_pool(line, 2, 2, "VALID"),
            max_pool2d.kernel(line[:, None], ksize=(1, 2), strides=2, padding="VALID")[:, 0],
        ),
        (max_pool(space, 2, 2, "SAME"), max_pool3d.kernel(space, ksize=2, strides=2, padding="SAME")),
        (avg_pool(space, 2, 2, "SAME"), avg_pool3d.kernel(space, ksize=2, strides=2, padding="SAME")),
        (avg_pool(line.swapaxes(1, 2), 2, 2, "SAME", "NCW"), run(avg_pool(line, 2, 2, "SAME")).swapaxes(1, 2)),
    ]
    for function, expected in pairs:
        np.testing.assert_allclose(run(function), expected, rtol=1e-14)


def test_pool_refuses():
    for window, kind in (([2, 2], "MIN"), (2, "MAX")):
        with pytest.raises(ValueError, match="unknown pooling_type or window_shape"):
            pool(np.zeros((1, 4, 4, 1)), window, kind, "SAME")
    with pytest.raises(ValueError, match="wrong rank"):
        max_pool(np.zeros((4, 4)), 2, 2, "SAME")


def test_names_are_tensorflows():
    x = placeholder(np.float32, [None, 8, 8, 4])
    assert max_pool(x, 2, 2, "SAME").name == "MaxPool:0"
    assert avg_pool(x, 2, 2, "SAME").name == "AvgPool:0"
    assert pool(x, [2, 2], "MAX", "SAME").name == "max_pool:0"
    assert max_pool(placeholder(np.float32, [None, 8, 4]), 2, 2, "SAME").name == "MaxPool1d/Squeeze:0"
    assert avg_pool(placeholder(np.float32, [None, 8, 8, 8, 4]), 2, 2, "SAME").name == "AvgPool3D:0"
    types = {node.name: node.type for node in get_default_graph().get_operations()}
    assert types["max_pool"] == "MaxPool"
    assert types["MaxPool1d"] == "MaxPool"
    assert types["AvgPool3D"] == "AvgPool3D"
