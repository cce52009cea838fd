"""Graphs inside a graph, of which choices and loops are made: so no cycle ever enters a graph's list.

A `Branch` is a graph inside another: what it uses of the outer one it captures as inputs. The node of a `Side` of it
runs its plan. For gradients the backward graph is appended to the branch's own list; the values of the forward run that
it needs are handed over on a tape, so that nothing is computed, drawn or assigned twice.
"""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import Graph, control_dependencies, needed
from npslim.nested import flat, mapped, packed
from npslim.op import op
from npslim.ops.shape import identity, zeros_like
from npslim.registry import ABOVE
from npslim.spec import Spec
from npslim.tensor import Node

TAPE = Spec((), np.dtype(object))


class Branch(Graph):
    """A graph inside `outer`: it shares names, collections and seed, and captures the outer tensors that it uses."""

    def __init__(self, outer):
        super().__init__()
        self.outer = outer
        self.captured = {}  # outer tensor -> the tensor that stands for it here
        self.outer_controls = []
        self.seed, self.lock, self.collections, self.extras = outer.seed, outer.lock, outer.collections, outer.extras
        self._names_in_use = outer._names_in_use
        self._here.name = outer.get_name_scope()

    def adopt(self, tensor):
        """`tensor` itself, or what stands for it if it is from outside."""
        if tensor.graph is self:
            return tensor
        tensor = self.outer.adopt(tensor)
        if tensor not in self.captured:
            self.captured[tensor] = self.stand_in(tensor.spec, tensor.op.name.split("/")[-1])
        return self.captured[tensor]

    def adopt_node(self, node):
        """A node from outside runs before the branch; there is nothing left to wait for inside."""
        if node.graph is self:
            return node
        self.outer_controls.append(self.outer.adopt_node(node))
        return None

    def stand_in(self, spec, name):
        """A tensor whose value is given to the branch from outside."""
        with self.as_default(), self.control_dependencies(None):
            return given(spec=spec, name=name)


@op(type="Placeholder", stateful=True, differentiable=False)
def given(*, spec):
    """A value that a branch gets from outside."""
    raise InvalidArgumentError("A tensor of a branch was asked for outside of it.", expected="one of the outer graph")


given.shape(lambda *, spec: spec)


def outside(*branches):
    """The nodes of the outer graph that something in `branches` waits for."""
    return [node for branch in branches for node in branch.outer_controls if node is not None]


class Side:
    """One sub-graph of a control op: `inner` stand for its inputs, `outputs` are its results.

    kept: the tensors whose values a run leaves on its tape. `parent` is the side that this one is a gradient of.
    """

    def __init__(self, graph, inner, outputs, parent=None):
        self.graph, self.inner, self.outputs, self.parent = graph, inner, outputs, parent
        self.kept = []
        self.mark = len(graph.nodes)

    def keep(self, tensor):
        """Leave `tensor` on the tape of the run that computes it."""
        if self.parent is not None and tensor.op.index < self.parent.mark:
            self.parent.keep(tensor)
        elif tensor not in self.kept and tensor not in self.inner:
            self.kept.append(tensor)

    def run(self, run, values, tapes=()):
        """(results, tape) for the values of the inputs."""
        feeds = dict(zip(self.inner, values, strict=True))
        for tape in tapes:
            feeds.update(tape)
        found = run.execute((*self.outputs, *self.kept), feeds)
        n = len(self.outputs)
        return found[:n], dict(zip(self.kept, found[n:], strict=True))

    def used(self):
        """The tensors that the outputs are computed from; what only has to run before them is not among them."""
        found, rest = set(), list(self.outputs)
        while rest:
            t = rest.pop()
            if t not in found:
                found.add(t)
                rest.extend(t.op.inputs)
        return found

    def backward(self, outputs, inputs):
        """The Side of the gradient: from what this one takes and cotangents of `outputs`, those of `inputs`, which are
        tensors of `inner`.
        """
        graph = self.graph
        mark = len(graph.nodes)
        with graph.as_default():
            seeds = [graph.stand_in(y.spec, "cotangent") for y in outputs]
            found = ABOVE["gradients"](outputs, inputs, seeds) if outputs else [None] * len(inputs)
            found = [zeros_like(x) if g is None else as_tensor(g) for g, x in zip(found, inputs, strict=True)]
        side = Side(graph, [*self.inner, *seeds], found, parent=self)
        new = [node for node in needed(found, side.inner) if node.index >= mark]
        for t in (*found, *(t for node in new for t in node.inputs)):
            if t.op.index < mark:
                self.keep(t)
        return side


def trace(name, function, outer, args=()):
    """(branch, its tensors for the specs `args`, what `function` returns for these, as tensors of the branch)."""
    branch = Branch(outer)
    with branch.as_default():
        inner = [branch.stand_in(spec, "loop_var") for spec in args]
        result = function(inner)
        return branch, inner, mapped(lambda x: _adopted(branch, name, x), result)


def _adopted(branch, name, x):
    if is_array(x):
        return x.with_flow(branch.adopt(x.flow))
    return branch.adopt(_as_result(name, x))


def _as_result(name, x):
    if isinstance(x, Node):
        with control_dependencies([x]):
            return identity(as_tensor(True))
    if x is None:
        raise ArgumentTypeError(f"{name} must return tensors.", expected="tensors", got="None", made_at=user_line())
    return as_tensor(x)


def has_gradient(x):
    """True for a captured tensor that a gradient may reach: floating, and no variable's state."""
    return x.spec.dtype.kind in "fc" and x.op.op.name != "variable" and not stands_for_state(x)


def stands_for_state(x):
    """True for a variable's state, and for what stands for one inside a branch."""
    graph = x.graph
    while getattr(graph, "outer", None) is not None:
        outer = next((o for o, inner in graph.captured.items() if inner is x), None)
        if outer is None:
            return False
        x, graph = outer, outer.graph
    return x.op.op.name == "variable"


def is_array(x):
    """True for a TensorArray; its file is read by programs that use one."""
    return hasattr(x, "with_flow")


def tensors_of(structure):
    """The leaves of a nesting as tensors; that of a TensorArray is its flow."""
    return [x.flow if is_array(x) else as_tensor(x) for x in flat(structure)]


def with_tensors(structure, tensors):
    """`structure` with the leaves that `tensors_of` gave replaced by `tensors`, in order."""
    pairs = zip(flat(structure), tensors, strict=True)
    return packed(structure, [x.with_flow(y) if is_array(x) else y for x, y in pairs])
