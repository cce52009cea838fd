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
    path = session.config.getoption("--figures")
    if path and _FIGURES:
        ordered = dict(sorted(_FIGURES.items(), key=lambda item: int(item[0][1:])))
        Path(path).write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


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
