"""Metrics that the golden files do not have, with numbers that TensorFlow 2.15.1 gave; beyond TensorFlow; refusals."""

import numpy as np
import pytest

import npslim as slim
from npslim import metrics
from npslim.errors import InvalidArgumentError
from npslim.metrics import tensorflow
from npslim.ops.sparse import SparseTensor

P = np.array([0.5, 0.7, 0.6, 0.5, 0.4, 0.6, 0.4, 0.9, 1.0, 0.4, 0.8, 0.5], np.float32)
L = np.array([0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0])
W = np.array([0.12, 0.64, 0.14, 0.94, 0.52, 0.41, 0.26, 0.77, 0.46, 0.57, 0.02, 0.62], np.float32)


def after(pair):
    """(value at first, value after one update)."""
    value, update = pair
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    first = session.run(value)
    session.run(update)
    return first, session.run(value)


@pytest.mark.parametrize(
    "options, expected",
    [({}, 0.7361111111111113), ({"curve": "PR"}, 0.8078703703703703), ({"weights": W}, 0.6518414375406554)],
)
def test_dynamic_auc(options, expected):
    first, value = after(metrics.streaming_dynamic_auc(L, P, **options))
    assert first == 0 and value == pytest.approx(expected, rel=1e-7) and value.dtype == np.float64


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, (0.73611116, 0.36536336, 0.93110985)),
        ({"weights": W}, (0.65184146, 0.13516638, 0.9573162)),
        ({"logit_transformation": False}, (0.73611116, 0.4295796, 1.0426427)),
        ({"alpha": 0.9}, (0.73611116, 0.42593458, 0.9129471)),
    ],
)
def test_auc_with_confidence_intervals(options, expected):
    first, value = after(metrics.auc_with_confidence_intervals(L, P, **options))
    assert first == (0, 0, 0)
    np.testing.assert_allclose([value.auc, value.lower, value.upper], expected, rtol=1e-5)


def test_precision_and_recall_at_equal_thresholds():
    _, value = after(metrics.precision_recall_at_equal_thresholds(L.astype(bool), P, num_thresholds=5))
    assert value.tp.tolist() == [6, 6, 5, 3, 1] and value.fp.tolist() == [6, 6, 4, 0, 0]
    assert value.tn.tolist() == [0, 0, 2, 6, 6] and value.fn.tolist() == [0, 0, 1, 3, 5]
    np.testing.assert_allclose(value.precision, [0.5, 0.5, 0.5555556, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(value.recall, [1, 1, 0.8333333, 0.5, 0.16666667], rtol=1e-6)
    slim.reset_default_graph()
    first, value = after(metrics.precision_recall_at_equal_thresholds(L.astype(bool), P, W, num_thresholds=5))
    np.testing.assert_allclose(value.tp, [2.85, 2.85, 2.33, 1.25, 0.46], rtol=1e-6)
    assert first.precision.tolist() == [0] * 5


def test_recall_at_precision_strictly():
    assert after(metrics.recall_at_precision(L, P, 0.7, num_thresholds=11, strict_mode=True))[1] == 0.5
    slim.reset_default_graph()
    assert after(metrics.recall_at_precision(L, P, 0.7, num_thresholds=11))[1] == pytest.approx(2 / 3, rel=1e-6)


SCORES = np.array([[0.61, 0.62, 0.94, 0.68, 0.36], [0.44, 0.70, 0.06, 0.667, 0.671], [0.21, 0.13, 0.32, 0.36, 0.57],
                   [0.44, 0.99, 0.10, 0.21, 0.16]], np.float32)  # fmt: skip
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.0], np.float32)
TOP = np.array([[1, 3], [0, 4], [0, 2], [1, 2]])


def labels():
    return SparseTensor([[0, 0], [0, 1], [1, 0], [2, 0]], np.array([1, 2, 2, 0]), [4, 2])


@pytest.mark.parametrize(
    "make, name, expected",
    [
        (lambda: metrics.streaming_sparse_recall_at_k(SCORES, labels(), 2), "recall_at_2/true_positive_at_2", 0.25),
        (
            lambda: metrics.streaming_sparse_recall_at_k(SCORES, labels(), 2, class_id=2),
            "recall_at_2_class2/true_positive_at_2_class2", 0.5,
        ),
        (
            lambda: metrics.streaming_sparse_precision_at_k(SCORES, labels(), 3, class_id=1),
            "precision_at_3_class1/true_positive_at_3_class1", 1 / 3,
        ),
        (
            lambda: metrics.streaming_sparse_precision_at_k(SCORES, labels(), 2, weights=WEIGHTS),
            "precision_at_2/true_positive_at_2", 1 / 9,
        ),
        (
            lambda: metrics.streaming_sparse_precision_at_top_k(TOP, labels()), "precision_at_k/true_positive_at_k",
            0.25,
        ),
        (lambda: metrics.sparse_recall_at_top_k(labels(), TOP), "recall_at_k/true_positive_at_k", 0.5),
        (
            lambda: metrics.streaming_sparse_average_precision_at_k(SCORES, labels(), 3),
            "average_precision_at_3/max_1", np.nan,
        ),
        (
            lambda: metrics.streaming_sparse_average_precision_at_top_k(TOP, labels()),
            "average_precision_at_top_k/max", np.nan,
        ),
    ],
)  # fmt: skip
def test_sparse_labels(make, name, expected):
    pair = make()
    assert slim.local_variables()[0].op.name == name
    first, value = after(pair)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    assert np.isnan(first) or first == 0


def test_a_label_given_twice_counts_once():
    twice = np.array([[1, 1], [2, 2], [0, 3], [1, 4]])
    _, value = after(metrics.streaming_sparse_recall_at_k(SCORES, twice, 1))
    assert value == pytest.approx(1 / 6)


def test_concat_keeps_at_most_max_size():
    x = slim.placeholder(slim.float32, [None, 2])
    value, update = metrics.streaming_concat(x, max_size=3)
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    assert [int(session.run(update, {x: np.full((2, 2), i)})) for i in range(3)] == [2, 3, 3]
    np.testing.assert_array_equal(session.run(value), [[0, 0], [0, 0], [1, 1]])


def test_confusion_matrix():
    y, p = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])
    session = slim.Session()
    assert session.run(metrics.confusion_matrix(y, p)).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    weighted = metrics.confusion_matrix(y, p, 3, slim.float32, weights=[1.0, 2.0, 3.0, 4.0])
    assert session.run(weighted).tolist() == [[1, 0, 0], [0, 2, 3], [0, 0, 4]]


def test_the_readmes_names():
    assert metrics.precision is metrics.streaming_precision and metrics.recall is metrics.streaming_recall
    assert metrics.percentage_less is metrics.streaming_percentage_less


def test_tensorflows_order_of_arguments():
    value, _ = after(tensorflow.precision(np.array([1, 1, 0]), np.array([1, 1, 1])))
    slim.reset_default_graph()
    _, value = after(tensorflow.precision(labels=np.array([1, 0, 0]), predictions=np.array([1, 1, 1])))
    assert value == pytest.approx(1 / 3)


# ---- beyond TensorFlow


def count_on(start):
    """A count that stands at `start`, one more, and its variable's dtype."""
    value, update = metrics.count(slim.constant([1.0]))
    (variable,) = slim.local_variables()
    session = slim.Session()
    variable.load(start, session)
    session.run(update)
    return session.run(variable), session.run(value)


def test_counts_go_on_where_float32_stops():
    assert count_on(2**24)[0] == 2**24 + 1
    slim.reset_default_graph()
    with metrics.counting("tf"):
        counted, _ = count_on(2**24)
    assert counted == 2**24 and counted.dtype == np.float32
    with pytest.raises(ValueError, match="way to count"), metrics.counting("torch"):
        pass


def several(x, y):
    p = slim.cast(slim.greater(x, 0.0), slim.int64)
    q = slim.cast(slim.greater(y, 0.0), slim.int64)
    return metrics.aggregate_metrics(
        metrics.streaming_mean(x), metrics.streaming_covariance(x, y), metrics.streaming_pearson_correlation(x, y),
        metrics.streaming_concat(x), metrics.streaming_mean_iou(p, q, 2), metrics.streaming_precision(p, q),
    )  # fmt: skip


def test_states_of_several_sessions_become_one():
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=n), rng.normal(size=n) + 1) for n in (5, 3, 7, 4)]
    x, y = slim.placeholder(slim.float64, [None]), slim.placeholder(slim.float64, [None])
    values, updates = several(x, y)

    def session_after(part):
        session = slim.Session()
        session.run(slim.local_variables_initializer())
        for a, b in part:
            session.run(updates, {x: a, y: b})
        return session

    states = [metrics.state(session_after(part)) for part in (batches[:1], batches[1:3], batches[3:])]
    merged = slim.Session()
    metrics.load_state(merged, metrics.merge_states(*states))
    for a, b in zip(merged.run(values), session_after(batches).run(values), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    with pytest.raises(ValueError, match="same metrics"):
        metrics.merge_states(states[0], {})


# ---- refusals

BAD = [
    lambda: metrics.streaming_sparse_recall_at_k(SCORES, TOP, 0),
    lambda: metrics.streaming_recall_at_k(slim.constant(SCORES), slim.constant([1, 2, 3, 4]), 0),
    lambda: metrics.streaming_auc(P, L, curve="X"),
    lambda: metrics.streaming_auc(P, L, num_thresholds=1),
    lambda: tensorflow.auc(L, P, summation_method="simpson"),
    lambda: metrics.streaming_specificity_at_sensitivity(P, L, 1.5),
    lambda: metrics.recall_at_precision(L, P, 2.0),
    lambda: metrics.streaming_mean_squared_error(P, P[:5]),
    lambda: metrics.streaming_mean(P, weights=W[:5]),
    lambda: metrics.streaming_mean(SCORES, weights=np.ones((4, 5, 2))),
    lambda: metrics.cohen_kappa(L, L, 0),
    lambda: metrics.accuracy(P, P),
    lambda: metrics.accuracy(L, P),
    lambda: metrics.streaming_concat(3.0),
    lambda: metrics.aggregate_metrics(),
    lambda: metrics.streaming_dynamic_auc(L, P, curve="X"),
    lambda: metrics.auc_with_confidence_intervals(L, P, alpha=1.0),
    lambda: metrics.precision_recall_at_equal_thresholds(L, P),
    lambda: metrics.auc_using_histogram(L.astype(bool), P, [1.0, 0.0]),
    lambda: metrics.streaming_sparse_recall_at_k(SCORES, TOP, 2, weights=np.ones((4, 1, 1))),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_calls_raise_value_errors(bad):
    with pytest.raises(ValueError):
        bad()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: metrics.streaming_auc(P * 3, L), r"\[0, 1\]"),
        (lambda: metrics.streaming_precision_at_thresholds(P - 1, L.astype(bool), [0.5]), r"\[0, 1\]"),
        (lambda: metrics.streaming_dynamic_auc(L + 3, P), "0 or 1"),
    ],
)
def test_bad_values_are_refused_by_the_run(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        after(make())
