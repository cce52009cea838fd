"""Nodes that npslim wrote itself: the attribute `_npslim` says its op and the attributes of that.

Only ops are read that change nothing but variables: a file cannot make a graph that calls or writes anything.
"""

import json

import numpy as np

from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DataLossError
from npslim.registry import REGISTRY

NATIVE = "_npslim"
_OF_STATE = {"read", "assign", "assign_add", "assign_sub", "placeholder_with_default", "no_op", "assert_with"}
_OF_FILES = {"read_file", "write_file", "matching_files", "call_python"}


def imports_again(op):
    """Whether a node of the op can be read from a GraphDef."""
    return op.name not in _OF_FILES and (not op.stateful or op.name in _OF_STATE or op.name.startswith("apply_"))


def encoded(node):
    """The attribute's bytes for a node, or None if it cannot be read again."""
    if not imports_again(node.op):
        return None
    try:
        attrs = {key: _as_json(value) for key, value in node.attrs.items()}
    except TypeError:
        return None
    return json.dumps({"op": node.op.name, "attrs": attrs}, separators=(",", ":")).encode()


def _as_json(value):
    """A value as JSON; what JSON has no form for as {kind: text}. Raises TypeError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, np.dtype):
        return {"dtype": as_dtype(value).name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_as_json(v) for v in value]
    raise TypeError(type(value).__name__)


def _value(value):
    if isinstance(value, list):
        return tuple(_value(v) for v in value)
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return bytes.fromhex(text) if kind == "bytes" else numpy_dtype(text)
    return value


def convert(n):
    """The outputs of a node that npslim wrote. Raises DataLossError for an attribute that makes no sense."""
    try:
        found = json.loads(n.node_def.attr[NATIVE].s)
        op, attrs = REGISTRY[found["op"]], {key: _value(value) for key, value in found["attrs"].items()}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataLossError(
            "The node's own attributes make no sense.", got=f"{type(error).__name__}: {error}"
        ) from None
    if not imports_again(op):
        raise DataLossError(
            "A graph that is read cannot hold such a node.", expected="an op without effects", got=op.name
        )
    inputs = [n.ref(i) if op.parameter(i) in op.refs else n.input(i) for i in range(len(n))]
    return op(*inputs, name=n.name, **attrs)
