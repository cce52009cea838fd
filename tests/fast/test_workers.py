"""Threads: the same bits for any number of them, errors that come back, work that is cut by the shape alone."""

import threading

import numpy as np
import pytest

import npslim as slim
from npslim.data import digits
from npslim.errors import InvalidArgumentError
from npslim.fast import broadcast, near, several, softmax, tiles, workers
from npslim.fast.arena import Arena
from npslim.fast.kernels import FAST


def mlp(x):
    return slim.stack(slim.flatten(x), slim.fully_connected, [64, 32, 10])


def lenet(x):
    net = slim.max_pool2d(slim.conv2d(x, 8, [5, 5]), [2, 2])
    net = slim.max_pool2d(slim.conv2d(net, 16, [3, 3]), [2, 2])
    net = slim.dropout(slim.fully_connected(slim.flatten(net), 32), 0.5)
    return slim.fully_connected(net, 10, activation_fn=None)


def separable(x):
    with slim.arg_scope([slim.conv2d, slim.separable_conv2d], normalizer_fn=slim.batch_norm):
        net = slim.conv2d(x, 8, [3, 3], stride=2)
        net = slim.separable_conv2d(net, 16, [3, 3])
        net = slim.avg_pool2d(slim.conv2d(net, 16, [1, 1]), [2, 2])
    return slim.fully_connected(slim.flatten(net), 10, activation_fn=None)


def trained(net, threads, steps):
    """The variables after some steps."""
    images, labels = digits.load()
    images = images.repeat(2, 1).repeat(2, 2)
    with slim.Graph().as_default():
        slim.set_random_seed(3)
        x, y = slim.placeholder(slim.float32, [None, 16, 16, 1]), slim.placeholder(slim.int64, [None])
        slim.losses.sparse_softmax_cross_entropy(net(x), y)
        train = slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.02, 0.9))
        session = slim.Session(kernels="fast", threads=threads)
        session.run(slim.global_variables_initializer())
        for i in range(steps):
            rows = slice(i * 16 % 1600, i * 16 % 1600 + 16)
            session.run(train, {x: images[rows], y: labels[rows]})
        return session.run(slim.global_variables())


@pytest.mark.parametrize("steps", [20, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("net", [mlp, lenet, separable])
def test_the_same_bits_for_any_number_of_threads(net, steps, monkeypatch):
    monkeypatch.setattr(workers, "SHORTEST", 0.0)  # share out everything, however small
    monkeypatch.setattr(workers, "LEAST", 0.0)
    first, *others = [trained(net, threads, steps) for threads in (1, 2, 4)]
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def drawn(*shapes):
    """Positive numbers."""
    rng = np.random.default_rng(5)
    return [rng.uniform(0.1, 1, shape).astype("f") for shape in shapes]


WINDOWS = {"strides": 1, "padding": "SAME"}
FILTERS = (6, 9, 8, 3), (3, 3, 3, 4), (6, 9, 8, 12)  # images, four filters for each channel, what they give
WORKS = {
    "local_response_normalization": (drawn((40, 9)), {"depth_radius": 2, "beta": 0.75}),
    "sum_of_near": (drawn((40, 9)), {"radius": 3}),
    "pow": ([*drawn((40, 9)), np.float32(-0.75)], {}),
    "depthwise_conv2d_native": (drawn(*FILTERS[:2]), WINDOWS),
    "depthwise_conv2d_native_backprop_input": (drawn(*FILTERS), WINDOWS),
    "depthwise_conv2d_native_backprop_filter": (drawn(*FILTERS), WINDOWS),
    "softmax": (drawn((400, 90)), {}),
    "log_softmax": (drawn((400, 90)), {}),
    "where_v2": ([np.arange(36_000) % 3 > 0, *drawn(36_000, ())], {}),
    "multiply": (drawn((400, 90), (400, 1)), {}),
}


@pytest.mark.parametrize("name", WORKS)
def test_kernels_give_the_same_bits_for_any_number_of_threads(name, monkeypatch):
    for module, number, size in (
        (workers, "SHORTEST", 0.0), (workers, "LEAST", 0.0), (several, "PLACES", 20), (near, "SMALL", 1),
        (near, "BLOCK", 20), (near, "LONG", 20), (broadcast, "BLOCK", 1000), (softmax, "BLOCK", 1000),
    ):  # fmt: skip
        monkeypatch.setattr(module, number, size)
    monkeypatch.setattr(several, "figures", lambda: {"tile": 1000})
    arrays, attrs = WORKS[name]
    shared, share = [], workers._share
    monkeypatch.setattr(workers, "_share", lambda *given: shared.append(len(given[1])) or share(*given))
    results = []
    for threads in (1, 2, 4, 4):
        with workers.sharing(threads):
            results.append(FAST[name](Arena(), *arrays, **attrs).copy())
    assert shared or name.endswith("_input")  # that is a few passes, here of one part each
    for result in results[1:]:
        np.testing.assert_array_equal(results[0].view(np.int32), result.view(np.int32))


def test_work_is_shared_and_done_once(monkeypatch):
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)
    done, who, met = [], set(), threading.Barrier(3, timeout=20)

    def work(item):
        if item in (1, 2, 3):
            met.wait()  # three threads at once
        done.append(item)
        who.add(threading.get_ident())

    with workers.sharing(3):
        workers.each(work, range(20))
    assert sorted(done) == list(range(20))
    assert len(who) == 3


def test_a_thread_begins_at_an_end_of_its_own(monkeypatch):
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)
    met, first = threading.Barrier(2, timeout=20), {}

    def work(item):
        if threading.get_ident() not in first:
            first[threading.get_ident()] = item
            met.wait()  # both have begun

    workers._note((work.__code__, 10), 1e-3)
    with workers.sharing(2):
        workers.each(work, range(10))
    assert first.pop(threading.get_ident()) == 0 and list(first.values()) == [9]


def test_numpys_buffer_is_short_in_a_run_and_in_its_threads_only(monkeypatch):
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)
    sizes, met, before = [], threading.Barrier(2, timeout=20), np.getbufsize()

    def work(item):
        if item:
            met.wait()
        sizes.append(np.getbufsize())

    with workers.running(2):
        workers.each(work, range(3))
        with workers.sharing(1):
            sizes.append(np.getbufsize())
        sizes.append(np.getbufsize())
    assert sizes == [workers.BUFFER] * 5 and workers.BUFFER != before == np.getbufsize()
    seen = slim.py_func(lambda: np.int64(np.getbufsize()), [], slim.int64)
    assert slim.Session().run(seen) == workers.BUFFER
    with pytest.raises(ZeroDivisionError):
        slim.Session().run(slim.py_func(lambda: 1 // 0, [], slim.int64))
    assert np.getbufsize() == before


@pytest.mark.parametrize("found", [True, False])
def test_numpy_says_nothing_in_a_run_and_what_it_says_elsewhere_stays(found, monkeypatch):
    """Whether the place of NumPy's settings is found or not."""
    assert workers._settings
    monkeypatch.setattr(workers, "_settings", workers._settings if found else [])
    with np.errstate(divide="raise", over="warn"):
        before, size = np.geterr(), np.getbufsize()
        with workers.running(1):
            assert set(np.geterr().values()) == {"ignore"} and np.getbufsize() == workers.BUFFER
            with np.errstate(invalid="raise"), workers.running(1):  # a run in a run
                assert set(np.geterr().values()) == {"ignore"}
            assert set(np.geterr().values()) == {"ignore"}
        with pytest.raises(ValueError, match="in a run"), workers.running(1):
            raise ValueError("in a run")
        assert np.geterr() == before and np.getbufsize() == size


def test_the_first_error_comes_back(monkeypatch):
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)

    def work(item):
        if item == 5:
            raise ValueError("five")

    for _ in range(50):
        with workers.sharing(4), pytest.raises(ValueError, match="five"):
            workers.each(work, range(10))
        with workers.sharing(4):
            workers.each(lambda item: None, range(10))


def test_where_no_thread_can_be_started_one_does_it_all(monkeypatch):
    class NoRoom:
        def __init__(self, **_):
            pass

        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)
    monkeypatch.setattr(workers, "_crew", workers._Crew())
    done = []
    with workers.sharing(3):
        with monkeypatch.context() as patch:
            patch.setattr(workers.threading, "Thread", NoRoom)
            workers.each(done.append, range(10))
        assert sorted(done) == list(range(10)) and workers._crew.jobs.empty()
        workers.each(done.append, range(10))  # now there is room
    assert len(done) == 20 and workers._crew.size == 2


@pytest.mark.parametrize("count, most", [(0, 3), (1, 3), (3, 3), (4, 3), (9, 4), (98, 32), (98, 1), (5, 0), (7, 2)])
def test_halves_are_as_large_as_each_other(count, most):
    parts = tiles.halves(count, most)
    sizes = [part.stop - part.start for part in parts]
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
    assert max(sizes, default=0) <= max(1, most) and max(sizes, default=0) - min(sizes, default=0) <= 1
    assert len(parts) < 2 or len(parts) % 2 == 0 or set(sizes) == {1}


@pytest.mark.parametrize("count", [2, 3, 7, 8, 9])
@pytest.mark.parametrize("took", [0.0, 20e-6, 70e-6, 1.0])  # pieces of many items, of some, of two, of one
def test_pieces_of_several_items_are_all_done(count, took, monkeypatch):
    monkeypatch.setattr(workers, "LEAST", 0.0)
    work, done = (lambda item: done.append(item)), []
    with workers.sharing(2):
        workers._note((work.__code__, count), took)
        workers.each(work, range(count))
    assert sorted(done) == list(range(count))


def test_short_work_stays_here():
    who = set()
    with workers.sharing(4):
        workers.each(lambda item: who.add(threading.get_ident()), range(100))
    assert who == {threading.get_ident()}


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two"])
def test_wrong_numbers_of_threads(threads):
    with pytest.raises(InvalidArgumentError, match="no threads"):
        slim.Session(threads=threads)
    assert slim.Session().threads == workers.available()


class Forgetful(dict):
    """As if another thread cleared it after each look."""

    def __contains__(self, key):
        found = super().__contains__(key)
        self.clear()
        return found

    def get(self, key, default=None):
        found = super().get(key, default)
        self.clear()
        return found


@pytest.mark.parametrize("kind", [dict, Forgetful])
def test_the_times_that_are_remembered_are_few_and_may_be_forgotten_at_any_moment(kind, monkeypatch):
    monkeypatch.setattr(workers, "MANY", 2)
    monkeypatch.setattr(workers, "_seconds", kind())
    done = []
    with workers.sharing(2):
        for count in (2, 2, 3, 4, 5, 5):
            done.clear()
            workers.each(lambda item: done.append(item), range(count))
            assert sorted(done) == list(range(count)) and 0 < len(workers._seconds) <= 2
