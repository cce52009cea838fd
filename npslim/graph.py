"""DEFINE. A graph is an append-only list of nodes that hold no values.

Inputs exist before outputs, so the order of definition is a running order. Beside the list, a graph keeps collections,
which are lists with names that a program puts things into: its variables, its losses.

before: graph_scopes.py   next: convert.py
"""

import contextlib
import re
from collections.abc import Iterable

from npslim import defaults
from npslim.caller import user_frame
from npslim.errors import (
    ArgumentTypeError,
    GraphError,
    GraphFinalizedError,
    InvalidArgumentError,
    NotFoundError,
    ScopeError,
    nearest,
)
from npslim.graph_scopes import Scopes
from npslim.indexed_slices import IndexedSlices
from npslim.registry import ABOVE
from npslim.shown import Shown
from npslim.tensor import Node, Tensor


class Graph(Scopes, Shown):
    """A list of nodes, with collections and a seed; for its names and scopes see `Scopes`."""

    def __init__(self):
        super().__init__()
        self.nodes = []
        self.seed: int | None = None
        self.finalized = False
        self.collections = {}
        self.cotangents = {}  # tensor -> its gradients, one for each walk back that came by
        self.extras = {}  # what higher layers keep with a graph: the variables that scopes share, say
        self._by_name = {}

    # ---- nodes

    def add(self, op, inputs, attrs, specs, name):
        """Append a node named `name` (already unique) with one output for each of `specs`."""
        with self.lock:
            self._check_not_finalized()
            if name in self._by_name:
                raise ScopeError(f"Duplicate node name in graph: {name!r}.", hint="without a last / it is made unique")
            here = self._here
            frame = here.frame or user_frame()
            node = Node(self, op, name, inputs, attrs, here.controls, here.device, frame, here.forward)
            if op.type in here.gradients:
                self.extras.setdefault("gradients", {})[node] = here.gradients[op.type]
            node.outputs = tuple(Tensor(node, i, spec) for i, spec in enumerate(specs))
            self.nodes.append(node)
            self._by_name[name] = node
        return node

    def adopt(self, tensor):
        """`tensor` as something a node of this graph can take. Raises GraphError for another graph's tensor."""
        if tensor.graph is not self:
            raise GraphError(
                f"{tensor.name} must be from the same graph.",
                expected="a tensor of the graph that the other inputs belong to",
                got="a tensor of another graph",
                made_at=tensor.op.made_at,
                hint="every tf.Graph() has its own tensors; check which one is the default",
            )
        return tensor

    def get_operations(self):
        """All nodes, in the order of their definition."""
        return list(self.nodes)

    def as_graph_def(self, from_version=None, add_shapes=False):
        """The graph as TensorFlow's message, a GraphDef. add_shapes: with the shape of every output.

        See `npslim.graph_def.export`.
        """
        return ABOVE["graph_def"](self, add_shapes)

    def get_operation_by_name(self, name):
        """The node `name`. Raises KeyError."""
        try:
            return self._by_name[name]
        except KeyError:
            raise NotFoundError(
                f"The graph has no node {name!r}.", expected=f"one of {len(self.nodes)} nodes", got=repr(name),
                hint=self._nearest(name),
            ) from None  # fmt: skip

    def get_tensor_by_name(self, name):
        """The tensor `name`, such as 'logits:0'. Raises ValueError for a bad name, KeyError for a missing one."""
        node_name, colon, index = str(name).rpartition(":")
        if not colon or not index.isdigit():
            raise InvalidArgumentError(
                "This is not a tensor's name.", expected="'node:0', a node's name and the output's number", got=name
            )
        outputs = self.get_operation_by_name(node_name).outputs
        if int(index) >= len(outputs):
            raise NotFoundError(f"{node_name} has no output {index}.", expected=f"< {len(outputs)}", got=index)
        return outputs[int(index)]

    def as_graph_element(self, obj, allow_tensor=True, allow_operation=True):
        """The Tensor or Node that `obj` (a tensor, node, variable or name) stands for in this graph."""
        if isinstance(obj, str):
            found = self.get_tensor_by_name(obj) if ":" in obj else self.get_operation_by_name(obj)
        else:
            found = obj._as_graph_element() if hasattr(obj, "_as_graph_element") else obj
        allowed = (Tensor,) * allow_tensor + (Node,) * allow_operation
        if not isinstance(found, allowed):
            expected = " or ".join(kind.__name__ for kind in allowed)
            raise ArgumentTypeError(
                f"This is no {expected}.", expected=expected, got=f"{obj!r} of type {type(obj).__name__}"
            )
        if found.graph is not self:
            raise GraphError(f"{found.name} is not an element of this graph.", got="a tensor of another graph")
        return found

    def _nearest(self, name):
        near = nearest(name, self._by_name, n=3)
        return f"nearest: {', '.join(near)}" if near else None

    @property
    def version(self):
        """The number of nodes: it grows with every definition."""
        return len(self.nodes)

    def finalize(self):
        """Allow no more nodes: a later definition raises."""
        self.finalized = True

    def _check_not_finalized(self):
        if self.finalized:
            raise GraphFinalizedError("The graph is finalized and cannot be modified.")

    def describe(self):
        """One line a node: index, name, op, outputs, inputs."""
        return "\n".join(node.describe() for node in self.nodes)

    # ---- order beyond that of inputs

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs):
        """New nodes run after `control_inputs` (nodes, tensors, variables); None forgets the outer ones."""
        before = self._here.controls if control_inputs is not None else ()
        added = [self._as_node(x) for x in control_inputs or ()]
        added = [node for node in added if node is not None]  # a branch leaves outer nodes to the outer graph
        with self._here.set(controls=tuple(dict.fromkeys((*before, *added)))):
            yield

    def _as_node(self, obj):
        if isinstance(obj, IndexedSlices):
            obj = obj.values
        found = obj if isinstance(obj, Tensor | Node) else self.as_graph_element(obj)
        return self.adopt_node(found.op if isinstance(found, Tensor) else found)

    def adopt_node(self, node):
        """A node as a control input here. Raises GraphError for another graph's node."""
        if node.graph is not self:
            raise GraphError(f"{node.name} must be from the same graph.", made_at=node.made_at)
        return node

    # ---- collections

    def add_to_collection(self, name, value):
        """Append `value` to the collection `name`."""
        with self.lock:
            self._check_not_finalized()
            self.collections.setdefault(name, []).append(value)

    def add_to_collections(self, names, value):
        """Append `value` to each of the collections `names` (one name, or several)."""
        if names and not isinstance(names, Iterable):
            raise ArgumentTypeError("Collections are named by a list.", expected="names", got=repr(names))
        for name in dict.fromkeys((names,) if isinstance(names, str) else names or ()):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name):
        """The list itself: what is appended to it is in the collection."""
        with self.lock:
            return self.collections.setdefault(name, [])

    def get_collection(self, name, scope=None):
        """A copy of the collection; with `scope`, the members whose name the regular expression `scope` matches."""
        with self.lock:
            members = list(self.collections.get(name, ()))
        if scope is None:
            return members
        pattern = re.compile(scope)
        return [member for member in members if pattern.match(getattr(member, "name", None) or "\0")]

    def get_all_collection_keys(self):
        """The names of the collections that something was put into, or that were asked for by `get_collection_ref`."""
        return [name for name in self.collections if isinstance(name, str)]

    def clear_collection(self, name):
        """Empty the collection."""
        with self.lock:
            self._check_not_finalized()
            self.collections.pop(name, None)

    # ---- the default graph

    @contextlib.contextmanager
    def as_default(self):
        """Make this the graph that new nodes go to, in this thread."""
        defaults.graphs().append(self)
        try:
            yield self
        finally:
            defaults.leave(defaults.graphs(), self)

    def __getstate__(self):
        raise GraphError(
            "A graph cannot be pickled.", hint="define it again, and restore its variables from a checkpoint"
        )

    def __repr__(self):
        return f"<Graph of {len(self.nodes)} nodes>"


def needed(fetches, fed=()):
    """The nodes that `fetches` depend on, in order of definition; the way back ends at tensors of `fed`."""
    fed = set(fed)
    todo = [getattr(f, "op", f) if not hasattr(f, "outputs") else f for f in fetches if f not in fed]
    found = set()
    while todo:
        node = todo.pop()
        if node in found:
            continue
        found.add(node)
        todo.extend(t.op for t in node.inputs if t not in fed)
        todo.extend(n for n in node.control_inputs if not n.outputs or not fed.issuperset(n.outputs))
    return sorted(found, key=lambda node: node.index)


# ---- the default graph

_global_graph = Graph()


def get_default_graph():
    """The graph that new nodes go to in this thread."""
    return entered[-1] if (entered := defaults.graphs()) else _global_graph


def reset_default_graph():
    """Begin a new global default graph. Raises AssertionError inside `with graph.as_default()`."""
    global _global_graph
    if defaults.graphs():
        raise AssertionError("reset_default_graph() inside of graph.as_default(): leave the with block first.")
    _global_graph = Graph()


def control_dependencies(control_inputs):
    """`Graph.control_dependencies` of the default graph."""
    return get_default_graph().control_dependencies(control_inputs)


def device(device_name_or_function):
    """`Graph.device` of the default graph."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(op, ignore_existing=False):
    """`Graph.colocate_with` of the default graph."""
    return get_default_graph().colocate_with(op, ignore_existing)


def add_to_collection(name, value):
    """`Graph.add_to_collection` of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names, value):
    """`Graph.add_to_collections` of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key, scope=None):
    """`Graph.get_collection` of the default graph."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key):
    """`Graph.get_collection_ref` of the default graph."""
    return get_default_graph().get_collection_ref(key)


def set_random_seed(seed):
    """Set the default graph's seed: random ops defined from now on repeat from run to run of the program."""
    get_default_graph().seed = seed
