"""Layers whose convolution treats each channel by itself: separable (Sifre, 2014; Chollet, 2016) and in plane."""

from npslim.errors import InvalidArgumentError
from npslim.initializers import xavier_initializer, zeros_initializer
from npslim.layers.common import known_channels, layer, n_of
from npslim.ops.activation import relu
from npslim.ops.arrange import tile
from npslim.ops.conv import conv2d, depthwise_conv2d_native
from npslim.scopes import add_arg_scope


@add_arg_scope
def separable_convolution2d(
    inputs,
    num_outputs,
    kernel_size,
    depth_multiplier=1,
    stride=1,
    padding="SAME",
    data_format="NHWC",
    rate=1,
    activation_fn=relu,
    normalizer_fn=None,
    normalizer_params=None,
    weights_initializer=xavier_initializer(),
    pointwise_initializer=None,
    weights_regularizer=None,
    biases_initializer=zeros_initializer(),
    biases_regularizer=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    scope=None,
):
    """Convolve each channel with `depth_multiplier` filters of its own, then mix the channels by a 1x1 convolution.

    inputs: `[n, h, w, c]`, or `[n, c, h, w]` for data_format "NCHW"; c known. num_outputs: None leaves the mixing out.
    Makes `<scope>/depthwise_weights [kh, kw, c, depth_multiplier]`, `<scope>/pointwise_weights [1, 1, c *
    depth_multiplier, num_outputs]` and, without a normalizer, `<scope>/biases`. pointwise_initializer:
    weights_initializer unless given. For the other arguments see `npslim.layers`.
    Raises ValueError for unknown c, or stride and rate both above 1.
    """
    with layer(
        scope, "SeparableConv2d", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        strides, rates = n_of(stride, 2, "stride"), n_of(rate, 2, "rate")
        if max(strides) > 1 and max(rates) > 1:
            raise InvalidArgumentError(
                "A stride and a rate cannot both be above 1.", expected="one of them 1", got=f"{strides}, {rates}"
            )
        (depth_multiplier,) = n_of(depth_multiplier, 1, "depth_multiplier")
        shape = [*n_of(kernel_size, 2, "kernel_size"), known_channels(here.inputs, data_format), depth_multiplier]
        weights = here.variable("depthwise_weights", shape, weights_initializer, weights_regularizer)
        outputs = depthwise_conv2d_native(
            here.inputs, weights, strides=tuple(strides), padding=padding.upper(), data_format=data_format,
            dilations=tuple(rates), name="separable_conv2d/depthwise" if num_outputs else "depthwise",
        )  # fmt: skip
        if num_outputs is not None:
            initializer = weights_initializer if pointwise_initializer is None else pointwise_initializer
            mixing = here.variable(
                "pointwise_weights", [1, 1, shape[2] * depth_multiplier, num_outputs], initializer, weights_regularizer
            )
            outputs = conv2d(
                outputs, mixing, strides=1, padding="VALID", data_format=data_format, name="separable_conv2d"
            )
        outputs = here.normalize_or_bias(
            outputs, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, data_format
        )
        return here.finish(outputs, activation_fn)


@add_arg_scope
def convolution2d_in_plane(
    inputs,
    kernel_size,
    stride=1,
    padding="SAME",
    activation_fn=relu,
    normalizer_fn=None,
    normalizer_params=None,
    weights_initializer=xavier_initializer(),
    weights_regularizer=None,
    biases_initializer=zeros_initializer(),
    biases_regularizer=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    scope=None,
):
    """Convolve every channel with one and the same filter, `<scope>/weights [kh, kw, 1, 1]`: `[n, h, w, c]`, c known.

    For the other arguments see `npslim.layers`.
    """
    with layer(
        scope, "ConvInPlane", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        channels = known_channels(here.inputs)
        shape = [*n_of(kernel_size, 2, "kernel_size"), 1, 1]
        weights = here.variable("weights", shape, weights_initializer, weights_regularizer)
        outputs = depthwise_conv2d_native(
            here.inputs, tile(weights, [1, 1, channels, 1]), strides=tuple(n_of(stride, 2, "stride")),
            padding=padding.upper(), name="depthwise",
        )  # fmt: skip
        outputs = here.normalize_or_bias(
            outputs, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer
        )
        return here.finish(outputs, activation_fn)


separable_conv2d, conv2d_in_plane = separable_convolution2d, convolution2d_in_plane
