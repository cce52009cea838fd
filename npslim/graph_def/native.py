"""Nodes that npslim wrote itself: the attribute `_npslim` says its op and the attributes of that.

Only ops are read that change nothing but variables: a file cannot make a graph that calls or writes anything.

before: branches.py   next: arrays.py
"""

import json

import numpy as np

from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DataLossError, OpError
from npslim.graph_def.branches import GRAPHS, HOLDERS, described, made, put_graphs
from npslim.ops.lookup import Pairs
from npslim.ops.shape import identity
from npslim.registry import REGISTRY
from npslim.spec import Spec, as_shape

NATIVE = "_npslim"
_OF_STATE = {"read", "assign", "assign_add", "assign_sub", "placeholder_with_default", "no_op", "assert_with", "given"}
_PLAIN = {"constant", "placeholder"}  # ops whose nodes have TensorFlow's own attributes
_OF_FILES = {"read_file", "write_file", "matching_files", "call_python"}


def imports_again(op):
    """Whether a node of the op can be read from a GraphDef."""
    known = op.name in _OF_STATE or op.name in HOLDERS or op.name.startswith("apply_")
    return op.name not in _OF_FILES and (not op.stateful or known)


def put_own(node_def, node, graph_def_of):
    """Put into `node_def` what npslim needs to make `node` again; nothing if it cannot be read again."""
    graphs = []
    if not imports_again(node.op):
        return
    try:
        attrs = {key: _as_json(value, graphs) for key, value in node.attrs.items()}
    except TypeError:
        return
    inner = [graph_def_of(graph) for graph in graphs]
    if all(
        NATIVE in made.attr or node.op.name in _PLAIN
        for graph, graph_def in zip(graphs, inner, strict=True)
        for node, made in zip(graph.nodes, graph_def.node, strict=True)
    ):
        if inner:
            node_def.attr[GRAPHS].list.s.extend([graph_def.SerializeToString() for graph_def in inner])
        own = {"op": node.op.name, "attrs": attrs}
        node_def.attr[NATIVE].s = json.dumps(own, separators=(",", ":")).encode()


def _as_json(value, graphs):
    """A value as JSON; what JSON has no form for as {kind: content}. Raises TypeError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, np.dtype):
        return {"dtype": as_dtype(value).name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_as_json(v, graphs) for v in value]
    if isinstance(value, Spec):
        return {"spec": [value.shape and list(value.shape), as_dtype(value.dtype).name]}
    if isinstance(value, Pairs):
        parts = value.key_dtype, value.dtype, list(value.values), list(value.values.values())
        return {"pairs": [_as_json(part, graphs) for part in parts]}
    found = described(value, graphs)
    if found is None:
        raise TypeError(type(value).__name__)
    return {found[0]: _as_json(found[1], graphs)}


def _value(value):
    if isinstance(value, list):
        return tuple(_value(v) for v in value)
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "dtype":
        return numpy_dtype(content)
    if kind == "spec":
        return Spec(as_shape(content[0]), numpy_dtype(content[1]))
    if kind == "pairs":
        key_dtype, dtype, keys, values = _value(content)
        return Pairs(_array(keys, key_dtype), _array(values, dtype))
    return made(kind, _value(content))


def _array(values, dtype):
    found = np.empty(len(values), dtype)
    found[:] = values
    return found


def convert(n):
    """The outputs of a node that npslim wrote. Raises DataLossError for attributes that make no sense."""
    try:
        found = json.loads(n.node_def.attr[NATIVE].s)
        op, attrs = REGISTRY[found["op"]], {key: _value(value) for key, value in found["attrs"].items()}
        if op.name in HOLDERS:
            put_graphs(n, op.name, attrs)
    except OpError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, IndexError) as error:
        raise DataLossError(
            "The node's own attributes make no sense.", got=f"{type(error).__name__}: {error}"
        ) from None
    if not imports_again(op):
        raise DataLossError(
            "A graph that is read cannot hold such a node.", expected="an op without effects", got=op.name
        )
    if op.name in HOLDERS:
        return op(*(n.given(i) for i in range(len(n))), name=n.name, **attrs)
    if op.name == "read" and not n.is_ref(0):
        return identity(n.input(0), name=n.name)  # of a variable that is a constant now
    inputs = [n.ref(i) if op.parameter(i) in op.refs else n.input(i) for i in range(len(n))]
    return op(*inputs, name=n.name, **attrs)
