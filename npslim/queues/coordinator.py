"""Threads that stop together: the first error of any of them is kept, and raised where they are joined."""

import contextlib
import sys
import threading
import time

from npslim.errors import ArgumentTypeError, FailedPreconditionError, OutOfRangeError
from npslim.logs import logger


class Coordinator:
    """Tells threads when to stop, and the one who joins them why.

    clean_stop_exception_types: exceptions that end the work without being errors; OutOfRangeError unless given.
    """

    def __init__(self, clean_stop_exception_types=None):
        if clean_stop_exception_types is None:
            clean_stop_exception_types = (OutOfRangeError,)
        self._clean = tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._error = None
        self._threads = set()
        self.joined = False

    def request_stop(self, ex=None):
        """Ask all threads to stop. ex: the exception that is the reason (or what sys.exc_info() gives).

        The first that is no clean stop is raised by `join`.
        """
        with self._lock:
            ex = ex[1] if isinstance(ex, tuple) else ex
            if self.joined and ex is not None and not isinstance(ex, self._clean):
                raise ex
            if ex is not None and self._error is None and not self._stopped.is_set():
                if isinstance(ex, self._clean):
                    logger.debug("Stopping: %s", ex)
                else:
                    self._error = ex
                    logger.info("Error reported to Coordinator: %s: %s", type(ex).__name__, ex)
            self._stopped.set()

    def clear_stop(self):
        """Begin again: nobody is asked to stop, no error is kept."""
        with self._lock:
            self.joined, self._error = False, None
            self._stopped.clear()

    def should_stop(self):
        """True once a stop was asked for."""
        return self._stopped.is_set()

    def wait_for_stop(self, timeout=None):
        """Wait until a stop is asked for, at most `timeout` seconds. True if it was."""
        return self._stopped.wait(timeout)

    @contextlib.contextmanager
    def stop_on_exception(self):
        """Any exception inside becomes a request to stop."""
        try:
            yield
        except BaseException as error:
            self.request_stop(error)

    def register_thread(self, thread):
        """`join` waits for this thread too."""
        with self._lock:
            self._threads.add(thread)

    @property
    def error(self):
        """The error that a thread asked to stop with, or None."""
        return self._error

    def raise_requested_exception(self):
        """Raise the error that a thread asked to stop with, if there was one."""
        with self._lock:
            if self._error is not None:
                raise self._error

    def join(self, threads=None, stop_grace_period_secs=120, ignore_live_threads=False):
        """Wait for the threads to end, then raise the error that one of them stopped with, if any.

        Once a stop was asked for they have `stop_grace_period_secs` seconds; if some are alive after that, raises
        FailedPreconditionError (a RuntimeError) naming them, unless `ignore_live_threads`.
        """
        with self._lock:
            threads = list({*self._threads, *(threads or ())})
        while any(t.is_alive() for t in threads) and not self.wait_for_stop(0.1):
            pass
        if not self._stopped.is_set() and sys.exc_info()[1] is not None:
            self.request_stop(sys.exc_info()[1])
        deadline = time.monotonic() + stop_grace_period_secs
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._lock:
            self.joined = True
            self._threads = set()
            alive = [t.name for t in threads if t.is_alive()]
            if self._error is not None:
                raise self._error
        if alive and not ignore_live_threads:
            raise FailedPreconditionError(
                f"Threads did not stop within {stop_grace_period_secs} seconds.", expected="all ended",
                got=" ".join(alive), hint="a thread has to look at should_stop()",
            )  # fmt: skip


class LooperThread(threading.Thread):
    """Calls `target`, or its own `run_loop`, every `timer_interval_secs` seconds until the coordinator stops."""

    def __init__(self, coord, timer_interval_secs, target=None, args=None, kwargs=None):
        super().__init__(daemon=True)
        if not isinstance(coord, Coordinator):
            raise ArgumentTypeError("LooperThread needs a Coordinator.", got=coord)
        self._coord, self._interval = coord, timer_interval_secs
        self._call = (target, args or (), kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(coord, timer_interval_secs, target, args=None, kwargs=None):
        """A started LooperThread."""
        thread = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        thread.start()
        return thread

    def run(self):
        with self._coord.stop_on_exception():
            self.start_loop()
            due = time.monotonic()
            while not self._coord.wait_for_stop(max(0.0, due - time.monotonic())):
                self.run_loop()
                due = max(due + self._interval, time.monotonic()) if self._interval else time.monotonic()
            self.stop_loop()

    def start_loop(self):
        """Called when the thread starts."""

    def stop_loop(self):
        """Called when the thread stops."""

    def run_loop(self):
        """Called each time; calls the target."""
        target, args, kwargs = self._call
        if target is not None:
            target(*args, **kwargs)
