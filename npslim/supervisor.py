"""`tf.train.Supervisor`: a session that starts from the latest checkpoint, and threads that save and summarize.

    sv = Supervisor(logdir="/tmp/model")
    with sv.managed_session() as sess:
        while not sv.should_stop():
            sess.run(train_op)

The way of training before hooks; `MonitoredTrainingSession` and `learning.train` do more.
"""

import contextlib
import os
import time
from typing import Any

from npslim.checkpoint import Saver, latest_checkpoint
from npslim.errors import FailedPreconditionError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.hooks import default_summary_op
from npslim.logs import logger
from npslim.monitored import ChiefSessionCreator, Scaffold
from npslim.queues import Coordinator, LooperThread, start_queue_runners
from npslim.session import Session
from npslim.tf_summary import FileWriter
from npslim.trainer_lock import only_trainer
from npslim.variables import get_global_step

USE_DEFAULT: Any = object()


def _or(value, default) -> Any:
    return default if value is USE_DEFAULT else value


class SessionManager:
    """Makes sessions whose variables have values: of a checkpoint, or of an initializer."""

    def __init__(
        self, local_init_op=None, ready_op=None, ready_for_local_init_op=None, graph=None, recovery_wait_secs=30,
        local_init_run_options=None, local_init_feed_dict=None,
    ):  # fmt: skip
        self._nodes = {
            "local_init_op": local_init_op,
            "ready_op": ready_op,
            "local_init_feed_dict": local_init_feed_dict,
        }
        self._graph, self._wait = graph or get_default_graph(), recovery_wait_secs

    def _created(self, config, checkpoint, **nodes):
        with self._graph.as_default():
            nodes = {**self._nodes, **nodes}
            creator = ChiefSessionCreator(Scaffold(**nodes), config=config, checkpoint_filename_with_path=checkpoint)
            return creator.create_session()

    def prepare_session(
        self, master="", init_op=None, saver=None, checkpoint_dir=None, checkpoint_filename_with_path=None,
        wait_for_checkpoint=False, max_wait_secs=7200, config=None, init_feed_dict=None, init_fn=None,
    ):  # fmt: skip
        """A ready session: restored if `saver` finds a checkpoint, else initialized, then `init_fn(session)`.

        Raises RuntimeError if variables have no value then.
        """
        checkpoint = self._checkpoint(
            saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint, max_wait_secs
        )
        call = None if init_fn is None else lambda scaffold, session: init_fn(session)
        return self._created(
            config, checkpoint, init_op=init_op, init_feed_dict=init_feed_dict, init_fn=call, saver=saver
        )

    def recover_session(
        self, master="", saver=None, checkpoint_dir=None, checkpoint_filename_with_path=None,
        wait_for_checkpoint=False, max_wait_secs=7200, config=None,
    ):  # fmt: skip
        """(session, whether it was restored from a checkpoint)."""
        checkpoint = self._checkpoint(
            saver, checkpoint_dir, checkpoint_filename_with_path, wait_for_checkpoint, max_wait_secs
        )
        if checkpoint is None:
            return Session(graph=self._graph, config=config), False
        return self._created(config, checkpoint, saver=saver), True

    def wait_for_session(self, master="", config=None, max_wait_secs=float("inf")):
        """A ready session; in one process that is one of which every variable is initialized."""
        return self._created(config, None)

    def _checkpoint(self, saver, folder, file, wait, max_wait_secs):
        if saver is None or not (folder or file):
            return None
        due = time.monotonic() + max_wait_secs
        while True:
            found = file or latest_checkpoint(folder)
            if found is not None or not wait or time.monotonic() > due:
                return found
            time.sleep(min(1.0, self._wait))


class Supervisor:
    """Starts a training, keeps it saved, and stops its threads.

    logdir: the folder of checkpoints and summaries; None for neither. save_model_secs, save_summaries_secs: how often,
    0 for never. init_op and so on: None for none, made or taken from collections unless given. init_fn: `f(session)`,
    called after init_op. As TensorFlow's; a chief alone, since there is one process.
    """

    USE_DEFAULT: Any = USE_DEFAULT

    def __init__(
        self, graph=None, ready_op=USE_DEFAULT, ready_for_local_init_op=USE_DEFAULT, is_chief=True, init_op=USE_DEFAULT,
        init_feed_dict=None, local_init_op=USE_DEFAULT, logdir=None, summary_op=USE_DEFAULT, saver: Any = USE_DEFAULT,
        global_step=USE_DEFAULT, save_summaries_secs=120, save_model_secs=600, recovery_wait_secs=30,
        stop_grace_secs=120, checkpoint_basename="model.ckpt", session_manager=None, summary_writer: Any = USE_DEFAULT,
        init_fn=None, local_init_run_options=None,
    ):  # fmt: skip
        self._graph = graph or get_default_graph()
        self.is_chief, self.save_model_secs, self.save_summaries_secs = is_chief, save_model_secs, save_summaries_secs
        self._stop_grace_secs, self._init_fn, self.init_feed_dict = stop_grace_secs, init_fn, init_feed_dict
        self._logdir = logdir
        self.save_path = os.path.join(logdir, checkpoint_basename) if logdir else None
        with self._graph.as_default():
            self.global_step = _or(global_step, get_global_step(self._graph))
            self.summary_op = default_summary_op() if summary_op is USE_DEFAULT else summary_op
            self.saver = self._default_saver() if saver is USE_DEFAULT else saver
            scaffold = Scaffold(
                init_op=_or(init_op, None), local_init_op=_or(local_init_op, None), ready_op=_or(ready_op, None),
                summary_op=self.summary_op, saver=self.saver,
            ).finalize()  # fmt: skip
        self.init_op, self.local_init_op, self.ready_op = scaffold.init_op, scaffold.local_init_op, scaffold.ready_op
        self.coord = Coordinator()
        self.session_manager = session_manager or SessionManager(
            self.local_init_op, self.ready_op, graph=self._graph, recovery_wait_secs=recovery_wait_secs
        )
        self.summary_writer = self._default_writer() if summary_writer is USE_DEFAULT else summary_writer
        self._threads = []

    def _default_saver(self):
        found = self._graph.get_collection(GraphKeys.SAVERS)
        return found[0] if found else Saver(allow_empty=True)

    def _default_writer(self):
        return FileWriter(self._logdir, self._graph) if self._logdir and self.is_chief else None

    # ---- sessions

    def prepare_or_wait_for_session(
        self, master="", config=None, wait_for_checkpoint=False, max_wait_secs=7200, start_standard_services=True
    ):
        """A ready session, and the threads that serve it unless `start_standard_services` is False."""
        self.coord.clear_stop()
        session = self.session_manager.prepare_session(
            master, init_op=self.init_op, saver=self.saver, checkpoint_dir=self._logdir, config=config,
            wait_for_checkpoint=wait_for_checkpoint, max_wait_secs=max_wait_secs, init_feed_dict=self.init_feed_dict,
            init_fn=self._init_fn,
        )  # fmt: skip
        if start_standard_services:
            logger.info("Starting standard services.")
            self.start_standard_services(session)
        self.start_queue_runners(session)
        return session

    PrepareSession = prepare_or_wait_for_session

    @contextlib.contextmanager
    def managed_session(self, master="", config=None, start_standard_services=True, close_summary_writer=True):
        """A ready session in a `with`; at its end the threads stop, and the first error of any of them is raised.

        Raises FailedPreconditionError if another process trains in the folder.
        """
        held = contextlib.ExitStack()
        try:
            held.enter_context(only_trainer(self._logdir if self.is_chief else None))
            session = self.prepare_or_wait_for_session(master, config, start_standard_services=start_standard_services)
            yield session
        except Exception as error:
            self.request_stop(error)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer)
            finally:
                held.close()
                with contextlib.suppress(Exception):
                    session.close()  # pyright: ignore[reportPossiblyUnboundVariable]

    # ---- threads

    def start_standard_services(self, sess):
        """Start the threads that save the model and write summaries. Returns them. Raises RuntimeError unless chief."""
        if not self.is_chief:
            raise FailedPreconditionError("Only chief supervisor can start standard services.")
        threads = []
        if self._logdir and self.save_summaries_secs and self.summary_op is not None and self.summary_writer:
            threads.append(LooperThread(self.coord, self.save_summaries_secs, self._summarize, (sess,)))
        if self._logdir and self.save_model_secs and self.saver is not None:
            threads.append(LooperThread(self.coord, self.save_model_secs, self._save, (sess,)))
        for thread in threads:
            thread.start()
        self._threads += threads
        return threads

    StartStandardServices = start_standard_services

    def _summarize(self, sess):
        self.summary_computed(sess, sess.run(self.summary_op))

    def _save(self, sess):
        self.saver.save(sess, self.save_path, global_step=self.global_step)

    def start_queue_runners(self, sess, queue_runners=None):
        """Start the threads that fill queues. Returns them."""
        if queue_runners is None:
            with self._graph.as_default():
                threads = start_queue_runners(sess, self.coord)
        else:
            threads = [t for runner in queue_runners for t in runner.create_threads(sess, self.coord, True, True)]
        self._threads += threads or []
        return threads

    StartQueueRunners = start_queue_runners

    def loop(self, timer_interval_secs, target, args=None, kwargs=None):
        """A started thread that calls `target` every so many seconds, as long as the supervisor runs."""
        thread = LooperThread.loop(self.coord, timer_interval_secs, target, args, kwargs)
        self._threads.append(thread)
        return thread

    Loop = loop

    def stop(self, threads=None, close_summary_writer=True, ignore_live_threads=False):
        """Stop all threads and wait for them. Raises the first error of any."""
        self.coord.request_stop()
        try:
            self.coord.join(threads or self._threads, self._stop_grace_secs, ignore_live_threads=ignore_live_threads)
        finally:
            self._threads = []
            if close_summary_writer and self.summary_writer is not None:
                self.summary_writer.close()

    Stop = stop

    def request_stop(self, ex=None):
        """Ask all threads to stop, because of the error `ex` if there is one."""
        self.coord.request_stop(ex)

    RequestStop = request_stop

    def should_stop(self):
        """Whether the threads were asked to stop."""
        return self.coord.should_stop()

    ShouldStop = should_stop

    def stop_on_exception(self):
        """A context within which an error stops all threads."""
        return self.coord.stop_on_exception()

    def wait_for_stop(self):
        """Wait until the threads are asked to stop."""
        self.coord.wait_for_stop()

    def summary_computed(self, sess, summary, global_step=None):
        """Write a summary at the global step. Raises RuntimeError without a summary writer."""
        if self.summary_writer is None:
            raise FailedPreconditionError("Writing a summary requires a summary writer.", hint="Supervisor(logdir=...)")
        if global_step is None and self.global_step is not None:
            global_step = int(sess.run(self.global_step))
        self.summary_writer.add_summary(summary, global_step)

    SummaryComputed = summary_computed
