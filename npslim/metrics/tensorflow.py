"""TensorFlow's own metrics, `tf.metrics`: labels first, otherwise as TF-Slim's."""

import inspect

from npslim import metrics
from npslim.metrics.classes import mean_per_class_accuracy
from npslim.metrics.decisions import auc
from npslim.metrics.means import streaming_mean, streaming_mean_tensor, streaming_percentage_less

__all__ = [
    "accuracy", "auc", "average_precision_at_k", "false_negatives", "false_negatives_at_thresholds",
    "false_positives", "false_positives_at_thresholds", "mean", "mean_absolute_error", "mean_cosine_distance",
    "mean_iou", "mean_per_class_accuracy", "mean_relative_error", "mean_squared_error", "mean_tensor",
    "percentage_below", "precision", "precision_at_k", "precision_at_thresholds", "precision_at_top_k", "recall",
    "recall_at_k", "recall_at_thresholds", "recall_at_top_k", "root_mean_squared_error",
    "sensitivity_at_specificity", "specificity_at_sensitivity", "true_negatives", "true_negatives_at_thresholds",
    "true_positives", "true_positives_at_thresholds",
]  # fmt: skip


def _labels_first(function, name):
    """`function(predictions, labels, ...)` with its first two arguments exchanged."""
    first, second, *rest = inspect.signature(function).parameters.values()

    def exchanged(labels, predictions, *args, **kwargs):
        return function(predictions, labels, *args, **kwargs)

    exchanged.__name__, exchanged.__doc__ = name, function.__doc__
    exchanged.__signature__ = inspect.Signature(
        [second.replace(name="labels"), first.replace(name="predictions"), *rest]
    )
    return exchanged


def _of(name, slim_name):
    return _labels_first(getattr(metrics, slim_name), name)


accuracy = _of("accuracy", "streaming_accuracy")
precision, recall = _of("precision", "streaming_precision"), _of("recall", "streaming_recall")
true_positives, false_positives = (
    _of("true_positives", "streaming_true_positives"),
    _of("false_positives", "streaming_false_positives"),
)
true_negatives, false_negatives = (
    _of("true_negatives", "streaming_true_negatives"),
    _of("false_negatives", "streaming_false_negatives"),
)
precision_at_thresholds = _of("precision_at_thresholds", "streaming_precision_at_thresholds")
recall_at_thresholds = _of("recall_at_thresholds", "streaming_recall_at_thresholds")
true_positives_at_thresholds = _of("true_positives_at_thresholds", "streaming_true_positives_at_thresholds")
true_negatives_at_thresholds = _of("true_negatives_at_thresholds", "streaming_true_negatives_at_thresholds")
false_positives_at_thresholds = _of("false_positives_at_thresholds", "streaming_false_positives_at_thresholds")
false_negatives_at_thresholds = _of("false_negatives_at_thresholds", "streaming_false_negatives_at_thresholds")
mean_absolute_error = _of("mean_absolute_error", "streaming_mean_absolute_error")
mean_squared_error = _of("mean_squared_error", "streaming_mean_squared_error")
mean_relative_error = _of("mean_relative_error", "streaming_mean_relative_error")
mean_cosine_distance = _of("mean_cosine_distance", "streaming_mean_cosine_distance")
root_mean_squared_error = _of("root_mean_squared_error", "streaming_root_mean_squared_error")
mean_iou = _of("mean_iou", "streaming_mean_iou")
sensitivity_at_specificity = _of("sensitivity_at_specificity", "streaming_sensitivity_at_specificity")
specificity_at_sensitivity = _of("specificity_at_sensitivity", "streaming_specificity_at_sensitivity")
mean, mean_tensor, percentage_below = streaming_mean, streaming_mean_tensor, streaming_percentage_less


def precision_at_k(
    labels, predictions, k, class_id=None, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """Which share of the k best guesses is a label; see `streaming_sparse_precision_at_k`."""
    return metrics.streaming_sparse_precision_at_k(
        predictions, labels, k, class_id, weights, metrics_collections, updates_collections, name
    )


def recall_at_k(
    labels, predictions, k, class_id=None, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """Which share of the labels is among the k best guesses; see `streaming_sparse_recall_at_k`."""
    return metrics.streaming_sparse_recall_at_k(
        predictions, labels, k, class_id, weights, metrics_collections, updates_collections, name
    )


def average_precision_at_k(
    labels, predictions, k, weights=None, metrics_collections=None, updates_collections=None, name=None
):
    """See `streaming_sparse_average_precision_at_k`."""
    return metrics.streaming_sparse_average_precision_at_k(
        predictions, labels, k, weights, metrics_collections, updates_collections, name
    )


def precision_at_top_k(
    labels, predictions_idx, k=None, class_id=None, weights=None, metrics_collections=None, updates_collections=None,
    name=None,
):  # fmt: skip
    """See `streaming_sparse_precision_at_top_k`."""
    return metrics.streaming_sparse_precision_at_top_k(
        predictions_idx, labels, class_id, weights, metrics_collections, updates_collections, name
    )


def recall_at_top_k(
    labels, predictions_idx, k=None, class_id=None, weights=None, metrics_collections=None, updates_collections=None,
    name=None,
):  # fmt: skip
    """See `sparse_recall_at_top_k`."""
    return metrics.sparse_recall_at_top_k(
        labels, predictions_idx, class_id, weights, metrics_collections, updates_collections, name
    )
