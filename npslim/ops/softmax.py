"""Softmax, and the cross entropies that are computed from logits: no exponential overflows, no logarithm of zero is taken."""

import numpy as np

from npslim.backend import array_module
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.activation import sigmoid
from npslim.ops.functions import exp
from npslim.ops.indexing import put_along_last
from npslim.ops.reduce import axes_of, reduce_sum
from npslim.ops.shape import expand_dims
from npslim.spec import Spec, compatible, merge, show_shape


def along(x, *, axis):
    """The shape rule: like the input, whose rank must have the axis."""
    if x.shape is not None:
        axes_of(axis, len(x.shape))
    return Spec(x.shape, x.dtype)


def shifted(x, axis=-1):
    """`x` minus its maximum along the axis: at most 0, and 0 somewhere."""
    return x - x.max(axis=axis, keepdims=True) if x.size else x


@op(type="Softmax", reference=lambda x, axis: np.exp(x - np.log(np.exp(x - 1).sum(axis, keepdims=True)) - 1))
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`."""
    e = array_module(x).exp(shifted(x, axis))
    return e / e.sum(axis=axis, keepdims=True)


softmax.shape(along)


@softmax.vjp
def _(g, y, x, *, axis):
    return y * (g - reduce_sum(g * y, axis=axis, keepdims=True))


softmax.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 3)),))
softmax.cases(lambda rng: (rng.normal(size=(2, 3, 2)),), axis=1)
softmax.rejects("out of range", lambda rng: (np.zeros((2, 3)),), axis=2)


@op(type="LogSoftmax", reference=lambda x, axis: x - np.log(np.exp(x).sum(axis, keepdims=True)))
def log_softmax(x, *, axis=-1):
    """log(softmax(x)) along `axis`."""
    xp = array_module(x)
    x = shifted(x, axis)
    return x - xp.log(xp.exp(x).sum(axis=axis, keepdims=True))


log_softmax.shape(along)


@log_softmax.vjp
def _(g, y, x, *, axis):
    return g - exp(y) * reduce_sum(g, axis=axis, keepdims=True)


log_softmax.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 3)),))
log_softmax.cases(lambda rng: (rng.normal(size=(2, 3, 2)),), axis=1)


def _xent_by_logs(labels, logits):
    return (labels * (np.log(np.exp(logits).sum(-1, keepdims=True)) - logits)).sum(-1)


@op(type="SoftmaxCrossEntropyWithLogits", node_name="softmax_cross_entropy_with_logits", reference=_xent_by_logs)
def softmax_cross_entropy_with_logits(labels, logits):
    """-sum(labels * log(softmax(logits))) over the last dimension: `[..., k]` and `[..., k]` to `[...]`.

    Raises ShapeError if the shapes differ. A label of 0 counts nothing, also where its probability is 0.
    """
    xp = array_module(logits)
    x = shifted(logits)
    logs = x - xp.log(xp.exp(x).sum(axis=-1, keepdims=True))
    return -xp.where(labels == 0, labels, labels * logs).sum(axis=-1)


@softmax_cross_entropy_with_logits.shape
def _(labels, logits):
    if labels.shape is not None and logits.shape is not None and len(labels.shape) < 1:
        raise ShapeError("There is no last dimension.", expected="[..., k]", got=show_shape(labels.shape))
    if not compatible(labels.shape, logits.shape):
        raise ShapeError("The shapes differ.", expected=show_shape(logits.shape), got=show_shape(labels.shape))
    shape = merge(labels.shape, logits.shape)
    return Spec(None if shape is None else shape[:-1], logits.dtype)


@softmax_cross_entropy_with_logits.vjp
def _(g, y, labels, logits):
    g = expand_dims(g, axis=-1)
    total = reduce_sum(labels, axis=-1, keepdims=True)
    return -g * log_softmax(logits), g * (softmax(logits) * total - labels)


softmax_cross_entropy_with_logits.cases(
    lambda rng: (rng.dirichlet(np.ones(4), 3), rng.normal(size=(3, 4))),
    lambda rng: (rng.uniform(size=(2, 2, 3)), rng.normal(size=(2, 2, 3))),
    lambda rng: (np.zeros((0, 3)), np.zeros((0, 3))),
)
softmax_cross_entropy_with_logits.rejects("shapes differ", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(
    type="SparseSoftmaxCrossEntropyWithLogits", node_name="SparseSoftmaxCrossEntropyWithLogits", alike=(),
    reference=lambda labels, logits: _xent_by_logs(np.eye(logits.shape[-1])[labels], logits),
)  # fmt: skip
def sparse_softmax_cross_entropy_with_logits(labels, logits):
    """-log(softmax(logits)) at the class numbers `labels`: `[...]` integers and `[..., k]` to `[...]`.

    Raises ShapeError if the shapes do not fit, InvalidArgumentError for a label outside [0, k).
    """
    xp = array_module(logits)
    classes = logits.shape[-1]
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        raise InvalidArgumentError(
            "A label is outside the valid range.", expected=f"0 <= label < {classes}", got=int(labels[outside].ravel()[0])
        )
    x = shifted(logits)
    picked = xp.take_along_axis(x, labels[..., None].astype(np.int64), -1)[..., 0]
    return xp.log(xp.exp(x).sum(axis=-1)) - picked


@sparse_softmax_cross_entropy_with_logits.shape
def _(labels, logits):
    if labels.dtype.kind not in "iu":
        raise DTypeError("Labels are class numbers.", expected="an integer dtype", got=labels.dtype)
    if logits.shape is None:
        return Spec(labels.shape, logits.dtype)
    if not compatible(labels.shape, logits.shape[:-1]):
        raise ShapeError("The shapes do not fit.", expected=show_shape(logits.shape[:-1]), got=show_shape(labels.shape))
    return Spec(merge(labels.shape, logits.shape[:-1]), logits.dtype)


@sparse_softmax_cross_entropy_with_logits.vjp
def _(g, y, labels, logits):
    return None, expand_dims(g, axis=-1) * softmax(logits) - put_along_last(g, labels, logits)


sparse_softmax_cross_entropy_with_logits.cases(
    lambda rng: (np.array([0, 3, 1]), rng.normal(size=(3, 4))),
    lambda rng: (np.array([[0, 2], [1, 1]], np.int32), rng.normal(size=(2, 2, 3))),
)
sparse_softmax_cross_entropy_with_logits.rejects("do not fit", lambda rng: (np.zeros(3, int), np.zeros((2, 4))))
sparse_softmax_cross_entropy_with_logits.rejects("class numbers", lambda rng: (np.zeros(2), np.zeros((2, 4))))


@op(node_name="logistic_loss", type="SigmoidCrossEntropyWithLogits", reference=lambda labels, logits: -labels * np.log(1 / (1 + np.exp(-logits))) - (1 - labels) * np.log(1 / (1 + np.exp(logits))))
def sigmoid_cross_entropy_with_logits(labels, logits):
    """Cross entropy of independent sigmoids, element by element: max(x, 0) - x * z + log(1 + exp(-|x|))."""
    xp = array_module(logits)
    return xp.maximum(logits, logits.dtype.type(0)) - logits * labels + xp.log1p(xp.exp(-xp.abs(logits)))


@sigmoid_cross_entropy_with_logits.shape
def _(labels, logits):
    if not compatible(labels.shape, logits.shape):
        raise ShapeError("The shapes differ.", expected=show_shape(logits.shape), got=show_shape(labels.shape))
    return Spec(merge(labels.shape, logits.shape), logits.dtype)


@sigmoid_cross_entropy_with_logits.vjp
def _(g, y, labels, logits):
    return -g * logits, g * (sigmoid(logits) - labels)


sigmoid_cross_entropy_with_logits.cases(
    lambda rng: (rng.uniform(size=(3, 4)), rng.normal(size=(3, 4))), lambda rng: (np.zeros((0, 2)), np.zeros((0, 2)))
)
sigmoid_cross_entropy_with_logits.cases(lambda rng: (np.array([1.0, 0.5]), np.array([30.0, -30.0])), gradient=False)
sigmoid_cross_entropy_with_logits.rejects("shapes differ", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(type="L2Loss", holomorphic=True, reference=lambda x: np.array(np.vdot(x, x) / 2))
def l2_loss(x):
    """sum(x ** 2) / 2."""
    return (x * x).sum(dtype=x.dtype) / x.dtype.type(2)


@l2_loss.shape
def _(x):
    return Spec((), x.dtype)


@l2_loss.vjp
def _(g, y, x):
    return g * x


l2_loss.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))

