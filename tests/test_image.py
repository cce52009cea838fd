"""`npslim.image` against TensorFlow: values, gradients, dtypes, and the class of the error for bad input."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim.errors import InvalidArgumentError, OpError

CASES = golden_cases.load("image")
RIGHT = [case for case in CASES if "error" not in case.facts]
WRONG = [case for case in CASES if "error" in case.facts]
ERRORS = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "InvalidArgumentError": InvalidArgumentError,
    "OutOfRangeError": InvalidArgumentError,
}  # fmt: skip - numbers of images that there are not: no end of data


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
        if case.args.get("method") == "nearest" and x is list(feeds)[1]:  # the boxes
            assert slim.gradients(outputs[0], [x]) == [None]  # TensorFlow gives that of bilinear parts
            continue
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


# ---- at random

PICTURES = np.arange(4 * 5 * 6 * 3, dtype=np.float32).reshape(4, 5, 6, 3) / 360


def drawn(make, count):
    """`count` values of one node."""
    slim.set_random_seed(1)
    y, session = make(), slim.Session()
    return [session.run(y) for _ in range(count)]


@pytest.mark.parametrize("flip, axis", [("left_right", 2), ("up_down", 1)])
def test_random_flips(flip, axis):
    found = drawn(lambda: getattr(slim.image, f"random_flip_{flip}")(PICTURES), 100)
    turned = np.flip(PICTURES, axis)
    flips = [[np.array_equal(a, b) for a, b in zip(value, turned, strict=True)] for value in found]
    kept = [[np.array_equal(a, b) for a, b in zip(value, PICTURES, strict=True)] for value in found]
    np.testing.assert_array_equal(flips, np.logical_not(kept))
    assert 0.4 < np.mean(flips) < 0.6 and np.std(np.mean(flips, axis=1)) > 0.1  # each picture for itself
    single = drawn(lambda: getattr(slim.image, f"random_flip_{flip}")(PICTURES[0]), 60)
    assert 15 < sum(np.array_equal(value, turned[0]) for value in single) < 45


@pytest.mark.parametrize(
    "change, limits, bounds",
    [("brightness", (0.25,), (-0.25, 0.25)), ("hue", (0.2,), (-0.2, 0.2)), ("contrast", (0.5, 1.5), (0.5, 1.5)),
     ("saturation", (0.5, 1.5), (0.5, 1.5))],
)  # fmt: skip
def test_random_colours(change, limits, bounds):
    x = slim.constant(PICTURES[0])
    y = getattr(slim.image, f"random_{change}")(x, *limits, seed=2)
    draw = slim.get_default_graph().get_tensor_by_name("random_uniform:0")
    session, used = slim.Session(), []
    for _ in range(20):
        value, by = session.run([y, draw])
        used.append(by)
        expected = getattr(slim.image, f"adjust_{change}")(x, by)
        np.testing.assert_allclose(value, session.run(expected), rtol=1e-5, atol=1e-6)
    assert bounds[0] <= min(used) < max(used) <= bounds[1] and len(set(map(float, used))) == 20


def test_random_crop():
    found = drawn(lambda: slim.image.random_crop(PICTURES[0], [2, 4, 3]), 200)
    places = {(round(float(v[0, 0, 0]) * 360) // 18, round(float(v[0, 0, 0]) * 360) % 18 // 3) for v in found}
    assert places == {(y, x) for y in range(4) for x in range(3)}
    for value in found[:20]:
        y, x = round(float(value[0, 0, 0]) * 360) // 18, round(float(value[0, 0, 0]) * 360) % 18 // 3
        np.testing.assert_array_equal(value, PICTURES[0, y : y + 2, x : x + 4])
    with pytest.raises(InvalidArgumentError, match="value.shape >= size"):
        slim.Session().run(slim.image.random_crop(PICTURES[0], [6, 4, 3]))


@pytest.mark.parametrize("covered", [0.1, 0.5, 1.0])
def test_random_parts_show_the_box(covered):
    box = [0.25, 0.5, 0.5, 0.75]
    begin, size, part = slim.image.sample_distorted_bounding_box(
        [40, 60, 3], [[box]], min_object_covered=covered, aspect_ratio_range=(0.8, 1.2), area_range=(0.2, 0.7), seed=1
    )
    cut = slim.slice(slim.zeros([40, 60, 3]), begin, size)
    session, sizes = slim.Session(), set()
    for _ in range(100):
        (y, x, c), (h, w, all_channels), edges, value = session.run([begin, size, part, cut])
        assert (c, all_channels) == (0, -1) and value.shape == (h, w, 3)
        np.testing.assert_allclose(edges[0, 0], [y / 40, x / 60, (y + h) / 40, (x + w) / 60], rtol=1e-6)
        assert 0.2 <= h * w / 2400 <= 0.7 and abs(w - 1.2 * h) < 0.4 * h + 1
        shared = max(0, min(20, y + h) - max(10, y)) * max(0, min(45, x + w) - max(30, x))
        assert shared >= covered * 150
        sizes.add((h, w))
    assert len(sizes) > 10


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: slim.image.random_brightness(x, -1), "non-negative"),
        (lambda x: slim.image.random_hue(x, 0.6), "half a turn"),
        (lambda x: slim.image.random_contrast(x, 1.5, 0.5), "upper must be > lower"),
        (lambda x: slim.image.random_saturation(x, -1, 0.5), "non-negative"),
        (lambda x: slim.image.sample_distorted_bounding_box([4, 4, 3], np.zeros((1, 0, 4)))[0], "no bounding boxes"),
        (lambda x: slim.image.sample_distorted_bounding_box([4, 4, 3], [[[0, 0, 2, 1]]])[0], "outside of the image"),
        (
            lambda x: slim.image.sample_distorted_bounding_box([4, 4, 3], [[[0, 0, 1, 1]]], area_range=(0, 2)),
            "no range",
        ),
    ],
)
def test_wrong_limits(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        slim.Session().run(make(slim.constant(PICTURES[0])))
