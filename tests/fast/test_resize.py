"""Bilinear resizing in place: the bits of the plain kernel."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast.resize import resize_bilinear as quick
from npslim.image import resize_bilinear


def plain(images, size, **how):
    with slim.Graph().as_default(), slim.Session(kernels="plain") as session:
        return session.run(resize_bilinear(images, size, **how))


@pytest.mark.parametrize("how", [{}, {"align_corners": True}, {"half_pixel_centers": True}])
@pytest.mark.parametrize("size", [(7, 3), (4, 5), (1, 1), (12, 20), (3, 5)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_bits_are_those_of_the_plain_kernel(how, size, channels):
    images = np.random.default_rng(0).normal(size=(2, 4, 5, channels)).astype(np.float32)
    before = images.copy()
    np.testing.assert_array_equal(quick(images, size, **how), plain(images, size, **how))
    np.testing.assert_array_equal(images, before)


def test_other_arrays_are_left_to_the_plain_kernel():
    images = np.ones((1, 4, 5, 3), np.float32)
    assert quick(images.astype(np.float64), (2, 2)) is None
    assert quick(images[:, ::2], (2, 2)) is None
    assert quick(images[:0], (2, 2)) is None


def test_a_session_takes_it():
    images = np.random.default_rng(1).integers(0, 256, (3, 9, 8, 3)).astype(np.float32)
    found = slim.Session().run(resize_bilinear(images, [5, 6]))
    np.testing.assert_array_equal(found, plain(images, [5, 6]))
