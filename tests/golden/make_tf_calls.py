"""Write tf_calls.json beside this file: {expression: value}, as TensorFlow computes the calls of tests/tf_calls.py.

    python tests/golden/make_tf_calls.py

Needs TensorFlow 2, and of this project only tests/tf_calls.py. An array is {"dtype", "shape", "values"}.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

sys.path.insert(0, str(Path(__file__).parents[1]))
import tf_calls

tf.disable_v2_behavior()


def project(images, tf, transform, interpolation):
    return tf.raw_ops.ImageProjectiveTransformV2(
        images=images, transforms=[transform], output_shape=images.shape.as_list()[1:3], interpolation=interpolation
    )


def as_json(value):
    if isinstance(value, str | int | float) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [as_json(v) for v in value]
    array = np.asarray(value)
    if array.dtype.kind in "OS":
        kind, values = "string", [v.decode("latin-1") for v in array.ravel().tolist()]
    elif array.dtype.kind == "c":
        kind, values = array.dtype.name, array.ravel().view(array.real.dtype).tolist()
    else:
        kind, values = array.dtype.name, array.ravel().tolist()
    return {"dtype": kind, "shape": list(array.shape), "values": values}


def value_of(expression):
    with tf.Graph().as_default():
        found = eval(expression, tf_calls.names(tf, np, project))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            try:
                return as_json(session.run(found))
            except (TypeError, ValueError):
                return as_json(found.decode() if isinstance(found, bytes) else found)


def main():
    found = {expression: value_of(expression) for expression in tf_calls.calls()}
    Path(__file__).with_name("tf_calls.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
