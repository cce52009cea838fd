"""Calls of TensorFlow's names against the values that TensorFlow gave."""

import json

import golden_cases
import numpy as np
import pytest
import tf_calls

import npslim.tf as tf

RECORDED = json.loads((golden_cases.FOLDER / "tf_calls.json").read_text())


def project(images, tf, transform, interpolation):
    return tf.contrib.image.transform(images, transform, interpolation)


def array_of(recorded):
    kind, values = recorded["dtype"], recorded["values"]
    if kind == "string":
        values = np.array([v.encode("latin-1") for v in values] + [None], object)[:-1]
    elif kind.startswith("complex"):
        values = np.array(values, np.float64).view(np.complex128).astype(kind)
    return np.array(values, object if kind == "string" else kind).reshape(recorded["shape"])


def compare(found, recorded):
    if isinstance(recorded, list):
        assert len(found) == len(recorded)
        for one, other in zip(found, recorded, strict=True):
            compare(one, other)
    elif isinstance(recorded, dict):
        right = array_of(recorded)
        found = np.array(found, object) if isinstance(found, bytes) else np.asarray(found)
        assert found.dtype == right.dtype and found.shape == right.shape
        if right.dtype.kind in "fc":
            np.testing.assert_allclose(found, right, rtol=2e-5, atol=2e-6)
        else:
            np.testing.assert_array_equal(found, right)
    else:
        assert (found.decode() if isinstance(found, bytes) else found) == recorded


@pytest.mark.parametrize("expression", tf_calls.calls())
def test_call(expression):
    found = eval(expression, tf_calls.names(tf, np, project))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        try:
            found = session.run(found)
        except (TypeError, ValueError):  # no tensor: a text or a number
            assert isinstance(found, str | bytes | int | tuple)
        compare(found, RECORDED[expression])


def test_every_call_is_recorded():
    assert set(RECORDED) == set(tf_calls.calls()) and len(RECORDED) >= 130
