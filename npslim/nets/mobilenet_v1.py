"""MobileNet v1 (Howard et al., "MobileNets: Efficient CNNs for Mobile Vision Applications", 2017).

After one full convolution, pairs of a depthwise 3x3 and a pointwise 1x1 convolution, each with batch normalization and
relu6. `depth_multiplier` thins the layers, `output_stride` trades strides for dilation.
"""

import functools
from collections import namedtuple

from npslim.errors import InvalidArgumentError
from npslim.graph_keys import GraphKeys
from npslim.initializers import truncated_normal_initializer
from npslim.layers import avg_pool2d, batch_norm, conv2d, dropout, separable_conv2d, softmax
from npslim.nets.inception_blocks import scaled_depth, window_within
from npslim.ops.activation import relu6
from npslim.ops.padding import pad
from npslim.ops.reduce import reduce_mean
from npslim.ops.shape import squeeze
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope


class Conv(namedtuple("Conv", ["kernel", "stride", "depth"])):
    """A full convolution, one entry of `conv_defs`."""


class DepthSepConv(namedtuple("DepthSepConv", ["kernel", "stride", "depth"])):
    """A depthwise convolution of `kernel` and `stride`, and a pointwise one to `depth`; one entry of `conv_defs`."""


MOBILENETV1_CONV_DEFS = [
    Conv([3, 3], 2, 32),
    *(
        DepthSepConv([3, 3], stride, depth)
        for stride, depth in [
            (1, 64), (2, 128), (1, 128), (2, 256), (1, 256),
            (2, 512), (1, 512), (1, 512), (1, 512), (1, 512), (1, 512),
            (2, 1024), (1, 1024),
        ]
    ),
]  # fmt: skip


def fixed_padding(inputs, kernel_size, rate=1):
    """`inputs` with the border of `kernel_size` that does not depend on their size; see `resnet_utils.conv2d_same`."""
    borders = [[(k - 1) * rate // 2, (k - 1) * rate - (k - 1) * rate // 2] for k in kernel_size]
    return pad(inputs, [[0, 0], *borders, [0, 0]])


def mobilenet_v1_base(
    inputs, final_endpoint="Conv2d_13_pointwise", min_depth=8, depth_multiplier=1.0, conv_defs=None, output_stride=None,
    use_explicit_padding=False, scope=None,
):  # fmt: skip
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, c]`.

    conv_defs: a list of `Conv` and `DepthSepConv`; the paper's if None.
    depth_multiplier: times the number of channels, never less than `min_depth`.
    output_stride: 8, 16 or 32: strides beyond it become dilation; None for the net's own.
    use_explicit_padding: pad by the kernel alone, so that the windows lie alike for any image size.
    Raises ValueError for an unknown `final_endpoint`, another output_stride, a depth_multiplier that is not positive.
    """
    depth = scaled_depth(depth_multiplier, min_depth)
    if output_stride not in (None, 8, 16, 32):
        raise InvalidArgumentError("Only allowed output_stride values are 8, 16, 32.", got=output_stride)
    padding = "VALID" if use_explicit_padding else "SAME"
    end_points, net, reached, rate = {}, inputs, 1, 1

    def padded(net, kernel, rate=1):
        return fixed_padding(net, kernel, rate) if use_explicit_padding else net

    with (
        variable_scope(scope, "MobilenetV1", [inputs]),
        arg_scope([conv2d, separable_conv2d], padding=padding),
    ):
        for i, definition in enumerate(MOBILENETV1_CONV_DEFS if conv_defs is None else conv_defs):
            if not isinstance(definition, Conv | DepthSepConv):
                raise InvalidArgumentError(
                    f"Unknown convolution type for layer {i}.", expected="Conv or DepthSepConv", got=repr(definition)
                )
            if output_stride is not None and reached == output_stride:
                stride, layer_rate = 1, rate
                rate *= definition.stride
            else:
                stride, layer_rate = definition.stride, 1
                reached *= definition.stride
            base = f"Conv2d_{i}"
            if isinstance(definition, Conv):
                net = conv2d(
                    padded(net, definition.kernel),
                    depth(definition.depth),
                    definition.kernel,
                    stride=stride,
                    scope=base,
                )
                end_points[base] = net
                if base == final_endpoint:
                    return net, end_points
            else:
                net = separable_conv2d(
                    padded(net, definition.kernel, layer_rate), None, definition.kernel, depth_multiplier=1,
                    stride=stride, rate=layer_rate, scope=base + "_depthwise",
                )  # fmt: skip
                end_points[base + "_depthwise"] = net
                if base + "_depthwise" == final_endpoint:
                    return net, end_points
                net = conv2d(net, depth(definition.depth), [1, 1], stride=1, scope=base + "_pointwise")
                end_points[base + "_pointwise"] = net
                if base + "_pointwise" == final_endpoint:
                    return net, end_points
    raise InvalidArgumentError(
        f"Unknown final endpoint {final_endpoint}.", expected=", ".join(end_points), got=repr(final_endpoint)
    )


def mobilenet_v1(
    inputs, num_classes=1000, dropout_keep_prob=0.999, is_training=True, min_depth=8, depth_multiplier=1.0,
    conv_defs=None, prediction_fn=softmax, spatial_squeeze=True, reuse=None, scope="MobilenetV1", global_pool=False,
):  # fmt: skip
    """(logits, end_points) for images `[n, 224, 224, c]`: logits are `[n, num_classes]`.

    num_classes: None or 0 gives the pooled features instead.
    global_pool: average over the image whatever its size, instead of a 7x7 pooling.
    spatial_squeeze: False keeps the logits as a map `[n, h, w, num_classes]`.
    The other arguments are those of `mobilenet_v1_base`.
    """
    shape = inputs.get_shape().as_list()
    if len(shape) != 4:
        raise InvalidArgumentError("Invalid input tensor rank.", expected="4", got=len(shape))
    with (
        variable_scope(scope, "MobilenetV1", [inputs], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = mobilenet_v1_base(
            inputs, scope=opened, min_depth=min_depth, depth_multiplier=depth_multiplier, conv_defs=conv_defs
        )
        with variable_scope("Logits"):
            if global_pool:
                net = end_points["global_pool"] = reduce_mean(net, [1, 2], keepdims=True, name="global_pool")
            else:
                net = avg_pool2d(net, window_within(net, [7, 7]), padding="VALID", scope="AvgPool_1a")
                end_points["AvgPool_1a"] = net
            if not num_classes:
                return net, end_points
            net = dropout(net, dropout_keep_prob, scope="Dropout_1b")
            logits = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_1c_1x1")
            if spatial_squeeze:
                logits = squeeze(logits, [1, 2], name="SpatialSqueeze")
        end_points["Logits"] = logits
        if prediction_fn:
            end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


def _thinned(depth_multiplier):
    thinned = functools.partial(mobilenet_v1, depth_multiplier=depth_multiplier)
    functools.update_wrapper(thinned, mobilenet_v1)
    thinned.default_image_size = 224  # pyright: ignore[reportAttributeAccessIssue]
    return thinned


mobilenet_v1.default_image_size = 224
mobilenet_v1_075 = _thinned(0.75)
mobilenet_v1_050 = _thinned(0.50)
mobilenet_v1_025 = _thinned(0.25)


def mobilenet_v1_arg_scope(
    is_training=True, weight_decay=0.00004, stddev=0.09, regularize_depthwise=False, batch_norm_decay=0.9997,
    batch_norm_epsilon=0.001, batch_norm_updates_collections=GraphKeys.UPDATE_OPS, normalizer_fn=batch_norm,
):  # fmt: skip
    """The defaults that `mobilenet_v1` is trained with.

    is_training: of the normalization; None leaves it to the net's own.
    regularize_depthwise: penalize the depthwise weights too; the paper does not.
    """
    normalization = {
        "center": True,
        "scale": True,
        "decay": batch_norm_decay,
        "epsilon": batch_norm_epsilon,
        "updates_collections": batch_norm_updates_collections,
    }
    if is_training is not None:
        normalization["is_training"] = is_training
    penalty = l2_regularizer(weight_decay)
    with (
        arg_scope(
            [conv2d, separable_conv2d],
            weights_initializer=truncated_normal_initializer(stddev=stddev),
            activation_fn=relu6,
            normalizer_fn=normalizer_fn,
        ),
        arg_scope([batch_norm], **normalization),
        arg_scope([conv2d], weights_regularizer=penalty),
        arg_scope([separable_conv2d], weights_regularizer=penalty if regularize_depthwise else None) as scope,
    ):
        return scope
