"""Convolution: pad, look at every window, take one product.

    y = windows(padded(x)) . w              over the window and its channels
    gradient by w = windows(padded(x)) . g  over all places
    gradient by x = overlap_add(g . w)      each window's share, added up where it lies

The three are one trilinear form seen from its three sides, so the gradient rule of each is made of the other two, and
derivatives of any order need no further code. What is called convolution here is a correlation: the filter is not
turned round.

before: windows.py   next: pool.py
"""

from typing import Any

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.shape import expand_dims, squeeze
from npslim.ops.windows import Lift, overlap_add, padded, sliding, windows
from npslim.scopes import name_scope
from npslim.spec import Spec, compatible, merge, show_shape


class Dense:
    """Every output channel sees every input channel: `w` is `[*kernel, c, o]`. One matrix product."""

    @staticmethod
    def channels(w):
        return w[-1]

    @staticmethod
    def forward(blocks, w):
        return array_module(w).tensordot(blocks, w, w.ndim - 1)

    @staticmethod
    def by_window(g, w):
        return array_module(w).tensordot(g, w, ((g.ndim - 1,), (w.ndim - 1,)))

    @staticmethod
    def by_filter(blocks, g, shape):
        places = tuple(range(g.ndim - 1))
        return array_module(g).tensordot(blocks, g, (places, places))


class Depthwise:
    """Each input channel has m output channels of its own: `w` is `[kh, kw, c, m]`."""

    @staticmethod
    def channels(w):
        return None if None in w[-2:] else w[-2] * w[-1]

    @staticmethod
    def forward(blocks, w):
        y = array_module(w).einsum("nhwijc,ijcm->nhwcm", blocks, w)
        return y.reshape(*y.shape[:3], Depthwise.channels(w.shape))

    @staticmethod
    def by_window(g, w):
        return array_module(w).einsum("nhwcm,ijcm->nhwijc", g.reshape(*g.shape[:3], *w.shape[2:]), w)

    @staticmethod
    def by_filter(blocks, g, shape):
        return array_module(g).einsum("nhwijc,nhwcm->ijcm", blocks, g.reshape(*g.shape[:3], *shape[2:]))


# ---- shapes


def _output(x, w, slide, product):
    """The shape that shapes `x` and `w` give."""
    n, sizes, c = slide.split(x)
    if None not in (c, w[-2]) and c != w[-2]:
        axis, other = (1, "channels last") if slide.channels_first else (len(w) - 1, "channels first")
        raise ShapeError(
            "The input's channels do not match the filter's.", expected=f"x.shape[{axis}] == w.shape[{len(w) - 2}]",
            got=f"{c} != {w[-2]}", hint=f"data_format says where the channels are; another one is for {other}",
        )  # fmt: skip
    return slide.join(n, slide.output_sizes(sizes), product.channels(w))


def _filter_shape(w, n):
    """The shape of spec `w`, all None if unknown. Raises ShapeError if it is no filter over n dimensions."""
    shape = (None,) * (n + 2) if w.shape is None else w.shape
    if len(shape) != n + 2:
        raise ShapeError("The filter has the wrong rank.", expected=f"rank {n + 2}", got=show_shape(shape))
    return shape


def _check_output(given, expected):
    if not compatible(given, expected):
        raise ShapeError("The cotangent is not like the output.", expected=show_shape(expected), got=show_shape(given))


# ---- the ops


def _family(n, product, name, type, by_input_type, by_filter_type) -> Any:
    """Define the convolution `name` over n dimensions and its two gradients, each one's rule made of the other two."""
    letters = "dhw"[-n:]
    sizes, kernel = ", ".join(letters), ", ".join("k" + letter for letter in letters)
    outputs = {Dense: "o", Depthwise: "c * m"}[product]
    last = outputs[-1]

    def forward(x, w, *, strides, padding, data_format=None, dilations=1):
        slide = sliding(w.shape[:n], strides, padding, data_format, dilations)
        blocks = windows(padded(slide.channels_last(x), slide), slide)
        return slide.as_given(product.forward(blocks, w))

    def by_input(like, w, g, *, strides, padding, data_format=None, dilations=1):
        slide = sliding(w.shape[:n], strides, padding, data_format, dilations)
        blocks = product.by_window(slide.channels_last(g), w)
        return slide.as_given(overlap_add(blocks, slide.split(like.shape)[1], slide))

    def by_filter(x, like, g, *, strides, padding, data_format=None, dilations=1):
        slide = sliding(like.shape[:n], strides, padding, data_format, dilations)
        blocks = windows(padded(slide.channels_last(x), slide), slide)
        return product.by_filter(blocks, slide.channels_last(g), like.shape)

    _named(
        forward, name,
        f"""Convolution of `[n, {sizes}, c]` by filters `[{kernel}, c, {last}]`: `[n, ..., {outputs}]`.

        strides, dilations: a number, one for each spatial dimension, or one for each dimension of `x`.
        padding: "SAME", "VALID", or pairs (before, after) for each dimension of `x`.
        data_format: where the channels are, last if None.
        Raises ShapeError if channels do not match or a window is larger than the input.
        """,
    )  # fmt: skip
    _named(
        by_input,
        f"{name}_backprop_input",
        f"The gradient of `{name}` by its input, which is like `like`, for the cotangent `g`.",
    )
    _named(
        by_filter,
        f"{name}_backprop_filter",
        f"The gradient of `{name}` by its filter, which is like `like`, for the cotangent `g`.",
    )
    forward = op(forward, type=type, holomorphic=True)
    by_input = op(by_input, type=by_input_type, holomorphic=True, shape_only=("like",))
    by_filter = op(by_filter, type=by_filter_type, holomorphic=True, shape_only=("like",))

    @forward.shape
    def _(x, w, *, strides, padding, data_format, dilations):
        shape = _filter_shape(w, n)
        slide = sliding(shape[:n], strides, padding, data_format, dilations)
        return Spec(_output(x.shape, shape, slide, product), x.dtype)

    @by_input.shape
    def _(like, w, g, *, strides, padding, data_format, dilations):
        shape = _filter_shape(w, n)
        slide = sliding(shape[:n], strides, padding, data_format, dilations)
        _check_output(g.shape, _output(like.shape, shape, slide, product))
        known = slide.join(slide.split(g.shape)[0], (None,) * n, shape[-2])
        return Spec(merge(like.shape, known), g.dtype)

    @by_filter.shape
    def _(x, like, g, *, strides, padding, data_format, dilations):
        shape = _filter_shape(like, n)
        slide = sliding(shape[:n], strides, padding, data_format, dilations)
        _check_output(g.shape, _output(x.shape, shape, slide, product))
        return Spec(merge(shape, (None,) * n + (slide.split(x.shape)[2], None)), g.dtype)

    @forward.vjp
    def _(g, y, x, w, **attrs):
        return by_input(x, w, g, **attrs), by_filter(x, w, g, **attrs)

    @by_input.vjp
    def _(h, y, like, w, g, **attrs):
        return None, by_filter(h, w, g, **attrs), forward(h, w, **attrs)

    @by_filter.vjp
    def _(h, y, x, like, g, **attrs):
        return by_input(x, h, g, **attrs), None, forward(x, h, **attrs)

    return forward, by_input, by_filter


def _transposed(n, name, type, forward, by_filter) -> Any:
    """Define the transposed convolution `name` over n dimensions: the gradient by the input, as an op of its own."""
    letters = "dhw"[-n:]
    sizes, kernel = ", ".join(letters), ", ".join("k" + letter for letter in letters)

    def transposed(x, w, output_shape, *, strides, padding="SAME", data_format=None, dilations=1):
        slide = sliding(w.shape[:n], strides, padding, data_format, dilations)
        shape = tuple(int(size) for size in output_shape)
        _check_transposed(x.shape, _output(shape, w.shape, slide, Dense))
        blocks = Dense.by_window(slide.channels_last(x), w)
        return slide.as_given(overlap_add(blocks, slide.split(shape)[1], slide))

    _named(
        transposed, name,
        f"""Transposed convolution of `[n, {sizes}, c]` by filters `[{kernel}, o, c]`: `output_shape`.

        It is the gradient of the convolution that leads from `output_shape` to the shape of `x`. Several sizes lead
        there, so `output_shape` is an input, `[{n + 2}]` integers, computed or known. The other arguments are those of
        the convolution. Raises ShapeError if it leads elsewhere.
        """,
    )  # fmt: skip
    transposed = op(transposed, type=type, node_name=name, holomorphic=True, host=("output_shape",))

    @transposed.shape
    def _(x, w, output_shape, *, strides, padding, data_format, dilations):
        filter_shape = _filter_shape(w, n)
        slide = sliding(filter_shape[:n], strides, padding, data_format, dilations)
        batch, _, channels = slide.split(x.shape)
        shape = merge(_sizes(output_shape, n + 2), slide.join(batch, (None,) * n, filter_shape[-2]))
        _check_transposed(x.shape, _output(shape, filter_shape, slide, Dense))
        return Spec(shape, x.dtype)

    @transposed.vjp
    def _(g, y, x, w, output_shape, **attrs):
        return forward(g, w, **attrs), by_filter(g, w, x, **attrs), None

    return transposed


def _named(kernel, name, doc):
    kernel.__name__, kernel.__doc__ = name, doc


def _sizes(shape, rank):
    """The sizes that the spec of a shape tensor tells. Raises ShapeError if it has not `rank` of them."""
    if not compatible(shape.shape, (rank,)):
        raise ShapeError("output_shape has the wrong length.", expected=f"{rank} sizes", got=show_shape(shape.shape))
    if shape.known is None:
        return (None,) * rank
    return tuple(None if np.isnan(size) else int(size) for size in shape.known)


def _check_transposed(given, expected):
    if not compatible(given, expected):
        raise ShapeError(
            "A convolution of output_shape does not give the shape of x.",
            expected=f"x {show_shape(expected)}",
            got=show_shape(given),
        )


conv2d, conv2d_backprop_input, conv2d_backprop_filter = _family(
    2, Dense, "conv2d", "Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"
)
conv3d, conv3d_backprop_input, conv3d_backprop_filter = _family(
    3, Dense, "conv3d", "Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"
)
depthwise_conv2d_native, depthwise_conv2d_native_backprop_input, depthwise_conv2d_native_backprop_filter = _family(
    2, Depthwise, "depthwise_conv2d_native", "DepthwiseConv2dNative",
    "DepthwiseConv2dNativeBackpropInput", "DepthwiseConv2dNativeBackpropFilter",
)  # fmt: skip
conv2d_transpose = _transposed(2, "conv2d_transpose", "Conv2DBackpropInput", conv2d, conv2d_backprop_filter)
conv3d_transpose = _transposed(3, "conv3d_transpose", "Conv3DBackpropInputV2", conv3d, conv3d_backprop_filter)


# ---- TensorFlow's functions made of them


def conv1d(value, filters, stride=1, padding="VALID", data_format=None, name=None, dilations=1):
    """Convolution over one dimension: `[n, w, c]` by filters `[kw, c, o]`, as a `conv2d` of height 1."""
    with name_scope(name, "conv1d", [value, filters]) as scope:
        value, lift = as_tensor(value), Lift(data_format)
        filters = as_tensor(filters, value.spec.dtype)
        y = conv2d(
            expand_dims(value, axis=lift.axis), expand_dims(filters, axis=0), strides=lift(stride, "stride"),
            padding=padding, data_format=lift.data_format, dilations=lift(dilations, "dilations"), name=scope,
        )  # fmt: skip
        return squeeze(y, axis=(lift.axis,))


def convolution(input, filter, padding, strides=None, dilation_rate=None, name=None, data_format=None):
    """Convolution over as many dimensions, 1 to 3, as the filter `[*kernel, c, o]` has.

    strides, dilation_rate: a number, or one for each spatial dimension; 1 if None.
    data_format: "NCW", "NCHW" or "NCDHW" for channels second.
    Raises ShapeError for a filter of another or unknown rank.
    """
    x = as_tensor(input)
    w = as_tensor(filter, x.spec.dtype)
    if w.spec.rank not in (3, 4, 5):
        raise ShapeError(
            "convolution: the filter has the wrong rank.", expected="rank 3, 4 or 5", got=show_shape(w.spec.shape)
        )
    convolve = (conv1d, conv2d, conv3d)[w.spec.rank - 3]
    strides, rate = (1 if value is None else value for value in (strides, dilation_rate))
    with name_scope(name, "convolution", [x, w]) as scope:
        if convolve is conv1d:
            return conv1d(x, w, strides, padding, data_format, scope, rate)
        return convolve(x, w, strides=strides, padding=padding, data_format=data_format, dilations=rate, name=scope)


def atrous_conv2d(value, filters, rate, padding, name=None):
    """`convolution` with a filter spread out by `rate` in both dimensions."""
    return convolution(value, filters, padding, dilation_rate=rate, name=name)


def atrous_conv2d_transpose(value, filters, output_shape, rate, padding, name=None):
    """`conv2d_transpose` with a filter spread out by `rate` in both dimensions."""
    return conv2d_transpose(
        value, filters, output_shape, strides=1, padding=padding, dilations=rate, name=name or "atrous_conv2d_transpose"
    )


def depthwise_conv2d(input, filter, strides, padding, rate=None, name=None, data_format=None, dilations=None):
    """Each channel of `[n, h, w, c]` convolved with its own m filters of `[kh, kw, c, m]`: `[n, ..., c * m]`.

    rate, dilations: two names for the distance between the filter's elements.
    """
    with name_scope(name, "depthwise", [input, filter]) as scope:
        return depthwise_conv2d_native(
            input, filter, strides=strides, padding=padding, data_format=data_format,
            dilations=_rate(rate, dilations), name=scope,
        )  # fmt: skip


def separable_conv2d(
    input, depthwise_filter, pointwise_filter, strides, padding, rate=None, name=None, data_format=None, dilations=None
):
    """A depthwise convolution by `[kh, kw, c, m]`, followed by one with windows of one element, `[1, 1, c * m, o]`."""
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        y = depthwise_conv2d_native(
            input, depthwise_filter, strides=strides, padding=padding, data_format=data_format,
            dilations=_rate(rate, dilations), name="depthwise",
        )  # fmt: skip
        return conv2d(y, pointwise_filter, strides=1, padding="VALID", data_format=data_format, name=scope)


def _rate(rate, dilations):
    if rate is not None and dilations is not None:
        raise InvalidArgumentError("rate and dilations are the same argument.", expected="one of them", got="both")
    return next((value for value in (rate, dilations) if value is not None), 1)


# ---- cases


def _examples(family, x_shape, w_shape, options):
    """The cases of a convolution and its gradients."""
    forward, by_input, by_filter = family
    for attrs in options:
        shape = x_shape
        if attrs.get("data_format", "NHWC").startswith("NC"):
            shape = (x_shape[0], x_shape[-1], *x_shape[1:-1])
        for n in (x_shape[0], 0) if attrs is options[0] else (x_shape[0],):

            def draw(rng, shape=(n, *shape[1:]), attrs=attrs):
                x, w = rng.normal(size=shape), rng.normal(size=w_shape)
                return x, w, rng.normal(size=forward.kernel(x, w, **attrs).shape)

            forward.cases(lambda rng, draw=draw: draw(rng)[:2], **attrs)
            by_input.cases(draw, **attrs)
            by_filter.cases(draw, **attrs)


_PLANE = (
    {"strides": 1, "padding": "SAME"},
    {"strides": 1, "padding": "VALID"},
    {"strides": 2, "padding": "SAME"},
    {"strides": (2, 1), "padding": "VALID"},
    {"strides": (1, 1, 2, 1), "padding": ((0, 0), (2, 0), (1, 1), (0, 0))},
    {"strides": 1, "padding": "SAME", "dilations": 2},
    {"strides": 2, "padding": "SAME", "dilations": (1, 3, 2, 1)},
    {"strides": (1, 1, 1, 2), "padding": "SAME", "data_format": "NCHW", "dilations": (2, 1)},
    {"strides": 1, "padding": ((0, 0), (0, 0), (1, 2), (0, 1)), "data_format": "NCHW"},
)
_SPACE = (
    {"strides": 1, "padding": "VALID"},
    {"strides": (2, 1, 2), "padding": "SAME"},
    {"strides": 1, "padding": "SAME", "data_format": "NCDHW", "dilations": (1, 2, 1)},
)
_examples((conv2d, conv2d_backprop_input, conv2d_backprop_filter), (2, 5, 4, 2), (3, 2, 2, 3), _PLANE)
_examples((conv3d, conv3d_backprop_input, conv3d_backprop_filter), (1, 4, 3, 3, 2), (2, 3, 2, 2, 2), _SPACE)
_examples(
    (depthwise_conv2d_native, depthwise_conv2d_native_backprop_input, depthwise_conv2d_native_backprop_filter),
    (2, 5, 4, 2), (3, 2, 2, 3), _PLANE,
)  # fmt: skip


def _input_and_filter(x_shape, w_shape):
    return lambda rng: (np.zeros(x_shape), np.zeros(w_shape))


for _op in (conv2d, depthwise_conv2d_native):
    _reject = _op.rejects
    _reject("channels do not match", _input_and_filter((2, 5, 5, 3), (3, 3, 4, 2)), strides=1, padding="SAME")
    _reject("larger than the input", _input_and_filter((2, 2, 5, 3), (3, 3, 3, 2)), strides=1, padding="VALID")
    _reject("wrong rank", _input_and_filter((2, 5, 5), (3, 3, 3, 2)), strides=1, padding="SAME")
    _reject("filter has the wrong rank", _input_and_filter((2, 5, 5, 3), (3, 3, 3)), strides=1, padding="SAME")
    _reject("unknown padding", _input_and_filter((2, 5, 5, 3), (3, 3, 3, 2)), strides=1, padding="FULL")
    _reject(
        "unknown data_format",
        _input_and_filter((2, 5, 5, 3), (3, 3, 3, 2)),
        strides=1,
        padding="SAME",
        data_format="HWC",
    )
    _reject("strides of batch", _input_and_filter((2, 5, 5, 3), (3, 3, 3, 2)), strides=(2, 1, 1, 1), padding="SAME")
    _reject("no dilations", _input_and_filter((2, 5, 5, 3), (3, 3, 3, 2)), strides=1, padding="SAME", dilations=0)

for _gradient in (conv2d_backprop_input, conv2d_backprop_filter):
    _gradient.rejects(
        "not like the output", lambda rng: (np.zeros((2, 5, 5, 3)), np.zeros((3, 3, 3, 2)), np.zeros((2, 4, 4, 2))),
        strides=1, padding="SAME",
    )  # fmt: skip

_UP = np.array([2, 7, 8, 2], np.int32)
conv2d_transpose.cases(
    lambda rng: (rng.normal(size=(2, 4, 4, 3)), rng.normal(size=(3, 2, 2, 3)), _UP),
    lambda rng: (rng.normal(size=(0, 4, 4, 3)), rng.normal(size=(3, 2, 2, 3)), np.array([0, 7, 8, 2], np.int32)),
    strides=2,
)
conv2d_transpose.cases(
    lambda rng: (rng.normal(size=(2, 3, 4, 3)), rng.normal(size=(3, 2, 2, 3)), _UP), strides=(2, 2), padding="VALID"
)
conv2d_transpose.cases(
    lambda rng: (rng.normal(size=(2, 3, 2, 3)), rng.normal(size=(3, 2, 2, 3)), _UP[[0, 3, 1, 2]]),
    strides=(1, 1, 2, 2), padding="VALID", data_format="NCHW", dilations=(2, 3),
)  # fmt: skip
conv3d_transpose.cases(
    lambda rng: (
        rng.normal(size=(1, 2, 2, 2, 2)),
        rng.normal(size=(2, 3, 2, 2, 2)),
        np.array([1, 3, 4, 4, 2], np.int32),
    ),
    strides=2,
)
conv2d_transpose.rejects(
    "does not give the shape of x",
    lambda rng: (np.zeros((2, 4, 4, 3)), np.zeros((3, 3, 2, 3)), np.array([2, 9, 9, 2], np.int32)), strides=2,
)  # fmt: skip
conv2d_transpose.rejects(
    "wrong length", lambda rng: (np.zeros((2, 4, 4, 3)), np.zeros((3, 3, 2, 3)), np.array([9, 9], np.int32)), strides=2
)
