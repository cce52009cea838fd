"""Saving when the system fails: faults at every file operation, power loss, a full disk, clocks that jump."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import npslim as slim
from npslim import _io, checkpoint_files, evaluation, hooks
from npslim.checkpoint_files import all_in
from npslim.errors import CheckpointWriteError
from npslim.hdf5 import Reader


class Saves:
    """Saves steps to a folder by a Saver that keeps `keep`: two variables that hold the step."""

    def __init__(self, keep=2, rows=40):
        slim.reset_default_graph()
        self.step = slim.get_variable("step", [], slim.int64, initializer=slim.zeros_initializer())
        self.w = slim.get_variable("w", [rows, 7], initializer=slim.zeros_initializer())
        self.session, self.saver = slim.Session(), slim.Saver(max_to_keep=keep)

    def __call__(self, folder, step):
        self.step.load(step, self.session)
        self.w.load(np.full(self.w.shape.as_list(), step, np.float32), self.session)
        return self.saver.save(self.session, os.path.join(folder, "model.ckpt"), step)


def loaded(folder):
    """The step of the latest checkpoint, all of whose tensors must be of that step."""
    with Reader(checkpoint_files.path_of(checkpoint_files.latest(folder))) as reader:
        step = int(reader.read("step"))
        assert (reader.read("w") == step).all()
    return step


class Killed(BaseException):
    """Stands for the end of the process."""


FAULTS = {
    "EIO": lambda path: OSError(errno.EIO, "injected", path),
    "ENOSPC": lambda path: OSError(errno.ENOSPC, "injected", path),
    "EINTR": lambda path: InterruptedError(errno.EINTR, "injected"),
    "kill": lambda path: Killed(),
}


def prepared(folder, keep=2, rows=40):
    """What saves, of a folder with two checkpoints, or the last `keep` of them; the third save deletes one."""
    save = Saves(keep, rows)
    save(folder, 1), save(folder, 2)
    return save


def test_a_fault_at_every_operation(tmp_path, figure, monkeypatch):
    monkeypatch.setattr(_io, "_CHUNK", 400)  # several writes
    seen, cases = [], 0
    save = prepared(tmp_path / "two")
    shutil.copytree(tmp_path / "two", tmp_path / "count")
    with _io.faults(lambda number, operation, path: seen.append(operation)):
        save(tmp_path / "two", 3)
    assert seen.count("write") > 5 and seen[-1] == "remove" and seen.count("fsync folder") == 2
    for fault, k in itertools.product(FAULTS, range(1, len(seen) + 1)):
        folder, failed = tmp_path / f"{fault}{k}", None
        shutil.copytree(tmp_path / "count", folder)
        save.saver.set_last_checkpoints(all_in(folder))

        def plan(number, operation, path, fault=fault, k=k, done=set()):  # noqa: B006 - EINTR comes once
            if number == k and (fault, k) not in done:
                done.add((fault, k))
                raise FAULTS[fault](path)

        with _io.faults(plan):
            try:
                save(folder, 3)
            except (CheckpointWriteError, Killed) as error:
                failed = error
        assert loaded(folder) == 3 if failed is None else loaded(folder) in (2, 3)
        if isinstance(failed, CheckpointWriteError):
            assert str(folder) in str(failed) and "injected" in str(failed) and "bytes free" in str(failed)
            assert fault != "EINTR" and not [name for name in os.listdir(folder) if name.endswith(".tmp")]
        assert failed is not None or fault == "EINTR" or seen[k - 1] == "remove"
        save(folder, 4)
        assert loaded(folder) == 4
        cases += 1
    figure("P2", "file operations of a save at which EIO, ENOSPC, EINTR or a kill left the checkpoint before or the "
           "new one", cases)  # fmt: skip


# ---- power loss


class Disk:
    """What a save asked of the disk, and what may be on it after a loss of power.

    A name or a piece of a file is on the disk for certain once the folder or the file was synced after it.
    """

    def __init__(self, folder):
        self.names = {name: name for name in os.listdir(folder)}  # {name: file}
        self.files = {name: (folder / name).read_bytes() for name in self.names}
        self.log = []

    def record(self, monkeypatch):
        """Note every operation of `_io`, which goes on doing it."""
        real = {name: getattr(_io, name) for name in ("create", "write", "fsync", "rename", "fsync_folder", "remove")}
        base = os.path.basename

        def noted(name, note):
            def call(*args):
                self.log.append(note(*args))
                return real[name](*args)

            monkeypatch.setattr(_io, name, call)

        noted("create", lambda path: ("names", {base(path): base(path)}))
        noted("write", lambda fd, data, path: ("data", base(path), bytes(data)))
        noted("fsync", lambda fd, path: ("sync", base(path)))
        noted("rename", lambda old, new: ("names", {base(old): None, base(new): base(old)}))
        noted("fsync_folder", lambda path: ("sync", None))
        noted("remove", lambda path: ("names", {base(path): None}))

    def pieces(self, size=512):
        """The log with its writes cut into pieces of `size` bytes."""
        for entry in self.log:
            if entry[0] == "data":
                for at in range(0, len(entry[2]), size):
                    yield "data", entry[1], entry[2][at : at + size]
            else:
                yield entry

    def states(self, synced=True):
        """Contents of the folder, {name: bytes}, that may be found after a loss of power.

        After each operation: all of those not synced are done, none is, one is missing, or only one is done; so
        writes are torn at every 512 bytes. synced=False: as if nothing was ever synced.
        """
        log = list(self.pieces())
        for k in range(len(log) + 1):
            loose = [i for i in range(k) if log[i][0] != "sync" and not (synced and self._is_synced(log[:k], i))]
            certain = [i for i in range(k) if log[i][0] != "sync" and i not in loose]
            choices = [loose, [], *([i] for i in loose), *([j for j in loose if j != i] for i in loose)]
            for choice in choices:
                yield self._after([log[i] for i in sorted([*certain, *choice])])

    @staticmethod
    def _is_synced(log, i):
        of = None if log[i][0] == "names" else log[i][1]
        return ("sync", of) in log[i:]

    def _after(self, entries):
        names, files = dict(self.names), dict(self.files)
        for kind, *what in entries:
            if kind == "data":
                files[what[0]] = files.get(what[0], b"") + what[1]
            else:
                names.update(what[0])
        return {name: files.get(file, b"") for name, file in names.items() if file is not None}


def survives(folder, state):
    """Whether a folder of these contents gives step 2 or 3."""
    for name in set(os.listdir(folder)) - set(state):
        os.unlink(folder / name)
    for name, content in state.items():
        (folder / name).write_bytes(content)
    try:
        return loaded(folder) in (2, 3)
    except (AssertionError, TypeError):
        return False


def power_loss(tmp_path, figure, monkeypatch, rows):
    for name in ("run", "found", "control"):
        (tmp_path / name).mkdir()
    save = prepared(tmp_path / "run", keep=1, rows=rows)
    disk = Disk(tmp_path / "run")
    with monkeypatch.context() as patched:
        disk.record(patched)
        save(tmp_path / "run", 3)
    states = list({repr(sorted(s.items())): s for s in disk.states()}.values())
    good = sum(survives(tmp_path / "found", state) for state in states)
    assert good == len(states) > 30
    figure("P3", "contents of the disk after a simulated loss of power from which the checkpoint before or the new one "
           "loads", good)  # fmt: skip
    without = list({repr(sorted(s.items())): s for s in disk.states(synced=False)}.values())
    lost = sum(not survives(tmp_path / "control", state) for state in without)
    assert lost > 0  # the test can fail
    figure("P3", "the same without fsync: contents from which neither loads (control)", lost, len(without))


def test_power_loss(tmp_path, figure, monkeypatch):
    power_loss(tmp_path, figure, monkeypatch, 40)


@pytest.mark.long
def test_power_loss_in_many_states(tmp_path, figure, monkeypatch):
    power_loss(tmp_path, figure, monkeypatch, 1000)


# ---- a full disk


def test_a_full_disk(tmp_path, figure):
    """A limit on the size of files (RLIMIT_FSIZE), and /dev/full, both in another process."""
    program = """
        import os, resource, signal, sys
        sys.path.insert(0, sys.argv[2])
        from test_save_faults import _io, check_refused, loaded, prepared
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        folder = sys.argv[1]
        save = prepared(folder)
        size = os.path.getsize(folder + "/model.ckpt-2.h5")
        for limit in [int(size * i / 50) for i in range(50)]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            check_refused(save, folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if os.path.exists("/dev/full"):
            create, _io.create = _io.create, lambda path: os.open("/dev/full", os.O_WRONLY)
            check_refused(save, folder)
            _io.create = create
        save(folder, 4)
        assert loaded(folder) == 4
        print("all refused")
    """
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), here], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == "all refused\n", done.stderr
    figure("P4", "sizes of a full disk at which the save was refused and the checkpoint before stayed whole", 51)


def check_refused(save, folder):
    """Saving step 3 fails with the right error and leaves step 2 and no temporary file."""
    with pytest.raises(CheckpointWriteError) as caught:
        save(folder, 3)
    assert "model.ckpt-3.h5 could not be written" in str(caught.value) and "bytes free" in str(caught.value)
    assert loaded(folder) == 2 and not [name for name in os.listdir(folder) if name.endswith(".tmp")]


# ---- clocks


@pytest.fixture(params=["steady", "a day ahead", "a day back", "an hour to and fro", "frozen"])
def clock(request, monkeypatch):
    """Monotonic time that only `tick` moves, and a time of day that jumps."""
    passed, jumps = [0.0], {"steady": 0, "a day ahead": 86400, "a day back": -86400, "frozen": 0}

    def tick(seconds):
        passed[0] += seconds

    def time_of_day():
        if request.param == "frozen":
            return 1.7e9
        if request.param == "an hour to and fro":
            return 1.7e9 + passed[0] + (3600 if int(passed[0]) % 2 else -3600)
        return 1.7e9 + passed[0] + (jumps[request.param] if passed[0] > 30 else 0)

    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "time", time_of_day)
    monkeypatch.setattr(time, "sleep", tick)
    return tick


def test_intervals_are_of_monotonic_time(tmp_path, clock, figure):
    """100 steps of one second: whatever happens every 10 seconds happens 10 times (or once more, at the end)."""
    w = slim.get_variable("w", [], initializer=slim.ones_initializer())
    slim.summaries.add_scalar_summary(w, "w")
    train_op = slim.learning.create_train_op(w * w, slim.GradientDescentOptimizer(0.0))
    saver, saved = slim.Saver(), []
    save = saver.save
    saver.save = lambda session, prefix, global_step: saved.append(global_step) or save(session, prefix, global_step)
    written = []

    class Writer:
        def add_summary(self, summary, step):
            written.append(step)

        def flush(self):
            pass

    def step_fn(*args):
        clock(1.0)
        return slim.learning.train_step(*args)

    slim.learning.train(
        train_op, str(tmp_path), step_fn, number_of_steps=100, saver=saver, save_interval_secs=10,
        save_summaries_secs=10, summary_writer=Writer(), log_every_n_steps=0,
    )  # fmt: skip
    assert 9 <= len(saved) <= 11 and 9 <= len(written) <= 11
    timer = hooks.SecondOrStepTimer(every_secs=10)
    fired = 0
    for step in range(100):
        clock(1.0)
        if timer.should_trigger_for_step(step):
            timer.update_last_triggered_step(step)
            fired += 1
    assert 9 <= fired <= 11
    assert (
        evaluation.wait_for_new_checkpoint(str(tmp_path / "none"), timeout=5) is None
    )  # ends, though the clock stands
    figure("P7", "intervals (saves, summaries, hooks) within 10 % though the clock jumps or stands", 3)


def test_what_is_deleted_goes_by_step(tmp_path, figure):
    save = Saves(keep=3)
    for step in range(1, 8):
        save(tmp_path, step)
        for i, name in enumerate(sorted(os.listdir(tmp_path), reverse=True)):
            os.utime(tmp_path / name, (i * 1e6, i * 1e6))
        steps = sorted(int(name[11:-3]) for name in os.listdir(tmp_path) if name.endswith(".h5"))
        assert steps == list(range(max(1, step - 2), step + 1)) and loaded(tmp_path) == step
    figure("P7", "deletions in order of steps, whatever the files' times", 4)


def test_one_in_so_many_hours_stays(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    save = Saves()
    save.saver = slim.Saver(max_to_keep=2, keep_checkpoint_every_n_hours=1.0)
    for step in range(1, 13):
        now[0] += 1200.0
        save(tmp_path, step)
    kept = sorted(int(name[11:-3]) for name in os.listdir(tmp_path) if name.endswith(".h5"))
    assert kept == [3, 6, 9, 11, 12]
