"""A training that was stopped and goes on ends with the bits of one that was not, whatever is in it."""

import itertools
import json
import logging
import shutil
import time

import numpy as np
import pytest
from training_programs import OPTIMIZERS, SCHEDULES, define, from_dataset, from_queues, state, train

import npslim as slim
from npslim import queues
from npslim.checkpoint import take_up
from npslim.checkpoint_files import open_checkpoint
from npslim.data.parallel_reader import parallel_read
from npslim.data.readers import TextLineReader
from npslim.hooks import CheckpointSaverHook, SessionRunArgs, SessionRunHook, StopAtStepHook
from npslim.queues.kinds import FIFOQueue, PriorityQueue, RandomShuffleQueue
from npslim.training import training

STEPS = 10


def pairs():
    """Every optimizer and every schedule, each at least once."""
    longer = itertools.cycle(SCHEDULES)
    return [(optimizer, next(longer)) for optimizer in OPTIMIZERS]


@pytest.mark.parametrize("optimizer, schedule", pairs())
def test_resumed_is_uninterrupted(tmp_path, figure, optimizer, schedule):
    stop = int(np.random.default_rng(len(optimizer + schedule)).integers(1, STEPS))
    whole, parts = [], []
    train(tmp_path / "a", STEPS, losses=whole, optimizer=optimizer, schedule=schedule)
    for steps in (stop, STEPS):
        train(tmp_path / "b", steps, losses=parts, optimizer=optimizer, schedule=schedule)
    assert parts == whole
    assert state(tmp_path / "a", STEPS) == state(tmp_path / "b", STEPS)
    figure("P8", "resumed trainings that are bit-identical: every optimizer and schedule, with queues, augmentation, "
           "batch norm, dropout, moving averages, metrics", 1)  # fmt: skip


@pytest.mark.parametrize("threads, other", [(1, 3), (3, 1)])
def test_with_another_number_of_threads(tmp_path, threads, other):
    losses = {}
    for n in (threads, other):
        losses[n] = []
        train(tmp_path / str(n), 6, losses=losses[n], source=lambda n=n: from_queues(n))
    assert losses[threads] == losses[other]


@pytest.mark.parametrize("seed", [3, None])
def test_datasets(tmp_path, seed, figure):
    """Without a seed two runs agree only from a common checkpoint on."""
    start, whole, parts = tmp_path / "start", [], []
    train(start, 3, source=from_dataset, seed=seed)
    for name in "ab":
        shutil.copytree(start, tmp_path / name)
    train(tmp_path / "a", 9, losses=whole, source=from_dataset, seed=seed)
    for steps in (5, 9):
        train(tmp_path / "b", steps, losses=parts, source=from_dataset, seed=seed)
    assert parts == whole
    assert state(tmp_path / "a", 9) == state(tmp_path / "b", 9)
    if seed is not None:
        train(tmp_path / "c", 9, losses=parts, source=from_dataset, seed=seed)
        assert parts[-6:] == whole
    figure("P8", "resumed trainings from a dataset that are bit-identical, with and without a seed", 1)


def by_hooks(folder, steps):
    """The losses of a training by `slim.training.train`, whose hooks save every two steps."""
    losses = []

    class Note(SessionRunHook):
        def before_run(self, run_context):
            return SessionRunArgs(train_op)

        def after_run(self, run_context, run_values):
            losses.append(float(run_values.results))

    with slim.Graph().as_default():
        train_op, saver = define(), CheckpointSaverHook(str(folder), save_steps=2)
        training.train(
            train_op, str(folder), hooks=[StopAtStepHook(last_step=steps), Note(), saver], save_checkpoint_secs=None
        )
    return losses


def test_monitored_sessions(tmp_path, figure):
    whole = by_hooks(tmp_path / "a", 8)
    assert by_hooks(tmp_path / "b", 5) + by_hooks(tmp_path / "b", 8) == whole
    assert state(tmp_path / "a", 8) == state(tmp_path / "b", 8)
    figure("P8", "resumed trainings by monitored sessions and hooks that are bit-identical", 1)


def files_of(folder, count=3, rows=7):
    paths = []
    for i in range(count):
        path = folder / f"{i}.txt"
        path.write_text("".join(f"{i} {row}\n" for row in range(rows)))
        paths.append(str(path))
    return paths


def lines(paths, limit, checkpoint=None, save_at=None, epochs=2, readers=2, prefix="model"):
    """What a pipeline of files, readers and batches gives from where a checkpoint left it; saves once on the way."""
    with slim.Graph().as_default():
        slim.set_random_seed(1)
        slim.get_or_create_global_step()
        _, line = parallel_read(
            paths, TextLineReader, num_epochs=epochs, num_readers=readers, capacity=9, min_after_dequeue=4, seed=2
        )
        line.set_shape([])
        batch = queues.batch([line], 2, num_threads=2, capacity=5, allow_smaller_final_batch=True)
        session, found, coord = slim.Session(), [], slim.queues.Coordinator()
        session.run([slim.global_variables_initializer(), slim.local_variables_initializer()])
        saver = slim.Saver()
        if checkpoint:
            saver.restore(session, checkpoint)
            take_up(session, checkpoint)
        threads = queues.start_queue_runners(session, coord)
        try:
            while len(found) < limit:
                found.append(b" ".join(session.run(batch)))
                if len(found) == save_at:
                    saver.save(session, prefix, len(found))
        except slim.errors.OutOfRangeError:
            pass
        coord.request_stop()
        coord.join(threads)
        return found


@pytest.mark.parametrize("at", [1, 6, 11, 20])
def test_readers_and_the_end_of_the_data(tmp_path, at):
    paths, prefix = files_of(tmp_path), str(tmp_path / "model")
    whole = lines(paths, 100)
    assert sorted(b" ".join(whole).split()) == sorted(b" ".join(lines(paths, 100, epochs=1)).split() * 2)
    first = lines(paths, at, save_at=at, prefix=prefix)
    assert first + lines(paths, 100, checkpoint=f"{prefix}-{at}") == whole


def test_a_save_disturbs_nothing(tmp_path):
    paths = files_of(tmp_path)
    assert lines(paths, 100) == lines(paths, 100, save_at=5, prefix=str(tmp_path / "m"))


def test_another_input_begins_anew(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    paths, prefix = files_of(tmp_path), str(tmp_path / "model")
    lines(paths, 4, save_at=4, prefix=prefix)
    assert lines(paths[:2], 100, checkpoint=f"{prefix}-4") == lines(paths[:2], 100)
    assert "it begins anew" in caplog.text


def test_a_queue_that_is_fed_by_hand(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    slim.get_or_create_global_step()
    queue, fed = FIFOQueue(10, slim.float32, []), slim.placeholder(slim.float32, [])
    put, close = queue.enqueue(fed), queue.close()
    batch = queues.batch([queue.dequeue()], 2)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    with queues.QueueRunners(session):
        session.run(put, {fed: 1.0})
        start = time.monotonic()
        prefix = slim.Saver().save(session, str(tmp_path / "m"), 0)
        assert time.monotonic() - start < 5 and "do not rest" in caplog.text
        session.run(put, {fed: 2.0})
        assert session.run(batch).tolist() == [1.0, 2.0]
        session.run(close)
    with open_checkpoint(prefix) as reader:
        assert "input" not in reader.meta


QUEUES = {
    "fifo": lambda: FIFOQueue(20, [slim.int64, slim.string], [[], []]),
    "shuffle": lambda: RandomShuffleQueue(20, 4, [slim.int64, slim.string], [[], []], seed=1),
    "priority": lambda: PriorityQueue(20, slim.string, [[]]),
}


def queue_session(kind, saved=()):
    """(session, an op that puts seven elements, a dequeue, an op that closes) of a fresh queue."""
    slim.reset_default_graph()
    queue = QUEUES[kind]()
    put = queue.enqueue_many([np.array([5, 3, 8, 1, 9, 2, 7]), [b"a", b"\0", b"", b"dd", b"e", b"f", b"g"]])
    taken, close, session = queue.dequeue(), queue.close(), slim.Session()
    session.store.saved.update(saved)
    return session, put, taken, close


def rest_of(session, taken, close):
    """All elements that are left."""
    session.run(close)
    found = []
    with pytest.raises(slim.errors.OutOfRangeError):
        while True:
            found.append(session.run(taken))
    return found


@pytest.mark.parametrize("kind", QUEUES)
def test_queues_one_by_one(kind):
    session, put, taken, close = queue_session(kind)
    session.run(put)
    first = [session.run(taken) for _ in range(2)]
    ((name, cell),) = session.store.cells.items()
    facts, elements = cell.value[()].state()
    saved = {name: (json.loads(json.dumps(facts)), elements)}
    left = rest_of(session, taken, close)
    assert len(first + left) == 7
    session, _, taken, close = queue_session(kind, saved)
    assert rest_of(session, taken, close) == left
