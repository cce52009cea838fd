"""Convolution, pooling and batch normalization against TensorFlow, in both orders of dimensions.

`golden/conv` is written by `tools/make_conv_golden.py`. Inputs are small whole numbers, so sums are exact in any order
and most results must be equal to the last bit.
"""

import golden_cases
import numpy as np
import pytest

from npslim.autograd import gradients
from npslim.ops.conv import conv1d
from npslim.ops.state import placeholder
from npslim.ops.windows import FORMATS
from npslim.registry import REGISTRY
from npslim.session import Session

CASES = golden_cases.load("conv")
EXACT = ("conv", "depthwise", "max_pool")
TOLERANCE = {np.dtype(np.float64): 1e-13, np.dtype(np.float32): 3e-6}


def arrays(case, kind):
    """The arrays in the dtype that they were computed in."""
    return {key: a.astype(case.facts[kind][key]["dtype"]) for key, a in case.arrays(kind).items()}


def second(x):
    """Channels from the last place to the second."""
    return np.moveaxis(x, -1, 1) if x.ndim > 2 else x


def call(case, inputs, **order):
    args = {key: tuple(v) if isinstance(v, list) else v for key, v in case.args.items()}
    x, *rest = inputs
    channels_first = bool(order)
    if channels_first and not isinstance(args.get("padding", ""), str):
        args["padding"] = (args["padding"][0], args["padding"][-1], *args["padding"][1:-1])
    if case.op == "conv1d":
        return conv1d(x, *rest, args["strides"], args["padding"], dilations=args["dilations"], **order)
    if "output_shape" in args:
        n, *sizes, c = args.pop("output_shape")
        rest.append(np.array([n, c, *sizes] if channels_first else [n, *sizes, c], np.int32))
    return REGISTRY[case.op](x, *rest, **args, **order)


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_tensorflow(case, channels_first):
    given, expected, grads = (arrays(case, kind) for kind in ("inputs", "outputs", "grads"))
    if channels_first and case.op == "local_response_normalization":
        pytest.skip("has no data_format")
    moved = second if channels_first else np.asarray
    image = {"x", "y", "cotangent"}
    given, expected, grads = (
        {key: moved(a) if key in image else a for key, a in part.items()} for part in (given, expected, grads)
    )
    cotangent = given.pop("cotangent")
    order = {"data_format": FORMATS[given["x"].ndim - 2][1]} if channels_first else {}
    inputs = {key: placeholder(a.dtype, [None] * a.ndim) for key, a in given.items()}
    found = call(case, inputs.values(), **order)
    found = found if isinstance(found, tuple) else (found,)
    pulled = gradients(found[0], [inputs[key] for key in grads], cotangent)
    feeds = {inputs[key]: a for key, a in given.items()}
    values, pulled = Session().run([list(found), pulled], feeds)
    for actual, right in zip([*values, *pulled], [*expected.values(), *grads.values()], strict=True):
        assert actual.dtype == right.dtype
        compare(case, actual, right)


def compare(case, actual, right):
    if case.op.startswith(EXACT):
        np.testing.assert_array_equal(actual, right)
        return
    golden_cases.note("conv ops", case, actual, right)
    rtol = TOLERANCE[right.dtype]
    np.testing.assert_allclose(actual, right, rtol=rtol, atol=rtol * np.abs(right).max(initial=0, where=right == right))
