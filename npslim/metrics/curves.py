"""Areas under curves from all predictions that were seen, kept or sorted into bins."""

import collections

import numpy as np

from npslim.arguments import check_choice
from npslim.backend import special_module
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32, float64, int32, int64
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.metrics.common import add_to, as_count, collected, metric_variable, operands
from npslim.op import op
from npslim.ops.debug import Assert
from npslim.ops.elementwise import clip_by_value, divide_no_nan, multiply
from npslim.ops.functions import floor
from npslim.ops.join import concat
from npslim.ops.logic import cast, equal, logical_and, logical_or
from npslim.ops.reduce import reduce_all, reduce_sum
from npslim.ops.scan import cumsum
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import identity, reshape, shape
from npslim.ops.slicing import slice_
from npslim.ops.state import assign, group
from npslim.scopes import variable_scope
from npslim.spec import Spec
from npslim.variables import Variable

_FLOAT64 = np.dtype(np.float64)


def streaming_concat(values, axis=0, max_size=None, metrics_collections=None, updates_collections=None, name=None):
    """All values seen, one after the other along `axis`, at most `max_size` of them.

    values: of known sizes but for `axis`. The update gives how many there are (int32).
    Makes the local variables `array` and `size`. Raises ValueError for scalars or unknown sizes.
    """
    with variable_scope(name, "streaming_concat", [values]):
        values = as_tensor(values)
        sizes = values.spec.shape
        if not sizes or not -len(sizes) <= axis < len(sizes):
            raise ShapeError(
                "streaming_concat needs values with a known rank above 0.", got=values, made_at=user_line()
            )
        at = axis % len(sizes)
        if any(n is None for i, n in enumerate(sizes) if i != at):
            raise ShapeError("streaming_concat: only the size of axis may be unknown.", got=values)
        start = np.zeros([0 if i == at else n for i, n in enumerate(sizes)], values.spec.dtype)
        array, size = _growing(start, "array"), metric_variable([], int32, "size", merge="concat")
        get_default_graph().extras["metric_merges"][array.op.name] = ("concat", at)
        value = identity(as_tensor(array), name="value")
        value.set_shape([None if i == at else n for i, n in enumerate(sizes)])
        together = concat([as_tensor(array), values], at)
        if max_size is not None:
            begin, end = [0] * len(sizes), [max_size if i == at else -1 for i in range(len(sizes))]
            room = shape(together)[at]
            end[at] = room - cast(room > max_size, dtype=np.dtype(np.int32)) * (room - max_size)
            together = slice_(together, begin, as_tensor(end))
        with control_dependencies([assign(array, together, validate_shape=False)]):
            update = size.assign(shape(together)[at])
        return collected(value, update, metrics_collections, updates_collections)


def _growing(start, name):
    """A local metric variable whose size may change."""
    return Variable(
        start, trainable=False, name=name, validate_shape=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
    )  # fmt: skip


# ---- the exact area, from all predictions


def _kept(labels, predictions, weights, weights_dtype):
    """([labels, predictions, weights] of all batches, the updates): weights are None if there are none."""
    predictions = cast(as_tensor(predictions), dtype=float64.dtype)
    labels = cast(as_tensor(labels), dtype=int64.dtype)
    predictions, labels, _ = operands("labels and predictions", predictions, labels)
    flat = reshape(predictions, [-1])
    binary = reduce_all(logical_or(equal(labels, as_tensor(0, int64.dtype)), equal(labels, as_tensor(1, int64.dtype))))
    with control_dependencies([Assert(binary, ["labels must be 0 or 1"])]):
        flat = identity(flat)
    parts = {"concat_preds": flat, "concat_labels": reshape(labels, [-1])}
    if weights is not None:
        weights = cast(as_tensor(weights), dtype=weights_dtype)
        parts["concat_weights"] = reshape(multiply(weights, cast(predictions * 0.0 + 1.0, dtype=weights_dtype)), [-1])
    metrics = {name: streaming_concat(part, name=name) for name, part in parts.items()}
    values = [
        metrics[name][0] if name in metrics else None for name in ("concat_labels", "concat_preds", "concat_weights")
    ]
    return values, [update for _, update in metrics.values()]


def streaming_dynamic_auc(
    labels, predictions, curve="ROC", metrics_collections=(), updates_collections=(), name=None, weights=None
):
    """The exact area under the ROC or precision-recall curve of everything seen: float64.

    labels: 0 or 1. predictions: any numbers. Keeps all of them in local variables; 0 while one class is missing.
    Raises ValueError for another curve or shapes that do not fit; a run raises for other labels.
    """
    check_choice(curve, ("ROC", "PR"), "curve")
    with variable_scope(name, "dynamic_auc", [labels, predictions]):
        (labels, predictions, weights), updates = _kept(labels, predictions, weights, _FLOAT64)
        weights = predictions * 0.0 + 1.0 if weights is None else weights
        value = area_under_curve(labels, predictions, weights, curve=curve, name="value")
        return collected(value, group(*updates), metrics_collections, updates_collections)


def _points(labels, predictions, weights):
    """Weighted true and false positives of every distinct threshold, from the highest down."""
    order = np.argsort(-predictions, kind="stable")
    labels, predictions, weights = labels[order], predictions[order], weights[order]
    last = np.append(predictions[1:] != predictions[:-1], True) if len(predictions) else np.zeros(0, bool)
    return np.cumsum(weights * labels)[last], np.cumsum(weights * (1 - labels))[last]


def _by_pairs(labels, predictions, weights, curve):
    """The ROC area as the share of pairs in the right order; the PR area by a loop over thresholds."""
    yes, no = labels == 1, labels == 0
    if curve == "ROC":
        won = (predictions[yes][:, None] > predictions[no]) + 0.5 * (predictions[yes][:, None] == predictions[no])
        pairs = weights[yes][:, None] * weights[no]
        return np.array((won * pairs).sum() / pairs.sum() if pairs.sum() else 0.0)
    area, before, recall_before = 0.0, None, 0.0
    for limit in sorted(set(predictions), reverse=True):
        said = predictions >= limit
        hits, total = (weights * yes)[said].sum(), weights[said].sum()
        precision, recall = hits / total, hits / (weights * yes).sum()
        area += (recall - recall_before) * (precision if before is None else (precision + before) / 2)
        before, recall_before = precision, recall
    return np.array(area)


@op(alike=(), host=("labels", "predictions", "weights"), differentiable=False, exact=True, reference=_by_pairs)
def area_under_curve(labels, predictions, weights, *, curve):
    """The area under a curve by trapezoids between all points; 0 if a class is missing."""
    hits, wrong = _points(labels, predictions, weights)
    if not len(hits) or hits[-1] <= 0 or wrong[-1] <= 0:
        return np.zeros((), predictions.dtype)
    if curve == "ROC":
        x, y = np.append(0.0, wrong / wrong[-1]), np.append(0.0, hits / hits[-1])
    else:
        x, y = hits / hits[-1], hits / (hits + wrong)
        x, y = np.append(0.0, x), np.append(y[0], y)
    return np.array(((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum(), predictions.dtype)


@area_under_curve.shape
def _(labels, predictions, weights):
    return Spec((), predictions.dtype)


for _kind in ("ROC", "PR"):
    area_under_curve.cases(
        lambda rng: (rng.integers(0, 2, 20), rng.uniform(size=20).round(1), np.ones(20)),
        lambda rng: (rng.integers(0, 2, 20), rng.normal(size=20), rng.uniform(size=20)),
        curve=_kind,
    )

AucData = collections.namedtuple("AucData", ["auc", "lower", "upper"])


def auc_with_confidence_intervals(
    labels, predictions, weights=None, alpha=0.95, logit_transformation=True, metrics_collections=(),
    updates_collections=(), name=None,
):  # fmt: skip
    """The exact area under the ROC curve with bounds that hold with probability `alpha`: AucData of float32.

    The variance is that of DeLong et al. (1988); logit_transformation: the bounds are computed for the area's logit,
    and so lie in [0, 1]. Keeps everything seen in local variables; all 0 while a class is missing.
    Raises ValueError for alpha outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise InvalidArgumentError("alpha must be between 0 and 1.", expected="0 < alpha < 1", got=alpha)
    with variable_scope(name, "auc_with_confidence_intervals", [labels, predictions, weights]):
        weights = cast(as_tensor(1.0 if weights is None else weights), dtype=float32.dtype)
        kept, updates = _kept(labels, predictions, weights, float32.dtype)
        bounds = area_with_bounds(*kept, alpha=float(alpha), logit=bool(logit_transformation))
        with control_dependencies(updates):
            update = identity(as_tensor(True))
        return collected(AucData(*bounds), update, metrics_collections, updates_collections)


def _placements(own, others, weights):
    """For each of `own`, the weighted share of `others` below it, ties counting half."""
    below = (own[:, None] > others) + 0.5 * (own[:, None] == others)
    return (below * weights).sum(1) / weights.sum()


@op(alike=(), host=("labels", "predictions", "weights"), differentiable=False, exact=True)
def area_with_bounds(labels, predictions, weights, *, alpha, logit):
    """(area, lower, upper) of the ROC curve, float32."""
    weights = weights.astype(_FLOAT64)
    yes, no = labels == 1, labels == 0
    amount_yes, amount_no = weights[yes].sum(), weights[no].sum()
    zero = np.float32(0)
    if amount_yes <= 0 or amount_no <= 0:
        return zero, zero, zero
    of_yes = _placements(predictions[yes], predictions[no], weights[no])
    of_no = _placements(-predictions[no], -predictions[yes], weights[yes])
    area = (of_yes * weights[yes]).sum() / amount_yes
    variance = _variance(of_yes, weights[yes]) / amount_yes + _variance(of_no, weights[no]) / amount_no
    reach = special_module(variance).ndtri(1 - (1 - alpha) / 2) * np.sqrt(variance)
    if not logit:
        return np.float32(area), np.float32(area - reach), np.float32(area + reach)
    centre, reach = np.log(area / (1 - area)), reach / (area * (1 - area))
    lower, upper = (1 / (1 + np.exp(-(centre + sign * reach))) for sign in (-1, 1))
    return np.float32(area), np.float32(lower), np.float32(upper)


def _variance(x, weights):
    total = weights.sum()
    mean = (x * weights).sum() / total
    return ((x - mean) ** 2 * weights).sum() / (total - 1)


@area_with_bounds.shape
def _(labels, predictions, weights):
    return tuple(Spec((), float32.dtype) for _ in range(3))


@area_with_bounds.properties
def _(result, labels, predictions, weights, *, alpha, logit):
    area, lower, upper = result
    assert abs(area - _by_pairs(labels, predictions, weights, "ROC")) < 1e-6 and lower < area < upper  # noqa: S101


area_with_bounds.cases(
    lambda rng: (rng.integers(0, 2, 40), rng.uniform(size=40), np.ones(40, np.float32)), alpha=0.95, logit=True
)

# ---- bins

PrecisionRecallData = collections.namedtuple(
    "PrecisionRecallData", ["tp", "fp", "tn", "fn", "precision", "recall", "thresholds"]
)


def precision_recall_at_equal_thresholds(
    labels, predictions, weights=None, num_thresholds=None, use_locking=None, name=None
):
    """Counts, precision and recall at `num_thresholds` (201) evenly spread thresholds: PrecisionRecallData of float32.

    labels: bool, predictions in [0, 1]: one shape. A prediction at a threshold counts as yes there. Takes time for the
    predictions alone, however many thresholds there are. Returns (data, update), the update a node.
    Makes the local variables `tp_buckets` and `fp_buckets` (float64).
    """
    with variable_scope(name, "precision_recall_at_equal_thresholds", [labels, predictions, weights]):
        predictions, labels, weights = operands("precision_recall_at_equal_thresholds", predictions, labels, weights)
        n = 201 if num_thresholds is None else num_thresholds
        if n < 2:
            raise InvalidArgumentError("num_thresholds must be at least 2.", expected=">= 2", got=n)
        if labels.spec.dtype != np.dtype(bool):
            raise InvalidArgumentError("labels must be bool.", expected="bool", got=labels, made_at=user_line())
        inside = reduce_all(logical_and(predictions >= 0.0, predictions <= 1.0))
        with control_dependencies([Assert(inside, ["predictions must be in [0, 1]"])]):
            places = cast(floor(cast(predictions, dtype=_FLOAT64) * (n - 1.0)), dtype=np.dtype(np.int64))
        amount = cast(weights, dtype=_FLOAT64)
        true = cast(labels, dtype=_FLOAT64)
        with variable_scope("variables"):
            buckets = [metric_variable([n], float64, f"{kind}_buckets") for kind in ("tp", "fp")]
        places, flat = reshape(places, [-1]), [reshape(amount * x, [-1]) for x in (true, 1.0 - true)]
        updates = [add_to(b, unsorted_segment_sum(x, places, n)) for b, x in zip(buckets, flat, strict=True)]
        tp, fp = (cumsum(as_tensor(b), axis=0, reverse=True) for b in buckets)
        tn, fn = fp[0] - fp, tp[0] - tp
        least = np.finfo(np.float32).tiny
        numbers = [tp, fp, tn, fn, tp / (tp + fp + least), tp / (tp + fn + least)]
        numbers = [cast(x, dtype=float32.dtype) for x in numbers]
        return PrecisionRecallData(*numbers, as_tensor(np.linspace(0, 1, n, dtype=np.float32))), group(*updates)


def auc_using_histogram(boolean_labels, scores, score_range, nbins=100, collections=None, check_shape=True, name=None):
    """The area under the ROC curve from histograms of the scores of both classes: float32.

    boolean_labels, scores: `[n]`. score_range: (lowest, highest); scores outside count at the ends. Returns
    (area, update), the update a node. check_shape: accepted.
    """
    with variable_scope(name, "auc_using_histogram", [boolean_labels, scores]):
        scores, labels, _ = operands("auc_using_histogram", scores, boolean_labels)
        low, high = (float(x) for x in score_range)
        if not low < high:
            raise InvalidArgumentError("score_range must be (lowest, highest).", got=score_range)
        if nbins < 1:
            raise InvalidArgumentError("auc_using_histogram: there must be a bin.", expected="nbins >= 1", got=nbins)
        places = floor((as_count(scores) - low) / (high - low) * float(nbins))
        places = cast(clip_by_value(places, 0.0, nbins - 1.0), dtype=np.dtype(np.int64))
        true = as_count(cast(labels, dtype=np.dtype(bool)))
        bins = [metric_variable([nbins], float64, f"hist_{kind}") for kind in ("true", "false")]
        added = [unsorted_segment_sum(cast(x, dtype=_FLOAT64), places, nbins) for x in (true, 1.0 - true)]
        update = group(*(add_to(b, a) for b, a in zip(bins, added, strict=True)))
        x, y = (_cumulated(b) for b in bins[::-1])
        area = reduce_sum((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2.0)
        graph = get_default_graph()
        graph.add_to_collections(collections or (), update)
        return cast(1.0 - area, dtype=float32.dtype), update


def _cumulated(bins):
    """The share of a histogram up to each bin, beginning with 0."""
    bins = as_tensor(bins)
    return concat([np.zeros(1), divide_no_nan(cumsum(bins, axis=0), reduce_sum(bins))], 0)
