"""The weights of real packages in npslim, against what TensorFlow computes with them; skipped where they are absent.

`examples/pretrained/where.py` says how to get the packages; golden/make_pretrained.py wrote the expected values.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npslim as slim
from npslim import tf
from npslim.array_files import open_arrays

FOLDER = Path(__file__).resolve().parents[1] / "examples/pretrained"
GOLDEN = dict(np.load(Path(__file__).parent / "golden/pretrained.npz"))


@pytest.fixture
def example(monkeypatch):
    """A function that imports an example by its name."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("PIL")
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def needed(example, what):
    """The path of a file of a package; the test is skipped if the package is not installed."""
    where = example("where")
    path = where.find(*getattr(where, what))
    return path or pytest.skip(f"{getattr(where, what)[0]} is not installed")


def images(seed, shape):
    return np.random.RandomState(seed).uniform(size=shape).astype(np.float32)


def close(found, key, tolerance=1e-4):
    """Within `tolerance` of the greatest number."""
    expected = GOLDEN[key]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def test_edges(example):
    path = needed(example, "HED")
    edges, variables = example("edges").hed(slim.constant(images(1, (1, 80, 112, 3)) * 255 - 120))
    with open_arrays(path) as reader:
        assert set(variables) == set(reader.names())
    with slim.Session() as session:
        slim.assign_from_checkpoint_fn(str(path), variables)(session)
        found = session.run(edges)
    close(found[0, ::4, ::4, 0], "edges/map")
    close(found.mean(dtype=np.float64), "edges/mean")


def test_classes(example):
    path, classify = needed(example, "EFFICIENTNET"), example("classify")
    logits = classify.efficientnet_lite0(slim.constant(images(2, (1, 224, 224, 3)) * 2 - 1))
    values = classify.weights_of(path)
    assert {v.op.name for v in slim.get_model_variables()} == set(values)
    with slim.Session() as session:
        for variable in slim.get_model_variables():
            variable.load(values[variable.op.name], session)
        close(session.run(logits), "classes/logits")


def test_faces(example):
    path, faces = needed(example, "FACES"), example("faces")
    boxes, scores = faces.detector(slim.constant(images(3, (1, 128, 128, 3)) * 2 - 1))
    with slim.Session() as session:
        variables = {faces.name_in_file(v.op.name): v for v in slim.get_model_variables()}
        slim.assign_from_checkpoint_fn(str(path), variables)(session)
        boxes, scores = session.run([boxes, scores])
    close(boxes, "faces/boxes")
    close(scores, "faces/scores")


@pytest.mark.parametrize("model", ["MTT_musicnn", "MTT_vgg"])
def test_a_training_of_2019_goes_on(example, model):
    """The graph and checkpoint of TensorFlow 1: predictions, two steps of Adam, moving averages under a condition."""
    meta = needed(example, "MUSICNN").parents[1] / model / ".meta"
    saver = tf.train.import_meta_graph(str(meta))
    graph = tf.get_default_graph()
    x, labels, training, rate = (
        graph.get_tensor_by_name(f"{name}:0")
        for name in ("model/Placeholder", "model/Placeholder_1", "model/Placeholder_2", "Placeholder")
    )
    feed = {x: images(4, (2, 187, 96)) * 3, labels: images(5, (2, 50)) > 0.9, training: False, rate: 1e-3}
    fetches = [graph.get_tensor_by_name("model/Sigmoid:0"), graph.get_tensor_by_name("metrics/add:0")]
    updates = graph.get_collection("update_ops")[:2]
    moving = {v.op.name: v for v in slim.global_variables() if v.op.name.startswith("batch_normalization/moving")}
    with slim.Session() as session:
        saver.restore(session, f"{meta.parent}/")
        found, loss = session.run(fetches, feed)
        close(found, f"{model}/tags")
        close(loss, f"{model}/loss", 1e-5)
        before = session.run(moving)
        session.run(updates, feed)
        for name, value in session.run(moving).items():  # no training: nothing is averaged
            np.testing.assert_array_equal(value, before[name])
        for _ in range(2):
            session.run(graph.get_operation_by_name("Adam"), feed)
        found, loss = session.run(fetches, feed)
        close(found, f"{model}/trained_tags", 1e-3)
        close(loss, f"{model}/trained_loss", 1e-4)
        session.run(updates, feed | {training: True})
        for name, value in session.run(moving).items():
            close(value, f"{model}/{name}", 1e-5)


@pytest.mark.long
@pytest.mark.parametrize(("name", "what"), [
    ("edges", "HED"), ("classify", "EFFICIENTNET"), ("faces", "FACES"), ("music", "MUSICNN"),
])  # fmt: skip
def test_the_programs_draw(example, tmp_path, name, what):
    needed(example, what)
    picture = tmp_path / "out.png"
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--output", str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_what_is_missing_is_said(example, capsys):
    with pytest.raises(SystemExit, match="pip install --no-deps no-such-package"):
        example("where").find_or_exit("no_such_package", "weights")
