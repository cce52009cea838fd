"""Streaming metrics: each is (value, update), two tensors over local variables that count.

`update` takes in a batch and gives the value with it; `value` is the value so far. Counts and sums are float64, with
what rounding leaves out kept beside them: counts are exact up to 2**106, sums are rounded once however many batches
they are of. TensorFlow's float32 counters stop at 2**24; `with counting("tf")` brings those back. What several sessions
counted becomes one by `merge_states`. `tf.metrics`, with labels first, are in `npslim.metrics.tensorflow`.
"""

from npslim.metrics.classes import (
    cohen_kappa,
    confusion_matrix,
    streaming_mean_iou,
)
from npslim.metrics.common import counting, metric_variable
from npslim.metrics.curves import (
    auc_using_histogram,
    auc_with_confidence_intervals,
    precision_recall_at_equal_thresholds,
    streaming_concat,
    streaming_dynamic_auc,
)
from npslim.metrics.decisions import (
    f1_score,
    precision_at_recall,
    recall_at_precision,
    streaming_auc,
    streaming_curve_points,
    streaming_false_negative_rate,
    streaming_false_negative_rate_at_thresholds,
    streaming_false_negatives,
    streaming_false_negatives_at_thresholds,
    streaming_false_positive_rate,
    streaming_false_positive_rate_at_thresholds,
    streaming_false_positives,
    streaming_false_positives_at_thresholds,
    streaming_precision,
    streaming_precision_at_thresholds,
    streaming_recall,
    streaming_recall_at_thresholds,
    streaming_sensitivity_at_specificity,
    streaming_specificity_at_sensitivity,
    streaming_true_negatives,
    streaming_true_negatives_at_thresholds,
    streaming_true_positives,
    streaming_true_positives_at_thresholds,
)
from npslim.metrics.means import (
    accuracy,
    aggregate_metric_map,
    aggregate_metrics,
    count,
    streaming_accuracy,
    streaming_covariance,
    streaming_mean,
    streaming_mean_absolute_error,
    streaming_mean_cosine_distance,
    streaming_mean_relative_error,
    streaming_mean_squared_error,
    streaming_mean_tensor,
    streaming_pearson_correlation,
    streaming_percentage_less,
    streaming_recall_at_k,
    streaming_root_mean_squared_error,
)
from npslim.metrics.merge import load_state, merge_states, state
from npslim.metrics.top_k import (
    sparse_recall_at_top_k,
    streaming_sparse_average_precision_at_k,
    streaming_sparse_average_precision_at_top_k,
    streaming_sparse_precision_at_k,
    streaming_sparse_precision_at_top_k,
    streaming_sparse_recall_at_k,
)

precision, recall = streaming_precision, streaming_recall  # the README's names, which no release had
percentage_less = streaming_percentage_less

__all__ = [
    "accuracy", "aggregate_metric_map", "aggregate_metrics", "auc_using_histogram",
    "auc_with_confidence_intervals", "cohen_kappa", "confusion_matrix", "count", "counting", "f1_score",
    "load_state", "merge_states", "metric_variable", "percentage_less", "precision", "precision_at_recall",
    "precision_recall_at_equal_thresholds", "recall", "recall_at_precision", "sparse_recall_at_top_k", "state",
    "streaming_accuracy", "streaming_auc", "streaming_concat", "streaming_covariance", "streaming_curve_points",
    "streaming_dynamic_auc", "streaming_false_negative_rate", "streaming_false_negative_rate_at_thresholds",
    "streaming_false_negatives", "streaming_false_negatives_at_thresholds", "streaming_false_positive_rate",
    "streaming_false_positive_rate_at_thresholds", "streaming_false_positives",
    "streaming_false_positives_at_thresholds", "streaming_mean", "streaming_mean_absolute_error",
    "streaming_mean_cosine_distance", "streaming_mean_iou", "streaming_mean_relative_error",
    "streaming_mean_squared_error", "streaming_mean_tensor", "streaming_pearson_correlation",
    "streaming_percentage_less", "streaming_precision", "streaming_precision_at_thresholds", "streaming_recall",
    "streaming_recall_at_k", "streaming_recall_at_thresholds", "streaming_root_mean_squared_error",
    "streaming_sensitivity_at_specificity", "streaming_sparse_average_precision_at_k",
    "streaming_sparse_average_precision_at_top_k", "streaming_sparse_precision_at_k",
    "streaming_sparse_precision_at_top_k", "streaming_sparse_recall_at_k",
    "streaming_specificity_at_sensitivity", "streaming_true_negatives",
    "streaming_true_negatives_at_thresholds", "streaming_true_positives",
    "streaming_true_positives_at_thresholds",
]  # fmt: skip
