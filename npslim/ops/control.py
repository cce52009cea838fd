"""Choices and loops. `cond` and `while_loop` own sub-graphs, so no cycle ever enters a graph's list.

A `Branch` is a graph inside another: what it uses of the outer one it captures as inputs. Its node runs the branch's
plan. For gradients the backward graph is appended to the branch's own list; the values of the forward run that it needs
are handed over on a tape, so that nothing is computed, drawn or assigned twice.
"""

import numpy as np

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value, contains_tensor
from npslim.errors import ArgumentTypeError, DTypeError, GradientError, InvalidArgumentError, ShapeError
from npslim.graph import Graph, control_dependencies, get_default_graph, needed
from npslim.op import op
from npslim.ops.debug import Assert
from npslim.ops.elementwise import add, add_n
from npslim.ops.logic import cast, less, less_equal, logical_and
from npslim.ops.shape import identity, zeros_like
from npslim.spec import Spec, TensorShape, as_shape, show_shape
from npslim.tensor import Node, Tensor

differentiate = None  # autograd/reverse.py, which stands above this file, puts its `gradients` here
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

    def backward(self, outputs, inputs):
        """The Side of the gradient: from what this one takes and cotangents of `outputs`, those of `inputs`, which are
        tensors of `inner`.
        """
        graph = self.graph
        mark = len(graph.nodes)
        with graph.as_default():
            seeds = [graph.stand_in(y.spec, "cotangent") for y in outputs]
            found = differentiate(outputs, inputs, seeds) if outputs else [None] * len(inputs)
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
        return branch, inner, mapped(lambda x: branch.adopt(_as_result(name, x)), result)


def _as_result(name, x):
    if isinstance(x, Node):
        with control_dependencies([x]):
            return identity(as_tensor(True))
    if x is None:
        raise ArgumentTypeError(f"{name} must return tensors.", expected="tensors", got="None", made_at=user_line())
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


def outline(structure):
    """The structure in words, with a `*` for each leaf: "[*, {'a': *}]"."""
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{key!r}: {outline(structure[key])}" for key in sorted(structure)) + "}"
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        fields = zip(structure._fields, structure, strict=True)
        return f"{type(structure).__name__}({', '.join(f'{key}={outline(part)}' for key, part in fields)})"
    if isinstance(structure, list | tuple):
        inside = ", ".join(outline(part) for part in structure)
        return f"[{inside}]" if isinstance(structure, list) else f"({inside})"
    return "*"


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

    return (*(either(a.spec, b.spec) for a, b in zip(sides[0].outputs, sides[1].outputs, strict=True)), TAPE)


@choose.vjp
def _(gs, ys, *inputs, sides, tapes):
    pred, earlier, captured = inputs[0], inputs[1 : 1 + tapes], inputs[1 + tapes :]
    outputs = [i for i, y in enumerate(ys[:-1]) if y.spec.dtype.kind in "fc"]
    floats = [i for i, x in enumerate(captured) if has_gradient(x)]
    backward = tuple(
        side.backward([side.outputs[i] for i in outputs], [side.inner[i] for i in floats]) for side in sides
    )
    if not floats:
        return [None] * len(inputs)
    node_inputs = (pred, ys[-1], *earlier, *captured, *(gs[i] for i in outputs))
    found = choose(*node_inputs, sides=backward, tapes=tapes + 1)
    by_place = dict(zip(floats, found, strict=False))
    return [None] * (1 + tapes) + [by_place.get(i) for i in range(len(captured))]


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


def cond(pred, true_fn=None, false_fn=None, strict=False, name=None, fn1=None, fn2=None):
    """What `true_fn()` or `false_fn()` gives, chosen by the boolean scalar `pred` when it runs; only that one runs.

    The functions return tensors (or any nesting of them) of the same structure and dtypes. What they use from outside
    is computed before. A list of one tensor gives the tensor, unless `strict`.
    Raises TypeError for a `pred` that is no boolean, or results that differ in structure or dtype.
    """
    true_fn, false_fn = true_fn or fn1, false_fn or fn2
    if not callable(true_fn) or not callable(false_fn):
        raise ArgumentTypeError("cond takes two functions.", expected="true_fn and false_fn", got=(true_fn, false_fn))
    if isinstance(pred, bool):
        raise ArgumentTypeError("pred must not be a Python bool.", expected="a tensor", got=pred, hint="use if")
    pred = as_tensor(pred)
    if pred.spec.dtype != bool or pred.spec.shape not in ((), None):
        raise ArgumentTypeError("pred is no boolean scalar.", expected="bool []", got=pred.spec, made_at=user_line())
    outer = get_default_graph()
    with outer.name_scope(name or "cond"):
        functions = {"true_fn": true_fn, "false_fn": false_fn}
        traced = [trace(which, lambda _, f=f: _unwrapped(f(), strict), outer) for which, f in functions.items()]
        (true, _, true_result), (false, _, false_result) = traced
        _check_alike(true_result, false_result)
        captured = list(dict.fromkeys([*true.captured, *false.captured]))
        sides = tuple(Side(b, [b.adopt(x) for x in captured], flat(result)) for b, _, result in traced)
        for side in sides:
            side.mark = len(side.graph.nodes)
        with control_dependencies(outside(true, false)):
            found = choose(pred, *captured, sides=sides, tapes=0, name="Merge")
    return packed(true_result, found[:-1])


def _unwrapped(result, strict):
    """A list of one tensor is the tensor, unless `strict`."""
    single = isinstance(result, list | tuple) and not hasattr(result, "_fields") and len(result) == 1
    return result[0] if single and not strict else result


def _check_alike(a, b):
    if outline(a) != outline(b):
        raise ArgumentTypeError(
            "true_fn and false_fn must return the same structure.", expected=f"{outline(a)}, as true_fn",
            got=f"{outline(b)} from false_fn", made_at=user_line(),
        )  # fmt: skip
    for p, q in zip(flat(a), flat(b), strict=True):
        if p.spec.dtype != q.spec.dtype:
            raise DTypeError(
                "Outputs of true_fn and false_fn must have the same type.", expected=f"{p.spec} ({p.name}), as true_fn",
                got=f"{q.spec} ({q.name}) from false_fn", made_at=user_line(),
            )  # fmt: skip


def smart_cond(pred, true_fn=None, false_fn=None, name=None):
    """`true_fn()` or `false_fn()`, chosen while defining if `pred` (bool or tensor) is known, else by `cond`."""
    known = constant_value(pred) if contains_tensor(pred) else pred
    if known is None:
        return cond(pred, true_fn, false_fn, name=name)
    return true_fn() if known else false_fn()


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case"):
    """What the function of the first true condition gives, or `default()`.

    pred_fn_pairs: a list of (boolean scalar, function), or a dictionary. exclusive: a run in which two conditions hold
    raises InvalidArgumentError; so does one in which none holds, if there is no default.
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else list(pred_fn_pairs)
    if not pairs or not all(isinstance(pair, list | tuple) and len(pair) == 2 and callable(pair[1]) for pair in pairs):
        raise ArgumentTypeError("These are no cases.", expected="(condition, function) pairs", got=pairs)
    with get_default_graph().name_scope(name):
        preds = [as_tensor(pred) for pred, _ in pairs]
        checks = [_assert_one(preds)] if exclusive and len(preds) > 1 else []
        chosen = default or _checked_last(preds, pairs[-1][1])
        for pred, (_, function) in reversed(list(zip(preds, pairs, strict=True))[: None if default else -1]):
            chosen = _nested(pred, function, chosen, strict)
        with control_dependencies(checks):
            return mapped(identity, chosen()) if checks else chosen()


def _nested(pred, function, otherwise, strict):
    return lambda: cond(pred, function, otherwise, strict=strict)


def _assert_one(preds):
    true = add_n(*(cast(pred, np.int32) for pred in preds))
    return Assert(less_equal(true, 1), ["case: more than one condition holds:", *preds], summarize=len(preds))


def _checked_last(preds, function):
    """`function`, which raises where its condition does not hold."""

    def last():
        check = Assert(preds[-1], ["case: none of the conditions holds:", *preds], summarize=len(preds))
        with control_dependencies([check]):
            return mapped(lambda x: x if isinstance(x, Node) else identity(as_tensor(x)), function())

    return last


# ---- while_loop


@op(type="While", refs=("inputs",), stateful=True, alike=())
def loop(*inputs, test, body, count, taped, run=None):
    """Runs `body` as long as `test` holds: the first `count` inputs are the loop's variables, the rest is captured."""
    values, captured = list(inputs[:count]), inputs[count:]
    tape = []
    while bool(test.run(run, [*values, *captured])[0][0]):
        results, kept = body.run(run, [*values, *captured])
        if taped.on:
            tape.append((values, kept))
        values = results
    return (*values, tape)


@loop.shape
def _(*inputs, body, count):
    return (*(Spec(x.spec.shape, x.spec.dtype) for x in body.inner[:count]), TAPE)


@loop.vjp
def _(gs, ys, *inputs, body, count, taped):
    taped.on = True  # from now on, runs keep what the way back needs
    variables = [i for i in range(count) if ys[i].spec.dtype.kind in "fc"]
    captured = [i for i in range(count, len(inputs)) if has_gradient(inputs[i])]
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

    loop_vars: tensors, or any nesting of them. Shapes stay as they are at first, unless shape_invariants say less.
    maximum_iterations: a number or an integer scalar. Gradients, to first order, reach the first values and everything
    that the body uses from outside.
    Raises ValueError for a body that gives another structure or shape, TypeError for another dtype.
    """
    if not callable(cond) or not callable(body):
        raise ArgumentTypeError("while_loop takes two functions.", expected="cond and body", got=(cond, body))
    several = isinstance(loop_vars, list | tuple) and not hasattr(loop_vars, "_fields")
    structure = list(loop_vars) if several else [loop_vars]
    if not flat(structure):
        raise InvalidArgumentError("No loop variables provided.", expected="at least one", got=loop_vars)
    outer = get_default_graph()
    with outer.name_scope(name or "while"):
        first = [as_tensor(x) for x in flat(structure)]
        if maximum_iterations is not None:
            first, structure, cond, body = _counted(first, structure, cond, body, maximum_iterations)
        specs = _invariants(first, shape_invariants, counted=maximum_iterations is not None)
        test_branch, test_inner, test_result = trace("cond", lambda xs: cond(*packed(structure, xs)), outer, specs)
        body_branch, body_inner, body_result = trace("body", lambda xs: body(*packed(structure, xs)), outer, specs)
        _check_test(test_result)
        check_turn(first, specs, flat(_like_structure(body_result, structure)))
        captured = list(dict.fromkeys([*test_branch.captured, *body_branch.captured]))
        test, turn = (
            Side(b, [*inner, *(b.adopt(x) for x in captured)], flat(result))
            for b, inner, result in ((test_branch, test_inner, test_result), (body_branch, body_inner, body_result))
        )
        with control_dependencies(outside(test_branch, body_branch)):
            found = loop(*first, *captured, test=test, body=turn, count=len(first), taped=Taped(), name="Exit")[:-1]
    result = packed(structure, found)
    if maximum_iterations is not None:
        result, found = result[1], found[1:]
    if several and (return_same_structure or len(found) > 1):
        return type(loop_vars)(result)
    return result[0]


def _counted(first, structure, test, body, limit):
    """The same loop with a count of its turns as the first variable, so that it stops after `limit`."""
    limit = as_tensor(limit, name="maximum_iterations")

    def below(turns, inner):
        return logical_and(less(turns, limit), test(*inner))

    def counting(turns, inner):
        return [add(turns, 1), _like_structure(body(*inner), structure)]

    start = zeros_like(limit)
    return [start, *first], [start, structure], below, counting


def _invariants(first, shapes, counted):
    """The specs of the loop's variables on every turn. Raises ShapeError for a first value that does not fit."""
    specs = [Spec(x.spec.shape, x.spec.dtype) for x in first]
    if shapes is None:
        return specs
    shapes = flat(shapes) if any(isinstance(s, TensorShape) for s in flat(shapes)) else list(shapes)
    shapes = [as_shape(s) for s in shapes]
    places = first[1:] if counted else first
    if len(shapes) != len(places):
        raise InvalidArgumentError("shape_invariants differ from loop_vars.", expected=len(places), got=len(shapes))
    for shape, x in zip(shapes, places, strict=True):
        if not _says_less(shape, x.spec.shape):
            raise ShapeError(
                f"The shape invariant of {x.name} does not fit its first value.", expected=show_shape(shape),
                got=show_shape(x.spec.shape), made_at=user_line(),
            )  # fmt: skip
    return specs[: len(first) - len(shapes)] + [Spec(s, x.spec.dtype) for s, x in zip(shapes, places, strict=True)]


def _says_less(a, b):
    """True if all that shape `a` says is also said by shape `b`."""
    if a is None or b is None:
        return a is None
    return len(a) == len(b) and all(m is None or m == n for m, n in zip(a, b, strict=True))


def _like_structure(result, structure):
    """What the body returned, as a list like `structure`; a single variable needs no list around it."""
    result = list(result) if isinstance(result, tuple) and not hasattr(result, "_fields") else result
    for candidate in (result, [result]):
        if outline(candidate) == outline(structure):
            return candidate
    raise ArgumentTypeError(
        "The body must return the structure of loop_vars.", expected=outline(structure), got=outline(result),
        made_at=user_line(),
    )  # fmt: skip


def _check_test(result):
    if not isinstance(result, Tensor) or result.spec.dtype != bool or result.spec.shape not in ((), None):
        got = result.spec if isinstance(result, Tensor) else outline(result)
        raise ArgumentTypeError(
            "The loop's cond must return a boolean scalar.", expected="bool []", got=got, made_at=user_line()
        )


def check_turn(first, specs, results):
    """Raises DTypeError or ShapeError where the body's `results` cannot be the loop variables of the next turn."""
    for x, spec, y in zip(first, specs, results, strict=True):
        if y.spec.dtype != spec.dtype:
            raise DTypeError(
                "The body changes the dtype of a loop variable.", expected=f"{spec} ({x.name})",
                got=f"{y.spec} ({y.name})", made_at=user_line(),
            )  # fmt: skip
        if not _says_less(spec.shape, y.spec.shape):
            raise ShapeError(
                "The body changes the shape of a loop variable.", expected=f"{x.name} {show_shape(spec.shape)}",
                got=show_shape(y.spec.shape), made_at=user_line(), hint="shape_invariants may leave sizes open",
            )  # fmt: skip


class Taped:
    """Whether the runs of a loop keep a tape: once a gradient of it is defined."""

    on = False
