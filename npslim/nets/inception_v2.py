"""Inception v2 (Ioffe and Szegedy, "Batch Normalization", 2015): two 3x3 convolutions where v1 has one."""

from npslim.graph_keys import GraphKeys
from npslim.initializers import truncated_normal_initializer
from npslim.layers import (
    avg_pool2d,
    batch_norm,
    conv2d,
    dropout,
    max_pool2d,
    separable_conv2d,
    softmax,
)
from npslim.nets.inception_blocks import avg_pool, conv, max_pool, run_to, scaled_depth, window_within
from npslim.nets.inception_utils import moving_variables_in, scope_of
from npslim.ops.shape import squeeze
from npslim.scopes import arg_scope, variable_scope


def _normal(stddev):
    return truncated_normal_initializer(0.0, stddev)


def _reduce(channels):
    return conv("0a_1x1", channels, weights_initializer=_normal(0.09))


def _block(direct, reduce3, out3, reduce33, out33, pooled, pool=avg_pool):
    """A block by the channels of its 1x1, its 3x3, its two 3x3 one after another, and its pooling."""
    return [
        [conv("0a_1x1", direct)],
        [_reduce(reduce3), conv("0b_3x3", out3)],
        [_reduce(reduce33), conv("0b_3x3", out33), conv("0c_3x3", out33)],
        [pool("0a_3x3"), conv("0b_1x1", pooled, weights_initializer=_normal(0.1))],
    ]


def _halving(reduce3, out3, reduce33, out33):
    """A block of stride 2."""
    return [
        [_reduce(reduce3), conv("1a_3x3", out3, stride=2)],
        [_reduce(reduce33), conv("0b_3x3", out33), conv("1a_3x3", out33, stride=2)],
        [max_pool("1a_3x3", stride=2)],
    ]


def _first(net, depth):
    """A separable convolution 7x7, of as many filters a color as a third of the output, at most 8."""
    return separable_conv2d(
        net, depth(64), [7, 7], depth_multiplier=min(int(depth(64) / 3), 8), stride=2,
        weights_initializer=_normal(1.0), padding="SAME", scope="Conv2d_1a_7x7",
    )  # fmt: skip


_STAGES = [
    ("Conv2d_1a_7x7", _first),
    ("MaxPool_2a_3x3", max_pool("2a_3x3", stride=2)),
    ("Conv2d_2b_1x1", conv("2b_1x1", 64, weights_initializer=_normal(0.1))),
    ("Conv2d_2c_3x3", conv("2c_3x3", 192)),
    ("MaxPool_3a_3x3", max_pool("3a_3x3", stride=2)),
    ("Mixed_3b", _block(64, 64, 64, 64, 96, 32)),
    ("Mixed_3c", _block(64, 64, 96, 64, 96, 64)),
    ("Mixed_4a", _halving(128, 160, 64, 96)),
    ("Mixed_4b", _block(224, 64, 96, 96, 128, 128)),
    ("Mixed_4c", _block(192, 96, 128, 96, 128, 128)),
    ("Mixed_4d", _block(160, 128, 160, 128, 160, 96)),
    ("Mixed_4e", _block(96, 128, 192, 160, 192, 96)),
    ("Mixed_5a", _halving(128, 192, 192, 256)),
    ("Mixed_5b", _block(352, 192, 320, 160, 224, 128)),
    ("Mixed_5c", _block(352, 192, 320, 192, 224, 128, pool=max_pool)),
]


def inception_v2_base(inputs, final_endpoint="Mixed_5c", min_depth=16, depth_multiplier=1.0, scope=None):
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, 3]`.

    depth_multiplier: times the paper's number of channels, never less than `min_depth`.
    end_points: a dictionary of the layers' and blocks' outputs.
    Raises ValueError for an unknown `final_endpoint` or a depth_multiplier that is not positive.
    """
    depth = scaled_depth(depth_multiplier, min_depth)
    with (
        variable_scope(scope, "InceptionV2", [inputs]),
        arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"),
    ):
        return run_to(final_endpoint, inputs, _STAGES, depth)


def inception_v2(
    inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.8, min_depth=16, depth_multiplier=1.0,
    prediction_fn=softmax, spatial_squeeze=True, reuse=None, scope="InceptionV2",
):  # fmt: skip
    """(logits, end_points) for images `[n, 224, 224, 3]`: logits are `[n, num_classes]`.

    spatial_squeeze: False keeps the logits as the map `[n, h, w, num_classes]` that larger images give.
    The other arguments are those of `inception_v2_base`.
    """
    scaled_depth(depth_multiplier, min_depth)
    with (
        variable_scope(scope, "InceptionV2", [inputs, num_classes], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v2_base(
            inputs, scope=opened, min_depth=min_depth, depth_multiplier=depth_multiplier
        )
        with variable_scope("Logits"):
            h, w = window_within(net, [7, 7])
            net = avg_pool2d(net, [h, w], padding="VALID", scope=f"AvgPool_1a_{h}x{w}")
            net = dropout(net, dropout_keep_prob, scope="Dropout_1b")
            logits = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_1c_1x1")
            if spatial_squeeze:
                logits = squeeze(logits, [1, 2], name="SpatialSqueeze")
        end_points["Logits"] = logits
        end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


inception_v2.default_image_size = 224


def inception_v2_arg_scope(weight_decay=0.00004, batch_norm_var_collection="moving_vars"):
    """The defaults that `inception_v2` is trained with; the moving averages go to `batch_norm_var_collection`."""
    normalization = {
        "decay": 0.9997,
        "epsilon": 0.001,
        "updates_collections": GraphKeys.UPDATE_OPS,
        "variables_collections": moving_variables_in(batch_norm_var_collection),
    }
    return scope_of(weight_decay, normalization)
