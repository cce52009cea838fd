"""The training loop with everything around it: input queues, summaries, validation, signals, errors."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import npslim as slim
from npslim import queues
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
