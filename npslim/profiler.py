"""Where the time of runs goes: a table of ops, and a trace that Chrome, Edge or Perfetto draw."""

import importlib
import os
import threading
import time
from dataclasses import dataclass

from npslim.flops import flops, show_count

watching = []  # the profiles that are open


@dataclass(frozen=True, slots=True)
class Event:
    """One call of a kernel; times in nanoseconds, `flops` None where it is not known."""

    node: object
    kernel: str
    begin: int
    end: int
    thread: int
    bytes: int
    flops: int | None


class profile:
    """A context that notes each kernel of the runs inside it, of whatever session and thread.

    path: where the trace is written in the end, as JSON for chrome://tracing or ui.perfetto.dev; the table goes beside
    it, as `.txt`. Neither, if None. `print(profile)` shows the table: calls, milliseconds, bytes read and written,
    GFLOP/s and the share of the time of each op and kernel. `rows()` gives it as dictionaries, `events` each call.
    """

    def __init__(self, path=None):
        self.path = path
        self.events = []

    def __enter__(self):
        watching.append(self)
        return self

    def __exit__(self, *error):
        watching.remove(self)
        if self.path is not None and error[0] is None:
            with open(self.path, "w", encoding="utf-8") as file:
                importlib.import_module("json").dump(self.trace(), file)
            with open(os.path.splitext(self.path)[0] + ".txt", "w", encoding="utf-8") as file:
                file.write(f"{self}\n")

    def trace(self):
        """The events in Chrome's format."""
        start = min((event.begin for event in self.events), default=0)
        return {
            "displayTimeUnit": "ms",
            "traceEvents": [
                {
                    "name": event.node.name, "cat": event.node.type, "ph": "X", "pid": 0, "tid": event.thread,
                    "ts": (event.begin - start) / 1e3, "dur": (event.end - event.begin) / 1e3,
                    "args": {"kernel": event.kernel, "bytes": event.bytes, "flops": event.flops,
                             "made at": str(event.node.made_at)},
                }
                for event in self.events
            ],
        }  # fmt: skip

    def rows(self):
        """[{op, kernel, calls, ms, bytes, gflops (None where it is not known), share}], the longest first."""
        groups = {}
        for event in self.events:
            groups.setdefault((event.node.type, event.kernel), []).append(event)
        total = sum(event.end - event.begin for event in self.events) or 1
        rows = [_row(op, kernel, events, total) for (op, kernel), events in groups.items()]
        return sorted(rows, key=lambda row: -row["ms"])

    def __str__(self):
        head = f"{'op':32s} {'kernel':36s} {'calls':>7s} {'ms':>10s} {'bytes':>8s} {'GFLOP/s':>8s} {'share':>6s}"
        lines = [head]
        for row in self.rows():
            rate = "-" if row["gflops"] is None else f"{row['gflops']:.1f}"
            lines.append(
                f"{row['op']:32s} {row['kernel']:36s} {row['calls']:7d} {row['ms']:10.2f} "
                f"{show_count(row['bytes']):>8s} {rate:>8s} {row['share']:6.1%}"
            )
        return "\n".join(lines)


def _row(op, kernel, events, total):
    spent = sum(event.end - event.begin for event in events)
    known = [event.flops for event in events]
    return {
        "op": op, "kernel": kernel, "calls": len(events), "ms": spent / 1e6, "bytes": sum(e.bytes for e in events),
        "gflops": None if None in known or not spent else sum(known) / spent, "share": spent / total,
    }  # fmt: skip


def watched(step, kernel):
    """What calls `kernel` for a step and notes that in the profiles that are open."""

    def noted(*inputs, **context):
        begin = time.perf_counter_ns()
        result = kernel(*inputs, **context)
        end = time.perf_counter_ns()
        event = _event(step, kernel, begin, end, inputs, result if isinstance(result, tuple) else (result,))
        for profile in list(watching):
            profile.events.append(event)
        return result

    return noted


def _event(step, kernel, begin, end, inputs, outputs):
    arrays = [value for value in (*inputs, *outputs) if hasattr(value, "nbytes")]
    count = None
    if not step.rewritten and step.outputs:
        shapes = [[x.shape for x in values if hasattr(x, "shape")] for values in (inputs, outputs)]
        count = flops(step.node.op.name, step.node.attrs, *shapes)
    elif step.nodes:
        count = step.flops
    label, thread = getattr(kernel, "label", "plain"), threading.get_ident()
    return Event(step.node, label, begin, end, thread, sum(value.nbytes for value in arrays), count)
