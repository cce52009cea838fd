"""Records rnn.json and rnn.npz: what TensorFlow gives for the programs of ../rnn_programs.py.

Values, gradients of a weighted sum of the outputs by inputs and variables, the variables' names, shapes, order and
constant initial values, and the static shapes of the outputs.
"""

import json
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from rnn_programs import PROGRAMS, numbers  # noqa: E402 - found beside this folder

tf.disable_v2_behavior()


def record(name, arrays):
    """The facts of one program; its arrays go into `arrays`."""
    function, inputs = PROGRAMS[name]
    facts = {"outputs": [], "gradients": {}}
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = {key: tf.placeholder(x.dtype, shape, key) for key, (shape, x) in inputs.items()}
        outputs = [tf.convert_to_tensor(y) for y in tf.nest.flatten(function(tf, **placeholders))]
        feeds = {placeholders[key]: x for key, (_, x) in inputs.items()}
        variables = tf.global_variables()
        session.run(tf.global_variables_initializer())
        facts["variables"] = []
        for i, v in enumerate(variables):
            first = session.run(v)
            constant = float(first.flat[0]) if first.size > 1 and np.ptp(first) == 0 else None
            trainable = v in tf.trainable_variables()
            facts["variables"].append([v.op.name, v.shape.as_list(), trainable, constant])
            v.load(numbers(first.shape, first.dtype, i), session)
        values = session.run(outputs, feeds)
        weights = [numbers(y.shape, y.dtype, i) for i, y in enumerate(values)]
        sources = {key: p for key, p in placeholders.items() if p.dtype.is_floating}
        sources.update((v.op.name, v) for v in variables)
        gradients = dict(zip(sources, tf.gradients(outputs, list(sources.values()), weights), strict=True))
        for i, (y, value) in enumerate(zip(outputs, values, strict=True)):
            facts["outputs"].append(y.shape.as_list())
            arrays[f"{name}:output {i}"] = value
        for key, g in gradients.items():
            facts["gradients"][key] = g is not None
            if g is not None:
                arrays[f"{name}:by {key}"] = session.run(tf.convert_to_tensor(g), feeds)
    return facts


def main():
    """Write both files."""
    arrays = {}
    facts = {name: record(name, arrays) for name in PROGRAMS}
    np.savez_compressed(os.path.join(HERE, "rnn.npz"), **arrays)
    with open(os.path.join(HERE, "rnn.json"), "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items()) + "\n}\n")


if __name__ == "__main__":
    main()
