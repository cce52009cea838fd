"""Regularizers: values by hand, gradients, names, collections, and what is refused."""

import numpy as np
import pytest

import npslim as slim
from npslim.graph_keys import GraphKeys

WEIGHTS = np.float32([[1.0, -2.0], [3.0, -4.0]])  # |.| sums to 10, .^2 / 2 to 15


def value(tensor):
    return slim.Session().run(tensor)


@pytest.mark.parametrize(
    "regularizer, expected, gradient",
    [
        (slim.l1_regularizer(0.5), 5.0, 0.5 * np.sign(WEIGHTS)),
        (slim.l2_regularizer(0.5), 7.5, 0.5 * WEIGHTS),
        (slim.l1_l2_regularizer(0.5, 0.1), 6.5, 0.5 * np.sign(WEIGHTS) + 0.1 * WEIGHTS),
        (slim.l1_l2_regularizer(0.5, 0.0), 5.0, 0.5 * np.sign(WEIGHTS)),
        (slim.l1_l2_regularizer(0.0, 0.5), 7.5, 0.5 * WEIGHTS),
        (slim.l1_l2_regularizer(), 25.0, np.sign(WEIGHTS) + WEIGHTS),
        (slim.sum_regularizer([slim.l1_regularizer(0.5), None, slim.l2_regularizer(0.5)]), 12.5, None),
        (slim.sum_regularizer([slim.l1_regularizer(0.0), slim.l2_regularizer(0.5)]), 7.5, 0.5 * WEIGHTS),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(regularizer, expected, gradient, dtype):
    weights = slim.constant(WEIGHTS.astype(dtype))
    loss = regularizer(weights)
    assert loss.shape.as_list() == [] and loss.dtype.dtype == dtype
    np.testing.assert_allclose(value(loss), expected, rtol=1e-6)
    if gradient is not None:
        np.testing.assert_allclose(value(slim.gradients(loss, [weights])[0]), gradient, rtol=1e-6)


def test_no_penalty_is_none():
    weights = slim.constant(WEIGHTS)
    assert slim.l1_regularizer(0.0)(weights) is None
    assert slim.l2_regularizer(0.0)(weights) is None
    assert slim.l1_l2_regularizer(0.0, 0.0)(weights) is None
    assert slim.sum_regularizer([None]) is None
    assert slim.sum_regularizer([slim.l1_regularizer(0.0)])(weights) is None


def test_names():
    weights = slim.constant(WEIGHTS)
    made = [
        slim.l1_regularizer(0.5)(weights),
        slim.l2_regularizer(0.5)(weights),
        slim.l1_l2_regularizer(0.5, 0.5)(weights),
        slim.sum_regularizer([slim.l1_regularizer(0.5)])(weights),
        slim.l2_regularizer(0.5, scope="mine")(weights),
    ]
    expected = ["l1_regularizer", "l2_regularizer", "l1_l2_regularizer", "sum_regularizer", "mine"]
    assert [loss.op.name for loss in made] == expected
    assert slim.l1_l2_regularizer(0.5, 0.0)(weights).op.name == "l1_l2_regularizer_1"


@pytest.mark.parametrize("make", [slim.l1_regularizer, slim.l2_regularizer, lambda s: slim.l1_l2_regularizer(1.0, s)])
def test_scales(make):
    with pytest.raises(ValueError, match=r"(?s)cannot be negative.*-1\.0"):
        make(-1.0)
    with pytest.raises(ValueError, match="(?s)scale is a float.*1"):
        make(1)


def test_the_scale_may_be_a_tensor():
    assert value(slim.l2_regularizer(slim.constant(0.5))(slim.constant(WEIGHTS))) == 7.5


def test_apply_regularization():
    weights = [slim.Variable(WEIGHTS), slim.Variable(WEIGHTS[0])]
    slim.add_to_collection(GraphKeys.WEIGHTS, weights[1])
    total = slim.apply_regularization(slim.l1_regularizer(0.5), weights)
    assert total.op.name == "get_regularization_penalty"
    losses = slim.get_collection(GraphKeys.REGULARIZATION_LOSSES)
    one = slim.apply_regularization(slim.l1_regularizer(0.5))
    none = slim.apply_regularization(slim.l1_regularizer(0.0))
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        assert session.run([total, losses, one, none]) == [6.5, [5.0, 1.5], 1.5, 0.0]


def test_apply_regularization_refuses():
    with pytest.raises(ValueError, match="No weights to regularize"):
        slim.apply_regularization(slim.l1_regularizer(0.5))
    with pytest.raises(ValueError, match="(?s)must return a scalar.*Const"):
        slim.apply_regularization(lambda weights: weights, [slim.constant(WEIGHTS)])
