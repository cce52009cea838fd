"""Showing how far a loop is: a bar on a terminal (with tqdm), else at most one line a second."""

import importlib
import sys
import time


class Lines:
    """One line a second at most: step, of how many, and named numbers. Used where there is no terminal, or no tqdm."""

    def __init__(self, total, start=0, unit="step", file=None, seconds=1.0):
        self.total, self.done, self.unit = total, start, unit
        self.file = file or sys.stderr
        self.seconds = seconds
        self._start, self._first = time.monotonic(), start
        self._shown_at = float("-inf")

    def update(self, step, **numbers):
        """Step number `step` is done; `numbers` are shown with it."""
        self.done = step
        now = time.monotonic()
        if now - self._shown_at < self.seconds and (self.total is None or step < self.total):
            return
        self._shown_at = now
        rate = (step - self._first) / max(now - self._start, 1e-9)
        shown, of = "  ".join(_said(numbers)), "" if self.total is None else f"/{self.total}"
        print(f"{self.unit} {step}{of}  {shown}  ({rate:.0f} {self.unit}s/s)", file=self.file, flush=True)

    def close(self):
        """The loop is over."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _said(numbers):
    """The numbers in words: those of `learning.train` with their units."""
    for name, value in numbers.items():
        if name == "waiting":
            yield f"waiting for input {value:.0%}"
        elif name == "seconds":
            yield f"{1000 * value:.3g} ms/step"
        else:
            yield f"{name} {value:.4g}"


class Bar(Lines):
    """A bar of tqdm."""

    def __init__(self, tqdm, total, start=0, unit="step", file=None):
        super().__init__(total, start, unit, file)
        self._bar = tqdm(total=total, initial=start, unit=unit, file=self.file, dynamic_ncols=True, mininterval=0.1)

    def update(self, step, **numbers):
        self._bar.set_postfix_str("  ".join(_said(numbers)), refresh=False)
        self._bar.update(step - self.done)
        self.done = step

    def close(self):
        self._bar.close()


def progress(total, start=0, unit="step", file=None):
    """What shows the progress of a loop that goes on from `start` to `total`; a context manager with `update(step,
    ...)`.
    """
    file = file or sys.stderr
    if getattr(file, "isatty", lambda: False)():
        try:
            return Bar(importlib.import_module("tqdm").tqdm, total, start, unit, file)
        except ImportError:
            pass
    return Lines(total, start, unit, file)
