"""Metrics of yes-or-no decisions: how often which of them was right, by one decision or at many thresholds."""

from collections.abc import Sequence

import numpy as np

from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import control_dependencies
from npslim.metrics.common import (
    EPSILON,
    added_up,
    as_count,
    collected,
    counter,
    operands,
    pair,
)
from npslim.ops.debug import Assert
from npslim.ops.elementwise import divide_no_nan, maximum, minimum, multiply
from npslim.ops.functions import abs as absolute
from npslim.ops.functions import log
from npslim.ops.indexing import gather
from npslim.ops.join import stack
from npslim.ops.logic import cast, equal, greater, greater_equal, less_equal, logical_and, logical_not, where
from npslim.ops.reduce import argmax, argmin, reduce_all, reduce_max, reduce_min, reduce_sum
from npslim.ops.scan import cumsum
from npslim.ops.shape import identity, ones_like, reshape, zeros_like
from npslim.scopes import variable_scope

# ---- one decision for each example


def _counted(kind):
    """The metric that counts the decisions of one kind, (predicted, true)."""
    predicted, true = {
        "true_positives": (True, True), "false_positives": (True, False),
        "false_negatives": (False, True), "true_negatives": (False, False),
    }[kind]  # fmt: skip

    def metric(predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None):
        with variable_scope(name, kind, [predictions, labels, weights]):
            predictions, labels, weights = operands(kind, predictions, labels, weights)
            said, was = cast(predictions, dtype=np.dtype(bool)), cast(labels, dtype=np.dtype(bool))
            hits = logical_and(said if predicted else logical_not(said), was if true else logical_not(was))
            count = counter([], "count")
            return pair(
                lambda name, total: cast(total, dtype=float32.dtype, name=name), [count],
                [added_up(multiply(as_count(hits), weights))], metrics_collections, updates_collections,
            )  # fmt: skip

    metric.__name__ = f"streaming_{kind}"
    metric.__doc__ = f"""The weighted number of {kind.replace("_", " ")} over all batches: float32.

    predictions, labels: one shape; anything but 0 counts as yes. Makes the local variable `count`.
    """
    return metric


streaming_true_positives = _counted("true_positives")
streaming_false_positives = _counted("false_positives")
streaming_false_negatives = _counted("false_negatives")
streaming_true_negatives = _counted("true_negatives")


def _rate(default_name, counted, other, doc):
    """The metric counted / (counted + other), of two of the counts above."""

    def metric(predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None):
        with variable_scope(name, default_name, [predictions, labels, weights]):
            predictions, labels, _ = operands(default_name, predictions, labels)
            first = counted(predictions, labels, weights)
            second = other(predictions, labels, weights)
            value, update = (divide_no_nan(a, a + b) for a, b in zip(first, second, strict=True))
            return collected(value, update, metrics_collections, updates_collections)

    metric.__name__, metric.__doc__ = f"streaming_{default_name}", doc
    return metric


streaming_precision = _rate(
    "precision", streaming_true_positives, streaming_false_positives,
    "Which share of the decisions for yes was right, over all batches: float32, 0 before there are any.",
)  # fmt: skip
streaming_recall = _rate(
    "recall", streaming_true_positives, streaming_false_negatives,
    "Which share of what is yes was found, over all batches: float32, 0 before there is any.",
)  # fmt: skip
streaming_false_positive_rate = _rate(
    "false_positive_rate", streaming_false_positives, streaming_true_negatives,
    "Which share of what is no was taken for yes, over all batches: float32.",
)  # fmt: skip
streaming_false_negative_rate = _rate(
    "false_negative_rate", streaming_false_negatives, streaming_true_positives,
    "Which share of what is yes was taken for no, over all batches: float32.",
)  # fmt: skip


# ---- decisions at thresholds

TP, FN, TN, FP = _KINDS = ("true_positives", "false_negatives", "true_negatives", "false_positives")


def at_thresholds(predictions, labels, thresholds, weights, kinds):
    """(variables, additions): counts `[thresholds]` of each of `kinds`, and what this batch adds to them.

    A prediction above the threshold is a yes. A run raises where one is outside [0, 1].
    """
    weighted = weights is not None
    predictions, labels, weights = operands("predictions", predictions, labels, weights)
    inside = reduce_all(logical_and(greater_equal(predictions, 0.0), less_equal(predictions, 1.0)))
    with control_dependencies([Assert(inside, ["predictions must be in [0, 1]"])]):
        predictions = identity(cast(predictions, dtype=float32.dtype))
    if not isinstance(thresholds, Sequence | np.ndarray):
        raise ArgumentTypeError("thresholds are a list.", expected="numbers in [0, 1]", got=repr(thresholds))
    limits = as_tensor(np.asarray(thresholds, np.float32).reshape(-1, 1))
    said = greater(reshape(predictions, [1, -1]), limits)
    was = reshape(cast(labels, dtype=np.dtype(bool)), [1, -1])
    weights = reshape(weights, [1, -1])

    def total(hits):
        if weighted:
            return added_up(multiply(as_count(hits), weights), axis=1)
        return as_count(reduce_sum(cast(hits, dtype=np.dtype(np.int32)), axis=1))

    hits = {
        TP: logical_and(said, was), FN: logical_and(logical_not(said), was),
        TN: logical_and(logical_not(said), logical_not(was)), FP: logical_and(said, logical_not(was)),
    }  # fmt: skip
    variables = [counter([len(thresholds)], kind) for kind in kinds]
    return variables, [total(hits[kind]) for kind in kinds]


def _threshold_metric(default_name, kinds, compute):
    def metric(
        predictions, labels, thresholds, weights=None, metrics_collections=None, updates_collections=None, name=None
    ):
        with variable_scope(name, default_name, [predictions, labels, weights]):
            variables, added = at_thresholds(predictions, labels, thresholds, weights, kinds)
            return pair(_as_float32(compute), variables, added, metrics_collections, updates_collections)

    metric.__name__ = f"streaming_{default_name}"
    return metric


def _as_float32(compute):
    return lambda name, *counts: cast(compute(*counts), dtype=float32.dtype, name=name)


def _share(a, b):
    return a / (EPSILON + a + b)


streaming_precision_at_thresholds = _threshold_metric("precision_at_thresholds", (TP, FP), _share)
streaming_precision_at_thresholds.__doc__ = "`streaming_precision` at each threshold: float32 `[thresholds]`."
streaming_recall_at_thresholds = _threshold_metric("recall_at_thresholds", (TP, FN), _share)
streaming_recall_at_thresholds.__doc__ = "`streaming_recall` at each threshold: float32 `[thresholds]`."
streaming_false_positive_rate_at_thresholds = _threshold_metric(
    "false_positive_rate_at_thresholds", (TN, FP), lambda tn, fp: _share(fp, tn)
)
streaming_false_positive_rate_at_thresholds.__doc__ = (
    "`streaming_false_positive_rate` at each threshold: float32 `[thresholds]`."
)
streaming_false_negative_rate_at_thresholds = _threshold_metric(
    "false_negative_rate_at_thresholds", (TP, FN), lambda tp, fn: _share(fn, tp)
)
streaming_false_negative_rate_at_thresholds.__doc__ = (
    "`streaming_false_negative_rate` at each threshold: float32 `[thresholds]`."
)


def _count_at_thresholds(kind):
    def metric(predictions, labels, thresholds, weights=None):
        variables, added = at_thresholds(predictions, labels, thresholds, weights, (kind,))
        return pair(_as_float32(lambda total: total), variables, added, None, None)

    metric.__name__ = f"streaming_{kind}_at_thresholds"
    metric.__doc__ = f"The weighted number of {kind.replace('_', ' ')} at each threshold: float32 `[thresholds]`."
    return metric


streaming_true_positives_at_thresholds = _count_at_thresholds(TP)
streaming_false_positives_at_thresholds = _count_at_thresholds(FP)
streaming_false_negatives_at_thresholds = _count_at_thresholds(FN)
streaming_true_negatives_at_thresholds = _count_at_thresholds(TN)


# ---- curves over many thresholds


def even_thresholds(count):
    """`count` thresholds from just below 0 to just above 1. Raises ValueError for fewer than 2."""
    if count < 2:
        raise InvalidArgumentError("There must be at least two thresholds.", expected=">= 2", got=count)
    return [0.0 - EPSILON, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0 + EPSILON]


def _curve(curve):
    """The function of the counts that gives the points (x, y) of a curve. Raises ValueError."""
    check_choice(curve, ("ROC", "PR"), "curve")

    def points(tp, fn, tn, fp):
        recall = (tp + EPSILON) / (tp + fn + EPSILON)
        if curve == "ROC":
            return fp / (fp + tn + EPSILON), recall
        return recall, (tp + EPSILON) / (tp + fp + EPSILON)

    return points


SUMMATIONS = {
    "trapezoidal": lambda y: (y[:-1] + y[1:]) / 2.0,
    "minoring": lambda y: minimum(y[:-1], y[1:]),
    "majoring": lambda y: maximum(y[:-1], y[1:]),
}


def auc(
    labels, predictions, weights=None, num_thresholds=200, metrics_collections=None, updates_collections=None,
    curve="ROC", name=None, summation_method="trapezoidal", thresholds=None,
):  # fmt: skip
    """The area under the ROC or precision-recall curve, by a sum over thresholds: float32.

    predictions: in [0, 1]. summation_method: "trapezoidal", "minoring", "majoring", or "careful_interpolation" (Davis &
    Goadrich, 2006, for the PR curve). thresholds: those between 0 and 1, evenly spread unless given. Makes the local
    variables `true_positives`, `false_negatives`, `true_negatives` and `false_positives`. As tf.metrics.auc.
    """
    points = _curve(curve)
    careful = summation_method == "careful_interpolation"
    check_choice(summation_method, (*SUMMATIONS, "careful_interpolation"), "summation_method")
    height = SUMMATIONS["trapezoidal" if careful else summation_method]
    limits = even_thresholds(num_thresholds) if thresholds is None else [-EPSILON, *sorted(thresholds), 1.0 + EPSILON]

    def area(tp, fn, tn, fp):
        if careful and curve == "PR":
            return _interpolated_area(tp, fn, fp)
        x, y = points(tp, fn, tn, fp)
        return reduce_sum((x[:-1] - x[1:]) * height(y))

    with variable_scope(name, "auc", [labels, predictions, weights]):
        variables, added = at_thresholds(predictions, labels, limits, weights, _KINDS)
        return pair(_as_float32(area), variables, added, metrics_collections, updates_collections)


def _interpolated_area(tp, fn, fp):
    """The area under a precision-recall curve that is exact between the thresholds."""
    zero = zeros_like(tp[1:])
    said = tp + fp
    slope = divide_no_nan(tp[:-1] - tp[1:], maximum(said[:-1] - said[1:], zero))
    intercept = tp[1:] - slope * said[1:]
    some = logical_and(greater(said[:-1], zero), greater(said[1:], zero))
    growth = where(some, divide_no_nan(said[:-1], maximum(said[1:], zero)), ones_like(zero))
    steps = slope * (tp[:-1] - tp[1:] + intercept * log(growth))
    return reduce_sum(divide_no_nan(steps, maximum(tp[1:] + fn[1:], zero)))


def streaming_auc(
    predictions, labels, weights=None, num_thresholds=200, metrics_collections=None, updates_collections=None,
    curve="ROC", name=None,
):  # fmt: skip
    """The area under the ROC or precision-recall curve, by trapezoids over `num_thresholds`; see `auc`."""
    return auc(labels, predictions, weights, num_thresholds, metrics_collections, updates_collections, curve, name)


def streaming_curve_points(
    labels=None, predictions=None, weights=None, num_thresholds=200, metrics_collections=None,
    updates_collections=None, curve="ROC", name=None,
):  # fmt: skip
    """The points (x, y) of the ROC or precision-recall curve: float32 `[num_thresholds, 2]`."""
    points = _curve(curve)
    with variable_scope(name, "curve_points", [labels, predictions, weights]):
        limits = even_thresholds(num_thresholds)
        variables, added = at_thresholds(predictions, labels, limits, weights, _KINDS)
        return pair(
            _as_float32(lambda *counts: stack(*points(*counts), axis=1)), variables, added, metrics_collections,
            updates_collections,
        )  # fmt: skip


def _at_nearest(default_name, target_name, compute):
    """A metric that reads one rate where another is nearest to a target."""

    def made(predictions, labels, target, weights, num_thresholds, metrics_collections, updates_collections, name):
        if not 0 <= target <= 1:
            raise InvalidArgumentError(
                f"{target_name} must be in the range [0, 1].", expected="0 <= x <= 1", got=target, made_at=user_line()
            )
        with variable_scope(name, default_name, [predictions, labels, weights]):
            limits = even_thresholds(num_thresholds)
            variables, added = at_thresholds(predictions, labels, limits, weights, _KINDS)
            return pair(
                _as_float32(lambda *counts: compute(target, *counts)), variables, added, metrics_collections,
                updates_collections,
            )  # fmt: skip

    return made


def _rate_of(a, b):
    return a / (a + b + EPSILON)


def _last_nearest(rates, target):
    """The index of the rate nearest to `target`, the last one of several."""
    distance = absolute(rates - target)
    nearest = cast(equal(distance, reduce_min(distance)), dtype=np.dtype(np.int64))
    return argmax(cumsum(nearest, axis=0), axis=0)


_specificity_at = _at_nearest(
    "specificity_at_sensitivity", "sensitivity",
    lambda target, tp, fn, tn, fp: gather(_rate_of(tn, fp), _last_nearest(_rate_of(tp, fn), target)),
)  # fmt: skip
_sensitivity_at = _at_nearest(
    "sensitivity_at_specificity", "specificity",
    lambda target, tp, fn, tn, fp: gather(_rate_of(tp, fn), argmin(absolute(_rate_of(tn, fp) - target), axis=0)),
)  # fmt: skip
_precision_at = _at_nearest(
    "precision_at_recall", "target_recall",
    lambda target, tp, fn, tn, fp: gather(
        (tp + EPSILON) / (tp + fp + EPSILON), _last_nearest((tp + EPSILON) / (tp + fn + EPSILON), target)
    ),
)  # fmt: skip


def streaming_specificity_at_sensitivity(
    predictions, labels, sensitivity, weights=None, num_thresholds=200, metrics_collections=None,
    updates_collections=None, name=None,
):  # fmt: skip
    """The share of what is no that is taken for no, at the threshold where the recall is nearest to `sensitivity`."""
    return _specificity_at(
        predictions, labels, sensitivity, weights, num_thresholds, metrics_collections, updates_collections, name
    )


def streaming_sensitivity_at_specificity(
    predictions, labels, specificity, weights=None, num_thresholds=200, metrics_collections=None,
    updates_collections=None, name=None,
):  # fmt: skip
    """The recall at the threshold where the specificity is nearest to `specificity`."""
    return _sensitivity_at(
        predictions, labels, specificity, weights, num_thresholds, metrics_collections, updates_collections, name
    )


def precision_at_recall(
    labels, predictions, target_recall, weights=None, num_thresholds=200, metrics_collections=None,
    updates_collections=None, name=None,
):  # fmt: skip
    """The precision at the threshold where the recall is nearest to `target_recall`."""
    return _precision_at(
        predictions, labels, target_recall, weights, num_thresholds, metrics_collections, updates_collections, name
    )


def recall_at_precision(
    labels, predictions, precision, weights=None, num_thresholds=200, metrics_collections=None,
    updates_collections=None, name=None, strict_mode=False,
):  # fmt: skip
    """The recall at the threshold where the precision is nearest to `precision`.

    strict_mode: the greatest recall where the precision is at least that, 0 if it never is.
    """

    def compute(target, tp, fn, tn, fp):
        precisions, recalls = _rate_of(tp, fp), _rate_of(tp, fn)
        if strict_mode:
            return reduce_max(where(greater_equal(precisions, target), recalls, zeros_like(recalls)))
        return gather(recalls, argmin(absolute(precisions - target), axis=0))

    return _at_nearest("recall_at_precision", "precision", compute)(
        predictions, labels, precision, weights, num_thresholds, metrics_collections, updates_collections, name
    )


def f1_score(
    labels, predictions, weights=None, num_thresholds=200, metrics_collections=None, updates_collections=None,
    name=None,
):  # fmt: skip
    """The greatest harmonic mean of precision and recall over `num_thresholds` thresholds: float32."""

    def best(tp, fn, fp):
        precision, recall = _share(tp, fp), _share(tp, fn)
        return reduce_max(2 * precision * recall / (precision + recall + EPSILON))

    with variable_scope(name, "f1", [labels, predictions, weights]):
        limits = even_thresholds(num_thresholds)
        variables, added = at_thresholds(predictions, labels, limits, weights, (TP, FN, FP))
        return pair(_as_float32(best), variables, added, metrics_collections, updates_collections)
