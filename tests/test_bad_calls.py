"""Hundreds of wrong calls: TensorFlow's error class, said in one layout, before anything has been computed.

What TensorFlow and TF-Slim do is recorded in golden/bad_calls.json by the script beside it.
"""

import builtins
import json
from pathlib import Path

import bad_calls
import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf

RECORDED = json.loads((Path(__file__).parent / "golden/bad_calls.json").read_text())

# TensorFlow stumbles over these somewhere inside, with an error that says nothing of the argument.
ACCIDENTS = {"AttributeError", "AssertionError", "IndexError"}

# Where npslim differs on purpose, since TensorFlow takes the call or fails by accident: the class of the error and why.
ON_PURPOSE = {
    "slim.conv2d(any, 4, [3, 3])": (ValueError, "TensorFlow fails while it formats its message"),
    "slim.conv2d(image, 4, [3, 3], data_format='NCDHW')": (ValueError, "it takes the format for NCHW"),
    "slim.conv2d(image, 4, [3, 3], biases_initializer='zeros')": (TypeError, "it looks the name up among Keras's"),
    "slim.separable_conv2d(image, 4, [3, 3], 1, stride=[1, 2], rate=2)": (ValueError, "it ignores the stride"),
    "slim.flatten(any)": (ValueError, "the rank stays unknown, and the next layer fails"),
    "slim.metrics.streaming_auc(matrix, matrix > 0., num_thresholds=1)": (ValueError, "the area is NaN"),
    "run_updates(slim.metrics.streaming_auc(matrix * 5. + 2., matrix > 0.))": (ValueError, "the area is wrong"),
    "slim.metrics.streaming_specificity_at_sensitivity(matrix, matrix > 0., 0.5, num_thresholds=1)":
        (ValueError, "the result is wrong"),
    "slim.metrics.streaming_recall_at_k(matrix, labels, 0)": (ValueError, "the recall is always 0"),
    "slim.metrics.streaming_sparse_recall_at_k(matrix, tf.ones([4, 1], tf.int64), 0)":
        (ValueError, "the recall is always 0"),
    "slim.metrics.streaming_sparse_precision_at_k(matrix, tf.ones([4, 1], tf.int64), 0)":
        (ValueError, "the precision is NaN"),
    "slim.get_model_variables(3)": (TypeError, "an empty collection hides the mistake"),
    "enter(slim.arg_scope([slim.conv2d], colour='red'))": (ValueError, "it is noticed when conv2d is called, far away"),
    "slim.evaluation.evaluate_once('', '/nowhere/model.ckpt', '/tmp/nowhere')": (ValueError, "it waits for a session"),
    "tf.reshape(matrix, [-1, -1])": (ValueError, "the run fails"),
    "tf.transpose(matrix, [0, 0])": (ValueError, "the run fails"),
    "tf.slice(matrix, [0, 0], [9, 9])": (ValueError, "the run fails"),
    "tf.gradients(matrix, 'x')": (TypeError, "it gives [None] for any text"),
    "tf.FIFOQueue(3, [tf.float32, tf.int32]).enqueue([matrix])": (ValueError, "the run fails"),
}  # fmt: skip


def expected_class(expression):
    if expression in ON_PURPOSE:
        return ON_PURPOSE[expression][0]
    name = RECORDED[expression]
    if name in ACCIDENTS:
        return (ValueError, TypeError)
    return getattr(builtins, name, None) or getattr(tf.errors, name)


def test_every_call_is_recorded():
    expressions = [expression for _, expression in bad_calls.calls()]
    assert len(expressions) == len(set(expressions)) >= 340
    assert set(RECORDED) == set(expressions)
    assert {e for e, name in RECORDED.items() if name is None} <= set(ON_PURPOSE)


@pytest.mark.parametrize(("family", "expression"), bad_calls.calls(), ids=lambda text: text)
def test_bad_call(family, expression):
    names = bad_calls.names(slim, slim.layers, tf, np)
    with pytest.raises(expected_class(expression)) as caught:
        eval(expression, names)
    error = caught.value
    assert isinstance(error, slim.errors.OpError), f"a bare {type(error).__name__}: {error}"
    sentence, *parts = str(error).splitlines()
    assert len(sentence.split()) >= 2
    assert any(part.lstrip().startswith(("expected", "got", "hint")) for part in parts), error
    for part in parts:
        assert part.startswith("  "), error
