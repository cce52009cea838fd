"""Moving averages: values that TensorFlow 2.15.1 gives, formulas, names, collections."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim import moving_averages, optimizers
from npslim.graph_keys import GraphKeys
from npslim.moving_averages import assign_moving_average

VALUES = np.float32([[1, 4], [2, 5], [3, -6]])


def averages(average, x, values=VALUES):
    """What `average` gives for one value of `x` after the other, in a session of its own, which is returned too."""
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return [session.run(average, {x: value}) for value in values], session


def variable(initial, dtype=slim.float32):
    with slim.variable_scope("a"):
        return slim.get_variable("v", initializer=np.array(initial, dtype.dtype), trainable=False)


def test_plain():
    v, x = variable([1, 2]), slim.placeholder(slim.float32, [2])
    average = assign_moving_average(v, x, 0.9, zero_debias=False)
    found, session = averages(average, x)
    tensorflow = [[1.0, 2.200000047683716], [1.100000023841858, 2.4800000190734863], [1.2899999618530273, 1.6319999694]]
    np.testing.assert_allclose(found, tensorflow, rtol=1e-6)
    np.testing.assert_array_equal(session.run(v), found[-1])
    assert average.op.name == "AssignMovingAvg"
    assert assign_moving_average(v, x, 0.9, zero_debias=False, name="mine").op.name == "mine"
    assert [w.op.name for w in slim.global_variables()] == ["a/v"]


def test_from_zero():
    v, x = variable([0, 0]), slim.placeholder(slim.float32, [2])
    average = assign_moving_average(v, x, 0.9)
    found, session = averages(average, x)
    tensorflow = [[1.0, 4.0], [1.5263153314590454, 4.526314735412598], [2.0701100826263428, 0.6420660614967346]]
    np.testing.assert_allclose(found, tensorflow, rtol=3e-6)
    assert [w.op.name for w in slim.global_variables()] == ["a/v", "a/v/biased", "a/v/local_step"]
    value, biased, local_step = session.run(slim.global_variables())
    np.testing.assert_array_equal(value, found[-1])
    np.testing.assert_allclose(biased, [0.561, 0.174], rtol=1e-5)
    assert local_step == 3.0
    assert slim.trainable_variables() == slim.get_model_variables() == []


def test_the_weights_of_the_values():
    """From zero, the average is the values' mean with weights decay ** age, in float64 to rounding."""
    v, x = variable(0.0, slim.float64), slim.placeholder(slim.float64, [])
    values = np.random.default_rng(1).normal(size=6)
    found, _ = averages(assign_moving_average(v, x, 0.75), x, values)
    for n, average in enumerate(found, 1):
        np.testing.assert_allclose(average, np.average(values[:n], weights=0.75 ** np.arange(n)[::-1]), rtol=1e-12)


def test_a_constant_stays_itself():
    v, x = variable([5, 5]), slim.placeholder(slim.float32, [2])
    found, _ = averages(assign_moving_average(v, x, 0.99, zero_debias=False), x, [[5, 5]] * 3)
    np.testing.assert_array_equal(found, [[5, 5]] * 3)


def test_the_models_count_theirs():
    v = variable([0, 0])
    assign_moving_average(v, slim.constant([1.0, 2.0]), 0.9, in_model=True)
    assert [w.op.name for w in slim.get_model_variables()] == ["a/v/biased", "a/v/local_step"]


def test_a_plain_use_sees_the_average_from_before():
    v, x = variable([1, 2]), slim.placeholder(slim.float32, [2])
    before = v * 1.0
    average = assign_moving_average(v, x, 0.5, zero_debias=False)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    found = session.run([before, average, v], {x: [3.0, 4.0]})
    np.testing.assert_array_equal(found, [[1, 2], [2, 3], [2, 3]])


def test_the_value_must_fit():
    v = variable([1, 2])
    with pytest.raises(ValueError, match=r"(?s)\[2\].*\[3\]"):
        assign_moving_average(v, slim.constant([1.0, 2.0, 3.0]), 0.5, zero_debias=False)
    with pytest.raises(TypeError, match="(?s)float32.*int32"):
        assign_moving_average(v, slim.constant([1, 2]), 0.5)


# ---- averages of variables


CASES = [
    case
    for case in golden_cases.load("optim")
    if case.op.endswith("ExponentialMovingAverage") and hasattr(moving_averages, "ExponentialMovingAverage")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_averages_of_variables(case):
    inputs, expected = case.arrays("inputs"), case.arrays("outputs")["avg"]
    v = slim.Variable(inputs["v0"])
    ema = moving_averages.ExponentialMovingAverage(**case.args)
    update = ema.apply([v])
    assert ema.average(v).op.name == case.facts["average_name"]
    assert slim.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES) == [v]
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for value, average in zip(inputs["seq"], expected, strict=True):
        v.load(value, session)
        session.run(update)
        np.testing.assert_allclose(session.run(ema.average(v)), average, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sequential", [True, False])
def test_averages_are_of_the_updated_variable(sequential):
    """As in TensorFlow 2.15.1, which gives 0.75 for both forms with dependencies."""
    w = slim.get_variable("w", initializer=1.0)
    optimizer = slim.GradientDescentOptimizer(0.5)
    if sequential:
        train = optimizers.MovingAverageOptimizer(optimizer, average_decay=0.5).minimize(w)
    else:
        ema = moving_averages.ExponentialMovingAverage(0.5)
        with slim.control_dependencies([optimizer.minimize(w)]):
            train = ema.apply([w])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(train)
    assert session.run("w/ExponentialMovingAverage:0") == 0.75 and session.run(w) == 0.5
