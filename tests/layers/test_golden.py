"""Layers against TensorFlow: values, gradients, names, shapes, collections and moving averages."""

import inspect

import golden_cases
import numpy as np
import pytest

import npslim as slim

CASES = [case for case in golden_cases.load("layers") if "error" not in case.facts]
HERE = [case for case in CASES if golden_cases.is_here(case, slim)]


def build(case):
    """(output, {short name: input tensor}) of the layer in a fresh graph."""
    arrays = case.arrays("inputs")
    args = golden_cases.resolved(dict(case.args), slim)
    args.pop("dtype", None)
    inputs = {
        name: slim.placeholder(array.dtype, [None, *array.shape[1:]], name=name)
        for name, array in arrays.items()
        if not name.startswith("var:") and name != "cotangent"
    }
    positional = args.pop("args", ())
    if case.op == "slim.repeat":
        output = slim.repeat(inputs["x"], args.pop("repetitions"), args.pop("layer"), *positional, **args)
    else:
        function = golden_cases.resolve(case.op, slim)
        names = case.facts.get("output_op_name") or ""
        if case.op.startswith("slim.") and "/" in names:
            parameters = inspect.signature(function).parameters
            args.setdefault("name" if "name" in parameters else "scope", names.split("/")[0])
        times = 4.0 if case.id == "recompute_like_relu6" else None  # its inputs are stored before this factor
        output = function(*(x * times if times else x for x in inputs.values()), *positional, **args)
    return output, inputs


@pytest.mark.parametrize("case", HERE, ids=str)
def test_layer(case):
    output, inputs = build(case)
    variables = slim.get_variables()
    assert [[v.op.name, v.shape.as_list(), v in slim.get_trainable_variables()] for v in variables] == case.facts[
        "variables"
    ]
    if case.facts.get("output_op_name"):
        assert output.op.name == case.facts["output_op_name"]
    batch = 1 if case.op == "slim.images_to_sequence" else 0
    static = [None if i == batch else n for i, n in enumerate(case.facts["static_shape"])]
    assert output.shape.as_list() == static
    for collection, size in case.facts.get("collections", {}).items():
        assert len(slim.get_default_graph().get_collection(collection)) == size, collection
    arrays = case.arrays("inputs")
    feeds = {tensor: arrays[name] for name, tensor in inputs.items()}
    updates = slim.get_collection(slim.GraphKeys.UPDATE_OPS)
    loss = slim.reduce_sum(output * arrays["cotangent"]) if "cotangent" in arrays else None
    wanted = {**inputs, **{f"var:{v.op.name}": v for v in variables}}
    grads = case.arrays("grads")
    symbols = slim.gradients(loss, [wanted[name] for name in grads]) if grads else []
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for v in variables:
        v.load(case.variables[v.op.name], session)
    expected = case.arrays("outputs")
    compare(case, "y", session.run(output, feeds), expected["y"])
    for (name, right), value in zip(grads.items(), session.run(symbols, feeds), strict=True):
        compare(case, f"gradient by {name}", value, right)
    session.run(updates, feeds)
    for v in variables:
        if f"after:{v.op.name}" in expected:
            compare(case, f"{v.op.name} after the updates", session.run(v), expected[f"after:{v.op.name}"])


def compare(case, what, actual, expected):
    """Within float32's rounding of sums of some hundred terms."""
    actual = np.asarray(actual)
    assert actual.dtype == expected.dtype, what
    golden_cases.note("layers", f"{case.id}: {what}", actual, expected)
    wide = 1e-12 if expected.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(
        actual, expected, rtol=wide, atol=wide * max(np.abs(expected).max(initial=0), 0.1), err_msg=f"{case.id}: {what}"
    )


WITHOUT_KERNEL = {
    case.op: case for case in golden_cases.load("layers") if "no CPU kernel" in case.facts.get("error", "")
}
CALLS = {"slim.conv2d": (4, [3, 3]), "slim.max_pool2d": ([3, 3],), "slim.avg_pool2d": ([3, 3],)}


@pytest.mark.parametrize("op", CALLS)
def test_channels_first_where_tensorflow_has_no_kernel(op):
    """TensorFlow refuses these on a CPU; here they are the same layers with channels last, transposed."""
    case, function = WITHOUT_KERNEL[op], golden_cases.resolve(op, slim)
    x = case.arrays("inputs")["x"]
    first = function(x, *CALLS[op], scope="s", data_format=case.args["data_format"])
    with slim.variable_scope("", reuse=True):
        last = function(slim.transpose(x, [0, 2, 3, 1]), *CALLS[op], scope="s")
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    a, b = session.run([first, last])
    assert set(CALLS) == set(WITHOUT_KERNEL)
    np.testing.assert_allclose(a, np.moveaxis(b, -1, 1), rtol=1e-6, atol=1e-6)


def test_what_tf_slim_has_no_name_for():
    """`poincare_normalize` is no name of tf_slim, only of its layers."""
    (name,) = [c.op for c in golden_cases.load("layers") if c.facts.get("error", "").startswith("AttributeError")]
    assert name == "slim.poincare_normalize" and slim.layers.poincare_normalize
