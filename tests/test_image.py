"""`npslim.image` against TensorFlow: values, gradients, dtypes, and the class of the error for bad input."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim.errors import InvalidArgumentError, OpError

CASES = golden_cases.load("image")
RIGHT = [case for case in CASES if "error" not in case.facts]
WRONG = [case for case in CASES if "error" in case.facts]
ERRORS = {"ValueError": ValueError, "TypeError": TypeError, "InvalidArgumentError": InvalidArgumentError}


def build(case):
    """(outputs, {input: array}) in the default graph."""
    arrays = [a for key, a in case.arrays("inputs").items() if key != "cotangent"]
    inputs = [slim.placeholder(a.dtype, [None] * a.ndim if case.facts["unknown"] else a.shape) for a in arrays]
    outputs = golden_cases.resolve(case.op, slim)(*inputs, **golden_cases.resolved(case.args, slim))
    return list(outputs) if isinstance(outputs, tuple) else [outputs], dict(zip(inputs, arrays, strict=True))


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_as_tensorflow(case):
    outputs, feeds = build(case)
    values = slim.Session().run(outputs, feeds)
    expected = zip(case.arrays("outputs").values(), case.facts["static"], strict=True)
    for output, value, (right, static) in zip(outputs, values, expected, strict=True):
        assert value.dtype == right.dtype == output.dtype.as_numpy_dtype
        assert output.shape.is_compatible_with(right.shape)
        assert output.shape.merge_with(static) == output.shape, "as much is known as in TensorFlow"
        close(value, right)
    for right in case.arrays("grads").values():
        x = next(x for x in feeds if x.dtype.is_floating)
        (slope,) = slim.gradients(outputs[0], [x], [slim.constant(case.arrays("inputs")["cotangent"])])
        close(slim.Session().run(slope, feeds), right)


def close(actual, right):
    """Equal, or for floats within some roundings of the largest element."""
    assert actual.shape == right.shape
    if right.dtype.kind == "f":
        size = np.abs(right).max(initial=0, where=np.isfinite(right))
        np.testing.assert_allclose(actual, right, rtol=2e-6, atol=2e-6 * max(size, 1e-3))
    else:
        np.testing.assert_array_equal(actual, right)


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_refuses_what_tensorflow_refuses(case):
    with pytest.raises(ERRORS[case.facts["error"]]) as caught:
        outputs, feeds = build(case)
        slim.Session().run(outputs, feeds)
    assert isinstance(caught.value, OpError), "an error of npslim, in its layout"
    assert "\n  expected" in str(caught.value)


def test_a_size_may_be_a_tensor():
    x = np.arange(24.0, dtype=np.float32).reshape(1, 4, 6, 1)
    size = slim.placeholder(slim.int32, [2])
    y = slim.image.resize_images(x, size, method=slim.image.ResizeMethod.AREA)
    assert y.shape.as_list() == [1, None, None, 1]
    value = slim.Session().run(y, {size: [2, 3]})
    np.testing.assert_array_equal(value, x.reshape(1, 2, 2, 3, 2, 1).mean((2, 4)))
    with pytest.raises(InvalidArgumentError, match="no pixels"):
        slim.Session().run(y, {size: [0, 3]})


def test_an_unknown_rank_is_refused():
    with pytest.raises(ValueError, match="rank"):
        slim.image.resize_images(slim.placeholder(slim.float32), [2, 2])
