"""`train`, `eval` and `plot` for a user's module, as a user meets them."""

import logging
import threading
import time

import pytest

from npslim.checkpoint_reader import load_variable
from npslim.cli import main
from npslim.events import read_scalars

MODULE = '''
"""Fits a line."""

import numpy as np

import npslim as slim

RATE, CLASSES, NUM_EVALS = 0.1, 2, 3
X = np.linspace(-1, 1, 20, dtype=np.float32)[:, None]


def net(x):
    hidden = slim.fully_connected(x, 4, scope="hidden")
    return slim.fully_connected(hidden, CLASSES, activation_fn=None, scope="logits")


def train_op():
    loss = slim.losses.sparse_softmax_cross_entropy(net(slim.constant(X)), (X[:, 0] > 0).astype(np.int64))
    return slim.learning.create_train_op(loss, slim.MomentumOptimizer(RATE, 0.9))


def metrics():
    chosen = slim.argmax(net(slim.constant(X)), 1)
    return {"accuracy": slim.metrics.streaming_accuracy(chosen, (X[:, 0] > 0).astype(np.int64))}
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    (tmp_path / "line.py").write_text(MODULE)
    return tmp_path


def test_train_resume_evaluate_plot(module, capsys):
    assert main(["train", "line.py", "--steps", "30"]) == 0
    out, errors = capsys.readouterr()
    assert "training in runs/line, from the beginning" in out and "saved runs/line/model.ckpt-30" in out
    assert "curves in runs/line/curves." in out and "step 30/30  loss" in errors
    assert main(["train", "line.py", "--steps", "40", "--set", "RATE=0"]) == 0
    assert "from runs/line/model.ckpt-30" in capsys.readouterr().out
    losses = dict(read_scalars("runs/line")["total_loss"])
    assert list(losses) == list(range(1, 41)) and losses[40] < 0.5 * losses[1]
    assert main(["eval", "line.py"]) == 0
    assert capsys.readouterr().out == "step 40: accuracy = 1\n"
    assert read_scalars("runs/line/eval")["accuracy"] == [(40, 1.0)]
    assert main(["plot", "runs/line", "--out", "a.html", "--only", "loss"]) == 0
    assert main(["plot", "runs/line", "--out", "a.svg"]) == 0
    assert "total_loss" in (module / "a.html").read_text() and (module / "a.svg").read_text().startswith("<svg")
    assert main(["plot", "runs/line", "--out", "a.png"]) == 0
    assert (module / "a.png").read_bytes().startswith(b"\x89PNG")


def test_fine_tuning(module, capsys):
    main(["train", "line.py", "--steps", "20"])
    options = ["--logdir", "other", "--set", "CLASSES=3", "--set", "RATE=0", "--steps", "1", "--from", "runs/line"]
    assert main(["train", "line.py", *options]) == 1
    assert "logits/weights: [4, 2] in the checkpoint, [4, 3] in the graph" in capsys.readouterr().err
    assert main(["train", "line.py", *options, "--exclude", "logits"]) == 0
    old, new = (load_variable(folder, "hidden/weights") for folder in ("runs/line", "other"))
    assert (old == new).all() and load_variable("other", "global_step") == 1


def test_follow(module, capsys):
    """An evaluation that waits for a training, and ends when nothing more comes."""
    done = []
    thread = threading.Thread(
        target=lambda: done.append(main(["eval", "line.py", "--follow", "--every", "0", "--timeout", "3"]))
    )
    thread.start()
    time.sleep(0.2)
    main(["train", "line.py", "--steps", "5"])
    thread.join()
    out, errors = capsys.readouterr()
    assert done == [0] and "step 5: accuracy" in out


def test_errors(module, capsys):
    (module / "empty.py").write_text("A = 1\n")
    for command, part in [
        (["train", "none.py"], "none.py: there is no such file"),
        (["train", "no.such.module"], "There is no module no.such.module"),
        (["train", "empty.py"], "empty.py does not define train_op()"),
        (["eval", "empty.py"], "empty.py does not define metrics()"),
        (["eval", "line.py"], "There is no checkpoint to evaluate"),
        (["plot", "runs/none"], "There is no training to plot"),
        (["train", "line.py", "--set", "RAT=1"], "NAME=VALUE, NAME one of CLASSES, NUM_EVALS, RATE, X"),
        (["train", "line.py", "--set", "CLASSES=two"], "the value is of another kind"),
        (["train", "line.py", "--from", "nowhere"], "There is no checkpoint nowhere"),
    ]:
        assert main(command) == 1
        assert part in capsys.readouterr().err


def test_the_example(module, capsys):
    assert main(["train", "digits", "--steps", "2", "--set", "BATCH=8"]) == 0
    assert main(["eval", "digits", "--logdir", "runs/digits"]) == 0
    assert "step 2: accuracy = 0." in capsys.readouterr().out
