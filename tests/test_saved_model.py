"""SavedModels: those that TensorFlow wrote are read with its results, npslim's own are read again, bad ones refused."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf
from npslim import _io
from npslim.errors import (
    CheckpointWriteError,
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    UnimplementedError,
)
from npslim.graph_def.messages import AttrValue
from npslim.graph_def.saved_model import load, read_saved_model
from npslim.graph_def.tensors import make_tensor_proto
from npslim.tf.install import install, uninstall
from npslim.tf_checkpoint import BundleReader

GOLDEN = Path(__file__).parent / "golden" / "saved_model"
ARRAYS = np.load(GOLDEN.parent / "saved_model.npz")
IMAGES = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)


def recorded(name, kind):
    """{tensor's name: array} of what was fed, or of the results."""
    prefix = f"{name}/{kind}/"
    return {key.removeprefix(prefix): ARRAYS[key] for key in ARRAYS.files if key.startswith(prefix)}


@pytest.mark.parametrize("name", ["served", "words", "text"])
@pytest.mark.parametrize("scope", [None, "old"])
def test_results_are_tensorflows(name, scope):
    prefix = f"{scope}/" if scope else ""
    with slim.Session() as session:
        meta = load(session, ["serve"], GOLDEN / name, import_scope=scope)
        signature = meta.signature_def["serving_default"]
        assert signature.method_name == "tensorflow/serving/predict"
        feed = {prefix + key: value for key, value in recorded(name, "feed").items()}
        assert {prefix + info.name for info in signature.inputs.values()} == set(feed)
        assert {info.name for info in signature.outputs.values()} == set(recorded(name, "result"))
        for info in signature.outputs.values():
            tensor = tf.saved_model.utils.get_tensor_from_tensor_info(info, import_scope=scope)
            found, right = session.run(tensor, feed), recorded(name, "result")[info.name]
            if right.dtype.kind == "f":
                np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-7)
            else:
                assert found.tolist() == right.tolist()


def test_each_set_of_tags_has_its_graph():
    with slim.Session() as session:
        meta = tf.saved_model.loader.load(session, {"gpu", "train"}, str(GOLDEN / "graphs"))
        assert not meta.signature_def
        losses = [session.run(str(ARRAYS["train/name"]), recorded("train", "feed")) for _ in range(3)]
    np.testing.assert_allclose(losses, ARRAYS["train/losses"], rtol=1e-5)
    with slim.Graph().as_default(), slim.Session() as session:
        meta = tf.saved_model.load(session, [tf.saved_model.SERVING], str(GOLDEN / "graphs"))
        assert set(meta.signature_def["classify"].outputs) == {"logits", "best"}
        names = {key: info.name for key, info in meta.signature_def["classify"].outputs.items()}
        feed = {meta.signature_def["classify"].inputs["images"].name: IMAGES}
        found = session.run(names, feed)
        np.testing.assert_array_equal(found["best"], found["logits"].argmax(1))


def test_what_is_not_there_is_said(tmp_path):
    with slim.Session() as session:
        with pytest.raises(OSError, match="There is no SavedModel in .*nothing"):
            load(session, ["serve"], tmp_path / "nothing")
        with pytest.raises(NotFoundError, match="saved_model.pb or saved_model.pbtxt"):
            load(session, ["serve"], tmp_path)
        with pytest.raises(
            RuntimeError, match=r"exactly these tags(.|\n)*\['train', 'gpu'\] or \['serve'\](.|\n)*'train'"
        ):
            load(session, ["train"], GOLDEN / "graphs")
        with pytest.raises(TypeError, match="tags is a list"):
            load(session, "serve", GOLDEN / "graphs")
        with pytest.raises(UnimplementedError, match="written by TensorFlow 2(.|\n)*weights can be read"):
            load(session, ["serve"], GOLDEN / "objects")
        shutil.copytree(GOLDEN / "served", tmp_path / "bare")
        shutil.rmtree(tmp_path / "bare" / "variables")
        with pytest.raises(NotFoundError, match="variables of .*bare are missing"):
            load(session, ["serve"], tmp_path / "bare")
        shutil.copytree(GOLDEN / "words", tmp_path / "words")
        os.remove(tmp_path / "words" / "assets" / "words.txt")
    assert not slim.get_default_graph().get_operations()
    with slim.Session() as session, pytest.raises(NotFoundError, match=r"no file .*words\.txt"):
        load(session, ["serve"], tmp_path / "words")
    assert [tf.saved_model.contains_saved_model(GOLDEN / name) for name in ("served", "text", ".")] == [
        True,
        True,
        False,
    ]


def damaged(tmp_path, name, change):
    """A copy of a folder, its message changed by a function of it."""
    shutil.copytree(GOLDEN / name, tmp_path / name)
    found = read_saved_model(tmp_path / name)
    change(found)
    (tmp_path / name / "saved_model.pb").write_bytes(found.SerializeToString())
    return tmp_path / name


def test_damaged_folders_are_refused(tmp_path):
    data = (GOLDEN / "served" / "saved_model.pb").read_bytes()
    for cut in (1, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "saved_model.pb").write_bytes(data[:cut])
        with pytest.raises(DataLossError, match="saved_model.pb is no SavedModel"):
            load(slim.Session(), ["serve"], tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(DataLossError, match="holds no graph"):
        load(slim.Session(), ["serve"], tmp_path)
    assert not slim.get_default_graph().get_operations()


@pytest.mark.parametrize("name", ["../../words.txt", "/etc/passwd", "", "a\\..\\..\\b", "C:x"])
def test_an_asset_outside_of_its_folder_is_refused(name, tmp_path):
    def change(found):
        (meta,) = found.meta_graphs
        asset = meta.asset_file_def.add(filename=name)
        asset.tensor_info.name = "asset_path:0"

    path = damaged(tmp_path, "words", change)
    with pytest.raises(InvalidArgumentError, match="not in the folder"):
        load(slim.Session(), ["serve"], path)


def test_a_graph_opens_no_file_that_is_no_asset(tmp_path):
    def change(found):
        del found.meta_graphs[0].collection_def["saved_model_assets"]
        for node in found.meta_graphs[0].graph_def.node:
            if node.name == "asset_path":
                node.attr["value"].CopyFrom(AttrValue(tensor=make_tensor_proto(str(tmp_path / "secret"))))

    (tmp_path / "secret").write_text("one\n")
    path = damaged(tmp_path, "words", change)
    with pytest.raises(UnimplementedError, match="filled from a file(.|\n)*an asset of the SavedModel"):
        load(slim.Session(), ["serve"], path)


@pytest.mark.parametrize(
    "text, message",
    [
        (b"meta_graphs { meta_info_def { tags: 3 } }", "no SavedModel"), (b"meta_graphs {", "no SavedModel"),
        (b"meta_graphs { graph_def { node { name: } } }", "a value"), (b"meta_graphs ! {}", "a name, a value"),
        (b'meta_graphs { collection_def { key: "a" what } }', "key or value"), (b"nobody: 3", "holds no graph"),
        (b"meta_graphs: 3", "message in brackets"), (b'meta_graphs { graph_def: "a" }', "message in brackets"),
        (b'meta_graphs { meta_info_def: {tags: "\\377"}}', "no SavedModel"), (b'"a": 3', "name of a field"),
        (b"meta_graphs { " * 200, "no SavedModel"), (b"a { " * 200, "at most 100"),
        (b"saved_model_schema_version: yes", "invalid literal"),
    ],
)  # fmt: skip
def test_text_that_makes_no_sense(text, message, tmp_path):
    (tmp_path / "saved_model.pbtxt").write_bytes(text)
    with pytest.raises(DataLossError, match=message):
        read_saved_model(tmp_path)


def test_text_says_what_the_message_says(tmp_path):
    found = read_saved_model(GOLDEN / "words")
    (tmp_path / "saved_model.pbtxt").write_text(str(found), encoding="utf-8")
    assert str(read_saved_model(tmp_path)) == str(found)
    (tmp_path / "saved_model.pbtxt").write_bytes(
        b"# by hand\nmeta_graphs: < graph_def { node { name: 'a\\x41' '\\101\\n\\\"' op: 'B'; input: ['c', 'd'],\n"
        b"attr { key: 'T' value { type: DT_HALF_REF } } attr { key: 'f' value: { f: -inf } } } }\n"
        b"nobody { knows: [1, 2] this: DT_FLOAT } >"
    )
    (node,) = read_saved_model(tmp_path).meta_graphs[0].graph_def.node
    assert (node.name, node.op, list(node.input)) == ('aAA\n"', "B", ["c", "d"])
    assert (node.attr["T"].type, node.attr["f"].f) == (119, -np.inf)


# ---- writing


def classifier():
    """(input, logits, variables' names) of a small net with batch norm."""
    x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
    norm = {"normalizer_fn": slim.batch_norm, "normalizer_params": {"is_training": False}}
    y = slim.max_pool2d(slim.conv2d(x, 4, [3, 3], **norm), [2, 2])
    return x, slim.fully_connected(slim.flatten(y), 5, activation_fn=None)


def test_what_is_written_is_read_again(tmp_path):
    x, y = classifier()
    path = str(tmp_path / "new" / "1")
    with tf.device("/gpu:0"):
        probabilities = tf.nn.softmax(y, name="probabilities")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert tf.saved_model.simple_save(session, path, inputs={"x": x}, outputs={"p": probabilities}) is None
        right = session.run(probabilities, {x: IMAGES})
        weights = {var.op.name: session.run(var) for var in tf.global_variables()}
    with BundleReader(path + "/variables/variables") as reader:
        assert reader.names() == sorted(weights)
        for name, value in weights.items():
            np.testing.assert_array_equal(reader.read(name), value)
    assert sorted(os.listdir(path)) == ["saved_model.pb", "variables"]
    with tf.Graph().as_default(), tf.Session() as session:
        signature = tf.saved_model.load(session, ["serve"], path).signature_def["serving_default"]
        (shape,) = [info.tensor_shape for info in signature.outputs.values()]
        assert [dim.size for dim in shape.dim] == [-1, 5] and tf.saved_model.is_valid_signature(signature)
        found = session.run(signature.outputs["p"].name, {signature.inputs["x"].name: IMAGES})
        assert not any(node.device for node in session.graph.get_operations())
    np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("as_text", [False, True])
def test_two_graphs_an_asset_and_a_main_op(as_text, tmp_path):
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "words.txt").write_text("three\n")
    builder = tf.saved_model.builder.SavedModelBuilder(str(tmp_path / "out"))
    tags, utils = tf.saved_model.tag_constants, tf.saved_model.utils
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("v", initializer=[1.0, 2.0])
        count = tf.Variable(7, collections=[tf.GraphKeys.LOCAL_VARIABLES], name="count")
        files = [tf.constant(str(tmp_path / part / "words.txt")) for part in ("", "more", "")]
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        with pytest.raises(FailedPreconditionError, match="not written yet"):
            builder.add_meta_graph([tags.SERVING])
        builder.add_meta_graph_and_variables(
            session, [tags.TRAINING], assets_collection=files, main_op=count.initializer
        )
        with pytest.raises(FailedPreconditionError, match="written already"):
            builder.add_meta_graph_and_variables(session, [tags.SERVING])
        other = tf.Graph()
        with other.as_default():
            y = tf.multiply(tf.get_variable("v", [2]), 10.0, name="y")
            signature = tf.saved_model.signature_def_utils.build_signature_def(
                outputs={"y": utils.build_tensor_info(y)}, method_name="mine"
            )
            builder.add_meta_graph([tags.SERVING, "fast"], {"twice": signature})
    path = builder.save(as_text=as_text)
    assert os.path.basename(path) == ("saved_model.pbtxt" if as_text else "saved_model.pb")
    assert sorted(os.listdir(tmp_path / "out" / "assets")) == ["words.txt", "words.txt_1"]
    assert (tmp_path / "out" / "assets" / "words.txt_1").read_text() == "three\n"
    with tf.Graph().as_default(), tf.Session() as session:
        load(session, [tags.TRAINING], tmp_path / "out")
        assert session.run("count:0") == 7 and session.run("v:0").tolist() == [1.0, 2.0]
        found = [session.run(f.op.name + ":0").decode() for f in files]
        assert found == [str(tmp_path / "out" / "assets" / name) for name in ("words.txt", "words.txt_1", "words.txt")]
    with tf.Graph().as_default(), tf.Session() as session:
        meta = load(session, ["fast", tags.SERVING], tmp_path / "out")
        assert session.run(meta.signature_def["twice"].outputs["y"].name).tolist() == [10.0, 20.0]


def test_a_saver_says_which_variables(tmp_path):
    v, _ = tf.get_variable("v", initializer=3.0), tf.get_variable("w", initializer=4.0)
    builder = tf.saved_model.Builder(str(tmp_path))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        builder.add_meta_graph_and_variables(session, ["a"], saver=tf.train.Saver({"renamed": v}))
    builder.save()
    assert tf.train.list_variables(str(tmp_path / "variables" / "variables")) == [("renamed", [])]
    with tf.Graph().as_default(), tf.Session() as session:
        load(session, ["a"], tmp_path)
        assert session.run("v:0") == 3.0
        with pytest.raises(FailedPreconditionError):
            session.run("w:0")


def test_a_net_without_variables(tmp_path):
    x = tf.placeholder(tf.float32, [], name="x")
    with tf.Session() as session:
        tf.saved_model.simple_save(session, str(tmp_path), {"x": x}, {"y": tf.add(x, 1.0, name="y")})
    with tf.Graph().as_default(), tf.Session() as session:
        load(session, ["serve"], tmp_path)
        assert session.run("y:0", {"x:0": 2.0}) == 3.0


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine").write_text("")
    for path in (tmp_path, tmp_path / "mine"):
        with pytest.raises(AssertionError, match="already exists, and isn't empty"):
            tf.saved_model.Builder(str(path))
    assert (tmp_path / "mine").exists()


def test_a_failing_disk_leaves_no_half_of_a_model(tmp_path):
    v = tf.get_variable("v", initializer=3.0)
    for place, part in enumerate((".index", ".data-", "saved_model.pb", "vocabulary")):
        folder = tmp_path / str(place)
        (tmp_path / "vocabulary").write_text("one\n")

        def full(number, operation, path, part=part):
            if operation == "write" and part in path:
                raise OSError(28, "No space left on device")

        with tf.Session() as session:
            session.run(v.initializer)
            builder = tf.saved_model.Builder(str(folder))
            with _io.faults(full), pytest.raises(CheckpointWriteError, match="could not be written"):
                builder.add_meta_graph_and_variables(
                    session, ["a"], assets_collection=[tf.constant(str(tmp_path / "vocabulary"))]
                )
                builder.save()
            assert not tf.saved_model.contains_saved_model(str(folder))
            if part == "saved_model.pb":  # the rest is there: writing again is enough
                builder.save()
                load(tf.Session(graph=tf.Graph()), ["a"], folder)


def test_wrong_calls_are_refused(tmp_path):
    x, words = tf.placeholder(tf.float32, [None], name="x"), tf.placeholder(tf.string, [None], name="words")
    builder, session, module = tf.saved_model.Builder(str(tmp_path)), tf.Session(), tf.saved_model
    info = module.build_tensor_info(x)
    nameless = module.build_signature_def({"x": type(info)(dtype=1)})
    reserved = {"__saved_model_init_op": module.build_signature_def({"x": info})}
    for arguments, kind, message in (
        ({"tags": "serve"}, TypeError, "tags is a list"),
        ({"tags": ["a"], "signature_def_map": {"s": nameless}}, ValueError, "tensor 'x' of the signature 's'"),
        ({"tags": ["a"], "signature_def_map": reserved}, ValueError, "reserved"),
        ({"tags": ["a"], "main_op": x}, TypeError, "main_op is a node"),
        ({"tags": ["a"], "assets_collection": [x]}, TypeError, "constant with a path"),
        ({"tags": ["a"], "assets_collection": [tf.constant("/nowhere")]}, NotFoundError, "no asset /nowhere"),
    ):
        with pytest.raises(kind, match=message):
            builder.add_meta_graph_and_variables(session, **arguments)
    with pytest.raises(ValueError, match="Prediction inputs cannot be None or empty"):
        module.predict_signature_def({}, {"y": x})
    with pytest.raises(ValueError, match="Classification classes and scores"):
        module.classification_signature_def(words, None, None)
    with pytest.raises(ValueError, match="Regression examples must be of type string"):
        module.regression_signature_def(x, x)
    with pytest.raises(TypeError, match="made of tensors"):
        module.build_tensor_info(3)
    with pytest.raises(ValueError, match="names no tensor"):
        module.get_tensor_from_tensor_info(type(info)())


def test_signatures_of_each_kind():
    module = tf.saved_model
    x, words = tf.placeholder(tf.float32, [None], name="x"), tf.placeholder(tf.string, [None], name="words")
    classify = module.classification_signature_def(words, words, x)
    regress = module.regression_signature_def(words, x)
    assert (classify.method_name, set(classify.outputs)) == (
        module.signature_constants.CLASSIFY_METHOD_NAME,
        {module.CLASSIFY_OUTPUT_CLASSES, module.CLASSIFY_OUTPUT_SCORES},
    )
    assert (regress.inputs["inputs"].name, regress.outputs["outputs"].dtype) == ("words:0", 1)
    predict = module.predict_signature_def({"a": words}, {"b": x})
    assert all(map(module.is_valid_signature, (classify, regress, predict)))
    given = module.build_signature_def(predict.inputs, predict.outputs, "m", {"a": tf.constant(["b"])})
    assert tf.make_ndarray(given.defaults["a"]).tolist() == [b"b"]
    with pytest.raises(ValueError, match="default of 'a' is no constant"):
        module.build_signature_def(defaults={"a": x})
    regress.outputs["outputs"].dtype = 2
    del predict.inputs["a"]
    assert not any(map(module.is_valid_signature, (regress, predict, None)))
    sparse = tf.sparse_placeholder(tf.int64, [5, 6], name="s")
    info = module.build_tensor_info(sparse)
    assert info.coo_sparse.values_tensor_name == sparse.values.name and info.dtype == 9
    found = module.get_tensor_from_tensor_info(type(info).FromString(info.SerializeToString()))
    assert found.indices is sparse.indices and found.dense_shape is sparse.dense_shape


def test_old_ways_to_import_it():
    install()
    try:
        from tensorflow.python.saved_model import loader, signature_constants, tag_constants  # noqa: PLC0415
        from tensorflow.python.saved_model.builder import SavedModelBuilder  # noqa: PLC0415
    finally:
        uninstall()
    assert (tag_constants.SERVING, signature_constants.PREDICT_INPUTS) == ("serve", "inputs")
    assert SavedModelBuilder is tf.saved_model.Builder and loader.load is load
