"""optimize_loss: names, values and errors as TensorFlow 2.15.1 with tf_slim 1.1.0 gave them; adaptive clipping."""

import numpy as np
import pytest

import npslim as slim
from npslim.layers import OPTIMIZER_SUMMARIES, adaptive_clipping_fn, optimize_loss


def problem():
    x = slim.get_variable("xx", initializer=np.array([3.0, -4.0], np.float32))
    return x, slim.get_or_create_global_step(), slim.reduce_sum(x * x)


def started():
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session


def test_names_of_variables_and_summaries():
    _, step, loss = problem()
    first = optimize_loss(loss, step, 0.1, "SGD", clip_gradients=1.0)
    second = optimize_loss(loss, step, 0.1, "Adam", clip_gradients=1.0, summaries=OPTIMIZER_SUMMARIES)
    assert [t.op.name for t in (first, second)] == [
        "OptimizeLoss/control_dependency",
        "OptimizeLoss_1/control_dependency",
    ]
    assert [v.op.name for v in slim.global_variables()] == [
        "xx", "global_step", "OptimizeLoss/learning_rate", "OptimizeLoss_1/learning_rate",
        "OptimizeLoss_1/beta1_power", "OptimizeLoss_1/beta2_power", "OptimizeLoss_1/xx/Adam",
        "OptimizeLoss_1/xx/Adam_1",
    ]  # fmt: skip
    summaries = {t.op.name for t in slim.get_collection(slim.GraphKeys.SUMMARIES)}
    assert summaries >= {
        "OptimizeLoss/global_norm/gradient_norm", "OptimizeLoss/loss", "OptimizeLoss/global_norm/clipped_gradient_norm",
        "OptimizeLoss_1/gradients/xx_0", "OptimizeLoss_1/gradient_norm/xx_0",
    }  # fmt: skip


def test_adaptive_clipping():
    x, step, loss = problem()
    train = optimize_loss(
        loss, step, 0.1, slim.GradientDescentOptimizer, clip_gradients=adaptive_clipping_fn(report_summary=True),
        gradient_noise_scale=0.0, name="mine",
    )  # fmt: skip
    assert [v.op.name for v in slim.global_variables()][2:] == [
        "mine/learning_rate", "mine/AdaptiveMaxNorm/mean", "mine/AdaptiveMaxNorm/sq_mean"
    ]  # fmt: skip
    session = started()
    for loss_before, after in ((25.0, [2.932679, -3.9102385]), (23.890572, [2.8576622, -3.8102162]),
                               (22.68398, [2.7746289, -3.699505])):  # fmt: skip
        np.testing.assert_allclose(session.run(train), loss_before, rtol=2e-6)
        np.testing.assert_allclose(session.run(x), after, rtol=2e-6)
    assert session.run(step) == 3


def test_a_schedule():
    x, step, loss = problem()
    train = optimize_loss(
        loss, step, 0.25, "SGD", learning_rate_decay_fn=lambda rate, step: slim.exponential_decay(rate, step, 1, 0.5)
    )
    session = started()
    session.run(train), session.run(train)
    np.testing.assert_allclose(session.run(x), np.array([3, -4]) * (1 - 2 * 0.25) * (1 - 2 * 0.125), rtol=1e-6)


@pytest.mark.parametrize("key", ["xx", "xx:0", None])
def test_a_multiplier_by_variable_or_name(key):
    x, step, loss = problem()
    train = optimize_loss(loss, step, 0.1, "SGD", gradient_multipliers={key or x: 0.5})
    session = started()
    session.run(train)
    np.testing.assert_allclose(session.run(x), [3 - 0.3, -4 + 0.4], rtol=1e-6)


def test_ways_to_give_an_optimizer():
    x, step, loss = problem()
    for optimizer in ("Momentum", slim.AdamOptimizer(0.1), lambda rate: slim.RMSPropOptimizer(rate)):
        train = optimize_loss(loss, step, None if isinstance(optimizer, slim.Optimizer) else 0.1, optimizer)
        assert started().run(train) == 25.0
    still = optimize_loss(loss, step, 0.1, "SGD", increment_global_step=False)
    session = started()
    session.run(still)
    assert session.run(step) == 0


def test_update_ops_run_before():
    x, step, loss = problem()
    seen = slim.get_variable("seen", [], initializer=slim.zeros_initializer(), trainable=False)
    slim.add_to_collection(slim.GraphKeys.UPDATE_OPS, seen.assign_add(1.0))
    train = optimize_loss(loss, step, 0.1, "SGD")
    session = started()
    session.run(train)
    assert session.run(seen) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"optimizer": "foo"},
        {"learning_rate": -1.0},
        {"summaries": ["zzz"]},
        {"clip_gradients": "a"},
        {"variables": []},
        {"optimizer": 3},
        {"optimizer": lambda rate: rate},
        {"learning_rate": None},
        {"learning_rate": "x"},
        {"learning_rate": None, "optimizer": slim.AdamOptimizer},
    ],
)
def test_refusals(bad):
    _, step, loss = problem()
    with pytest.raises(ValueError):
        optimize_loss(**{"loss": loss, "global_step": step, "learning_rate": 0.1, "optimizer": "SGD", **bad})
