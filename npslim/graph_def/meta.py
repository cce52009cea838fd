"""A MetaGraphDef: a graph with its variables, collections and Saver, which TensorFlow writes beside a checkpoint.

before: importer.py   next: meta_export.py
"""

import os

from npslim.checkpoint import Saver
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError
from npslim.graph import get_default_graph
from npslim.graph_def.importer import Importer, parsed
from npslim.graph_def.messages import GraphDef, MetaGraphDef, VariableDef
from npslim.graph_def.tensors import make_ndarray
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.variables import Variable

OF_VARIABLES = {
    GraphKeys.GLOBAL_VARIABLES,
    GraphKeys.TRAINABLE_VARIABLES,
    GraphKeys.LOCAL_VARIABLES,
    GraphKeys.MODEL_VARIABLES,
    GraphKeys.MOVING_AVERAGE_VARIABLES,
    GraphKeys.METRIC_VARIABLES,
    GraphKeys.GLOBAL_STEP,
    GraphKeys.EVAL_STEP,
}  # fmt: skip - collections whose members are the bytes of a VariableDef
_OF_OTHER_MESSAGES = {
    GraphKeys.QUEUE_RUNNERS,
    GraphKeys.COND_CONTEXT,
    GraphKeys.WHILE_CONTEXT,
    GraphKeys.SAVERS,
}  # fmt: skip - what they describe is not imported


def read_graph_def(path):
    """The GraphDef in a file, a frozen graph. Raises NotFoundError for none there, DataLossError for a damaged one."""
    return _read(GraphDef, path)


def read_meta_graph(path):
    """The MetaGraphDef in a file. Raises NotFoundError for a missing file, DataLossError for a damaged one."""
    return _read(MetaGraphDef, path)


def _read(kind, path):
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, IsADirectoryError):
        raise NotFoundError("There is no such file.", expected=f"a {kind.__name__}", got=os.fspath(path)) from None
    try:
        made = kind.FromString(data)
    except DataLossError as error:
        raise DataLossError(f"{os.fspath(path)} is no {kind.__name__}: {error.message}") from None
    if not made.ListFields():
        raise DataLossError(f"{os.fspath(path)} holds no {kind.__name__}.", got=f"{len(data)} bytes")
    return made


def import_meta_graph(
    meta_graph_or_file, clear_devices=False, import_scope=None, input_map=None, skip_unsupported=False
):
    """Define the graph of a MetaGraphDef in the default graph, with its variables and collections; returns its Saver.

    meta_graph_or_file: a MetaGraphDef, or the path of a `.meta` file. import_scope: a scope to put everything into; the
    names in the checkpoint stay what they were. input_map: as in `import_graph_def`. skip_unsupported: leave out nodes
    of ops that npslim lacks, and what depends on them, such as the queues that fed a training run.
    The Saver restores the variables that the original one restored, under its names; None if the graph has no
    variables. Queue runners and the contexts of conditions and loops are not imported.
    Raises NotFoundError for a missing file, DataLossError for a damaged one, and what `import_graph_def` raises.
    Source: tf.train.import_meta_graph of TensorFlow 1.15.
    """
    meta = meta_graph_or_file if isinstance(meta_graph_or_file, MetaGraphDef) else read_meta_graph(meta_graph_or_file)
    return imported(meta, clear_devices, import_scope, input_map, skip_unsupported)[1]


def imported(
    meta, clear_devices=False, import_scope=None, input_map=None, skip_unsupported=False, assets=None
):  # fmt: skip
    """(the Importer that has defined the graph of a MetaGraphDef, its Saver or None). assets: as of `Importer`."""
    importer = Importer(meta.graph_def, input_map, import_scope or "", clear_devices, skip_unsupported, assets)
    restored = _restored(importer, meta.saver_def.restore_op_name) if meta.HasField("saver_def") else None
    importer.run()
    collections = _Collections(importer)
    for key in sorted(meta.collection_def):
        collections.add(key, meta.collection_def[key])
    if restored is None:
        return importer, Saver() if get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES) else None
    named = {name: collections.variable_of(key) for name, key in restored.items()}
    saver = Saver(named, max_to_keep=meta.saver_def.max_to_keep, allow_empty=True) if named else None
    return importer, saver


class _Collections:
    """The collections of a MetaGraphDef, put into the graph of an import."""

    def __init__(self, importer):
        self.importer = importer
        self.variables = {}  # name in the GraphDef: Variable

    def add(self, key, collection):
        """Put the members of `collection` into the graph's collection `key`."""
        kind = collection.WhichOneof("kind")
        values = getattr(collection, kind).value if kind else []
        if key in _OF_OTHER_MESSAGES and kind == "bytes_list":
            logger.debug("the collection %s is not imported", key)
            return
        for value in values if kind != "any_list" else ():
            if kind == "bytes_list" and key in OF_VARIABLES:
                value = self._variable(VariableDef.FromString(value))
            elif kind == "node_list":
                value = self._element(value)
            if value is not None:
                self.importer.graph.add_to_collection(key, value)

    def _element(self, name):
        """The node or tensor `name`, or None if it was left out."""
        if parsed(name)[0] in self.importer.left_out:
            return None
        return self.importer.element(name)

    def _variable(self, definition):
        """The Variable that a VariableDef describes: one and the same in all collections; None if it was left out."""
        key = parsed(definition.variable_name)[0]
        if key not in self.variables:
            names = definition.variable_name, definition.initializer_name, definition.snapshot_name
            ref, initializer, snapshot = (self._element(name) for name in names)
            if ref is None or initializer is None:
                return None
            self.variables[key] = Variable.of_nodes(ref, initializer, snapshot, definition.trainable)
        return self.variables[key]

    def variable_of(self, key):
        """The variable whose node is called `key` in the GraphDef. Raises InvalidArgumentError."""
        if key not in self.variables:
            raise InvalidArgumentError("The Saver restores what is in no collection of variables.", got=key)
        return self.variables[key]


# ---- what a Saver restores


def _restored(importer, restore_op_name):
    """{name in the checkpoint: name of the variable's node}, as the nodes of the original Saver have it."""
    named, seen, todo = {}, set(), [restore_op_name]
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        if key not in importer.node_defs:
            raise InvalidArgumentError("The Saver's node is not in the graph.", expected="a node", got=key)
        if importer.node_defs[key].op in ("Assign", "AssignVariableOp"):
            (target, _), value = importer.sources[key][:2]
            named[_name_of(importer, value)] = target
        todo.extend(source for source, index in importer.sources[key] if index is None)
    return dict(sorted(named.items()))


def _name_of(importer, source):
    """The name that a checkpoint has for the value `source`. Raises UnimplementedError for a part of a variable."""
    key, index = source
    while importer.node_defs[key].op in ("Identity", "Reshape"):
        key, index = importer.sources[key][0]
    if importer.node_defs[key].op not in ("Restore", "RestoreV2", "RestoreSlice"):
        raise UnimplementedError("The Saver restores what is not in the checkpoint.", expected="RestoreV2", got=key)
    inputs = [
        make_ndarray(importer.node_defs[name].attr["value"].tensor).ravel() for name, _ in importer.sources[key][1:]
    ]
    names, slices = inputs[0], inputs[1] if len(inputs) > 1 else [b""] * len(inputs[0])
    if index >= min(len(names), len(slices)):
        raise InvalidArgumentError("The Saver restores more than it names.", expected=len(names), got=index)
    if slices[index]:
        raise UnimplementedError("The Saver restores a part of a variable.", expected="whole ones", got=slices[index])
    return names.tolist()[index].decode()
