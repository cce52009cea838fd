"""Metrics of the k best guesses, where an example may have several labels.

labels: class numbers `[..., labels]` (or `[...]` for one), or a SparseTensor of them; each counts once. predictions:
`[..., classes]`, or with `top_k_predictions` the class numbers `[..., k]` themselves. With `class_id` only that class
counts. Values are float64, NaN before anything was counted, as in TensorFlow.
"""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import DTypeError, ShapeError
from npslim.metrics.common import added_up, check_k, metric_variable, pair
from npslim.ops.create import range_
from npslim.ops.elementwise import divide, multiply
from npslim.ops.logic import cast, equal, greater_equal, less, logical_and, logical_not
from npslim.ops.ranking import top_k
from npslim.ops.reduce import reduce_any, reduce_sum
from npslim.ops.scan import cumsum
from npslim.ops.shape import expand_dims, ones_like, shape
from npslim.ops.sparse import SparseTensor, SparseTensorValue, sparse_tensor_to_dense
from npslim.scopes import variable_scope
from npslim.spec import show_shape

_INT64, _FLOAT64, _BOOL = np.dtype(np.int64), np.dtype(np.float64), np.dtype(bool)
_NOWHERE = -(2**31)


def _scope_name(name, k, class_id):
    suffix = "" if class_id is None else f"_class{class_id}"
    return f"{name}_at_{'k' if k is None else k}{suffix}"


def _best(predictions, k):
    """The class numbers of the `k` greatest predictions."""
    return cast(top_k(predictions, k=check_k(k))[1], dtype=_INT64)


def _class_numbers(value, what):
    value = as_tensor(value)
    if value.spec.dtype.kind not in "iu":
        raise DTypeError(f"{what} are class numbers.", expected="int32 or int64", got=f"{value.name} {value.spec}")
    return value


def _label_sets(labels, guesses):
    """(labels `[..., labels]`, which of them count `[..., labels]` bool): each label once, and no filling."""
    if isinstance(labels, SparseTensor | SparseTensorValue):
        dense = sparse_tensor_to_dense(SparseTensor.from_value(labels), _NOWHERE)
    else:
        dense = as_tensor(labels)
    dense = cast(_class_numbers(dense, "labels"), dtype=_INT64)
    if dense.spec.rank is not None and guesses.spec.rank is not None:
        if dense.spec.rank == guesses.spec.rank - 1:
            dense = expand_dims(dense, axis=-1)
        if dense.spec.rank != guesses.spec.rank:
            raise ShapeError(
                "Labels and predictions do not fit.", expected=f"rank {guesses.spec.rank} or one less",
                got=show_shape(dense.spec.shape), made_at=user_line(),
            )  # fmt: skip
    places = range_(shape(dense)[-1])
    earlier = less(places, expand_dims(places, axis=1))  # [j, i]: i comes before j
    same = equal(expand_dims(dense, axis=-1), expand_dims(dense, axis=-2))
    repeated = reduce_any(logical_and(same, earlier), axis=-1)
    return dense, logical_and(greater_equal(dense, as_tensor(0, _INT64)), logical_not(repeated))


def _hits(dense, counts, guesses):
    """`[..., k]` bool: which guesses are labels."""
    same = equal(expand_dims(guesses, axis=-1), expand_dims(dense, axis=-2))
    return reduce_any(logical_and(same, expand_dims(counts, axis=-2)), axis=-1)


def _only(class_id, numbers, counts):
    if class_id is None:
        return counts
    return logical_and(counts, equal(numbers, as_tensor(class_id, _INT64)))


def _weighted_sum(found, weights):
    """The sum over examples of how many of `found` `[..., n]` hold, times the example's weight."""
    per_example = reduce_sum(cast(found, dtype=_FLOAT64), axis=-1)
    return added_up(per_example if weights is None else multiply(per_example, _fitting(weights, per_example)))


def _fitting(weights, per_example):
    """`weights` as float64 in the shape of the examples. Raises ShapeError."""
    weights = cast(as_tensor(weights), dtype=_FLOAT64)
    if weights.spec.rank not in (0, per_example.spec.rank):
        raise ShapeError(
            "The weights do not broadcast to the examples.", expected=show_shape(per_example.spec.shape),
            got=show_shape(weights.spec.shape), made_at=user_line(),
        )  # fmt: skip
    return multiply(weights, ones_like(per_example))


def _counted(kind, guesses, labels, class_id, weights):
    """What a batch adds to the count of one kind."""
    dense, counts = _label_sets(labels, guesses)
    hits = _hits(dense, counts, guesses)
    if kind == "true_positive":
        return _weighted_sum(_only(class_id, guesses, hits), weights)
    if kind == "false_positive":
        return _weighted_sum(_only(class_id, guesses, logical_not(hits)), weights)
    guessed = _hits(guesses, cast(ones_like(guesses), dtype=_BOOL), dense)
    return _weighted_sum(_only(class_id, dense, logical_and(counts, logical_not(guessed))), weights)


def _share(name, guesses, labels, k, class_id, weights, other, collections, metric_name):
    """The metric true_positive / (true_positive + other)."""
    default = _scope_name(metric_name, k, class_id)
    with variable_scope(name, default, [guesses]):
        kinds = ("true_positive", other)
        variables = [metric_variable([], _FLOAT64, _scope_name(kind, k, class_id)) for kind in kinds]
        added = [_counted(kind, guesses, labels, class_id, weights) for kind in kinds]
        return pair(lambda name, hits, misses: divide(hits, hits + misses, name=name), variables, added, *collections)


def streaming_sparse_recall_at_k(
    predictions, labels, k, class_id=None, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """Which share of the labels is among the k best guesses. Raises ValueError for k below 1."""
    collections = metrics_collections, updates_collections
    guesses = _best(predictions, k)
    return _share(name, guesses, labels, k, class_id, weights, "false_negative", collections, "recall")


def sparse_recall_at_top_k(
    labels, top_k_predictions, class_id=None, weights=None, metrics_collections=None, updates_collections=None,
    name=None,
):  # fmt: skip
    """`streaming_sparse_recall_at_k` of given guesses `[..., k]`."""
    collections = metrics_collections, updates_collections
    guesses = cast(_class_numbers(top_k_predictions, "top_k_predictions"), dtype=_INT64)
    return _share(name, guesses, labels, None, class_id, weights, "false_negative", collections, "recall")


def streaming_sparse_precision_at_k(
    predictions, labels, k, class_id=None, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """Which share of the k best guesses is a label. Raises ValueError for k below 1."""
    collections = metrics_collections, updates_collections
    guesses = _best(predictions, k)
    return _share(name, guesses, labels, k, class_id, weights, "false_positive", collections, "precision")


def streaming_sparse_precision_at_top_k(
    top_k_predictions, labels, class_id=None, weights=None, metrics_collections=None, updates_collections=None,
    name=None,
):  # fmt: skip
    """`streaming_sparse_precision_at_k` of given guesses `[..., k]`."""
    collections = metrics_collections, updates_collections
    guesses = cast(_class_numbers(top_k_predictions, "top_k_predictions"), dtype=_INT64)
    return _share(name, guesses, labels, None, class_id, weights, "false_positive", collections, "precision")


def streaming_sparse_average_precision_at_k(
    predictions, labels, k, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean over examples of the average precision at the places of right guesses, up to the k-th.

    An example without labels makes it NaN, as in TensorFlow. Raises ValueError for k below 1.
    """
    default = _scope_name("average_precision", k, None)
    return _average_precision(
        name, default, _best(predictions, k), labels, weights, "max_1", (metrics_collections, updates_collections)
    )


def streaming_sparse_average_precision_at_top_k(
    top_k_predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """`streaming_sparse_average_precision_at_k` of given guesses `[..., k]`."""
    guesses = cast(_class_numbers(top_k_predictions, "top_k_predictions"), dtype=_INT64)
    return _average_precision(
        name, "average_precision_at_top_k", guesses, labels, weights, "max", (metrics_collections, updates_collections)
    )


def _average_precision(name, default, guesses, labels, weights, count_name, collections):
    with variable_scope(name, default, [guesses]):
        dense, counts = _label_sets(labels, guesses)
        hits = cast(_hits(dense, counts, guesses), dtype=_FLOAT64)
        k = guesses.spec.shape[-1]
        precisions = cumsum(hits, axis=-1) / np.arange(1.0, k + 1)
        number = reduce_sum(cast(counts, dtype=_FLOAT64), axis=-1)
        relevant = number - cast(less(as_tensor(float(k), _FLOAT64), number), dtype=_FLOAT64) * (number - k)
        average = divide(reduce_sum(precisions * hits, axis=-1), relevant)
        weights = ones_like(average) if weights is None else _fitting(weights, average)
        most = metric_variable([], _FLOAT64, count_name)
        total = metric_variable([], _FLOAT64, "total")
        added = [added_up(weights), added_up(average * weights)]
        return pair(_mean, [most, total], added, *collections)


def _mean(name, most, total):
    """total / most, 0 at first and NaN where the total is."""
    nothing = cast(equal(most, 0.0), dtype=_FLOAT64)
    return divide(total, most + nothing, name=name)
