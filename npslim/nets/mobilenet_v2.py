"""MobileNet v2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018).

A unit expands its few channels sixfold, filters them with a depthwise 3x3, and projects them back without activation.
Where neither size nor channels change, its input is added.
"""

import functools

from npslim.errors import InvalidArgumentError
from npslim.initializers import truncated_normal_initializer, zeros_initializer
from npslim.layers import batch_norm, conv2d, dropout, fully_connected, separable_conv2d, softmax
from npslim.ops.activation import relu6
from npslim.ops.pool import avg_pool
from npslim.ops.reduce import reduce_mean
from npslim.ops.shape import identity, squeeze
from npslim.regularizers import l2_regularizer
from npslim.scopes import VariableScope, add_arg_scope, arg_scope, variable_scope

# stride and channels of the units; the first expands nothing
_UNITS = [
    (1, 16), (2, 24), (1, 24), (2, 32), (1, 32), (1, 32), (2, 64), (1, 64), (1, 64), (1, 64),
    (1, 96), (1, 96), (1, 96), (2, 160), (1, 160), (1, 160), (1, 320),
]  # fmt: skip


def divisible(channels, divisor, least):
    """`channels` rounded to a multiple of `divisor`, at least `least`, and never below 90 % of `channels`."""
    rounded = max(least, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _expanded_conv(net, channels, stride, expansion, rate, scope):
    """An inverted residual unit; returns its output and {name: its inner outputs}."""
    inner = {}
    with variable_scope(scope, "expanded_conv", [net]):
        shortcut, depth_in = net, net.get_shape().as_list()[3]
        if expansion > 1:
            net = conv2d(net, divisible(depth_in * expansion, 8, 8), [1, 1], scope="expand")
            net = inner["expansion_output"] = identity(net, name="expansion_output")
        net = separable_conv2d(net, None, [3, 3], depth_multiplier=1, stride=stride, rate=rate, scope="depthwise")
        net = inner["depthwise_output"] = identity(net, name="depthwise_output")
        net = conv2d(net, channels, [1, 1], activation_fn=None, scope="project")
        if stride == 1 and depth_in == channels:
            net = net + shortcut
        net = inner["output"] = identity(net, name="output")
    return net, inner


@add_arg_scope
def mobilenet_base(
    inputs, depth_multiplier=1.0, final_endpoint=None, output_stride=None, min_depth=None, divisible_by=None,
    finegrain_classification_mode=False, scope: str | VariableScope = "MobilenetV2", is_training=None,
):  # fmt: skip
    """(net, end_points) of the convolutions, for images `[n, h, w, c]`.

    depth_multiplier: times the number of channels, rounded to multiples of `divisible_by`, 8, at least `min_depth`, 8.
    finegrain_classification_mode: a multiplier below 1 leaves the last convolution's channels alone.
    output_stride: strides beyond it become dilation; None for the net's own, 32.
    final_endpoint: "layer_1" to "layer_19"; None for the last.
    end_points: the layers' outputs "layer_I", and those within the units, "layer_I/depthwise_output" and so on.
    Raises ValueError for an unknown `final_endpoint`, an output_stride that cannot be, a multiplier <= 0.
    """
    if depth_multiplier <= 0:
        raise InvalidArgumentError("multiplier should be greater than 0.", got=depth_multiplier)
    if output_stride is not None and (output_stride == 0 or (output_stride > 1 and output_stride % 2)):
        raise InvalidArgumentError("Output stride must be None, 1 or a multiple of 2.", got=output_stride)
    names = [f"layer_{i}" for i in range(1, len(_UNITS) + 3)]
    if final_endpoint not in (None, *names):
        raise InvalidArgumentError(f"Unknown final endpoint {final_endpoint}.", expected=", ".join(names))

    def depth(channels, fixed=False):
        multiplier = max(depth_multiplier, 1.0) if fixed else depth_multiplier
        return divisible(channels * multiplier, divisible_by or 8, min_depth or 8)

    reached, rate, net = 1, 1, inputs

    def strides(stride):
        nonlocal reached, rate
        if output_stride is not None and reached == output_stride:
            used, rate = rate, rate * stride
            return 1, used
        reached *= stride
        return stride, 1

    end_points, inside = {}, {}
    modes = {} if is_training is None else {"is_training": is_training}
    with (
        variable_scope(scope, "MobilenetV2", [inputs]),
        arg_scope([batch_norm], center=True, scale=True, **modes),
        arg_scope([conv2d, separable_conv2d], padding="SAME", normalizer_fn=batch_norm, activation_fn=relu6),
    ):
        net = end_points["layer_1"] = conv2d(net, depth(32), [3, 3], stride=strides(2)[0], scope="Conv")
        for i, (stride, channels) in enumerate(_UNITS):
            if list(end_points)[-1] == final_endpoint:
                break
            stride, unit_rate = strides(stride)
            unit_scope = f"expanded_conv_{i}" if i else "expanded_conv"
            net, inner = _expanded_conv(net, depth(channels), stride, 6 if i else 1, unit_rate, unit_scope)
            end_points[f"layer_{i + 2}"] = net
            inside.update((f"layer_{i + 2}/{name}", tensor) for name, tensor in inner.items())
        else:
            if list(end_points)[-1] != final_endpoint:
                last = depth(1280, fixed=finegrain_classification_mode)
                net = end_points[names[-1]] = conv2d(net, last, [1, 1], scope="Conv_1")
    return net, {**end_points, **inside}


def _over_the_image(net):
    """The average over the image, `[n, 1, 1, c]`."""
    size = net.get_shape().as_list()[1:3]
    if None in size:
        return reduce_mean(net, [1, 2], keepdims=True, name="global_pool")
    return avg_pool(net, ksize=[1, *size, 1], strides=[1, 1, 1, 1], padding="VALID")


@add_arg_scope
def mobilenet(
    inputs, num_classes=1001, depth_multiplier=1.0, prediction_fn=softmax, reuse=None, scope="MobilenetV2",
    base_only=False, is_training=None, **options,
):  # fmt: skip
    """(logits, end_points) for images `[n, 224, 224, c]`: logits are `[n, num_classes]`.

    num_classes: None or 0, or base_only True, gives the features instead.
    `options` are those of `mobilenet_base`. is_training: of normalization and dropout; see `training_scope`.
    """
    shape = inputs.get_shape().as_list()
    if len(shape) != 4:
        raise InvalidArgumentError("Expected rank 4 input.", expected="[n, h, w, c]", got=shape)
    modes = {} if is_training is None else {"is_training": is_training}
    with variable_scope(scope, "MobilenetV2", [inputs], reuse=reuse) as opened:
        net, end_points = mobilenet_base(inputs, depth_multiplier, scope=opened, is_training=is_training, **options)
        if base_only:
            return net, end_points
        with variable_scope("Logits"):
            net = end_points["global_pool"] = _over_the_image(identity(net, name="embedding"))
            if not num_classes:
                return net, end_points
            net = dropout(net, scope="Dropout", **modes)
            logits = conv2d(
                net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
                biases_initializer=zeros_initializer(), scope="Conv2d_1c_1x1",
            )  # fmt: skip
            logits = identity(squeeze(logits, [1, 2]), name="output")
        end_points["Logits"] = logits
        if prediction_fn:
            end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


def _scaled(**options):
    scaled = functools.partial(mobilenet, **options)
    functools.update_wrapper(scaled, mobilenet)
    scaled.default_image_size = 224  # pyright: ignore[reportAttributeAccessIssue]
    return scaled


mobilenet.default_image_size = 224
mobilenet_v2 = mobilenet
mobilenet_v2_140 = _scaled(depth_multiplier=1.4)
mobilenet_v2_050 = _scaled(depth_multiplier=0.50, finegrain_classification_mode=True)
mobilenet_v2_035 = _scaled(depth_multiplier=0.35, finegrain_classification_mode=True)


def training_scope(is_training=True, weight_decay=0.00004, stddev=0.09, dropout_keep_prob=0.8, bn_decay=0.997):
    """The defaults that MobileNet v2 is trained with.

    is_training: True, False, or None to leave it to the net; weight_decay: of full convolutions alone.
    """
    normalization = {"decay": bn_decay}
    modes = {} if is_training is None else {"is_training": is_training}
    with (
        arg_scope(
            [conv2d, fully_connected, separable_conv2d],
            weights_initializer=truncated_normal_initializer(stddev=stddev),
            normalizer_fn=batch_norm,
        ),
        arg_scope([mobilenet_base, mobilenet], is_training=is_training),
        arg_scope([batch_norm], **normalization, **modes),
        arg_scope([dropout], keep_prob=dropout_keep_prob, **modes),
        arg_scope([conv2d], weights_regularizer=l2_regularizer(weight_decay)),
        arg_scope([separable_conv2d], weights_regularizer=None) as scope,
    ):
        return scope


mobilenet_v2_arg_scope = training_scope
