"""Metrics of several classes: confusion matrices and what follows from them."""

import numbers
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32, int32, numpy_dtype
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import control_dependencies
from npslim.metrics.common import add_to, as_count, collected, counter, metric_variable, operands, pair
from npslim.ops.checks import assert_less, assert_non_negative
from npslim.ops.elementwise import divide_no_nan, multiply
from npslim.ops.logic import cast, equal, greater, not_equal, where
from npslim.ops.reduce import reduce_max, reduce_mean, reduce_sum
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import identity, ones_like, reshape, zeros_like
from npslim.scopes import name_scope, variable_scope

_FLOAT64 = np.dtype(np.float64)


def confusion_matrix(labels, predictions, num_classes: Any = None, dtype: Any = int32, name=None, weights=None):
    """How often an example of class i was taken for j: `[num_classes, num_classes]`.

    labels, predictions: `[n]` integers. num_classes: one more than the greatest number unless given. weights: `[n]`.
    Raises InvalidArgumentError for numbers below 0 or not below num_classes.
    """
    with name_scope(name, "confusion_matrix", [labels, predictions]):
        predictions, labels, _ = operands("confusion_matrix", predictions, labels)
        labels, predictions = cast(labels, dtype=np.dtype(np.int64)), cast(predictions, dtype=np.dtype(np.int64))
        if num_classes is None:
            num_classes = 1 + reduce_max([reduce_max(labels), reduce_max(predictions)])
        n = cast(as_tensor(num_classes), dtype=np.dtype(np.int64))
        with control_dependencies([check for x in (labels, predictions) for check in _in_range(x, n)]):
            labels = identity(labels)
        cells = reshape(labels * n + predictions, [-1])
        dtype = numpy_dtype(dtype)
        amount = ones_like(cells, dtype=dtype) if weights is None else cast(reshape(weights, [-1]), dtype=dtype)
        shape = [num_classes, num_classes] if isinstance(num_classes, int) else [n, n]
        return reshape(unsorted_segment_sum(amount, cells, n * n), shape)


def _in_range(classes, n):
    """The checks that `classes` are class numbers."""
    least = assert_non_negative(classes, message="Class numbers are not negative.")
    return least, assert_less(classes, n, message="A class number is too large for num_classes.")


def _check_classes(name, num_classes):
    if num_classes < 2:
        raise InvalidArgumentError(
            f"{name}: there must be at least two classes.", expected="num_classes >= 2", got=num_classes,
            made_at=user_line(),
        )  # fmt: skip


def streaming_mean_iou(
    predictions, labels, num_classes, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean over classes of intersection over union, as segmentation is judged: float32.

    predictions, labels: class numbers of one shape. Classes that never occur are left out. The update gives the
    confusion matrix. Makes the local variable `total_confusion_matrix [num_classes, num_classes]` (float64).
    """
    with variable_scope(name, "mean_iou", [predictions, labels, weights]):
        predictions, labels, weights = operands("streaming_mean_iou", predictions, labels, weights)
        if not isinstance(num_classes, numbers.Integral):
            raise ArgumentTypeError("num_classes is a number.", expected="an integer", got=repr(num_classes))
        total = metric_variable([num_classes, num_classes], _FLOAT64, "total_confusion_matrix")
        batch = confusion_matrix(
            reshape(labels, [-1]), reshape(predictions, [-1]), num_classes, _FLOAT64, weights=reshape(weights, [-1])
        )
        value = _mean_iou(as_tensor(total))
        return collected(value, add_to(total, batch), metrics_collections, updates_collections)


def _mean_iou(matrix):
    hits = reduce_sum(matrix * np.eye(matrix.shape.as_list()[0]), axis=0)
    union = reduce_sum(matrix, axis=0) + reduce_sum(matrix, axis=1) - hits
    occurring = reduce_sum(cast(not_equal(union, 0.0), dtype=_FLOAT64))
    mean = divide_no_nan(reduce_sum(divide_no_nan(hits, union)), occurring)
    return cast(where(greater(occurring, 0.0), mean, zeros_like(mean)), dtype=float32.dtype, name="mean_iou")


def mean_per_class_accuracy(
    labels, predictions, num_classes, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """The mean over classes of how often an example of the class is recognized: float32. As tf.metrics has it.

    The update gives each class's. Makes the local variables `total` and `count` `[num_classes]`.
    """
    with variable_scope(name, "mean_accuracy", [predictions, labels, weights]):
        predictions, labels, weights = operands("mean_per_class_accuracy", predictions, labels, weights)
        total, count = counter([num_classes], "total"), counter([num_classes], "count")
        labels, weights = reshape(labels, [-1]), reshape(weights, [-1])
        predictions = cast(reshape(predictions, [-1]), dtype=labels.spec.dtype)
        right = multiply(as_count(equal(predictions, labels)), weights)
        n = as_tensor(num_classes)
        value, update = pair(
            lambda name, total, count: cast(divide_no_nan(count, total), dtype=float32.dtype, name=name),
            [total, count],
            [unsorted_segment_sum(weights, labels, n), unsorted_segment_sum(right, labels, n)], None, None,
        )  # fmt: skip
        return collected(reduce_mean(value, name="mean_accuracy"), update, metrics_collections, updates_collections)


def cohen_kappa(
    labels, predictions_idx, num_classes, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """How much labels and predictions agree beyond chance (Cohen, 1960): float64, 1 for total agreement.

    labels, predictions_idx: `[n]` class numbers, or one of them `[n, 1]`. Makes the local variables `po`, `pe_row` and
    `pe_col` `[num_classes]`. Raises ValueError for fewer than two classes.
    """
    _check_classes("cohen_kappa", num_classes)
    with variable_scope(name, "cohen_kappa", [labels, predictions_idx, weights]):
        predictions, labels, amounts = operands("cohen_kappa", predictions_idx, labels, weights)
        dtype = np.dtype(np.int64) if weights is None else _FLOAT64
        po, row, column = (metric_variable([num_classes], dtype, name) for name in ("po", "pe_row", "pe_col"))
        matrix = confusion_matrix(
            reshape(labels, [-1]), reshape(predictions, [-1]), num_classes, dtype, weights=reshape(amounts, [-1])
        )
        added = [
            reduce_sum(matrix * np.eye(num_classes, dtype=dtype), axis=0), reduce_sum(matrix, axis=0),
            reduce_sum(matrix, axis=1),
        ]  # fmt: skip
        return pair(_kappa, [po, row, column], added, metrics_collections, updates_collections)


def _kappa(name, po, row, column):
    po, row, column = (cast(x, dtype=_FLOAT64) for x in (po, row, column))
    total = reduce_sum(row)
    by_chance = reduce_sum(divide_no_nan(row * column, total))
    return divide_no_nan(reduce_sum(po) - by_chance, total - by_chance, name=name)
