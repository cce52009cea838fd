"""TF-Slim's losses: predictions first, weights that broadcast from the left."""

import functools

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.losses import collection, terms
from npslim.losses.collection import add_loss
from npslim.losses.reduction import aligned_from_the_left, nonzero, number_present
from npslim.ops.elementwise import divide_no_nan, multiply
from npslim.ops.functions import square
from npslim.ops.logic import cast, greater, where
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import ones_like, zeros_like
from npslim.scopes import name_scope

_EARLIER_NAMES = {"targets": "labels", "target": "labels", "weight": "weights"}


def _with_earlier_names(function):
    """`function`, which also takes the arguments of TensorFlow 0.x by their names then: targets, target, weight."""

    @functools.wraps(function)
    def renamed(*args, **kwargs):
        return function(*args, **{_EARLIER_NAMES.get(key, key): value for key, value in kwargs.items()})

    return renamed


def compute_weighted_loss(losses, weights=1.0, scope=None):
    """The weighted mean of `losses`, a scalar of their dtype.

    losses: `[...]`. weights: a number, or `[d1, ..., dk]` equal to the first sizes of `losses`, or 1 there.
    Raises ValueError for an unknown rank or weights that do not fit.
    """
    if weights is None:
        raise InvalidArgumentError("The weights cannot be None.", expected="a number or a tensor", made_at=user_line())
    with name_scope(scope, "weighted_loss", [losses, weights]):
        losses, weights = as_tensor(losses), as_tensor(weights)
        dtype = losses.spec.dtype
        working = terms.working_dtype(losses)
        losses, weights = cast(losses, dtype=working), cast(weights, dtype=working)
        weights = aligned_from_the_left(weights, losses)
        total = reduce_sum(multiply(losses, weights))
        loss = cast(divide_no_nan(total, number_present(losses, weights), name="value"), dtype=dtype)
        add_loss(loss)
        return loss


def get_total_loss(add_regularization_losses=True, name="total_loss"):
    """The sum of all losses, and of the regularization losses unless told otherwise. Raises ValueError if none."""
    return collection.get_total_loss(add_regularization_losses, name)


@_with_earlier_names
def absolute_difference(predictions, labels=None, weights=1.0, scope=None):
    """The weighted mean of `|predictions - labels|`: one shape, any rank. Raises ValueError for different shapes."""
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("absolute_difference", predictions, labels)
        return compute_weighted_loss(terms.absolute_difference(predictions, labels), weights, scope=inner)


@_with_earlier_names
def mean_squared_error(predictions, labels=None, weights=1.0, scope=None):
    """The weighted mean of `(predictions - labels) ** 2`: one shape, any rank.

    Raises ValueError for different shapes.
    """
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("mean_squared_error", predictions, labels)
        return compute_weighted_loss(terms.squared(predictions, labels), weights, scope=inner)


sum_of_squares = mean_squared_error  # its name until TensorFlow 0.11, for what is a mean all the same


@_with_earlier_names
def log_loss(predictions, labels=None, weights=1.0, epsilon=1e-7, scope=None):
    """The weighted mean of `-labels * log(predictions) - (1 - labels) * log(1 - predictions)`.

    predictions, labels: one shape, in [0, 1]. epsilon: added inside the logarithms. Raises ValueError for different
    shapes.
    """
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("log_loss", predictions, labels)
        return compute_weighted_loss(terms.log_likelihood(predictions, labels, epsilon), weights, scope=inner)


@_with_earlier_names
def hinge_loss(logits, labels=None, scope=None):
    """`max(0, 1 - (2 * labels - 1) * logits)`, element by element: not reduced, and in no collection, as in TF-Slim.

    logits, labels: one shape; labels are 0 or 1. Raises ValueError for different shapes.
    """
    with name_scope(scope, "hinge_loss", [logits, labels]):
        return terms.hinge(*terms.pair("hinge_loss", logits, labels))


@_with_earlier_names
def cosine_distance(predictions, labels=None, axis=None, weights=1.0, scope=None, dim=None):
    """The weighted mean of `1 - sum(predictions * labels)` along `axis`, for vectors of length 1.

    predictions, labels: one shape. dim: the earlier name of axis. weights: broadcasts to the shape with axis of size 1.
    Raises ValueError for different shapes or a missing axis.
    """
    axis = terms.chosen_axis(axis, dim)
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as inner:
        predictions, labels = terms.pair("cosine_distance", predictions, labels)
        return compute_weighted_loss(terms.cosine(predictions, labels, axis), weights, scope=inner)


@_with_earlier_names
def mean_pairwise_squared_error(predictions, labels=None, weights=1.0, scope=None):
    """How much the errors within an example differ: the mean of `(error_i - error_j) ** 2` over all pairs i, j.

    predictions, labels: `[n, d1, ...]`, one shape. weights: a number, or `[n]`. (For `[n, 1]` this gives what TF-Slim
    does: every example times every weight.) Raises ValueError for different shapes or weights that do not fit.
    """
    with name_scope(scope, "mean_pairwise_squared_error", [predictions, labels, weights]):
        predictions, labels = terms.pair("mean_pairwise_squared_error", predictions, labels)
        diffs, weights = predictions - labels, cast(as_tensor(weights), dtype=predictions.spec.dtype)
        aligned_from_the_left(weights, diffs)
        _check_per_example(weights)
        axes = tuple(range(1, diffs.spec.rank))
        present = _present_per_example(diffs, weights)
        squares = divide_no_nan(reduce_sum(square(diffs), axis=axes), present)
        square_of_sum = divide_no_nan(square(reduce_sum(diffs, axis=axes)), square(present))
        total = reduce_sum(multiply(2.0 * squares - 2.0 * square_of_sum, weights))
        loss = where(greater(reduce_sum(present), 0.0), total, zeros_like(total), name="value_2")
        add_loss(loss)
        return loss


def _present_per_example(diffs, weights):
    """`[n]`: how many elements of each example count. Weights with a size of 1 for the elements count as one element,
    as in TF-Slim.
    """
    axes, own = tuple(range(1, diffs.spec.rank)), tuple(range(1, weights.spec.rank))
    if own:
        return reduce_sum(nonzero(weights), axis=own)
    return multiply(reduce_sum(ones_like(diffs), axis=axes), nonzero(weights))


def _check_per_example(weights):
    if any(n not in (1, None) for n in (weights.spec.shape or ())[1:]):
        raise InvalidArgumentError(
            "mean_pairwise_squared_error: the weights do not broadcast, they are for whole examples.",
            expected="a number or [n]", got=weights.shape, made_at=user_line(),
        )  # fmt: skip


sum_of_pairwise_squares = mean_pairwise_squared_error


@_with_earlier_names
def softmax_cross_entropy(logits, onehot_labels, weights=1.0, label_smoothing=0, scope=None):
    """Cross entropy of a softmax with the distribution `onehot_labels`.

    logits, onehot_labels: `[n, classes]`. label_smoothing: this share of the labels is spread over all classes
    (Szegedy et al., 2015). Raises ValueError for different shapes.
    """
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as inner:
        logits, labels = _of_logits_dtype("softmax_cross_entropy", logits, onehot_labels)
        return compute_weighted_loss(terms.softmax_xentropy(logits, labels, label_smoothing), weights, scope=inner)


@_with_earlier_names
def sparse_softmax_cross_entropy(logits, labels, weights=1.0, scope=None):
    """Cross entropy of a softmax with the class numbers `labels`: logits `[n, classes]`, labels `[n]` or `[n, 1]`."""
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as inner:
        losses = terms.sparse_xentropy(as_tensor(logits), as_tensor(labels))
        return compute_weighted_loss(losses, weights, scope=inner)


@_with_earlier_names
def sigmoid_cross_entropy(logits, multi_class_labels, weights=1.0, label_smoothing=0, scope=None):
    """Cross entropy of independent sigmoids.

    logits, multi_class_labels: `[n, classes]`. label_smoothing: labels are moved towards 1/2 by this share.
    Raises ValueError for different shapes.
    """
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as inner:
        logits, labels = _of_logits_dtype("sigmoid_cross_entropy", logits, multi_class_labels)
        return compute_weighted_loss(terms.sigmoid_xentropy(logits, labels, label_smoothing), weights, scope=inner)


def _of_logits_dtype(name, logits, labels):
    logits = as_tensor(logits)
    return terms.pair(name, logits, labels, logits.spec.dtype)
