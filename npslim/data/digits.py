"""The handwritten digits that npslim carries: 1,797 real images, 8 x 8 pixels each.

Source: E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits (the test set), UCI Machine Learning
Repository, https://doi.org/10.24432/C50P49. Licence: CC BY 4.0. See README.md in this folder.
"""

import gzip
from importlib import resources

import numpy as np

from npslim.errors import InvalidArgumentError

COUNT, SIDE, CLASSES = 1797, 8, 10
_DARKEST = 16  # a pixel counts the inked points of a 4 x 4 block


def load() -> tuple[np.ndarray, np.ndarray]:
    """All images and labels, in the file's order.

    Returns `images [1797, 8, 8, 1]` float32 from 0 (paper) to 1 (ink), and `labels [1797]` int64 from 0 to 9.
    """
    file = resources.files("npslim.data") / "digits.csv.gz"
    with file.open("rb") as packed, gzip.open(packed, "rt", encoding="ascii") as rows:
        table = np.loadtxt(rows, delimiter=",", dtype=np.int64)
    images = table[:, :-1].reshape(-1, SIDE, SIDE, 1).astype(np.float32) / np.float32(_DARKEST)
    return images, table[:, -1].copy()


def split(test_share: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`(train_images, train_labels, test_images, test_labels)`: every image once, `test_share` of them held out.

    Shapes and dtypes are those of `load()`. The same seed gives the same split on every machine and under every NumPy.
    Raises InvalidArgumentError for a share outside [0, 1].
    """
    if not 0 <= test_share <= 1:
        raise InvalidArgumentError(
            "digits.split: test_share is a part of the whole.", expected="0 <= test_share <= 1", got=test_share
        )
    images, labels = load()
    held_out = round(test_share * len(labels))
    order = _permutation(len(labels), seed)
    test, train = order[:held_out], order[held_out:]
    return images[train], labels[train], images[test], labels[test]


def _permutation(count, seed):
    """A random order of `range(count)`, from raw bits: NumPy promises that those never change, but not `shuffle`."""
    return np.argsort(np.random.Philox(seed).random_raw(count), kind="stable")
