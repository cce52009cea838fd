"""The bundled digits: the right file, the right scale, and a split that stays."""

import csv
import gzip
import zlib
from importlib import resources

import numpy as np
import pytest

from npslim.data import digits
from npslim.errors import InvalidArgumentError


def rows_of_the_file():
    """The file read another way: by the csv module, row by row."""
    with gzip.open(resources.files("npslim.data") / "digits.csv.gz", "rt") as file:
        return [[int(float(cell)) for cell in row] for row in csv.reader(file)]


def test_shapes_and_dtypes():
    images, labels = digits.load()
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.float32
    assert labels.shape == (1797,) and labels.dtype == np.int64


def test_every_pixel_and_label_is_the_file_s():
    images, labels = digits.load()
    for image, label, row in zip(images, labels, rows_of_the_file(), strict=True):
        for pixel, points in enumerate(row[:64]):
            assert image[pixel // 8, pixel % 8, 0] == points / 16
        assert label == row[64]


def test_the_whole_scale_and_every_digit_occur():
    images, labels = digits.load()
    assert images.min() == 0 and images.max() == 1
    # The counts that the UCI repository states for the test set.
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_split_holds_out_a_share_and_loses_nothing():
    images, labels = digits.load()
    train_images, train_labels, test_images, test_labels = digits.split()
    assert len(test_images) == len(test_labels) == 359  # 20 % of 1797
    assert len(train_images) == len(train_labels) == 1438
    both = [(image.tobytes(), label) for image, label in zip(train_images, train_labels, strict=True)]
    both += [(image.tobytes(), label) for image, label in zip(test_images, test_labels, strict=True)]
    assert sorted(both) == sorted((image.tobytes(), label) for image, label in zip(images, labels, strict=True))
    assert set(test_labels) == set(range(10))


def test_split_is_the_same_everywhere():
    labels = digits.split()[3]
    assert zlib.crc32(labels.astype("<i8").tobytes()) == 0xCF9C2404
    assert np.array_equal(labels, digits.split()[3])


def test_another_seed_is_another_split():
    assert not np.array_equal(digits.split(seed=1)[3], digits.split(seed=2)[3])


@pytest.mark.parametrize("share, held_out", [(0, 0), (0.5, 898), (1, 1797)])
def test_share(share, held_out):
    train_images, train_labels, test_images, test_labels = digits.split(share)
    assert test_images.shape == (held_out, 8, 8, 1) and test_labels.shape == (held_out,)
    assert train_images.shape == (1797 - held_out, 8, 8, 1) and train_labels.shape == (1797 - held_out,)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InvalidArgumentError, match=rf"test_share.*\n  expected .*\n  got      {share}"):
        digits.split(share)
