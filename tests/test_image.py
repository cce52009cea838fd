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
        np.testing.assert_allclose(actual, right, rtol=3e-6, atol=3e-6 * max(size, 1e-3))
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


ADJUSTED = {
    "adjust_brightness": {"delta": 0.2},
    "adjust_contrast": {"contrast_factor": 1.4},
    "adjust_gamma": {"gamma": 1.7},
    "adjust_hue": {"delta": 0.15},
    "adjust_saturation": {"saturation_factor": 0.7},
    "per_image_standardization": {},
}


@pytest.mark.parametrize("name", ADJUSTED)
def test_slope_of_an_adjustment(name):
    rng = np.random.default_rng(2)
    image = rng.permuted(np.tile([0.2, 0.45, 0.75], (2, 4, 5, 1)) + rng.uniform(-0.1, 0.1, (2, 4, 5, 3)), axis=-1)
    image, along = image.astype(np.float32), rng.normal(size=image.shape).astype(np.float32)
    x = slim.placeholder(slim.float32, image.shape)
    y = getattr(slim.image, name)(x, **ADJUSTED[name])
    weights = rng.normal(size=image.shape).astype(np.float32)
    (slope,) = slim.gradients(slim.reduce_sum(y * weights), [x])
    session, step = slim.Session(kernels="reference"), 2e-3
    ahead, behind = (session.run(y, {x: image + sign * step * along}).astype(np.float64) for sign in (1, -1))
    measured = ((ahead - behind) * weights).sum() / (2 * step)
    np.testing.assert_allclose((session.run(slope, {x: image}) * along).sum(), measured, rtol=2e-3)


def test_a_picture_of_one_colour_has_a_finite_slope():
    x = slim.placeholder(slim.float32, [3, 4, 2])
    (slope,) = slim.gradients(slim.image.per_image_standardization(x), [x])
    assert np.isfinite(slim.Session().run(slope, {x: np.full((3, 4, 2), 0.5)})).all()


def test_equal_pictures_are_alike():
    x = np.random.default_rng(1).uniform(size=(2, 12, 12, 3)).astype(np.float32)
    alike, noise = slim.Session().run([slim.image.ssim(x, x, 1.0), slim.image.psnr(x, x, 1.0)])
    np.testing.assert_allclose(alike, [1, 1], rtol=1e-6)
    assert (noise == np.inf).all()


@pytest.mark.parametrize("dtype", [slim.bool, slim.string, slim.complex64])
def test_what_is_no_colour_is_refused(dtype):
    with pytest.raises(TypeError, match="floating or integer"):
        slim.image.convert_image_dtype(slim.placeholder(slim.float32, [2, 2, 1]), dtype)
