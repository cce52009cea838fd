"""Exceptions at random places of random pipelines: each reaches the main thread, no thread stays, a restart goes on."""

import contextlib
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data import parallel_reader, prefetch_queue, readers, tfrecord
from npslim.errors import DataLossError, OutOfRangeError
from npslim.ops import queue_state

FILES, RECORDS = 3, 9
PLACES = ("file", "reader", "decoder", "exit", "enqueue", "dequeue", "close")


class InjectedError(Exception):
    """What the tests throw in."""


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Files of records, each the number of the record."""
    folder = tmp_path_factory.mktemp("faults")
    found = []
    for f in range(FILES):
        found.append(str(folder / f"data-{f}.tfrecord"))
        with tfrecord.TFRecordWriter(found[-1]) as writer:
            for r in range(RECORDS):
                writer.write(b"%d" % (100 * f + r))
    return found


class Faults:
    """Throws `InjectedError` when the place is reached for the `at`-th time."""

    def __init__(self, place=None, at=0):
        self.place, self.at, self.seen = place, at, 0
        self.lock = threading.Lock()

    def reach(self, place):
        """Called by the places."""
        if place == self.place:
            with self.lock:
                self.seen += 1
                due = self.seen == self.at
            if due:
                raise SystemExit(3) if place == "exit" else InjectedError(place)


@contextlib.contextmanager
def watched(faults, monkeypatch):
    """The places inside the package that no function of a user's can be put to."""
    put, take, records = queue_state.Buffer.put, queue_state.Buffer.take, readers.records_with_places

    def watched_records(path, options):
        for record in records(path, options):
            faults.reach("reader")
            yield record

    with monkeypatch.context() as patch:
        patch.setattr(queue_state.Buffer, "put", lambda self, e: (faults.reach("enqueue"), put(self, e))[1])
        patch.setattr(
            queue_state.Buffer, "take", lambda self, *a, **k: (faults.reach("dequeue"), take(self, *a, **k))[1]
        )
        patch.setattr(queue_state.Buffer, "close", watched_close(faults, queue_state.Buffer.close))
        patch.setattr(readers, "records_with_places", watched_records)
        yield


def watched_close(faults, close):
    def closing(self, cancel_pending=False, error=None):
        if error is None and not cancel_pending:
            faults.reach("close")
        return close(self, cancel_pending, error)

    return closing


def pipeline(names, rng, faults):
    """Batches of numbers, by way of a random choice of queues and threads."""
    slim.set_random_seed(int(rng.integers(1000)))
    mixed, threads = bool(rng.integers(2)), int(rng.choice([1, 2, 3, 8]))
    _, record = parallel_reader.parallel_read(
        names, readers.TFRecordReader, num_epochs=int(rng.integers(1, 3)), num_readers=int(rng.integers(1, 4)),
        shuffle=mixed, capacity=int(rng.integers(9, 20)), min_after_dequeue=int(rng.integers(1, 8)), seed=1,
    )  # fmt: skip

    def decode(text):
        faults.reach("decoder")
        faults.reach("exit")
        return np.int64(text)

    number = slim.py_func(decode, [record], slim.int64)
    number.set_shape([])
    size = int(rng.integers(1, 5))
    if mixed:
        found = queues.shuffle_batch([number], size, 20, 7, threads, seed=2, allow_smaller_final_batch=True)
    else:
        found = queues.batch([number], size, threads, 12, allow_smaller_final_batch=True)
    if rng.integers(2):
        queue = prefetch_queue.prefetch_queue([found], capacity=3, dynamic_pad=True)
        found = queue.dequeue()
    return found


def read_all(found):
    """What a program gets: (the numbers, the error or None, the seconds until all threads had ended)."""
    numbers, error, start = [], None, None
    with slim.Session() as session:
        session.run(slim.local_variables_initializer())
        coord = queues.Coordinator()
        threads = queues.start_queue_runners(session, coord)
        try:
            while not coord.should_stop():
                numbers.append(session.run(found))
        except OutOfRangeError:
            start = time.monotonic()
        except BaseException as raised:
            start, error = time.monotonic(), raised
            coord.request_stop(raised)
        coord.request_stop()
        try:
            coord.join(threads, stop_grace_period_secs=60)
        except BaseException as raised:
            error = raised if error is None else error
        seconds = time.monotonic() - (start or time.monotonic())
        assert not any(thread.is_alive() for thread in threads)
    return [int(n) for batch in numbers for n in np.ravel(batch)], error, seconds


def schedule(names, seed, monkeypatch, tmp_path):
    """One pipeline with one fault: (the error, the seconds until the threads had ended)."""
    slim.reset_default_graph()
    rng = np.random.default_rng(seed)
    place, faults = PLACES[seed % len(PLACES)], Faults()
    used, damaged = list(names), int(rng.integers(FILES))
    used[damaged] = str(tmp_path / "last.tfrecord")
    whole = Path(names[damaged]).read_bytes()
    (tmp_path / "last.tfrecord").write_bytes(whole)
    found = pipeline(used, rng, faults)
    expected, error, _ = read_all(found)
    assert error is None and len(expected) % (FILES * RECORDS) == 0
    if place == "file":
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / "last.tfrecord").write_bytes(flipped)
    faults.place, faults.at = place, 1 if place == "close" else int(rng.integers(1, FILES * RECORDS))
    with watched(faults, monkeypatch):
        numbers, error, seconds = read_all(found)
    assert numbers == expected[: len(numbers)]
    (tmp_path / "last.tfrecord").write_bytes(whole)
    faults.place = None
    again, none, _ = read_all(found)
    assert again == expected and none is None
    return place, error, seconds


def check(place, error, names):
    """The error is the one that was thrown in, and says file and record if it is about one."""
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    assert isinstance(error, {"file": DataLossError, "exit": SystemExit}.get(place, InjectedError)), (place, error)
    if place == "file":
        assert "last.tfrecord, record " in text and "at byte" in text
    elif place == "decoder":
        assert ".tfrecord, record " in text and "at byte" in text and "PyFunc" in text
    elif place == "reader":
        assert "TFRecordReader" in text


@pytest.mark.parametrize("count", [42, pytest.param(1000, marks=pytest.mark.long)], ids=["short", "long"])
def test_every_exception_is_reported(names, count, monkeypatch, tmp_path, record_property):
    before = threading.active_count()
    interval = sys.getswitchinterval()
    longest = {}
    try:
        for seed in range(count):
            sys.setswitchinterval(1e-6 if seed % 2 else 5e-3)
            place, error, seconds = schedule(names, seed, monkeypatch, tmp_path)
            check(place, error, names)
            longest[place] = max(longest.get(place, 0.0), seconds)
    finally:
        sys.setswitchinterval(interval)
    assert threading.active_count() == before
    print(f"{count} exceptions reported, threads ended within", {p: round(s, 3) for p, s in longest.items()})
