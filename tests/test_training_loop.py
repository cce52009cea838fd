"""The training loop with everything around it: input queues, summaries, validation, signals, errors."""

import json
import logging
import os
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.errors import CheckpointWriteError
from npslim.events import read_scalars


def fed_by_queue(epochs=None):
    """A train op over numbers 0, 1, 2 ... from a queue; its loss is the number."""
    (x,) = queues.slice_input_producer([np.arange(64.0, dtype=np.float32)], num_epochs=epochs, shuffle=False)
    x = queues.batch([x], 1)[0]
    w = slim.get_variable("w", [], initializer=slim.zeros_initializer())
    loss = x + 0.0 * w
    slim.summaries.add_scalar_summary(loss, "loss")
    return slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.1))


def test_queues_are_run_and_summaries_take_no_input(tmp_path):
    seen = []

    def step(session, train_op, global_step, kwargs):
        loss, stop = slim.learning.train_step(session, train_op, global_step, kwargs)
        seen.append(float(loss))
        return loss, stop

    last = slim.learning.train(
        fed_by_queue(), str(tmp_path), number_of_steps=6, save_summaries_secs=1e-9, train_step_fn=step
    )
    assert last == 5.0 and seen == [0, 1, 2, 3, 4, 5]
    curves = read_scalars(tmp_path)
    assert curves["loss"] == [(i + 1, i) for i in range(6)] == curves["total_loss"]


def test_the_end_of_the_input_is_the_end_of_training(tmp_path):
    assert slim.learning.train(fed_by_queue(epochs=1), str(tmp_path)) == 63.0
    assert slim.latest_checkpoint(str(tmp_path)).endswith("-64")


def test_an_error_of_an_input_thread_is_raised(tmp_path):
    x = slim.py_func(lambda: np.float32(1 / 0), [], slim.float32)
    x.set_shape([])
    x = queues.batch([x], 1)[0]
    w = slim.get_variable("w", [])
    train_op = slim.learning.create_train_op(x * w, slim.GradientDescentOptimizer(0.1))
    with pytest.raises(ZeroDivisionError):
        slim.learning.train(train_op, None, number_of_steps=3)


def least_squares():
    w = slim.get_variable("w", [3], initializer=slim.zeros_initializer())
    loss = slim.losses.mean_squared_error(w, np.array([1.0, 2.0, 3.0], np.float32))
    return w, slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.3))


def test_validation_beside_training(tmp_path):
    w, train_op = least_squares()
    loss = slim.learning.train(
        train_op, str(tmp_path), number_of_steps=100, eval_every=2,
        eval_ops=lambda session: {"largest": session.run(w).max()},
        early_stop=lambda numbers: numbers["largest"] > 2.0,
    )  # fmt: skip
    steps, values = zip(*read_scalars(tmp_path)["largest"], strict=True)
    assert steps == tuple(range(2, 2 * len(steps) + 1, 2)) and values[-1] > 2.0 >= values[-2] and loss < 4


@pytest.mark.parametrize(
    "options", [{"eval_every": 2}, {"eval_ops": len}, {"startup_delay_steps": 1, "sync_optimizer": object()}]
)
def test_refusals(options):
    _, train_op = least_squares()
    with pytest.raises(ValueError):
        slim.learning.train(train_op, None, **options)


PROGRAM = """
import sys, time
import npslim as slim
w = slim.get_variable("w", [], initializer=slim.zeros_initializer())
train_op = slim.learning.create_train_op(slim.square(w - 1.0), slim.GradientDescentOptimizer(0.01))
def step(session, train_op, global_step, kwargs):
    found = slim.learning.train_step(session, train_op, global_step, kwargs)
    print("step", flush=True)
    time.sleep(float(sys.argv[2]))
    return found
slim.learning.train(train_op, sys.argv[1], train_step_fn=step, log_every_n_steps=0)
"""


def running(folder, pause):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(pause)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout.readline() == "step\n"
    return process


@pytest.mark.parametrize("number, status", [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_and_saves(tmp_path, number, status):
    process = running(tmp_path, 0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (status, 130 if number == signal.SIGINT else status), errors
    assert "finishing the step" in errors
    assert slim.latest_checkpoint(str(tmp_path)) is not None


def test_a_second_signal_ends_at_once(tmp_path):
    process = running(tmp_path, 30)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert time.monotonic() - start < 10 and process.returncode == -signal.SIGTERM


def test_what_a_run_leaves_behind(tmp_path):
    _, train_op = least_squares()
    slim.set_random_seed(7)
    slim.learning.train(train_op, str(tmp_path), number_of_steps=4, log_every_n_steps=0, save_interval_secs=33)
    begin, end = (json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines())
    assert begin["event"] == "begin" and begin["step"] == 0 and begin["resumed_from"] is None and begin["seed"] == 7
    assert begin["versions"]["numpy"] == np.__version__ and begin["trainable_values"] == 3
    assert begin["arguments"]["save_interval_secs"] == 33 and begin["arguments"]["number_of_steps"] == 4
    assert (
        end["step"] == 4
        and end["how"] == "a step said so"
        and end["loss"] == read_scalars(tmp_path)["total_loss"][-1][1]
    )
    slim.learning.train(train_op, str(tmp_path), number_of_steps=6, log_every_n_steps=0)
    last = (tmp_path / "runs.jsonl").read_text().splitlines()[2]
    assert json.loads(last)["resumed_from"].endswith("-4") and json.loads(last)["step"] == 4
    assert [step for step, _ in read_scalars(tmp_path)["total_loss"]] == [1, 2, 3, 4, 5, 6]


def test_progress(tmp_path, capsys, caplog):
    slim.learning.train(fed_by_queue(), str(tmp_path), number_of_steps=6, progress=True)
    shown = capsys.readouterr().err.splitlines()
    assert any(line.startswith("step 6/6  loss 5  ") and "ms/step  waiting for input" in line for line in shown)
    assert "global step" not in caplog.text


def test_a_full_disk_as_configured(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    _, train_op = least_squares()
    failing, order = {2, 3}, []

    def save(self, session, prefix, global_step):
        order.append(global_step)
        if global_step in failing:
            raise CheckpointWriteError(f"{prefix}-{global_step} could not be written: no space")
        return real(self, session, prefix, global_step)

    real = slim.Saver.save
    monkeypatch.setattr(slim.Saver, "save", save)
    options = dict(number_of_steps=5, log_every_n_steps=0, save_interval_secs=0)
    with pytest.raises(CheckpointWriteError, match="-2 could not"):
        slim.learning.train(train_op, str(tmp_path / "a"), **options)
    slim.learning.train(train_op, str(tmp_path / "b"), stop_on_save_error=False, **options)
    assert order == [1, 2, 1, 2, 3, 4, 5] and caplog.text.count("goes on without this checkpoint") == 2
    failing.add(5)
    with pytest.raises(CheckpointWriteError, match="-5 could not"):
        slim.learning.train(train_op, str(tmp_path / "c"), stop_on_save_error=False, **options)


def poisoned():
    """A train op whose gradient is no number at the third step, though the loss is one."""
    w = slim.get_variable("w", [2], initializer=slim.constant_initializer(0.5))
    root = slim.sqrt(slim.maximum(w - 0.25 * slim.cast(slim.get_or_create_global_step(), slim.float32), 0.0))
    return w, slim.learning.create_train_op(slim.reduce_sum(root), slim.GradientDescentOptimizer(0.0))


def test_what_is_no_number_is_not_saved(tmp_path):
    w, train_op = poisoned()
    with pytest.raises(ValueError, match="Step 3 is not saved: variables are no numbers any more") as caught:
        slim.learning.train(train_op, str(tmp_path), number_of_steps=9, log_every_n_steps=0, save_interval_secs=0)
    assert "got      w" in str(caught.value) and "find_nan=True" in str(caught.value)
    with slim.Session() as session:
        slim.Saver([w]).restore(session, slim.latest_checkpoint(str(tmp_path)))
        assert session.run(w).tolist() == [0.5, 0.5]
    assert slim.latest_checkpoint(str(tmp_path)).endswith("-2")


@pytest.mark.parametrize("where", ["gradient", "loss", "masked"])
def test_the_op_that_a_nan_comes_from(tmp_path, where, figure):
    """The run stops at the node and line; infinities that are taken away again are no fault."""
    if where == "gradient":
        _, train_op = poisoned()
        line, kind = "test_training_loop.py", "RealDiv"  # of sqrt at 0
    else:
        w = slim.get_variable("w", [], initializer=slim.constant_initializer(2.0))
        masked = slim.where(slim.greater(w, 9.0), slim.stop_gradient(1.0 / (0.0 * w)), w)  # infinite, never chosen
        bad = slim.log(w)  # NaN once w is below 0
        line = f"test_training_loop.py:{sys._getframe().f_lineno - 1}"
        loss = masked + bad if where == "loss" else masked
        train_op, kind = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.6)), "Log"
    options = dict(number_of_steps=6, log_every_n_steps=0, save_summaries_secs=None)
    if where == "masked":
        assert slim.learning.train(train_op, str(tmp_path), find_nan=True, **options) == pytest.approx(-1.0)
        return
    with pytest.raises(ValueError) as caught:
        slim.learning.train(train_op, str(tmp_path), find_nan=True, **options)
    assert caught.value.op.type.startswith(kind) and line in str(caught.value)
    assert "came from" in str(caught.value) and "from" in str(caught.value).split("got")[1]
    figure("P19", "NaNs found at the op that they came from", 1)


def test_steps_with_find_nan_are_the_same(tmp_path):
    _, train_op = least_squares()
    losses = [
        slim.learning.train(train_op, str(tmp_path / str(find)), number_of_steps=5, log_every_n_steps=0, find_nan=find)
        for find in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_second_trainer_is_refused(tmp_path):
    process = running(tmp_path, 0.05)
    _, train_op = least_squares()
    with pytest.raises(RuntimeError, match="Another training is running") as caught:
        slim.learning.train(train_op, str(tmp_path), number_of_steps=1)
    assert f"process {process.pid} on {platform.node()}" in str(caught.value)
    process.kill()  # the lock goes with the process
    process.communicate()
    slim.learning.train(train_op, str(tmp_path), number_of_steps=1)


def test_tensorboard_reads_what_a_training_writes(tmp_path):
    """The events of a training that was resumed, by TensorBoard's own EventAccumulator."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    w, train_op = least_squares()
    slim.summaries.add_histogram_summary(w, "weights")
    slim.summaries.add_scalar_summary(slim.reduce_sum(w), "all_of_w")
    for steps in (3, 5):
        slim.learning.train(train_op, str(tmp_path), number_of_steps=steps, save_summaries_secs=1e-9)
    reader = accumulator.EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0, "histograms": 0})
    reader.Reload()
    tags = reader.Tags()
    assert "total_loss" in tags["scalars"] and {"all_of_w", "weights"} <= {
        *tags["scalars"],
        *tags["tensors"],
        *tags["histograms"],
    }
    read = [(event.step, event.value) for event in reader.Scalars("total_loss")]
    assert [step for step, _ in read] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose([v for _, v in read], [v for _, v in read_scalars(tmp_path)["total_loss"]], rtol=1e-6)


def test_every_nth_step_is_traced(tmp_path):
    slim.learning.train(fed_by_queue(), str(tmp_path), number_of_steps=5, trace_every_n_steps=2, log_every_n_steps=0)
    found = sorted(tmp_path.glob("tf_trace-*.json"))
    assert [path.name for path in found] == ["tf_trace-1.json", "tf_trace-3.json", "tf_trace-5.json"]
    for path in found:
        events = json.loads(path.read_text())["traceEvents"]
        assert {"Mul", "ApplyGradientDescent"} <= {event["cat"] for event in events}
        assert all(event["ph"] == "X" and event["dur"] >= 0 for event in events)


def test_a_trace_needs_a_folder_and_a_number(tmp_path):
    train_op = fed_by_queue()
    for logdir, every in ((None, 2), (str(tmp_path), 0)):
        with pytest.raises(ValueError, match="trace_every_n_steps is a positive number, and needs a logdir"):
            slim.learning.train(train_op, logdir, number_of_steps=1, trace_every_n_steps=every)
    step, kwargs = slim.get_or_create_global_step(), {"should_trace": slim.constant(True)}
    with slim.Session() as session, pytest.raises(ValueError, match="logdir must be in train_step_kwargs"):
        slim.learning.train_step(session, train_op, step, kwargs)
