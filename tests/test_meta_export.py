"""Graphs written as MetaGraphDef, beside a checkpoint or alone: a training goes on without its program."""

import logging

import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf
from npslim import _io
from npslim.errors import CheckpointWriteError, UnimplementedError
from npslim.graph_def.messages import VariableDef
from npslim.graph_def.meta import import_meta_graph, read_meta_graph
from npslim.graph_keys import GraphKeys

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4, 5)).astype(np.float32)
Y = RNG.integers(0, 3, size=(6, 4))


def training():
    """Defines a small training with batch norm and Momentum; returns its train op."""
    x, y = slim.placeholder(slim.float32, [None, 5], name="x"), slim.placeholder(slim.int64, [None], name="y")
    hidden = slim.fully_connected(x, 7, normalizer_fn=slim.batch_norm)
    slim.losses.sparse_softmax_cross_entropy(slim.fully_connected(hidden, 3, activation_fn=None), y)
    optimizer = slim.MomentumOptimizer(0.1, 0.9)
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), optimizer)
    slim.add_to_collection("words", "two")
    slim.add_to_collection("numbers", 7)
    slim.add_to_collection("halves", 0.5)
    slim.add_to_collection("step", train_op)
    return train_op


def steps(session, train_op, which):
    return [session.run(train_op, {"x:0": X[i], "y:0": Y[i]}) for i in which]


@pytest.mark.parametrize("scope", [None, "tower"])
def test_a_training_goes_on_without_its_program(scope, tmp_path):
    train_op = training()
    saver = slim.Saver(max_to_keep=3)
    keys = {var.op.name: var.trainable for var in slim.global_variables()}
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        steps(session, train_op, range(3))
        path = saver.save(session, str(tmp_path / "model.ckpt"), 3, write_meta_graph=True)
        expected = steps(session, train_op, range(3, 6))
    assert path.endswith("model.ckpt-3")
    with slim.Graph().as_default() as graph, slim.Session() as session:
        again = import_meta_graph(path + ".meta", import_scope=scope)
        assert again.max_to_keep == 3
        assert {name: var.trainable for name, var in again.variables().items()} == keys
        again.restore(session, path)
        (again_op,) = graph.get_collection("step")
        feed = f"{scope}/" if scope else ""
        found = [session.run(again_op, {f"{feed}x:0": X[i], f"{feed}y:0": Y[i]}) for i in range(3, 6)]
        assert graph.get_collection("words") == [b"two"] and graph.get_collection("numbers") == [7]
        assert graph.get_collection("halves") == [0.5]
        for key in (GraphKeys.TRAINABLE_VARIABLES, GraphKeys.MODEL_VARIABLES, GraphKeys.GLOBAL_STEP):
            assert [v.op.name.removeprefix(feed) for v in graph.get_collection(key)] == [
                v.op.name for v in train_op.graph.get_collection(key)
            ]
        assert len(graph.get_collection(GraphKeys.LOSSES)) == 1
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_saver_of_some_variables_under_other_names(tmp_path):
    training()
    weights = slim.get_variables("fully_connected/weights")[0]
    slim.Saver({"w": weights}, max_to_keep=0).export_meta_graph(str(tmp_path / "new" / "g.meta"))
    with slim.Graph().as_default():
        saver = import_meta_graph(str(tmp_path / "new" / "g.meta"))
        ((name, var),) = saver.variables().items()
    assert (name, var.op.name, saver.max_to_keep) == ("w", weights.op.name, 0)


def test_the_default_writes_none_and_meta_goes_with_its_checkpoint(tmp_path):
    slim.get_variable("w", [2])
    saver = slim.Saver(max_to_keep=2)
    (tmp_path / "m-1.index").write_bytes(b"")  # as if TensorFlow had a checkpoint of that name
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        saver.save(session, str(tmp_path / "m"), 0)
        assert not list(tmp_path.glob("*.meta"))
        for step in range(1, 5):
            saver.save(session, str(tmp_path / "m"), step, write_meta_graph=True)
    assert sorted(path.name for path in tmp_path.glob("m-*")) == sorted(
        ["m-1.index", "m-1.meta", "m-3.h5", "m-3.meta", "m-4.h5", "m-4.meta"]
    )
    assert (tmp_path / "m-3.meta").read_bytes() == (tmp_path / "m-4.meta").read_bytes()


def test_a_failing_disk_leaves_a_good_checkpoint(tmp_path):
    slim.get_variable("w", [2])

    def full(number, operation, path):
        if operation == "write" and ".meta" in path:
            raise OSError(28, "No space left on device")

    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        with _io.faults(full), pytest.raises(CheckpointWriteError, match=r"m-1\.meta could not be written"):
            slim.Saver().save(session, str(tmp_path / "m"), 1, write_meta_graph=True)
        slim.Saver().restore(session, slim.latest_checkpoint(str(tmp_path)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "m-1.h5"]


def test_a_function_is_logged_once_and_the_rest_is_read(tmp_path, caplog):
    w = slim.get_variable("w", [2])
    slim.py_func(lambda v: v, [w], slim.float32, name="called")
    saver = slim.Saver()
    with slim.Session() as session, caplog.at_level(logging.WARNING):
        session.run(slim.global_variables_initializer())
        for step in (1, 2):
            saver.save(session, str(tmp_path / "m"), step, write_meta_graph=True)
    assert [r.getMessage() for r in caplog.records] == [
        "1 nodes of the graph cannot be read from .meta: called. "
        "import_meta_graph(skip_unsupported=True) reads the rest."
    ]
    with slim.Graph().as_default():
        assert list(import_meta_graph(str(tmp_path / "m-2.meta"), skip_unsupported=True).variables()) == ["w"]


def test_tf_train_export_meta_graph(tmp_path):
    with slim.device("/cpu:0"):
        v = slim.get_variable("v", [3], trainable=False)
    made = tf.train.export_meta_graph(str(tmp_path / "g"), collection_list=["variables"], clear_devices=True)
    assert read_meta_graph(tmp_path / "g") == made and not made.HasField("saver_def")
    assert list(made.collection_def) == ["variables"] and {node.device for node in made.graph_def.node} == {""}
    (definition,) = made.collection_def["variables"].bytes_list.value
    found = VariableDef.FromString(definition)
    assert (found.variable_name, found.snapshot_name, found.trainable) == ("v:0", v.value().name, False)
    tf.train.export_meta_graph(str(tmp_path / "text"), as_text=True)
    assert 'op: "VariableV2"' in (tmp_path / "text").read_text()
    with pytest.raises(UnimplementedError, match="part of a graph is not exported"):
        tf.train.export_meta_graph(export_scope="a")


def test_a_graph_without_a_form_is_saved_without_meta_and_logged_once(tmp_path, caplog, monkeypatch):
    slim.get_variable("w", [2])
    saver = slim.Saver()

    def refuse(graph):
        raise UnimplementedError("There is no form for it.")

    monkeypatch.setattr("npslim.graph_def.meta_export.graph_def_of", refuse)
    with slim.Session() as session, caplog.at_level(logging.WARNING):
        session.run(slim.global_variables_initializer())
        for step in (1, 2):
            saver.save(session, str(tmp_path / "m"), step, write_meta_graph=True)
    (record,) = caplog.records
    assert record.getMessage().startswith("No .meta is written beside the checkpoints: There is no form for it.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "m-1.h5", "m-2.h5"]
