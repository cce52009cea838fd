"""TensorFlow's own losses, `tf.losses`: labels first, weights that broadcast as in NumPy, a choice of reductions.

Every function takes `weights`, `loss_collection` and `reduction` as `compute_weighted_loss` has them, and raises
ValueError where predictions or labels are None or differ in shape.
"""

from npslim.convert import as_tensor
from npslim.graph_keys import GraphKeys
from npslim.losses import terms
from npslim.losses.collection import (
    add_loss,
    get_losses,
    get_regularization_loss,
    get_regularization_losses,
    get_total_loss,
)
from npslim.losses.reduction import (
    Reduction,
    check_broadcastable,
    compute_weighted_loss,
    nonzero,
)
from npslim.ops.elementwise import divide_no_nan, maximum, multiply
from npslim.ops.functions import square
from npslim.ops.logic import cast, greater, where
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import ones_like, zeros_like
from npslim.scopes import name_scope

_MEAN = Reduction.SUM_BY_NONZERO_WEIGHTS
_LOSSES = GraphKeys.LOSSES


def absolute_difference(labels, predictions, weights=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN):
    """`|predictions - labels|`."""
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("absolute_difference", predictions, labels)
        losses = terms.absolute_difference(predictions, labels)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def mean_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN):
    """`(predictions - labels) ** 2`."""
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("mean_squared_error", predictions, labels)
        return compute_weighted_loss(terms.squared(predictions, labels), weights, inner, loss_collection, reduction)


def log_loss(labels, predictions, weights=1.0, epsilon=1e-7, scope=None, loss_collection=_LOSSES, reduction=_MEAN):
    """`-labels * log(predictions + epsilon) - (1 - labels) * log(1 - predictions + epsilon)`."""
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("log_loss", predictions, labels)
        losses = terms.log_likelihood(predictions, labels, epsilon)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def huber_loss(labels, predictions, weights=1.0, delta=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN):
    """Half the squared error up to an error of `delta`, and linear from there (Huber, 1964)."""
    with name_scope(scope, "huber_loss", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("huber_loss", predictions, labels)
        losses = terms.huber(predictions, labels, delta)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def hinge_loss(labels, logits, weights=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN):
    """`max(0, 1 - (2 * labels - 1) * logits)`; labels are 0 or 1."""
    with name_scope(scope, "hinge_loss", [logits, labels, weights]) as inner:
        losses = terms.hinge(*terms.pair("hinge_loss", logits, labels))
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def cosine_distance(
    labels, predictions, axis=None, weights=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN, dim=None
):
    """`1 - sum(predictions * labels)` along `axis`, for vectors of length 1. dim: the earlier name of axis."""
    axis = terms.chosen_axis(axis, dim)
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("cosine_distance", predictions, labels)
        losses = terms.cosine(predictions, labels, axis)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def mean_pairwise_squared_error(labels, predictions, weights=1.0, scope=None, loss_collection=_LOSSES):
    """The mean of `(error_i - error_j) ** 2` over the pairs of different elements i, j of an example.

    labels, predictions: `[n, d1, ...]`. weights: a scalar, or `[n, 1, ...]`.
    """
    with name_scope(scope, "mean_pairwise_squared_error", [predictions, labels, weights]):
        predictions, labels = terms.pair("mean_pairwise_squared_error", predictions, labels)
        diffs, weights = predictions - labels, cast(as_tensor(weights), dtype=predictions.spec.dtype)
        check_broadcastable(diffs, weights)
        axes = tuple(range(1, diffs.spec.rank))
        present = reduce_sum(multiply(ones_like(diffs), nonzero(weights)), axis=axes, keepdims=True)
        squares = divide_no_nan(reduce_sum(square(diffs), axis=axes, keepdims=True), maximum(present - 1, 0.0))
        total = reduce_sum(diffs, axis=axes, keepdims=True)
        square_of_sum = divide_no_nan(square(total), present * maximum(present - 1, 0.0))
        loss = reduce_sum(multiply(2.0 * squares - 2.0 * square_of_sum, weights))
        loss = where(greater(reduce_sum(present), 0.0), loss, zeros_like(loss), name="value_2")
        add_loss(loss, loss_collection)
        return loss


def softmax_cross_entropy(
    onehot_labels, logits, weights=1.0, label_smoothing=0, scope=None, loss_collection=_LOSSES, reduction=_MEAN
):
    """The cross entropy of each row's softmax; `label_smoothing` spreads this share of the labels over all classes."""
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as inner:
        logits, labels = _of_logits_dtype("softmax_cross_entropy", logits, onehot_labels)
        losses = terms.softmax_xentropy(logits, labels, label_smoothing)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels, logits, weights=1.0, label_smoothing=0, scope=None, loss_collection=_LOSSES, reduction=_MEAN
):
    """The cross entropy of each element's sigmoid; `label_smoothing` moves the labels towards 1/2 by this share."""
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as inner:
        logits, labels = _of_logits_dtype("sigmoid_cross_entropy", logits, multi_class_labels)
        losses = terms.sigmoid_xentropy(logits, labels, label_smoothing)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels, logits, weights=1.0, scope=None, loss_collection=_LOSSES, reduction=_MEAN
):  # fmt: skip
    """The cross entropy of each row's softmax with a class number: labels `[n]` or `[n, 1]`, logits `[n, classes]`."""
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as inner:
        logits, labels = as_tensor(logits), as_tensor(labels)
        losses, weights = terms.sparse_xentropy(logits, labels), as_tensor(weights)
        if weights.spec.rank == 2 and losses.spec.rank == 1 and weights.spec.shape[-1] == 1:
            weights = weights[:, 0]
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction)


def _of_logits_dtype(name, logits, labels):
    if logits is not None:
        logits = as_tensor(logits)
    return terms.pair(name, logits, labels, None if logits is None else logits.spec.dtype)


__all__ = [
    "Reduction", "absolute_difference", "add_loss", "compute_weighted_loss", "cosine_distance", "get_losses",
    "get_regularization_loss", "get_regularization_losses", "get_total_loss", "hinge_loss", "huber_loss", "log_loss",
    "mean_pairwise_squared_error", "mean_squared_error", "sigmoid_cross_entropy", "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]  # fmt: skip
