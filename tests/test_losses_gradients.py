"""The gradient of every loss in float64, by predictions and by weights, against the loss itself along a direction."""

import inspect

import numpy as np
import pytest

import npslim as slim
from npslim import losses
from npslim.autograd import check_gradients
from npslim.losses import tensorflow
from npslim.ops.sparse import SparseTensor

CLASSES = np.array([0, 0, 1, 1, 2, 2])
SETS = [[0, 2], [2], [1, 3], [1], [0], [3]]


def signs(rng):
    return rng.integers(0, 2, (6, 4)).astype(np.float64)


def shares(rng):
    x = rng.uniform(0.1, 1.0, (6, 4))
    return x / x.sum(1, keepdims=True)


def uniform(rng):
    return rng.uniform(0.1, 0.9, (6, 4))


def normal(rng):
    return rng.normal(size=(6, 4))


def pictures(rng):
    return CLASSES % 4


# {name: (how to draw predictions, how to draw labels, further arguments)}: of slim.losses and of tf.losses
LOSSES = {
    "absolute_difference": (uniform, signs, {}),
    "cosine_distance": (normal, normal, {"axis": 1}),
    "hinge_loss": (normal, signs, {}),
    "huber_loss": (normal, normal, {"delta": 0.7}),
    "log_loss": (uniform, signs, {}),
    "mean_pairwise_squared_error": (normal, normal, {}),
    "mean_squared_error": (normal, normal, {}),
    "sigmoid_cross_entropy": (normal, signs, {"label_smoothing": 0.1}),
    "softmax_cross_entropy": (normal, shares, {"label_smoothing": 0.1}),
    "sparse_softmax_cross_entropy": (normal, pictures, {}),
}
SLIM = [(getattr(slim.losses, name), *LOSSES[name]) for name in LOSSES if name != "huber_loss"]
TENSORFLOW = [(getattr(tensorflow, name), *row) for name, row in LOSSES.items()]
NOT_WEIGHTED = {slim.losses.hinge_loss}  # TF-Slim's takes no weights


def call(function, predictions, labels, **kwargs):
    return function(labels, predictions, **kwargs) if function.__module__ == tensorflow.__name__ else function(
        predictions, labels, **kwargs
    )  # fmt: skip


@pytest.mark.parametrize(
    "function, predictions, labels, kwargs", SLIM + TENSORFLOW, ids=lambda x: getattr(x, "__name__", "")
)
def test_gradients_by_predictions_and_weights(function, predictions, labels, kwargs):
    rng = np.random.default_rng(3)
    p, y = predictions(rng), labels(rng)
    results = check_gradients(lambda p: call(function, p, y, **kwargs), [p])
    if function not in NOT_WEIGHTED:
        w = rng.uniform(0.5, 2.0, (6, 1) if np.ndim(y) == 2 and "softmax" not in function.__name__ else 6)
        fixed = {"axis": 1} if "axis" in kwargs else {}
        results += check_gradients(lambda p: call(function, p, y, weights=w, **{**kwargs, **fixed}), [p])
        if function.__module__ == tensorflow.__name__:
            results += check_gradients(lambda p, w: call(function, p, y, weights=w, **kwargs), [p, w])
    assert max(r.error for r in results) <= 1e-8 and len(results) >= 1


METRIC_LEARNING = {
    "contrastive_loss": lambda x: losses.contrastive_loss(CLASSES % 2 + 0.0, x, x[::-1] * 0.7, margin=2.0),
    "triplet_semihard_loss": lambda x: losses.triplet_semihard_loss(CLASSES, x),
    "npairs_loss": lambda x: losses.npairs_loss(CLASSES, x, x * 0.5 + 1),
    "npairs_loss_multilabel": lambda x: losses.npairs_loss_multilabel(
        [SparseTensor([[i] for i in row], [1] * len(row), [4]) for row in SETS], x, x * 0.5 + 1
    ),
    "lifted_struct_loss": lambda x: losses.lifted_struct_loss(CLASSES, x),
    "cluster_loss": lambda x: losses.cluster_loss(np.array([0, 1, 0, 1, 2, 2]), x, 1.0),
    "compute_weighted_loss": lambda x: losses.compute_weighted_loss(x * x, weights=np.arange(6.0)[:, None]),
}


@pytest.mark.parametrize("name", METRIC_LEARNING)
def test_gradients_by_embeddings(name):
    results = check_gradients(METRIC_LEARNING[name], [np.random.default_rng(4).normal(size=(6, 3))])
    assert max(r.error for r in results) <= 1e-8 and len(results) == 1


@pytest.mark.parametrize(
    "penalty",
    [slim.l1_regularizer(0.3), slim.l2_regularizer(0.3), slim.l1_l2_regularizer(0.2, 0.1),
     slim.sum_regularizer([slim.l1_regularizer(0.3), slim.l2_regularizer(0.1)])],
)  # fmt: skip
def test_gradients_of_penalties(penalty):
    check_gradients(penalty, [np.random.default_rng(5).normal(size=(3, 4))])


def test_every_loss_is_here():
    tested = {*LOSSES, *METRIC_LEARNING}
    others = {"add_loss", "get_losses", "get_regularization_losses", "get_regularization_loss", "get_total_loss"}
    for module in (slim.losses, tensorflow):
        there = {
            name for name, value in vars(module).items()
            if inspect.isfunction(value) and not name.startswith("_") and value.__module__.startswith("npslim.losses")
        }  # fmt: skip
        helpers = {"nonzero", "check_broadcastable", "compute_weighted_loss"}
        assert there - tested - others - helpers <= {"sum_of_squares", "sum_of_pairwise_squares"}, (
            there - tested - others
        )
