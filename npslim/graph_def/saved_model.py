"""SavedModel, the folder in which TensorFlow 1 exports a net, read.

    saved_model.pb                     graphs by their tags, each with its signatures; or saved_model.pbtxt, as text
    variables/variables.index, .data-00000-of-00001     the variables of all graphs, a V2 checkpoint
    assets/                            files that a graph reads

before: signatures.py   next: saved_model_export.py
"""

import os

from npslim import _io
from npslim import checkpoint_files as files
from npslim.errors import (
    ArgumentTypeError,
    DataLossError,
    InvalidArgumentError,
    NotFoundError,
    UnimplementedError,
)
from npslim.graph_def.importer import parsed
from npslim.graph_def.messages import AssetFileDef, SavedModel
from npslim.graph_def.meta import imported
from npslim.proto_text import parse_text

MAIN_OP_KEY, LEGACY_INIT_OP_KEY, ASSETS_KEY = "saved_model_main_op", "legacy_init_op", "saved_model_assets"
INIT_OP_KEY, TRAIN_OP_KEY = "__saved_model_init_op", "__saved_model_train_op"  # signatures that name a node
_DTYPES = """
    INVALID FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32 BFLOAT16 QINT16 QUINT16
    UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64
""".split()
_WORDS = {
    **{f"DT_{name}": number for number, name in enumerate(_DTYPES)},
    **{f"DT_{name}_REF": number + 100 for number, name in enumerate(_DTYPES)},
    "LEGACY": 0,
    "V1": 1,
    "V2": 2,
}  # fmt: skip - numbers that have a name in the text form


class NoSavedModelError(NotFoundError, OSError):
    """There is no SavedModel in the folder."""


class TagsNotFoundError(NotFoundError, RuntimeError):
    """No graph of the SavedModel has these tags."""


def contains_saved_model(export_dir):
    """Whether the folder has the file of a SavedModel in it, sound or not."""
    return any(os.path.isfile(os.path.join(export_dir, f"saved_model.{ending}")) for ending in ("pb", "pbtxt"))


def read_saved_model(export_dir):
    """The SavedModel message in a folder. Raises NoSavedModelError (an OSError) for none there, DataLossError."""
    for ending in ("pb", "pbtxt"):
        path = os.path.join(export_dir, f"saved_model.{ending}")
        if not os.path.isfile(path):
            continue
        with _io.open_regular(path, "SavedModel") as file:
            data = file.read()
        try:
            made = parse_text(SavedModel(), data, _WORDS) if ending == "pbtxt" else SavedModel.FromString(data)
        except DataLossError as error:
            raise DataLossError(f"{path} is no SavedModel: {error.message}") from None
        if not made.meta_graphs:
            raise DataLossError(f"{path} holds no graph.", expected="a SavedModel", got=f"{len(data)} bytes")
        return made
    raise NoSavedModelError(
        f"There is no SavedModel in {os.fspath(export_dir)}.", expected="saved_model.pb or saved_model.pbtxt in it",
        got="a folder without them" if os.path.isdir(export_dir) else "no such folder",
    )  # fmt: skip


def load(sess, tags, export_dir, import_scope=None, **saver_kwargs):
    """Define the graph of a SavedModel that has exactly these tags in the session's graph, with its variables' values.

    tags: a list or set of strings. import_scope: a scope to put everything into. Others are passed on to
    `import_meta_graph`. The graph's main op, which fills tables say, is run. Returns the MetaGraphDef, whose
    `signature_def[key].inputs[name].name` names the tensor to feed (without the scope).
    Raises OSError for a folder without a SavedModel, DataLossError for a damaged one, RuntimeError, naming the tags
    that there are, for other tags, NotFoundError for missing variables, and UnimplementedError for the functions of
    TensorFlow 2.
    Source: tf.saved_model.loader.load of TensorFlow 1.15.
    """
    meta = _of_tags(read_saved_model(export_dir), tags, export_dir)
    _refuse_functions(meta, export_dir)
    variables = os.path.join(export_dir, "variables", "variables")
    if meta.HasField("saver_def") and not files.exists(variables):
        raise NotFoundError(f"The variables of {export_dir} are missing.", expected=f"{variables}.index", got="nothing")
    with sess.graph.as_default():
        importer, saver = imported(
            meta, import_scope=import_scope, assets=_assets(meta, os.path.join(export_dir, "assets")), **saver_kwargs
        )
        if saver is not None:
            saver.restore(sess, variables)
        main_op = _main_op(meta)
        if main_op is not None:
            sess.run(importer.element(main_op))
    return meta


def _of_tags(saved_model, tags, export_dir):
    """The MetaGraphDef that has exactly these tags."""
    if isinstance(tags, str):
        raise ArgumentTypeError("tags is a list of strings.", expected=f"[{tags!r}]", got=repr(tags))
    there = [list(meta.meta_info_def.tags) for meta in saved_model.meta_graphs]
    for meta, own in zip(saved_model.meta_graphs, there, strict=True):
        if set(own) == set(tags):
            return meta
    raise TagsNotFoundError(
        f"{os.fspath(export_dir)} has no graph with exactly these tags.",
        expected=" or ".join(map(str, there)), got=sorted(tags),
    )  # fmt: skip


def _refuse_functions(meta, export_dir):
    """Raise UnimplementedError for a net that is a function of TensorFlow 2."""
    calls = [node.name for node in meta.graph_def.node if node.op in ("PartitionedCall", "StatefulPartitionedCall")]
    if meta.HasField("object_graph_def") and calls:
        raise UnimplementedError(
            f"{os.fspath(export_dir)} was written by TensorFlow 2: its net is a function, which npslim does not read.",
            expected="a SavedModel of TensorFlow 1, or of tf.compat.v1.saved_model", got=f"a call of one, {calls[0]!r}",
            hint="its weights can be read: tf.train.load_checkpoint(export_dir + '/variables/variables')",
        )  # fmt: skip


def _assets(meta, folder):
    """{name of a constant: path of the asset it names}. Raises InvalidArgumentError for one outside of `folder`."""
    listed = list(meta.asset_file_def)
    if not listed and ASSETS_KEY in meta.collection_def:
        listed = [AssetFileDef.FromString(item.value) for item in meta.collection_def[ASSETS_KEY].any_list.value]
    found = {}
    for asset in listed:
        name = asset.filename.replace("\\", "/")
        if not name or name.startswith("/") or ".." in name.split("/") or ":" in name:
            raise InvalidArgumentError("An asset is not in the folder.", expected="a file in assets/", got=name)
        found[parsed(asset.tensor_info.name)[0]] = os.path.join(folder, name)
    return found


def _main_op(meta):
    """The name of the node that is run once variables have their values, or None."""
    if INIT_OP_KEY in meta.signature_def:
        return parsed(meta.signature_def[INIT_OP_KEY].outputs[INIT_OP_KEY].name)[0]
    for key in (MAIN_OP_KEY, LEGACY_INIT_OP_KEY):
        if key in meta.collection_def:
            names = meta.collection_def[key].node_list.value
            if len(names) != 1:
                raise InvalidArgumentError("A graph has one main op.", expected="one node", got=list(names))
            return parsed(names[0])[0]
    return None
