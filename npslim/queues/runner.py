"""Threads that keep queues filled."""

import contextlib
import functools
import threading
import weakref

from npslim.defaults import get_default_session
from npslim.errors import (
    ArgumentTypeError,
    CancelledError,
    FailedPreconditionError,
    InvalidArgumentError,
    OutOfRangeError,
)
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.ops.queue_state import Rotation, producing
from npslim.queues.coordinator import Coordinator
from npslim.queues.gate import Gate


class QueueRunner:
    """Runs each of `enqueue_ops` over and over on a thread of its own, until one raises that the data has ended.

    queue: what they put into; close_op and cancel_op close it (made unless given). queue_closed_exception_types: what
    means the end, OutOfRangeError unless given. Any other error closes the queue too, and reaches whoever takes from
    it. Several different enqueue ops put their elements in turn, so their order does not depend on the threads.
    """

    def __init__(
        self, queue=None, enqueue_ops=None, close_op=None, cancel_op=None, queue_closed_exception_types=None,
        queue_runner_def=None, import_scope=None,
    ):  # fmt: skip
        if queue is None or not enqueue_ops:
            raise InvalidArgumentError(
                "A QueueRunner needs a queue and enqueue_state.", expected="a queue, and at least one op",
                got=f"{queue}, {enqueue_ops}",
            )  # fmt: skip
        self.queue, self.enqueue_ops = queue, list(enqueue_ops)
        self.close_op = queue.close() if close_op is None else close_op
        self.cancel_op = queue.close(cancel_pending_enqueues=True) if cancel_op is None else cancel_op
        types = (OutOfRangeError,) if queue_closed_exception_types is None else tuple(queue_closed_exception_types)
        if not types or any(not (isinstance(t, type) and issubclass(t, Exception)) for t in types):
            raise ArgumentTypeError("queue_closed_exception_types are exceptions.", got=queue_closed_exception_types)
        self.queue_closed_exception_types = types
        self.exceptions_raised = []
        self._lock = threading.Lock()
        self._running = weakref.WeakKeyDictionary()  # how many threads of a session are at work

    @property
    def name(self):
        """The name of the queue."""
        return self.queue.name

    def create_threads(self, sess, coord=None, daemon=False, start=False):
        """A thread for each enqueue op, and with `coord` one that cancels them when a stop is asked for.

        Returns those made: none if the session has them already. start: start them.
        """
        with self._lock:
            if self._running.get(sess, 0) > 0:
                return []
            self._running[sess] = len(self.enqueue_ops)
            self.exceptions_raised = []
        rotation = Rotation(len(self.enqueue_ops)) if len(set(self.enqueue_ops)) > 1 else None
        gate = Gate(self, len(self.enqueue_ops), in_turn=rotation is not None)
        sess.store.gates.append(gate)
        threads = [
            threading.Thread(
                target=self._run, args=(sess, op, coord, rotation, gate, i), name=f"QueueRunner-{self.name}-{op.name}"
            )
            for i, op in enumerate(self.enqueue_ops)
        ]
        if coord is not None:
            threads.append(
                threading.Thread(
                    target=self._close_on_stop, args=(sess, coord), name=f"QueueRunner-{self.name}-close_on_stop"
                )
            )
        for thread in threads:
            if coord is not None:
                coord.register_thread(thread)
            thread.daemon = daemon
            if start:
                thread.start()
        return threads

    def _run(self, sess, enqueue_op, coord, rotation, gate, member):
        try:
            with producing(rotation, member):
                self._enqueue_until_the_end(sess, enqueue_op, coord, gate, member)
        except CancelledError as error:  # the queue was cancelled: by a stop, or because another thread failed
            logger.debug("%s stops: %s", self.name, error)
        except BaseException as error:  # a thread that dies of SystemExit must leave nobody waiting either
            self.queue.fail(sess, error)
            self.exceptions_raised.append(error)
            if coord is None:
                logger.error("Exception in QueueRunner %s: %s", self.name, error)
            else:
                coord.request_stop(error)
        finally:
            gate.leave(member)
            if rotation is not None:
                rotation.leave(member)

    def _enqueue_until_the_end(self, sess, enqueue_op, coord, gate, member):
        """Run the enqueue op until the data ends; the last thread then closes the queue."""
        ended = False
        try:
            enqueue = sess.make_producer(enqueue_op, functools.partial(self._failed, sess))
            while coord is None or not coord.should_stop():
                with gate.passing(member):
                    enqueue()
        except self.queue_closed_exception_types:
            ended = True
        finally:
            with self._lock:
                self._running[sess] -= 1
                last = self._running[sess] == 0
        if ended and last:
            with contextlib.suppress(CancelledError, FailedPreconditionError):  # the session may be closed by now
                sess.run(self.close_op)

    def _failed(self, sess, error):
        """Nothing that comes later may get into the queue."""
        if not isinstance(error, (*self.queue_closed_exception_types, CancelledError)):
            self.queue.fail(sess, error)

    def _close_on_stop(self, sess, coord):
        coord.wait_for_stop()
        if coord.error is not None:  # whoever takes from the queue gets that, and nothing in another order
            self.queue.fail(sess, coord.error)
        with contextlib.suppress(CancelledError, FailedPreconditionError):
            sess.run(self.cancel_op)


def add_queue_runner(qr, collection=GraphKeys.QUEUE_RUNNERS):
    """Add a QueueRunner to a collection of the default graph."""
    get_default_graph().add_to_collection(collection, qr)


def start_queue_runners(sess=None, coord=None, daemon=True, start=True, collection=GraphKeys.QUEUE_RUNNERS):
    """Start the threads of all QueueRunners of a collection; returns them. sess: the default session unless given."""
    sess = sess or get_default_session()
    if sess is None:
        raise FailedPreconditionError("There is no default session.", hint="with session.as_default(): ...")
    with sess.graph.as_default():
        runners = sess.graph.get_collection(collection)
    return [t for runner in runners for t in runner.create_threads(sess, coord=coord, daemon=daemon, start=start)]


class NestedQueueRunnerError(Exception):
    """A `QueueRunners` block inside another one of the same session."""


_active = set()


@contextlib.contextmanager
def QueueRunners(session):  # noqa: N802 - TF-Slim's name
    """Inside, the queue runners of the session's graph are at work; at the end they are stopped and joined.

    Raises NestedQueueRunnerError for a block inside a block, and at the end the first error of any of the threads.
    """
    if session in _active:
        raise NestedQueueRunnerError("QueueRunners cannot be nested.")
    _active.add(session)
    coord = Coordinator()
    try:
        threads = start_queue_runners(session, coord)
        yield
    finally:
        _active.discard(session)
        coord.request_stop()
        coord.join(threads, stop_grace_period_secs=120)
