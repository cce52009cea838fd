"""Means over everything seen: of values, of errors, of what is right."""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.metrics.common import (
    add_to,
    added_up,
    as_count,
    broadcast_weights,
    check_k,
    collected,
    counter,
    operands,
    pair,
)
from npslim.ops.elementwise import divide_no_nan, multiply
from npslim.ops.functions import abs as absolute
from npslim.ops.functions import sqrt, square
from npslim.ops.logic import cast, equal, less, where
from npslim.ops.ranking import in_top_k
from npslim.ops.reduce import reduce_mean, reduce_sum
from npslim.ops.shape import ones_like, squeeze, zeros_like
from npslim.scopes import variable_scope


def accuracy(predictions, labels, weights=None, name=None):
    """The share of `predictions` that equal `labels` in this batch: one tensor, nothing is counted.

    predictions, labels: one shape and one dtype, which may not be floating. weights: broadcasts to them.
    Raises ValueError otherwise.
    """
    with variable_scope(name, "accuracy", [predictions, labels]):
        predictions, labels, _ = operands("accuracy", predictions, labels)
        if predictions.dtype.is_floating or predictions.dtype != labels.dtype:
            raise DTypeError(
                "accuracy: dtypes do not match, or are floating.", expected=labels.dtype.name,
                got=predictions.dtype.name,
            )  # fmt: skip
        right = cast(equal(predictions, labels), dtype=float32.dtype)
        if weights is None:
            return reduce_mean(right)
        weights = multiply(cast(as_tensor(weights), dtype=float32.dtype), ones_like(right))
        return reduce_sum(multiply(right, weights)) / reduce_sum(weights)


def ratio(name, total, count):
    """total / count as float32, 0 where nothing was counted."""
    return cast(divide_no_nan(total, count), dtype=float32.dtype, name=name)


def streaming_mean(values, weights=None, metrics_collections=None, updates_collections=None, name=None):
    """The weighted mean of all values seen.

    values: any shape. weights: broadcasts to them. Returns (value, update), float32 scalars.
    Makes the local variables `total` and `count`. Raises ValueError for weights that do not fit.
    """
    with variable_scope(name, "mean", [values, weights]):
        total, count = counter([], "total"), counter([], "count")
        values = as_count(values)
        weights = broadcast_weights(weights, values)
        added = [added_up(multiply(values, weights)), added_up(weights)]
        return pair(ratio, [total, count], added, metrics_collections, updates_collections)


def streaming_accuracy(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """How often `predictions` equal `labels`, over all batches.

    predictions, labels: one shape, or one of them with a last dimension of 1 besides. weights: broadcasts to them.
    Returns (value, update), float32 scalars. Makes the local variables `total` and `count`.
    Raises ValueError for shapes that differ.
    """
    predictions, labels, _ = operands("streaming_accuracy", predictions, labels)
    if predictions.dtype != labels.dtype:
        predictions = cast(predictions, dtype=labels.spec.dtype)
    right = cast(equal(predictions, labels), dtype=float32.dtype)
    return streaming_mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


def streaming_mean_tensor(values, weights=None, metrics_collections=None, updates_collections=None, name=None):
    """The weighted mean of each element over all batches: float32, the shape of `values`, which must be known.

    Makes the local variables `total_tensor` and `count_tensor`.
    """
    with variable_scope(name, "mean", [values, weights]):
        values = as_count(values)
        if values.spec.shape is None or None in values.spec.shape:
            raise ShapeError(
                "streaming_mean_tensor: the shape must be known.", expected="known sizes", got=str(values.spec),
                made_at=user_line(),
            )  # fmt: skip
        shape = values.shape.as_list()
        total, count = counter(shape, "total_tensor"), counter(shape, "count_tensor")
        weights = broadcast_weights(weights, values)
        added = [multiply(values, weights), weights]
        return pair(ratio, [total, count], added, metrics_collections, updates_collections)


def streaming_mean_absolute_error(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean of `|predictions - labels|` over all batches."""
    predictions, labels, _ = operands("streaming_mean_absolute_error", predictions, labels)
    errors = absolute(as_count(predictions) - as_count(labels))
    return streaming_mean(errors, weights, metrics_collections, updates_collections, name or "mean_absolute_error")


def streaming_mean_relative_error(
    predictions, labels, normalizer, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean of `|predictions - labels| / normalizer` over all batches, 0 where the normalizer is."""
    predictions, labels, _ = operands("streaming_mean_relative_error", predictions, labels)
    _, normalizer, _ = operands("streaming_mean_relative_error", predictions, normalizer)
    errors = divide_no_nan(absolute(as_count(labels) - as_count(predictions)), as_count(normalizer))
    return streaming_mean(errors, weights, metrics_collections, updates_collections, name or "mean_relative_error")


def streaming_mean_squared_error(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean of `(predictions - labels) ** 2` over all batches."""
    predictions, labels, _ = operands("streaming_mean_squared_error", predictions, labels)
    errors = square(as_count(labels) - as_count(predictions))
    return streaming_mean(errors, weights, metrics_collections, updates_collections, name or "mean_squared_error")


def streaming_root_mean_squared_error(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The root of `streaming_mean_squared_error`."""
    name = name or "root_mean_squared_error"
    value, update = streaming_mean_squared_error(predictions, labels, weights, name=name)
    return collected(sqrt(value), sqrt(update), metrics_collections, updates_collections)


def streaming_mean_cosine_distance(
    predictions, labels, dim, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean of `1 - sum(predictions * labels)` along `dim` over all batches, for vectors of length 1."""
    predictions, labels, _ = operands("streaming_mean_cosine_distance", predictions, labels)
    products = reduce_sum(multiply(as_count(predictions), as_count(labels)), axis=dim, keepdims=True)
    if weights is not None:
        weights = as_tensor(weights)
        if weights.spec.rank == products.spec.rank and weights.spec.shape[dim] == 1:
            weights = squeeze(weights, axis=[dim])
        products = squeeze(products, axis=[dim])
    mean, update = streaming_mean(products, weights, name=name or "mean_cosine_distance")
    return collected(1.0 - mean, 1.0 - update, metrics_collections, updates_collections)


def streaming_percentage_less(
    values, threshold, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The share of values below `threshold` over all batches."""
    values = as_tensor(values)
    below = cast(less(values, as_tensor(threshold, values.spec.dtype)), dtype=float32.dtype)
    return streaming_mean(
        below, weights, metrics_collections, updates_collections, name or "percentage_below_threshold"
    )


def streaming_recall_at_k(
    predictions, labels, k, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """How often the label is among the `k` greatest predictions: predictions `[n, classes]`, labels `[n]`.

    Raises ValueError for k below 1.
    """
    found = cast(in_top_k(predictions, labels, k=check_k(k)), dtype=float32.dtype)
    return streaming_mean(found, weights, metrics_collections, updates_collections, name or f"recall_at_{k}")


def count(values, weights=None, metrics_collections=None, updates_collections=None, name=None):
    """How many values were seen, or the sum of their weights: float32. Makes the local variable `count`."""
    with variable_scope(name, "count", [values, weights]):
        counted = counter([], "count")
        added = added_up(broadcast_weights(weights, as_tensor(values)))
        return pair(
            lambda name, total: cast(total, dtype=float32.dtype, name=name), [counted], [added], metrics_collections,
            updates_collections,
        )  # fmt: skip


def streaming_covariance(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The unbiased covariance of predictions and labels over all batches, NaN until two were seen: float32.

    Batch by batch, as Chan, Golub & LeVeque (1979) update it, so nothing cancels out.
    Makes the local variables `count`, `mean_prediction`, `mean_label` and `comoment`.
    """
    with variable_scope(name, "covariance", [predictions, labels, weights]):
        predictions, labels, weights = operands("streaming_covariance", predictions, labels, weights)
        p, y = as_count(predictions), as_count(labels)
        names = ("count", "mean_prediction", "mean_label", "comoment")
        seen, mean_p, mean_y, comoment = (counter([], name, merge="covariance") for name in names)
        batch = reduce_sum(weights)
        batch_p = divide_no_nan(reduce_sum(p * weights), batch)
        batch_y = divide_no_nan(reduce_sum(y * weights), batch)
        together = as_tensor(seen) + batch
        own = reduce_sum((p - batch_p) * (y - batch_y) * weights)
        between = (batch_p - as_tensor(mean_p)) * (batch_y - as_tensor(mean_y))
        shares = divide_no_nan(as_tensor(seen) * batch, together)
        value = _covariance("value", as_tensor(seen), as_tensor(comoment))
        added = [
            add_to(seen, batch),
            add_to(mean_p, divide_no_nan((batch_p - as_tensor(mean_p)) * batch, together)),
            add_to(mean_y, divide_no_nan((batch_y - as_tensor(mean_y)) * batch, together)),
            add_to(comoment, own + between * shares),
        ]
        with control_dependencies(added):
            update = _covariance("update_op", seen.read_value(), comoment.read_value())
        return collected(value, update, metrics_collections, updates_collections)


def _covariance(name, seen, comoment):
    few = less(seen, 2.0)
    covariance = comoment / where(few, ones_like(seen), seen - 1.0)
    return cast(where(few, zeros_like(seen) + float("nan"), covariance), dtype=float32.dtype, name=name)


def streaming_pearson_correlation(
    predictions, labels, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """Pearson's correlation coefficient of predictions and labels over all batches."""
    with variable_scope(name, "pearson_r", [predictions, labels, weights]):
        predictions, labels, _ = operands("streaming_pearson_correlation", predictions, labels)
        cov, cov_update = streaming_covariance(predictions, labels, weights, name="covariance")
        var_p, var_p_update = streaming_covariance(predictions, predictions, weights, name="variance_predictions")
        var_y, var_y_update = streaming_covariance(labels, labels, weights, name="variance_labels")
        value = cov / (sqrt(var_p) * sqrt(var_y))
        update = cov_update / (sqrt(var_p_update) * sqrt(var_y_update))
        return collected(value, update, metrics_collections, updates_collections)


def aggregate_metrics(*value_update_tuples):
    """([values], [updates]) of several metrics. Raises ValueError for none."""
    if not value_update_tuples:
        raise InvalidArgumentError("Expected at least one value_tensor/update_op pair.", got="none")
    values, updates = zip(*value_update_tuples, strict=True)
    return list(values), list(updates)


def aggregate_metric_map(names_to_tuples):
    """({name: value}, {name: update}) of a dictionary of metrics. ValueError for none, TypeError for no pairs."""
    if not names_to_tuples:
        raise InvalidArgumentError("Expected at least one value_tensor/update_op pair.", got=names_to_tuples)
    odd = [name for name, pair in names_to_tuples.items() if not isinstance(pair, tuple | list) or len(pair) != 2]
    if odd:
        raise ArgumentTypeError("A metric is a pair.", expected="(value, update)", got=names_to_tuples[odd[0]])
    values = {name: value for name, (value, _) in names_to_tuples.items()}
    return values, {name: update for name, (_, update) in names_to_tuples.items()}
