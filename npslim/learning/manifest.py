"""What a training was: versions, seeds and arguments at its beginning, and how it ended, in `runs.jsonl`."""

import importlib
import json
import os
import platform
import sys
import time

from npslim.variables import trainable_variables

NAME = "runs.jsonl"


class Manifest:
    """Appends a line of JSON to `<folder>/runs.jsonl` when a run begins, and one when it ends; none for no folder."""

    def __init__(self, folder):
        self._path = None if folder is None else os.path.join(folder, NAME)
        self._began = time.monotonic()

    def _write(self, **facts):
        if self._path is not None:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"time": _now(), "pid": os.getpid(), **facts}, default=str) + "\n")

    def begin(self, session, step, resumed_from, arguments):
        """Note what the run begins with. arguments: those of `train`."""
        sizes = [var.shape.num_elements() for var in trainable_variables()]
        known = [n for n in sizes if n is not None]
        self._write(
            event="begin", step=step, resumed_from=resumed_from, versions=versions(), command=sys.argv,
            seed=session.graph.seed, entropy=session.store.entropy, kernels=session.kernels, device=session.device,
            threads=session.threads, trainable_variables=len(sizes), trainable_values=sum(known), arguments=arguments,
        )  # fmt: skip

    def end(self, how, step, loss, waited):
        """Note how the run ended. waited: the seconds that its steps waited for input."""
        seconds = time.monotonic() - self._began
        self._write(event="end", how=how, step=step, loss=loss, seconds=round(seconds, 3), waited=round(waited, 3))


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def versions():
    """{name: version} of Python, the system, npslim and what it computes with."""
    found: dict[str, str | None] = {"python": platform.python_version(), "system": platform.platform()}
    metadata = importlib.import_module("importlib.metadata")  # half of what importing this file would cost
    for name in ("npslim", "numpy", "scipy", "h5py"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
