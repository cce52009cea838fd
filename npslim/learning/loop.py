"""The training loop: start or resume, step, log, write summaries, save, end."""

import contextlib
import signal
import time

from npslim import doctor
from npslim.checkpoint import Saver, kept_checkpoints, latest_checkpoint, take_up
from npslim.convert import as_tensor
from npslim.errors import FailedPreconditionError, InvalidArgumentError, OutOfRangeError
from npslim.events import open_writer
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.hooks import default_summary_op
from npslim.learning.manifest import Manifest
from npslim.learning.numerics import NumericsSession
from npslim.learning.services import FIND_NAN, Keeper, Summaries, Validation, traced, write_trace
from npslim.learning.signals import StopOnSignal
from npslim.logs import logger
from npslim.ops.logic import equal
from npslim.ops.state import group
from npslim.progress import progress as progress_of
from npslim.queues import Coordinator, InputMeter, start_queue_runners
from npslim.scopes import name_scope
from npslim.session import Session
from npslim.trainer_lock import only_trainer
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

    train_step_kwargs: may hold tensors `should_log` and `should_stop`, evaluated after the step, and `should_trace`,
    evaluated before it: if it is true, the step's trace goes to the folder `logdir`, which must be there too.
    """
    start, meter = time.monotonic(), InputMeter(sess)
    with traced(sess, train_step_kwargs) as trace:
        total_loss, step = sess.run([train_op, global_step])
    seconds = time.monotonic() - start
    if trace is not None:
        write_trace(trace, train_step_kwargs["logdir"], step)
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
    progress=False,
    find_nan=False,
    stop_on_save_error=True,
):
    """Train until `number_of_steps` of the global step, saving to `logdir`; returns the last loss.

    train_op: from `create_train_op`. logdir: a folder, made if missing; a checkpoint in it is taken up; None saves
    nothing. train_step_fn: `f(session, train_op, global_step, kwargs)` gives (loss, stop). init_fn: `f(session)`,
    called after a fresh start, not after a restore. saver: a Saver, all global variables unless given.
    summary_op: all summaries unless given, None for none; written every `save_summaries_secs` seconds from the values
    of a training step, which costs no input. trace_every_n_steps: the step after each n-th is traced into
    `tf_trace-<step>.json`, for chrome://tracing. Queue runners are started and stopped.
    Beyond TF-Slim: every `eval_every` steps `eval_ops(session)` is called for a dictionary of numbers, which are logged
    and written; `early_stop(numbers)` may return True to end the training. progress: show a bar instead of log lines.
    find_nan: look at every result, and raise where the first NaN that reaches the loss or a variable comes from; slow.
    stop_on_save_error=False: a full disk is logged, and the training goes on without that checkpoint.
    The folder also gets `scalars.csv` with the loss of each step, and `runs.jsonl` with versions, seeds and arguments.
    Ends when an input runs out (OutOfRangeError). SIGINT and SIGTERM end it after the step, saved. Any other error, of
    an input thread too, is raised. A loss or a trained variable that is not finite raises InvalidArgumentError before
    it is saved. Raises FailedPreconditionError if another process trains in `logdir`, ValueError for an empty list of
    train ops or a negative number_of_steps.
    """
    _check(train_op, logdir, number_of_steps, summary_op, eval_every, eval_ops, startup_delay_steps, sync_optimizer)
    if trace_every_n_steps is not None and (logdir is None or trace_every_n_steps <= 0):
        raise InvalidArgumentError(
            "trace_every_n_steps is a positive number, and needs a logdir.", got=(trace_every_n_steps, logdir)
        )
    arguments = {
        "number_of_steps": number_of_steps, "save_interval_secs": save_interval_secs, "logdir": logdir,
        "save_summaries_secs": save_summaries_secs, "log_every_n_steps": log_every_n_steps, "eval_every": eval_every,
        "find_nan": find_nan, "stop_on_save_error": stop_on_save_error,
    }  # fmt: skip
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
            trace = trace_every_n_steps if is_chief else None
            train_step_kwargs = _default_train_step_kwargs(
                global_step, number_of_steps, log_every_n_steps, logdir, trace
            )
        if summary_op is _USE_DEFAULT:
            summary_op = default_summary_op() if logdir is not None else None
        doctor.warn(train_op=train_op)
        if progress and isinstance(train_step_kwargs, dict):
            train_step_kwargs = {name: value for name, value in train_step_kwargs.items() if name != "should_log"}
    folder = logdir if is_chief else None
    kind = NumericsSession if find_nan else Session
    with only_trainer(folder), kind(graph=graph, config=session_config) as session:
        latest = _start(session, nodes, logdir, saver, init_feed_dict, init_fn)
        wrapped = session_wrapper(session) if session_wrapper is not None else session
        coord = Coordinator()
        threads = start_queue_runners(session, coord)
        try:
            with (
                open_writer(folder, with_events=summary_writer is _USE_DEFAULT) as writer,
                StopOnSignal() as stop, _shown(progress, number_of_steps, session, global_step) as shown,
            ):  # fmt: skip
                loop = _Loop(
                    wrapped, global_step, writer, stop,
                    Keeper(session, saver, folder, global_step, save_interval_secs, stop_on_save_error, writer),
                    Summaries(summary_op, summary_writer, logdir, save_summaries_secs),
                    Validation(eval_every, eval_ops, early_stop), shown,
                )  # fmt: skip
                manifest = Manifest(folder)
                manifest.begin(session, int(session.run(global_step)), latest, arguments)
                loss = loop.run(train_op, train_step_fn, train_step_kwargs, manifest)
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


def _default_train_step_kwargs(global_step, number_of_steps, log_every_n_steps, logdir, trace_every_n_steps):
    with name_scope("train_step"):
        kwargs = {"logdir": logdir} if logdir else {}
        step = global_step.read_value() if isinstance(global_step, Variable) else global_step
        if number_of_steps:
            kwargs["should_stop"] = step >= number_of_steps
        if log_every_n_steps > 0:
            kwargs["should_log"] = equal(step % log_every_n_steps, as_tensor(0, step.spec.dtype))
        if trace_every_n_steps is not None:
            kwargs["should_trace"] = equal(step % trace_every_n_steps, as_tensor(0, step.spec.dtype))
        return kwargs


@contextlib.contextmanager
def _shown(wanted, total, session, global_step):
    """What shows the progress, or None."""
    if not wanted:
        yield None
        return
    with progress_of(total, int(session.run(global_step))) as shown:
        yield shown


def _start(session, nodes, logdir, saver, init_feed_dict, init_fn):
    """Restore the latest checkpoint of `logdir`, or initialize. Returns the checkpoint, or None."""
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
    return latest


class _Loop:
    """Steps until a step, a signal, the validation or the end of the input says stop."""

    def __init__(self, session, global_step, writer, stop, keeper, summaries, validation, shown):
        self.session, self.global_step, self.writer, self.stop = session, global_step, writer, stop
        self.keeper, self.summaries, self.validation, self.shown = keeper, summaries, validation, shown
        self.how, self.step = "a step said so", None

    def run(self, train_op, train_step_fn, kwargs, manifest):
        """The last loss."""
        total_loss, meter = None, InputMeter(self.keeper.session)
        logger.info("Starting training.")
        should_stop = "should_stop" in kwargs and bool(self.session.run(kwargs["should_stop"]))
        try:
            while not should_stop and self.stop.signal is None:
                total_loss, should_stop = self._step(train_op, train_step_fn, kwargs)
                self.keeper.save_if_due()
        except OutOfRangeError as error:
            self.how = "the input ran out"
            logger.info("Caught OutOfRangeError. Stopping training. %s", str(error).split("\n")[0])
        except BaseException as error:
            self.how = f"{type(error).__name__}: {error}".split("\n")[0]
            raise
        finally:
            self.summaries.close()
            if self.stop.signal is not None:
                self.how = signal.Signals(self.stop.signal).name
            manifest.end(self.how, self.step, None if total_loss is None else float(total_loss), meter.waited())
        self.keeper.save()
        logger.info("Finished training! Saved the last step.")
        return total_loss

    def _step(self, train_op, train_step_fn, kwargs):
        session, meter, start = (
            self.summaries.session_for_step(self.session),
            InputMeter(self.session),
            time.monotonic(),
        )
        try:
            total_loss, should_stop = train_step_fn(session, train_op, self.global_step, kwargs)
        except InvalidArgumentError as error:
            if error.op is not None and error.op.type == "CheckNumerics":
                error.add_note(f"  hint     {FIND_NAN}")
            raise
        seconds = time.monotonic() - start
        step = self.step = int(self.session.run(self.global_step))
        if self.shown is not None:
            self.shown.update(step, loss=float(total_loss), seconds=seconds, waiting=meter.share(seconds))
        self.writer.scalars(step, total_loss=total_loss)
        self.summaries.write(session, step)
        return total_loss, self.validation(self.session, step, self.writer) or should_stop
