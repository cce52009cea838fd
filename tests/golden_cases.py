"""Reads the golden cases: values that TensorFlow 2.15.1 with tf_slim 1.1.0 computed from stored inputs.

Each `golden/NAME.json` lists cases over the arrays of `golden/NAME.npz`: `op`, `args`, `inputs`, `outputs`, `grads`.
"""

import functools
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "golden"


MEASURED = {}  # {family: [arrays compared, worst difference, the case it was in]}; see conftest.py


def note(family, case, actual, expected):
    """Remember how far `actual` is from TensorFlow's `expected`, in units of eps times the greatest number in it.

    A sum's rounding is bounded by eps times the sum of its |terms|, which is at least the greatest result: measured in
    units of that sum the differences are smaller still.
    """
    if expected.dtype.kind not in "fc" or not expected.size:
        return
    eps = np.finfo(expected.dtype).eps
    both = np.isfinite(expected) & np.isfinite(actual)
    size = np.abs(expected[both]).max(initial=0)
    far = np.abs(actual - expected, where=both, out=np.zeros(expected.shape, expected.dtype)).max(initial=0)
    units = float(far / (eps * size)) if size else 0.0
    row = MEASURED.setdefault(family, [0, 0.0, ""])
    row[0] += 1
    if units > row[1]:
        row[1:] = units, str(case)


@functools.cache
def _arrays(name):
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


class Case:
    """One golden case: facts as attributes of the JSON, arrays by `inputs`, `outputs` and `grads`."""

    def __init__(self, name, facts):
        self.facts = facts
        self.id, self.op, self.args = facts["id"], facts["op"], facts.get("args", {})
        self._name = name

    def arrays(self, kind):
        """{short name: array} of "inputs", "outputs" or "grads"."""
        return {key: _arrays(self._name)[entry["key"]] for key, entry in self.facts.get(kind, {}).items()}

    @property
    def variables(self):
        """{name: array} of the values that variables are set to."""
        return {k.removeprefix("var:"): v for k, v in self.arrays("inputs").items() if k.startswith("var:")}

    def __repr__(self):
        return self.id


def load(name):
    """The cases of a family, as a list."""
    return [Case(name, facts) for facts in json.loads((FOLDER / f"{name}.json").read_text())["cases"]]


def resolve(path, slim):
    """The function that 'slim.conv2d' or 'tf.nn.relu' means in npslim; '...(0.05)' is called with the number."""
    if path.endswith(")"):
        function, _, number = path.partition("(")
        return resolve(function, slim)(float(number.rstrip(")")))
    found = slim
    for part in path.removeprefix("slim.").removeprefix("tf.nn.").removeprefix("tf.").split("."):
        found = getattr(found, part)
    return found


def is_here(case, slim):
    """True if npslim has every function that the case names; a later release picks up the others."""
    try:
        resolve(case.op, slim)
        resolved(case.args, slim)
    except AttributeError:
        return False
    return True


def resolved(value, slim):
    """`value` with the names of functions in it replaced by the functions."""
    if isinstance(value, dict):
        return {key: resolved(v, slim) for key, v in value.items()}
    if isinstance(value, str) and value.startswith("l2("):
        return slim.l2_regularizer(float(value[3:-1]))
    if isinstance(value, str) and value.startswith(("slim.", "tf.")):
        return resolve(value, slim)
    return value
