"""Losses: each returns a scalar, the weighted mean over the elements that count, and adds it to the collection LOSSES.

weights: a number, or a tensor that broadcasts to the loss's elements from the left; a weight of zero leaves its
elements out of the mean as well as out of the sum.
"""

from npslim.dtypes import float32
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import GraphKeys, get_default_graph, user_line
from npslim.op import as_tensor
from npslim.ops.elementwise import add_n, divide_no_nan, multiply
from npslim.ops.logic import cast, not_equal
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import expand_dims, ones_like, squeeze
from npslim.ops.softmax import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from npslim.scopes import add_arg_scope, name_scope
from npslim.spec import compatible, show_shape


@add_arg_scope
def add_loss(loss, loss_collection=GraphKeys.LOSSES):
    """Add `loss` to a collection, unless that is None."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope=None, loss_collection=GraphKeys.LOSSES):
    """The losses of a collection, those whose name begins with `scope` if given."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope=None):
    """The penalties that regularizers made."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_total_loss(add_regularization_losses=True, name="total_loss"):
    """The sum of all losses, and of the regularization losses unless told otherwise. Raises ValueError if none."""
    losses = get_losses()
    if add_regularization_losses:
        losses += get_regularization_losses()
    if not losses:
        raise InvalidArgumentError(
            "There are no losses to add up.", expected="at least one in the collection 'losses'", got="none",
            hint="the functions of npslim.losses put theirs there; add_loss(x) does it for your own",
        )  # fmt: skip
    return add_n(*losses, name=name)


def compute_weighted_loss(losses, weights=1.0, scope=None):
    """The weighted mean of `losses`, a scalar of their dtype.

    losses: `[...]`. weights: a number, or `[d1, ..., dk]` equal to the first sizes of `losses`, or 1 there.
    Raises ValueError for an unknown rank or weights that do not fit.
    """
    with name_scope(scope, "weighted_loss", [losses, weights]):
        losses, weights = as_tensor(losses), as_tensor(weights)
        dtype = losses.spec.dtype
        losses, weights = cast(losses, dtype=float32.dtype), cast(weights, dtype=float32.dtype)
        weights = _broadcastable(losses, weights)
        counted = multiply(ones_like(losses), cast(not_equal(weights, 0.0), dtype=float32.dtype))
        total, present = reduce_sum(multiply(losses, weights)), reduce_sum(counted)
        loss = cast(divide_no_nan(total, present, name="value"), dtype=dtype)
        add_loss(loss)
        return loss


def _broadcastable(losses, weights):
    """`weights` with dimensions of size 1 added at the end, to the rank of `losses`. Raises ShapeError."""
    shape, rank = weights.spec.shape, losses.spec.rank
    if shape is None or rank is None:
        raise ShapeError("The ranks of losses and weights must be known.", got=f"{losses.spec}, {weights.spec}")
    if len(shape) > 1 and shape[-1] == 1 and len(shape) > rank:
        weights = squeeze(weights, axis=[-1])
        shape = shape[:-1]
    fits = len(shape) <= rank and all(
        w in (1, None) or compatible((w,), (x,)) for w, x in zip(shape, losses.spec.shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            "The weights do not broadcast to the losses.",
            expected=f"the first sizes of {show_shape(losses.spec.shape)}",
            got=show_shape(shape), made_at=user_line(),
        )  # fmt: skip
    for _ in range(rank - len(shape) if shape else 0):
        weights = expand_dims(weights, axis=-1)
    return weights


def _check_same_shape(name, a, b):
    if not compatible(a.spec.shape, b.spec.shape):
        raise ShapeError(
            f"{name}: logits and labels have different shapes.", expected=show_shape(a.spec.shape),
            got=show_shape(b.spec.shape), made_at=user_line(),
        )  # fmt: skip


def softmax_cross_entropy(logits, onehot_labels, weights=1.0, label_smoothing=0, scope=None):
    """Cross entropy of a softmax with the distribution `onehot_labels`.

    logits, onehot_labels: `[n, classes]`. label_smoothing: this share of the labels is spread over all classes
    (Szegedy et al., 2015). Raises ValueError for different shapes.
    """
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as inner:
        logits, onehot_labels = as_tensor(logits), as_tensor(onehot_labels)
        _check_same_shape("softmax_cross_entropy", logits, onehot_labels)
        labels = cast(onehot_labels, dtype=logits.spec.dtype)
        if label_smoothing > 0:
            labels = labels * (1.0 - label_smoothing) + label_smoothing / labels.spec.shape[-1]
        losses = softmax_cross_entropy_with_logits(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=inner)


def sparse_softmax_cross_entropy(logits, labels, weights=1.0, scope=None):
    """Cross entropy of a softmax with the class numbers `labels`: logits `[n, classes]`, labels `[n]` or `[n, 1]`."""
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as inner:
        logits, labels = as_tensor(logits), as_tensor(labels)
        if labels.spec.rank is not None and labels.spec.rank == logits.spec.rank:
            labels = squeeze(labels, axis=[-1])
        losses = sparse_softmax_cross_entropy_with_logits(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=inner)


def sigmoid_cross_entropy(logits, multi_class_labels, weights=1.0, label_smoothing=0, scope=None):
    """Cross entropy of independent sigmoids.

    logits, multi_class_labels: `[n, classes]`. label_smoothing: labels are moved towards 1/2 by this share.
    Raises ValueError for different shapes.
    """
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as inner:
        logits, labels = as_tensor(logits), as_tensor(multi_class_labels)
        _check_same_shape("sigmoid_cross_entropy", logits, labels)
        labels = cast(labels, dtype=logits.spec.dtype)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=inner)
