"""From an npslim graph to a SavedModel: its graphs, variables and files, in the folder that `saved_model.py` describes.

`saved_model.pb` is written last: a folder without it is no SavedModel, so a writer that dies leaves none that is half.

before: saved_model.py   next: ../checkpoint.py
"""

import os

from npslim import _io
from npslim import checkpoint_files as files
from npslim.checkpoint import Saver
from npslim.convert import constant_value
from npslim.errors import (
    AlreadyExistsError,
    ArgumentTypeError,
    FailedPreconditionError,
    InvalidArgumentError,
)
from npslim.graph import get_default_graph
from npslim.graph_def.messages import AssetFileDef, SavedModel
from npslim.graph_def.meta_export import meta_graph_of, not_read_again, written
from npslim.graph_def.saved_model import ASSETS_KEY, INIT_OP_KEY, MAIN_OP_KEY, TRAIN_OP_KEY
from npslim.graph_def.signatures import predict_signature_def
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.tensor import Node, Tensor


class ExportExistsError(AlreadyExistsError, AssertionError):
    """The folder of an export has something in it."""


class SavedModelBuilder:
    """Writes a SavedModel: `add_meta_graph_and_variables` once, `add_meta_graph` for further graphs, then `save`.

    export_dir: a folder, which is made; one that has something in it is refused with an AssertionError.
    Source: tf.saved_model.Builder of TensorFlow 1.15.
    """

    def __init__(self, export_dir):
        self._folder = os.fspath(export_dir)
        if os.path.exists(self._folder) and (not os.path.isdir(self._folder) or os.listdir(self._folder)):
            raise ExportExistsError(
                f"Export directory {self._folder} already exists, and isn't empty.", expected="a new folder",
                got="a folder with something in it", hint="a folder for each export, named by its step say",
            )  # fmt: skip
        os.makedirs(self._folder, exist_ok=True)
        self._saved_model = SavedModel(saved_model_schema_version=1)
        self._has_variables, self._assets = False, {}

    def add_meta_graph_and_variables(
        self, sess, tags, signature_def_map=None, assets_collection=None, legacy_init_op=None, clear_devices=False,
        main_op=None, strip_default_attrs=False, saver=None,
    ):  # fmt: skip
        """Add the session's graph under `tags`, and write the variables: the global ones, or those of `saver`.

        signature_def_map: {key: SignatureDef}. assets_collection: constants with paths of files, which are copied.
        main_op: a node that is run after loading. clear_devices: without devices. Raises CheckpointWriteError,
        FailedPreconditionError (a RuntimeError) for a second call or variables without a value, InvalidArgumentError.
        """
        if self._has_variables:
            raise FailedPreconditionError("The variables are written already.", hint="add_meta_graph adds a graph")
        made = self._meta_graph(
            sess.graph, tags, signature_def_map, clear_devices, _first(main_op, legacy_init_op), saver
        )
        variables = self._variables(sess.graph, saver)
        values = dict(zip(variables, sess.run(list(variables.values())), strict=True))
        self._add_assets(made, assets_collection)
        folder = os.path.join(self._folder, "variables")
        os.makedirs(folder, exist_ok=True)
        if values:
            files.save_for_tensorflow(os.path.join(folder, "variables"), values)
        self._has_variables = True
        self._saved_model.meta_graphs.append(made)

    def add_meta_graph(
        self, tags, signature_def_map=None, assets_collection=None, legacy_init_op=None, clear_devices=False,
        main_op=None, strip_default_attrs=False, saver=None,
    ):  # fmt: skip
        """Add the default graph under other tags; its variables are among those that are written already."""
        if not self._has_variables:
            raise FailedPreconditionError("The variables are not written yet.", hint="add_meta_graph_and_variables")
        made = self._meta_graph(
            get_default_graph(), tags, signature_def_map, clear_devices, _first(main_op, legacy_init_op), saver
        )
        self._add_assets(made, assets_collection)
        self._saved_model.meta_graphs.append(made)

    def save(self, as_text=False):
        """Write `saved_model.pb` (`.pbtxt` if as_text), with which the folder is a SavedModel; returns its path."""
        data = str(self._saved_model).encode() if as_text else self._saved_model.SerializeToString()
        path = os.path.join(self._folder, "saved_model.pbtxt" if as_text else "saved_model.pb")
        os.makedirs(self._folder, exist_ok=True)
        files.replace_file(path, data)
        return path

    @staticmethod
    def _variables(graph, saver):
        return (saver or Saver(graph.get_collection(GraphKeys.GLOBAL_VARIABLES), allow_empty=True)).variables(graph)

    def _meta_graph(self, graph, tags, signatures, clear_devices, main_op, saver):
        """The MetaGraphDef with tags, signatures and main op."""
        if isinstance(tags, str):
            raise ArgumentTypeError("tags is a list of strings.", expected=f"[{tags!r}]", got=repr(tags))
        for key, signature in (signatures or {}).items():
            _check(key, signature)
        made = written(meta_graph_of(graph, self._variables(graph, saver)), clear_devices=clear_devices)
        left_out = not_read_again(made)
        if left_out:
            logger.warning(
                "%d nodes of the graph cannot be read from the SavedModel again, such as %s", len(left_out), left_out[0]
            )
        made.meta_info_def.tags.extend(tags)
        for key, signature in (signatures or {}).items():
            made.signature_def[key].CopyFrom(signature)
        if main_op is not None:
            if not isinstance(main_op, Node) or main_op.graph is not graph:
                raise ArgumentTypeError("main_op is a node of the graph.", expected="a node", got=repr(main_op))
            made.collection_def[MAIN_OP_KEY].node_list.value.append(main_op.name)
        return made

    def _add_assets(self, meta, tensors):
        """Copy the files that the constants `tensors` name, and list them."""
        for tensor in tensors or ():
            source = _path(tensor)
            name = self._assets.get(source) or self._name(os.path.basename(source))
            if source not in self._assets:
                with _io.open_regular(source, "asset") as file:
                    data = file.read()
                os.makedirs(os.path.join(self._folder, "assets"), exist_ok=True)
                files.replace_file(os.path.join(self._folder, "assets", name), data)
                self._assets[source] = name
            asset = AssetFileDef(filename=name)
            asset.tensor_info.name = tensor.name
            meta.collection_def[ASSETS_KEY].any_list.value.add(
                type_url="type.googleapis.com/tensorflow.AssetFileDef", value=asset.SerializeToString()
            )

    def _name(self, base):
        """A name for a file that no other asset has."""
        name, count = base, 0
        while name in self._assets.values():
            count += 1
            name = f"{base}_{count}"
        return name


def _first(main_op, legacy_init_op):
    return legacy_init_op if main_op is None else main_op


def _check(key, signature):
    """Raise InvalidArgumentError for a signature that a loader could not use."""
    if key in (INIT_OP_KEY, TRAIN_OP_KEY):
        raise InvalidArgumentError("This key of a signature is reserved.", expected="another key", got=key)
    for name, info in [*signature.inputs.items(), *signature.outputs.items()]:
        if info.WhichOneof("encoding") is None or not info.dtype:
            raise InvalidArgumentError(
                f"The tensor {name!r} of the signature {key!r} is not said.", expected="name and dtype", got=info
            )


def _path(tensor):
    """The path that an asset's constant holds."""
    value = constant_value(tensor) if isinstance(tensor, Tensor) else None
    if value is None or value.ndim or not isinstance(value.item(), bytes):
        raise ArgumentTypeError("An asset is a constant with a path.", expected="a string scalar", got=repr(tensor))
    return os.path.abspath(value.item().decode())


def simple_save(session, export_dir, inputs, outputs, legacy_init_op=None):
    """Write a SavedModel with one graph, tagged "serve", whose signature "serving_default" is {key: tensor}.

    Devices are left out. Raises what `SavedModelBuilder` raises.
    Source: tf.saved_model.simple_save of TensorFlow 1.15.
    """
    builder = SavedModelBuilder(export_dir)
    builder.add_meta_graph_and_variables(
        session, ["serve"], {"serving_default": predict_signature_def(inputs, outputs)},
        session.graph.get_collection(GraphKeys.ASSET_FILEPATHS), clear_devices=True, main_op=legacy_init_op,
    )  # fmt: skip
    builder.save()
