"""Monitored sessions: a session that is set up, watched by hooks, and put away."""

import contextlib
from typing import Any

from npslim.checkpoint import Saver, latest_checkpoint, take_up
from npslim.errors import ArgumentTypeError, FailedPreconditionError, InvalidArgumentError, OutOfRangeError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.hooks import (
    CheckpointSaverHook,
    SessionRunArgs,
    SessionRunContext,
    SessionRunValues,
    StepCounterHook,
    SummarySaverHook,
    default_summary_op,
)
from npslim.logs import logger
from npslim.ops.state import group
from npslim.queues import Coordinator, start_queue_runners
from npslim.session import Session
from npslim.trainer_lock import only_trainer
from npslim.variables import (
    get_global_step,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)

USE_DEFAULT = object()


class Scaffold:
    """The nodes that a training needs beside its own: initializers, the check that all is ready, summaries, a saver.

    What is not given is taken from its collection, or made, by `finalize`. init_fn: `f(scaffold, session)`, called
    after init_op.
    """

    def __init__(
        self, init_op=None, init_feed_dict=None, init_fn=None, ready_op=None, ready_for_local_init_op=None,
        local_init_op=None, summary_op=None, saver=None, copy_from_scaffold=None, local_init_feed_dict=None,
    ):  # fmt: skip
        other = copy_from_scaffold
        self.init_op = init_op or getattr(other, "init_op", None)
        self.init_feed_dict = init_feed_dict or getattr(other, "init_feed_dict", None)
        self.init_fn = init_fn or getattr(other, "init_fn", None)
        self.ready_op = ready_op if ready_op is not None else getattr(other, "ready_op", None)
        self.ready_for_local_init_op = (
            ready_for_local_init_op if ready_for_local_init_op is not None
            else getattr(other, "ready_for_local_init_op", None)
        )  # fmt: skip
        self.local_init_op = local_init_op or getattr(other, "local_init_op", None)
        self.local_init_feed_dict = local_init_feed_dict or getattr(other, "local_init_feed_dict", None)
        self.summary_op = summary_op if summary_op is not None else getattr(other, "summary_op", None)
        self.saver = saver or getattr(other, "saver", None)

    def finalize(self):
        """Make what is missing. Returns itself."""
        if self.init_op is None:
            self.init_op = self.get_or_default("init_op", GraphKeys.INIT_OP, global_variables_initializer)
        if self.local_init_op is None:
            self.local_init_op = self.get_or_default(
                "local_init_op", GraphKeys.LOCAL_INIT_OP, Scaffold.default_local_init_op
            )
        if self.ready_op is None:
            self.ready_op = self.get_or_default("ready_op", GraphKeys.READY_OP, report_uninitialized_variables)
        if self.summary_op is None:
            self.summary_op = default_summary_op()
        if self.saver is None:
            self.saver = self.get_or_default("saver", GraphKeys.SAVERS, lambda: Saver(allow_empty=True))
        return self

    @staticmethod
    def get_or_default(arg_name, collection_key, default_constructor):
        """The one member of a collection, or what `default_constructor()` makes, which is noted there.

        Raises RuntimeError if there are several.
        """
        graph = get_default_graph()
        found = graph.get_collection(collection_key)
        if len(found) > 1:
            raise FailedPreconditionError(
                f"More than one item in the collection {collection_key}.", expected="one", got=found,
                hint=f"Scaffold({arg_name}=...) says which",
            )  # fmt: skip
        if found:
            return found[0]
        made = default_constructor()
        graph.add_to_collection(collection_key, made)
        return made

    @staticmethod
    def default_local_init_op():
        """Initializes local variables and lookup tables."""
        tables = get_default_graph().get_collection(GraphKeys.TABLE_INITIALIZERS)
        return group(local_variables_initializer(), *tables)


class ChiefSessionCreator:
    """Makes a session whose variables have values: of the latest checkpoint of a folder, else initialized."""

    def __init__(self, scaffold=None, master="", config=None, checkpoint_dir=None, checkpoint_filename_with_path=None):
        self._scaffold, self._config = scaffold or Scaffold(), config
        self._folder, self._file = checkpoint_dir, checkpoint_filename_with_path

    def create_session(self):
        """A ready Session. Raises RuntimeError if variables have no value after all."""
        scaffold = self._scaffold.finalize()
        session = Session(graph=get_default_graph(), config=self._config)
        checkpoint = self._file or (latest_checkpoint(self._folder) if self._folder else None)
        if checkpoint is not None:
            logger.info("Restoring parameters from %s", checkpoint)
            scaffold.saver.restore(session, checkpoint)
        else:
            session.run(scaffold.init_op, scaffold.init_feed_dict)
            if scaffold.init_fn is not None:
                scaffold.init_fn(scaffold, session)
        session.run(scaffold.local_init_op, scaffold.local_init_feed_dict)
        if checkpoint is not None:
            take_up(session, checkpoint)
        missing = session.run(scaffold.ready_op)
        if len(missing):
            raise FailedPreconditionError(
                "Variables are not initialized.", got=", ".join(name.decode() for name in missing),
                hint="Scaffold(init_op=...) or a checkpoint has to cover them",
            )  # fmt: skip
        return session


class WorkerSessionCreator(ChiefSessionCreator):
    """The same: there is one process."""

    def __init__(self, scaffold=None, master="", config=None, max_wait_secs=1800):
        super().__init__(scaffold, master, config)


class MonitoredSession:
    """A session with hooks: `with MonitoredSession(hooks=[...]) as s: while not s.should_stop(): s.run(train_op)`.

    Starts the queue runners. An OutOfRangeError inside the block ends it without an error. Raises at the end what any
    thread stopped with.
    """

    def __init__(self, session_creator=None, hooks=None, stop_grace_period_secs=120):
        self._held = contextlib.ExitStack()  # what is let go when the session is closed
        self._hooks = list(hooks or ())
        for hook in self._hooks:
            if not hasattr(hook, "before_run"):
                raise ArgumentTypeError("A hook is a SessionRunHook.", expected="SessionRunHook", got=hook)
        self._grace = stop_grace_period_secs
        self._stop = False
        for hook in self._hooks:
            hook.begin()
        self._session = (session_creator or ChiefSessionCreator()).create_session()
        self._coord = Coordinator()
        self._threads = start_queue_runners(self._session, self._coord)
        for hook in self._hooks:
            hook.after_create_session(self._session, self._coord)

    @property
    def graph(self):
        """The session's graph."""
        return self._session.graph

    def raw_session(self):
        """The Session inside."""
        return self._session

    def should_stop(self):
        """True once a hook or a thread asked to stop, or the session is closed."""
        return self._stop or self._session.closed or self._coord.should_stop()

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None):
        """The values of `fetches`, with the hooks around. Raises FailedPreconditionError for a closed session."""
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict, options), self._session)
        wanted: dict[Any, Any] = {"caller": fetches}
        feeds: dict[Any, Any] = dict(feed_dict or {})
        for i, hook in enumerate(self._hooks):
            args: Any = hook.before_run(context)
            if args is None:
                continue
            if args.fetches is not None:
                wanted[i] = args.fetches
            asked: dict[Any, Any] = args.feed_dict or {}
            twice = [key for key in asked if key in feeds]
            if twice:
                raise InvalidArgumentError("Two hooks (or a hook and the caller) feed the same tensor.", got=twice)
            feeds.update(asked)
        results = self._session.run(wanted, feeds)
        for i, hook in enumerate(self._hooks):
            hook.after_run(context, SessionRunValues(results.get(i), options, run_metadata))
        self._stop = self._stop or context.stop_requested
        return results["caller"]

    class StepContext:
        """What a step function of `run_step_fn` gets: the session, a run with hooks, a way to stop."""

        def __init__(self, session, run_with_hooks_fn):
            self.session, self.run_with_hooks = session, run_with_hooks_fn

        def request_stop(self):
            """End the loop."""
            raise StopIteration("step_fn has requested the iterations to stop.")

    def run_step_fn(self, step_fn):
        """`step_fn(step_context)`; its value."""
        try:
            return step_fn(MonitoredSession.StepContext(self._session, self.run))
        except StopIteration:
            self._stop = True
            return None

    def close(self):
        """End the hooks, the threads and the session."""
        self._close(None)

    def _close(self, error):
        if self._session.closed:
            return
        try:
            if error is None or isinstance(error, OutOfRangeError):
                for hook in self._hooks:
                    hook.end(self._session)
        finally:
            self._coord.request_stop()
            try:
                self._coord.join(self._threads, stop_grace_period_secs=self._grace, ignore_live_threads=True)
            finally:
                self._session.close()
                self._held.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        ended = isinstance(error, OutOfRangeError | StopIteration)
        self._close(None if ended else error)
        return ended


class SingularMonitoredSession(MonitoredSession):
    """A MonitoredSession that can be made without a creator; use `raw_session()` for the Session inside."""

    def __init__(
        self, hooks=None, scaffold=None, master="", config=None, checkpoint_dir=None, stop_grace_period_secs=120,
        checkpoint_filename_with_path=None,
    ):  # fmt: skip
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks, stop_grace_period_secs)


def MonitoredTrainingSession(  # noqa: N802 - TensorFlow's name
    master="", is_chief=True, checkpoint_dir=None, scaffold=None, hooks=None, chief_only_hooks=None,
    save_checkpoint_secs=USE_DEFAULT, save_summaries_steps=USE_DEFAULT, save_summaries_secs=USE_DEFAULT, config=None,
    stop_grace_period_secs=120, log_step_count_steps=100, max_wait_secs=7200, save_checkpoint_steps=USE_DEFAULT,
    summary_dir=None, save_graph_def=True,
):  # fmt: skip
    """A MonitoredSession for training: restores from `checkpoint_dir`, saves to it, writes summaries and step times.

    Saves every 600 seconds and writes summaries every 100 steps unless told otherwise; None switches either off.
    Raises FailedPreconditionError if another process trains in `checkpoint_dir`.
    """
    if save_checkpoint_secs is USE_DEFAULT:
        save_checkpoint_secs = 600 if save_checkpoint_steps in (USE_DEFAULT, None) else None
    save_checkpoint_steps = None if save_checkpoint_steps is USE_DEFAULT else save_checkpoint_steps
    if save_summaries_steps is USE_DEFAULT:
        save_summaries_steps = 100 if save_summaries_secs in (USE_DEFAULT, None) else None
    save_summaries_secs = None if save_summaries_secs is USE_DEFAULT else save_summaries_secs
    scaffold = scaffold or Scaffold()
    every: list[Any] = list(hooks or ())
    folder = summary_dir or checkpoint_dir
    if is_chief:
        every += list(chief_only_hooks or ())
        if folder and log_step_count_steps and get_global_step() is not None:
            every.append(StepCounterHook(log_step_count_steps, output_dir=folder))
        if folder and (save_summaries_steps or save_summaries_secs):
            every.append(
                SummarySaverHook(save_summaries_steps, save_summaries_secs, output_dir=folder, scaffold=scaffold)
            )
        if checkpoint_dir and (save_checkpoint_secs or save_checkpoint_steps):
            every.append(
                CheckpointSaverHook(checkpoint_dir, save_checkpoint_secs, save_checkpoint_steps, scaffold=scaffold)
            )
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    with contextlib.ExitStack() as held:
        held.enter_context(only_trainer(checkpoint_dir if is_chief else None))
        session = MonitoredSession(creator, every, stop_grace_period_secs)
        session._held = held.pop_all()
    return session
