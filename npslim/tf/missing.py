"""What a name says that is not here: the nearest names, and why some are left out on purpose."""

import difflib

PAGE = "docs/from-tensorflow.md"

_NO_ESTIMATOR = "estimators are no part of TF-Slim; npslim.learning.train trains, npslim.evaluation evaluates"

# First parts of names that npslim does not have, and will not, with the reason.
LEFT_OUT = {
    "keras": "Keras objects are no part of TF-Slim; npslim.layers has the layers",
    **dict.fromkeys(["Estimator", "EstimatorSpec", "RunConfig", "TrainSpec", "EvalSpec"], _NO_ESTIMATOR),
    "train_and_evaluate": _NO_ESTIMATOR,
    "tpu": "there is no TPU",
    "quantize": "quantized graphs are not supported; nets run in float32",
    "distribute": "there is one process",
    "GradientTape": "graphs are defined first; npslim.gradients gives the gradients",
    "function": "TensorFlow 2's idiom: graphs are defined by calling ops, and run by a Session",
    "enable_eager_execution": "there is no eager mode: graphs are defined first, and run by a Session",
    "enable_v2_behavior": "there is no TensorFlow 2 mode: graphs are defined first, and run by a Session",
    "Module": "TensorFlow 2's idiom; variable_scope and get_variable make variables",
    "SyncReplicasOptimizer": "there is one process",
    "Server": "there is one process",
    "lite": "there is no TensorFlow Lite",
    "xla": "there is no XLA",
    "bfloat16": "NumPy has no bfloat16; checkpoints and graphs of it are read as float32",
    "distributions": "there are no distributions; random_normal and its kin draw numbers",
    "seq2seq": "there are no decoders; while_loop and TensorArray make one",
    "legacy_seq2seq": "there are no decoders; a Python loop over a cell makes one",
    "cudnn_rnn": "there is no cuDNN; rnn_cell.LSTMCell and GRUCell have the same values with other variables",
    "gan": "tf.contrib.gan is no part of TF-Slim; its losses are a few lines of reduce_mean",
    "learn": "tf.contrib.learn is no part of TF-Slim; npslim.learning.train trains",
    "v2": "there is no TensorFlow 2 mode; tf.compat.v1 is npslim.tf",
}


def reporter(module, names):
    """A module's `__getattr__`: raises AttributeError with the nearest of `names()`, or with the reason."""
    shown = module.replace("npslim.tf", "tf", 1)

    def __getattr__(name):  # noqa: N807 - Python's name
        if name.startswith("__"):
            raise AttributeError(name)
        if name in LEFT_OUT:
            raise AttributeError(f"npslim has no {shown}.{name}: {LEFT_OUT[name]}. See {PAGE}.")
        near = difflib.get_close_matches(name, [n for n in names() if not n.startswith("_")], 3)
        hint = f" Did you mean {' or '.join(f'{shown}.{n}' for n in near)}?" if near else ""
        raise AttributeError(f"npslim has no {shown}.{name}.{hint} See {PAGE} for the names it has.")

    return __getattr__
