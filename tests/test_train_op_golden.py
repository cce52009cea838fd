"""create_train_op, and what becomes of gradients on the way, against TensorFlow."""

import golden_cases
import numpy as np
import pytest

import npslim as slim

CASES = {case.id: case for case in golden_cases.load("optim")}


def check(case, found):
    expected = case.arrays("outputs")
    for name, value in zip(found, slim.Session().run(list(found.values())), strict=True):
        golden_cases.note("optimizers", case, value, expected[name])
        np.testing.assert_allclose(value, expected[name], rtol=2e-6, err_msg=name)
    assert set(found) == set(expected)


def test_clipping():
    case = CASES["clip_by_global_norm"]
    a = case.arrays("inputs")
    (c1, c2), norm = slim.clip_by_global_norm([a["g1"], a["g2"]], case.args["clip_norm"])
    check(case, {"c1": c1, "c2": c2, "norm": norm})
    case = CASES["clip_by_norm"]
    g, limit = case.arrays("inputs")["g1"], case.args["clip_norm"]
    check(case, {"c": slim.clip_by_norm(g, limit), "c_axis": slim.clip_by_norm(g, limit, axes=[1])})
    case = CASES["clip_by_average_norm"]
    check(case, {"c": slim.clip_by_average_norm(case.arrays("inputs")["g1"], case.args["clip_norm"])})


def test_gradients_are_clipped_and_multiplied():
    for name, process in {
        "clip_gradient_norms": lambda pairs, v, args: slim.learning.clip_gradient_norms(pairs, args["max_norm"]),
        "multiply_gradients": lambda pairs, v, args: slim.learning.multiply_gradients(pairs, {v: args["mult"]}),
    }.items():
        case = CASES[name]
        g = case.arrays("inputs")["g"]
        v = slim.Variable(np.zeros_like(g))
        ((made, same),) = process([(slim.constant(g), v)], v, case.args)
        assert same is v
        check(case, {"c": made})


@pytest.mark.parametrize("kernels", ["plain", "fast", "reference"])
@pytest.mark.parametrize("name", ["create_train_op_bnTrue", "create_train_op_bnFalse"])
def test_create_train_op(name, kernels):
    """Ten steps with clipped gradients; every variable after every step."""
    case = CASES[name]
    arrays, expected = case.arrays("inputs"), case.arrays("outputs")
    x, y = (slim.placeholder(slim.float32, arrays[key].shape[1:]) for key in ("x", "y"))
    norm = {"normalizer_fn": slim.batch_norm, "normalizer_params": case.args["bn"]} if case.args["bn"] else {}
    net = slim.fully_connected(x, 7, weights_regularizer=slim.l2_regularizer(case.args["l2"]), scope="fc1", **norm)
    net = slim.fully_connected(net, 2, activation_fn=None, scope="fc2")
    slim.losses.mean_squared_error(net, y)
    train_op = slim.learning.create_train_op(
        slim.losses.get_total_loss(), slim.MomentumOptimizer(0.1, 0.9),
        clip_gradient_norm=case.args["clip_gradient_norm"],
    )  # fmt: skip
    session = slim.Session(kernels=kernels)
    session.run(slim.global_variables_initializer())
    for v in slim.get_model_variables():
        v.load(case.variables[v.op.name], session)
    curves = {key.removeprefix("traj:"): value for key, value in expected.items() if key.startswith("traj:")}
    assert set(curves) == {v.op.name for v in slim.get_model_variables()}
    for i in range(10):
        loss = session.run(train_op, {x: arrays["x"][i], y: arrays["y"][i]})
        golden_cases.note("optimizers", f"{case}, loss {i}", loss, expected["loss"][i])
        np.testing.assert_allclose(loss, expected["loss"][i], rtol=5e-6)
        for v in slim.get_model_variables():
            right = curves[v.op.name][i]
            np.testing.assert_allclose(session.run(v), right, rtol=2e-5, atol=2e-6, err_msg=f"{v.op.name}, step {i}")
    assert session.run(slim.get_global_step()) == expected["global_step"]


def test_total_loss():
    (case,) = [c for c in golden_cases.load("losses") if c.op == "slim.losses.get_total_loss"]
    a, expected = case.arrays("inputs"), case.arrays("outputs")
    slim.losses.mean_squared_error(a["pred"], a["labels"])
    slim.losses.absolute_difference(a["pred"], a["labels"], 0.5)
    slim.losses.add_loss(slim.constant(3.0))
    slim.get_default_graph().add_to_collection(slim.GraphKeys.REGULARIZATION_LOSSES, slim.constant(expected["reg"]))
    assert len(slim.losses.get_losses()) == case.facts["n_losses"]
    total, bare = slim.losses.get_total_loss(), slim.losses.get_total_loss(add_regularization_losses=False)
    of_tensorflow = slim.losses.tensorflow.get_total_loss()
    reg = slim.add_n(slim.losses.get_regularization_losses())
    check(case, {"total": total, "total_noreg": bare, "tf_total": of_tensorflow, "reg": reg})
