"""Streaming metrics: each is (value, update), two tensors over local variables that count.

`update` takes in a batch and gives the value with it; `value` is the value so far. Sums are kept in float64 and counts
as integers or float64: TensorFlow's float32 counters stop at 2**24.
"""

import numpy as np

from npslim.dtypes import float32, float64
from npslim.errors import ShapeError
from npslim.graph import GraphKeys, control_dependencies, get_default_graph, user_line
from npslim.op import as_tensor
from npslim.ops.elementwise import divide_no_nan, multiply
from npslim.ops.logic import cast, equal
from npslim.ops.reduce import reduce_mean, reduce_sum
from npslim.ops.shape import expand_dims, ones_like, squeeze
from npslim.scopes import variable_scope
from npslim.spec import compatible, show_shape
from npslim.variables import Variable


def metric_variable(shape, dtype, name):
    """A local variable of a metric, zero at first, in LOCAL_VARIABLES and METRIC_VARIABLES."""
    return Variable(
        np.zeros(shape, dtype.dtype), trainable=False, name=name,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
    )  # fmt: skip


def accuracy(predictions, labels, weights=None):
    """The share of `predictions` that equal `labels` in this batch: one tensor, nothing is counted.

    predictions, labels: one shape and one dtype, which may not be floating. weights: broadcasts to them.
    """
    predictions, labels = as_tensor(predictions), as_tensor(labels)
    _check_same("accuracy", predictions, labels)
    if predictions.dtype.is_floating or predictions.dtype != labels.dtype:
        raise ShapeError(
            "accuracy: dtypes do not match, or are floating.", expected=labels.dtype.name, got=predictions.dtype.name
        )
    right = cast(equal(predictions, labels), dtype=float32.dtype)
    if weights is None:
        return reduce_mean(right)
    weights = multiply(cast(as_tensor(weights), dtype=float32.dtype), ones_like(right))
    return reduce_sum(multiply(right, weights)) / reduce_sum(weights)


def streaming_mean(values, weights=None, metrics_collections=None, updates_collections=None, name=None):
    """The weighted mean of all values seen.

    values: any shape. weights: broadcasts to them. Returns (value, update), float32 scalars.
    Makes the local variables `total` and `count`.
    """
    with variable_scope(name, "mean", [values, weights]):
        total, count = metric_variable([], float64, "total"), metric_variable([], float64, "count")
        values = cast(as_tensor(values), dtype=float64.dtype)
        weights = 1.0 if weights is None else cast(as_tensor(weights), dtype=float64.dtype)
        weights = multiply(ones_like(values), _with_rank_of(values, weights))
        value = _ratio(total, count, "value")
        added = [total.assign_add(reduce_sum(multiply(values, weights))), count.assign_add(reduce_sum(weights))]
        with control_dependencies(added):
            update = _ratio(total.read_value(), count.read_value(), "update_op")
        return _collected(value, update, metrics_collections, updates_collections)


def streaming_accuracy(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """How often `predictions` equal `labels`, over all batches.

    predictions, labels: one shape, or one of them with a last dimension of 1 besides. weights: broadcasts to them.
    Returns (value, update), float32 scalars. Makes the local variables `total` and `count`.
    Raises ValueError for shapes that differ.
    """
    predictions, labels = _without_last_one(as_tensor(predictions), as_tensor(labels))
    _check_same("streaming_accuracy", predictions, labels)
    if predictions.dtype != labels.dtype:
        predictions = cast(predictions, dtype=labels.spec.dtype)
    right = cast(equal(predictions, labels), dtype=float32.dtype)
    return streaming_mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


def _ratio(total, count, name):
    return cast(divide_no_nan(as_tensor(total), as_tensor(count)), dtype=float32.dtype, name=name)


def _collected(value, update, metrics_collections, updates_collections):
    graph = get_default_graph()
    graph.add_to_collections(metrics_collections or (), value)
    graph.add_to_collections(updates_collections or (), update)
    return value, update


def _without_last_one(predictions, labels):
    """Both, without a last dimension of 1 that only one of them has."""
    a, b = predictions.spec, labels.spec
    if a.rank is not None and b.rank is not None:
        if a.rank == b.rank + 1 and a.shape[-1] == 1:
            predictions = squeeze(predictions, axis=[-1])
        elif b.rank == a.rank + 1 and b.shape[-1] == 1:
            labels = squeeze(labels, axis=[-1])
    return predictions, labels


def _with_rank_of(values, weights):
    weights = as_tensor(weights, float64.dtype)
    if weights.spec.rank and values.spec.rank == weights.spec.rank + 1:
        weights = expand_dims(weights, axis=-1)
    return weights


def _check_same(name, a, b):
    if not compatible(a.spec.shape, b.spec.shape):
        raise ShapeError(
            f"{name}: the predictions and the labels have different shapes.", expected=show_shape(b.spec.shape),
            got=show_shape(a.spec.shape), made_at=user_line(),
        )  # fmt: skip


def aggregate_metrics(*value_update_tuples):
    """([values], [updates]) of several metrics."""
    values, updates = zip(*value_update_tuples, strict=True)
    return list(values), list(updates)


def aggregate_metric_map(names_to_tuples):
    """({name: value}, {name: update}) of a dictionary of metrics."""
    values = {name: value for name, (value, _) in names_to_tuples.items()}
    return values, {name: update for name, (_, update) in names_to_tuples.items()}
