"""Where a run's numbers go: a CSV file that is always written, and event files for TensorBoard where tensorboardX is.

The protocol buffers of event files are tensorboardX's; none is written by hand.
"""

import contextlib
import csv
import importlib
import itertools
import os
import time


class NoWriter:
    """Takes numbers and keeps none."""

    def scalars(self, step, **values):
        """Note named numbers at a step."""

    def note(self, step, values):
        """Note a dictionary of numbers at a step."""

    def flush(self):
        """Write what is waiting."""

    def close(self):
        """Write what is waiting and close the files."""


class Writer(NoWriter):
    """Writes named numbers of a step to `<folder>/scalars.csv` (step, seconds since the epoch, name, value), and to an
    event file if tensorboardX is installed and `with_events`."""

    def __init__(self, folder, with_events=True):
        os.makedirs(folder, exist_ok=True)
        self._file = open(os.path.join(folder, "scalars.csv"), "a", newline="", encoding="utf-8")  # noqa: SIM115
        self._rows = csv.writer(self._file)
        if self._file.tell() == 0:
            self._rows.writerow(["step", "time", "name", "value"])
            self._file.flush()  # whoever opens it next sees that it has its heading
        self._events = event_writer(folder) if with_events else None

    def scalars(self, step, **values):
        self.note(step, values)

    def note(self, step, values):
        now = time.time()
        for name, value in values.items():
            self._rows.writerow([step, f"{now:.3f}", name, repr(float(value))])
            if self._events is not None:
                self._events.add_scalar(name, float(value), step, walltime=now)

    def flush(self):
        self._file.flush()
        if self._events is not None:
            self._events.flush()

    def close(self):
        self.flush()
        self._file.close()
        if self._events is not None:
            self._events.close()


def unique_suffix():
    """An ending for the name of an event file, which otherwise has only the second and the host: two writers of one
    second would write over each other.
    """
    return f".{os.getpid()}.{next(_number)}"


_number = itertools.count()


def event_writer(folder):
    """tensorboardX's writer for `folder`, or None if it is not installed."""
    try:
        tensorboard = importlib.import_module("tensorboardX")
    except ImportError:
        return None
    return tensorboard.SummaryWriter(logdir=folder, filename_suffix=unique_suffix())


@contextlib.contextmanager
def open_writer(folder, with_events=True):
    """A Writer for `folder`, closed at the end; one that keeps nothing if the folder is None."""
    writer = Writer(folder, with_events) if folder else NoWriter()
    try:
        yield writer
    finally:
        writer.close()


def read_scalars(folder):
    """{name: [(step, value)]} of the CSV file in `folder`; of a step written twice, the last value counts."""
    curves = {}
    with open(os.path.join(folder, "scalars.csv"), newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["name"], {})[int(row["step"])] = float(row["value"])
    return {name: sorted(points.items()) for name, points in curves.items()}
