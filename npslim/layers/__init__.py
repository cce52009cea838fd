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
from npslim.layers.dense import fully_connected
from npslim.layers.depthwise import (
    conv2d_in_plane,
    convolution2d_in_plane,
    separable_conv2d,
    separable_convolution2d,
)
from npslim.layers.dropout import dropout
from npslim.layers.normalize import batch_norm
from npslim.layers.pool import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d
from npslim.layers.reshape import flatten
from npslim.layers.softmax import one_hot_encoding, softmax
from npslim.layers.transposed import (
    conv2d_transpose,
    conv3d_transpose,
    convolution2d_transpose,
    convolution3d_transpose,
)
from npslim.layers.unit import bias_add, layer_norm, unit_norm
from npslim.ops.activation import elu, relu, relu6
from npslim.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    sum_regularizer,
)

__all__ = [
    "apply_regularization", "avg_pool2d", "avg_pool3d", "batch_norm", "bias_add", "conv1d", "conv2d",
    "conv2d_in_plane", "conv2d_transpose", "conv3d", "conv3d_transpose", "convolution", "convolution1d",
    "convolution2d", "convolution2d_in_plane", "convolution2d_transpose", "convolution3d", "convolution3d_transpose",
    "dropout", "elu", "flatten", "fully_connected", "l1_l2_regularizer", "l1_regularizer", "l2_regularizer",
    "layer_norm", "max_pool2d", "max_pool3d", "one_hot_encoding", "relu", "relu6", "repeat", "separable_conv2d",
    "separable_convolution2d", "softmax", "stack", "sum_regularizer", "unit_norm", "utils",
]  # fmt: skip
