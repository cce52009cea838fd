"""Convolutions by loops: over the output's places, and over the elements of the window.

Each element of the filter meets an element of the input at a place of the output; the three functions of a family sum
the same products, and put the sum where the value, the input's or the filter's gradient goes.
"""

import itertools

import numpy as np

from npslim.registry import REGISTRY


def by_dimension(value, n, data_format):
    """n numbers, from a number, n numbers, or n + 2 in the order of data_format."""
    values = np.atleast_1d(np.array(value)).tolist()
    if len(values) == n + 2:
        values = values[2:] if channels_first(data_format) else values[1:-1]
    return values * n if len(values) == 1 else values


def channels_first(data_format):
    return (data_format or "NHWC")[1] == "C"


def places(size, k, stride, dilation, padding):
    """For each output: [(element of the window, element of the input)], those outside of the input left out.

    SAME as TensorFlow's documentation words it: by the remainder of the size.
    """
    span = dilation * (k - 1) + 1
    if padding == "SAME":
        count = int(np.ceil(size / stride))
        total = max(span - stride, 0) if size % stride == 0 else max(span - size % stride, 0)
        before = total // 2
    else:
        before, after = (0, 0) if padding == "VALID" else padding
        count = int(np.ceil((size + before + after - span + 1) / stride))
    starts = [i * stride - before for i in range(count)]
    return [[(j, s + j * dilation) for j in range(k) if 0 <= s + j * dilation < size] for s in starts]


def meetings(sizes, kernel, strides, padding, data_format, dilations):
    """(place of the output, element of the window, element of the input), all that meet."""
    n = len(kernel)
    strides, dilations = by_dimension(strides, n, data_format), by_dimension(dilations, n, data_format)
    paddings = [padding] * n
    if not isinstance(padding, str):
        paddings = padding[2:] if channels_first(data_format) else padding[1:-1]
    axes = [places(*each) for each in zip(sizes, kernel, strides, dilations, paddings, strict=True)]
    for out in itertools.product(*(range(len(axis)) for axis in axes)):
        for pairs in itertools.product(*(axis[i] for axis, i in zip(axes, out, strict=True))):
            yield out, tuple(j for j, _ in pairs), tuple(i for _, i in pairs)


def output_sizes(sizes, kernel, strides, padding, data_format, dilations):
    n = len(kernel)
    strides, dilations = by_dimension(strides, n, data_format), by_dimension(dilations, n, data_format)
    paddings = [padding] * n
    if not isinstance(padding, str):
        paddings = padding[2:] if channels_first(data_format) else padding[1:-1]
    return [len(places(*each)) for each in zip(sizes, kernel, strides, dilations, paddings, strict=True)]


def last(x, data_format):
    return np.moveaxis(x, 1, -1) if channels_first(data_format) else x


def first(y, data_format):
    return np.moveaxis(y, -1, 1) if channels_first(data_format) else y


def dense(w):
    """`[*kernel, c, o]`: as it is."""
    return w


def depthwise(w):
    """`[*kernel, c, m]` as the filter of an ordinary convolution that is zero between different channels."""
    c, m = w.shape[-2:]
    full = np.zeros((*w.shape[:-1], c * m), w.dtype)
    for i in range(c):
        full[..., i, i * m : (i + 1) * m] = w[..., i, :]
    return full


def diagonal(w, like):
    """What `depthwise` took from the filter `like`."""
    m = like.shape[-1]
    return np.stack([w[..., i, i * m : (i + 1) * m] for i in range(like.shape[-2])], -2)


def value(x, w, strides, padding, data_format, dilations):
    kernel, x = w.shape[:-2], last(x, data_format)
    settings = (x.shape[1:-1], kernel, strides, padding, data_format, dilations)
    y = np.zeros((len(x), *output_sizes(*settings), w.shape[-1]), x.dtype)
    for out, j, i in meetings(*settings):
        y[:, *out] += x[:, *i] @ w[j]
    return first(y, data_format)


def input_gradient(like, w, g, strides, padding, data_format, dilations):
    g, total = last(g, data_format), np.zeros(last(like, data_format).shape, g.dtype)
    for out, j, i in meetings(total.shape[1:-1], w.shape[:-2], strides, padding, data_format, dilations):
        total[:, *i] += g[:, *out] @ w[j].T
    return first(total, data_format)


def filter_gradient(x, like, g, strides, padding, data_format, dilations):
    x, g, total = last(x, data_format), last(g, data_format), np.zeros(like.shape, g.dtype)
    for out, j, i in meetings(x.shape[1:-1], like.shape[:-2], strides, padding, data_format, dilations):
        total[j] += x[:, *i].T @ g[:, *out]
    return total


def transposed(x, w, output_shape, **attrs):
    return input_gradient(np.zeros(output_shape), w, x, **attrs)


for n in (2, 3):
    REGISTRY[f"conv{n}d"].reference = value
    REGISTRY[f"conv{n}d_backprop_input"].reference = input_gradient
    REGISTRY[f"conv{n}d_backprop_filter"].reference = filter_gradient
    REGISTRY[f"conv{n}d_transpose"].reference = transposed

REGISTRY["depthwise_conv2d_native"].reference = lambda x, w, **attrs: value(x, depthwise(w), **attrs)
REGISTRY["depthwise_conv2d_native_backprop_input"].reference = lambda like, w, g, **attrs: input_gradient(
    like, depthwise(w), g, **attrs
)
REGISTRY["depthwise_conv2d_native_backprop_filter"].reference = lambda x, like, g, **attrs: diagonal(
    filter_gradient(x, depthwise(like), g, **attrs), like
)
