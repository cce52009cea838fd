"""Graphs of npslim's with conditions, loops and tables in them: written, frozen and read again, with equal results."""

import json

import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf
from npslim.errors import DataLossError, InvalidArgumentError, OpError, UnimplementedError
from npslim.graph_def.branches import GRAPHS
from npslim.graph_def.export import convert_variables_to_constants, graph_def_of
from npslim.graph_def.importer import import_graph_def
from npslim.graph_def.messages import GraphDef
from npslim.graph_def.meta import import_meta_graph
from npslim.graph_def.native import NATIVE

X = np.random.default_rng(0).normal(size=(6, 4, 5)).astype(np.float32)


def net():
    """(input, condition, output): variables inside of conditions in each other, of a loop, of the turns of map_fn."""
    x, flag = tf.placeholder(tf.float32, [None, 5], name="x"), tf.placeholder(tf.bool, [], name="flag")
    w = tf.get_variable("w", [5, 3])
    h = slim.batch_norm(tf.matmul(x, w), is_training=flag)
    inner = lambda: tf.cond(tf.reduce_sum(x) > 0, lambda: h * 2.0 + w[0], lambda: h)  # noqa: E731
    y = tf.cond(flag, inner, lambda: tf.nn.elu(h) - w[1])
    _, z = tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * 0.5 + tf.reduce_sum(w)), [0, y])
    return x, flag, tf.identity(tf.map_fn(lambda row: tf.tanh(row) * w[0], z), name="out")


def results(session, tensors, x, flag):
    return [session.run(tensors, {x: value, flag: bool(i % 2)}) for i, value in enumerate(X)]


@pytest.mark.parametrize("scope", ["", "old"])
@pytest.mark.parametrize("outputs", [["out"], ["out", "slope_0", "slope_1"]])
def test_a_frozen_graph_gives_the_same(outputs, scope):
    x, flag, y = net()
    for i, slope in enumerate(tf.gradients(tf.reduce_sum(y * y), [x, slim.get_variables("w")[0]])):
        tf.identity(slope, name=f"slope_{i}")
    names = [f"{name}:0" for name in outputs]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        right = results(session, [*names, "slope_0:0"], x, flag)
        frozen = convert_variables_to_constants(session, graph_def_of(session.graph), outputs)
    frozen = GraphDef.FromString(frozen.SerializeToString())
    assert {"If", "While"} <= {node.op for node in frozen.node}
    assert not {"VariableV2", "Assign"} & {node.op for node in frozen.node}
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.multiply(1.0, 2.0, name="cond/mul")  # a name that is taken
        x, flag, *found = import_graph_def(frozen, return_elements=["x:0", "flag:0", *names], name=scope)
        (new,) = tf.gradients(tf.reduce_sum(found[0] * found[0]), [x])  # of what was read
        np.testing.assert_equal(results(session, [*found, new], x, flag), right)
        assert "branches" not in graph.extras


def training(x, flag, y):
    """A train op and loss: the update of a variable, too, depends on the condition."""
    count = tf.get_variable("count", [], trainable=False, initializer=tf.zeros_initializer())
    counted = tf.cond(flag, lambda: tf.assign_add(count, 2.0), lambda: count + 0.0)
    noise = tf.identity(tf.cond(flag, lambda: tf.nn.dropout(y, 0.5, seed=3), lambda: y))
    loss = tf.reduce_mean((noise - 1.0) ** 2)
    with tf.control_dependencies([counted, *tf.get_collection(tf.GraphKeys.UPDATE_OPS)]):
        return tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss), loss


def steps(session, fetches, indices):
    return [session.run(fetches, {"x:0": X[i], "flag:0": bool(i % 2)})[1] for i in indices]


def test_a_training_goes_on_without_its_program(tmp_path):
    tf.set_random_seed(1)
    train_op, loss = training(*net())
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "model"), 0, write_meta_graph=True)
        right = steps(session, [train_op, loss], range(6))
        final = {var.op.name: session.run(var) for var in tf.global_variables()}
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)  # no part of a GraphDef
        again = import_meta_graph(path + ".meta")
        again.restore(session, path)
        found = steps(session, [train_op.name, loss.name], range(6))
        np.testing.assert_allclose(found, right, rtol=1e-6)
        for name, value in final.items():
            np.testing.assert_allclose(session.run(f"{name}:0"), value, rtol=1e-5, err_msg=name)
        assert final["count"] == 6.0


def test_tables_are_read_again(tmp_path):
    words = tf.placeholder(tf.string, [None], name="words")
    ids = tf.contrib.lookup.index_table_from_tensor(["a", "b", "c"], default_value=7).lookup(words)
    back = tf.contrib.lookup.index_to_string_table_from_tensor(["x", "y", "\xe9"]).lookup(ids)
    with tf.Session() as session:
        tf.saved_model.simple_save(session, str(tmp_path), {"words": words}, {"ids": ids, "back": back})
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = tf.saved_model.load(session, ["serve"], str(tmp_path)).signature_def["serving_default"].outputs
        found = session.run([outputs[key].name for key in ("ids", "back")], {"words:0": ["c", "?", "a"]})
    assert [part.tolist() for part in found] == [[2, 7, 0], ["\xe9".encode(), b"UNK", b"x"]]


def test_a_function_inside_cannot_be_read_again():
    x = tf.placeholder(tf.float32, [], name="x")
    tf.cond(x > 0, lambda: tf.py_func(lambda v: v, [x], tf.float32), lambda: x)
    with tf.Graph().as_default(), pytest.raises(UnimplementedError, match="If: 1, the first is 'cond/Merge'"):
        import_graph_def(tf.Graph.as_graph_def(x.graph))


def test_a_constant_takes_no_assignment():
    flag, v = tf.placeholder(tf.bool, [], name="flag"), tf.get_variable("v", initializer=1.0)
    tf.identity(tf.cond(flag, lambda: tf.assign(v, 2.0), lambda: v + 0.0), name="out")
    with tf.Session() as session:
        session.run(v.initializer)
        frozen = convert_variables_to_constants(session, graph_def_of(session.graph), ["out"])
    with tf.Graph().as_default(), pytest.raises(InvalidArgumentError, match="Assign(.|\n)*input is no variable"):
        import_graph_def(frozen)


def changed(own, *path, to):
    """The node's own attributes with another value at a place."""
    found = here = json.loads(own)
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = to
    return json.dumps(found).encode()


SIDE = ("attrs", "sides", 0, "side")


@pytest.mark.parametrize(
    "path, value",
    [
        (SIDE, 3), (SIDE, []), ((*SIDE, 0), 9), ((*SIDE, 0), None), ((*SIDE, 1), "x"), ((*SIDE, 2), ["nobody:0"]),
        ((*SIDE, 2), []), ((*SIDE, 3), ["nobody:0"]), ((*SIDE, 3), 3), ((*SIDE, 4), ["cond/mul:7"]),
        (("attrs", "sides"), []), (("attrs", "sides"), 3), (("attrs", "sides", 0), 3), (("attrs", "tapes"), 1),
        (("attrs", "tapes"), -5), (("attrs", "sides", 1, "side"), {"spec": [[-3], "float32"]}), (("op",), "turns"),
        (("op",), "loop"), (("op",), "loop_grad"),
    ],
)  # fmt: skip
def test_damaged_graphs_are_refused(path, value):
    flag, x = tf.placeholder(tf.bool, [], name="flag"), tf.placeholder(tf.float32, [], name="x")
    tf.cond(flag, lambda: x * 2.0, lambda: x)
    graph_def = graph_def_of(x.graph)
    (node,) = (node for node in graph_def.node if node.op == "If")
    node.attr[NATIVE].s = changed(node.attr[NATIVE].s, *path, to=value)
    with tf.Graph().as_default(), pytest.raises(OpError, match="'cond/Merge'"):
        import_graph_def(graph_def)


def test_damaged_bytes_of_a_graph_are_refused():
    flag, x = tf.placeholder(tf.bool, [], name="flag"), tf.placeholder(tf.float32, [], name="x")
    tf.cond(flag, lambda: x * 2.0, lambda: x)
    data = graph_def_of(x.graph).SerializeToString()
    for cut in (-1, -5):
        graph_def = GraphDef.FromString(data)
        (node,) = (node for node in graph_def.node if node.op == "If")
        node.attr[GRAPHS].list.s[0] = node.attr[GRAPHS].list.s[0][:cut]
        with tf.Graph().as_default(), pytest.raises(DataLossError, match="'cond/Merge'"):
            import_graph_def(graph_def)
