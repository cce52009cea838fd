"""Inception v3 (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015).

Large kernels become rows of small ones: 5x5 two 3x3, 7x7 a 1x7 and a 7x1. A second classifier halfway, "AuxLogits",
helps training. Some scopes have odd names; the published checkpoints know them by these.
"""

from npslim.graph_keys import GraphKeys
from npslim.initializers import truncated_normal_initializer
from npslim.layers import avg_pool2d, batch_norm, conv2d, dropout, max_pool2d, softmax
from npslim.nets.inception_blocks import avg_pool, conv, fork, max_pool, run_to, scaled_depth, window_within
from npslim.nets.inception_utils import moving_variables_in, scope_of
from npslim.ops.shape import squeeze
from npslim.scopes import arg_scope, variable_scope

_HALF = {"stride": 2, "padding": "VALID"}


def _block35(pooled, five=(("Conv2d_", "0a_1x1"), ("Conv2d_", "0b_5x5"))):
    """A block at 35x35, with `pooled` channels of its pooling, and `five` as names of its 5x5 branch."""
    (prefix1, place1), (prefix5, place5) = five
    return [
        [conv("0a_1x1", 64)],
        [conv(place1, 48, prefix=prefix1), conv(place5, 64, prefix=prefix5)],
        [conv("0a_1x1", 64), conv("0b_3x3", 96), conv("0c_3x3", 96)],
        [avg_pool("0a_3x3"), conv("0b_1x1", pooled)],
    ]


def _block17(inner):
    """A block at 17x17, with `inner` channels between its rows of 1x7 and 7x1."""
    return [
        [conv("0a_1x1", 192)],
        [conv("0a_1x1", inner), conv("0b_1x7", inner), conv("0c_7x1", 192)],
        [
            conv("0a_1x1", inner), conv("0b_7x1", inner), conv("0c_1x7", inner), conv("0d_7x1", inner),
            conv("0e_1x7", 192),
        ],
        [avg_pool("0a_3x3"), conv("0b_1x1", 192)],
    ]  # fmt: skip


def _block8(second):
    """A block at 8x8; `second` is the place of the 3x1 beside the 1x3."""
    return [
        [conv("0a_1x1", 320)],
        [conv("0a_1x1", 384), fork(conv("0b_1x3", 384), conv(second, 384))],
        [conv("0a_1x1", 448), conv("0b_3x3", 384), fork(conv("0c_1x3", 384), conv("0d_3x1", 384))],
        [avg_pool("0a_3x3"), conv("0b_1x1", 192)],
    ]


_STAGES = [
    ("Conv2d_1a_3x3", conv("1a_3x3", 32, **_HALF)),
    ("Conv2d_2a_3x3", conv("2a_3x3", 32, padding="VALID")),
    ("Conv2d_2b_3x3", conv("2b_3x3", 64)),
    ("MaxPool_3a_3x3", max_pool("3a_3x3", **_HALF)),
    ("Conv2d_3b_1x1", conv("3b_1x1", 80, padding="VALID")),
    ("Conv2d_4a_3x3", conv("4a_3x3", 192, padding="VALID")),
    ("MaxPool_5a_3x3", max_pool("5a_3x3", **_HALF)),
    ("Mixed_5b", _block35(32)),
    ("Mixed_5c", _block35(64, five=(("Conv2d_", "0b_1x1"), ("Conv_1_", "0c_5x5")))),
    ("Mixed_5d", _block35(64)),
    (
        "Mixed_6a",
        [
            [conv("1a_1x1", 384, [3, 3], **_HALF)],
            [conv("0a_1x1", 64), conv("0b_3x3", 96), conv("1a_1x1", 96, [3, 3], **_HALF)],
            [max_pool("1a_3x3", **_HALF)],
        ],
    ),
    ("Mixed_6b", _block17(128)),
    ("Mixed_6c", _block17(160)),
    ("Mixed_6d", _block17(160)),
    ("Mixed_6e", _block17(192)),
    (
        "Mixed_7a",
        [
            [conv("0a_1x1", 192), conv("1a_3x3", 320, **_HALF)],
            [conv("0a_1x1", 192), conv("0b_1x7", 192), conv("0c_7x1", 192), conv("1a_3x3", 192, **_HALF)],
            [max_pool("1a_3x3", **_HALF)],
        ],
    ),
    ("Mixed_7b", _block8("0b_3x1")),
    ("Mixed_7c", _block8("0c_3x1")),
]


def inception_v3_base(inputs, final_endpoint="Mixed_7c", min_depth=16, depth_multiplier=1.0, scope=None):
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, 3]`.

    depth_multiplier: times the paper's number of channels, never less than `min_depth`.
    end_points: a dictionary of the layers' and blocks' outputs.
    Raises ValueError for an unknown `final_endpoint` or a depth_multiplier that is not positive.
    """
    depth = scaled_depth(depth_multiplier, min_depth)
    with (
        variable_scope(scope, "InceptionV3", [inputs]),
        arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"),
    ):
        return run_to(final_endpoint, inputs, _STAGES, depth)


def _auxiliary_logits(net, num_classes, depth, spatial_squeeze):
    with arg_scope([conv2d, max_pool2d, avg_pool2d], stride=1, padding="SAME"), variable_scope("AuxLogits"):
        net = avg_pool2d(net, [5, 5], stride=3, padding="VALID", scope="AvgPool_1a_5x5")
        net = conv2d(net, depth(128), [1, 1], scope="Conv2d_1b_1x1")
        h, w = window_within(net, [5, 5])
        net = conv2d(
            net, depth(768), [h, w], weights_initializer=truncated_normal_initializer(0.0, 0.01), padding="VALID",
            scope=f"Conv2d_2a_{h}x{w}",
        )  # fmt: skip
        logits = conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
            weights_initializer=truncated_normal_initializer(0.0, 0.001), scope="Conv2d_2b_1x1",
        )  # fmt: skip
        return squeeze(logits, [1, 2], name="SpatialSqueeze") if spatial_squeeze else logits


def inception_v3(
    inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.8, min_depth=16, depth_multiplier=1.0,
    prediction_fn=softmax, spatial_squeeze=True, reuse=None, create_aux_logits=True, scope="InceptionV3",
):  # fmt: skip
    """(logits, end_points) for images `[n, 299, 299, 3]`: logits are `[n, num_classes]`.

    spatial_squeeze: False keeps the logits as the map `[n, h, w, num_classes]` that larger images give.
    create_aux_logits: add the second classifier's "AuxLogits" to the end points.
    The other arguments are those of `inception_v3_base`.
    """
    depth = scaled_depth(depth_multiplier, min_depth)
    with (
        variable_scope(scope, "InceptionV3", [inputs, num_classes], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v3_base(
            inputs, scope=opened, min_depth=min_depth, depth_multiplier=depth_multiplier
        )
        if create_aux_logits:
            end_points["AuxLogits"] = _auxiliary_logits(end_points["Mixed_6e"], num_classes, depth, spatial_squeeze)
        with variable_scope("Logits"):
            h, w = window_within(net, [8, 8])
            net = avg_pool2d(net, [h, w], padding="VALID", scope=f"AvgPool_1a_{h}x{w}")
            net = end_points["PreLogits"] = dropout(net, dropout_keep_prob, scope="Dropout_1b")
            logits = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_1c_1x1")
            if spatial_squeeze:
                logits = squeeze(logits, [1, 2], name="SpatialSqueeze")
        end_points["Logits"] = logits
        end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


inception_v3.default_image_size = 299


def inception_v3_arg_scope(
    weight_decay=0.00004, batch_norm_var_collection="moving_vars", batch_norm_decay=0.9997, batch_norm_epsilon=0.001,
    updates_collections=GraphKeys.UPDATE_OPS, use_fused_batchnorm=True,
):  # fmt: skip
    """The defaults that `inception_v3` is trained with; the moving averages go to `batch_norm_var_collection`."""
    normalization = {
        "decay": batch_norm_decay,
        "epsilon": batch_norm_epsilon,
        "updates_collections": updates_collections,
        "fused": use_fused_batchnorm,
        "variables_collections": moving_variables_in(batch_norm_var_collection),
    }
    return scope_of(weight_decay, normalization)
