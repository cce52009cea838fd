"""What the training loop calls beside its steps: the keeper of checkpoints, the summaries, the validation."""

import contextlib
import json
import os
import time

import numpy as np

from npslim import tf_summary
from npslim.errors import CheckpointWriteError, InvalidArgumentError
from npslim.logs import logger
from npslim.profiler import profile
from npslim.variables import trainable_variables

USE_DEFAULT = 0


class Keeper:
    """Saves to the log folder now and then, and at the end.

    stop_on_save_error: False to go on when a save fails, which is logged then; the save at the end always raises.
    """

    def __init__(self, session, saver, logdir, global_step, interval_secs, stop_on_save_error, writer):
        self.session, self.saver, self.global_step, self.writer = session, saver, global_step, writer
        self.prefix = os.path.join(logdir, "model.ckpt") if logdir else None
        self.interval, self.stop_on_save_error = interval_secs, stop_on_save_error
        self.saved_at, self.saved_step = time.monotonic(), None
        self.trained = [var for var in trainable_variables() if np.dtype(var.spec.dtype).kind in "fc"]

    def save(self):
        """Save, unless this step is saved. Raises InvalidArgumentError if what is trained is not finite."""
        step = int(self.session.run(self.global_step))
        if self.prefix and step != self.saved_step:
            self._check(step)
            self.writer.flush()
            self.saver.save(self.session, self.prefix, global_step=step)
            self.saved_step, self.saved_at = step, time.monotonic()

    def _check(self, step):
        values = self.session.run(self.trained)
        bad = [var.op.name for var, v in zip(self.trained, values, strict=True) if not np.isfinite(v).all()]
        if bad:
            raise InvalidArgumentError(
                f"Step {step} is not saved: variables are no numbers any more.", expected="finite values",
                got=", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else ""), hint=FIND_NAN,
            )  # fmt: skip

    def save_if_due(self):
        """Save if the last time is longer ago than the interval."""
        if self.interval is None or time.monotonic() - self.saved_at < self.interval:
            return
        try:
            self.save()
        except CheckpointWriteError as error:
            if self.stop_on_save_error:
                raise
            self.saved_at = time.monotonic()
            logger.error("The training goes on without this checkpoint. %s", error)


FIND_NAN = "train(..., find_nan=True) goes on from the last checkpoint, up to the op that it comes from"


class Summaries:
    """Writes summaries of a training step now and then: at the first step, and every `interval_secs` seconds."""

    def __init__(self, summary_op, summary_writer, logdir, interval_secs):
        self.op, self.interval = summary_op, interval_secs
        self.writer = summary_writer if summary_writer is not USE_DEFAULT else None
        self.logdir = logdir if summary_writer is USE_DEFAULT else None
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


def traced(session, kwargs):
    """A context that gives the profile of the runs inside it if `should_trace` of a step's kwargs says so, or None."""
    if "should_trace" not in kwargs:
        return contextlib.nullcontext()
    if "logdir" not in kwargs:
        raise InvalidArgumentError("logdir must be in train_step_kwargs when should_trace is.", got=sorted(kwargs))
    return profile() if session.run(kwargs["should_trace"]) else contextlib.nullcontext()


def write_trace(trace, folder, step):
    """Write a profile as `tf_trace-<step>.json`, TF-Slim's name, in Chrome's format."""
    path = os.path.join(folder, f"tf_trace-{step}.json")
    logger.info("Writing trace to %s", path)
    with open(path, "w") as file:
        json.dump(trace.trace(), file)


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


class Validation:
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
