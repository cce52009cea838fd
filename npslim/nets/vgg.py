"""VGG (Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014).

Five stages of 3x3 convolutions, each ended by a pooling that halves the image. The fully connected layers are
convolutions, so that a larger image gives a map of logits.
"""

from npslim.initializers import zeros_initializer
from npslim.layers import conv2d, dropout, fully_connected, max_pool2d, repeat
from npslim.layers.utils import convert_collection_to_dict
from npslim.ops.activation import relu
from npslim.ops.shape import squeeze
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope

_DEPTHS = (64, 128, 256, 512, 512)  # of the stages


def vgg_arg_scope(weight_decay=0.0005):
    """The defaults that the VGG nets are trained with; `weight_decay` scales the L2 penalty of the weights."""
    with (
        arg_scope(
            [conv2d, fully_connected],
            activation_fn=relu,
            weights_regularizer=l2_regularizer(weight_decay),
            biases_initializer=zeros_initializer(),
        ),
        arg_scope([conv2d], padding="SAME") as scope,
    ):
        return scope


def _vgg(convolutions, default_scope, inputs, num_classes, is_training, dropout_keep_prob, spatial_squeeze, scope):
    """VGG with that many `convolutions` in each of the five stages."""
    with variable_scope(scope, default_scope, [inputs]) as opened:
        collection = opened.name + "_end_points"
        with arg_scope([conv2d, fully_connected, max_pool2d], outputs_collections=collection):
            net = inputs
            for stage, (count, depth) in enumerate(zip(convolutions, _DEPTHS, strict=True), 1):
                net = repeat(net, count, conv2d, depth, [3, 3], scope=f"conv{stage}")
                net = max_pool2d(net, [2, 2], scope=f"pool{stage}")
            net = conv2d(net, 4096, [7, 7], padding="VALID", scope="fc6")
            net = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout6")
            net = conv2d(net, 4096, [1, 1], scope="fc7")
            net = dropout(net, dropout_keep_prob, is_training=is_training, scope="dropout7")
            net = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="fc8")
        end_points = convert_collection_to_dict(collection)
        if spatial_squeeze:
            net = end_points[opened.name + "/fc8"] = squeeze(net, [1, 2], name="fc8/squeezed")
    return net, end_points


def vgg_a(inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.5, spatial_squeeze=True, scope="vgg_a"):
    """(logits, end_points) of the 11-layer VGG, for images `[n, 224, 224, 3]`: logits are `[n, num_classes]`.

    spatial_squeeze: False keeps the logits as the map `[n, h, w, num_classes]` that larger images give.
    end_points: a dictionary of the layers' outputs by scope.
    """
    convolutions = (1, 1, 2, 2, 2)
    return _vgg(convolutions, "vgg_a", inputs, num_classes, is_training, dropout_keep_prob, spatial_squeeze, scope)


def vgg_16(inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.5, spatial_squeeze=True, scope="vgg_16"):
    """(logits, end_points) of the 16-layer VGG, configuration D; see `vgg_a`."""
    convolutions = (2, 2, 3, 3, 3)
    return _vgg(convolutions, "vgg_16", inputs, num_classes, is_training, dropout_keep_prob, spatial_squeeze, scope)


def vgg_19(inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.5, spatial_squeeze=True, scope="vgg_19"):
    """(logits, end_points) of the 19-layer VGG, configuration E; see `vgg_a`."""
    convolutions = (2, 2, 4, 4, 4)
    return _vgg(convolutions, "vgg_19", inputs, num_classes, is_training, dropout_keep_prob, spatial_squeeze, scope)


vgg_a.default_image_size = vgg_16.default_image_size = vgg_19.default_image_size = 224

vgg_d = vgg16 = vgg_16
vgg_e = vgg19 = vgg_19
