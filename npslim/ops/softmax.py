"""Softmax, and the cross entropies that are computed from logits.

No exponential overflows and no logarithm of zero is taken: the largest logit is taken out first, and its own share of
the sum, exactly 1, is left to log1p.
"""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.activation import sigmoid, softplus, towards_zero
from npslim.ops.functions import exp
from npslim.ops.indexing import put_along_last
from npslim.ops.logic import accumulator, cast
from npslim.ops.reduce import axes_of, examples, reduce_sum, reduced, spread
from npslim.ops.shape import expand_dims, reshape, reshape_like, stop_gradient
from npslim.scopes import name_scope
from npslim.shape_rules import floats
from npslim.spec import Spec, compatible, merge, show_shape


def _normal(rng):
    return (rng.normal(size=(2, 3, 4)),)


def _empty(rng):
    return (np.zeros((0, 3)),)


def without_top(x, axis):
    """`x` minus its maximum along the axis, and that maximum; 0 for one that is not finite. float16 becomes float32."""
    xp = array_module(x)
    x = x.astype(accumulator(x.dtype))
    if not x.size:
        return x, xp.zeros(reduced(x, axis, True), x.dtype)
    top = x.max(axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, x.dtype.type(0))
    return x - top, top


def log_sum(x, axis):
    """log(sum(exp(x))) for an `x` without top: a maximum counts 1, and log1p takes what is beside the first one."""
    xp = array_module(x)
    top = x == 0
    others = xp.where(top, x.dtype.type(0), xp.exp(x)).sum(axis=axis, keepdims=True)
    return xp.log1p(others + (top.sum(axis=axis, keepdims=True, dtype=others.dtype) - 1))


def along(x, *, axis):
    """The shape rule: like the input, which is floating and has the axis (an int, or several)."""
    if axis is None:
        raise InvalidArgumentError("The axis is missing.", expected="an int", got=None)
    if x.shape is not None:
        axes_of(axis, len(x.shape))
    return floats(x)


def _by_lines(function):
    """A reference that calls `function` for one line along the axis after the other, in extended precision."""
    return lambda x, axis: np.apply_along_axis(function, axis, x.astype(np.longdouble)).astype(x.dtype)


@op(holomorphic=True, reference=_by_lines(lambda line: 1 / np.exp(line[None, :] - line[:, None]).sum(-1)))
def softmax(x, *, axis=-1):
    """exp(x) / sum(exp(x)) along `axis`."""
    e = array_module(x).exp(without_top(x, axis)[0])
    return (e / e.sum(axis=axis, keepdims=True)).astype(x.dtype)


softmax.shape(along)


@softmax.vjp
def _(g, y, x, *, axis):
    return y * (g - reduce_sum(g * y, axis=axis, keepdims=True))


@op(holomorphic=True, reference=_by_lines(lambda line: -np.log(np.exp(line[None, :] - line[:, None]).sum(-1))))
def log_softmax(x, *, axis=-1):
    """log(softmax(x)) along `axis`, with full precision also where softmax(x) is nearly 1."""
    shifted, _ = without_top(x, axis)
    return (shifted - log_sum(shifted, axis)).astype(x.dtype)


log_softmax.shape(along)


@log_softmax.vjp
def _(g, y, x, *, axis):
    return g - exp(y) * reduce_sum(g, axis=axis, keepdims=True)


for _made in (softmax, log_softmax):
    _made.cases(_normal, lambda rng: (rng.normal(size=(4,)),), lambda rng: (np.array([[3.0]]),))
    _made.cases(_normal, axis=1)
    _made.cases(lambda rng: (np.array([[1e3, -1e3, 0.0], [-1e3, -1e3, -1e3]]),), gradient=1)
    _made.cases(lambda rng: (np.array([[30.0, -30.0]]),), gradient=False)
    _made.rejects("out of range", _normal, axis=3)
    _made.rejects("out of range", lambda rng: (np.zeros(()),))
    _made.rejects("not floating", lambda rng: (np.zeros(3, np.int32),))


@op(type="LogSumExp", node_name="ReduceLogSumExp", holomorphic=True)
def reduce_logsumexp(x, *, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis` (an int, several, or None for all); -inf of no elements."""
    shifted, top = without_top(x, axis)
    return (log_sum(shifted, axis) + top).reshape(reduced(x, axis, keepdims)).astype(x.dtype)


@reduce_logsumexp.shape
def _(x, *, axis, keepdims):
    return Spec(reduced(x, axis, keepdims), floats(x).dtype)


@reduce_logsumexp.vjp
def _(g, y, x, *, axis, keepdims):
    share = reshape_like(softmax(reshape(x, [-1])), x) if axis is None else softmax(x, axis=axis)
    return spread(g, x, axis=axis, keepdims=keepdims) * share


examples(reduce_logsumexp, _normal)
reduce_logsumexp.cases(lambda rng: (np.array([1e3, 1e3, -1e3]),), axis=0)
reduce_logsumexp.cases(
    _empty, lambda rng: (np.array([[np.inf, -np.inf, 0.0], [1.0, -np.inf, -np.inf]]),), axis=0, gradient=False
)
reduce_logsumexp.rejects("not floating", lambda rng: (np.zeros(3, np.int32),))

# ---- cross entropies


def _check_same(labels, logits):
    """The shape that labels and logits share."""
    if not compatible(labels.shape, logits.shape):
        raise ShapeError("The shapes differ.", expected=show_shape(logits.shape), got=show_shape(labels.shape))
    return merge(labels.shape, logits.shape)


@op(type="SoftmaxCrossEntropyWithLogits", node_name="softmax_cross_entropy_with_logits", holomorphic=True)
def softmax_cross_entropy_with_logits_(labels, logits, *, axis=-1):
    """-sum(labels * log(softmax(logits))) over `axis`: `[..., k]` and `[..., k]` to `[...]`.

    Raises ShapeError if the shapes differ. A label of 0 counts nothing, also where its probability is 0. The gradient
    is the function's own; TensorFlow's takes the labels' sum for 1.
    """
    xp = array_module(labels, logits)
    x, _ = without_top(logits, axis)
    losses = xp.where(labels == 0, labels, labels * (log_sum(x, axis) - x))
    return losses.sum(axis=axis).astype(np.result_type(labels.dtype, logits.dtype))


@softmax_cross_entropy_with_logits_.shape
def _(labels, logits, *, axis):
    whole = along(Spec(_check_same(labels, logits), logits.dtype), axis=axis)
    return Spec(reduced(whole, axis, False), logits.dtype)


@softmax_cross_entropy_with_logits_.vjp
def _(g, y, labels, logits, *, axis):
    g = expand_dims(g, axis=axis)
    total = reduce_sum(labels, axis=axis, keepdims=True)
    return -g * log_softmax(logits, axis=axis), g * (softmax(logits, axis=axis) * total - labels)


softmax_cross_entropy_with_logits_.cases(
    lambda rng: (rng.dirichlet(np.ones(4), 3), rng.normal(size=(3, 4))),
    lambda rng: (rng.uniform(size=(2, 2, 3)), rng.normal(size=(2, 2, 3))),
    lambda rng: (np.array([0.0, 1.0, 0.0]), rng.normal(size=(3,))),
    lambda rng: (np.eye(3), np.array([[1e3, 0, -1e3], [1e3, 0, -1e3], [-1e3, 1e3, 1e3]])),
    lambda rng: (np.zeros((0, 3)), np.zeros((0, 3))),
)
softmax_cross_entropy_with_logits_.cases(lambda rng: (rng.uniform(size=(3, 2)), rng.normal(size=(3, 2))), axis=0)
softmax_cross_entropy_with_logits_.rejects("shapes differ", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))
softmax_cross_entropy_with_logits_.rejects("out of range", lambda rng: (np.zeros(()), np.zeros(())))


def softmax_cross_entropy_with_logits_v2(labels, logits, axis=-1, name=None):
    """Cross entropy of softmax(logits) along `axis`, with a gradient by the labels too."""
    logits = as_tensor(logits)
    labels = cast(labels, logits.spec.dtype)
    return softmax_cross_entropy_with_logits_(labels, logits, axis=axis, name=name)


def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """Cross entropy of softmax(logits) along `axis`; as in TensorFlow 1, no gradient flows to the labels."""
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = stop_gradient(labels, name="labels_stop_gradient")
        return softmax_cross_entropy_with_logits_v2(labels, logits, axis, scope)


@op(type="SparseSoftmaxCrossEntropyWithLogits", alike=(), holomorphic=True)
def sparse_softmax_cross_entropy_with_logits_(labels, logits):
    """-log(softmax(logits)) at the class numbers `labels`: `[...]` integers and `[..., k]` to `[...]`.

    Raises ShapeError if the shapes do not fit, InvalidArgumentError for a label outside of [0, k).
    """
    classes = logits.shape[-1]
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        label = int(labels[outside][0])
        raise InvalidArgumentError(
            f"sparse_softmax_cross_entropy_with_logits: received a label value of {label} which is outside the valid "
            f"range of [0, {classes}).",
            expected=f"0 <= label < {classes}",
            got=label,
        )
    x, _ = without_top(logits, -1)
    picked = array_module(labels, logits).take_along_axis(x, labels[..., None].astype(np.int64), -1)
    return (log_sum(x, -1) - picked)[..., 0].astype(logits.dtype)


@sparse_softmax_cross_entropy_with_logits_.shape
def _(labels, logits):
    if labels.dtype.kind not in "iu":
        raise DTypeError("Labels are class numbers.", expected="an integer dtype", got=labels.dtype)
    along(logits, axis=-1)
    shape = None if logits.shape is None else logits.shape[:-1]
    if not compatible(labels.shape, shape):
        raise ShapeError("The shapes do not fit.", expected=show_shape(shape), got=show_shape(labels.shape))
    return Spec(merge(labels.shape, shape), logits.dtype)


@sparse_softmax_cross_entropy_with_logits_.vjp
def _(g, y, labels, logits):
    return None, expand_dims(g, axis=-1) * softmax(logits) - put_along_last(g, labels, logits)


sparse_softmax_cross_entropy_with_logits_.cases(
    lambda rng: (np.array([0, 3, 1]), rng.normal(size=(3, 4))),
    lambda rng: (np.array([[0, 2], [1, 1]], np.int32), rng.normal(size=(2, 2, 3))),
    lambda rng: (np.array(2, np.int32), rng.normal(size=(3,))),
    lambda rng: (np.array([0, 1, 2]), np.array([[1e3, 0, -1e3], [1e3, 0, -1e3], [-1e3, 1e3, 1e3]])),
    lambda rng: (np.zeros(0, np.int32), np.zeros((0, 3))),
)
sparse_softmax_cross_entropy_with_logits_.rejects("do not fit", lambda rng: (np.zeros(3, int), np.zeros((2, 4))))
sparse_softmax_cross_entropy_with_logits_.rejects("class numbers", lambda rng: (np.zeros(2), np.zeros((2, 4))))


def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """Cross entropy of softmax(logits) with the class numbers `labels`; the node stands in a scope of its own name.

    labels: `[...]` integers in [0, k), else InvalidArgumentError in the run. logits: `[..., k]`. Returns `[...]`.
    """
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        return sparse_softmax_cross_entropy_with_logits_(labels, logits, name=name)


@op(node_name="logistic_loss", holomorphic=True)
def sigmoid_cross_entropy_with_logits(labels, logits):
    """Cross entropy of independent sigmoids, element by element: log(1 + exp(-|x|)) + |x| * (1 - z, for x < 0: z).

    Raises ShapeError if the shapes differ. Where the second factor is 0 so is the product, also at infinity.
    """
    xp = array_module(labels, logits)
    wrong = xp.where(logits >= 0, 1 - labels, labels)
    size = -towards_zero(logits)
    return xp.where(wrong == 0, wrong, wrong * size) + xp.log1p(xp.exp(-size))


@sigmoid_cross_entropy_with_logits.shape
def _(labels, logits):
    return Spec(_check_same(labels, logits), floats(logits).dtype)


@sigmoid_cross_entropy_with_logits.vjp
def _(g, y, labels, logits):
    return -g * logits, g * (sigmoid(logits) - labels)


sigmoid_cross_entropy_with_logits.cases(
    lambda rng: (rng.uniform(size=(3, 4)), rng.normal(size=(3, 4))), lambda rng: (np.zeros((0, 2)), np.zeros((0, 2)))
)
sigmoid_cross_entropy_with_logits.cases(
    lambda rng: (np.array([1.0, 0.5, 0.0]), np.array([30.0, -30.0, -30.0])), gradient=False
)
sigmoid_cross_entropy_with_logits.rejects("shapes differ", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


def weighted_cross_entropy_with_logits(labels, logits, pos_weight, name=None):
    """Cross entropy of independent sigmoids, the positive part weighted by `pos_weight`; stable at any logit."""
    with name_scope(name, "logistic_loss", [logits, labels]):
        logits = as_tensor(logits)
        labels = as_tensor(labels, logits.spec.dtype)
        return (1.0 - labels) * softplus(logits) + pos_weight * labels * softplus(-logits)


@op(type="L2Loss", holomorphic=True, reference=lambda x: np.array(np.vdot(x, x) / 2, x.dtype))
def l2_loss(x):
    """sum(x ** 2) / 2."""
    wide = x.astype(accumulator(x.dtype))
    return ((wide * wide).sum() / wide.dtype.type(2)).astype(x.dtype)


@l2_loss.shape
def _(x):
    return Spec((), floats(x).dtype)


@l2_loss.vjp
def _(g, y, x):
    return g * x


l2_loss.cases(_normal, _empty)
