"""`tf.contrib`: what TensorFlow 1's library of contributions had of slim and its neighbours."""

import importlib

import npslim as slim
from npslim import losses, metrics
from npslim.tf.missing import reporter

_MODULES = ("data", "framework", "image", "layers", "lookup", "opt", "rnn", "tfprof", "training", "util")
_report = reporter(__name__, lambda: [*_MODULES, "slim", "losses", "metrics"])


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    return _report(name)
