"""From an npslim graph to a GraphDef: to be looked at by other programs, frozen, and read again by npslim.

Each node has TensorFlow's name and type, and the attributes that say its dtype and shapes. What npslim needs to define
it again stands in the attribute `_npslim`, which other programs pass over. A node that holds a function of Python's has
none, and cannot be read again.

before: importer.py   next: meta.py
"""

import os

from npslim.dtypes import as_dtype
from npslim.errors import ArgumentTypeError, InvalidArgumentError, NotFoundError
from npslim.graph import Graph, get_default_graph
from npslim.graph_def.importer import parsed
from npslim.graph_def.messages import GraphDef, NodeDef
from npslim.graph_def.native import NATIVE, put_own
from npslim.graph_def.tensors import NUMBERS, make_tensor_proto, shape_proto
from npslim.tensor import Tensor

_READ = {"VariableV2", "Variable", "VarHandleOp"}


def graph_def_of(graph, add_shapes=False):
    """The GraphDef of a graph. add_shapes: with each output's shape in `_output_shapes`."""
    made = GraphDef()
    made.versions.producer = 1
    for node in graph.nodes:
        made.node.append(_node_def(node, add_shapes))
    return made


def _node_def(node, add_shapes):
    made = NodeDef(name=node.name, op=node.type, device=str(node.device or ""))
    made.input.extend([t.op.name if not t.value_index else f"{t.op.name}:{t.value_index}" for t in node.inputs])
    made.input.extend([f"^{control.name}" for control in node.control_inputs])
    specs = [t.spec for t in node.outputs]
    if specs and as_dtype(specs[0].dtype).name in NUMBERS:
        key = "dtype" if node.op.name in ("constant", "placeholder", "variable") else "T"
        made.attr[key].type = NUMBERS[as_dtype(specs[0].dtype).name]
    if node.op.name == "constant":
        made.attr["value"].tensor.CopyFrom(make_tensor_proto(node.attrs["value"]))
        return made
    if add_shapes:
        made.attr["_output_shapes"].list.shape.extend([shape_proto(spec.shape) for spec in specs])
    if node.op.name in ("placeholder", "variable"):
        made.attr["shape"].shape.CopyFrom(shape_proto(specs[0].shape))
    else:
        put_own(made, node, graph_def_of)
    return made


# ---- written, cut, frozen


def write_graph(graph_or_graph_def, logdir, name, as_text=True):
    """Write a graph, or a GraphDef, to `logdir/name`: as text, or as the message. Returns the path."""
    found = graph_def_of(graph_or_graph_def) if isinstance(graph_or_graph_def, Graph) else graph_or_graph_def
    if not isinstance(found, GraphDef):
        raise ArgumentTypeError("write_graph takes a graph.", expected="Graph or GraphDef", got=type(found).__name__)
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    data = str(found).encode() if as_text else found.SerializeToString()
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)
    return path


def extract_sub_graph(graph_def, dest_nodes):
    """A GraphDef of the nodes that `dest_nodes` (a list of names) need, in their order. Raises NotFoundError."""
    if not isinstance(dest_nodes, list | tuple):
        raise ArgumentTypeError("dest_nodes is a list of names.", expected="a list", got=repr(dest_nodes))
    by_name = {node.name: node for node in graph_def.node}
    needed, waiting = set(), list(dest_nodes)
    while waiting:
        name = waiting.pop()
        if name not in by_name:
            raise NotFoundError(f"{name} is not in the graph.", expected="the name of a node", got=name)
        if name not in needed:
            needed.add(name)
            waiting += [parsed(text)[0] for text in by_name[name].input]
    made = GraphDef()
    made.versions.CopyFrom(graph_def.versions)
    for node in graph_def.node:
        if node.name in needed:
            made.node.add().CopyFrom(node)
    return made


def convert_variables_to_constants(
    sess, input_graph_def, output_node_names, variable_names_whitelist=None, variable_names_blacklist=None
):
    """A GraphDef of what `output_node_names` need, with constants in place of variables, as they are in the session.

    variable_names_whitelist, variable_names_blacklist: only these variables, or all but these.
    """
    sub_graph = extract_sub_graph(input_graph_def, output_node_names)
    frozen = [
        node.name for node in sub_graph.node
        if node.op in _READ and (variable_names_whitelist is None or node.name in variable_names_whitelist)
        and node.name not in (variable_names_blacklist or ())
    ]  # fmt: skip
    values = dict(zip(frozen, sess.run([f"{name}:0" for name in frozen]), strict=True))
    made = GraphDef()
    made.versions.CopyFrom(sub_graph.versions)
    for node in sub_graph.node:
        new = made.node.add()
        if node.name in values:
            new.name, new.op, new.device = node.name, "Const", node.device
            proto = make_tensor_proto(values[node.name])
            new.attr["dtype"].type = proto.dtype
            new.attr["value"].tensor.CopyFrom(proto)
            continue
        new.CopyFrom(node)
        if new.op == "Identity" and parsed(new.input[0])[0] in values:  # the reading of a variable
            new.attr.pop(NATIVE, None)
    return made


def remove_training_nodes(input_graph, protected_nodes=None):
    """A GraphDef without CheckNumerics and Identity nodes: who took their output takes their input.

    protected_nodes: names of nodes that stay. Nodes with control inputs, and those that controls name, stay too.
    """
    stays = set(protected_nodes or ())
    for node in input_graph.node:
        controls = [text[1:] for text in node.input if text.startswith("^")]
        stays.update([*controls, node.name] if controls else ())
    gone = {
        node.name: node.input[0] for node in input_graph.node
        if node.op in ("Identity", "CheckNumerics") and node.name not in stays and len(node.input) == 1
    }  # fmt: skip
    ops = {node.name: node.op for node in input_graph.node}
    gone = {name: source for name, source in gone.items() if ops.get(parsed(source)[0]) not in _READ}
    made = GraphDef()
    made.versions.CopyFrom(input_graph.versions)
    for node in input_graph.node:
        if node.name not in gone:
            new = made.node.add()
            new.CopyFrom(node)
            del new.input[:]
            new.input.extend([_behind(text, gone) for text in node.input])
    return made


def _behind(text, gone):
    while text in gone:
        text = gone[text]
    return text


def tensor_shape_from_node_def_name(graph, input_name):
    """The static shape of a node's first output, or of a tensor."""
    found = (graph or get_default_graph()).as_graph_element(input_name)
    if isinstance(found, Tensor):
        return found.shape
    if not found.outputs:
        raise InvalidArgumentError("The node has no output.", expected="an output", got=input_name)
    return found.outputs[0].shape
