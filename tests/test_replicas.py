"""Synchronous replicas: several small batches give the update of the whole one."""

import numpy as np
import pytest

import npslim as slim
from npslim.checkpoint_reader import NewCheckpointReader
from npslim.errors import FailedPreconditionError
from npslim.replicas import SyncReplicasOptimizer

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.random.default_rng(1).normal(size=(12, 1))


def trained(batches, optimizer, steps):
    """(weights, global step, session) after so many steps of a least-squares problem, batch by batch."""
    with slim.Graph().as_default():
        x, y = slim.placeholder(slim.float64, [None, 3]), slim.placeholder(slim.float64, [None, 1])
        w = slim.get_variable("w", initializer=np.ones((3, 1)))
        loss = slim.reduce_mean(slim.square(x @ w - y))
        step = slim.get_or_create_global_step()
        train = optimizer.minimize(loss, step)
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        for i in range(steps):
            part = slice(i % batches * (12 // batches), (i % batches + 1) * (12 // batches))
            session.run(train, {x: X[part], y: Y[part]})
        return session.run(w), session.run(step), session


@pytest.mark.parametrize("kind", [slim.GradientDescentOptimizer, slim.AdamOptimizer])
def test_small_batches_make_a_large_one(kind):
    whole, _, _ = trained(1, kind(0.1), 5)
    parts, step, _ = trained(4, SyncReplicasOptimizer(kind(0.1), 4, total_num_replicas=4), 20)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    assert step == 5
    between, step, _ = trained(4, SyncReplicasOptimizer(kind(0.1), 4), 22)
    np.testing.assert_array_equal(between, parts)
    assert step == 5


def test_rows_slots_and_averages():
    table = slim.get_variable("t", initializer=np.zeros((4, 2)))
    loss = slim.reduce_sum(slim.gather(table, [1, 1, 3]))
    ema = slim.ExponentialMovingAverage(0.5)
    optimizer = SyncReplicasOptimizer(
        slim.MomentumOptimizer(1.0, 0.5), 2, variable_averages=ema, variables_to_average=[table]
    )
    with pytest.raises(FailedPreconditionError, match="after apply_gradients"):
        optimizer.get_chief_queue_runner()
    train = optimizer.minimize(loss, slim.get_or_create_global_step())
    assert optimizer.get_slot_names() == ["momentum"] and optimizer.get_slot(table, "momentum").op.name == "t/Momentum"
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        session.run(train)
    np.testing.assert_array_equal(session.run(table), -np.array([[0, 0], [2, 2], [0, 0], [1, 1]]))
    np.testing.assert_array_equal(session.run(ema.average(table))[:2], [[0, 0], [-1, -1]])
    assert [v.op.name for v in optimizer.variables()] == ["t/Momentum"]
    session.run(optimizer.get_init_tokens_op())
    threads = optimizer.get_chief_queue_runner().create_threads(session, daemon=True, start=True)
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_slim_trains_with_it(tmp_path):
    w = slim.get_variable("w", initializer=4.0)
    slim.losses.add_loss(w * w)
    optimizer = SyncReplicasOptimizer(slim.GradientDescentOptimizer(0.25), 3, 3)
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), optimizer)
    slim.learning.train(train_op, str(tmp_path), number_of_steps=2, sync_optimizer=optimizer, log_every_n_steps=100)
    assert NewCheckpointReader(str(tmp_path / "model.ckpt-2")).get_tensor("w") == 1.0


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda o: SyncReplicasOptimizer(o, 0), "there must be a replica"),
        (lambda o: SyncReplicasOptimizer(o, 1, variable_averages=slim.ExponentialMovingAverage(0.5)), "go together"),
        (
            lambda o: SyncReplicasOptimizer(o, 1).minimize(slim.get_variable("w", initializer=1.0) * 2.0),
            "step is required",
        ),
        (
            lambda o: SyncReplicasOptimizer(o, 1).apply_gradients([], slim.get_or_create_global_step()),
            "No gradients provided",
        ),
    ],
)  # fmt: skip
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make(slim.GradientDescentOptimizer(0.1))
