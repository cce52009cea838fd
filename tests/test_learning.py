"""Training: what a train op does, how `train` logs, saves, resumes to the bit, and ends."""

import logging
import os

import numpy as np
import pytest

import npslim as slim
from npslim.hdf5 import Reader

X = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)


def define(seed=3):
    """A train op of a net with batch norm, dropout and Adam on random rows of X."""
    slim.set_random_seed(seed)
    rows = slim.random_uniform([8], 0, len(X), dtype=slim.int32)
    x = slim.fully_connected(slim.gather(slim.constant(X), rows), 6, normalizer_fn=slim.batch_norm)
    x = slim.fully_connected(slim.dropout(x, 0.7), 1, activation_fn=None)
    return slim.learning.create_train_op(slim.reduce_mean(slim.square(x - 1.0)), slim.AdamOptimizer(0.01))


def train(logdir, steps, **options):
    with slim.Graph().as_default():
        return slim.learning.train(define(), str(logdir), number_of_steps=steps, log_every_n_steps=0, **options)


def saved(logdir, step):
    with Reader(os.path.join(logdir, f"model.ckpt-{step}.h5")) as reader:
        return {name: reader.crc32(name) for name in reader.names()}, reader.meta["draws"]


@pytest.fixture
def log(caplog, monkeypatch):
    """The lines of npslim's log."""
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    caplog.set_level(logging.INFO)
    return caplog


def test_resumed_is_uninterrupted(tmp_path):
    train(tmp_path / "a", 20)
    for steps in (7, 8, 20):
        train(tmp_path / "b", steps)
    assert saved(tmp_path / "a", 20) == saved(tmp_path / "b", 20)
    assert any("dropout" in name for name in saved(tmp_path / "a", 20)[1])


def test_log_line_and_steps(tmp_path, log):
    with slim.Graph().as_default():
        slim.learning.train(define(), str(tmp_path), number_of_steps=6, log_every_n_steps=2)
    lines = [r.getMessage() for r in log.records if "global step" in r.getMessage()]
    assert [line.split(":")[0] for line in lines] == ["global step 2", "global step 4", "global step 6"]
    assert all("loss = " in line and line.endswith(" sec/step)") for line in lines)


def test_update_ops_run(log):
    x = slim.constant(X)
    slim.batch_norm(x, decay=0.0, scope="bn")
    w = slim.get_variable("w", [])
    train_op = slim.learning.create_train_op(w * w, slim.GradientDescentOptimizer(0.1))
    left_out = slim.learning.create_train_op(w * w, slim.GradientDescentOptimizer(0.1), update_ops=[])
    assert any("does not contain all the update_ops" in r.getMessage() for r in log.records)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    mean = slim.get_unique_variable("bn/moving_mean")
    session.run(left_out)
    np.testing.assert_array_equal(session.run(mean), np.zeros(5))
    session.run(train_op)
    np.testing.assert_allclose(session.run(mean), X.mean(0), rtol=1e-5, atol=1e-6)
    assert session.run(slim.get_global_step()) == 2


def test_clipping_and_multipliers():
    w = slim.get_variable("w", [2], initializer=slim.constant_initializer([3.0, 4.0]))
    v = slim.get_variable("v", [], initializer=slim.constant_initializer(1.0))
    loss = slim.reduce_sum(w * w) / 2.0 + v
    train_op = slim.learning.create_train_op(
        loss, slim.GradientDescentOptimizer(1.0), clip_gradient_norm=1.0, gradient_multipliers={v: 0.5, "w": 2.0}
    )
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    assert session.run(train_op) == 13.5
    np.testing.assert_allclose(session.run(w), [3 - 0.6, 4 - 0.8], rtol=1e-6)  # 2 * (3, 4) has norm 10
    assert session.run(v) == 0.5


def test_a_loss_that_is_not_finite_stops_before_it_is_saved(tmp_path):
    w = slim.get_variable("w", [], initializer=slim.constant_initializer(1.0))
    loss = slim.log(w)
    train_op = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.6))
    with pytest.raises(ValueError, match="LossTensor is inf or nan : Tensor had NaN values") as caught:
        slim.learning.train(train_op, str(tmp_path), number_of_steps=50, log_every_n_steps=0, save_interval_secs=0)
    assert "test_learning.py" in "".join(caught.value.__notes__)
    with Reader(slim.latest_checkpoint(str(tmp_path)) + ".h5") as reader:
        assert np.isfinite(reader.read("w"))


def test_the_end_of_the_input_ends_training(tmp_path, log):
    counter = slim.local_variable(slim.constant(0, slim.int64), name="input")
    w = slim.get_variable("w", [])
    loss = w * w + slim.cast(counter.count_up_to(3), slim.float32)
    train_op = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.1))
    slim.learning.train(train_op, str(tmp_path), log_every_n_steps=0)
    assert slim.latest_checkpoint(str(tmp_path)).endswith("-3")
    assert any("Caught OutOfRangeError" in r.getMessage() for r in log.records)


def test_init_fn_and_own_steps(tmp_path):
    with slim.Graph().as_default():
        w = slim.get_variable("w", [], initializer=slim.zeros_initializer())
        train_op = slim.learning.create_train_op(w * w, slim.GradientDescentOptimizer(0.0))
        seen = []

        def step(session, train_op, global_step, kwargs):
            seen.append(float(session.run(w)))
            return slim.learning.train_step(session, train_op, global_step, kwargs)

        options = dict(number_of_steps=2, log_every_n_steps=0, train_step_fn=step)
        last = slim.learning.train(train_op, str(tmp_path), init_fn=lambda session: w.load(2.0, session), **options)
    assert seen == [2.0, 2.0] and last == 4.0


def test_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with slim.Graph().as_default():
        slim.learning.train(define(), None, number_of_steps=2, log_every_n_steps=0)
    assert os.listdir(tmp_path) == []


def test_refusals(tmp_path):
    w = slim.get_variable("w", [])
    fixed = slim.get_variable("fixed", [], trainable=False)
    optimizer = slim.GradientDescentOptimizer(0.1)
    train_op = slim.learning.create_train_op(w * w, optimizer)
    with pytest.raises(ValueError, match="not trainable"):
        slim.learning.create_train_op(w * w, optimizer, variables_to_train=[fixed])
    with pytest.raises(ValueError, match="train_op cannot be None"):
        slim.learning.train(None, str(tmp_path))
    with pytest.raises(ValueError, match="number_of_steps"):
        slim.learning.train(train_op, str(tmp_path), number_of_steps=-1)
    with pytest.raises(ValueError, match="must be a list"):
        slim.learning.multiply_gradients((), {w: 1.0})
    with pytest.raises(ValueError, match="dictionary that is not empty"):
        slim.learning.multiply_gradients([], {})
    with pytest.raises(ValueError, match="multiple of `None` gradient"):
        slim.learning.multiply_gradients([(None, w)], {w: 1.0})
    assert slim.learning.clip_gradient_norms([(None, w)], 1.0) == [(None, w)]
