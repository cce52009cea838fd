"""Hooks: what a monitored session does around each of its runs. Every hook overrides the methods that it needs.

begin                  before the session is made; nodes may still be added to the graph
after_create_session   variables have their values
before_run, after_run  around each run; the first may ask for more fetches
end                    the session is about to be closed, and no error is the reason
"""

import collections
import os
import time
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.checkpoint import Saver
from npslim.errors import FailedPreconditionError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.tf_summary import FileWriterCache, merge_all
from npslim.variables import get_global_step


class SessionRunArgs(collections.namedtuple("SessionRunArgs", ["fetches", "feed_dict", "options"])):
    """What a hook wants of the next run."""

    def __new__(cls, fetches, feed_dict=None, options=None):
        return super().__new__(cls, fetches, feed_dict, options)


SessionRunValues = collections.namedtuple("SessionRunValues", ["results", "options", "run_metadata"])
SessionRunValues.__doc__ = "The values of what a hook asked for."


class SessionRunContext:
    """One run: what the caller asked for, the session, and a way to end the loop."""

    def __init__(self, original_args, session):
        self.original_args, self.session = original_args, session
        self._stop = False

    @property
    def stop_requested(self):
        """Whether a hook asked to stop."""
        return self._stop

    def request_stop(self):
        """After this run, `should_stop()` of the session is true."""
        self._stop = True


class SessionRunHook:
    """The base of all hooks: does nothing."""

    def begin(self):
        """Called before the session is made."""

    def after_create_session(self, session, coord):
        """Called when the session is ready."""

    def before_run(self, run_context):
        """Called before each run; may return SessionRunArgs."""
        return None

    def after_run(self, run_context, run_values):
        """Called after each run, with the values of what `before_run` asked for."""

    def end(self, session):
        """Called at the end."""


def _step_tensor():
    """The global step as it is after a run. Raises RuntimeError if the graph has none."""
    step = get_global_step()
    if step is None:
        raise FailedPreconditionError(
            "A hook needs the global step.", hint="get_or_create_global_step() before the session is made",
            made_at=user_line(),
        )  # fmt: skip
    return step


class SecondOrStepTimer:
    """Says when it is time again: every so many seconds, or steps. Raises ValueError unless just one is given."""

    def __init__(self, every_secs=None, every_steps=None):
        if every_secs is not None and every_steps is not None:
            raise InvalidArgumentError("Can only specify one of every_secs and every_steps.", got="both")
        self._every_secs, self._every_steps = every_secs, every_steps
        self.reset()

    def reset(self):
        """As if it had never been time."""
        self._last_step: Any = None
        self._last_time: Any = None

    def should_trigger_for_step(self, step):
        """True at the first step, and when seconds or steps have passed since the last time."""
        if self._last_step is None:
            return True
        if self._last_step == step:
            return False
        if self._every_secs is not None:
            return time.monotonic() >= self._last_time + self._every_secs
        return self._every_steps is not None and step >= self._last_step + self._every_steps

    def update_last_triggered_step(self, step):
        """It was time now. Returns (seconds, steps) since the last time, (None, None) at first."""
        now = time.monotonic()
        since = (None, None) if self._last_step is None else (now - self._last_time, step - self._last_step)
        self._last_time, self._last_step = now, step
        return since

    def last_triggered_step(self):
        """The step when it was time, or None."""
        return self._last_step


class StopAtStepHook(SessionRunHook):
    """Stops after `num_steps` further steps, or at the step `last_step`. Raises ValueError unless just one is given."""

    def __init__(self, num_steps: Any = None, last_step: Any = None):
        if (num_steps is None) == (last_step is None):
            raise InvalidArgumentError("One of num_steps or last_step must be specified.", got=(num_steps, last_step))
        self._num_steps, self._last_step = num_steps, last_step

    def begin(self):
        self._step = _step_tensor()

    def after_create_session(self, session, coord):
        if self._last_step is None:
            self._last_step = int(session.run(self._step)) + self._num_steps

    def before_run(self, run_context):
        return SessionRunArgs(self._step)

    def after_run(self, run_context, run_values):
        if int(run_values.results) >= self._last_step:
            run_context.request_stop()


class CheckpointSaverListener:
    """Called around every save of a CheckpointSaverHook. `after_save` may return True to stop the training."""

    def begin(self):
        """Called before the session is made."""

    def before_save(self, session, global_step_value):
        """Called before a save."""

    def after_save(self, session, global_step_value):
        """Called after a save."""

    def end(self, session, global_step_value):
        """Called at the end."""


class CheckpointSaverHook(SessionRunHook):
    """Saves to `checkpoint_dir` every `save_secs` seconds or `save_steps` steps, at the beginning and at the end.

    saver: what saves; or a `scaffold` that has one. listeners: CheckpointSaverListeners.
    """

    def __init__(
        self, checkpoint_dir, save_secs=None, save_steps=None, saver=None, checkpoint_basename="model.ckpt",
        scaffold=None, listeners=None, save_graph_def=True,
    ):  # fmt: skip
        if saver is not None and scaffold is not None:
            raise InvalidArgumentError("You cannot provide both saver and scaffold.", got="both")
        if (save_secs is None) == (save_steps is None):
            raise InvalidArgumentError(
                "Give save_secs or save_steps.", expected="one of them", got=(save_secs, save_steps)
            )
        self._saver, self._scaffold, self._listeners = saver, scaffold, list(listeners or ())
        self._prefix = os.path.join(checkpoint_dir, checkpoint_basename)
        self._timer = SecondOrStepTimer(save_secs, save_steps)

    def begin(self):
        self._step = _step_tensor()
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session, coord):
        step = int(session.run(self._step))
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context):
        return SessionRunArgs(self._step)

    def after_run(self, run_context, run_values):
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session):
        step = int(session.run(self._step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        for listener in self._listeners:
            listener.end(session, step)

    def _save(self, session, step):
        """Save; True if a listener asks to stop."""
        if self._saver is None:
            self._saver = (self._scaffold and self._scaffold.saver) or Saver()
        for listener in self._listeners:
            listener.before_save(session, step)
        logger.info("Saving checkpoints for %d into %s.", step, self._prefix)
        self._saver.save(session, self._prefix, global_step=step)
        return any([listener.after_save(session, step) for listener in self._listeners])


class SummarySaverHook(SessionRunHook):
    """Writes `summary_op` (all summaries unless given) every `save_steps` steps or `save_secs` seconds."""

    def __init__(
        self, save_steps=None, save_secs=None, output_dir=None, summary_writer=None, scaffold=None, summary_op=None
    ):
        if scaffold is not None and summary_op is not None:
            raise InvalidArgumentError("You cannot provide both scaffold and summary_op.", got="both")
        if (save_secs is None) == (save_steps is None):
            raise InvalidArgumentError(
                "Give save_secs or save_steps.", expected="one of them", got=(save_secs, save_steps)
            )
        self._summary_op, self._scaffold = summary_op, scaffold
        self._writer, self._folder = summary_writer, output_dir
        self._timer = SecondOrStepTimer(save_secs, save_steps)

    def begin(self):
        self._step = _step_tensor()
        if self._writer is None and self._folder:
            self._writer = FileWriterCache.get(self._folder)
        self._next = None

    def before_run(self, run_context):
        self._due = self._next is None or self._timer.should_trigger_for_step(self._next)
        wanted = {"step": self._step}
        summary = self._summary()
        if self._due and summary is not None:
            wanted["summary"] = summary
        return SessionRunArgs(wanted)

    def _summary(self):
        if self._summary_op is None and self._scaffold is not None:
            return self._scaffold.summary_op
        return self._summary_op

    def after_run(self, run_context, run_values):
        step = int(run_values.results["step"])
        if self._due:
            self._timer.update_last_triggered_step(step)
            found = run_values.results.get("summary")
            for one in found if isinstance(found, list | tuple) else [found]:
                if one is not None and self._writer is not None:
                    self._writer.add_summary(one, step)
        self._next = step + 1

    def end(self, session):
        if self._writer is not None:
            self._writer.flush()


class LoggingTensorHook(SessionRunHook):
    """Logs `tensors` ({name: tensor}, or a list) every so many runs or seconds, and with `at_end` at the end.

    formatter: makes the text of {name: value}.
    """

    def __init__(self, tensors, every_n_iter=None, every_n_secs=None, at_end=False, formatter=None):
        if not at_end and (every_n_iter is None) == (every_n_secs is None):
            raise InvalidArgumentError("Exactly one of every_n_iter and every_n_secs must be provided.")
        if every_n_iter is not None and every_n_iter <= 0:
            raise InvalidArgumentError("every_n_iter must be positive.", got=every_n_iter)
        if not isinstance(tensors, dict):
            tensors = {getattr(t, "name", t): t for t in tensors}
        self._tensors, self._formatter, self._at_end = tensors, formatter, at_end
        self._timer = SecondOrStepTimer(every_n_secs, every_n_iter)
        self._sometimes = every_n_iter is not None or every_n_secs is not None

    def begin(self):
        self._runs = 0
        self._timer.reset()
        graph = get_default_graph()
        self._fetches = {name: graph.as_graph_element(tensor) for name, tensor in self._tensors.items()}

    def before_run(self, run_context):
        self._due = self._sometimes and self._timer.should_trigger_for_step(self._runs)
        return SessionRunArgs(self._fetches) if self._due else None

    def after_run(self, run_context, run_values):
        if self._due:
            self._log(run_values.results)
        self._runs += 1

    def end(self, session):
        if self._at_end:
            self._log(session.run(self._fetches))

    def _log(self, values):
        seconds, _ = self._timer.update_last_triggered_step(self._runs)
        if self._formatter is not None:
            logger.info(self._formatter(values))
            return
        text = ", ".join(f"{name} = {value}" for name, value in values.items())
        logger.info(text if seconds is None else f"{text} ({seconds:.3f} sec)")


class NanLossDuringTrainingError(RuntimeError):
    """The loss is no number."""

    def __str__(self):
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Looks whether the loss is a number; if not, raises NanLossDuringTrainingError or, as told, only stops."""

    def __init__(self, loss_tensor, fail_on_nan_loss=True):
        self._loss, self._fail = loss_tensor, fail_on_nan_loss

    def before_run(self, run_context):
        return SessionRunArgs(self._loss)

    def after_run(self, run_context, run_values):
        if np.isnan(run_values.results).any():
            logger.error("Model diverged with loss = NaN.")
            if self._fail:
                raise NanLossDuringTrainingError
            run_context.request_stop()


class StepCounterHook(SessionRunHook):
    """Logs, and writes as `global_step/sec`, how many steps a second are made."""

    def __init__(self, every_n_steps=100, every_n_secs=None, output_dir=None, summary_writer=None):
        if every_n_secs is not None:
            every_n_steps = None
        self._timer = SecondOrStepTimer(every_n_secs, every_n_steps)
        self._writer, self._folder = summary_writer, output_dir

    def begin(self):
        self._step = _step_tensor()
        if self._writer is None and self._folder:
            self._writer = FileWriterCache.get(self._folder)

    def before_run(self, run_context):
        return SessionRunArgs(self._step)

    def after_run(self, run_context, run_values):
        step = int(run_values.results)
        if self._timer.should_trigger_for_step(step):
            seconds, steps = self._timer.update_last_triggered_step(step)
            if seconds:
                logger.info("global_step/sec: %g", steps / seconds)
                if self._writer is not None:
                    self._writer.add_numbers({"global_step/sec": steps / seconds}, step)


class GlobalStepWaiterHook(SessionRunHook):
    """Waits until the global step has reached `wait_until_step`."""

    def __init__(self, wait_until_step):
        self._wait_until = wait_until_step

    def begin(self):
        self._step = _step_tensor()
        self._done = self._wait_until <= 0

    def before_run(self, run_context):
        while not self._done:
            self._done = int(run_context.session.run(self._step)) >= self._wait_until
            if not self._done:
                time.sleep(0.5)


class FeedFnHook(SessionRunHook):
    """Feeds what `feed_fn()` returns into every run."""

    def __init__(self, feed_fn):
        self._feed_fn = feed_fn

    def before_run(self, run_context):
        return SessionRunArgs(fetches=None, feed_dict=self._feed_fn())


class FinalOpsHook(SessionRunHook):
    """Runs `final_ops` at the end; their values are in `final_ops_values`."""

    def __init__(self, final_ops, final_ops_feed_dict=None):
        self._final_ops, self._feeds = final_ops, final_ops_feed_dict
        self._values = None

    @property
    def final_ops_values(self):
        """The values, None before the end."""
        return self._values

    def end(self, session):
        if self._final_ops is not None:
            self._values = session.run(self._final_ops, self._feeds)


def default_summary_op():
    """All summaries of the default graph as one, noted in the collection SUMMARY_OP; None if there are none."""
    graph = get_default_graph()
    noted = graph.get_collection(GraphKeys.SUMMARY_OP)
    if noted:
        return noted[0]
    merged = merge_all()
    if merged is not None:
        graph.add_to_collection(GraphKeys.SUMMARY_OP, merged)
    return merged
