"""Inception-ResNet v2 (Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections", 2016).

Blocks of branches whose concatenation a 1x1 convolution brings back to the input's channels, scaled down and added.
"""

from npslim.errors import InvalidArgumentError
from npslim.graph_keys import GraphKeys
from npslim.layers import avg_pool2d, batch_norm, conv2d, dropout, flatten, fully_connected, max_pool2d, repeat
from npslim.nets.inception_blocks import avg_pool, conv, max_pool, merge, mixed
from npslim.nets.inception_v4 import auxiliary_logits, pooled_over_the_image
from npslim.ops.activation import relu, relu6
from npslim.ops.elementwise import clip_by_value
from npslim.ops.join import concat
from npslim.ops.softmax import softmax
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope, variable_scope


def _residual_block(default_scope, branches):
    """A function that makes the block of those branches."""

    def block(net, scale=1.0, activation_fn=relu, scope=None, reuse=None):
        """`activation_fn(net + scale * up)`, where `up` is a 1x1 convolution of the branches' concatenation."""
        with variable_scope(scope, default_scope, [net], reuse=reuse):
            up = conv2d(
                concat(merge(net, branches), 3), net.get_shape().as_list()[3], 1,
                normalizer_fn=None, activation_fn=None, scope="Conv2d_1x1",
            )  # fmt: skip
            scaled = up * scale
            if activation_fn is relu6:  # so that quantized inference has a bounded range
                scaled = clip_by_value(scaled, -6.0, 6.0)
            net = net + scaled
            return activation_fn(net) if activation_fn else net

    block.__name__ = default_scope.lower()
    return block


block35 = _residual_block(
    "Block35",
    [
        [conv("1x1", 32)],
        [conv("0a_1x1", 32), conv("0b_3x3", 32)],
        [conv("0a_1x1", 32), conv("0b_3x3", 48), conv("0c_3x3", 64)],
    ],
)
block17 = _residual_block(
    "Block17", [[conv("1x1", 192)], [conv("0a_1x1", 128), conv("0b_1x7", 160), conv("0c_7x1", 192)]]
)
block8 = _residual_block(
    "Block8", [[conv("1x1", 192)], [conv("0a_1x1", 192), conv("0b_1x3", 224), conv("0c_3x1", 256)]]
)

_MIXED_5B = [
    [conv("1x1", 96)],
    [conv("0a_1x1", 48), conv("0b_5x5", 64)],
    [conv("0a_1x1", 64), conv("0b_3x3", 96), conv("0c_3x3", 96)],
    [avg_pool("0a_3x3"), conv("0b_1x1", 64)],
]


def _mixed_6a(halving):
    return [
        [conv("1a_3x3", 384, **halving)],
        [conv("0a_1x1", 256), conv("0b_3x3", 256), conv("1a_3x3", 384, **halving)],
        [max_pool("1a_3x3", **halving)],
    ]


def _mixed_7a(halving):
    return [
        [conv("0a_1x1", 256), conv("1a_3x3", 384, **halving)],
        [conv("0a_1x1", 256), conv("1a_3x3", 288, **halving)],
        [conv("0a_1x1", 256), conv("0b_3x3", 288), conv("1a_3x3", 320, **halving)],
        [max_pool("1a_3x3", **halving)],
    ]


def _stages(output_stride, padding, activation_fn):
    """The net as pairs of an end point and the function of the net that makes it."""
    plain = {"padding": padding}
    half = {"padding": padding, "stride": 2}
    dilated = output_stride == 8

    def halving_6a(net):
        net = repeat(net, 10, block35, scale=0.17, activation_fn=activation_fn)
        return mixed(net, "Mixed_6a", _mixed_6a({**half, "stride": 1 if dilated else 2}))

    def middle(net):
        with arg_scope([conv2d], rate=2 if dilated else 1):
            return repeat(net, 20, block17, scale=0.10, activation_fn=activation_fn)

    def last(net):
        net = repeat(net, 9, block8, scale=0.20, activation_fn=activation_fn)
        net = block8(net, activation_fn=None)
        return conv2d(net, 1536, 1, scope="Conv2d_7b_1x1")

    def halving_7a(net):
        if dilated:
            raise InvalidArgumentError(
                "output_stride == 8 is only supported up to the PreAuxlogits end_point for now.",
                expected='final_endpoint "PreAuxLogits" or one before it', got="a later one",
            )  # fmt: skip
        return mixed(net, "Mixed_7a", _mixed_7a(half))

    def step(made_by):
        return lambda net: made_by(net, int)

    return [
        ("Conv2d_1a_3x3", step(conv("1a_3x3", 32, **half))),
        ("Conv2d_2a_3x3", step(conv("2a_3x3", 32, **plain))),
        ("Conv2d_2b_3x3", step(conv("2b_3x3", 64))),
        ("MaxPool_3a_3x3", step(max_pool("3a_3x3", **half))),
        ("Conv2d_3b_1x1", step(conv("3b_1x1", 80, **plain))),
        ("Conv2d_4a_3x3", step(conv("4a_3x3", 192, **plain))),
        ("MaxPool_5a_3x3", step(max_pool("5a_3x3", **half))),
        ("Mixed_5b", lambda net: mixed(net, "Mixed_5b", _MIXED_5B)),
        ("Mixed_6a", halving_6a),
        ("PreAuxLogits", middle),
        ("Mixed_7a", halving_7a),
        ("Conv2d_7b_1x1", last),
    ]


def inception_resnet_v2_base(
    inputs, final_endpoint="Conv2d_7b_1x1", output_stride=16, align_feature_maps=False, scope=None, activation_fn=relu
):
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, 3]`.

    output_stride: 16, or 8 for dilation instead of the last stride but one, up to "PreAuxLogits".
    align_feature_maps: "SAME" padding everywhere, so that the windows of all layers lie on one grid.
    Raises ValueError for an unknown `final_endpoint` or another output_stride.
    """
    if output_stride not in (8, 16):
        raise InvalidArgumentError("output_stride must be 8 or 16.", got=output_stride)
    stages = _stages(output_stride, "SAME" if align_feature_maps else "VALID", activation_fn)
    names = [name for name, _ in stages]
    if final_endpoint not in names:
        raise InvalidArgumentError(
            f"final_endpoint ({final_endpoint}) not recognized.", expected=", ".join(names), got=repr(final_endpoint)
        )
    net, end_points = inputs, {}
    with (
        variable_scope(scope, "InceptionResnetV2", [inputs]),
        arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"),
    ):
        for name, made_by in stages[: names.index(final_endpoint) + 1]:
            net = end_points[name] = made_by(net)
    return net, end_points


def inception_resnet_v2(
    inputs, num_classes=1001, is_training=True, dropout_keep_prob=0.8, reuse=None, scope="InceptionResnetV2",
    create_aux_logits=True, activation_fn=relu,
):  # fmt: skip
    """(logits, end_points) for images `[n, 299, 299, 3]`: logits are `[n, num_classes]`.

    num_classes: None or 0 gives the pooled features `[n, 1, 1, 1536]` instead.
    create_aux_logits: add the second classifier's "AuxLogits" to the end points.
    """
    with (
        variable_scope(scope, "InceptionResnetV2", [inputs], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_resnet_v2_base(inputs, scope=opened, activation_fn=activation_fn)
        if create_aux_logits and num_classes:
            with variable_scope("AuxLogits"):
                end_points["AuxLogits"] = auxiliary_logits(
                    end_points["PreAuxLogits"], num_classes, "Conv2d_1a_3x3", "Conv2d_2a_5x5", "Logits"
                )
        with variable_scope("Logits"):
            net = end_points["global_pool"] = pooled_over_the_image(net, "AvgPool_1a_8x8")
            if not num_classes:
                return net, end_points
            net = flatten(net)
            net = end_points["PreLogitsFlatten"] = dropout(net, dropout_keep_prob, scope="Dropout")
            logits = fully_connected(net, num_classes, activation_fn=None, scope="Logits")
            end_points["Logits"] = logits
            end_points["Predictions"] = softmax(logits, name="Predictions")
    return logits, end_points


inception_resnet_v2.default_image_size = 299


def inception_resnet_v2_arg_scope(
    weight_decay=0.00004, batch_norm_decay=0.9997, batch_norm_epsilon=0.001, activation_fn=relu,
    batch_norm_updates_collections=GraphKeys.UPDATE_OPS, batch_norm_scale=False,
):  # fmt: skip
    """The defaults that `inception_resnet_v2` is trained with: L2 penalty of weights and biases, normalization."""
    normalization = {
        "decay": batch_norm_decay,
        "epsilon": batch_norm_epsilon,
        "updates_collections": batch_norm_updates_collections,
        "fused": None,
        "scale": batch_norm_scale,
    }
    with (
        arg_scope(
            [conv2d, fully_connected],
            weights_regularizer=l2_regularizer(weight_decay),
            biases_regularizer=l2_regularizer(weight_decay),
        ),
        arg_scope(
            [conv2d], activation_fn=activation_fn, normalizer_fn=batch_norm, normalizer_params=normalization
        ) as scope,
    ):
        return scope
