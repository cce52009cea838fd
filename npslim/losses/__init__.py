"""Losses: each returns a scalar, the weighted mean over the elements that count, and adds it to the collection LOSSES.

These are TF-Slim's: predictions come first, and `weights` is a number, or a tensor that broadcasts to the loss's
elements from the left; a weight of zero leaves its elements out of the mean as well as out of the sum. TensorFlow's
`tf.losses`, with labels first and a choice of reductions, are in `npslim.losses.tensorflow`.
"""

import sys

from npslim.losses import tensorflow
from npslim.losses.cluster import cluster_loss
from npslim.losses.collection import add_loss, get_losses, get_regularization_losses
from npslim.losses.metric_learning import (
    contrastive_loss,
    lifted_struct_loss,
    npairs_loss,
    npairs_loss_multilabel,
    triplet_semihard_loss,
)
from npslim.losses.slim import (
    absolute_difference,
    compute_weighted_loss,
    cosine_distance,
    get_total_loss,
    hinge_loss,
    log_loss,
    mean_pairwise_squared_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
    sum_of_pairwise_squares,
    sum_of_squares,
)

losses = sys.modules[__name__]  # `slim.losses.losses.f` of early programs

__all__ = [
    "absolute_difference", "add_loss", "cluster_loss", "compute_weighted_loss", "contrastive_loss", "cosine_distance",
    "get_losses", "get_regularization_losses", "get_total_loss", "hinge_loss", "lifted_struct_loss", "log_loss",
    "losses", "mean_pairwise_squared_error", "mean_squared_error", "npairs_loss", "npairs_loss_multilabel",
    "sigmoid_cross_entropy", "softmax_cross_entropy", "sparse_softmax_cross_entropy", "sum_of_pairwise_squares",
    "sum_of_squares", "tensorflow", "triplet_semihard_loss",
]  # fmt: skip
