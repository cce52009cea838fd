"""What a picture of a graph consists of: boxes in scopes, and the edges between them.

A variable, its read and its slots' names make one box. The nodes of a backward pass do not stand in a scope of their
own: they belong to the box of the node whose gradient they compute, and stand beside it.
"""

from dataclasses import dataclass, field
from typing import Any

from npslim.convert import is_state
from npslim.dtypes import as_dtype
from npslim.errors import ArgumentTypeError
from npslim.graph import Graph, needed
from npslim.indexed_slices import IndexedSlices
from npslim.spec import show_shape
from npslim.tensor import Node, Tensor

SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "int32": "i32", "int64": "i64", "uint8": "u8"}


@dataclass(eq=False)
class Box:
    """A box of the picture: a scope with `children`, or a leaf with the `nodes` that it stands for.

    kind: "scope", "node", "variable", "const", "input", "update" or "gradient". companion: for a leaf, the box of its
    gradient's nodes. order: the index of its first node.
    """

    path: str
    label: str
    kind: str
    parent: "Box | None" = None
    children: list = field(default_factory=list)
    nodes: list = field(default_factory=list)
    companion: "Box | None" = None
    number: int = 0

    @property
    def order(self):
        return min((n.index for n in self.every_node(False)), default=10**9)

    @property
    def is_scope(self):
        return bool(self.children)

    def every_node(self, gradients=True):
        """The nodes in this box; `gradients`: those of its companions too."""
        yield from self.nodes
        for child in self.children:
            yield from child.every_node(gradients)
        if gradients and self.companion is not None:
            yield from self.companion.every_node()

    def walk(self):
        """This box and all boxes in it, outer ones first."""
        yield self
        if self.companion is not None:
            yield from self.companion.walk()
        for child in self.children:
            yield from child.walk()

    def ancestors(self):
        """The boxes that this one lies in, the innermost first."""
        box = self.parent
        while box is not None:
            yield box
            box = box.parent


@dataclass(frozen=True)
class Edge:
    """`tensor` goes from one leaf to another.

    kind: "forward", "saved" (for the way back), "gradient", "update", "state" or "control" (no tensor).
    """

    source: Box
    target: Box
    kind: str
    tensor: Any


@dataclass
class Tree:
    """The whole picture: the root scope, the edges, and the leaf of each node."""

    root: Box
    edges: list
    leaf_of: dict

    def boxes(self):
        return [box for box in self.root.walk() if box is not self.root]


def nodes_of(what):
    """The nodes that `what` stands for: a graph's, without initializers, or those that fetches depend on."""
    if isinstance(what, Graph):
        hidden = tuple(v.name + "/Initializer/" for v in what.nodes if v.op.name == "variable")
        made = {v.name + "/Assign" for v in what.nodes if v.op.name == "variable"}
        return [n for n in what.nodes if n.name not in made and not n.name.startswith(hidden)]
    return needed(list(_fetched(what)))


def _fetched(what):
    """The nodes of fetches, nested as `Session.run` takes them."""
    if isinstance(what, dict):
        what = list(what.values())
    if isinstance(what, IndexedSlices):
        what = [what.values, what.indices]
    if isinstance(what, list | tuple):
        for part in what:
            yield from _fetched(part)
        return
    found = what._as_graph_element() if hasattr(what, "_as_graph_element") else what
    if not isinstance(found, Tensor | Node):
        raise ArgumentTypeError(
            "This cannot be drawn.", expected="a Graph, a tensor, node or variable, or a structure of these",
            got=f"{what!r} of type {type(what).__name__}",
        )  # fmt: skip
    yield found.op if isinstance(found, Tensor) else found


def root_of(node):
    """The node of the forward pass that `node` belongs to, itself if it is of that pass."""
    while node.forward is not None:
        node = node.forward
    return node


def build(what, gradients=True):
    """The Tree of a graph, or of what fetches depend on; without its backward passes unless `gradients`."""
    nodes = [n for n in nodes_of(what) if gradients or n.forward is None]
    nodes = sorted({*nodes, *map(root_of, nodes)}, key=lambda n: n.index)
    leaf_of = {}
    root = _scopes([n for n in nodes if n.forward is None], leaf_of)
    for node in nodes:
        if node.forward is not None:
            leaf_of[node] = _beside(leaf_of[root_of(node)], node)
    _merge_single(root)
    _merge_companions(root, leaf_of)
    for number, box in enumerate(root.walk()):
        box.number = number
    return Tree(root, _edges(nodes, leaf_of), leaf_of)


def _scopes(nodes, leaf_of):
    """The scopes of forward nodes by their names, a leaf for each node or variable."""
    root, by_name = Box("", "", "scope"), {}
    variables = {n.name for n in nodes if n.op.name == "variable"}
    scopes = {"": root}
    inner = {part for n in nodes for part in _prefixes(n.name)} - variables
    for node in nodes:
        if node.op.name == "read" and node.inputs[0].op in leaf_of:
            leaf_of[node] = leaf_of[node.inputs[0].op]
            leaf_of[node].nodes.append(node)
            continue
        outer = next((part for part in _prefixes(node.name) if part in variables), None)
        if node.op.name == "variable" and outer is not None:  # a slot stands with its variable
            leaf_of[node] = by_name[outer]
            by_name[outer].nodes.append(node)
            continue
        where = node.name if node.name in inner else node.name.rpartition("/")[0]
        while any(part in variables for part in (where, *_prefixes(where))):
            where = where.rpartition("/")[0]
        scope = _scope(where, scopes)
        label = (
            constant_label(node) if node.op.name == "constant" else node.name[len(where) + 1 :] if where else node.name
        )
        leaf = Box(node.name, label or node.name.rpartition("/")[2], _kind(node), scope, nodes=[node])
        scope.children.append(leaf)
        leaf_of[node] = by_name[node.name] = leaf
    return root


def _prefixes(name):
    parts = name.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def _scope(path, scopes):
    if path not in scopes:
        above, _, label = path.rpartition("/")
        parent = _scope(above, scopes)
        scopes[path] = Box(path + "/", label, "scope", parent)
        parent.children.append(scopes[path])
    return scopes[path]


def _kind(node):
    if node.op.name == "variable":
        return "variable"
    if node.op.name == "constant":
        return "const"
    if node.type.startswith("Placeholder"):
        return "input"
    return "update" if any(is_state(t) for t in node.inputs) else "node"


def _beside(leaf, node):
    """The box of a gradient's node, in the companion of the forward node's leaf."""
    if leaf.companion is None:
        leaf.companion = Box(leaf.path + "#gradient", "∂", "gradient", leaf.parent)
    made = Box(node.name, node.type, "gradient", leaf.companion, nodes=[node])
    leaf.companion.children.append(made)
    return made


def _merge_single(scope):
    """What is alone in a scope takes its place, under both names."""
    for i, child in enumerate(scope.children):
        if child.kind != "scope":
            continue
        _merge_single(child)
        if len(child.children) == 1:
            (alone,) = child.children
            alone.label, alone.parent = f"{child.label}/{alone.label}", scope
            scope.children[i] = alone
            if alone.companion is not None:
                alone.companion.parent = scope


def _merge_companions(root, leaf_of):
    """A gradient of one node is that node's box."""
    for box in list(root.walk()):
        if box.companion is not None and len(box.companion.children) == 1:
            (alone,) = box.companion.children
            box.companion.nodes, box.companion.children = alone.nodes, []
            box.companion.path, box.companion.label = alone.path, alone.label
            leaf_of[alone.nodes[0]] = box.companion


def _edges(nodes, leaf_of):
    found = {}
    for node in nodes:
        target = leaf_of[node]
        for tensor in node.inputs:
            source = leaf_of.get(tensor.op)
            if source is not None and source is not target:
                found.setdefault((source, target, tensor), Edge(source, target, _edge_kind(tensor, node), tensor))
        for before in node.control_inputs:
            source = leaf_of.get(before)
            if source is not None and source is not target:
                found.setdefault((source, target, None), Edge(source, target, "control", None))
    return list(found.values())


def _edge_kind(tensor, node):
    if is_state(tensor):
        return "state"
    if node.forward is None:
        return "forward" if tensor.op.forward is None else "update"
    return "saved" if tensor.op.forward is None else "gradient"


def short_spec(spec):
    """'?×28×28×32', with the dtype before it unless that is float32."""
    name = as_dtype(spec.dtype).name
    shape = show_shape(spec.shape)[1:-1].replace(", ", "×") if spec.shape is not None else "unknown"
    dtype = SHORT.get(name, name)
    return f"{dtype} {shape}".strip() if shape else dtype


def constant_label(node):
    """A constant's value if it is short, else its shape."""
    value = node.attrs["value"]
    if value.size <= 4 and value.dtype.kind in "fiub":
        text = ", ".join(f"{x:.3g}" if isinstance(x, float) else str(x) for x in value.ravel().tolist())
        return f"[{text}]" if value.ndim else text
    return show_shape(value.shape)
