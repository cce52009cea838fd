"""Inception v1, GoogLeNet (Szegedy et al., "Going Deeper with Convolutions", 2014), with batch normalization."""

from npslim.graph_keys import GraphKeys
from npslim.initializers import truncated_normal_initializer
from npslim.layers import avg_pool2d, batch_norm, conv2d, dropout, fully_connected, max_pool2d, softmax
from npslim.nets.inception_blocks import conv, max_pool, run_to
from npslim.nets.inception_utils import moving_variables_in, scope_of
from npslim.ops.shape import squeeze
from npslim.scopes import VariableScope, arg_scope, variable_scope


def _block(direct, reduce3, out3, reduce5, out5, pooled, last="0b_3x3"):
    """A block by the channels of its 1x1, its 3x3, what the paper has as 5x5 and is 3x3 here, and its pooling."""
    return [
        [conv("0a_1x1", direct)],
        [conv("0a_1x1", reduce3), conv("0b_3x3", out3)],
        [conv("0a_1x1", reduce5), conv(last, out5)],
        [max_pool("0a_3x3"), conv("0b_1x1", pooled)],
    ]


def _pool(place):
    return max_pool(place, stride=2)


_STAGES = [
    ("Conv2d_1a_7x7", conv("1a_7x7", 64, stride=2)),
    ("MaxPool_2a_3x3", _pool("2a_3x3")),
    ("Conv2d_2b_1x1", conv("2b_1x1", 64)),
    ("Conv2d_2c_3x3", conv("2c_3x3", 192)),
    ("MaxPool_3a_3x3", _pool("3a_3x3")),
    ("Mixed_3b", _block(64, 96, 128, 16, 32, 32)),
    ("Mixed_3c", _block(128, 128, 192, 32, 96, 64)),
    ("MaxPool_4a_3x3", _pool("4a_3x3")),
    ("Mixed_4b", _block(192, 96, 208, 16, 48, 64)),
    ("Mixed_4c", _block(160, 112, 224, 24, 64, 64)),
    ("Mixed_4d", _block(128, 128, 256, 24, 64, 64)),
    ("Mixed_4e", _block(112, 144, 288, 32, 64, 64)),
    ("Mixed_4f", _block(256, 160, 320, 32, 128, 128)),
    ("MaxPool_5a_2x2", _pool("5a_2x2")),
    ("Mixed_5b", _block(256, 160, 320, 32, 128, 128, last="0a_3x3")),  # the published checkpoints have this name
    ("Mixed_5c", _block(384, 192, 384, 48, 128, 128)),
]


def inception_v1_base(inputs, final_endpoint="Mixed_5c", scope: str | VariableScope = "InceptionV1"):
    """(net, end_points) of the convolutions up to `final_endpoint`, for images `[n, h, w, 3]`.

    end_points: a dictionary of the layers' and blocks' outputs. Raises ValueError for an unknown `final_endpoint`.
    """
    with (
        variable_scope(scope, "InceptionV1", [inputs]),
        arg_scope([conv2d, fully_connected], weights_initializer=truncated_normal_initializer(stddev=0.01)),
        arg_scope([conv2d, max_pool2d], stride=1, padding="SAME"),
    ):
        return run_to(final_endpoint, inputs, _STAGES)


def inception_v1(
    inputs, num_classes=1000, is_training=True, dropout_keep_prob=0.8, prediction_fn=softmax, spatial_squeeze=True,
    reuse=None, scope="InceptionV1",
):  # fmt: skip
    """(logits, end_points) for images `[n, 224, 224, 3]`: logits are `[n, num_classes]`.

    spatial_squeeze: False keeps the logits as the map `[n, h, w, num_classes]` that larger images give.
    end_points: a dictionary of the outputs, with "Logits" and "Predictions".
    """
    with (
        variable_scope(scope, "InceptionV1", [inputs, num_classes], reuse=reuse) as opened,
        arg_scope([batch_norm, dropout], is_training=is_training),
    ):
        net, end_points = inception_v1_base(inputs, scope=opened)
        with variable_scope("Logits"):
            net = avg_pool2d(net, [7, 7], stride=1, scope="MaxPool_0a_7x7")
            net = dropout(net, dropout_keep_prob, scope="Dropout_0b")
            logits = conv2d(net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_0c_1x1")
            if spatial_squeeze:
                logits = squeeze(logits, [1, 2], name="SpatialSqueeze")
        end_points["Logits"] = logits
        end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


inception_v1.default_image_size = 224


def inception_v1_arg_scope(weight_decay=0.00004, use_batch_norm=True, batch_norm_var_collection="moving_vars"):
    """The defaults that `inception_v1` is trained with; the moving averages go to `batch_norm_var_collection`."""
    normalization = {
        "decay": 0.9997,
        "epsilon": 0.001,
        "updates_collections": GraphKeys.UPDATE_OPS,
        "variables_collections": moving_variables_in(batch_norm_var_collection),
    }
    return scope_of(weight_decay, normalization if use_batch_norm else None)
