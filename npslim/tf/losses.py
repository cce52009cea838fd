"""`tf.losses`: labels first, and a choice of reductions."""

from npslim.losses.collection import add_loss, get_losses, get_regularization_losses
from npslim.losses.tensorflow import (
    Reduction,
    absolute_difference,
    compute_weighted_loss,
    cosine_distance,
    get_regularization_loss,
    get_total_loss,
    hinge_loss,
    huber_loss,
    log_loss,
    mean_pairwise_squared_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
