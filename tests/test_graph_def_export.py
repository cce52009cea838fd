"""Graphs written as GraphDef: read again with the same results, frozen, cut, refused."""

import json
from pathlib import Path

import numpy as np
import pytest

import npslim as slim
from npslim.errors import DataLossError, NotFoundError, UnimplementedError
from npslim.graph_def import export
from npslim.graph_def.importer import import_graph_def
from npslim.graph_def.messages import GraphDef
from npslim.graph_def.native import NATIVE

IMAGES = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype(np.float32)


@pytest.fixture
def net(fresh_graph):
    """(session, input, output): a small net with batch norm."""
    x = slim.placeholder(slim.float32, [None, 8, 8, 3], name="x")
    norm = {"normalizer_fn": slim.batch_norm, "normalizer_params": {"is_training": False, "scale": True}}
    y = slim.max_pool2d(slim.conv2d(x, 4, [3, 3], **norm), [2, 2])
    y = slim.separable_conv2d(y, 6, [3, 3], 1, activation_fn=slim.relu6)
    y = slim.fully_connected(slim.flatten(slim.pad(y, [[0, 0], [1, 0], [0, 1], [0, 0]])), 5, activation_fn=None)
    y = slim.identity(slim.softmax(y * 2.0 + slim.reduce_mean(x)), name="out")
    slim.set_random_seed(1)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session, x, y


def result_of(graph_def, feed="x:0"):
    with slim.Graph().as_default():
        x, y = import_graph_def(graph_def, return_elements=[feed, "out:0"], name="")
        return slim.Session().run(y, {x: IMAGES})


def test_a_frozen_graph_gives_the_same(net):
    session, x, y = net
    right = session.run(y, {x: IMAGES})
    graph_def = slim.get_default_graph().as_graph_def()
    frozen = export.convert_variables_to_constants(session, graph_def, ["out"])
    ops = {node.op for node in frozen.node}
    assert "VariableV2" not in ops and "Assign" not in ops and {"Conv2D", "Const", "Placeholder"} <= ops
    again = GraphDef.FromString(frozen.SerializeToString())
    np.testing.assert_array_equal(result_of(again), right)
    short = export.remove_training_nodes(again, ["out"])
    assert sum(node.op == "Identity" for node in short.node) == 1 < sum(node.op == "Identity" for node in again.node)
    np.testing.assert_array_equal(result_of(short), right)


def test_some_variables_stay_variables(net):
    session, _, _ = net
    graph_def = slim.get_default_graph().as_graph_def()
    names = ["Conv/weights"]
    only = export.convert_variables_to_constants(session, graph_def, ["out"], variable_names_whitelist=names)
    but = export.convert_variables_to_constants(session, graph_def, ["out"], variable_names_blacklist=names)
    of = lambda found, op: {node.name for node in found.node if node.op == op}  # noqa: E731
    assert "Conv/weights" in of(only, "Const") and "Conv/BatchNorm/gamma" in of(only, "VariableV2")
    assert of(but, "VariableV2") == {"Conv/weights"}


def test_a_whole_graph_with_its_variables_is_read_again(net):
    session, x, y = net
    values = {v.op.name: session.run(v) for v in slim.global_variables()}
    graph_def = slim.get_default_graph().as_graph_def()
    right = session.run(y, {x: IMAGES})
    with slim.Graph().as_default() as graph:
        import_graph_def(graph_def, name="")
        other = slim.Session()
        for name, value in values.items():
            other.store.cell(name).value = value
        found = other.run("out:0", {"x:0": IMAGES})
        assert [n.name for n in graph.get_operations()] == [n.name for n in y.graph.get_operations()]
    np.testing.assert_array_equal(found, right)


def test_text_and_shapes(net, tmp_path):
    graph = slim.get_default_graph()
    path = export.write_graph(graph, tmp_path / "new", "graph.pbtxt")
    text = Path(path).read_text()
    assert 'name: "Conv/weights"\n  op: "VariableV2"' in text and text.count("node {") == len(graph.get_operations())
    assert "tensor_content" in text and not list(tmp_path.glob("**/*.part"))
    path = export.write_graph(graph.as_graph_def(add_shapes=True), str(tmp_path), "graph.pb", as_text=False)
    found = GraphDef.FromString(Path(path).read_bytes())
    (out,) = [node for node in found.node if node.name == "out"]
    assert [dim.size for dim in out.attr["_output_shapes"].list.shape[0].dim] == [-1, 5]
    with pytest.raises(TypeError, match="takes a graph"):
        export.write_graph(3, str(tmp_path), "x")


def test_text_format_of_strings_and_numbers():
    made = GraphDef()
    made.node.add(name='a"\n\xe9', op="Const")
    assert str(made) == 'node {\n  name: "a\\"\\n\\303\\251"\n  op: "Const"\n}\n'


def test_parts_of_a_graph(net):
    graph_def = slim.get_default_graph().as_graph_def()
    part = export.extract_sub_graph(graph_def, ["Conv/Relu"])
    names = [node.name for node in part.node]
    assert names[0] == "x" and names[-1] == "Conv/Relu" and "fully_connected/weights" not in names
    with pytest.raises(NotFoundError, match="nobody is not in the graph"):
        export.extract_sub_graph(graph_def, ["nobody"])
    with pytest.raises(TypeError, match="list of names"):
        export.extract_sub_graph(graph_def, "out")
    assert export.tensor_shape_from_node_def_name(None, "out").as_list() == [None, 5]


def test_what_cannot_be_read_again():
    x = slim.placeholder(slim.float32, [], name="x")
    slim.identity(slim.py_func(lambda v: v, [x], slim.float32), name="out")
    graph_def = slim.get_default_graph().as_graph_def()
    with slim.Graph().as_default(), pytest.raises(UnimplementedError, match="cannot import 1 node"):
        import_graph_def(graph_def)


@pytest.mark.parametrize(
    "own, message",
    [
        (b"{", "own attributes make no sense"), (b"[]", "make no sense"),
        (b'{"op": "nothing", "attrs": {}}', "no sense"),
        (b'{"op": "write_file", "attrs": {}}', "cannot hold such a node"),
        (b'{"op": "call_python", "attrs": {"func": 3}}', "cannot hold such a node"),
        (json.dumps({"op": "identity", "attrs": {"what": 3}}).encode(), "what"),
        (b'{"op": "identity", "attrs": {"x": ' + b"[" * 3000 + b"]" * 3000 + b"}}", "make no sense"),
    ],
)  # fmt: skip
def test_damaged_attributes_are_refused(own, message):
    slim.identity(slim.placeholder(slim.float32, [], name="x"), name="out")
    graph_def = slim.get_default_graph().as_graph_def()
    graph_def.node[1].attr[NATIVE].s = own
    with slim.Graph().as_default(), pytest.raises((DataLossError, TypeError, ValueError), match=message):
        import_graph_def(graph_def)
