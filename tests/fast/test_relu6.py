"""relu6 as a loop, and its gradient as one: the same bits, NaN and infinite cotangents among them."""

import numpy as np
import pytest

import npslim as slim

VALUES = np.array([-3.0, -0.0, 0.0, 1e-30, 2.5, 6.0, 6.5, np.inf, -np.inf, np.nan])


def both(fetches, feeds):
    """What plain and fast kernels give."""
    return [slim.Session(kernels=name, threads=2).run(fetches, feeds) for name in ("plain", "fast")]


def same_bits(a, b):
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 500, 30_001])
def test_it_has_the_bits_of_the_plain_kernels(rows, dtype):
    x, g = (slim.placeholder(dtype, [None, 20]) for _ in range(2))
    y = slim.relu6(x)
    z = slim.gradients(y, [x], g)[0]
    rng = np.random.default_rng(rows)
    feeds = {x: rng.choice(VALUES, (rows, 20)), g: rng.choice(VALUES, (rows, 20))}
    plain, fast = both([slim.tanh(y), z], feeds)
    for a, b in zip(plain, fast, strict=True):
        same_bits(a, b)
    text = slim.Session().explain([y, z], feeds)
    assert "loop maximum+minimum" in text and "loop where_inside" in text and "Select" in text
    assert not any(line.split()[2] in ("Greater", "Less", "LogicalAnd") for line in text.splitlines())


def test_what_is_read_between_is_there():
    x = slim.placeholder("float32", [300, 20])
    z = slim.gradients(slim.relu6(x), [x])[0]
    inside = z.op.inputs[0]
    feeds = {x: np.linspace(-2, 8, 6000).reshape(300, 20)}
    for a, b in zip(*both([z, inside], feeds), strict=True):
        np.testing.assert_array_equal(a, b)
    fed = {**feeds, inside: np.zeros((300, 20), bool)}
    assert not both(z, fed)[1].any()
    below = inside.op.inputs[1]
    assert not both(z, {**feeds, below: np.zeros((300, 20), bool)})[1].any()


def test_other_bounds_and_other_values_are_not_mistaken():
    x, g = (slim.placeholder("float32", [300, 20]) for _ in range(2))
    feeds = {x: np.linspace(-2, 8, 6000).reshape(300, 20), g: np.ones((300, 20))}
    inside, none = slim.logical_and(x > 0.0, x < 6.0), slim.constant(0.0)
    zs = [
        slim.where(slim.logical_and(x > 0.5, x < 6.0), g, 0.0),
        slim.where(slim.logical_and(x > 0.0, x < 5.0), g, 0.0),
        slim.where(slim.logical_and(x > 0.0, g < 6.0), g, 0.0),
        slim.where(inside, g, 1.0),
        slim.where(slim.logical_and(x < 0.0, x > 6.0), g, 0.0),
        slim.where(slim.logical_and(x > 0.0, x < 6.0), g, none),
    ]
    for z in zs:
        np.testing.assert_array_equal(*both(z, feeds))
        np.testing.assert_array_equal(*both(z, {**feeds, none: np.float32(7)}))
