"""A fresh default graph for every test, so that numbered names do not leak from one to the next; a report at last."""

import golden_cases
import pytest

from npslim import graph


@pytest.fixture(autouse=True)
def fresh_graph():
    graph.reset_default_graph()
    yield graph.get_default_graph()


def pytest_terminal_summary(terminalreporter):
    """How near to TensorFlow the golden cases came."""
    if golden_cases.MEASURED:
        terminalreporter.section("difference from TensorFlow, in eps of the greatest number")
    for family, (count, worst, case) in sorted(golden_cases.MEASURED.items()):
        terminalreporter.line(f"{family:10} {count:5} arrays, at most {worst:8.1f}, in {case}")
