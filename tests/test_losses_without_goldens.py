"""Losses that the golden files do not have: against numbers that TensorFlow 2.15.1 gave, or plain loops."""

import numpy as np
import pytest

import npslim as slim
from npslim.autograd import check_gradients
from npslim.losses import tensorflow
from npslim.ops import clustering
from npslim.ops.sparse import SparseTensor

P = np.array([[1.62, -0.61, -0.53, -1.07], [0.87, -2.3, 1.74, -0.76], [0.32, -0.25, 1.46, -2.06]], np.float32)
L = np.array([[-0.32, -0.38, 1.13, -1.1], [-0.17, -0.88, 0.04, 0.58], [-1.1, 1.14, 0.9, 0.5]], np.float32)


def run(x):
    return slim.Session().run(x)


def test_pairwise_squared_error_of_tensorflow():
    assert run(tensorflow.mean_pairwise_squared_error(L, P)) == pytest.approx(16.133583, rel=1e-6)
    weights = np.array([[0.5], [0], [2]], np.float32)
    assert run(tensorflow.mean_pairwise_squared_error(L, P, weights)) == pytest.approx(15.317767, rel=1e-6)


def test_cosine_distance_of_tensorflow():
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (P, L))
    assert run(tensorflow.cosine_distance(b, a, axis=1)) == pytest.approx(0.8452684, rel=1e-6)
    assert run(slim.losses.cosine_distance(a, b, dim=1)) == pytest.approx(0.8452684, rel=1e-6)


def test_npairs_of_several_classes():
    rows = [SparseTensor([[i] for i in row], [1] * len(row), [4]) for row in ([0, 2], [2], [1, 3])]
    assert run(slim.losses.npairs_loss_multilabel(rows, P, L)) == pytest.approx(2.0126214, rel=1e-6)


def test_total_of_one_scope():
    with slim.name_scope("a"):
        tensorflow.mean_squared_error(L, P)
    one = tensorflow.absolute_difference(L, P)
    assert run(tensorflow.get_total_loss(scope="absolute")) == run(one)
    assert run(tensorflow.get_regularization_loss()) == 0.0


def test_names_and_arguments_of_tensorflow_0():
    expected = run(slim.losses.mean_squared_error(P, L, weights=0.5))
    assert run(slim.losses.sum_of_squares(P, L, 0.5)) == expected
    assert run(slim.losses.losses.sum_of_squares(P, targets=L, weight=0.5)) == expected
    assert run(slim.losses.hinge_loss(P, target=np.ones_like(P))).shape == (3, 4)


BAD = [
    lambda: slim.losses.mean_squared_error(P, None),
    lambda: slim.losses.mean_squared_error(P, L[:, :3]),
    lambda: slim.losses.mean_squared_error(P, L, weights=None),
    lambda: slim.losses.cosine_distance(P, L),
    lambda: slim.losses.cosine_distance(P, L, axis=1, dim=1),
    lambda: slim.losses.npairs_loss(np.zeros((3, 1), int), P, L),
    lambda: slim.losses.cluster_loss(np.zeros(3, int), P, 1.0, margin_type="purity"),
    lambda: tensorflow.mean_squared_error(None, P),
    lambda: tensorflow.mean_squared_error(L, P, weights=np.ones(4, np.float32)),
    lambda: tensorflow.mean_squared_error(L, P, reduction="mean"),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_calls_raise_value_errors(bad):
    with pytest.raises(ValueError, match=r"expected|got"):
        bad()


# ---- clustering

A, B = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 0, 0, 2])


@pytest.mark.parametrize("score", clustering.SCORES.values())
def test_a_clustering_agrees_with_itself_under_other_names(score):
    assert score(A, (A + 1) % 3 + 5) == pytest.approx(1.0)


def test_scores_of_known_clusterings():
    # shares of A: three times 1/3; of B: 1/2, 1/3, 1/6; of both: 1/3, 1/3, 1/6, 1/6
    shares = [1 / 3] * 3, [1 / 2, 1 / 3, 1 / 6], [1 / 3, 1 / 3, 1 / 6, 1 / 6]
    of_a, of_b, of_both = (-sum(p * np.log(p) for p in row) for row in shares)
    assert clustering.normalized_mutual_information(A, B) == pytest.approx(2 * (of_a + of_b - of_both) / (of_a + of_b))
    # of 15 pairs A joins 3, B joins 4, both join 2; chance would join 3 * 4 / 15
    assert clustering.adjusted_rand_index(A, B) == pytest.approx((2 - 0.8) / (3.5 - 0.8))


def test_adjusted_information_is_zero_for_chance():
    rng = np.random.default_rng(0)
    mean = np.mean([clustering.adjusted_mutual_information(A, rng.permutation(A)) for _ in range(4000)])
    assert abs(mean) < 0.02


def test_cluster_loss_asks_classes_to_be_clusters():
    rng = np.random.default_rng(1)
    centres = np.repeat(np.eye(3) * 10, 4, axis=0)
    labels = np.repeat([0, 1, 2], 4)
    good = centres + rng.normal(size=centres.shape) * 0.01
    assert run(slim.losses.cluster_loss(labels, good, 1.0)) == 0.0
    assert run(slim.losses.cluster_loss(rng.permutation(labels), good, 1.0)) > 10


def test_cluster_loss_is_the_worst_of_all_clusterings_where_they_can_be_counted():
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(6, 2)), np.array([0, 0, 0, 1, 1, 1])
    distances = np.linalg.norm(x[:, None] - x, axis=2)
    choices = [[i, j] for i in range(6) for j in range(i)]
    score = clustering.SCORES["nmi"]
    best = max(clustering._value(distances, labels, 2.0, score, chosen) for chosen in choices)
    own = -sum(min(distances[np.ix_(m, m)].sum(0)) for m in ([0, 1, 2], [3, 4, 5]))
    assert run(slim.losses.cluster_loss(labels, x, 2.0)) == pytest.approx(max(best - own, 0.0), rel=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: slim.losses.contrastive_loss(np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0]), x, x[::-1] * 0.7, margin=2.0),
        lambda x: slim.losses.triplet_semihard_loss(np.array([0, 0, 1, 1, 2, 2]), x),
        lambda x: slim.losses.npairs_loss(np.array([0, 0, 1, 1, 2, 2]), x, x * 0.5 + 1),
        lambda x: slim.losses.lifted_struct_loss(np.array([0, 0, 1, 1, 2, 2]), x),
        lambda x: slim.losses.cluster_loss(np.array([0, 1, 0, 1, 2, 2]), x, 1.0),
    ],
)
def test_gradients(loss):
    check_gradients(loss, [np.random.default_rng(4).normal(size=(6, 3))])
