"""Losses against TensorFlow: values, gradients, names, collections; weights of every shape."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim import losses
from npslim.ops.softmax import weighted_cross_entropy_with_logits

CASES = [case for case in golden_cases.load("losses") if case.op != "slim.losses.get_total_loss"]
ALIKE = [case for case in CASES if ".losses." in case.op and "metric_learning" not in case.op]
OTHERS = [case for case in CASES if case not in ALIKE]


def function_of(case):
    """The function a case is about: `tf.losses` is `npslim.losses.tensorflow`."""
    name = case.op.split(".")[-1]
    return getattr(losses.tensorflow if case.op.startswith("tf.") else slim.losses, name)


@pytest.mark.parametrize("case", ALIKE, ids=str)
def test_loss(case):
    arrays, function = case.arrays("inputs"), function_of(case)
    args = {key: value for key, value in case.args.items() if key not in ("weights", "reduction")}
    if "weights" in arrays:
        args["weights"] = arrays["weights"]
    if "reduction" in case.args:
        args["reduction"] = getattr(losses.tensorflow.Reduction, case.args["reduction"])
    if "error" in case.facts:
        error, message = case.facts["error"].split(": ", 1)
        with pytest.raises({"ValueError": ValueError, "TypeError": TypeError}[error], match="weights"):
            labels = np.zeros(6, np.int64) if "sparse" in case.op else np.zeros((6, 4), np.float32)
            function(np.zeros((6, 4), np.float32), labels, **{**args, "weights": np.ones((6, 4), np.float32)})
        return
    pred = slim.placeholder(arrays["pred"].dtype, [None, *arrays["pred"].shape[1:]])
    both = (arrays["labels"], pred) if case.op.startswith("tf.") else (pred, arrays["labels"])
    loss = function(*both, **args)
    if args.get("reduction") != "none":
        assert loss.op.name == case.facts["op_name"]
    assert len(slim.losses.get_losses()) == case.facts["losses_in_collection"]
    compare(case, loss, pred)


def compare(case, loss, pred):
    """The value, and the gradient by `pred` of its sum, against the golden ones."""
    (grad,) = slim.gradients(slim.reduce_sum(loss), pred)
    value, slope = slim.Session().run([loss, grad], {pred: case.arrays("inputs")["pred"]})
    expected = case.arrays("outputs")["loss"]
    golden_cases.note("losses", case, value, expected)
    golden_cases.note("losses", f"{case}, gradient", slope, case.arrays("grads")["pred"])
    np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-7 * max(1.0, np.abs(expected).max()))
    right = case.arrays("grads")["pred"]
    np.testing.assert_allclose(slope, right, rtol=1e-5, atol=2e-6 * max(np.abs(right).max(), 1e-3))


@pytest.mark.parametrize("case", OTHERS, ids=str)
def test_other_losses(case):
    arrays, name = case.arrays("inputs"), case.op.split(".")[-1]
    pred = slim.placeholder(arrays["pred"].dtype, [None, *arrays["pred"].shape[1:]])
    if name == "contrastive_loss":
        loss = slim.losses.contrastive_loss(arrays["labels"], pred, arrays["positives"], **case.args)
    elif name == "npairs_loss":
        loss = slim.losses.npairs_loss(arrays["labels"], pred, arrays["positives"], **case.args)
    elif case.op.startswith("tf_slim.losses"):
        loss = getattr(slim.losses, name)(arrays["labels"], pred, **case.args)
    elif name == "sum_regularizer":
        loss = slim.sum_regularizer([slim.l1_regularizer(0.3), slim.l2_regularizer(0.1)])(pred)
    elif name.endswith("regularizer"):
        loss = getattr(slim, name)(*case.args.values())(pred)
    elif name == "l2_loss":
        loss = slim.l2_loss(pred)
    elif name == "weighted_cross_entropy_with_logits":
        loss = slim.reduce_sum(weighted_cross_entropy_with_logits(arrays["labels"], pred, case.args["pos_weight"]))
    else:
        loss = slim.reduce_sum(getattr(slim, name)(labels=arrays["labels"], logits=pred))
    if not name.startswith("npairs"):
        assert loss.op.name == case.facts["op_name"]
    compare(case, loss, pred)


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
