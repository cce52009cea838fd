"""LeNet: variables, end points and parameters as TF-Slim's."""

import json

import golden_cases
import numpy as np

import npslim as slim
from npslim.nets import lenet

FACTS = json.loads((golden_cases.FOLDER / "lenet.json").read_text())


def test_facts():
    logits, end_points = lenet.lenet(slim.placeholder(slim.float32, FACTS["input_shape_used"]))
    variables = slim.get_model_variables()
    assert [[v.op.name, v.shape.as_list(), True] for v in variables] == FACTS["model_variables"]
    assert [[name, x.shape.as_list()] for name, x in end_points.items()] == FACTS["end_points"]
    assert [logits.op.name, logits.shape.as_list()] == FACTS["output"]
    count = sum(int(np.prod(v.shape.as_list())) for v in variables)
    assert count == FACTS["n_parameters_model_variables"]
    assert lenet.lenet.default_image_size == FACTS["default_image_size"]


def test_arg_scope_and_features():
    with slim.arg_scope(lenet.lenet_arg_scope(weight_decay=1e-3)):
        features, end_points = lenet.lenet(slim.placeholder(slim.float32, [None, 28, 28, 3]), num_classes=None)
    assert features.shape.as_list() == [None, 1024] and "Logits" not in end_points
    assert len(slim.losses.get_regularization_losses()) == 3
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    weights = session.run(slim.get_unique_variable("LeNet/fc3/weights"))
    assert abs(weights.std() - 0.1 * 0.8796) < 1e-3 and np.abs(weights).max() <= 0.2
