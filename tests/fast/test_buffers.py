"""Nothing is written over that somebody else may hold."""

import tracemalloc

import numpy as np
import pytest

import npslim as slim
from npslim.ops.conv import conv2d, depthwise_conv2d_native
from npslim.ops.normalize import fused_batch_norm


def test_what_may_share_memory_with_a_result_in_place_is_not_written_over():
    """The difference of b and v might be a view of either. b lies in the memory of a; v does not."""
    x = slim.placeholder("float32", [80, 90])
    v = slim.Variable(np.full((80, 80), 3, np.float32))
    a = slim.matmul(x, x, transpose_b=True)
    b = slim.relu(a)
    total = slim.exp(-slim.reduce_sum(slim.squared_difference(b, v)))
    tripled = v * 3.0
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        assert (session.run([total, tripled], {x: np.zeros((80, 90))})[1] == 9).all()
        assert (session.run(v) == 3).all()


@pytest.mark.parametrize("ahead", [False, True])
def test_moments_that_a_batch_norm_gives_back_are_not_written_over(ahead):
    """The plain kernel, which takes what is laid out otherwise, gives the variable's own array."""
    x = slim.placeholder("float32", [3, 5000])
    mean = slim.Variable(np.full(5000, 3, np.float32))
    one = slim.ones([5000])
    y, given, _ = fused_batch_norm(x, one, one, mean, one, is_training=False)
    doubled = slim.add(given, given) if ahead else given * 2.0
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        found = session.run([slim.relu(y), doubled], {x: np.ones((3, 5000), np.float32, order="F")})
        assert (found[1] == 6).all() and (session.run(mean) == 3).all()


@pytest.mark.parametrize("images, channels", [(0, 3), (2, 0)])
def test_convolutions_of_nothing(images, channels):
    """A window that covers the image is a product of matrices, and so is one of 1x1."""
    x, w = slim.placeholder("float32", [None, 3, 3, channels]), slim.ones([3, 3, channels, 4])
    one = slim.ones([1, 1, channels, 4])
    feeds = {x: np.ones((images, 3, 3, channels))}
    by_channel = slim.ones([3, 3, channels, 1])
    ys = [conv2d(x, w, strides=1, padding="VALID"), conv2d(x, one, strides=1, padding="SAME")]
    ys += [depthwise_conv2d_native(x, by_channel, strides=stride, padding="SAME") for stride in (1, 2)]
    fetches = [*ys, *slim.gradients(ys, [x, w, one, by_channel])]
    for plain, fast in zip(
        *(slim.Session(kernels=name).run(fetches, feeds) for name in ("plain", "fast")), strict=True
    ):
        np.testing.assert_array_equal(plain, fast)


def test_an_update_by_no_images():
    """The gradient is not formed; that of nothing is zero."""
    x, v = slim.placeholder("float32", [None, 400]), slim.Variable(np.ones((400, 300), np.float32))
    y = slim.matmul(x, v)
    train = slim.MomentumOptimizer(0.5, 0.5).minimize(slim.reduce_sum(y * y))
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    session.run(train, {x: np.zeros((0, 400))})
    assert "joined" in session.explain(train, {x: 0}) and (session.run(v) == 1).all()


def test_a_loop_over_a_part_of_a_concatenation():
    """As the gradient of relu does behind inception's branches: the plain bits, and no new array each time."""
    x, beside = (slim.placeholder("float32", [20, 30, 40]) for _ in range(2))
    wide = slim.concat([slim.relu(x), beside], 2)
    gradient = slim.gradients(wide, [x], slim.tanh(wide))[0]
    total = slim.exp(-slim.reduce_sum(gradient))
    rng = np.random.default_rng(0)
    feeds = {t: rng.normal(size=(20, 30, 40)).astype("f") for t in (x, beside)}
    plain, fast = (slim.Session(kernels=name, threads=1) for name in ("plain", "fast"))
    for _ in range(3):
        np.testing.assert_array_equal(plain.run(gradient, feeds), fast.run(gradient, feeds))
        assert fast.run(total, feeds) == plain.run(total, feeds)
    assert "loop where_positive" in fast.explain(total, feeds)
    tracemalloc.start()
    fast.run(total, feeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 16


@pytest.mark.parametrize("axes", [[1, 2], [0, 1], [3], None])
def test_a_loop_over_the_gradient_of_a_mean(axes):
    """It is a few numbers, repeated without memory for them: the loop that would be in place takes a buffer."""
    x = slim.placeholder("float32", [3, 20, 30, 40])
    mean = slim.reduce_mean(slim.relu(slim.tanh(x)), axes)
    gradient = slim.gradients(slim.reduce_sum(mean * mean), [x])[0]
    total = slim.exp(-slim.reduce_sum(gradient))
    feeds = {x: np.random.default_rng(0).normal(size=(3, 20, 30, 40)).astype("f")}
    plain, fast = (slim.Session(kernels=name, threads=1) for name in ("plain", "fast"))
    for _ in range(3):
        kept = fast.run([gradient, total], feeds)
        for a, b in zip(plain.run([gradient, total], feeds), kept, strict=True):
            np.testing.assert_array_equal(a, b)
        assert fast.run(total, feeds) == kept[1]
    assert "in place or into a buffer" in fast.explain(total, feeds)
    tracemalloc.start()
    fast.run(total, feeds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 16
