"""Losses against TensorFlow: values, gradients, names, collections; weights of every shape."""

import golden_cases
import numpy as np
import pytest

import npslim as slim

CASES = [
    case
    for case in golden_cases.load("losses")
    if case.op.startswith("slim.losses.") and hasattr(slim.losses, case.op.split(".")[-1])
    and case.op != "slim.losses.get_total_loss"
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_loss(case):
    arrays = case.arrays("inputs")
    args = {key: value for key, value in case.args.items() if key != "weights"}
    if "weights" in arrays:
        args["weights"] = arrays["weights"]
    function = golden_cases.resolve(case.op, slim)
    if "error" in case.facts:
        with pytest.raises(ValueError, match="do not broadcast|different shapes|rank"):
            labels = np.zeros(6, np.int64) if "sparse" in case.op else np.zeros((6, 4), np.float32)
            function(np.zeros((6, 4), np.float32), labels, **{**args, "weights": np.ones((6, 4), np.float32)})
        return
    pred = slim.placeholder(arrays["pred"].dtype, [None, *arrays["pred"].shape[1:]])
    loss = function(pred, arrays["labels"], **args)
    assert loss.op.name == case.facts["op_name"]
    assert len(slim.losses.get_losses()) == case.facts["losses_in_collection"]
    (grad,) = slim.gradients(loss, pred)
    value, slope = slim.Session().run([loss, grad], {pred: arrays["pred"]})
    np.testing.assert_allclose(value, case.arrays("outputs")["loss"], rtol=1e-6)
    right = case.arrays("grads")["pred"]
    np.testing.assert_allclose(slope, right, rtol=1e-5, atol=1e-6 * max(np.abs(right).max(), 1e-3))


def test_total_loss():
    w = slim.get_variable("w", [2], initializer=slim.constant_initializer(3.0), regularizer=slim.l2_regularizer(0.5))
    slim.losses.add_loss(slim.reduce_sum(w))
    slim.losses.add_loss(slim.constant(5.0), loss_collection=None)
    total, without = slim.losses.get_total_loss(), slim.losses.get_total_loss(add_regularization_losses=False)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    assert session.run([total, without]) == [6 + 0.5 * 9, 6]
    assert total.op.name == "total_loss" and total.op.type == "AddN"
    assert len(slim.losses.get_regularization_losses()) == 1 and len(slim.losses.get_losses()) == 1


def test_refusals():
    with pytest.raises(ValueError, match="no losses to add up"):
        slim.losses.get_total_loss()
    with pytest.raises(ValueError, match="different shapes"):
        slim.losses.softmax_cross_entropy(slim.zeros([2, 3]), slim.zeros([2, 4]))
    with pytest.raises(ValueError, match="do not broadcast"):
        slim.losses.softmax_cross_entropy(slim.zeros([2, 3]), slim.zeros([2, 3]), weights=[1.0, 2.0, 3.0])
