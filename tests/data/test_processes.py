"""A stage in worker processes: the order, random numbers, errors, and processes that die."""

import multiprocessing
import os

import numpy as np
import pytest
import worker_functions

import npslim as slim
from npslim import queues
from npslim.data.pipeline import Dataset
from npslim.data.processes import in_processes
from npslim.errors import AbortedError, OutOfRangeError


def numbers(count, processes, threads):
    """What a queue-fed stage gives for the records b'0', b'1', ...: one array for each of its results."""
    slim.reset_default_graph()
    slim.set_random_seed(5)
    record = queues.string_input_producer([str(i) for i in range(count)], num_epochs=1, shuffle=False).dequeue()
    out = in_processes(worker_functions.decode, [record], processes)
    assert [t.shape.as_list() for t in out] == [[], [], [2], []]
    batch, found = queues.batch(out, 4, num_threads=threads, allow_smaller_final_batch=True), []
    with slim.Session() as session:
        session.run(slim.local_variables_initializer())
        with queues.QueueRunners(session):
            try:
                while True:
                    found.append(session.run(batch))
            except OutOfRangeError:
                pass
    return [np.concatenate(columns) for columns in zip(*found, strict=True)]


def test_results_do_not_depend_on_the_processes():
    one, other = numbers(11, 1, 1), numbers(11, 2, 3)
    np.testing.assert_array_equal(one[0], np.arange(11))
    np.testing.assert_array_equal(one[1], np.arange(11) ** 2)
    assert len(np.unique(one[2])) == 22
    for a, b in zip(one[:3], other[:3], strict=True):
        np.testing.assert_array_equal(a, b)
    assert os.getpid() not in {*one[3], *other[3]} and len(set(one[3])) == 1
    assert not multiprocessing.active_children()


def test_errors_and_deaths_name_the_record():
    with pytest.raises(ValueError, match="thirteen cannot be decoded") as caught:
        numbers(16, 1, 2)
    notes = "\n".join(caught.value.__notes__)
    assert "in a worker process" in notes and "record   input_producer, element 13" in notes
    with slim.Graph().as_default(), slim.Session() as session:
        record = slim.placeholder(slim.string, [])
        out = in_processes(worker_functions.decode, [record], 1)
        with pytest.raises(AbortedError, match=r"has ended(.|\n)*exit code -9"):
            session.run(out, {record: b"17"})
        assert session.run(out, {record: b"3"})[1] == 9.0  # a new one has taken its place
    assert not multiprocessing.active_children()


def test_datasets_take_them_too():
    data = Dataset.range(6).map(lambda x: in_processes(worker_functions.twice, [x], 1), num_parallel_calls=2)
    following = data.make_one_shot_iterator().get_next()
    with slim.Session() as session:
        assert [session.run(following) for _ in range(6)] == [0, 2, 4, 6, 8, 10]


def test_what_cannot_be_done_is_said(monkeypatch):
    with pytest.raises(TypeError, match="top of a module"):
        in_processes(lambda x: x, [1.0])
    with pytest.raises(ValueError, match="processes >= 1"):
        in_processes(worker_functions.twice, [1.0], 0)
    monkeypatch.setenv("NPSLIM_TEST_PARENT", str(os.getpid()))
    with slim.Session() as session, pytest.raises(LookupError, match="no such table here"):
        session.run(in_processes(worker_functions.broken, [1.0], 1))
