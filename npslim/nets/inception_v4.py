"""Inception v4 (Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections", 2016)."""

from npslim.layers import avg_pool2d, batch_norm, conv2d, dropout, flatten, fully_connected, max_pool2d
from npslim.nets.inception_blocks import avg_pool, conv, fork, max_pool, run_to
from npslim.nets.inception_utils import inception_arg_scope
from npslim.ops.reduce import reduce_mean
from npslim.ops.softmax import softmax
from npslim.scopes import arg_scope, variable_scope

_VALID = {"padding": "VALID"}
_HALF = {"stride": 2, "padding": "VALID"}

_BLOCK_A = [
    [conv("0a_1x1", 96)],
    [conv("0a_1x1", 64), conv("0b_3x3", 96)],
    [conv("0a_1x1", 64), conv("0b_3x3", 96), conv("0c_3x3", 96)],
    [avg_pool("0a_3x3"), conv("0b_1x1", 96)],
]

_REDUCTION_A = [
    [conv("1a_3x3", 384, **_HALF)],
    [conv("0a_1x1", 192), conv("0b_3x3", 224), conv("1a_3x3", 256, **_HALF)],
    [max_pool("1a_3x3", **_HALF)],
]

_BLOCK_B = [
    [conv("0a_1x1", 384)],
    [conv("0a_1x1", 192), conv("0b_1x7", 224), conv("0c_7x1", 256)],
    [conv("0a_1x1", 192), conv("0b_7x1", 192), conv("0c_1x7", 224), conv("0d_7x1", 224), conv("0e_1x7", 256)],
    [avg_pool("0a_3x3"), conv("0b_1x1", 128)],
]

_REDUCTION_B = [
    [conv("0a_1x1", 192), conv("1a_3x3", 192, **_HALF)],
    [conv("0a_1x1", 256), conv("0b_1x7", 256), conv("0c_7x1", 320), conv("1a_3x3", 320, **_HALF)],
    [max_pool("1a_3x3", **_HALF)],
]

_BLOCK_C = [
    [conv("0a_1x1", 256)],
    [conv("0a_1x1", 384), fork(conv("0b_1x3", 256), conv("0c_3x1", 256))],
    [conv("0a_1x1", 384), conv("0b_3x1", 448), conv("0c_1x3", 512), fork(conv("0d_1x3", 256), conv("0e_3x1", 256))],
    [avg_pool("0a_3x3"), conv("0b_1x1", 256)],
]

_STAGES = [
    ("Conv2d_1a_3x3", conv("1a_3x3", 32, **_HALF)),
    ("Conv2d_2a_3x3", conv("2a_3x3", 32, **_VALID)),
    ("Conv2d_2b_3x3", conv("2b_3x3", 64)),
    ("Mixed_3a", [[max_pool("0a_3x3", **_HALF)], [conv("0a_3x3", 96, **_HALF)]]),
    (
        "Mixed_4a",
        [
            [conv("0a_1x1", 64), conv("1a_3x3", 96, **_VALID)],
            [conv("0a_1x1", 64), conv("0b_1x7", 64), conv("0c_7x1", 64), conv("1a_3x3", 96, **_VALID)],
        ],
    ),
    ("Mixed_5a", [[conv("1a_3x3", 192, **_HALF)], [max_pool("1a_3x3", **_HALF)]]),
    *((f"Mixed_5{letter}", _BLOCK_A) for letter in "bcde"),
    ("Mixed_6a", _REDUCTION_A),
    *((f"Mixed_6{letter}", _BLOCK_B) for letter in "bcdefgh"),
    ("Mixed_7a", _REDUCTION_B),
    *((f"Mixed_7{letter}", _BLOCK_C) for letter in "bcd"),
]


def inception_v4_base(inputs, final_endpoint="Mixed_7d", scope=None):
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, 3]`.

    end_points: a dictionary of the layers' and blocks' outputs. Raises ValueError for an unknown `final_endpoint`.
    """
    with (
        variable_scope(scope, "InceptionV4", [inputs]),
        arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"),
    ):
        return run_to(final_endpoint, inputs, _STAGES)


def auxiliary_logits(net, num_classes, pool_scope, last_conv_scope, scope):
    """The second classifier of `net`, which it averages and convolves until one position is left."""
    net = avg_pool2d(net, [5, 5], stride=3, padding="VALID", scope=pool_scope)
    net = conv2d(net, 128, [1, 1], scope="Conv2d_1b_1x1")
    net = conv2d(net, 768, net.get_shape().as_list()[1:3], padding="VALID", scope=last_conv_scope)
    return fully_connected(flatten(net), num_classes, activation_fn=None, scope=scope)


def pooled_over_the_image(net, scope):
    """The average over the image, `[n, 1, 1, c]`; by a pooling in `scope` where the size is known."""
    size = net.get_shape().as_list()[1:3]
    if None in size:
        return reduce_mean(net, [1, 2], keepdims=True, name="global_pool")
    return avg_pool2d(net, size, padding="VALID", scope=scope)


def inception_v4(
    inputs, num_classes=1001, is_training=True, dropout_keep_prob=0.8, reuse=None, scope="InceptionV4",
    create_aux_logits=True,
):  # fmt: skip
    """(logits, end_points) for images `[n, 299, 299, 3]`: logits are `[n, num_classes]`.

    num_classes: None or 0 gives the pooled features `[n, 1, 1, 1536]` instead.
    create_aux_logits: add the second classifier's "AuxLogits" to the end points.
    """
    with (
        variable_scope(scope, "InceptionV4", [inputs], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v4_base(inputs, scope=opened)
        with arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"):
            if create_aux_logits and num_classes:
                with variable_scope("AuxLogits"):
                    end_points["AuxLogits"] = auxiliary_logits(
                        end_points["Mixed_6h"], num_classes, "AvgPool_1a_5x5", "Conv2d_2a", "Aux_logits"
                    )
            with variable_scope("Logits"):
                net = end_points["global_pool"] = pooled_over_the_image(net, "AvgPool_1a")
                if not num_classes:
                    return net, end_points
                net = dropout(net, dropout_keep_prob, scope="Dropout_1b")
                net = end_points["PreLogitsFlatten"] = flatten(net, scope="PreLogitsFlatten")
                logits = fully_connected(net, num_classes, activation_fn=None, scope="Logits")
                end_points["Logits"] = logits
                end_points["Predictions"] = softmax(logits, name="Predictions")
    return logits, end_points


inception_v4.default_image_size = 299
inception_v4_arg_scope = inception_arg_scope
