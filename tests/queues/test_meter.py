"""What the training log says of the input."""

import logging
import re
import time

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data.pipeline import Dataset


def lines_of_training(rows, caplog, monkeypatch):
    w = slim.model_variable("w", [], initializer=slim.ones_initializer())
    loss = slim.reduce_mean(slim.square(w - slim.cast(rows, slim.float32)))
    train_op = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.01))
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    caplog.set_level(logging.INFO)
    slim.learning.train(train_op, None, number_of_steps=5)
    return [r.getMessage() for r in caplog.records if "sec/step" in r.getMessage()]


def slow(number):
    time.sleep(0.01)
    return number


def test_the_log_says_how_long_a_step_waits_and_how_full_the_queue_is(caplog, monkeypatch):
    number = slim.py_func(slow, [queues.range_input_producer(50).dequeue()], slim.int32)
    number.set_shape([])
    lines = lines_of_training(queues.batch([number], 4, capacity=9), caplog, monkeypatch)
    shape = r"global step \d: loss = \d+\.\d{4} \(\d\.\d{3} sec/step\) waiting for input: (\d+)% of the step, "
    shares = [re.fullmatch(shape + r"batch/fifo_queue holds \d of 9", line).group(1) for line in lines]
    assert len(shares) == 5 and any(0 < int(share) <= 100 for share in shares)


def test_iterators_are_input_too(caplog, monkeypatch):
    numbers = Dataset.range(100).map(lambda x: slim.py_func(slow, [x], slim.int64)).batch(2)
    lines = lines_of_training(numbers.make_one_shot_iterator().get_next(), caplog, monkeypatch)
    shares = [re.search(r" waiting for input: (\d+)% of the step$", line).group(1) for line in lines]
    assert len(shares) == 5 and any(0 < int(share) <= 100 for share in shares)


def test_no_input_no_words(caplog, monkeypatch):
    lines = lines_of_training(slim.constant(np.arange(3)), caplog, monkeypatch)
    assert len(lines) == 5 and all(line.endswith(" sec/step)") for line in lines)


def test_what_queue_runners_wait_is_not_counted():
    out = queues.batch([queues.range_input_producer(50).dequeue()], 4, capacity=8)
    with slim.Session() as session:
        meter = queues.InputMeter(session)
        assert meter.fill() is None and meter.describe(1.0) == ""
        with queues.QueueRunners(session):
            time.sleep(0.05)  # the runners wait for room
            assert meter.share(1.0) == 0.0
            session.run(out)
            assert meter.fill()[0] == "batch/fifo_queue" and meter.fill()[2] == 8
    assert meter.share(0.0) == 0.0 and 0.0 <= meter.share(1e-9) <= 1.0


@pytest.mark.parametrize("seconds, share", [(2.0, 0.25), (0.25, 1.0)])
def test_shares(seconds, share):
    class Fake:
        waited, input_queue = 1.0, None

    meter = queues.InputMeter(Fake)
    Fake.waited = 1.5
    assert meter.share(seconds) == share
    Fake.waited = 1.0
