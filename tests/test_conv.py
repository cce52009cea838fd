"""Convolution: what holds of it as a linear map, and where TensorFlow's functions put names and padding."""

import numpy as np
import pytest
from scipy import signal

from npslim.graph import get_default_graph
from npslim.ops.conv import (
    atrous_conv2d,
    atrous_conv2d_transpose,
    conv1d,
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    conv3d,
    convolution,
    depthwise_conv2d,
    depthwise_conv2d_native,
    separable_conv2d,
)
from npslim.ops.join import stack
from npslim.ops.shape import shape
from npslim.ops.state import placeholder
from npslim.ops.windows import overlap_add, padded, sliding, windows
from npslim.session import Session

RNG = np.random.default_rng(3)
GRID = [
    (size, kernel, stride, dilation, padding)
    for size, kernel in (((7, 6), (3, 2)), ((8, 8), (4, 4)), ((5, 1), (1, 3)), ((1, 9), (2, 3)))
    for stride in (1, 2, (3, 1))
    for dilation in (1, (1, 2))
    for padding in ("SAME", "VALID", ((0, 0), (2, 1), (3, 4), (0, 0)))
    if padding != "VALID" or all(s > (k - 1) * 2 for s, k in zip(size, kernel, strict=True))
]


@pytest.mark.parametrize("size, kernel, stride, dilation, padding", GRID)
def test_gradients_are_adjoint(size, kernel, stride, dilation, padding):
    """<A x, g> = <x, A' g>, by the input and by the filter."""
    attrs = {"strides": stride, "padding": padding, "dilations": dilation}
    x, w = RNG.normal(size=(2, *size, 3)), RNG.normal(size=(*kernel, 3, 4))
    y = conv2d.kernel(x, w, **attrs)
    g = RNG.normal(size=y.shape)
    by_input, by_filter = (
        conv2d_backprop_input.kernel(x, w, g, **attrs),
        conv2d_backprop_filter.kernel(x, w, g, **attrs),
    )
    scale = np.abs(y * g).sum()
    assert abs(np.vdot(y, g) - np.vdot(x, by_input)) <= 1e-13 * scale
    assert abs(np.vdot(y, g) - np.vdot(w, by_filter)) <= 1e-13 * scale


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_windows_and_overlap_add_are_adjoint(padding):
    x = RNG.normal(size=(2, 7, 5, 3))
    slide = sliding((3, 2), (2, 3), padding, None, (1, 2))
    seen = windows(padded(x, slide), slide)
    blocks = RNG.normal(size=seen.shape)
    assert np.vdot(seen, blocks) == pytest.approx(np.vdot(x, overlap_add(blocks, x.shape[1:-1], slide)), rel=1e-13)


def test_windows_copy_nothing():
    x = RNG.normal(size=(2, 7, 5, 3))
    assert np.shares_memory(windows(x, sliding((3, 3), 1, "VALID")), x)


@pytest.mark.parametrize("n", [2, 3])
def test_equals_convolution_by_fourier_transform(n):
    x, w = RNG.normal(size=(2, 9, 8, 7, 3)[: n + 1] + (3,)), RNG.normal(size=(4, 3, 2)[:n] + (3, 2))
    y = (conv2d, conv3d)[n - 2].kernel(x, w, strides=1, padding="VALID")
    turned = w[(slice(None, None, -1),) * n]
    for b in range(2):
        for o in range(2):
            by_fft = sum(signal.fftconvolve(x[b, ..., c], turned[..., c, o], mode="valid") for c in range(3))
            np.testing.assert_allclose(y[b, ..., o], by_fft, rtol=1e-12, atol=1e-12)


def test_depthwise_of_one_channel_is_a_convolution():
    x, w = RNG.normal(size=(2, 6, 5, 1)), RNG.normal(size=(3, 2, 1, 4))
    attrs = {"strides": 2, "padding": "SAME"}
    np.testing.assert_allclose(depthwise_conv2d_native.kernel(x, w, **attrs), conv2d.kernel(x, w, **attrs), rtol=1e-13)


@pytest.mark.parametrize(
    "size, kernel, stride, dilation, out, before, after",
    [
        (5, 3, 1, 1, 5, 1, 1),
        (5, 2, 1, 1, 5, 0, 1),  # the odd one goes behind
        (6, 3, 2, 1, 3, 0, 1),
        (5, 3, 2, 1, 3, 1, 1),
        (7, 4, 3, 1, 3, 1, 2),
        (4, 1, 2, 1, 2, 0, 0),  # some elements are never seen
        (224, 7, 2, 1, 112, 2, 3),
        (5, 3, 1, 2, 5, 2, 2),
        (1, 4, 3, 1, 1, 1, 2),
        (0, 3, 2, 1, 0, 0, 1),
    ],
)
def test_same_padding(size, kernel, stride, dilation, out, before, after):
    slide = sliding((kernel,), stride, "SAME", None, dilation)
    assert slide.output_sizes((size,)) == (out,)
    assert slide.pads((size,)) == [(before, after)]


def test_static_shapes():
    x = placeholder(np.float32, [None, None, 9, 3])
    w = np.zeros((3, 3, 3, 8), np.float32)
    assert conv2d(x, w, strides=2, padding="SAME").shape.as_list() == [None, None, 5, 8]
    assert conv2d(x, w, strides=2, padding="VALID").shape.as_list() == [None, None, 4, 8]
    anything = placeholder(np.float32, None)
    assert conv2d(anything, w, strides=1, padding="SAME").shape.as_list() == [None, None, None, 8]
    up = conv2d_transpose(x, np.zeros((3, 3, 8, 3)), stack([shape(x)[0], 7, 18, 8]), strides=2)
    assert up.shape.as_list() == [None, 7, 18, 8]


def test_transposed_with_a_computed_shape():
    x = placeholder(np.float64, [None, 3, 3, 2])
    w = RNG.normal(size=(3, 3, 4, 2))
    y = conv2d_transpose(x, w, stack([shape(x)[0], 6, 6, 4]), strides=2)
    value = RNG.normal(size=(5, 3, 3, 2))
    expected = conv2d_backprop_input.kernel(np.zeros((5, 6, 6, 4)), w, value, strides=2, padding="SAME")
    np.testing.assert_array_equal(Session(kernels="plain").run(y, {x: value}), expected)


def test_functions_and_ops_agree():
    x, w, rows = RNG.normal(size=(2, 8, 7, 3)), RNG.normal(size=(3, 2, 3, 4)), RNG.normal(size=(2, 8, 3))
    line, deep, point = RNG.normal(size=(3, 3, 4)), RNG.normal(size=(3, 2, 3, 2)), RNG.normal(size=(1, 1, 6, 5))
    depthwise = depthwise_conv2d_native.kernel(x, deep, strides=1, padding="SAME", dilations=2)
    pairs = [
        (convolution(x, w, "SAME", strides=[2, 1]), conv2d.kernel(x, w, strides=(2, 1), padding="SAME")),
        (atrous_conv2d(x, w, 2, "VALID"), conv2d.kernel(x, w, strides=1, padding="VALID", dilations=2)),
        (depthwise_conv2d(x, deep, [1, 1, 1, 1], "SAME", rate=[2, 2]), depthwise),
        (
            separable_conv2d(x, deep, point, [1, 1, 1, 1], "SAME", dilations=[2, 2]),
            conv2d.kernel(depthwise, point, strides=1, padding="VALID"),
        ),
        (
            conv1d(rows, line, 2, "SAME"),
            conv2d.kernel(rows[:, None], line[None], strides=(1, 2), padding="SAME")[:, 0],
        ),
        (
            conv1d(rows.swapaxes(1, 2), line, 2, "SAME", "NCW"),
            Session().run(conv1d(rows, line, 2, "SAME")).swapaxes(1, 2),
        ),
        (convolution(rows, line, "SAME", strides=2), Session().run(conv1d(rows, line, 2, "SAME"))),
        (
            atrous_conv2d_transpose(x, RNG.normal(size=(3, 2, 5, 3)) * 0, [2, 8, 7, 5], 2, "SAME"),
            np.zeros((2, 8, 7, 5)),
        ),
    ]
    for function, expected in pairs:
        np.testing.assert_allclose(Session().run(function), expected, rtol=1e-13, atol=1e-13)


def test_names_are_tensorflows():
    x = placeholder(np.float32, [None, 8, 8, 4], name="x")
    line = placeholder(np.float32, [None, 8, 4], name="line")
    w, deep, point = np.ones((3, 3, 4, 6)), np.ones((3, 3, 4, 2)), np.ones((1, 1, 8, 5))
    assert conv2d(x, w, strides=1, padding="SAME").name == "Conv2D:0"
    assert convolution(x, w, "SAME").name == "convolution:0"
    assert convolution(x, w, "SAME", name="Conv/Conv2D").name == "Conv/Conv2D:0"
    assert depthwise_conv2d(x, deep, [1, 1, 1, 1], "SAME").name == "depthwise:0"
    assert separable_conv2d(x, deep, point, [1, 1, 1, 1], "SAME").name == "separable_conv2d:0"
    assert conv2d_transpose(x, np.ones((3, 3, 6, 4)), [2, 16, 16, 6], [1, 2, 2, 1]).name == "conv2d_transpose:0"
    assert conv1d(line, np.ones((3, 4, 6)), 1, "SAME").name == "conv1d/Squeeze:0"
    types = {node.name: node.type for node in get_default_graph().get_operations()}
    for name, type in {
        "Conv2D": "Conv2D",
        "separable_conv2d/depthwise": "DepthwiseConv2dNative",
        "separable_conv2d": "Conv2D",
        "conv2d_transpose": "Conv2DBackpropInput",
        "conv1d/ExpandDims_1": "ExpandDims",
        "conv1d": "Conv2D",
    }.items():
        assert types[name] == type
