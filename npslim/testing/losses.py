"""The losses of the catalogue: TF-Slim's, and under `tf.` TensorFlow's."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim import losses
from npslim.losses import tensorflow

PREFIX = "losses"


@dataclass
class Row:
    """A loss, called with the inputs that `inputs(rng)` draws, by name, and `attrs`."""

    name: str
    inputs: Any
    attrs: dict = field(default_factory=dict)
    gradients: bool = True

    @property
    def function(self):
        """npslim's function."""
        if self.name.startswith("tf."):
            return getattr(tensorflow, self.name[3:])
        return getattr(losses, self.name)

    def arguments(self):
        """The names of its arguments."""
        return set(inspect.signature(self.function).parameters) | set(self.attrs)

    def draw(self, rng):
        """{name: array} of its inputs."""
        return self.inputs(rng)

    def build(self, tensors, attrs, rng):
        """({name: output}, no further inputs), in the default graph."""
        return {"y": self.function(**tensors, **attrs)}, {}


def _pair(prediction="predictions", label="labels", shape=(4, 3), weights=None):
    """Normal numbers for both."""

    def draw(rng):
        found = {prediction: rng.normal(size=shape), label: rng.normal(size=shape)}
        return found if weights is None else {**found, "weights": np.asarray(weights, np.float64)}

    return draw


def _binary(prediction, label, chances=False):
    """Labels 0 or 1, and logits or chances."""

    def draw(rng):
        x = rng.uniform(0.1, 0.9, (4, 3)) if chances else 2 * rng.normal(size=(4, 3))
        return {prediction: x, label: rng.integers(0, 2, (4, 3)).astype(np.float64)}

    return draw


def _one_hot(label="onehot_labels"):
    return lambda rng: {"logits": 2 * rng.normal(size=(4, 3)), label: np.eye(3)[rng.integers(0, 3, 4)]}


def _classes(rng):
    return {"logits": 2 * rng.normal(size=(4, 3)), "labels": rng.integers(0, 3, 4)}


def _embeddings(rng):
    return {"labels": np.array([0, 1, 0, 2, 1, 0]), "embeddings": rng.normal(size=(6, 3))}


def _pairs_of_embeddings(rng):
    anchors, positives = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    return {"embeddings_anchor": anchors, "embeddings_positive": positives, "labels": rng.integers(0, 2, 5)}


_SOME = [1.0, 0.0, 2.0, 0.5]
_COLUMN = np.reshape(_SOME, (4, 1))
TABLE = [
    Row("absolute_difference", _pair()),
    Row("mean_squared_error", _pair()),
    Row("mean_squared_error", _pair(weights=_SOME)),
    Row("log_loss", _binary("predictions", "labels", chances=True)),
    Row("hinge_loss", _binary("logits", "labels")),
    Row("cosine_distance", _pair(), {"axis": 1}),
    Row("mean_pairwise_squared_error", _pair()),
    Row("softmax_cross_entropy", _one_hot()),
    Row("softmax_cross_entropy", _one_hot(), {"label_smoothing": 0.25}),
    Row("sparse_softmax_cross_entropy", _classes),
    Row("sigmoid_cross_entropy", _binary("logits", "multi_class_labels")),
    Row("sigmoid_cross_entropy", _binary("logits", "multi_class_labels"), {"label_smoothing": 0.25}),
    Row("compute_weighted_loss", lambda rng: {"losses": rng.normal(size=(4, 3)), "weights": np.array(_SOME)}),
    Row("contrastive_loss", _pairs_of_embeddings),
    Row("triplet_semihard_loss", _embeddings),
    Row("lifted_struct_loss", _embeddings),
    Row("npairs_loss", lambda rng: {**_pairs_of_embeddings(rng), "labels": np.array([0, 1, 2, 0, 1])}),
    Row("tf.absolute_difference", _pair()),
    Row("tf.mean_squared_error", _pair()),
    Row("tf.mean_squared_error", _pair(weights=_COLUMN)),
    Row("tf.mean_squared_error", _pair(), {"reduction": "weighted_sum"}),
    Row("tf.mean_squared_error", _pair(), {"reduction": "none"}),
    Row("tf.log_loss", _binary("predictions", "labels", chances=True)),
    Row("tf.huber_loss", _pair()),
    Row("tf.hinge_loss", _binary("logits", "labels")),
    Row("tf.cosine_distance", _pair(), {"axis": 1}),
    Row("tf.mean_pairwise_squared_error", _pair()),
    Row("tf.softmax_cross_entropy", _one_hot()),
    Row("tf.sparse_softmax_cross_entropy", _classes),
    Row("tf.sigmoid_cross_entropy", _binary("logits", "multi_class_labels")),
    Row("tf.compute_weighted_loss", lambda rng: {"losses": rng.normal(size=(4, 3)), "weights": _COLUMN}),
]
