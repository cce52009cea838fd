"""Frozen graphs that TensorFlow wrote, imported: names, results, refusals, damage."""

from pathlib import Path

import numpy as np
import pytest

from npslim.autograd import gradients
from npslim.errors import InvalidArgumentError, UnimplementedError
from npslim.graph import get_default_graph
from npslim.graph_def.importer import Importer, import_graph_def
from npslim.graph_def.messages import GraphDef, NodeDef
from npslim.graph_def.meta import import_meta_graph
from npslim.session import Session

GOLDEN = Path(__file__).parent / "golden" / "graph_def"
ARRAYS = np.load(GOLDEN.parent / "graph_def.npz")
FROZEN = sorted(path.stem for path in GOLDEN.glob("*.pb"))


def read(name):
    return GraphDef.FromString((GOLDEN / f"{name}.pb").read_bytes())


def recorded(name, kind):
    """{tensor's name: array} of what was fed, or of the results."""
    prefix = f"{name}/{kind}/"
    return {key.removeprefix(prefix): ARRAYS[key] for key in ARRAYS.files if key.startswith(prefix)}


@pytest.mark.parametrize("name", FROZEN)
def test_results_are_tensorflows(name):
    graph_def = read(name)
    frames = Importer(graph_def, name="").frames
    assert import_graph_def(graph_def, name="") is None
    graph = get_default_graph()
    for node_def in graph_def.node:
        if frames[node_def.name] or node_def.op == "Enter":
            continue  # of a loop, which is one node here
        assert graph.get_operation_by_name(node_def.name).name == node_def.name
    expected = recorded(name, "result")
    fetches = [graph.get_tensor_by_name(key) for key in expected]
    with Session() as sess:
        found = sess.run(fetches, recorded(name, "feed"))
    for tensor, (key, value), got in zip(fetches, expected.items(), found, strict=True):
        assert tensor.shape.is_compatible_with(value.shape), key
        assert got.dtype == value.dtype, key
        np.testing.assert_allclose(got, value, rtol=2e-5, atol=2e-5, err_msg=_origin(graph, key))


def _origin(graph, key):
    """What the result `key` is an identity of: for the message of a failure."""
    source = graph.get_tensor_by_name(key).op.inputs[0].op
    return f"{key} of {source.name} ({source.type})"


# ---- graphs with variables


@pytest.mark.parametrize("name", ["training", "resources", "switched"])
@pytest.mark.parametrize("scope", [None, "tower"])
def test_a_training_goes_on_as_in_tensorflow(name, scope, tmp_path):
    saver = import_meta_graph(str(GOLDEN / f"{name}.meta"), import_scope=scope)
    graph, prefix = get_default_graph(), f"{scope}/" if scope else ""
    initial, final = recorded(name, "initial"), recorded(name, "final")
    assert saver.max_to_keep == 3
    assert {key: var.op.name for key, var in saver.variables().items()} == {key: prefix + key for key in initial}
    (train_op,), (prediction,) = graph.get_collection("step"), graph.get_collection("prediction")
    assert graph.get_collection("words") == [b"two"] and graph.get_collection("numbers") == [7]
    feed = {graph.get_tensor_by_name(prefix + key): value for key, value in recorded(name, "feed").items()}
    with Session() as sess:
        sess.run(graph.get_operation_by_name(f"{prefix}init"))
        for key, var in saver.variables().items():
            var.load(initial[key], sess)
        losses = [sess.run(train_op, {x: values[i] for x, values in feed.items()}) for i in range(4)]
        np.testing.assert_allclose(losses, ARRAYS[f"{name}/losses"], rtol=1e-5)
        found = sess.run(prediction, {x: values[0] for x, values in feed.items()})
        np.testing.assert_allclose(found, ARRAYS[f"{name}/prediction"], rtol=1e-4, atol=1e-6)
        for key, var in saver.variables().items():
            np.testing.assert_allclose(sess.run(var), final[key], rtol=1e-4, atol=1e-5, err_msg=key)
        path = saver.save(sess, str(tmp_path / "model"), 4)
        for var in saver.variables().values():
            var.load(np.zeros_like(sess.run(var)), sess)
        saver.restore(sess, path)
        for key, var in saver.variables().items():
            np.testing.assert_allclose(sess.run(var), final[key], rtol=1e-4, atol=1e-5, err_msg=key)


# ---- refusals


def graph_of(*rows):
    """A GraphDef of (name, op, inputs)."""
    return GraphDef(node=[NodeDef(name=name, op=op, input=inputs) for name, op, inputs in rows])


def test_all_unknown_ops_are_named_with_their_nodes_and_counts():
    rows = [("a", "StackV2", []), ("b", "NoOp", []), ("c", "StackV2", []), ("d", "Abracadabra", ["a"])]
    with pytest.raises(UnimplementedError) as caught:
        import_graph_def(graph_of(*rows))
    message = str(caught.value)
    assert "cannot import 3 nodes" in message
    assert "Abracadabra: 1, the first is 'd'" in message and "StackV2: 2, the first is 'a'" in message
    assert not get_default_graph().get_operations()


@pytest.mark.parametrize(("rows", "kind", "message"), [
    ([("a", "Abs", ["b"]), ("b", "Abs", ["a"])], InvalidArgumentError, "in a circle"),
    ([("a", "Abs", ["x"])], InvalidArgumentError, "input of a is not in the graph"),
    ([("a", "NoOp", []), ("a", "NoOp", [])], InvalidArgumentError, "Two nodes have one name"),
    ([("a", "NoOp", []), ("b", "Exit", ["a"])], InvalidArgumentError, "An Exit ends no loop"),
    ([("a", "NoOp", []), ("e", "Enter", ["a"]), ("x", "Exit", ["e"])], UnimplementedError, "not as while_loop"),
])  # fmt: skip
def test_graphs_that_are_not_sound(rows, kind, message):
    with pytest.raises(kind, match=message):
        import_graph_def(graph_of(*rows), name="")


def test_a_gradient_goes_through_an_imported_loop():
    """map_fn of x -> sum(x * x) + x: the gradient of its sum is 6 x + 1, for rows of three."""
    import_graph_def(read("loops"), name="")
    graph = get_default_graph()
    x = graph.get_tensor_by_name("x:0")
    mapped = graph.get_tensor_by_name("map/TensorArrayStack/TensorArrayGatherV3:0")
    (found,) = gradients(mapped, [x])
    value = recorded("loops", "feed")["x:0"]
    with Session() as sess:
        np.testing.assert_allclose(sess.run(found, {x: value}), 6 * value + 1, rtol=1e-5)
