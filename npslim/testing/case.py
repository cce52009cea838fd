"""One golden case: facts and arrays, with a hash over both.

The arrays' keys are paths of two or three parts:

    inputs/x  cotangents/y              what the function is given, and what its outputs are weighted with
    outputs/y  gradients/x              what it must give; the gradients are of the sum of cotangents * outputs
    terms/outputs/y  terms/gradients/x  for each of their elements the sum of |terms| it was added up from
"""

import hashlib
import json
import re
from dataclasses import dataclass

import numpy as np

from npslim.errors import DataLossError, InvalidArgumentError, UnimplementedError

FORMAT, VERSION = "npslim-golden", 1
ASKED, ANSWERED = ("inputs", "cotangents"), ("outputs", "gradients")


@dataclass(eq=False)
class GoldenCase:
    """A case. `facts`: id, kind ("op", "layer", "loss", "optimizer"), name, type, attrs, dtype, seed, made_with."""

    facts: dict
    arrays: dict

    @property
    def id(self):
        """Its name in the catalogue: `conv2d-3`."""
        return self.facts["id"]

    @property
    def kind(self):
        """op, layer, loss or optimizer."""
        return self.facts["kind"]

    @property
    def name(self):
        """npslim's name of the op, layer, loss or optimizer."""
        return self.facts["name"]

    @property
    def dtype(self):
        """The floating dtype of the case, by name."""
        return self.facts["dtype"]

    @property
    def attrs(self):
        """What the function is given beside its inputs, as JSON has it: lists, numbers, names of dtypes."""
        return self.facts["attrs"]

    @property
    def inputs(self):
        """{name: array}, in order."""
        return self._part("inputs")

    @property
    def cotangents(self):
        """{name of an output: what it is weighted with before gradients are taken}."""
        return self._part("cotangents")

    @property
    def outputs(self):
        """{name: array} of the right answer, in order."""
        return self._part("outputs")

    @property
    def gradients(self):
        """{name of an input: array} of the right answer."""
        return self._part("gradients")

    @property
    def answers(self):
        """{"outputs/y": array, "gradients/x": array}: all that is compared."""
        return {key: array for key, array in self.arrays.items() if key.split("/")[0] in ANSWERED}

    def terms(self, key):
        """The sums of |terms| of the answer `key`, or None for what is exact: integers and booleans."""
        return self.arrays.get(f"terms/{key}")

    def _part(self, part):
        return {key[len(part) + 1 :]: array for key, array in self.arrays.items() if key.startswith(part + "/")}

    def question(self):
        """The case without the answers: what a program under test is given."""
        arrays = {key: array for key, array in self.arrays.items() if key.split("/")[0] in ASKED}
        return GoldenCase(self.facts, arrays)

    def __repr__(self):
        return f"<golden case {self.id}>"


def described(arrays):
    """[{key, file, dtype, shape}] in order: the part of a case's JSON that tells what arrays there are."""
    return [
        {"key": key, "file": file_of(key), "dtype": array.dtype.name, "shape": list(array.shape)}
        for key, array in arrays.items()
    ]


def file_of(key):
    """The name of the file that holds an array where each has one of its own."""
    return re.sub(r"[^A-Za-z0-9_-]", ".", key) + ".npy"


def digest(facts, arrays):
    """SHA-256, in hexadecimal, of the facts as JSON with sorted keys, and of each array: key, dtype, shape, bytes."""
    facts = {key: value for key, value in facts.items() if key != "sha256"}
    found = hashlib.sha256(as_json(facts).encode())
    for key in sorted(arrays):
        array = arrays[key]
        found.update(f"\n{key} {array.dtype.name} {list(array.shape)}\n".encode())
        found.update(little_endian(array).tobytes())
    return found.hexdigest()


def little_endian(array):
    """`array` in C order with little-endian numbers."""
    order = "<" if array.dtype.itemsize > 1 else "|"
    return np.require(array, array.dtype.newbyteorder(order), "C").reshape(array.shape)


def as_json(value, **layout):
    """`value` as JSON with sorted keys, nothing in it that is not JSON."""
    return json.dumps(value, sort_keys=True, allow_nan=False, **(layout or {"separators": (",", ":")}))


def plain(value):
    """An attribute as JSON has it. Raises UnimplementedError for what has no such form: functions, say."""
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UnimplementedError(f"An attribute is a {type(value).__name__}, which JSON has no form for.", got=repr(value))


def from_plain(value):
    """An attribute from its form in JSON; lists become tuples."""
    if isinstance(value, list):
        return tuple(from_plain(v) for v in value)
    if isinstance(value, dict):
        return float(value["float"]) if set(value) == {"float"} else {k: from_plain(v) for k, v in value.items()}
    return value


def checked(facts, arrays, where):
    """The case, if format, version, arrays and hash are right. Raises errors that name the case."""
    name = f"{where}: case {facts.get('id', '?')}" if isinstance(facts, dict) else where
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InvalidArgumentError(f"{name} is no golden case.", expected=f'"format": "{FORMAT}"', got=facts)
    if facts.get("version") != VERSION:
        raise UnimplementedError(
            f"{name} has a version that this npslim does not read.", expected=f"version {VERSION}",
            got=facts.get("version"), hint="a newer npslim may",
        )  # fmt: skip
    if described(arrays) != facts.get("arrays"):
        raise DataLossError(
            f"{name} is damaged: it does not have its arrays.", expected=facts.get("arrays"), got=described(arrays)
        )
    if digest(facts, arrays) != facts.get("sha256"):
        raise DataLossError(
            f"{name} is damaged: its hash is wrong.", expected=facts.get("sha256"), got=digest(facts, arrays)
        )
    return GoldenCase(facts, arrays)
