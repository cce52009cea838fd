"""Pictures and pages that show what a graph is and what a run does; they need nothing but a browser.

`svg` draws a graph, `player` plays a run node by node, `report` sums up a training, `dot` and `graph_def` write a graph
for Graphviz and TensorBoard.
"""

from npslim.show import views  # noqa: F401 - how notebooks show graphs, tensors, plans
from npslim.show.formats import dot, graph_def
from npslim.show.player import player
from npslim.show.report import report
from npslim.show.svg import svg

__all__ = ["dot", "graph_def", "player", "report", "svg"]
