"""A fast kernel gives what the plain one gives: within a few roundings of each product's terms, on whatever shape."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import npslim as slim
from npslim.fast import (
    batch_norm,
    broadcast,
    columns,
    conv,
    depthwise,
    lines,
    moves,
    near,
    pool,
    several,
    softmax,
    winograd,
    winograd2,
    winograd4,
)
from npslim.fast.arena import Arena
from npslim.fast.convolutions import Convolution
from npslim.fast.kernels import FAST
from npslim.ops.conv import (
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    depthwise_conv2d_native,
    depthwise_conv2d_native_backprop_filter,
    depthwise_conv2d_native_backprop_input,
)
from npslim.ops.elementwise import pow as power
from npslim.ops.join import concat
from npslim.ops.linear import matmul
from npslim.ops.normalize import (
    bias_add_grad,
    fused_batch_norm,
    fused_batch_norm_grad,
    local_response_normalization,
    sum_of_near,
)
from npslim.ops.padding import pad_by
from npslim.ops.pool import avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad

FAMILY = (conv2d, conv2d_backprop_input, conv2d_backprop_filter)
DEPTHWISE = (
    depthwise_conv2d_native,
    depthwise_conv2d_native_backprop_input,
    depthwise_conv2d_native_backprop_filter,
)
SUMS = {
    op.name: op
    for op in (*FAMILY, conv2d_transpose, *DEPTHWISE, matmul, avg_pool2d, avg_pool2d_grad, bias_add_grad, sum_of_near)
}
RATIOS = {op.name: op for op in (local_response_normalization, power)}
EXACT = {op.name: op for op in (max_pool2d, max_pool2d_grad)}
MOVES = {op.name: op for op in (concat, pad_by)}
SAME_BITS = {*broadcast.KERNELS, *moves.KERNELS, *softmax.KERNELS}  # see test_same_bits.py
NORMS = {op.name: op for op in (fused_batch_norm, fused_batch_norm_grad)}


@pytest.fixture(params=["tiles", "small tiles"])
def tiles(request, monkeypatch):
    """With tiles as they are, and with so small ones that each case has many."""
    if request.param == "small tiles":
        monkeypatch.setattr(conv, "PLACES", 2)
        monkeypatch.setattr(conv, "TILE", 256)
        monkeypatch.setattr(columns, "PLACES", 2)
        monkeypatch.setattr(several, "PLACES", 2)
        monkeypatch.setattr(several, "figures", lambda: {"tile": 256})
        monkeypatch.setattr(columns, "figures", lambda: {"tile": 256})
        monkeypatch.setattr(columns, "WHOLE", 0)
        monkeypatch.setattr(columns, "FEW", 9)
        monkeypatch.setattr(lines, "PLACES", 6)
        monkeypatch.setattr(lines, "LEAST", 6)
        monkeypatch.setattr(lines, "WHOLE", 40)
        monkeypatch.setattr(lines, "BAND", 1)
        monkeypatch.setattr(winograd, "PART", 2)
        monkeypatch.setattr(winograd, "STRETCH", 3)
        monkeypatch.setattr(winograd2, "PIECES", 3)
        monkeypatch.setattr(winograd2, "ELEMENTS", 3)
        monkeypatch.setattr(winograd4, "PIECES", 2)
        monkeypatch.setattr(pool, "BLOCK", 8)
        monkeypatch.setattr(near, "SMALL", 1)
        monkeypatch.setattr(near, "BLOCK", 8)
        monkeypatch.setattr(near, "LONG", 8)
        monkeypatch.setattr(depthwise, "TILE", 12)
        monkeypatch.setattr(depthwise, "LEAST", 6)
        monkeypatch.setattr(depthwise, "EDGE", 12)
        monkeypatch.setattr(depthwise, "GROUP", 6)
        monkeypatch.setattr(depthwise, "SHORT", 4)
        monkeypatch.setattr(depthwise, "LONG", 6)
        monkeypatch.setattr(batch_norm, "BLOCK", 8)
        monkeypatch.setattr(batch_norm, "LONG", 6)
        monkeypatch.setattr(batch_norm, "WIDTH", 3)


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


@pytest.mark.parametrize("name", sorted(SUMS))
def test_every_case_of_the_op(name, tiles):
    op = SUMS[name]
    for case in op.all_cases:
        if all(np.asarray(a).dtype.kind == "f" for a in case.draw(np.random.default_rng(7))):
            check_sums(op, case.draw(np.random.default_rng(7)), case.attrs)


def test_each_fast_kernel_is_tested_here():
    assert set(FAST) == {*SUMS, *RATIOS, *EXACT, *NORMS, *MOVES, *SAME_BITS}


def test_dilated_windows_with_strides_are_left_to_the_plain_kernel():
    x, w = np.ones((1, 5, 5, 1), "f"), np.ones((2, 2, 1, 1), "f")
    assert FAST["conv2d"](Arena(), x, w, strides=2, padding="SAME", dilations=2) is None
    assert FAST["conv2d"](Arena(), x, w, strides=1, padding="SAME", dilations=2) is not None


@st.composite
def convolutions(draw, lines=False):
    """(x, w, g, attrs) of a convolution. lines: by one row or one column, without strides or zeros beside them."""
    kernel, strides = draw(st.tuples(*[st.integers(1, 5)] * 2)), draw(st.tuples(*[st.integers(1, 3)] * 2))
    if lines:
        kernel, strides = draw(st.sampled_from([(1, kernel[1]), (kernel[0], 1)])), (1, 1)
    dilations = draw(st.tuples(*[st.integers(1, 3)] * 2)) if strides == (1, 1) else (1, 1)
    n, h, w = draw(st.integers(1, 3)), draw(st.integers(1, 11)), draw(st.integers(1, 11))
    c, o = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    pads = st.tuples(st.integers(0, 6), st.integers(0, 6))
    padding = draw(st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(pads, pads)))
    if lines and isinstance(padding, tuple):
        padding = (padding[0], (0, 0)) if kernel[1] == 1 else ((0, 0), padding[1])
    if isinstance(padding, tuple):
        room = [size + sum(p) for size, p in zip((h, w), padding, strict=True)]
        padding = ((0, 0), *padding, (0, 0))
    else:
        room = (h, w) if padding == "VALID" else (99, 99)
    kernel = tuple(min(k, (size - 1) // d + 1) for k, size, d in zip(kernel, room, dilations, strict=True))
    attrs = {"strides": strides, "padding": padding, "dilations": dilations}
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    x, filters = rng.normal(size=(n, h, w, c)), rng.normal(size=(*kernel, c, o))
    if draw(st.booleans()):
        attrs["data_format"], x = "NCHW", np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        if isinstance(padding, tuple):
            attrs["padding"] = (padding[0], padding[3], *padding[1:3])
    return x, filters, rng.normal(size=conv2d.kernel(x, filters, **attrs).shape), attrs


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolutions(), st.sampled_from(["windows", "columns", "lines"]), st.sampled_from([(1, 1), (9, 1), (9, 8)]))
def test_drawn_convolutions(tiles, monkeypatch, drawn, algorithm, channels):
    monkeypatch.setattr("npslim.fast.convolutions.algorithm", lambda *_: algorithm)
    for name, least in zip(("DEEP", "PLANES"), channels, strict=True):
        monkeypatch.setattr(columns, name, least)
    x, w, g, attrs = drawn
    check_sums(conv2d, (x, w), attrs)
    check_sums(conv2d_backprop_input, (x, w, g), attrs)
    check_sums(conv2d_backprop_filter, (x, w, g), attrs)
    check_sums(conv2d_transpose, (g, w, x.shape), attrs)
    for some in (w[..., :1], w):  # one filter a channel, and several
        g = np.random.default_rng(3).normal(size=depthwise_conv2d_native.kernel(x, some, **attrs).shape)
        check_sums(depthwise_conv2d_native, (x, some), attrs)
        check_sums(depthwise_conv2d_native_backprop_input, (x, some, g), attrs)
        check_sums(depthwise_conv2d_native_backprop_filter, (x, some, g), attrs)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(convolutions(lines=True))
def test_drawn_convolutions_by_one_row_or_one_column(tiles, monkeypatch, drawn):
    monkeypatch.setattr("npslim.fast.convolutions.algorithm", lambda *_: "lines")
    x, w, g, attrs = drawn
    check_sums(conv2d, (x, w), attrs)
    check_sums(conv2d_backprop_input, (x, w, g), attrs)
    check_sums(conv2d_backprop_filter, (x, w, g), attrs)


def test_few_places_of_many_filters_by_one_row_are_shared_out_by_filters():
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(2, 8, 8, 64)), rng.normal(size=(1, 3, 64, 300))
    attrs = {"strides": 1, "padding": "SAME"}
    assert Convolution(x.shape, w.shape, attrs).algorithm == "lines"
    check_sums(conv2d, (x, w), attrs)


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
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((2, 1), (0, 2)), ((4, 0), (0, 3))])
def test_winograd(size, padding, tiles, monkeypatch):
    """Magnitudes differ by far, and yet each element errs by no more than sums over its piece would."""
    monkeypatch.setattr("npslim.fast.convolutions.algorithm", lambda *_: "winograd")
    rng = np.random.default_rng(2)
    padding = padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
    attrs = {"strides": 1, "padding": padding}
    x, w = (rng.normal(size=shape) * 10 ** rng.uniform(-3, 3, shape) for shape in ((2, *size, 5), (3, 3, 5, 4)))
    y = conv2d.kernel(x, w, **attrs)
    g = rng.normal(size=y.shape) * 10 ** rng.uniform(-3, 3, y.shape)
    check_sums(conv2d, (x, w), attrs, winograd_terms("x"))
    check_sums(conv2d_backprop_input, (x, w, g), attrs, winograd_terms("input"))
    check_sums(conv2d_backprop_filter, (x, w, g), attrs, winograd_terms("filter"))


def transformed_terms(x, w, like):
    """What F(4x4, 3x3) sums up for each output, in size: |A| (|G w G| * |B x B|) |A|, by loops over pieces."""
    a, b, g = np.abs(winograd4.OUTPUT), np.abs(winograd4.INPUT), np.abs(winograd4.G)
    u = np.einsum("ik,jl,klco->ijco", g, g, np.abs(w))
    n, oh, ow, o = like
    sums = np.zeros((n, -(-oh // 4) * 4, -(-ow // 4) * 4, o))
    for r, s in np.ndindex(sums.shape[1] // 4, sums.shape[2] // 4):
        piece = np.zeros((n, 6, 6, x.shape[3]))
        found = np.abs(x[:, 4 * r : 4 * r + 6, 4 * s : 4 * s + 6])
        piece[:, : found.shape[1], : found.shape[2]] = found
        m = np.einsum("ijco,nijc->nijo", u, np.einsum("ik,jl,nklc->nijc", b, b, piece))
        sums[:, 4 * r : 4 * r + 4, 4 * s : 4 * s + 4] = np.einsum("ik,jl,nklo->nijo", a, a, m)
    return sums[:, :oh, :ow]


@pytest.mark.parametrize("size", [(5, 6), (9, 8), (14, 11)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((2, 1), (0, 2))])
def test_winograd_of_4x4_errs_by_no_more_than_its_own_sums(size, padding, tiles, monkeypatch):
    """Its bound: 4 roundings of what it sums up, which is larger than what the definition does."""
    monkeypatch.setattr("npslim.fast.convolutions.algorithm", lambda *_: "winograd")
    rng = np.random.default_rng(2)
    pads = {"SAME": ((1, 1), (1, 1)), "VALID": ((0, 0), (0, 0))}.get(padding, padding)
    attrs = {"strides": 1, "padding": padding if isinstance(padding, str) else ((0, 0), *padding, (0, 0))}
    x, w = rng.normal(size=(2, *size, 5)), rng.normal(size=(3, 3, 5, 4))
    y = conv2d.kernel(x, w, **attrs)
    g = rng.normal(size=y.shape)
    for dtype in ("f", "d"):
        eps, given = np.finfo(dtype).eps, [a.astype(dtype) for a in (x, w, g)]
        found = FAST["conv2d"](Arena(), *given[:2], **attrs, rough=True)
        bound = 4 * eps * transformed_terms(np.pad(x, ((0, 0), *pads, (0, 0))), w, y.shape)
        assert (np.abs(found - y) <= bound).all()
        back = conv2d_backprop_input.kernel(x, w, g, **attrs)
        found = FAST["conv2d_backprop_input"](Arena(), *given, **attrs, rough=True)
        assert np.abs(found - back).max() <= 100 * eps * np.abs(back).max()
        filters = conv2d_backprop_filter.kernel(x, w, g, **attrs)
        found = FAST["conv2d_backprop_filter"](Arena(), *given, **attrs, rough=True)
        assert np.abs(found - filters).max() <= 100 * eps * np.abs(filters).max()


def test_only_rough_kernels_lose_digits():
    x = slim.placeholder("float32", [2, 28, 28, 64], name="x")
    y = slim.conv2d(x, 128, [3, 3], activation_fn=None, scope="wide")
    g = slim.gradients(y, [x, *slim.get_trainable_variables()])
    found, feeds = {}, {x: np.random.default_rng(0).normal(size=(2, 28, 28, 64))}
    for name in ("plain", "fast", "rough", "reference"):
        session = slim.Session(kernels=name)
        slim.set_random_seed(4)
        session.run(slim.global_variables_initializer())
        found[name] = session.run([y, *g], feeds) if name != "reference" else found["plain"]
        assert ("winograd of 4x4" in session.explain([y, *g], feeds)) == (name == "rough")
    for plain, fast, rough in zip(found["plain"], found["fast"], found["rough"], strict=True):
        largest = np.abs(plain).max()
        assert np.abs(fast - plain).max() <= 3e-6 * largest
        assert np.abs(rough - plain).max() <= 3e-5 * largest


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


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_several_filters_a_channel_as_inception_v2_has_them(layout):
    rng = np.random.default_rng(1)
    attrs = {"strides": 2, "padding": "SAME", "data_format": layout}
    x, w = rng.normal(size=(2, 60, 70, 3) if layout == "NHWC" else (2, 3, 60, 70)), rng.normal(size=(7, 7, 3, 8))
    g = rng.normal(size=depthwise_conv2d_native.kernel(x, w, **attrs).shape)
    check_sums(depthwise_conv2d_native, (x, w), attrs)
    check_sums(depthwise_conv2d_native_backprop_filter, (x, w, g), attrs)
    assert FAST["depthwise_conv2d_native"](Arena(), x, w, **attrs) is not None


def test_a_plan_names_the_algorithm_of_each_gradient():
    x = slim.placeholder("float32", [2, 16, 16, 3])
    net = slim.conv2d(slim.conv2d(x, 8, [3, 3]), 8, [3, 3])
    g = slim.gradients(net, [x, *slim.get_trainable_variables()])
    text = slim.Session().explain(g, {x: np.zeros((2, 16, 16, 3))})
    assert text.count("conv2d_backprop_input by planes") == text.count("conv2d_backprop_input by columns") == 1
    assert text.count("conv2d_backprop_filter by") == 2


# ---- pooling


@pytest.mark.parametrize("name", sorted(MOVES))
def test_every_case_of_what_moves_elements(name):
    op = MOVES[name]
    for case in op.all_cases:
        arrays = case.draw(np.random.default_rng(7))
        result, expected = FAST[name](Arena(), *arrays, **case.attrs), op.kernel(*arrays, **case.attrs)
        if result is not None or case.attrs.get("mode", "CONSTANT") == "CONSTANT":
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected, strict=True)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_every_case_of_the_maximum(name, tiles):
    op = EXACT[name]
    for case in op.all_cases:
        check_same(op, case.draw(np.random.default_rng(7)), case.attrs)


def check_same(op, arrays, attrs):
    """The same elements are chosen, in both dtypes."""
    for dtype in ("f", "d"):
        given = [np.asarray(a, dtype) for a in arrays]
        result, expected = FAST[op.name](Arena(), *given, **attrs), op.kernel(*given, **attrs)
        if op is max_pool2d:
            np.testing.assert_array_equal(result if result is not None else expected, expected)
        elif result is not None:  # where windows overlap, cotangents may be added in another order
            terms = op.kernel(given[0], np.abs(given[1]), **attrs)
            assert (np.abs(result - expected) <= 2 * np.finfo(dtype).eps * terms).all()


@st.composite
def pools(draw):
    """(x, attrs) of a pooling, with many equal elements."""
    ksize, strides = draw(st.tuples(*[st.integers(1, 4)] * 2)), draw(st.tuples(*[st.integers(1, 4)] * 2))
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)))
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    if padding == "VALID":
        ksize = min(ksize[0], shape[1]), min(ksize[1], shape[2])
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    return rng.integers(0, 3, shape).astype("d"), {"ksize": ksize, "strides": strides, "padding": padding}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pools())
def test_drawn_pools(tiles, drawn):
    x, attrs = drawn
    y = max_pool2d.kernel(x, **attrs)
    g = np.random.default_rng(0).normal(size=y.shape)
    check_same(max_pool2d, (x,), attrs)
    check_same(max_pool2d_grad, (x, g), attrs)
    check_sums(avg_pool2d, (x,), attrs)
    check_sums(avg_pool2d_grad, (x, g), attrs)


def test_no_gradient_of_the_maximum_is_lost_or_made_up():
    x = np.array([[1, np.inf, -np.inf, 2], [3, 0, np.nan, 2]], "f").reshape(1, 2, 4, 1)
    g = np.array([np.inf, np.nan], "f").reshape(1, 1, 2, 1)
    attrs = {"ksize": 2, "strides": 2, "padding": "VALID"}
    assert FAST["max_pool2d_grad"](Arena(), x, g, **attrs) is None  # a NaN: the plain kernel finds it
    np.testing.assert_array_equal(FAST["max_pool2d"](Arena(), x, **attrs), max_pool2d.kernel(x, **attrs))
    x = np.nan_to_num(x, nan=-1.0)
    result = FAST["max_pool2d_grad"](Arena(), x, g, **attrs)
    np.testing.assert_array_equal(result, max_pool2d_grad.kernel(x, g, **attrs))


# ---- near channels, and powers


def check_ratio(op, arrays, attrs):
    """In both dtypes: each element is off by a few roundings of its own; what is infinite, NaN or -0 is so."""
    for dtype in ("f", "d"):
        given = [np.asarray(a, dtype) for a in arrays]
        with np.errstate(all="ignore"):
            result, plain = FAST[op.name](Arena(), *given, **attrs), op.kernel(*given, **attrs)
            if result is None:
                continue
            assert result.dtype == dtype and result.shape == plain.shape
            finite = np.isfinite(plain)
            np.testing.assert_array_equal(result[~finite], plain[~finite])
            np.testing.assert_array_equal(np.signbit(result[plain == 0]), np.signbit(plain[plain == 0]))
            for expected in (plain, op.kernel(*(a.astype("d") for a in given), **attrs)):
                found, expected = result[finite], expected[finite]
                least = np.finfo(dtype).tiny  # below, there are fewer digits
                assert (np.abs(found - expected) <= 4 * np.finfo(dtype).eps * np.abs(expected) + least).all()


@pytest.mark.parametrize("name", sorted(RATIOS))
def test_every_case_of_what_is_a_ratio(name, tiles):
    op = RATIOS[name]
    for case in op.all_cases:
        arrays = case.draw(np.random.default_rng(7))
        if all(np.asarray(a).dtype.kind == "f" for a in arrays):
            check_ratio(op, arrays, case.attrs)


@st.composite
def channels(draw):
    """(x, radius): rows of few channels, some of which nobody else is near."""
    shape = draw(st.lists(st.integers(1, 5), max_size=3).map(tuple)) + (draw(st.integers(1, 24)),)
    return np.random.default_rng(draw(st.integers(0, 9))).normal(size=shape) * 3, draw(st.integers(0, 30))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(channels(), st.sampled_from([0.5, 0.75, 1.0, 0.3]), st.sampled_from([0.001, 1.0]))
def test_drawn_near_channels(tiles, monkeypatch, drawn, beta, alpha):
    monkeypatch.setattr(near, "SMALL", 1)
    x, radius = drawn
    check_sums(sum_of_near, (x,), {"radius": radius})
    attrs = {"depth_radius": radius, "bias": 1.0, "alpha": alpha, "beta": beta}
    check_ratio(local_response_normalization, (x,), attrs)


@pytest.mark.parametrize("exponent", [0.75, -0.75, -0.5, 0.5, 2.0, -1.0, 0.0, 2.5, -0.3])
def test_powers(exponent, tiles, monkeypatch):
    """Also of what is not positive, infinite, tiny or no number at all."""
    monkeypatch.setattr(near, "SMALL", 1)
    rng = np.random.default_rng(4)
    check_ratio(power, (10 ** rng.uniform(-30, 30, (40, 50)), np.array(exponent)), {})
    check_ratio(power, (rng.choice([0.0, -0.0, -1.0, np.inf, 1e-40, 2.0], 100), np.array(exponent)), {})
    for one in (0.0, -0.0, -3.0, np.inf, -np.inf, np.nan, 1e-44):
        check_ratio(power, (np.append(rng.uniform(1, 2, 20), one), np.array(exponent)), {})


def test_a_plan_names_the_kernels_of_near_channels():
    x = slim.placeholder("float32", [4, 6, 6, 40])
    y = local_response_normalization(x, depth_radius=2, alpha=0.1, beta=0.75)
    g = slim.gradients(y, [x])
    feeds, found = {x: np.random.default_rng(0).normal(size=(4, 6, 6, 40))}, []
    for name in ("plain", "fast"):
        session = slim.Session(kernels=name)
        found += [session.run([y, *g], feeds)]
    text = session.explain([y, *g], feeds)
    assert all(f"fast {name}" in text for name in ("local_response_normalization", "sum_of_near", "pow"))
    for plain, fast in zip(*found, strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-6)


# ---- batch normalization


@pytest.mark.parametrize("name", sorted(NORMS))
def test_every_case_of_batch_norm(name, tiles):
    op = NORMS[name]
    for case in op.all_cases:
        check_norm(op, case.draw(np.random.default_rng(7)), case.attrs)


def check_norm(op, arrays, attrs, roundings=16):
    for dtype in ("f", "d"):
        given = [np.asarray(a, dtype) for a in arrays]
        result = FAST[op.name](Arena(), *given, **attrs)
        if result is None:
            continue
        for found, expected in zip(result, op.kernel(*(a.astype("d") for a in given), **attrs), strict=True):
            assert found.dtype == dtype and found.shape == expected.shape
            largest = np.abs(expected).max(initial=0)
            assert np.abs(found - expected).max(initial=0) <= roundings * np.finfo(dtype).eps * largest


@pytest.mark.parametrize("shape", [(2, 7, 7, 48), (3000, 5), (1, 40, 40, 64)])
def test_batch_norm_far_from_zero(shape, tiles):
    rng = np.random.default_rng(3)
    x, g = rng.normal(size=shape) + 300, rng.normal(size=shape)
    x[: len(x) // 2] += 4
    scale, offset = rng.uniform(1, 2, shape[-1]), rng.normal(size=shape[-1])
    # x itself has been rounded: compare with the same numbers in double precision, to roundings of x
    check_norm(fused_batch_norm, (x, scale, offset), {}, roundings=10_000)
    check_norm(fused_batch_norm_grad, (g, x, scale), {}, roundings=10_000)


def test_the_gradient_takes_the_moments_and_the_maxima_of_the_forward_step():
    x = slim.placeholder("float32", [2, 8, 8, 4])
    y = slim.max_pool2d(slim.batch_norm(x, is_training=True, scale=True), [2, 2])
    gradients = slim.gradients(y, [x, *slim.get_trainable_variables()])
    rng = np.random.default_rng(0)
    feeds = {x: rng.normal(size=(2, 8, 8, 4)).astype("f")}
    found = []
    for name in ("plain", "fast"):
        session = slim.Session(kernels=name)
        session.run(slim.global_variables_initializer())
        found.append(session.run(gradients, feeds))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("rough", [False, True])
def test_the_filters_gradient_of_no_images_is_zero(rough):
    """By Winograd's algorithm, too, which has working memory of its own."""
    x, w, g = (np.ones(shape, np.float32) for shape in ((0, 8, 8, 64), (3, 3, 64, 64), (0, 8, 8, 64)))
    attrs = {"strides": 1, "padding": "SAME", "data_format": None, "dilations": 1, "rough": rough}
    FAST["conv2d"](Arena(), np.ones((2, 8, 8, 64), np.float32), w, **attrs)
    assert (FAST["conv2d_backprop_filter"](Arena(), x, w, g, **attrs) == 0).all()


@pytest.mark.parametrize("size", [[1, 1], [3, 3], [1, 3], [5, 5]])
def test_the_filters_gradient_of_a_mean(size, tiles):
    """Its cotangent is one number, repeated without memory for it; or one for each image, or for each channel."""
    x = slim.placeholder("float32", [3, 6, 6, 8])
    w = slim.get_variable("w", [*size, 8, 4], initializer=slim.random_normal_initializer(seed=1))
    y = conv2d(x, w, strides=1, padding="SAME")
    means = [slim.reduce_mean(y, axes) for axes in ([1, 2, 3], [0, 1, 2], [0, 1, 2, 3])]
    losses = [slim.reduce_sum(mean * mean) for mean in means]
    gradients, found = [slim.gradients(loss, [x, w]) for loss in losses], []
    feeds = {x: np.random.default_rng(0).normal(size=(3, 6, 6, 8))}
    for name in ("plain", "fast"):
        session = slim.Session(kernels=name)
        session.run(slim.global_variables_initializer())
        found.append(session.run(gradients, feeds))
    for plain, fast in zip(*(sum(one, []) for one in found), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "filters, dilations, said",
    [
        (1, 1, ["passes over rows"] * 3),
        (2, 1, ["a product for each channel", "passes over rows", "a product for each channel"]),
        (2, 2, [", left to the plain one"] * 3),
    ],
)
def test_explain_tells_how_depthwise_convolutions_are_computed(filters, dilations, said):
    x, w = slim.placeholder("float32", [None, 9, 9, 4]), slim.placeholder("float32", [3, 3, 4, filters])
    y = depthwise_conv2d_native(x, w, strides=1, padding="SAME", dilations=dilations)
    text = slim.Session().explain([y, *slim.gradients(slim.reduce_sum(y * y), [x, w])], {x: 0, w: 0})
    lines = [line for line in text.splitlines() if "fast depthwise" in line]
    assert len(lines) == 3 and all(part in line for part, line in zip(said, lines, strict=True))
