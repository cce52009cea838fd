"""Frozen graphs that TensorFlow wrote, imported: names, results, refusals, damage."""

from pathlib import Path

import numpy as np
import pytest

from npslim.graph import get_default_graph
from npslim.graph_def.importer import import_graph_def
from npslim.graph_def.messages import GraphDef
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
    assert import_graph_def(graph_def, name="") is None
    graph = get_default_graph()
    for node_def in graph_def.node:
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
