"""Trainings that are killed or told to stop at any instant, beside evaluators and other trainers, in processes of their
own. Every restart succeeds and ends with the bits of an uninterrupted run; no one reads a mixture of two steps.
"""

import os
import platform
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import npslim as slim
from npslim.checkpoint_files import all_in
from npslim.hdf5 import Reader

HERE = Path(__file__).parent
STEPS, SAVE_EVERY = 18, 2

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes by signals")


def start(program, *args):
    """A process of one of the programs for tests."""
    return subprocess.Popen(
        [sys.executable, str(HERE / program), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
    )  # fmt: skip


class Trainings:
    """Trainings in processes of their own, one at a time."""

    def __init__(self):
        self._server = start("training_programs.py")

    def begin(self, folder):
        """Begin to train in `folder`; returns when a checkpoint is saved, or it has ended."""
        before = set(folder.glob("*.h5"))
        self._server.stdin.write(f"{folder} {STEPS} {SAVE_EVERY}\n")
        self._server.stdin.flush()
        self.folder, self.pid = folder, int(self._server.stdout.readline())
        self.wait_until(lambda: set(folder.glob("*.h5")) - before)

    def wait_until(self, condition, seconds=60):
        """Wait until the condition holds, or the training has ended."""
        due = time.monotonic() + seconds
        while not condition() and not select.select([self._server.stdout], [], [], 0.001)[0]:
            assert time.monotonic() < due

    def wait_for_step(self, step):
        """Wait until a checkpoint of this step or a later one is saved."""
        self.wait_until(lambda: any(int(path.stem[11:]) >= step for path in self.folder.glob("*.h5")))

    def send(self, number):
        """Send a signal, unless the training has ended."""
        if not select.select([self._server.stdout], [], [], 0)[0]:
            os.kill(self.pid, number)

    def end(self):
        """(status, what it logged), when it has ended."""
        return int(self._server.stdout.readline()), Path(f"{self.folder}.err").read_text()

    def close(self):
        """No further trainings."""
        self._server.communicate()


@pytest.fixture(scope="module")
def trainings():
    made = Trainings()
    yield made
    made.close()


@pytest.fixture(scope="module")
def uninterrupted(trainings, tmp_path_factory):
    """The digest of an uninterrupted run's end."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    trainings.begin(folder)
    status, errors = trainings.end()
    assert status == 0, errors
    return Path(f"{folder}.out").read_text()


def temporary(folder):
    """The names of files that are half written."""
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


def finish(trainings, folder, expected):
    """Run to the end: with the expected bits, and no temporary file left behind."""
    trainings.begin(folder)
    status, errors = trainings.end()
    assert status == 0, errors
    assert Path(f"{folder}.out").read_text() == expected
    assert not temporary(folder)
    for prefix in all_in(folder):
        with Reader(f"{prefix}.h5") as reader:
            reader.verify()


def killed(trainings, tmp_path, uninterrupted, figure, times, times_in_a_row):
    rng, early, half = random.Random(0), 0, 0
    for i in range(times):
        folder = tmp_path / str(i)
        for _ in range(times_in_a_row):
            trainings.begin(folder)
            if times_in_a_row == 1:
                trainings.wait_for_step(rng.randrange(STEPS - 2))
            time.sleep(rng.random() * 0.02)
            if i % 3 == 0:  # a third is aimed at a save
                trainings.wait_until(lambda folder=folder: temporary(folder))
            trainings.send(signal.SIGKILL)
            early += trainings.end()[0] == -signal.SIGKILL
            half += bool(temporary(folder))
        finish(trainings, folder, uninterrupted)
    figure("P1", "trainings with queues, batch norm, dropout and momentum, killed (-9) at random instants, that ended "
           "with the bits of an uninterrupted one", times)  # fmt: skip
    figure("P1", "kills before the end of a training", early, times * times_in_a_row)
    figure("P1", "kills that left a file half written", half, times * times_in_a_row)
    assert early > 0


def test_killed_at_any_instant(trainings, tmp_path, uninterrupted, figure):
    killed(trainings, tmp_path, uninterrupted, figure, 12, 1)


def test_killed_again_and_again(trainings, tmp_path, uninterrupted, figure):
    killed(trainings, tmp_path, uninterrupted, figure, 1, 8)


@pytest.mark.long
def test_killed_200_times(trainings, tmp_path, uninterrupted, figure):
    killed(trainings, tmp_path, uninterrupted, figure, 200, 1)


@pytest.mark.long
def test_one_run_killed_50_times(trainings, tmp_path, uninterrupted, figure):
    killed(trainings, tmp_path, uninterrupted, figure, 1, 50)


# ---- signals


def signalled(trainings, tmp_path, uninterrupted, figure, times):
    rng, stopped, slowest = random.Random(1), 0, 0.0
    for i in range(times):
        folder, number = tmp_path / str(i), (signal.SIGINT, signal.SIGTERM)[i % 2]
        trainings.begin(folder)
        trainings.wait_for_step(rng.randrange(STEPS - 4))
        time.sleep(rng.random() * 0.02)
        trainings.send(number)
        sent = time.monotonic()
        status, errors = trainings.end()
        if "finishing the step" in errors:
            stopped, slowest = stopped + 1, max(slowest, time.monotonic() - sent)
            assert status == 128 + number, errors
            assert int(slim.latest_checkpoint(str(folder)).rpartition("-")[2]) <= STEPS
        else:  # it had ended before
            assert status == 0, errors
        finish(trainings, folder, uninterrupted)
    figure("P5", "trainings told to stop (SIGINT, SIGTERM) that finished the step, saved, ended with 130 or 143 and "
           "went on with the same bits", stopped, times)  # fmt: skip
    figure("P5", "the longest that one took to stop, in ms", round(1000 * slowest))
    assert stopped > 0


def test_signals(trainings, tmp_path, uninterrupted, figure):
    signalled(trainings, tmp_path, uninterrupted, figure, 4)


@pytest.mark.long
def test_100_signals(trainings, tmp_path, uninterrupted, figure):
    signalled(trainings, tmp_path, uninterrupted, figure, 100)


# ---- several processes at one folder


def beside(tmp_path, figure, seconds):
    """A trainer that saves at every step and keeps two; two evaluators; a second trainer."""
    folder = tmp_path / "model"
    trainer = start("busy_trainer.py", folder)
    while not list(folder.glob("*.h5")) and trainer.poll() is None:
        time.sleep(0.01)
    evaluators = [start("busy_evaluator.py", folder) for _ in range(2)]
    second = start("busy_trainer.py", folder)
    _, refused = second.communicate(timeout=60)
    assert second.returncode == 1 and f"process {trainer.pid} on {platform.node()}" in refused
    time.sleep(seconds)
    (tmp_path / "model.stop").touch()
    seen = 0
    for process in evaluators:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        count, mixed = map(int, out.split())
        assert count > 0 and mixed == 0
        seen += count
    _, errors = trainer.communicate(timeout=60)
    assert trainer.returncode == 0, errors
    saved = int(slim.latest_checkpoint(str(folder)).rpartition("-")[2])
    figure("P6", "evaluations beside a trainer that saves every step and keeps two, all of one step", seen)
    figure("P6", "checkpoints saved meanwhile", saved)
    figure("P6", "second trainers refused with pid and host of the first", 1)


def test_two_evaluators_beside_a_trainer(tmp_path, figure):
    beside(tmp_path, figure, 2)


@pytest.mark.long
def test_two_evaluators_beside_a_trainer_for_a_minute(tmp_path, figure):
    beside(tmp_path, figure, 60)
