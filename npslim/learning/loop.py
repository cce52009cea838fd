"""The training loop: start or resume, step, log, write summaries, save, end."""

import os
import time

from npslim import doctor, tf_summary
from npslim.checkpoint import Saver, kept_checkpoints, latest_checkpoint, take_up
from npslim.errors import FailedPreconditionError, InvalidArgumentError, OutOfRangeError
from npslim.events import open_writer
from npslim.graph import GraphKeys, get_default_graph
from npslim.hooks import default_summary_op
from npslim.learning.signals import StopOnSignal
from npslim.log import logger
from npslim.op import as_tensor
from npslim.ops.logic import equal
from npslim.ops.state import group
from npslim.queues import Coordinator, InputMeter, start_queue_runners
from npslim.scopes import name_scope
from npslim.session import Session
from npslim.variables import (
    Variable,
    get_or_create_global_step,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
)

_USE_DEFAULT = 0


def train_step(sess, train_op, global_step, train_step_kwargs):
    """Make one step; returns (loss, whether to stop).

    train_step_kwargs: may hold tensors `should_log` and `should_stop`, evaluated after the step.
    """
    start, meter = time.monotonic(), InputMeter(sess)
    total_loss, step = sess.run([train_op, global_step])
    seconds = time.monotonic() - start
    if "should_log" in train_step_kwargs and sess.run(train_step_kwargs["should_log"]):
        line = f"global step {step}: loss = {total_loss:.4f} ({seconds:.3f} sec/step)"
        logger.info("%s%s", line, meter.describe(seconds))
    should_stop = "should_stop" in train_step_kwargs and bool(sess.run(train_step_kwargs["should_stop"]))
    return total_loss, should_stop


def train(
    train_op,
    logdir,
    train_step_fn=train_step,
    train_step_kwargs=_USE_DEFAULT,
    log_every_n_steps=1,
    graph=None,
    master="",
    is_chief=True,
    global_step=None,
    number_of_steps=None,
    init_op=_USE_DEFAULT,
    init_feed_dict=None,
    local_init_op=_USE_DEFAULT,
    init_fn=None,
    ready_op=_USE_DEFAULT,
    summary_op=_USE_DEFAULT,
    save_summaries_secs=600,
    summary_writer=_USE_DEFAULT,
    startup_delay_steps=0,
    saver=None,
    save_interval_secs=600,
    sync_optimizer=None,
    session_config=None,
    session_wrapper=None,
    trace_every_n_steps=None,
    ignore_live_threads=False,
    eval_every=None,
    eval_ops=None,
    early_stop=None,
):
    """Train until `number_of_steps` of the global step, saving to `logdir`; returns the last loss.

    train_op: from `create_train_op`. logdir: a folder, made if missing; a checkpoint in it is taken up; None saves
    nothing. train_step_fn: `f(session, train_op, global_step, kwargs)` gives (loss, stop). init_fn: `f(session)`,
    called after a fresh start, not after a restore. saver: a Saver, all global variables unless given.
    summary_op: all summaries unless given, None for none; written every `save_summaries_secs` seconds from the values
    of a training step, which costs no input. Queue runners are started and stopped.
    Beyond TF-Slim: every `eval_every` steps `eval_ops(session)` is called for a dictionary of numbers, which are logged
    and written; `early_stop(numbers)` may return True to end the training.
    Ends when an input runs out (OutOfRangeError). SIGINT and SIGTERM end it after the step, saved. Any other error, of
    an input thread too, is raised. Raises ValueError for an empty list of train ops or a negative number_of_steps.
    """
    _check(train_op, logdir, number_of_steps, summary_op, eval_every, eval_ops, startup_delay_steps, sync_optimizer)
    graph = graph or get_default_graph()
    with graph.as_default():
        global_step = get_or_create_global_step(graph) if global_step is None else global_step
        saver = saver or Saver()
        nodes = {
            "init": global_variables_initializer() if init_op is _USE_DEFAULT else init_op,
            "local_init": _default_local_init() if local_init_op is _USE_DEFAULT else local_init_op,
            "ready": report_uninitialized_variables() if ready_op is _USE_DEFAULT else ready_op,
        }
        if train_step_kwargs == _USE_DEFAULT:
            train_step_kwargs = _default_train_step_kwargs(global_step, number_of_steps, log_every_n_steps, logdir)
        if summary_op is _USE_DEFAULT:
            summary_op = default_summary_op() if logdir is not None else None
        doctor.warn(train_op=train_op)
    with Session(graph=graph, config=session_config) as session:
        _start(session, nodes, logdir, saver, init_feed_dict, init_fn)
        wrapped = session_wrapper(session) if session_wrapper is not None else session
        coord = Coordinator()
        threads = start_queue_runners(session, coord)
        try:
            with open_writer(logdir if summary_writer is _USE_DEFAULT else None) as writer, StopOnSignal() as stop:
                loop = _Loop(
                    wrapped, global_step, writer, stop,
                    _Keeper(session, saver, logdir if is_chief else None, global_step, save_interval_secs),
                    _Summaries(summary_op, summary_writer, logdir, save_summaries_secs),
                    _Validation(eval_every, eval_ops, early_stop),
                )  # fmt: skip
                loss = loop.run(train_op, train_step_fn, train_step_kwargs)
        finally:
            coord.request_stop()
            coord.join(threads, stop_grace_period_secs=120, ignore_live_threads=ignore_live_threads)
    stop.leave()
    return loss


def _check(train_op, logdir, number_of_steps, summary_op, eval_every, eval_ops, startup_delay_steps, sync_optimizer):
    if train_op is None:
        raise InvalidArgumentError("train_op cannot be None.", expected="a tensor of create_train_op", got=None)
    if number_of_steps is not None and number_of_steps <= 0:
        raise InvalidArgumentError("`number_of_steps` must be either None or a positive number.", got=number_of_steps)
    if logdir is None and summary_op not in (_USE_DEFAULT, None):
        raise InvalidArgumentError("Cannot provide summary_op because logdir=None.", got=summary_op)
    if (eval_every is None) != (eval_ops is None):
        raise InvalidArgumentError("eval_every and eval_ops go together.", got=(eval_every, eval_ops))
    if startup_delay_steps > 0 and sync_optimizer is not None:
        raise InvalidArgumentError(
            "startup_delay_steps must be zero when sync_optimizer is supplied.", got=startup_delay_steps
        )


def _default_local_init():
    """Initializes local variables and lookup tables."""
    return group(local_variables_initializer(), *get_default_graph().get_collection(GraphKeys.TABLE_INITIALIZERS))


def _default_train_step_kwargs(global_step, number_of_steps, log_every_n_steps, logdir):
    with name_scope("train_step"):
        kwargs = {"logdir": logdir} if logdir else {}
        step = global_step.read_value() if isinstance(global_step, Variable) else global_step
        if number_of_steps:
            kwargs["should_stop"] = step >= number_of_steps
        if log_every_n_steps > 0:
            kwargs["should_log"] = equal(step % log_every_n_steps, as_tensor(0, step.spec.dtype))
        return kwargs


def _start(session, nodes, logdir, saver, init_feed_dict, init_fn):
    """Restore the latest checkpoint of `logdir`, or initialize."""
    latest = latest_checkpoint(logdir) if logdir else None
    if latest is not None:
        logger.info("Restoring parameters from %s", latest)
        saver.restore(session, latest)
        saver.recover_last_checkpoints(kept_checkpoints(logdir))
    elif nodes["init"] is not None:
        session.run(nodes["init"], init_feed_dict)
        if init_fn is not None:
            init_fn(session)
    if nodes["local_init"] is not None:
        session.run(nodes["local_init"])
    if latest is not None:
        take_up(session, latest)
    missing = session.run(nodes["ready"]) if nodes["ready"] is not None else ()
    if len(missing):
        raise FailedPreconditionError(
            "Variables are not initialized.", got=", ".join(name.decode() for name in missing),
            hint="give train() an init_op or init_fn that covers them, or a checkpoint that holds them",
        )  # fmt: skip


class _Keeper:
    """Saves to the log folder now and then, and at the end."""

    def __init__(self, session, saver, logdir, global_step, interval_secs):
        self.session, self.saver, self.global_step = session, saver, global_step
        self.prefix = os.path.join(logdir, "model.ckpt") if logdir else None
        self.interval = interval_secs
        self.saved_at, self.saved_step = time.monotonic(), None

    def save(self):
        """Save, unless this step is saved."""
        step = int(self.session.run(self.global_step))
        if self.prefix and step != self.saved_step:
            self.saver.save(self.session, self.prefix, global_step=step)
            self.saved_step, self.saved_at = step, time.monotonic()

    def save_if_due(self):
        """Save if the last time is longer ago than the interval."""
        if self.interval is not None and time.monotonic() - self.saved_at >= self.interval:
            self.save()


class _Summaries:
    """Writes summaries of a training step now and then: at the first step, and every `interval_secs` seconds."""

    def __init__(self, summary_op, summary_writer, logdir, interval_secs):
        self.op, self.interval = summary_op, interval_secs
        self.writer = summary_writer if summary_writer is not _USE_DEFAULT else None
        self.logdir = logdir if summary_writer is _USE_DEFAULT else None
        self.written_at = None

    def session_for_step(self, session):
        """`session`, whose next run also gives the summaries if they are due."""
        due = self.op is not None and (self.writer is not None or self.logdir is not None)
        if due and self.written_at is not None:
            due = bool(self.interval) and time.monotonic() - self.written_at >= self.interval
        return _WithSummary(session, self.op) if due else session

    def write(self, session, step):
        """Write what the step's session noted, if it did."""
        if not isinstance(session, _WithSummary) or session.summary is None:
            return
        if self.writer is None:
            self.writer = tf_summary.FileWriter(self.logdir)
        self.writer.add_summary(session.summary, step)
        self.writer.flush()
        self.written_at = time.monotonic()

    def close(self):
        """Close the writer, unless it was given."""
        if self.logdir is not None and self.writer is not None:
            self.writer.close()


class _WithSummary:
    """A session whose first run also fetches a summary: no input is spent on it."""

    def __init__(self, session, op):
        self._session, self._op = session, op
        self.summary = None

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run(self, fetches, *args, **kwargs):
        """`Session.run`."""
        if self.summary is not None:
            return self._session.run(fetches, *args, **kwargs)
        found, self.summary = self._session.run((fetches, self._op), *args, **kwargs)
        return found


class _Validation:
    """Calls `eval_ops(session)` every so many steps; `early_stop` of its numbers says whether to end."""

    def __init__(self, every, eval_ops, early_stop):
        self.every, self.eval_ops, self.early_stop = every, eval_ops, early_stop

    def __call__(self, session, step, writer):
        """True to end."""
        if self.every is None or step % self.every:
            return False
        numbers = self.eval_ops(session)
        logger.info("step %d: %s", step, ", ".join(f"{name} = {value:.4g}" for name, value in numbers.items()))
        writer.note(step, numbers)
        return self.early_stop is not None and bool(self.early_stop(numbers))


class _Loop:
    """Steps until a step, a signal, the validation or the end of the input says stop."""

    def __init__(self, session, global_step, writer, stop, keeper, summaries, validation):
        self.session, self.global_step, self.writer, self.stop = session, global_step, writer, stop
        self.keeper, self.summaries, self.validation = keeper, summaries, validation

    def run(self, train_op, train_step_fn, kwargs):
        """The last loss."""
        total_loss = None
        logger.info("Starting training.")
        should_stop = "should_stop" in kwargs and bool(self.session.run(kwargs["should_stop"]))
        try:
            while not should_stop and self.stop.signal is None:
                session = self.summaries.session_for_step(self.session)
                total_loss, should_stop = train_step_fn(session, train_op, self.global_step, kwargs)
                step = int(self.session.run(self.global_step))
                self.writer.scalars(step, total_loss=total_loss)
                self.summaries.write(session, step)
                should_stop = self.validation(self.session, step, self.writer) or should_stop
                self.keeper.save_if_due()
        except OutOfRangeError as error:
            logger.info("Caught OutOfRangeError. Stopping training. %s", str(error).split("\n")[0])
        finally:
            self.summaries.close()
        self.keeper.save()
        logger.info("Finished training! Saved the last step.")
        return total_loss
