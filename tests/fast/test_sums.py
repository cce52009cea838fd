"""The sum of squares by blocks: as exact as the plain one, the same for any number of threads, and without an array."""

import tracemalloc

import numpy as np
import pytest

import npslim as slim
from npslim.fast import sums
from npslim.fast.workers import sharing
from npslim.ops.reduce import reduce_sum


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(8192,), (100, 100), (3, 7, 5000), (40_001,)])
@pytest.mark.parametrize("draw", ["normal", "equal", "rising"])
def test_the_sum_is_exact(shape, dtype, draw):
    rng, count = np.random.default_rng(1), int(np.prod(shape))
    values = {"normal": rng.normal(size=count), "equal": np.full(count, 0.1), "rising": np.arange(count) * 0.01}
    x = values[draw].astype(dtype).reshape(shape)
    found = []
    for threads in (1, 2, 4):
        with sharing(threads):
            found.append(sums.l2_loss(x))
    exact = float((x.astype(np.longdouble) ** 2).sum() / 2)
    assert {type(y) for y in found} == {x.dtype.type} and len(set(found)) == 1
    assert abs(found[0] - exact) <= 4 * np.finfo(dtype).eps * exact


@pytest.mark.parametrize("array", [np.ones(100, "f"), np.ones((200, 200), "f").T[:, ::2], np.ones(9000, np.float16)])
def test_others_are_left_to_the_plain_kernel(array):
    assert sums.l2_loss(array) is None
    assert slim.Session(kernels="fast").run(slim.l2_loss(array)) == array.size / 2


def test_it_takes_no_array_of_squares():
    x = slim.placeholder("float32", [1000, 500])
    loss, session, feeds = slim.l2_loss(x), slim.Session(kernels="fast", threads=1), {x: np.ones((1000, 500), "f")}
    assert session.run(loss, feeds) == 250_000
    tracemalloc.start()
    session.run(loss, feeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 16


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("axis", [None, (), 0, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [True, False])
def test_a_sum_of_an_array_is_that_of_the_plain_kernel(axis, keepdims, dtype):
    whole = np.random.default_rng(2).normal(size=(3, 40, 50)).astype(dtype)
    for x in (whole, whole[:, ::2], whole[:0], whole.transpose(2, 0, 1)):
        found, plain = (sum_of(x, axis=axis, keepdims=keepdims) for sum_of in (sums.reduce_sum, reduce_sum.kernel))
        assert type(found) is type(plain) and found.dtype == plain.dtype and found.shape == plain.shape
        assert found.tobytes() == plain.tobytes() and not np.shares_memory(found, x)


@pytest.mark.parametrize("x", [np.float32(1), np.ones(3, np.float16), np.ones(3, int), np.ones(3, complex)])
def test_other_sums_are_left_to_the_plain_kernel(x):
    assert sums.reduce_sum(x, axis=None, keepdims=False) is None
