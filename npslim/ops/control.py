"""Choices and loops. `cond` and `while_loop` own sub-graphs, so no cycle ever enters a graph's list.

A `Branch` is a graph inside another: what it uses of the outer one it captures as inputs. Its node runs the branch's plan.
For gradients the backward graph is appended to the branch's own list; the values of the forward run that it needs are handed
over on a tape, so that nothing is computed, drawn or assigned twice.
"""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ArgumentTypeError, DTypeError, GradientError, InvalidArgumentError, ShapeError
from npslim.graph import Graph, Node, control_dependencies, get_default_graph, user_line
from npslim.op import as_tensor, op
from npslim.ops.shape import identity, zeros_like
from npslim.plan import needed
from npslim.spec import Spec, TensorShape, compatible, show_shape

differentiate = None  # autograd/reverse.py, which stands above this file, puts its `gradients` here
_TAPE = Spec((), np.dtype(object))


class Branch(Graph):
    """A graph inside `outer`: it shares names, collections and seed, and captures the outer tensors that it uses."""

    def __init__(self, outer):
        super().__init__()
        self.outer = outer
        self.captured = {}  # outer tensor -> the tensor that stands for it here
        self.outer_controls = []
        self.seed, self.lock, self.collections, self.extras = outer.seed, outer.lock, outer.collections, outer.extras
        self._names_in_use = outer._names_in_use
        self._scope.name = outer.get_name_scope()

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
    raise InvalidArgumentError("A tensor of a branch was asked for outside of it.", expected="a tensor of the outer graph")


given.shape(lambda *, spec: spec)


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

    def backward(self, outputs, inputs):
        """The Side of the gradient: it takes this one's inputs and a cotangent for each of `outputs`, and gives one for each
        of `inputs` (tensors of `inner`)."""
        graph = self.graph
        mark = len(graph.nodes)
        with graph.as_default():
            seeds = [graph.stand_in(y.spec, "cotangent") for y in outputs]
            found = differentiate(outputs, inputs, seeds) if outputs else [None] * len(inputs)
            found = [zeros_like(x) if g is None else as_tensor(g) for g, x in zip(found, inputs, strict=True)]
        side = Side(graph, [*self.inner, *seeds], found, parent=self)
        for node in needed(found, side.inner):
            for t in node.inputs:
                if node.index >= mark > t.op.index:
                    self.keep(t)
        return side


def trace(function, outer, args=()):
    """(branch, what `function` returns, with tensors of the branch in it)."""
    branch = Branch(outer)
    with branch.as_default():
        inner = [branch.stand_in(spec, "loop_var") for spec in args]
        result = function(inner)
        result = mapped(lambda x: branch.adopt(_as_result(branch, x)), result)
    return branch, inner, result


def _as_result(branch, x):
    if isinstance(x, Node):
        with control_dependencies([x]):
            return identity(as_tensor(True))
    if x is None:
        return as_tensor(np.zeros(0, np.float32))
    return as_tensor(x)


# ---- nested structures


def flat(structure):
    """The leaves of nested lists, tuples, named tuples and dictionaries."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in flat(part)]
    return [structure]


def mapped(function, structure):
    """`structure` with each leaf replaced by `function(leaf)`."""
    if isinstance(structure, dict):
        return type(structure)((key, mapped(function, structure[key])) for key in sorted(structure))
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(mapped(function, part) for part in structure))
    if isinstance(structure, list | tuple):
        return type(structure)(mapped(function, part) for part in structure)
    return function(structure)


def packed(structure, leaves):
    """`structure` with its leaves replaced by `leaves`, in order."""
    leaves = iter(leaves)
    return mapped(lambda _: next(leaves), structure)


# ---- cond


@op(type="If", refs=("inputs",), stateful=True, alike=())
def choose(*inputs, sides, tapes, run=None):
    """Runs one of two sides: inputs are the condition, tapes of earlier runs, and what the sides capture."""
    pred, rest = inputs[0], inputs[1:]
    results, tape = sides[0 if bool(pred) else 1].run(run, rest[tapes:], rest[:tapes])
    return (*results, tape)


@choose.shape
def _(*inputs, sides, tapes):
    def either(a, b):
        if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
            return Spec(None, a.dtype)
        return Spec(tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)), a.dtype)

    return (*(either(a.spec, b.spec) for a, b in zip(sides[0].outputs, sides[1].outputs, strict=True)), _TAPE)


@choose.vjp
def _(gs, ys, *inputs, sides, tapes):
    pred, earlier, captured = inputs[0], inputs[1 : 1 + tapes], inputs[1 + tapes :]
    outputs = [i for i, y in enumerate(ys[:-1]) if y.spec.dtype.kind in "fc"]
    floats = [i for i, x in enumerate(captured) if _has_gradient(x)]
    backward = tuple(
        side.backward([side.outputs[i] for i in outputs], [side.inner[i] for i in floats]) for side in sides
    )
    if not floats:
        return [None] * len(inputs)
    node_inputs = (pred, ys[-1], *earlier, *captured, *(gs[i] for i in outputs))
    found = choose(*node_inputs, sides=backward, tapes=tapes + 1)
    by_place = dict(zip(floats, found, strict=False))
    return [None] * (1 + tapes) + [by_place.get(i) for i in range(len(captured))]


def _has_gradient(x):
    return x.spec.dtype.kind in "fc" and x.op.op.name != "variable" and not _stands_for_state(x)


def _stands_for_state(x):
    """True for what stands for a variable's state inside a branch."""
    graph = x.graph
    while getattr(graph, "outer", None) is not None:
        outer = next((o for o, inner in graph.captured.items() if inner is x), None)
        if outer is None:
            return False
        x, graph = outer, outer.graph
    return x.op.op.name == "variable"


def cond(pred, true_fn=None, false_fn=None, strict=False, name=None, fn1=None, fn2=None):
    """What `true_fn()` or `false_fn()` gives, chosen by the boolean scalar `pred` when it runs; only that one runs.

    The functions return tensors (or any nesting of them) of the same structure and dtypes. What they use from outside is
    computed before. A list of one tensor gives the tensor, unless `strict`.
    Raises TypeError for a `pred` that is no boolean, or results that differ in structure or dtype.
    """
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if not callable(true_fn) or not callable(false_fn):
        raise ArgumentTypeError("cond takes two functions.", expected="true_fn and false_fn", got=(true_fn, false_fn))
    if isinstance(pred, bool):
        raise ArgumentTypeError("pred must not be a Python bool.", expected="a tensor", got=pred, hint="use if")
    pred = as_tensor(pred)
    if pred.spec.dtype != bool or pred.spec.shape not in ((), None):
        raise ArgumentTypeError("pred must be a boolean scalar.", expected="bool []", got=pred.spec, made_at=user_line())
    outer = get_default_graph()
    with outer.name_scope(name or "cond"):
        traced = [trace(lambda _, f=f: f(), outer) for f in (true_fn, false_fn)]
        (true, _, true_result), (false, _, false_result) = traced
        _check_alike(true_result, false_result)
        captured = list(dict.fromkeys([*true.captured, *false.captured]))
        sides = tuple(Side(b, [b.adopt(x) for x in captured], flat(result)) for b, _, result in traced)
        for side in sides:
            side.mark = len(side.graph.nodes)
        with control_dependencies([*true.outer_controls, *false.outer_controls]):
            found = choose(pred, *captured, sides=sides, tapes=0, name="Merge")
    result = packed(true_result, found[:-1] if isinstance(found, tuple) else ())
    if not strict and isinstance(result, list | tuple) and not hasattr(result, "_fields") and len(result) == 1:
        return result[0]
    return result


def _check_alike(a, b):
    x, y = flat(a), flat(b)
    if len(x) != len(y) or type(a) is not type(b):
        raise ArgumentTypeError(
            "true_fn and false_fn must return the same structure.", expected=f"{len(x)} tensors, as true_fn", got=f"{len(y)}",
            made_at=user_line(),
        )  # fmt: skip
    for p, q in zip(x, y, strict=True):
        if p.spec.dtype != q.spec.dtype:
            raise DTypeError(
                "Outputs of true_fn and false_fn must have the same type.", expected=str(p.spec), got=str(q.spec),
                made_at=user_line(),
            )  # fmt: skip


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case"):
    """What the function of the first true condition gives, or `default()`.

    pred_fn_pairs: a list of (boolean scalar, function), or a dictionary. Without a default the last function stands for it.
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else list(pred_fn_pairs)
    if not pairs:
        raise InvalidArgumentError("There are no cases.", expected="(condition, function) pairs", got="none")
    chosen = default
    with get_default_graph().name_scope(name):
        for pred, function in reversed(pairs):
            if chosen is None:
                chosen = function
            else:
                chosen = _nested(pred, function, chosen, strict)
        return chosen()


def _nested(pred, function, otherwise, strict):
    return lambda: cond(pred, function, otherwise, strict=strict)


# ---- while_loop


@op(type="While", refs=("inputs",), stateful=True, alike=())
def loop(*inputs, test, body, count, limit, taped, run=None):
    """Runs `body` as long as `test` holds: the first `count` inputs are the loop's variables, the others are captured."""
    values, captured = list(inputs[:count]), inputs[count:]
    tape, turns = [], 0
    while (limit is None or turns < limit) and bool(test.run(run, [*values, *captured])[0][0]):
        results, kept = body.run(run, [*values, *captured])
        if taped.on:
            tape.append((values, kept))
        values, turns = results, turns + 1
    return (*values, tape)


@loop.shape
def _(*inputs, test, body, count, limit, taped):
    return (*(Spec(x.spec.shape, x.spec.dtype) for x in body.inner[:count]), _TAPE)


@loop.vjp
def _(gs, ys, *inputs, test, body, count, limit, taped):
    taped.on = True  # from now on, runs keep what the way back needs
    variables = [i for i in range(count) if ys[i].spec.dtype.kind in "fc"]
    captured = [i for i in range(count, len(inputs)) if _has_gradient(inputs[i])]
    wanted = variables + captured
    backward = body.backward([body.outputs[i] for i in variables], [body.inner[i] for i in wanted])
    found = loop_grad(
        ys[-1], *inputs[count:], *(gs[i] for i in variables), backward=backward, count=count,
        variables=tuple(variables), captured=tuple(captured),
    )  # fmt: skip
    by_place = dict(zip(wanted, found if isinstance(found, tuple) else (found,), strict=True))
    return [by_place.get(i) for i in range(len(inputs))]


@op(refs=("inputs",), stateful=True, alike=())
def loop_grad(*inputs, backward, count, variables, captured, run=None):
    """The way back through a loop: its turns in reverse order. Cotangents of captured tensors add up over the turns."""
    n = len(inputs) - 1 - len(variables)
    tape, outer, gs = inputs[0], inputs[1 : 1 + n], list(inputs[1 + n :])
    sums = [array_module(outer[i - count]).zeros_like(outer[i - count]) for i in captured]
    for values, kept in reversed(tape):
        found, _ = backward.run(run, [*values, *outer, *gs], [kept])
        gs = found[: len(variables)]
        sums = [total + g for total, g in zip(sums, found[len(variables) :], strict=True)]
    found = (*gs, *sums)
    return found if len(found) > 1 else found[0] if found else ()


@loop_grad.shape
def _(*inputs, backward, count, variables, captured):
    specs = [backward.inner[i].spec for i in (*variables, *captured)]
    specs = tuple(Spec(s.shape, s.dtype) for s in specs)
    return specs[0] if len(specs) == 1 else specs


@loop_grad.vjp
def _(gs, ys, *inputs):
    raise GradientError("while_loop: second derivatives of a loop are not supported.", hint="unroll the loop in Python")


def while_loop(
    cond,
    body,
    loop_vars,
    shape_invariants=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    name=None,
    maximum_iterations=None,
    return_same_structure=False,
):
    """Repeat `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds; gives the loop's variables at the end.

    loop_vars: tensors, or any nesting of them; shapes stay the same from turn to turn, unless shape_invariants say less.
    Gradients reach the first values and everything that the body uses from outside.
    Raises ValueError for a body that gives another structure or shape, TypeError for another dtype.
    """
    if not callable(cond) or not callable(body):
        raise ArgumentTypeError("while_loop takes two functions.", expected="cond and body", got=(cond, body))
    if not loop_vars:
        raise InvalidArgumentError("No loop variables provided.", expected="at least one", got=loop_vars)
    outer = get_default_graph()
    structure = loop_vars if isinstance(loop_vars, list | tuple) else [loop_vars]
    with outer.name_scope(name or "while"):
        first = [as_tensor(x) for x in flat(structure)]
        specs = [Spec(x.spec.shape, x.spec.dtype) for x in first]
        if shape_invariants is not None:
            shapes = [TensorShape(s).sizes for s in shape_invariants]
            specs = [Spec(s, x.dtype) for s, x in zip(shapes, specs, strict=True)]
        test_branch, test_inner, test_result = trace(lambda xs: cond(*packed(structure, xs)), outer, specs)
        body_branch, body_inner, body_result = trace(lambda xs: _listed(body(*packed(structure, xs))), outer, specs)
        _check_turn(first, specs, flat(body_result))
        captured = list(dict.fromkeys([*test_branch.captured, *body_branch.captured]))
        test, turn = (
            Side(b, [*inner, *(b.adopt(x) for x in captured)], flat(result))
            for b, inner, result in ((test_branch, test_inner, test_result), (body_branch, body_inner, body_result))
        )
        with control_dependencies([*test_branch.outer_controls, *body_branch.outer_controls]):
            found = loop(
                *first, *captured, test=test, body=turn, count=len(first), limit=maximum_iterations, taped=Taped(),
                name="Exit",
            )[:-1]  # fmt: skip
    result = packed(structure, found)
    return result if return_same_structure or len(found) > 1 or not isinstance(structure, list | tuple) else result[0]


class Taped:
    """Whether the runs of a loop keep a tape: once a gradient of it is defined."""

    on = False


def _listed(result):
    return list(result) if isinstance(result, tuple) and not hasattr(result, "_fields") else result if isinstance(result, list) else [result]


def _check_turn(first, specs, results):
    if len(results) != len(first):
        raise InvalidArgumentError("The body gives another number of values.", expected=len(first), got=len(results))
    for x, spec, y in zip(first, specs, results, strict=True):
        if y.spec.dtype != spec.dtype:
            raise DTypeError("The body changes the dtype of a loop variable.", expected=f"{x.name} {spec}", got=y.spec)
        known_more = spec.shape is not None and (
            y.spec.shape is None or len(y.spec.shape) != len(spec.shape)
            or any(s is not None and t != s for s, t in zip(spec.shape, y.spec.shape, strict=True))
        )  # fmt: skip
        if known_more or not compatible(spec.shape, y.spec.shape):
            raise ShapeError(
                "The body changes the shape of a loop variable.", expected=f"{x.name} {show_shape(spec.shape)}",
                got=show_shape(y.spec.shape), made_at=user_line(), hint="shape_invariants may leave sizes open",
            )  # fmt: skip

