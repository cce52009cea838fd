"""`tf.nn`: functions of neural networks on tensors, without variables."""

from npslim import rnn_cell
from npslim.ops.activation import crelu, log_sigmoid, sigmoid
from npslim.ops.candidates import (
    fixed_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    nce_loss,
    sampled_softmax_loss,
    uniform_candidate_sampler,
)
from npslim.ops.conv import (
    atrous_conv2d,
    atrous_conv2d_transpose,
    depthwise_conv2d,
    separable_conv2d,
)
from npslim.ops.ctc import ctc_loss
from npslim.ops.ctc_decoders import ctc_beam_search_decoder, ctc_greedy_decoder
from npslim.ops.embedding import embedding_lookup, embedding_lookup_sparse, safe_embedding_lookup_sparse
from npslim.ops.linear import matmul
from npslim.ops.normalize import (
    batch_normalization,
    bias_add,
    l2_normalize,
    local_response_normalization,
    moments,
    weighted_moments,
)
from npslim.ops.pool import avg_pool1d, max_pool1d, pool
from npslim.ops.random import dropout
from npslim.ops.reduce import zero_fraction
from npslim.ops.softmax import (
    sigmoid_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from npslim.ops.statistics import normalize_moments, sufficient_statistics
from npslim.ops.trigonometry import tanh
from npslim.rnn import bidirectional_dynamic_rnn, dynamic_rnn, static_bidirectional_rnn, static_rnn
from npslim.tf.missing import reporter
from npslim.tf.renamed import (
    avg_pool,
    conv1d,
    conv2d,
    conv2d_transpose,
    convolution,
    depth_to_space,
    elu,
    fused_batch_norm,
    in_top_k,
    l2_loss,
    leaky_relu,
    log_softmax,
    max_pool,
    max_pool_with_argmax,
    relu,
    relu6,
    selu,
    softmax,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    softplus,
    softsign,
    space_to_batch,
    space_to_depth,
    swish,
    top_k,
)
from npslim.tf.renamed_nn import (
    avg_pool3d,
    conv3d,
    conv3d_transpose,
    depthwise_conv2d_native,
    max_pool3d,
    weighted_cross_entropy_with_logits,
)

lrn = local_response_normalization
max_pool2d, avg_pool2d, silu = max_pool, avg_pool, swish


def xw_plus_b(x, weights, biases, name=None):
    """`x @ weights + biases`. See `npslim.matmul`."""
    return bias_add(matmul(x, weights), biases, name=name)


def relu_layer(x, weights, biases, name=None):
    """`relu(x @ weights + biases)`."""
    return relu(xw_plus_b(x, weights, biases), name=name)


__getattr__ = reporter(__name__, lambda: globals())
