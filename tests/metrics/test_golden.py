"""Metrics against TensorFlow: values after each of five batches, updates, names and shapes of the local variables."""

import inspect

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim.metrics import tensorflow

CASES = golden_cases.load("metrics")


def function_of(case):
    name = case.op.split(".")[-1]
    return getattr(tensorflow if case.op.startswith("tf.") else slim.metrics, name)


def build(case):
    """What the function gives, and {name: placeholder of one batch}."""
    arrays = case.arrays("inputs")
    inputs = {name: slim.placeholder(a.dtype, a.shape[1:]) for name, a in arrays.items()}
    function = function_of(case)
    args = {k: v for k, v in case.args.items() if k not in ("weights", "value0_error")}
    names = {"p": ("predictions", "predictions_idx", "values", "scores"), "l": ("labels", "boolean_labels"),
             "w": ("weights",), "n": ("normalizer",)}  # fmt: skip
    parameters = inspect.signature(function).parameters
    for short, tensor in inputs.items():
        args[next(n for n in names[short] if n in parameters)] = tensor
    if "score_range" in args:
        args["boolean_labels"] = slim.cast(args["boolean_labels"], slim.bool)
    return function(**args), inputs


def close(actual, expected, what):
    actual = np.asarray(actual)
    assert actual.shape == expected.shape and actual.dtype == expected.dtype, what
    golden_cases.note("metrics", what, actual, expected)
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-6, err_msg=what)


STREAMING = [c for c in CASES if c.id not in ("accuracy", "auc_using_histogram")]


@pytest.mark.parametrize("case", STREAMING, ids=str)
def test_metric(case):
    (value, update), inputs = build(case)
    variables = slim.get_collection(slim.GraphKeys.METRIC_VARIABLES)
    assert variables == slim.local_variables()
    assert len(variables) == case.facts["metric_collections"]["metric_variables"]
    for v, (name, shape, _) in zip(variables, case.facts["local_variables"], strict=True):
        assert v.op.name == name
        assert shape is None or v.shape.as_list() == shape
    arrays, expected = case.arrays("inputs"), case.arrays("outputs")
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    if "value0" in expected:
        close(session.run(value), expected["value0"], "at first")
    for i in range(5):
        found = session.run(update, {inputs[name]: a[i] for name, a in arrays.items()})
        if f"update{i + 1}" in expected:
            close(found, expected[f"update{i + 1}"], f"update {i + 1}")
        if f"value{i + 1}" in expected:
            close(session.run(value), expected[f"value{i + 1}"], f"value {i + 1}")


def test_accuracy_of_batches():
    (case,) = [c for c in CASES if c.id == "accuracy"]
    value, inputs = build(case)
    arrays = case.arrays("inputs")
    for i in range(5):
        close(
            slim.Session().run(value, {inputs[k]: a[i] for k, a in arrays.items()}), case.arrays("outputs")[f"acc{i}"],
            str(i),
        )  # fmt: skip


def test_area_by_histogram():
    (case,) = [c for c in CASES if c.id == "auc_using_histogram"]
    (value, update), inputs = build(case)
    arrays = case.arrays("inputs")
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    for i in range(5):
        session.run(update, {inputs[k]: a[i] for k, a in arrays.items()})
    close(session.run(value), case.arrays("outputs")["auc"], "auc")


def test_every_case_is_here():
    assert len(CASES) == 92
