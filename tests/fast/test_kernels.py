"""A fast kernel gives what the plain one gives: within a few roundings of each product's terms, on whatever shape."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from npslim.fast import conv, kernels, winograd
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
        monkeypatch.setattr(winograd, "PIECES", 3)


def check_sums(op, arrays, attrs, near=None):
    """In both dtypes: each element of the fast kernel's result is off by a few roundings of the sum of its terms.

    near: what makes of the arrays those whose terms count.
    """
    for dtype in ("f", "d"):
        given = [np.asarray(a, dtype) for a in arrays]
        result = FAST[op.name](Arena(), *given, **attrs)
        if result is None:
            continue
        assert result.dtype == dtype
        terms = op.kernel(*(np.abs(a) for a in (near or list)(given)), **attrs)
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


def largest_near(x):
    """Of each element and those at most 3 rows and columns away, the largest one's size."""
    padded = np.pad(np.abs(x), ((0, 0), (3, 3), (3, 3), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (7, 7), (1, 2)).max(axis=(-2, -1))


def winograd_terms(kind):
    """What stands in the sums: for each array, the largest in the piece, and any element of the filter."""

    def near(arrays):
        x, w, g = {"x": 0, "input": 2, "filter": 0}[kind], 1, {"x": None, "input": None, "filter": 2}[kind]
        arrays = list(arrays)
        arrays[x] = largest_near(arrays[x])
        if g is None:
            arrays[w] = np.broadcast_to(np.abs(arrays[w]).max((0, 1)), arrays[w].shape)
        else:
            arrays[g] = largest_near(arrays[g])
        return arrays

    return near


@pytest.mark.parametrize("size", [(3, 4), (6, 6), (7, 9), (14, 5)])
@pytest.mark.parametrize(
    "padding", ["SAME", "VALID", ((0, 0), (2, 1), (0, 2), (0, 0)), ((0, 0), (4, 0), (0, 3), (0, 0))]
)
def test_winograd(size, padding, tiles, monkeypatch):
    """Magnitudes differ by far, and yet each element errs by no more than sums over its piece would."""
    monkeypatch.setattr(kernels, "algorithm", lambda *_: "winograd")
    rng = np.random.default_rng(2)
    padding = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    attrs = {"strides": 1, "padding": padding}
    x, w = (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3, shape) for shape in ((2, *size, 5), (3, 3, 5, 4)))
    y = conv2d.kernel(x, w, **attrs)
    g = rng.normal(size=y.shape) * 10 ** rng.uniform(-3, 3, y.shape)
    check_sums(conv2d, (x, w), attrs, winograd_terms("x"))
    check_sums(conv2d_backprop_input, (x, w, g), attrs, winograd_terms("input"))
    check_sums(conv2d_backprop_filter, (x, w, g), attrs, winograd_terms("filter"))


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
