"""BLAS runs on one thread inside a run, and gets its threads back: bits do not depend on how many there are."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

import npslim as slim
from npslim.backend import blas_libraries


def blas_threads():
    return [lib["num_threads"] for lib in ThreadpoolController().info() if lib["user_api"] == "blas"]


def test_one_thread_inside_a_run():
    before = blas_threads()
    inside = slim.py_func(lambda: np.array(blas_threads(), np.int64), [], slim.int64)
    assert set(slim.Session().run(inside).tolist()) == {1}
    assert blas_threads() == before


LATE = """
import numpy as np, npslim as slim
from threadpoolctl import threadpool_info
def threads():
    return np.array([library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"])
session, seen = slim.Session(), slim.py_func(threads, [], slim.int64)
first = session.run(seen)
import scipy.linalg
print(first.tolist(), session.run(seen).tolist())
"""


def test_a_library_that_is_loaded_after_the_first_run():
    found = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True).stdout
    first, second = (set(map(int, part.strip(" [],").split(","))) for part in found.strip().split("] ["))
    assert first == second == {1}


def test_threads_come_back_after_an_error():
    before = blas_threads()
    with pytest.raises(slim.errors.InvalidArgumentError, match="must feed"):
        slim.Session().run(slim.placeholder(slim.float32))
    assert blas_threads() == before


def test_overlapping_runs():
    before = blas_threads()
    barrier, seen = threading.Barrier(2, timeout=20), []

    def look():
        barrier.wait()
        seen.extend(blas_threads())
        barrier.wait()
        return np.float32(0)

    fetch = slim.py_func(look, [], slim.float32)
    session = slim.Session()
    threads = [threading.Thread(target=session.run, args=(fetch,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
    assert blas_threads() == before


def test_same_bits_for_any_number_of_threads():
    """Those that BLAS has, and those that the session has."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(300, 500)).astype(np.float32), rng.normal(size=(500, 200)).astype(np.float32)
    product = slim.matmul(a, b)
    found = [with_blas_threads(n, slim.Session(threads=m).run, product) for n in (1, 2, 4) for m in (1, 2, 4)]
    assert len({value.tobytes() for value in found}) == 1
    np.testing.assert_allclose(found[0], a.astype(np.float64) @ b, atol=1e-4)


def with_blas_threads(threads, work, *args):
    """`work(*args)` while BLAS is set to that many threads."""
    before = [get() for get, _ in blas_libraries()]
    for _, set_threads in blas_libraries():
        set_threads(threads)
    try:
        return work(*args)
    finally:
        for (_, set_threads), number in zip(blas_libraries(), before, strict=True):
            set_threads(number)
