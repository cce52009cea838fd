"""The defaults that the Inception nets are trained with."""

from npslim.graph_keys import GraphKeys
from npslim.initializers import variance_scaling_initializer
from npslim.layers import batch_norm, conv2d, fully_connected
from npslim.ops.activation import relu
from npslim.regularizers import l2_regularizer
from npslim.scopes import arg_scope


def inception_arg_scope(
    weight_decay=0.00004, use_batch_norm=True, batch_norm_decay=0.9997, batch_norm_epsilon=0.001, activation_fn=relu,
    batch_norm_updates_collections=GraphKeys.UPDATE_OPS, batch_norm_scale=False,
):  # fmt: skip
    """L2 penalty, He initialization and, unless `use_batch_norm` is False, batch normalization."""
    normalization = {
        "decay": batch_norm_decay,
        "epsilon": batch_norm_epsilon,
        "updates_collections": batch_norm_updates_collections,
        "fused": None,
        "scale": batch_norm_scale,
    }
    return scope_of(weight_decay, normalization if use_batch_norm else None, activation_fn)


def scope_of(weight_decay, normalization, activation_fn=relu):
    """The scope with those arguments of `batch_norm`; None for none."""
    with (
        arg_scope([conv2d, fully_connected], weights_regularizer=l2_regularizer(weight_decay)),
        arg_scope(
            [conv2d],
            weights_initializer=variance_scaling_initializer(),
            activation_fn=activation_fn,
            normalizer_fn=None if normalization is None else batch_norm,
            normalizer_params=normalization or {},
        ) as scope,
    ):
        return scope


def moving_variables_in(collection):
    """`variables_collections` of `batch_norm` that put the moving averages into `collection`, and the rest nowhere."""
    return {"beta": None, "gamma": None, "moving_mean": [collection], "moving_variance": [collection]}
