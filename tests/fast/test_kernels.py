"""A fast kernel gives what the plain one gives: within a few roundings of each product's terms, on whatever shape."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from npslim.fast import conv
from npslim.fast.arena import Arena
from npslim.fast.kernels import FAST
from npslim.ops.conv import conv2d, conv2d_backprop_filter, conv2d_backprop_input
from npslim.ops.linear import matmul

FAMILY = (conv2d, conv2d_backprop_input, conv2d_backprop_filter)
OPS = {op.name: op for op in (*FAMILY, matmul)}


@pytest.fixture(params=["tiles", "small tiles"])
def tiles(request, monkeypatch):
    """With tiles as they are, and with so small ones that each case has many."""
    if request.param == "small tiles":
        monkeypatch.setattr(conv, "PLACES", 2)
        monkeypatch.setattr(conv, "TILE", 256)


def check_sums(op, arrays, attrs):
    """In both dtypes: each element of the fast kernel's result is off by a few roundings of the sum of its terms."""
    for dtype in ("f", "d"):
        given = [np.asarray(a, dtype) for a in arrays]
        result = FAST[op.name](Arena(), *given, **attrs)
        if result is None:
            continue
        assert result.dtype == dtype
        terms = op.kernel(*(np.abs(a) for a in given), **attrs)
        for wide in (dtype, "d"):  # beside the plain kernel, and beside the sums in double precision
            expected = op.kernel(*(a.astype(wide) for a in given), **attrs)
            assert result.shape == expected.shape
            assert (np.abs(result - expected) <= 4 * np.finfo(dtype).eps * terms).all()


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_case_of_the_op(name, tiles):
    op = OPS[name]
    for case in op.all_cases:
        if all(np.asarray(a).dtype.kind == "f" for a in case.draw(np.random.default_rng(7))):
            check_sums(op, case.draw(np.random.default_rng(7)), case.attrs)


def test_each_fast_kernel_is_tested_here():
    assert set(FAST) == set(OPS)


def test_dilated_windows_are_left_to_the_plain_kernel():
    x, w = np.ones((1, 5, 5, 1), "f"), np.ones((2, 2, 1, 1), "f")
    assert FAST["conv2d"](Arena(), x, w, strides=1, padding="SAME", dilations=2) is None


@st.composite
def convolutions(draw):
    """(x, w, g, attrs) of a convolution."""
    kernel, strides = draw(st.tuples(*[st.integers(1, 5)] * 2)), draw(st.tuples(*[st.integers(1, 3)] * 2))
    n, h, w = draw(st.integers(1, 3)), draw(st.integers(1, 11)), draw(st.integers(1, 11))
    c, o = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    pads = st.tuples(st.integers(0, 6), st.integers(0, 6))
    padding = draw(st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(pads, pads)))
    if isinstance(padding, tuple):
        kernel = tuple(min(k, size + sum(p)) for k, size, p in zip(kernel, (h, w), padding, strict=True))
        padding = ((0, 0), *padding, (0, 0))
    elif padding == "VALID":
        kernel = min(kernel[0], h), min(kernel[1], w)
    attrs = {"strides": strides, "padding": padding}
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x, filters = rng.normal(size=(n, h, w, c)), rng.normal(size=(*kernel, c, o))
    return x, filters, rng.normal(size=conv2d.kernel(x, filters, **attrs).shape), attrs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolutions())
def test_drawn_convolutions(tiles, drawn):
    x, w, g, attrs = drawn
    check_sums(conv2d, (x, w), attrs)
    check_sums(conv2d_backprop_input, (x, w, g), attrs)
    check_sums(conv2d_backprop_filter, (x, w, g), attrs)


@pytest.mark.parametrize(
    "shape, kernel, stride",
    [
        ((2, 30, 30, 16), (3, 3, 16, 24), 1),
        ((1, 40, 40, 3), (7, 7, 3, 16), 2),
        ((3, 17, 17, 32), (1, 7, 32, 16), 1),
        ((3, 17, 17, 32), (7, 1, 32, 16), 1),
        ((4, 14, 14, 1), (5, 5, 1, 32), 1),
        ((2, 15, 15, 64), (1, 1, 64, 32), 2),
        ((2, 7, 7, 128), (3, 3, 128, 128), 1),
    ],
)
def test_convolutions_as_nets_have_them(shape, kernel, stride):
    rng = np.random.default_rng(1)
    attrs = {"strides": stride, "padding": "SAME"}
    x, w = rng.normal(size=shape), rng.normal(size=kernel)
    g = rng.normal(size=conv2d.kernel(x, w, **attrs).shape)
    check_sums(conv2d, (x, w), attrs)
    check_sums(conv2d_backprop_input, (x, w, g), attrs)
    check_sums(conv2d_backprop_filter, (x, w, g), attrs)
