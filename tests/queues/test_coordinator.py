"""Threads that stop together."""

import threading
import time

import pytest

from npslim.errors import OutOfRangeError
from npslim.queues import Coordinator, LooperThread


def test_the_first_error_is_raised_by_join():
    coord = Coordinator()

    def work(error, delay):
        with coord.stop_on_exception():
            time.sleep(delay)
            raise error

    threads = [threading.Thread(target=work, args=(e, d)) for e, d in ((ValueError("a"), 0.01), (KeyError("b"), 0.2))]
    for thread in threads:
        thread.start()
    with pytest.raises(ValueError, match="a"):
        coord.join(threads)
    with pytest.raises(ValueError, match="a"):
        coord.raise_requested_exception()
    assert coord.should_stop() and coord.joined
    coord.clear_stop()
    assert not coord.should_stop() and not coord.joined


def test_the_end_of_the_data_is_no_error():
    coord = Coordinator()
    coord.request_stop(OutOfRangeError("the end"))
    coord.join([])
    own = Coordinator(clean_stop_exception_types=(KeyError,))
    own.request_stop(OutOfRangeError("the end"))
    with pytest.raises(OutOfRangeError):
        own.join([])


def test_threads_that_do_not_stop_are_named():
    coord, release = Coordinator(), threading.Event()
    thread = threading.Thread(target=release.wait, name="stubborn")
    thread.start()
    coord.request_stop()
    with pytest.raises(RuntimeError, match="stubborn"):
        coord.join([thread], stop_grace_period_secs=0.1)
    coord.join([thread], stop_grace_period_secs=0.1, ignore_live_threads=True)
    release.set()
    thread.join()


def test_waiting_and_loops():
    coord, calls = Coordinator(), []
    assert not coord.wait_for_stop(0.01)
    LooperThread.loop(coord, 0, lambda x: calls.append(x) or (len(calls) == 3 and coord.request_stop()), args=("x",))
    coord.join()
    assert calls == ["x"] * 3
    with pytest.raises(TypeError):
        LooperThread("no coordinator", 1)
