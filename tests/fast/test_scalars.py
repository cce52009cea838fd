"""Single numbers take the short way, with the plain kernels' values, dtypes and errors."""

import itertools

import numpy as np
import pytest

from npslim.fast import scalars
from npslim.ops.debug import check_numerics
from npslim.ops.elementwise import divide_no_nan

NUMBERS = [0.0, -0.0, 1.5, -3.0, 1e-40, 3e38, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("make", [np.asarray, lambda x, dtype: np.dtype(dtype).type(x)])
def test_division(dtype, make):
    with np.errstate(all="ignore"):
        for x, y in itertools.product(NUMBERS, repeat=2):
            x, y = make(x, dtype=dtype), make(y, dtype=dtype)
            found, plain = scalars.divide_no_nan(x, y), divide_no_nan.kernel(x, y)
            assert found.dtype == plain.dtype and found.shape == ()
            assert np.asarray(found).tobytes() == np.asarray(plain).tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_checks(dtype):
    with np.errstate(all="ignore"):
        for x in NUMBERS:
            x = np.asarray(x, dtype)
            assert scalars.check_numerics(x, message="") is (x if np.isfinite(x) else None)


def test_others_are_left_to_the_plain_kernels():
    assert scalars.divide_no_nan(np.ones(2), np.ones(2)) is None
    assert scalars.divide_no_nan(np.float32(1), np.ones(2, "f")) is None
    assert scalars.check_numerics(np.ones(2), message="") is None
    assert scalars.check_numerics(np.int32(1), message="") is None
    assert check_numerics.kernel(np.float32(1), message="") == 1
