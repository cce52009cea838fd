"""DEFINE. A graph is an append-only list of nodes that hold no values.

A `Node` is one application of an op, a `Tensor` is one of its outputs. Inputs exist before outputs, so the order of
definition is a running order. Names, scopes and collections follow TensorFlow's rules, because checkpoints, filters
and old programs rely on them.

before: spec.py   next: op.py
"""

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterable
from typing import Any

from npslim.dtypes import DTYPES
from npslim.errors import (
    ArgumentTypeError,
    GraphError,
    GraphFinalizedError,
    InvalidArgumentError,
    NotFoundError,
    ScopeError,
    nearest,
)
from npslim.later import Table
from npslim.shown import Shown
from npslim.spec import Spec, TensorShape, as_shape, merge, show_shape

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_VALID_NODE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\\-/]*")
_VALID_SCOPE_NAME = re.compile(r"[A-Za-z0-9_.\\\-/]*")

OPERATORS = Table()  # "__add__" -> the op that computes it, and some that tensors need; filled by ops/


class GraphKeys:
    """The standard names of collections."""

    GLOBAL_VARIABLES = "variables"
    VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    SUMMARIES = "summaries"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    ASSET_FILEPATHS = "asset_filepaths"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    CONCATENATED_VARIABLES = "concatenated_variables"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    SAVEABLE_OBJECTS = "saveable_objects"
    RESOURCES = "resources"
    LOCAL_RESOURCES = "local_resources"
    TRAINABLE_RESOURCE_VARIABLES = "trainable_resource_variables"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    READY_FOR_LOCAL_INIT_OP = "ready_for_local_init_op"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    EVAL_STEP = "eval_step"
    TRAIN_OP = "train_op"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"


def _operator(method):
    def apply(self, *others):
        return OPERATORS[method](self, *others)

    apply.__name__ = method
    return apply


class Operators(Shown):
    """Python's operators for tensors and variables: each is the op that `OPERATORS` names."""

    __slots__ = ("__weakref__",)

    __add__, __radd__ = _operator("__add__"), _operator("__radd__")
    __sub__, __rsub__ = _operator("__sub__"), _operator("__rsub__")
    __mul__, __rmul__ = _operator("__mul__"), _operator("__rmul__")
    __truediv__, __rtruediv__ = _operator("__truediv__"), _operator("__rtruediv__")
    __floordiv__, __rfloordiv__ = _operator("__floordiv__"), _operator("__rfloordiv__")
    __mod__, __rmod__ = _operator("__mod__"), _operator("__rmod__")
    __pow__, __rpow__ = _operator("__pow__"), _operator("__rpow__")
    __matmul__, __rmatmul__ = _operator("__matmul__"), _operator("__rmatmul__")
    __and__, __rand__ = _operator("__and__"), _operator("__rand__")
    __or__, __ror__ = _operator("__or__"), _operator("__ror__")
    __xor__, __rxor__ = _operator("__xor__"), _operator("__rxor__")
    __lt__, __le__ = _operator("__lt__"), _operator("__le__")
    __gt__, __ge__ = _operator("__gt__"), _operator("__ge__")
    __neg__, __abs__, __invert__ = _operator("__neg__"), _operator("__abs__"), _operator("__invert__")
    __getitem__ = _operator("__getitem__")
    __array_priority__ = 100  # so that ndarray + tensor asks the tensor

    def __iter__(self):
        raise ArgumentTypeError(
            "A tensor cannot be iterated: it has no value yet.", got=self, hint="unstack(x) gives its parts"
        )

    def __bool__(self):
        raise ArgumentTypeError(
            "A tensor has no truth value while the graph is defined.", got=self, hint="cond(x, true_fn, false_fn)"
        )

    def __array__(self, *_, **__):
        raise ArgumentTypeError(
            "A tensor has no value while the graph is defined.", got=self, hint="session.run(x) computes it"
        )


class Tensor(Operators):
    """Output `value_index` of a node. It has a name, a dtype and a static shape, and no value."""

    __slots__ = ("op", "value_index", "spec", "aliases")

    def __init__(self, node, value_index, spec):
        self.op = node
        self.value_index = value_index
        self.spec = spec

    @property
    def name(self):
        """'scope/node:0'."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self):
        return self.op.graph

    @property
    def device(self):
        return self.op.device

    @property
    def dtype(self):
        return DTYPES[self.spec.dtype]

    @property
    def shape(self):
        """The static shape, a TensorShape."""
        return TensorShape(self.spec.shape)

    def get_shape(self):
        """The static shape, a TensorShape."""
        return self.shape

    def set_shape(self, shape):
        """Add what is known of the static shape. Raises ValueError if it contradicts what was known."""
        self.spec = Spec(merge(self.spec.shape, as_shape(shape)), self.spec.dtype, self.spec.known)

    def consumers(self):
        """The nodes that take this tensor as an input."""
        return [node for node in self.graph.nodes[self.op.index + 1 :] if any(x is self for x in node.inputs)]

    def eval(self, feed_dict=None, session=None):
        """The value, computed by `session` or the default session."""
        return _session(session).run(self, feed_dict)

    def __repr__(self):
        return f"<Tensor '{self.name}' {self.spec}>"


class Node(Shown):
    """One application of an op: inputs, attributes, outputs, a unique name, and the user's line that made it.

    `forward`: for a node of a backward pass, the node whose gradient it helps to compute; else None.
    """

    __slots__ = (
        "graph", "index", "op", "name", "inputs", "attrs", "outputs", "control_inputs", "device", "frame", "forward",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, graph, op, name, inputs, attrs, control_inputs, device, frame, forward=None):
        self.graph = graph
        self.index = len(graph.nodes)
        self.op = op
        self.name = name
        self.inputs = tuple(inputs)
        self.attrs = attrs
        self.control_inputs = tuple(control_inputs)
        self.device = device(self) if callable(device) else device
        self.frame = frame
        self.forward = forward
        self.outputs: tuple[Tensor, ...] = ()

    @property
    def type(self):
        """TensorFlow's name for the op: 'Conv2D', 'MatMul' ..."""
        return self.op.type

    @property
    def made_at(self):
        """'file:line' of the user's code that made this node."""
        path, line = self.frame
        shown = os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path
        return f"{shown}:{line}"

    def get_attr(self, name):
        """The attribute `name`. Raises ValueError if the node has none of that name."""
        if name not in self.attrs:
            raise InvalidArgumentError(
                f"{self.name} has no attribute {name!r}.", expected=f"one of {sorted(self.attrs)}", got=name
            )
        return self.attrs[name]

    def values(self):
        """The output tensors."""
        return self.outputs

    def run(self, feed_dict=None, session=None):
        """Run this node in `session` or the default session."""
        _session(session).run(self, feed_dict)

    def describe(self):
        """One line: index, name, op, outputs, inputs."""
        outputs = " ".join(str(t.spec) for t in self.outputs) or "-"
        inputs = ", ".join(t.name for t in self.inputs)
        return f"{self.index:5d}  {self.name:40s} {self.type:20s} {outputs:24s} <- {inputs}".rstrip()

    def __repr__(self):
        return f"<Node '{self.name}' type={self.type}>"


EXPORTS = Table()  # what makes another form of a graph; modules above put their functions here


class _Scope(threading.local):
    """Where new nodes go: each thread has its own."""

    def __init__(self):
        self.name = ""
        self.controls: tuple[Node, ...] = ()
        self.device: Any = ""
        self.frame = self.forward = None
        self.gradients: dict[str, str] = {}


class Graph(Shown):
    """A list of nodes, with names, scopes, collections and a seed."""

    def __init__(self):
        self.nodes = []
        self.seed: int | None = None
        self.finalized = False
        self.collections = {}
        self.cotangents = {}  # tensor -> its gradients, one for each walk back that came by
        self.extras = {}  # what higher layers keep with a graph: the variables that scopes share, say
        self.lock = threading.RLock()
        self._scope = _Scope()
        self._by_name = {}
        self._names_in_use = {}

    # ---- nodes

    def add(self, op, inputs, attrs, specs, name):
        """Append a node named `name` (already unique) with one output for each of `specs`."""
        with self.lock:
            self._check_not_finalized()
            if name in self._by_name:
                raise ScopeError(f"Duplicate node name in graph: {name!r}.", hint="without a last / it is made unique")
            scope = self._scope
            frame = scope.frame or user_frame()
            node = Node(self, op, name, inputs, attrs, scope.controls, scope.device, frame, scope.forward)
            if scope.gradients and op.type in scope.gradients:
                self.extras.setdefault("gradients", {})[node] = scope.gradients[op.type]
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
        return EXPORTS["graph_def"](self, add_shapes)

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

    # ---- names and scopes

    def unique_name(self, name, mark_as_used=True):
        """`name` inside the current name scope, with `_1`, `_2` ... if it is taken (case does not count)."""
        with self.lock:
            if self._scope.name:
                name = f"{self._scope.name}/{name}"
            key, used = name.lower(), self._names_in_use
            i = used.get(key, 0)
            if mark_as_used:
                used[key] = i + 1
            if i > 0:
                base = key
                while key in used:
                    key = f"{base}_{i}"
                    i += 1
                if mark_as_used:
                    used[key] = 1
                name = f"{name}_{i - 1}"
            return name

    def node_name(self, name):
        """The unique name for a node that is asked to be called `name`; 'a/b/' means exactly 'a/b'."""
        if name.endswith("/"):
            return name[:-1]
        if not _VALID_NODE_NAME.fullmatch(name) and not (self._scope.name and _VALID_SCOPE_NAME.fullmatch(name)):
            raise ScopeError("This is not a valid name for a node.", expected="letters, digits and ._-/", got=name)
        return self.unique_name(name)

    def get_name_scope(self):
        """The current name scope, without a slash at its end."""
        return self._scope.name

    @contextlib.contextmanager
    def name_scope(self, name):
        """Prefix names with a unique form of `name`; 'a/' means exactly that scope, None or '' the root."""
        if name and not isinstance(name, str):
            raise ArgumentTypeError("The name of a scope is a string.", got=repr(name))
        if name and not _VALID_SCOPE_NAME.fullmatch(name) or name and not self._scope.name and name[0] in "_/-\\":
            raise ScopeError("This is not a valid name for a scope.", expected="letters, digits and ._-/", got=name)
        before = self._scope.name
        if not name:
            self._scope.name = ""
        else:
            self._scope.name = name[:-1] if name.endswith("/") else self.unique_name(name)
        try:
            yield self._scope.name + "/" if self._scope.name else ""
        finally:
            self._scope.name = before

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs):
        """New nodes run after `control_inputs` (nodes, tensors, variables); None forgets the outer ones."""
        before = self._scope.controls
        added = [] if control_inputs is None else [self._as_node(x) for x in control_inputs]
        added = [node for node in added if node is not None]  # a branch leaves outer nodes to the outer graph
        self._scope.controls = tuple(dict.fromkeys((*(before if control_inputs is not None else ()), *added)))
        try:
            yield
        finally:
            self._scope.controls = before

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

    @contextlib.contextmanager
    def device(self, device_name_or_function):
        """Note a device, a name or a function of the node, on new nodes; the session decides where things run."""
        before = self._scope.device
        named = device_name_or_function
        self._scope.device = named if isinstance(named, str) or callable(named) else named or ""
        try:
            yield
        finally:
            self._scope.device = before

    @contextlib.contextmanager
    def colocate_with(self, op, ignore_existing=False):
        """Accepted for old programs: everything of a session is in one place."""
        yield

    @contextlib.contextmanager
    def made_by(self, node):
        """New nodes belong to the gradient of `node`, and carry its user's line: the line that asked for the value."""
        scope = self._scope
        before, scope.frame, scope.forward = (scope.frame, scope.forward), node.frame, node
        try:
            yield
        finally:
            scope.frame, scope.forward = before

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map):
        """New nodes of a type that is in the dictionary get the gradient registered under the name it gives.

        See `npslim.autograd.RegisterGradient`. Raises TypeError for anything but a dictionary of names.
        """
        if not isinstance(op_type_map, dict) or not all(
            isinstance(n, str) for pair in op_type_map.items() for n in pair
        ):
            raise ArgumentTypeError(
                "gradient_override_map takes a dictionary.", expected="{type of a node: name of a gradient}",
                got=repr(op_type_map),
            )  # fmt: skip
        scope = self._scope
        before, scope.gradients = scope.gradients, {**scope.gradients, **op_type_map}
        try:
            yield
        finally:
            scope.gradients = before

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
        """The names of all collections that are not empty."""
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
        _defaults.graphs.append(self)
        try:
            yield self
        finally:
            leave(_defaults.graphs, self)

    def __getstate__(self):
        raise GraphError(
            "A graph cannot be pickled.", hint="define it again, and restore its variables from a checkpoint"
        )

    def __repr__(self):
        return f"<Graph of {len(self.nodes)} nodes>"


class IndexedSlices:
    """Rows `values` for the places `indices` of a larger tensor: the gradient of a gather.

    `values`: `[n, ...]`; `indices`: `[n]`, integers, repeats are added up. `dense_like` is a tensor of the full shape,
    `dense_shape` its sizes: one of them is enough, the other is defined when it is asked for.
    """

    def __init__(self, values, indices, dense_shape=None, dense_like=None):
        self.values = values
        self.indices = indices
        self._dense_shape = dense_shape
        self._dense_like = dense_like

    @property
    def dense_shape(self):
        """The full shape as a tensor, or None if nothing is known of it."""
        if self._dense_shape is None and self._dense_like is not None:
            self._dense_shape = OPERATORS["shape"](self._dense_like)
        return self._dense_shape

    @property
    def dense_like(self):
        """A tensor of the full shape. Raises InvalidArgumentError if nothing is known of it."""
        if self._dense_like is None:
            if self._dense_shape is None:
                raise InvalidArgumentError("The full shape of an IndexedSlices is not known.", expected="dense_shape")
            self._dense_like = OPERATORS["zeros"](self._dense_shape, self.dtype)
        return self._dense_like

    def with_values(self, values, indices=None):
        """These slices with other values, and perhaps other indices."""
        indices = self.indices if indices is None else indices
        return IndexedSlices(values, indices, self._dense_shape, self._dense_like)

    @property
    def name(self):
        return self.values.name

    @property
    def op(self):
        return self.values.op

    @property
    def dtype(self):
        return self.values.dtype

    @property
    def graph(self):
        return self.values.graph

    @property
    def device(self):
        return self.values.device

    def __repr__(self):
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r})"


class _Defaults(threading.local):
    def __init__(self):
        self.graphs = []
        self.sessions = []


_defaults = _Defaults()


def leave(entered, one):
    """Take `one` out of the list of what was entered: where it was entered last, for it may be in it several times."""
    del entered[len(entered) - 1 - entered[::-1].index(one)]


_global_graph = Graph()


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


def user_frame():
    """(file, line) of the innermost frame outside npslim, or of the outermost if all are inside."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def user_line():
    """'file:line' of the user's code that is calling npslim."""
    path, line = user_frame()
    return f"{os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path}:{line}"


def check_function(value, what):
    """Raise TypeError unless `value`, the argument `what`, is None or can be called."""
    if value is not None and not callable(value):
        raise ArgumentTypeError(
            f"{what} cannot be called.", expected="a function", got=repr(value), made_at=user_line()
        )


def get_default_graph():
    """The graph that new nodes go to in this thread."""
    return _defaults.graphs[-1] if _defaults.graphs else _global_graph


def reset_default_graph():
    """Begin a new global default graph. Raises AssertionError inside `with graph.as_default()`."""
    global _global_graph
    if _defaults.graphs:
        raise AssertionError("reset_default_graph() inside of graph.as_default(): leave the with block first.")
    _global_graph = Graph()


def sessions():
    """This thread's stack of default sessions."""
    return _defaults.sessions


def get_default_session():
    """The innermost session entered in this thread, or None."""
    return _defaults.sessions[-1] if _defaults.sessions else None


def _session(session):
    session = session or get_default_session()
    if session is None:
        raise InvalidArgumentError(
            "There is no session to compute this.", hint="with Session(): ..., or pass session=, or session.run(x)"
        )
    return session


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


def shapes_of(tensors):
    """'x float32 [?, 3], w float32 [3, 4]': for messages."""
    return ", ".join(f"{t.name} {DTYPES[t.spec.dtype].name} {show_shape(t.spec.shape)}" for t in tensors)
