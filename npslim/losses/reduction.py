"""Weights and reductions: what becomes of a loss's elements."""

from typing import Any

from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph_keys import GraphKeys
from npslim.losses.collection import add_loss
from npslim.losses.terms import working_dtype
from npslim.ops.elementwise import divide_no_nan, multiply
from npslim.ops.logic import cast, not_equal
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import expand_dims, ones_like, size, squeeze
from npslim.scopes import name_scope
from npslim.spec import compatible, show_shape


class Reduction:
    """How the weighted elements become a loss."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls):
        """All reductions."""
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def validate(cls, key):
        """Raises ValueError unless `key` is a reduction."""
        check_choice(key, cls.all(), "reduction")


def compute_weighted_loss(
    losses, weights: Any = 1.0, scope=None, loss_collection=GraphKeys.LOSSES, reduction=Reduction.SUM_BY_NONZERO_WEIGHTS
):
    """`losses * weights`, reduced, of the dtype of `losses`; added to `loss_collection`.

    float64 is computed in float64, all else in float32.

    losses: `[...]`. weights: a scalar, or the rank of `losses` with each size equal or 1. reduction: NONE keeps the
    elements, SUM adds them up, MEAN divides that by the sum of the weights, SUM_OVER_BATCH_SIZE by the number of
    elements, SUM_BY_NONZERO_WEIGHTS by the number of elements whose weight is not zero.
    Raises ValueError for weights that do not fit or an unknown reduction. As tf.losses.compute_weighted_loss.
    """
    Reduction.validate(reduction)
    if weights is None:
        raise InvalidArgumentError("The weights cannot be None.", expected="a number or a tensor", made_at=user_line())
    with name_scope(scope, "weighted_loss", [losses, weights]):
        losses, weights = as_tensor(losses), as_tensor(weights)
        dtype = losses.spec.dtype
        working = working_dtype(losses)
        losses, weights = cast(losses, dtype=working), cast(weights, dtype=working)
        check_broadcastable(losses, weights)
        loss = cast(_reduced(losses, weights, reduction), dtype=dtype)
        add_loss(loss, loss_collection)
        return loss


def check_broadcastable(values, weights):
    """Raises ShapeError unless `weights` is a scalar or fits `values` dimension by dimension."""
    a, b = values.spec.shape, weights.spec.shape
    if a is None or b is None or b == ():
        return
    if len(a) != len(b) or not all(w == 1 or compatible((w,), (v,)) for v, w in zip(a, b, strict=True)):
        raise ShapeError(
            "The weights do not broadcast to the values.",
            expected=f"a scalar, or {show_shape(a)} with sizes of 1 where one weight is for all",
            got=show_shape(b), made_at=user_line(),
        )  # fmt: skip


def _reduced(losses, weights, reduction):
    weighted = multiply(losses, weights, name="Mul")
    if reduction == Reduction.NONE:
        return weighted
    total = reduce_sum(weighted, name="Sum")
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.MEAN:
        present = reduce_sum(multiply(ones_like(losses), weights))
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        present = cast(size(losses), dtype=losses.spec.dtype)
    else:
        present = number_present(losses, weights)
    return divide_no_nan(total, present, name="value")


def number_present(losses, weights):
    """How many elements of `losses` have a weight that is not zero; the weights broadcast."""
    return reduce_sum(multiply(ones_like(losses), nonzero(weights)))


def nonzero(weights):
    """1 where a weight counts, else 0."""
    return cast(not_equal(weights, 0.0), dtype=weights.spec.dtype)


def aligned_from_the_left(weights, losses):
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
