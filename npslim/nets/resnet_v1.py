"""Residual nets (He et al., "Deep Residual Learning for Image Recognition", 2015).

A unit adds what three convolutions make of its input to the input itself. Unlike the paper's, the stride of a stage is
in its last unit, so that features of full resolution live longer.
"""

from npslim.layers import batch_norm, conv2d, max_pool2d, softmax
from npslim.layers.utils import collect_named_outputs, convert_collection_to_dict, last_dimension
from npslim.nets import resnet_utils
from npslim.nets.resnet_utils import resnet_arg_scope as resnet_arg_scope
from npslim.ops.activation import relu
from npslim.ops.reduce import reduce_mean
from npslim.scopes import add_arg_scope, arg_scope, variable_scope


@add_arg_scope
def bottleneck(inputs, depth, depth_bottleneck, stride, rate=1, outputs_collections=None, scope=None):
    """A residual unit: 1x1 to `depth_bottleneck` channels, 3x3, 1x1 to `depth`; added to a shortcut; relu.

    inputs: `[n, h, w, c]`. The shortcut is the input subsampled by `stride`, or a 1x1 convolution where c is not
    `depth`. Returns `[n, ceil(h / stride), ceil(w / stride), depth]`.
    """
    with variable_scope(scope, "bottleneck_v1", [inputs]) as opened:
        if depth == last_dimension(inputs.get_shape(), min_rank=4):
            shortcut = resnet_utils.subsample(inputs, stride, "shortcut")
        else:
            shortcut = conv2d(inputs, depth, [1, 1], stride=stride, activation_fn=None, scope="shortcut")
        residual = conv2d(inputs, depth_bottleneck, [1, 1], stride=1, scope="conv1")
        residual = resnet_utils.conv2d_same(residual, depth_bottleneck, 3, stride, rate=rate, scope="conv2")
        residual = conv2d(residual, depth, [1, 1], stride=1, activation_fn=None, scope="conv3")
        return collect_named_outputs(outputs_collections, opened.name, relu(shortcut + residual))


def resnet_v1(
    inputs, blocks, num_classes=None, is_training=True, global_pool=True, output_stride=None, include_root_block=True,
    reuse=None, scope=None,
):  # fmt: skip
    """(net, end_points) of a residual net of those `blocks`, a list of `resnet_utils.Block`.

    num_classes: None gives the features; else a 1x1 convolution makes them logits `[n, h, w, num_classes]`.
    global_pool: average over the image, so that h = w = 1; False for dense prediction.
    output_stride: input size over output size, reached by dilation; None for the net's own, 32.
    include_root_block: False starts with the blocks, without the 7x7 convolution and the pooling.
    end_points: a dictionary of units and layers by scope, with "predictions" if there are classes.
    """
    with variable_scope(scope, "resnet_v1", [inputs], reuse=reuse) as opened:
        collection = opened.original_name_scope + "_end_points"
        with (
            arg_scope([conv2d, bottleneck, resnet_utils.stack_blocks_dense], outputs_collections=collection),
            arg_scope([batch_norm], is_training=is_training),
        ):
            net = inputs
            if include_root_block:
                output_stride = resnet_utils.root_stride(output_stride)
                net = resnet_utils.conv2d_same(net, 64, 7, stride=2, scope="conv1")
                net = max_pool2d(net, [3, 3], stride=2, scope="pool1")
            net = resnet_utils.stack_blocks_dense(net, blocks, output_stride)
            if global_pool:
                net = reduce_mean(net, [1, 2], name="pool5", keepdims=True)
            if num_classes is not None:
                net = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="logits")
        end_points = convert_collection_to_dict(collection)
        if num_classes is not None:
            end_points["predictions"] = softmax(net, scope="predictions")
    return net, end_points


def resnet_v1_block(scope, base_depth, num_units, stride):
    """A block of `num_units` bottlenecks of `base_depth` channels, 4 * base_depth outside; `stride` in the last."""
    unit = {"depth": 4 * base_depth, "depth_bottleneck": base_depth, "stride": 1}
    return resnet_utils.Block(scope, bottleneck, [unit] * (num_units - 1) + [{**unit, "stride": stride}])


def _blocks(*units):
    strides = (2, 2, 2, 1)
    return [resnet_v1_block(f"block{i + 1}", 64 << i, count, strides[i]) for i, count in enumerate(units)]


def resnet_v1_50(
    inputs, num_classes=None, is_training=True, global_pool=True, output_stride=None, reuse=None, scope="resnet_v1_50"
):
    """The net of 50 layers; see `resnet_v1`."""
    blocks = _blocks(3, 4, 6, 3)
    return resnet_v1(inputs, blocks, num_classes, is_training, global_pool, output_stride, True, reuse, scope)


def resnet_v1_101(
    inputs, num_classes=None, is_training=True, global_pool=True, output_stride=None, reuse=None, scope="resnet_v1_101"
):
    """The net of 101 layers; see `resnet_v1`."""
    blocks = _blocks(3, 4, 23, 3)
    return resnet_v1(inputs, blocks, num_classes, is_training, global_pool, output_stride, True, reuse, scope)


def resnet_v1_152(
    inputs, num_classes=None, is_training=True, global_pool=True, output_stride=None, reuse=None, scope="resnet_v1_152"
):
    """The net of 152 layers; see `resnet_v1`."""
    blocks = _blocks(3, 8, 36, 3)
    return resnet_v1(inputs, blocks, num_classes, is_training, global_pool, output_stride, True, reuse, scope)


def resnet_v1_200(
    inputs, num_classes=None, is_training=True, global_pool=True, output_stride=None, reuse=None, scope="resnet_v1_200"
):
    """The net of 200 layers; see `resnet_v1`."""
    blocks = _blocks(3, 24, 36, 3)
    return resnet_v1(inputs, blocks, num_classes, is_training, global_pool, output_stride, True, reuse, scope)


for _net in (resnet_v1, resnet_v1_50, resnet_v1_101, resnet_v1_152, resnet_v1_200):
    _net.default_image_size = 224
