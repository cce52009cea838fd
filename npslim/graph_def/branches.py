"""Nodes that hold graphs of their own: the sides of a `cond`, the test and body of a loop, the turns of `map_fn`.

The graph of a side is a GraphDef in the attribute `_npslim_graphs` of its node; which of its tensors are inputs and
results is told by their names. The way back through such a node shares the graph of the way there, so its node has only
names. What comes in from outside is captured anew: once a variable is frozen, its reading inside is a plain identity.

before: source.py   next: native.py
"""

from npslim.errors import DataLossError
from npslim.graph_def.messages import GraphDef
from npslim.ops.branches import Branch, Side
from npslim.ops.turns import Body
from npslim.ops.while_loop import Taped

GRAPHS = "_npslim_graphs"
HOLDERS = {"choose", "loop", "loop_grad", "turns"}


def described(value, graphs):
    """(kind, content) of a part of a node that belongs to its graphs, else None; `graphs` gets the Branch of a Side."""
    if isinstance(value, Taped):
        return "taped", value.on
    if isinstance(value, Body):
        return "body", [value.side, value.carried, value.elements, value.results, list(value.like), value.taped]
    if not isinstance(value, Side):
        return None
    if value.parent is None:
        graphs.append(value.graph)
    names = [[t.name for t in part] for part in (value.inner, value.outputs, value.kept)]
    return "side", [None if value.parent else len(graphs) - 1, value.mark, *names]


def made(kind, content):
    """A Taped, a Body, or what is known of a Side before its graph is there."""
    if kind == "taped":
        found = Taped()
        found.on = bool(content)
        return found
    if kind == "body":
        *parts, taped = content
        found = Body(*parts)
        found.taped = taped
        return found
    return _Side(*content)


class _Side:
    """A Side as a file tells of it: the number of its graph, None for that of the way there, and names."""

    def __init__(self, graph, mark, inner, outputs, kept):
        self.graph, self.mark, self.names = graph, mark, (inner, outputs, kept)

    def in_branch(self, branch, inside, parent):
        """The Side in a Branch whose nodes the Importer `inside` has defined."""
        inner, outputs, kept = ([inside.element(name) for name in part] for part in self.names)
        side = Side(branch, inner, outputs, parent)
        later = [inside.nodes[key].index for key in list(inside.node_defs)[self.mark :] if key in inside.nodes]
        side.kept, side.mark = kept, min(later, default=len(branch.nodes))
        return side


def put_graphs(n, name, attrs):
    """Make the sides in the attributes of the node `n`, whose op is `name`, and the graphs that they need."""
    tapes = attrs.get("tapes", 0)
    if name == "choose":
        parents = _earlier(n, 1, "sides") if tapes else (None, None)
        attrs["sides"] = tuple(
            _side(n, side, 0, 1 + tapes, parent) for side, parent in zip(attrs["sides"], parents, strict=True)
        )
    elif name == "loop":
        for key in ("test", "body"):
            attrs[key] = _side(n, attrs[key], attrs["count"], 0, None)
    elif name == "loop_grad":
        attrs["backward"] = _side(n, attrs["backward"], 0, 0, _earlier(n, 0, "body"))
    else:
        body = attrs["body"]
        parent = _earlier(n, tapes, "body").side if tapes else None
        body.side = _side(n, body.side, body.carried + body.elements, 1 + tapes, parent)


def _earlier(n, i, key):
    """The attribute of the node that input `i`, a tape, is from."""
    return n.given(i).op.attrs[key]


def _side(n, side, free, first, parent):
    """The Side: its first `free` inner tensors are its own, the others stand for the inputs of `n` behind `first`."""
    branches = n.graph.extras.setdefault("branches", {})  # what is being imported
    if side.graph is None:
        return side.in_branch(parent.graph, branches[parent.graph], parent)
    branch, (names, _, _) = Branch(n.graph), side.names
    captured = [n.given(first + i) for i in range(free, len(names))]
    if first + len(names) != len(n):
        raise DataLossError("A graph takes another number of inputs than its node.", expected=len(n), got=len(names))
    graph_def = GraphDef.FromString(n.node_def.attr[GRAPHS].list.s[side.graph])
    mapped = dict(zip(names[free:], map(branch.adopt, captured), strict=True))
    with branch.as_default():
        branches[branch] = n.importer.of_branch(graph_def, mapped)
    return side.in_branch(branch, branches[branch], None)
