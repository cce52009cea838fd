"""Preprocessing: for evaluation as TensorFlow's ops give it, for training within what was asked for."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim import nets, preprocessing
from npslim.errors import InvalidArgumentError, NotFoundError

GOLDEN = dict(np.load(golden_cases.FOLDER / "preprocessing.npz"))
IMAGE = GOLDEN["image"]
WAYS = {"lenet": {}, "cifarnet": {}, "vgg_16": {"resize_side_min": 30}, "inception_v3": {}}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("name", WAYS)
def test_evaluation_as_tensorflow(name, known):
    expected = GOLDEN[name]
    x = slim.placeholder(slim.uint8, IMAGE.shape if known else [None, None, 3])
    y = preprocessing.get_preprocessing(name)(x, *expected.shape[:2], **WAYS[name])
    assert y.shape.as_list() == list(expected.shape) and y.dtype == slim.float32
    found = slim.Session().run(y, {x: IMAGE})
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name, options, low, high", [
    ("cifarnet", {}, -20, 20), ("vgg_16", {"resize_side_min": 26, "resize_side_max": 40}, -124, 256),
    ("inception_v3", {}, -1, 1), ("inception_v3", {"fast_mode": True}, -1, 1), ("lenet", {}, -1, 1),
])  # fmt: skip
def test_training_draws_anew(name, options, low, high):
    slim.set_random_seed(1)
    x = slim.placeholder(slim.uint8, [None, None, 3])
    y = preprocessing.get_preprocessing(name, is_training=True)(x, 24, 22, **options)
    assert y.shape.as_list() == [24, 22, 3]
    session = slim.Session()
    found = [session.run(y, {x: IMAGE}) for _ in range(24)]
    assert low <= np.min(found) and np.max(found) <= high and np.isfinite(found).all()
    different = len({value.tobytes() for value in found})
    assert different == 1 if name == "lenet" else different > 20
    again = slim.Session()
    np.testing.assert_array_equal(again.run(y, {x: IMAGE}), found[0])  # the seed says which


def test_every_net_has_one():
    for name in nets.factory.names():
        assert callable(preprocessing.get_preprocessing(name))
    with pytest.raises(NotFoundError, match="did you mean vgg_16"):
        preprocessing.get_preprocessing("vgg16_")


def test_bad_pictures():
    with pytest.raises(InvalidArgumentError, match="3 colours"):
        preprocessing.vgg(slim.zeros([40, 40, 1]), 20, 20)
    with pytest.raises(InvalidArgumentError, match=r"target|crop"):
        slim.Session().run(preprocessing.vgg(slim.zeros([40, 40, 3]), 50, 50, resize_side_min=30))
