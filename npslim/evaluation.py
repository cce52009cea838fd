"""Evaluation: restore a checkpoint, run the metrics' updates, give their values; once, or for every new checkpoint."""

import contextlib
import os
import time
from collections.abc import ValuesView

import numpy as np

from npslim import doctor
from npslim.checkpoint import Saver, checkpoint_exists, latest_checkpoint
from npslim.dtypes import int64
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError
from npslim.events import open_writer
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.hooks import FinalOpsHook, SessionRunArgs, SessionRunHook, default_summary_op
from npslim.logs import logger
from npslim.monitored import MonitoredSession, Scaffold
from npslim.ops.state import assign_add, group
from npslim.session import Session
from npslim.tf_summary import FileWriter
from npslim.variables import Variable, get_global_step, global_variables, variables_initializer

_USE_DEFAULT = 0
_EVAL_STEP = "eval_step"


# ---- counting evaluations


def get_or_create_eval_step():
    """The local variable `eval_step` (int64) that counts the runs of one evaluation."""
    graph = get_default_graph()
    found = graph.get_collection(_EVAL_STEP)
    if len(found) > 1:
        raise InvalidArgumentError("There are several evaluation steps.", expected="one", got=found)
    if found:
        return found[0]
    return Variable(
        np.zeros((), np.int64), trainable=False, name=_EVAL_STEP, dtype=int64,
        collections=[GraphKeys.LOCAL_VARIABLES, _EVAL_STEP],
    )  # fmt: skip


class StopAfterNEvalsHook(SessionRunHook):
    """Ends an evaluation after `num_evals` runs; None: when the data ends. log_progress: log each run."""

    def __init__(self, num_evals, log_progress=True):
        self._num_evals, self._log_progress = num_evals, log_progress
        self._done = None
        self._tensor = None

    def _set_evals_completed_tensor(self, updated_eval_step):
        self._tensor = updated_eval_step

    def before_run(self, run_context):
        return SessionRunArgs(self._tensor)

    def after_run(self, run_context, run_values):
        done = int(run_values.results)
        if self._log_progress:
            logger.info("Evaluation [%d%s]", done, "" if self._num_evals is None else f"/{self._num_evals}")
        if self._num_evals is not None and done >= self._num_evals:
            run_context.request_stop()


class SummaryAtEndHook(SessionRunHook):
    """Writes `summary_op` (all summaries unless given) once, at the end of an evaluation.

    log_dir or summary_writer: where to. Raises ValueError if neither or both are given.
    """

    def __init__(self, log_dir=None, summary_writer=None, summary_op=None, feed_dict=None):
        if (log_dir is None) == (summary_writer is None):
            raise InvalidArgumentError(
                "Exactly one of log_dir or summary_writer should be provided.", got=(log_dir, summary_writer)
            )
        self._folder, self._writer = log_dir, summary_writer
        self._summary_op, self._feeds = summary_op, feed_dict

    def begin(self):
        if self._summary_op is None:
            self._summary_op = default_summary_op()
        self._step = get_global_step()

    def after_create_session(self, session, coord):
        if self._writer is None:
            self._writer = FileWriter(self._folder)

    def end(self, session):
        step = None if self._step is None else int(session.run(self._step))
        if self._summary_op is not None:
            self._writer.add_summary(session.run(self._summary_op, self._feeds), step)
        self._writer.flush()
        if self._folder is not None:
            self._writer.close()
            self._writer = None


# ---- one evaluation


def evaluate_once(
    master,
    checkpoint_path,
    logdir,
    num_evals=1,
    initial_op=None,
    initial_op_feed_dict=None,
    eval_op=None,
    eval_op_feed_dict=None,
    final_op=None,
    final_op_feed_dict=None,
    summary_op=_USE_DEFAULT,
    summary_op_feed_dict=None,
    variables_to_restore=None,
    session_config=None,
    hooks=None,
):
    """Restore `checkpoint_path`, run `eval_op` `num_evals` times, and return the value of `final_op`.

    eval_op: the metrics' updates (a tensor or any structure of them). final_op: the metrics' values, any structure.
    summary_op: written at the end to `logdir`; all summaries unless given, None for none. variables_to_restore: all
    global variables unless given; the others are initialized, as local variables are. logdir: an event file, and the
    scalars of `final_op` if it is a dictionary; None for nowhere. hooks: further hooks. Ends early if the data does.
    Raises NotFoundError for a missing checkpoint, ValueError for num_evals below 1.
    """
    if num_evals < 1:
        raise InvalidArgumentError("num_evals must be positive.", expected="num_evals >= 1", got=num_evals)
    hooks = [StopAfterNEvalsHook(num_evals), *(hooks or ())]
    hooks += _summary_hooks(logdir, summary_op, summary_op_feed_dict)
    scaffold = _scaffold(initial_op, initial_op_feed_dict, variables_to_restore)
    evaluate = _Evaluation(
        scaffold, eval_op, eval_op_feed_dict, final_op, final_op_feed_dict, hooks, session_config, logdir
    )
    return evaluate(checkpoint_path)


def _summary_hooks(logdir, summary_op, feeds):
    if summary_op is _USE_DEFAULT:
        summary_op = default_summary_op() if logdir is not None else None
    return [SummaryAtEndHook(log_dir=logdir, summary_op=summary_op, feed_dict=feeds)] if summary_op is not None else []


def _scaffold(initial_op, initial_op_feed_dict, variables_to_restore, init_fn=None):
    """The Scaffold of an evaluation that restores some variables and initializes the others."""
    restored = global_variables() if variables_to_restore is None else variables_to_restore
    kept = set(restored.values()) if isinstance(restored, dict) else set(restored)
    others = variables_initializer([var for var in global_variables() if var not in kept])
    return Scaffold(
        init_op=group(others, initial_op) if initial_op is not None else others, init_feed_dict=initial_op_feed_dict,
        saver=Saver(restored) if restored else None,
        init_fn=None if init_fn is None else lambda _, session: init_fn(session),
    )  # fmt: skip


class _RestoredSessionCreator:
    """A session with the variables of a checkpoint, and the others initialized."""

    def __init__(self, scaffold, checkpoint_path, config):
        self.scaffold, self.path, self.config = scaffold, checkpoint_path, config

    def create_session(self):
        scaffold = self.scaffold
        session = Session(graph=get_default_graph(), config=self.config)
        if scaffold.init_op is not None:
            session.run(scaffold.init_op, scaffold.init_feed_dict)
        if scaffold.init_fn is not None:
            scaffold.init_fn(scaffold, session)
        session.run(scaffold.local_init_op, scaffold.local_init_feed_dict)
        if self.path is not None:
            (scaffold.saver or Saver()).restore(session, self.path)
        return session


class _Evaluation:
    """What is run for each checkpoint: `eval_op` until a hook stops it, then `final_op`.

    Its nodes are made once, so that a loop of evaluations does not make the graph longer and longer.
    """

    def __init__(self, scaffold, eval_op, eval_feeds, final_op, final_feeds, hooks, config, logdir=None):
        self.scaffold, self.config, self.logdir = scaffold, config, logdir
        self.eval_op, self.eval_feeds, self.final_op, self.final_feeds = eval_op, eval_feeds, final_op, final_feeds
        self.hooks, self.step = hooks, get_global_step()
        counted = assign_add(get_or_create_eval_step(), 1)
        for hook in hooks:
            if isinstance(hook, StopAfterNEvalsHook):
                hook._set_evals_completed_tensor(counted)
        if scaffold.local_init_op is None:
            scaffold.local_init_op = Scaffold.default_local_init_op()
        if eval_op is not None:
            doctor.warn(eval_ops=_leaves(eval_op))

    def __call__(self, checkpoint_path):
        """The values of `final_op` for a checkpoint."""
        logger.info("Starting evaluation of %s", checkpoint_path)
        final, step = FinalOpsHook(self.final_op, self.final_feeds), 0
        creator = _RestoredSessionCreator(self.scaffold, checkpoint_path, self.config)
        with MonitoredSession(creator, [*self.hooks, final]) as session:
            doctor.warn(session=session.raw_session())
            step = 0 if self.step is None else int(session.raw_session().run(self.step))
            while self.eval_op is not None and not session.should_stop():
                session.run(self.eval_op, self.eval_feeds)
        values = final.final_ops_values
        with open_writer(self.logdir) as writer:
            if isinstance(values, dict):
                writer.note(step, {str(name): value for name, value in values.items() if np.ndim(value) == 0})
        logger.info("Finished evaluation.")
        return values


def _leaves(structure):
    if isinstance(structure, dict):
        structure = structure.values()
    if isinstance(structure, list | tuple | ValuesView):
        return [leaf for part in structure for leaf in _leaves(part)]
    return [structure]


# ---- checkpoint after checkpoint


def wait_for_new_checkpoint(checkpoint_dir, last_checkpoint=None, seconds_to_sleep=1, timeout=None):
    """The prefix of a checkpoint newer than `last_checkpoint`, waited for; None after `timeout` seconds."""
    limit = "for as long as it takes" if timeout is None else f"for at most {timeout:g} seconds"
    missing = "" if os.path.isdir(checkpoint_dir) else ", a folder that is not there yet"
    logger.info("Waiting for new checkpoint at %s%s, %s; Ctrl-C stops.", checkpoint_dir, missing, limit)
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        found = latest_checkpoint(checkpoint_dir)
        if found is not None and found != last_checkpoint:
            logger.info("Found new checkpoint at %s", found)
            return found
        if deadline is not None and time.monotonic() + seconds_to_sleep > deadline:
            return None
        time.sleep(seconds_to_sleep)


def checkpoints_iterator(checkpoint_dir, min_interval_secs=0, timeout=None, timeout_fn=None):
    """Every new checkpoint of a folder as it comes, at most one each `min_interval_secs`.

    timeout: how many seconds to wait for the next; then `timeout_fn()` is asked whether to end, and without it that is
    the end. Ctrl-C ends it at any time.
    """
    checkpoint = None
    while True:
        found = wait_for_new_checkpoint(checkpoint_dir, checkpoint, seconds_to_sleep=_POLL_SECS, timeout=timeout)
        if found is None:
            if timeout_fn is None or timeout_fn():
                logger.info("No new checkpoint within %s seconds: the evaluation ends.", timeout)
                return
            continue
        started, checkpoint = time.monotonic(), found
        yield checkpoint
        time.sleep(max(0.0, min_interval_secs - (time.monotonic() - started)))


_POLL_SECS = 1


def evaluation_loop(
    master,
    checkpoint_dir,
    logdir,
    num_evals=1,
    initial_op=None,
    initial_op_feed_dict=None,
    init_fn=None,
    eval_op=None,
    eval_op_feed_dict=None,
    final_op=None,
    final_op_feed_dict=None,
    summary_op=_USE_DEFAULT,
    summary_op_feed_dict=None,
    variables_to_restore=None,
    eval_interval_secs=60,
    max_number_of_evaluations=None,
    session_config=None,
    timeout=None,
    timeout_fn=None,
    hooks=None,
):
    """`evaluate_once` for every new checkpoint of `checkpoint_dir`, at most one each `eval_interval_secs`.

    init_fn: `f(session)`, called before the restore. max_number_of_evaluations: then it ends; None: never. timeout,
    timeout_fn: see `checkpoints_iterator`. Returns the last value of `final_op`.
    """
    hooks = [StopAfterNEvalsHook(num_evals), *(hooks or ())]
    hooks += _summary_hooks(logdir, summary_op, summary_op_feed_dict)
    scaffold = _scaffold(initial_op, initial_op_feed_dict, variables_to_restore, init_fn)
    evaluate = _Evaluation(
        scaffold, eval_op, eval_op_feed_dict, final_op, final_op_feed_dict, hooks, session_config, logdir
    )
    checkpoints = checkpoints_iterator(checkpoint_dir, eval_interval_secs, timeout, timeout_fn)
    return _for_each(checkpoints, checkpoint_dir, evaluate, max_number_of_evaluations)


def evaluate_repeatedly(
    checkpoint_dir,
    master="",
    scaffold=None,
    eval_ops=None,
    feed_dict=None,
    final_ops=None,
    final_ops_feed_dict=None,
    eval_interval_secs=60,
    hooks=None,
    config=None,
    max_number_of_evaluations=None,
    timeout=None,
    timeout_fn=None,
):
    """Run `eval_ops` and then `final_ops` for every new checkpoint of a folder; returns the last value of `final_ops`.

    scaffold: says what is initialized and restored. hooks: must say when an evaluation ends (StopAfterNEvalsHook), or
    the data does. The others are those of `evaluation_loop`.
    """
    scaffold = scaffold or Scaffold(init_op=variables_initializer([]))
    evaluate = _Evaluation(scaffold, eval_ops, feed_dict, final_ops, final_ops_feed_dict, list(hooks or ()), config)
    checkpoints = checkpoints_iterator(checkpoint_dir, eval_interval_secs, timeout, timeout_fn)
    return _for_each(checkpoints, checkpoint_dir, evaluate, max_number_of_evaluations)


def _for_each(checkpoints, checkpoint_dir, evaluate, limit):
    """`evaluate` each checkpoint, at most `limit`; those deleted while they are read are passed over."""
    if limit is not None and limit <= 0:
        raise InvalidArgumentError("max_number_of_evaluations must be positive, or None.", got=limit)
    values, count = None, 0
    logger.info("Evaluating each new checkpoint of %s; Ctrl-C stops.", checkpoint_dir)
    with contextlib.closing(checkpoints):
        for checkpoint in checkpoints:
            try:
                values = evaluate(checkpoint)
            except (NotFoundError, DataLossError, FileNotFoundError) as error:
                if checkpoint_exists(checkpoint):
                    raise
                logger.warning("%s was deleted while it was read; the next one follows. (%s)", checkpoint, error)
                continue
            count += 1
            if limit is not None and count >= limit:
                break
    return values
