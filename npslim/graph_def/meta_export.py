"""From an npslim graph to a MetaGraphDef: the graph, its variables, its collections and a Saver.

The Saver is written as TensorFlow writes one, as nodes: a RestoreV2 that names the variables in the checkpoint, and an
assignment to each. `import_meta_graph` reads the names from there, so a Saver of a few variables stays one of these.

before: meta.py   next: signatures.py
"""

import os

from npslim.dtypes import as_dtype
from npslim.errors import UnimplementedError
from npslim.graph import get_default_graph
from npslim.graph_def.export import graph_def_of
from npslim.graph_def.importer import parsed
from npslim.graph_def.messages import CollectionDef, MetaGraphDef, SaverDef, VariableDef
from npslim.graph_def.meta import OF_VARIABLES
from npslim.graph_def.native import NATIVE
from npslim.graph_def.source import CONVERTERS
from npslim.graph_def.tensors import NUMBERS, make_tensor_proto
from npslim.logs import logger
from npslim.tensor import Node, Tensor
from npslim.variables import Variable


def meta_graph_of(graph, variables=None, max_to_keep=5, collection_list=None):
    """The MetaGraphDef of a graph. variables: {name in the checkpoint: Variable}, what its Saver saves; None for none.

    collection_list: the collections that go into it, all unless given. Members that have no form there, functions and
    queue runners say, are left out.
    """
    made = MetaGraphDef()
    made.graph_def.CopyFrom(graph_def_of(graph))
    if variables:
        made.saver_def.CopyFrom(_saver(made.graph_def, graph, variables, max_to_keep or 0))
    for key in graph.get_all_collection_keys() if collection_list is None else collection_list:
        found = _collection(graph, key, graph.get_collection(key))
        if found is not None:
            made.collection_def[key].CopyFrom(found)
    return made


def export_meta_graph(
    filename=None, meta_info_def=None, graph_def=None, saver_def=None, collection_list=None, as_text=False, graph=None,
    export_scope=None, clear_devices=False, clear_extraneous_savers=False, strip_default_attrs=False,
    save_debug_info=False, **kwargs,
):  # fmt: skip
    """The MetaGraphDef of `graph` (the default one unless given); written to the file `filename` too, if given.

    graph_def, saver_def, meta_info_def: these in place of what is made. collection_list: the names of the collections
    that go into it, all unless given. as_text: write it as text, which is only to be looked at. clear_devices: without
    devices. The other arguments are accepted for old programs. Raises UnimplementedError for an export_scope.
    Source: tf.train.export_meta_graph of TensorFlow 1.15.
    """
    if export_scope is not None:
        raise UnimplementedError("A part of a graph is not exported.", expected="export_scope=None", got=export_scope)
    made = meta_graph_of(graph or get_default_graph(), collection_list=collection_list)
    for field, given in (("graph_def", graph_def), ("saver_def", saver_def), ("meta_info_def", meta_info_def)):
        if given is not None:
            getattr(made, field).CopyFrom(given)
    return written(made, filename, as_text, clear_devices)


def written(meta_graph, filename=None, as_text=False, clear_devices=False):
    """`meta_graph` itself; written to a file, all of it or not at all, if there is a filename."""
    if clear_devices:
        for node in meta_graph.graph_def.node:
            node.device = ""
    if filename is not None:
        os.makedirs(os.path.dirname(filename) or ".", exist_ok=True)
        with open(f"{filename}.part", "wb") as file:
            file.write(str(meta_graph).encode() if as_text else meta_graph.SerializeToString())
        os.replace(f"{filename}.part", filename)
    return meta_graph


def not_read_again(meta_graph):
    """The names of the nodes that `import_meta_graph` must leave out: they call functions, or hold queues and files."""
    saver = (
        parsed(meta_graph.saver_def.restore_op_name)[0].rpartition("/")[0] if meta_graph.HasField("saver_def") else ""
    )
    return [
        node.name for node in meta_graph.graph_def.node
        if NATIVE not in node.attr and node.op not in CONVERTERS and not (saver and node.name.startswith(f"{saver}/"))
    ]  # fmt: skip


# ---- the Saver


def _saver(graph_def, graph, variables, max_to_keep):
    """The SaverDef; its nodes are appended to `graph_def`, under a scope that the graph does not use."""
    taken, scope, count = {node.name.partition("/")[0] for node in graph_def.node}, "save", 0
    while scope in taken:
        count += 1
        scope = f"save_{count}"
    names = sorted(variables)
    filename = _constant(graph_def, f"{scope}/Const", b"model")
    tensor_names = _constant(graph_def, f"{scope}/tensor_names", [name.encode() for name in names])
    slices = _constant(graph_def, f"{scope}/shape_and_slices", [b""] * len(names))
    dtypes = [NUMBERS[as_dtype(variables[name].spec.dtype).name] for name in names]
    targets = [variables[name]._as_ref().op.name for name in names]
    save = graph_def.node.add(name=f"{scope}/SaveV2", op="SaveV2", input=[filename, tensor_names, slices, *targets])
    restore = graph_def.node.add(name=f"{scope}/RestoreV2", op="RestoreV2", input=[filename, tensor_names, slices])
    save.attr["dtypes"].list.type.extend(dtypes)
    restore.attr["dtypes"].list.type.extend(dtypes)
    saved = graph_def.node.add(name=f"{scope}/control_dependency", op="Identity", input=[filename, f"^{scope}/SaveV2"])
    saved.attr["T"].type = NUMBERS["string"]
    every = graph_def.node.add(name=f"{scope}/restore_all", op="NoOp")
    for i, (target, dtype) in enumerate(zip(targets, dtypes, strict=True)):
        node = graph_def.node.add(name=f"{scope}/Assign" + (f"_{i}" if i else ""), op="Assign")
        node.input.extend([target, f"{scope}/RestoreV2" + (f":{i}" if i else "")])
        node.attr["T"].type = dtype
        every.input.append(f"^{node.name}")
    return SaverDef(
        filename_tensor_name=f"{scope}/Const:0", save_tensor_name=f"{scope}/control_dependency:0",
        restore_op_name=f"{scope}/restore_all", max_to_keep=max_to_keep, version=SaverDef.V2,
    )  # fmt: skip


def _constant(graph_def, name, value):
    node = graph_def.node.add(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(make_tensor_proto(value))
    node.attr["dtype"].type = NUMBERS["string"]
    return name


# ---- collections


def _collection(graph, key, members):
    """The CollectionDef of a collection, of the kind of its first member that has one; None if none has."""
    made = CollectionDef()
    forms = [_form(graph, key, member) for member in members]
    kinds = [kind for kind, _ in filter(None, forms)]
    if len(kinds) < len(members) or len(set(kinds)) > 1:
        logger.debug("of the collection %s, not all members are written", key)
    if not kinds:
        return None
    getattr(made, kinds[0]).value.extend([form[1] for form in forms if form is not None and form[0] == kinds[0]])
    return made


def _form(graph, key, member):
    """(kind of list, value in it) of a member, or None."""
    if isinstance(member, Variable):
        if member._as_ref().graph is not graph:
            return None
        if key in OF_VARIABLES:
            return "bytes_list", _definition(member).SerializeToString()
        return "node_list", member.name
    if isinstance(member, Tensor | Node):
        return ("node_list", member.name) if member.graph is graph and key not in OF_VARIABLES else None
    if isinstance(member, str | bytes):
        return "bytes_list", member.encode() if isinstance(member, str) else member
    if isinstance(member, int):
        return ("int64_list", int(member)) if -(1 << 63) <= member < 1 << 63 else None
    return ("float_list", member) if isinstance(member, float) else None


def _definition(variable):
    return VariableDef(
        variable_name=variable.name, initializer_name=variable.initializer.name,
        snapshot_name=variable._as_tensor().name, initial_value_name=variable.initial_value.name,
        trainable=variable.trainable,
    )  # fmt: skip
