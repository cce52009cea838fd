"""Write bad_calls.json beside this file: {expression: the class of the error that TensorFlow gives}.

    python tests/golden/make_bad_calls.py

Needs TensorFlow 2 and tf_slim, and of this project only tests/bad_calls.py. null: TensorFlow accepts the call.
"""

import builtins
import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf
import tf_slim as slim

sys.path.insert(0, str(Path(__file__).parents[1]))
import bad_calls

tf.disable_v2_behavior()
LAYERS = types.SimpleNamespace(**{
    name: value
    for module in ("layers", "layers.encoders", "layers.embedding_ops", "ops.embedding_ops")
    if importlib.util.find_spec(f"tf_slim.{module}")
    for name, value in vars(importlib.import_module(f"tf_slim.{module}")).items()
})  # fmt: skip


def error_of(expression):
    with tf.Graph().as_default():
        names = bad_calls.names(slim, LAYERS, tf, np)
        try:
            eval(expression, names)
        except Exception as error:
            for kind in type(error).__mro__:
                if kind is not Exception and (
                    getattr(builtins, kind.__name__, None) is kind or "errors" in kind.__module__
                ):
                    return kind.__name__
            return type(error).__name__
    return None


def main():
    found = {expression: error_of(expression) for _, expression in bad_calls.calls()}
    Path(__file__).with_name("bad_calls.json").write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main()
