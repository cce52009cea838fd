"""A fresh default graph for every test, so that numbered names do not leak from one to the next."""

import pytest

from npslim import graph


@pytest.fixture(autouse=True)
def fresh_graph():
    graph.reset_default_graph()
    yield graph.get_default_graph()
