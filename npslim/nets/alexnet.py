"""AlexNet in one tower (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014).

Without local response normalization, and with the fully connected layers as convolutions, so that a larger image gives
a map of logits.
"""

from npslim.initializers import constant_initializer, truncated_normal_initializer, zeros_initializer
from npslim.layers import conv2d, dropout, fully_connected, max_pool2d
from npslim.layers.utils import convert_collection_to_dict
from npslim.ops.activation import relu
from npslim.ops.shape import squeeze
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope


def alexnet_v2_arg_scope(weight_decay=0.0005):
    """The defaults that `alexnet_v2` is trained with; `weight_decay` scales the L2 penalty of the weights."""
    with (
        arg_scope(
            [conv2d, fully_connected],
            activation_fn=relu,
            biases_initializer=constant_initializer(0.1),
            weights_regularizer=l2_regularizer(weight_decay),
        ),
        arg_scope([conv2d], padding="SAME"),
        arg_scope([max_pool2d], padding="VALID") as scope,
    ):
        return scope


def alexnet_v2(
    inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.5, spatial_squeeze=True, scope="alexnet_v2"
):
    """(logits, end_points) for images `[n, 224, 224, 3]`: logits are `[n, num_classes]`.

    spatial_squeeze: False keeps the logits as the map `[n, h, w, num_classes]` that larger images give.
    end_points: a dictionary of the layers' outputs by scope.
    """
    with variable_scope(scope, "alexnet_v2", [inputs]) as opened:
        collection = opened.name + "_end_points"
        with arg_scope([conv2d, fully_connected, max_pool2d], outputs_collections=[collection]):
            net = conv2d(inputs, 64, [11, 11], 4, padding="VALID", scope="conv1")
            net = max_pool2d(net, [3, 3], 2, scope="pool1")
            net = conv2d(net, 192, [5, 5], scope="conv2")
            net = max_pool2d(net, [3, 3], 2, scope="pool2")
            net = conv2d(net, 384, [3, 3], scope="conv3")
            net = conv2d(net, 384, [3, 3], scope="conv4")
            net = conv2d(net, 256, [3, 3], scope="conv5")
            net = max_pool2d(net, [3, 3], 2, scope="pool5")
            with arg_scope(
                [conv2d],
                weights_initializer=truncated_normal_initializer(stddev=0.005),
                biases_initializer=constant_initializer(0.1),
            ):
                net = conv2d(net, 4096, [5, 5], padding="VALID", scope="fc6")
                net = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout6")
                net = conv2d(net, 4096, [1, 1], scope="fc7")
                net = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout7")
                net = conv2d(
                    net, num_classes, [1, 1],
                    activation_fn=None, normalizer_fn=None, biases_initializer=zeros_initializer(), scope="fc8",
                )  # fmt: skip
        end_points = convert_collection_to_dict(collection)
        if spatial_squeeze:
            net = end_points[opened.name + "/fc8"] = squeeze(net, [1, 2], name="fc8/squeezed")
    return net, end_points


alexnet_v2.default_image_size = 224
