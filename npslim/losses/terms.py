"""What each loss sums: formulas element by element, shared by TF-Slim's functions and TensorFlow's."""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32, float64
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.ops.activation import relu
from npslim.ops.elementwise import minimum, multiply, squared_difference
from npslim.ops.functions import abs as absolute
from npslim.ops.functions import log
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import ones_like, squeeze
from npslim.ops.softmax import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from npslim.spec import compatible, show_shape


def working_dtype(x):
    """What losses of `x` are computed in: float32, as in TensorFlow, but float64 stays float64."""
    return float64.dtype if x.spec.dtype == float64.dtype else float32.dtype


def pair(name, predictions, labels, dtype=None):
    """Both as tensors of `dtype`, by default the `working_dtype`. Raises ValueError if one is missing or the shapes
    differ.
    """
    if predictions is None or labels is None:
        raise InvalidArgumentError(
            f"{name}: predictions and labels must both be given.", expected="two tensors", got="None",
            made_at=user_line(),
        )  # fmt: skip
    predictions, labels = as_tensor(predictions), as_tensor(labels)
    if not compatible(predictions.spec.shape, labels.spec.shape):
        raise ShapeError(
            f"{name}: the predictions (or logits) and labels have different shapes.",
            expected=show_shape(predictions.spec.shape), got=show_shape(labels.spec.shape), made_at=user_line(),
        )  # fmt: skip
    dtype = working_dtype(predictions) if dtype is None else dtype
    return cast(predictions, dtype=dtype), cast(labels, dtype=dtype)


def absolute_difference(predictions, labels):
    """|predictions - labels|"""
    return absolute(predictions - labels)


def squared(predictions, labels):
    """(predictions - labels) ** 2"""
    return squared_difference(predictions, labels)


def log_likelihood(predictions, labels, epsilon):
    """-(labels * log(predictions + epsilon) + (1 - labels) * log(1 - predictions + epsilon))"""
    of_ones = multiply(labels, log(predictions + epsilon))
    return -of_ones - multiply(1 - labels, log(1 - predictions + epsilon))


def huber(predictions, labels, delta):
    """error ** 2 / 2 up to an error of delta, and linear from there (Huber, 1964)"""
    size = absolute(predictions - labels)
    quadratic = minimum(size, delta)
    return multiply(0.5, multiply(quadratic, quadratic)) + multiply(delta, size - quadratic)


def hinge(logits, labels):
    """max(0, 1 - sign * logits), where labels of 0 and 1 stand for the signs -1 and 1"""
    ones = ones_like(labels)
    return relu(ones - multiply(2 * labels - ones, logits))


def cosine(predictions, labels, axis):
    """1 - sum(predictions * labels) along `axis`, which stays with size 1; for vectors of length 1"""
    return 1 - reduce_sum(multiply(predictions, labels), axis=axis, keepdims=True)


def chosen_axis(axis, dim):
    """`axis`, or its old name `dim`. Raises ValueError unless exactly one is given."""
    if (axis is None) == (dim is None):
        raise InvalidArgumentError(
            "cosine_distance needs axis.", expected="axis=k", got=f"axis={axis}, dim={dim}", made_at=user_line()
        )
    return dim if axis is None else axis


def smoothed(labels, share, towards):
    """`labels` with this share of them replaced by `towards`."""
    return labels * (1 - share) + towards * share if share > 0 else labels


def softmax_xentropy(logits, onehot_labels, label_smoothing):
    """The cross entropy of each row"""
    classes = onehot_labels.spec.shape[-1] if label_smoothing > 0 else 1
    labels = smoothed(onehot_labels, label_smoothing, 1.0 / classes)
    return softmax_cross_entropy_with_logits(labels, logits, name="xentropy")


def sigmoid_xentropy(logits, labels, label_smoothing):
    """The cross entropy of each element"""
    return sigmoid_cross_entropy_with_logits(smoothed(labels, label_smoothing, 0.5), logits, name="xentropy")


def sparse_xentropy(logits, labels):
    """The cross entropy of each row, labels `[n]` or `[n, 1]`"""
    if labels.spec.rank is not None and labels.spec.rank == logits.spec.rank:
        labels = squeeze(labels, axis=[-1])
    return sparse_softmax_cross_entropy_with_logits(labels, logits, name="xentropy")
