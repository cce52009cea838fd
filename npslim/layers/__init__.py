"""Layers: each makes its variables, computes, and puts what it made into collections.

What the layers' arguments mean, said once for all of them:

    inputs                  a tensor; the batch may be unknown, sizes that variables depend on may not
    activation_fn           applied at the end; None for none (relu by default in layers with weights)
    normalizer_fn           used instead of biases, called with `normalizer_params`
    weights_initializer     `f(shape, dtype=)`; see `npslim.initializers`
    weights_regularizer     `f(weights)` gives a penalty, added to the collection REGULARIZATION_LOSSES
    biases_initializer      None: no biases
    reuse                   share the variables of a layer of the same scope; see `variable_scope`
    variables_collections   a list of collections for all variables, or a dictionary of lists by variable name
    outputs_collections     collections that the output is added to, with the scope's name as its alias
    trainable               whether the variables are put into TRAINABLE_VARIABLES
    scope                   the name of the layer's scope; a default, numbered where it is taken, if None

`arg_scope` sets any of them for many layers at once.
"""

import typing as _typing

from npslim.initializers import (
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)
from npslim.later import names_later as _names_later
from npslim.layers import utils
from npslim.layers.compose import repeat, stack
from npslim.layers.conv import (
    conv1d,
    conv2d,
    conv3d,
    convolution,
    convolution1d,
    convolution2d,
    convolution3d,
)
from npslim.layers.dense import elu_layer as elu
from npslim.layers.dense import fully_connected, linear
from npslim.layers.dense import relu6_layer as relu6
from npslim.layers.dense import relu_layer as relu
from npslim.layers.depthwise import (
    conv2d_in_plane,
    convolution2d_in_plane,
    separable_conv2d,
    separable_convolution2d,
)
from npslim.layers.dropout import dropout
from npslim.layers.gdn import GDN, gdn
from npslim.layers.gradient import scale_gradient
from npslim.layers.group import group_norm, instance_norm
from npslim.layers.legacy import legacy_fully_connected, legacy_linear, legacy_relu
from npslim.layers.maxout import maxout
from npslim.layers.normalize import batch_norm
from npslim.layers.pool import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d, pool
from npslim.layers.reshape import flatten
from npslim.layers.reversible import RevBlock, recompute_grad, rev_block
from npslim.layers.sequence import images_to_sequence, sequence_to_images
from npslim.layers.softmax import one_hot_encoding, softmax, spatial_softmax
from npslim.layers.sparse import dense_to_sparse, embed_sequence
from npslim.layers.transposed import (
    conv2d_transpose,
    conv3d_transpose,
    convolution2d_transpose,
    convolution3d_transpose,
)
from npslim.layers.unit import bias_add, layer_norm, unit_norm
from npslim.ops.counting import bucketize
from npslim.ops.embedding import safe_embedding_lookup_sparse
from npslim.ops.normalize import poincare_normalize
from npslim.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    sum_regularizer,
)

_LATER = {
    "npslim.layers.optimize": "OPTIMIZER_CLS_NAMES OPTIMIZER_SUMMARIES adaptive_clipping_fn optimize_loss",
    "npslim.layers.summaries": (
        "summarize_activation summarize_activations summarize_biases summarize_collection "
        "summarize_tensor summarize_tensors summarize_variables summarize_weights"
    ),
}

if _typing.TYPE_CHECKING:
    from npslim.layers.optimize import OPTIMIZER_CLS_NAMES, OPTIMIZER_SUMMARIES, adaptive_clipping_fn, optimize_loss
    from npslim.layers.summaries import (
        summarize_activation,
        summarize_activations,
        summarize_biases,
        summarize_collection,
        summarize_tensor,
        summarize_tensors,
        summarize_variables,
        summarize_weights,
    )
else:
    __getattr__, __dir__ = _names_later(__name__, _LATER)

__all__ = [
    "GDN", "OPTIMIZER_CLS_NAMES", "OPTIMIZER_SUMMARIES", "RevBlock", "adaptive_clipping_fn",
    "apply_regularization", "avg_pool2d", "avg_pool3d", "batch_norm", "bias_add", "bucketize", "conv1d",
    "conv2d", "conv2d_in_plane", "conv2d_transpose", "conv3d", "conv3d_transpose", "convolution",
    "convolution1d", "convolution2d", "convolution2d_in_plane", "convolution2d_transpose", "convolution3d",
    "convolution3d_transpose", "dense_to_sparse", "dropout", "elu", "embed_sequence", "flatten",
    "fully_connected", "gdn", "group_norm", "images_to_sequence", "instance_norm", "l1_l2_regularizer",
    "l1_regularizer", "l2_regularizer", "layer_norm", "legacy_fully_connected", "legacy_linear", "legacy_relu",
    "linear", "max_pool2d", "max_pool3d", "maxout", "one_hot_encoding", "optimize_loss", "poincare_normalize",
    "pool", "recompute_grad", "relu", "relu6", "repeat", "rev_block", "safe_embedding_lookup_sparse",
    "scale_gradient", "separable_conv2d", "separable_convolution2d", "sequence_to_images", "softmax",
    "spatial_softmax", "stack", "sum_regularizer", "summarize_activation", "summarize_activations",
    "summarize_biases", "summarize_collection", "summarize_tensor", "summarize_tensors", "summarize_variables",
    "summarize_weights", "unit_norm", "utils", "variance_scaling_initializer", "xavier_initializer",
    "xavier_initializer_conv2d",
]  # fmt: skip
