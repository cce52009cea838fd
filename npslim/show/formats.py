"""A graph in other programs' formats: DOT for Graphviz, GraphDef for TensorBoard."""

import os

from npslim.graph import Graph
from npslim.show.svg import Markup
from npslim.show.tree import build, short_spec
from npslim.tf_summary import FileWriter

_FILLS = {"variable": "#fdf7e2", "const": "#f5f6f7", "input": "#f2edfa", "update": "#e9f5ec", "gradient": "#fdf0e9"}
_STYLES = {"saved": ",style=dashed", "state": ",style=dotted", "control": ",style=dotted,arrowhead=empty"}


def dot(what, path=None, gradients=True):
    """The graph as text in Graphviz's DOT: scopes are clusters, edges carry shapes; written to `path` if given.

    what: a Graph, or fetches, as in `svg`. gradients: False leaves the backward pass out.
    """
    tree = build(what, gradients)
    lines = ["digraph npslim {", "  rankdir=TB; compound=true; fontname=Helvetica;",
             '  node [shape=box,style="rounded,filled",fillcolor="#eef4fa",fontname=Helvetica,fontsize=11];',
             "  edge [fontname=Helvetica,fontsize=9,color=gray40];"]  # fmt: skip
    _clusters(tree.root, lines, "  ")
    for edge in tree.edges:
        label = short_spec(edge.tensor.spec) if edge.tensor is not None else ""
        back = ",constraint=false,color=coral3" if edge.kind in ("gradient", "saved") else ""
        style = _STYLES.get(edge.kind, "")
        lines.append(f'  n{edge.source.number} -> n{edge.target.number} [label="{label}"{style}{back}];')
    text = "\n".join([*lines, "}"]) + "\n"
    if path is not None:
        Markup(text).save(path)
    return text


def _clusters(scope, lines, indent):
    for box in scope.children:
        if box.kind == "scope":
            lines.append(f'{indent}subgraph cluster_{box.number} {{ label="{_quoted(box.label)}"; color=gray80;')
            _clusters(box, lines, indent + "  ")
            lines.append(indent + "}")
        else:
            lines.append(_dot_node(box, indent))
        beside = box.companion
        for one in () if beside is None else beside.children or [beside]:
            lines.append(_dot_node(one, indent))


def _dot_node(box, indent):
    fill = f',fillcolor="{_FILLS[box.kind]}"' if box.kind in _FILLS else ""
    return f'{indent}n{box.number} [label="{_quoted(box.label)}",tooltip="{_quoted(box.path)}"{fill}];'


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def graph_def(graph, folder):
    """Write an event file to `folder` from which TensorBoard's Graphs page shows `graph`; returns the folder.

    Raises ImportError if tensorboardX is not installed.
    """
    if not isinstance(graph, Graph):
        graph = graph.graph
    os.makedirs(folder, exist_ok=True)
    with FileWriter(folder) as writer:
        writer.add_graph(graph)
    return folder
