"""Threads that share a kernel's work. The work is cut by the shape alone, and no part of it depends on who does it.

So a result has the same bits for any number of threads. NumPy and BLAS let go of Python's lock while they compute; BLAS
itself runs on one thread (docs/decisions/0007). A run says how many threads it may use; a part of some work that is cut
again does that alone.
"""

import collections
import contextvars
import functools
import math
import os
import queue
import threading
import time

import numpy as np

# NumPy copies rows shorter than half of its buffer, of 8,192 elements, together, even if dtypes agree. With a shorter
# buffer, adding to rows of 450 to 1,800 takes half the time, and where dtypes differ no more (NumPy 2.4).
BUFFER = 1 << 10  # elements
SHORTEST, LEAST = 150e-6, 400e-6  # seconds that a thread is at work at a time; that work must take to be shared
MANY = 1 << 12  # kinds of work whose times are remembered
_local = threading.local()


def available():
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def threads():
    """How many threads `each` may use here."""
    return getattr(_local, "threads", None) or 1


class sharing:
    """A context in which `each` uses up to `threads` threads, this one among them.

    jobs: the queue where `each` finds those that help; the crew's, if None.
    """

    def __init__(self, threads, jobs=None):
        self.now = threads, jobs

    def __enter__(self):
        self.before = getattr(_local, "threads", None), getattr(_local, "jobs", None)
        _local.threads, _local.jobs = self.now

    def __exit__(self, *error):
        _local.threads, _local.jobs = self.before


class running(sharing):
    """The same for a run, where NumPy copies short pieces, and says nothing of overflows and what is not a number."""

    def __enter__(self):
        super().__enter__()
        self.ends = _set_numpy_up()

    def __exit__(self, *error):
        self.ends()
        super().__exit__()


def _set_numpy_up():
    """Set NumPy up for a run; what it returns brings back the settings from before."""
    if _settings:
        (variable, value), *_ = _settings
        return functools.partial(variable.reset, variable.set(value))
    state = np.errstate(all="ignore")  # what ends, ends the size of the buffer, too
    state.__enter__()
    np.setbufsize(BUFFER)
    return functools.partial(state.__exit__, None, None, None)


def _settings_of_a_run():
    """[(context variable, value)]: where NumPy keeps its settings, and what a run's are.

    Setting these takes a tenth of the time.
    """
    before = contextvars.copy_context()
    with np.errstate(all="ignore"):
        np.setbufsize(BUFFER)
        now = contextvars.copy_context()
    changed = [(variable, value) for variable, value in now.items() if before.get(variable) is not value]
    return changed if len(changed) == 1 else []


def each(work, items):
    """`work(item)` for every item, in any order, on as many threads as this run may use.

    How long an item took the last time says whether this is worth the way to other threads, and how many a thread shall
    take at once; where the same work has not been done before, the first item is timed.
    """
    helpers = min(threads(), len(items)) - 1
    if helpers < 1:
        for item in items:
            work(item)
        return
    key = getattr(work, "__code__", None), len(items)
    one, begin = _seconds.get(key), time.perf_counter()
    if one is None:
        work(items[0])
        now = time.perf_counter()
        one, begin, items = now - begin, now, items[1:]
    if one * len(items) < LEAST:
        helpers = 0
        with sharing(1):
            for item in items:
                work(item)
    else:
        _share(work, items, helpers, max(1, math.ceil(SHORTEST / max(one, 1e-9))))
        helpers = helpers if _local.jobs is None else 0  # those are mostly busy
    _note(key, (time.perf_counter() - begin) * (helpers + 1) / len(items))


_seconds = {}  # (code of the work, number of items) -> what an item took


def _note(key, seconds):
    if len(_seconds) >= MANY:
        _seconds.clear()
    _seconds[key] = seconds


def _share(work, items, helpers, some):
    """Let threads take `some` of the items at a time, or a few less, so that each has as many pieces of work."""
    rounds = -(-len(items) // (some * (helpers + 1)))
    some = -(-len(items) // (rounds * (helpers + 1)))

    def several(start):
        for item in items[start : start + some]:
            work(item)

    job = _Job(several, range(0, len(items), some))
    if _local.jobs is None:
        _crew.call(job, helpers)
    else:
        for _ in range(helpers):
            _local.jobs.put(job)
    with sharing(1):
        job.help(job.left.popleft)
    job.finish()


def side_by_side(works):
    """`work()` for each of a few works that do not depend on each other, on as many threads as this run may use."""
    number = threads()
    if number < 2:
        for work in works:
            work()
        return
    job = _Sides(works, number)
    _crew.call(job, number - 1)
    with sharing(1):
        job.help(job.left.popleft)
    job.finish()


class _Job:
    """Items that whoever comes takes one by one, without a lock: a deque gives each to one thread only.

    The thread that has the job begins with the first item, the others with the last one. So a part of an array is
    often taken by the thread that has taken the same part before, and lies in its cache: another core's lines take
    twice the time.
    """

    def __init__(self, work, items):
        self.work = work
        self.left = collections.deque(items)
        self.undone = collections.deque(range(len(items)))  # whoever takes the last one of them, ends the job
        self.error = None
        self.over = threading.Lock()
        self.over.acquire()

    def help(self, take):
        """Take items by `take` until there are none left; once one has failed, take them only."""
        while self.left:
            try:
                item = take()
            except IndexError:  # another thread was quicker
                return
            try:
                if self.error is None:
                    self.work(item)
            except BaseException as error:
                self.error = self.error or error
            finally:
                if not self.undone.pop():
                    self.end()

    def end(self):
        """The last item is done."""
        self.over.release()

    def finish(self):
        """Wait for those that are still at work; raise what one of them raised."""
        self.over.acquire()
        if self.error is not None:
            raise self.error


class _Sides(_Job):
    """Works that each take long. Who finds none left helps those that are at work with what they share."""

    def __init__(self, works, number):
        super().__init__(self.one, works)
        self.number, self.jobs = number, queue.SimpleQueue()

    def one(self, work):
        with sharing(self.number, self.jobs):
            work()

    def help(self, take):
        super().help(take)
        while (job := self.jobs.get()) is not None:
            job.help(job.left.pop)

    def end(self):
        for _ in range(self.number):
            self.jobs.put(None)
        super().end()


class _Crew:
    """The threads of this process, started when they are first called."""

    def __init__(self):
        self.lock = threading.Lock()
        self.forget()

    def forget(self):
        """Begin anew: a process that was forked has none of its parent's threads."""
        self.jobs = queue.SimpleQueue()
        self.size = 0

    def call(self, job, number):
        """Let `number` threads help with `job`; fewer where the system has no room for more."""
        with self.lock:
            for _ in range(self.size, number):
                try:
                    threading.Thread(target=self.work, args=(self.jobs,), daemon=True, name="npslim worker").start()
                except (RuntimeError, MemoryError):
                    break
                self.size += 1
        for _ in range(min(number, self.size)):
            self.jobs.put(job)

    @staticmethod
    def work(jobs):
        np.seterr(all="ignore")
        np.setbufsize(BUFFER)
        while True:
            job = jobs.get()
            job.help(job.left.pop)


_settings = _settings_of_a_run()
_crew = _Crew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.forget)
