"""Optimizers against TensorFlow: ten steps on a least-squares problem, dense and sparse; slots, names, errors."""

import golden_cases
import numpy as np
import pytest

import npslim as slim

OPTIMIZERS = {
    "tf.train.GradientDescentOptimizer": slim.GradientDescentOptimizer,
    "tf.train.MomentumOptimizer": slim.MomentumOptimizer,
    "tf.train.AdamOptimizer": slim.AdamOptimizer,
}
CASES = [case for case in golden_cases.load("optim") if case.op in OPTIMIZERS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_trajectory(case):
    arrays, expected = case.arrays("inputs"), case.arrays("outputs")
    w = slim.get_variable("w", initializer=arrays["w0"])
    if "ids" in arrays:
        feed = slim.placeholder(slim.int64, arrays["ids"].shape[1:])
        loss = slim.reduce_sum(slim.square(slim.gather(w, feed) - 1.0))
        feeds = [{feed: ids} for ids in arrays["ids"]]
    else:
        loss = slim.reduce_mean(slim.square(slim.matmul(slim.constant(arrays["A"]), w) - arrays["T"]))
        feeds = [{}] * 10
    optimizer = OPTIMIZERS[case.op](**case.args)
    step = optimizer.minimize(loss, global_step=slim.get_or_create_global_step())
    names = sorted(v.op.name for v in slim.global_variables())
    assert names == sorted(case.facts["global_variables"])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for i, feed in enumerate(feeds):
        if "loss_before_update" in expected:
            np.testing.assert_allclose(session.run(loss, feed), expected["loss_before_update"][i], rtol=2e-6)
        session.run(step, feed)
        np.testing.assert_allclose(session.run(w), expected["w"][i], rtol=2e-6, atol=2e-6)
    assert session.run(slim.get_global_step()) == 10
    assert {f"slot:{name}" for name in optimizer.get_slot_names()} == {
        k for k in expected if k.startswith("slot:") and "@" not in k
    }
    for name in optimizer.get_slot_names():
        right = expected[f"slot:{name}"]
        slot = session.run(optimizer.get_slot(w, name))
        np.testing.assert_allclose(slot, right[-1] if right.ndim > slot.ndim else right, rtol=1e-5, atol=1e-6)


def test_slots():
    w = slim.get_variable("layer/w", [2])
    loss = slim.reduce_sum(w * w)
    momentum, adam = slim.MomentumOptimizer(0.1, 0.9), slim.AdamOptimizer()
    momentum.minimize(loss), adam.minimize(loss)
    assert momentum.get_slot_names() == ["momentum"] and adam.get_slot_names() == ["m", "v"]
    assert momentum.get_slot(w, "momentum").op.name == "layer/w/Momentum"
    assert [adam.get_slot(w, name).op.name for name in "mv"] == ["layer/w/Adam", "layer/w/Adam_1"]
    assert momentum.get_slot(w, "none") is None
    names = {"beta1_power", "beta2_power", "layer/w/Adam", "layer/w/Adam_1"}
    assert {v.op.name for v in adam.variables()} == names
    assert not names & {v.op.name for v in slim.get_trainable_variables()}


def test_rows_that_have_no_gradient_do_not_move_with_momentum():
    w = slim.get_variable("w", [4, 2], initializer=slim.ones_initializer())
    ids = slim.placeholder(slim.int32, [None])
    loss = slim.reduce_sum(slim.gather(w, ids) * 2.0)
    step = slim.MomentumOptimizer(0.1, 0.5).minimize(loss)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    value, moment = np.ones((4, 2)), np.zeros((4, 2))
    for rows in ([0, 0, 3], [1, 3], [0]):
        session.run(step, {ids: rows})
        for row in set(rows):
            moment[row] = 0.5 * moment[row] + 2.0 * rows.count(row)
            value[row] -= 0.1 * moment[row]
    np.testing.assert_allclose(session.run(w), value, rtol=1e-6)


def test_compute_and_apply():
    w = slim.get_variable("w", [], initializer=slim.constant_initializer(3.0))
    other = slim.get_variable("other", [])
    optimizer = slim.GradientDescentOptimizer(slim.constant(0.5))
    pairs = optimizer.compute_gradients(w * w)
    assert [var for _, var in pairs] == [w, other] and pairs[1][0] is None
    step = optimizer.apply_gradients([(g * 2.0, v) for g, v in pairs if g is not None])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(step)
    assert session.run(w) == 3.0 - 0.5 * 12.0


def test_a_constraint_is_applied_after_the_update():
    w = slim.Variable(1.0, name="w", constraint=lambda v: slim.maximum(v, 0.25))
    step = slim.GradientDescentOptimizer(1.0).minimize(w * 2.0)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(step)
    assert session.run(w) == 0.25


def test_refusals():
    optimizer = slim.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No variables to optimize"):
        optimizer.compute_gradients(slim.constant(1.0))
    w = slim.get_variable("w", [])
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.minimize(slim.constant(1.0), var_list=[w])
    with pytest.raises(ValueError, match="No variables provided"):
        optimizer.apply_gradients([])
    with pytest.raises(TypeError, match="Only variables can be optimized"):
        optimizer.compute_gradients(slim.constant(1.0), var_list=[slim.constant(2.0)])
    with pytest.raises(ValueError, match="needs a name"):
        slim.GradientDescentOptimizer(0.1, name="")
