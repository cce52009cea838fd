"""A fresh default graph for every test, so that numbered names do not leak from one to the next; a report at last.

`--figures FILE` writes what the tests measured of the promises to a JSON file.
"""

import json
from pathlib import Path

import golden_cases
import mutations
import pytest

from npslim import graph


@pytest.fixture(autouse=True)
def fresh_graph():
    graph.reset_default_graph()
    yield graph.get_default_graph()


_FIGURES = {}


def pytest_addoption(parser):
    parser.addoption("--figures", metavar="FILE", help="write the figures of the promises to this JSON file")


@pytest.fixture
def figure():
    """Note a figure of a promise: `figure("P1", "restarts that ended with the same bits", 20, 20)`, so many of so many.

    Those of one text are added up. Call it after what it says is asserted.
    """

    def note(promise, text, value, of=None):
        row = _FIGURES.setdefault(promise, {}).setdefault(text, {"value": 0, "of": 0})
        row["value"] += value
        row["of"] += value if of is None else of

    return note


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):  # one of several processes: the one that reports adds up
        notes = (golden_cases.MEASURED, mutations.FIGURES, _FIGURES)
        session.config.workeroutput["notes"] = json.dumps(notes, default=float)
        return
    path = session.config.getoption("--figures")
    if path and _FIGURES:
        ordered = dict(sorted(_FIGURES.items(), key=lambda item: int(item[0][1:])))
        Path(path).write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Add up what one of several processes noted."""
    measured, damaged, figures = json.loads(getattr(node, "workeroutput", {}).get("notes", "[{}, {}, {}]"))
    for family, (count, worst, case) in measured.items():
        row = golden_cases.MEASURED.setdefault(family, [0, 0.0, ""])
        row[:] = row[0] + count, *max((row[1], row[2]), (worst, case))
    for name, (*counts, longest) in damaged.items():
        row = mutations.FIGURES.setdefault(name, [0, 0, 0, 0, 0.0])
        row[:] = *(a + b for a, b in zip(row, counts, strict=False)), max(row[-1], longest)
    for promise, rows in figures.items():
        for text, found in rows.items():
            row = _FIGURES.setdefault(promise, {}).setdefault(text, {"value": 0, "of": 0})
            row["value"] += found["value"]
            row["of"] += found["of"]


def pytest_terminal_summary(terminalreporter):
    """How near to TensorFlow the golden cases came, and what damaged files did."""
    if golden_cases.MEASURED:
        terminalreporter.section("difference from TensorFlow, in eps of the greatest number")
    for family, (count, worst, case) in sorted(golden_cases.MEASURED.items()):
        terminalreporter.line(f"{family:10} {count:5} arrays, at most {worst:8.1f}, in {case}")
    if mutations.FIGURES:
        terminalreporter.section("damaged files: refused with an error, or read as before or otherwise")
    rows = {name: row for name, row in mutations.FIGURES.items() if row[0] >= mutations.MANY}
    total = [sum(column) for column in zip(*mutations.FIGURES.values(), strict=True)]
    for name, (count, refused, same, other, _) in [*rows.items(), *([("all files", total)] if total else [])]:
        terminalreporter.line(f"{count:8,} {refused:8,} refused {same:7,} as before {other:7,} otherwise  {name}")
