"""Choices: one of two sub-graphs runs, or one of several."""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value, contains_tensor
from npslim.errors import ArgumentTypeError, DTypeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.nested import mapped, outline
from npslim.op import op
from npslim.ops.branches import TAPE, Side, has_gradient, outside, tensors_of, trace, with_tensors
from npslim.ops.debug import Assert
from npslim.ops.elementwise import add_n
from npslim.ops.logic import cast, less_equal
from npslim.ops.shape import identity
from npslim.spec import Spec
from npslim.tensor import Node


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
    used = [(side.inner, side.used()) for side in sides]
    floats = [
        i for i, x in enumerate(captured) if has_gradient(x) and any(inner[i] in tensors for inner, tensors in used)
    ]
    backward = tuple(
        side.backward([side.outputs[i] for i in outputs], [side.inner[i] for i in floats]) for side in sides
    )
    if not floats:
        return [None] * len(inputs)
    node_inputs = (pred, ys[-1], *earlier, *captured, *(gs[i] for i in outputs))
    found = choose(*node_inputs, sides=backward, tapes=tapes + 1)
    by_place = dict(zip(floats, found, strict=False))
    return [None] * (1 + tapes) + [by_place.get(i) for i in range(len(captured))]


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
        sides = tuple(Side(b, [b.adopt(x) for x in captured], tensors_of(result)) for b, _, result in traced)
        for side in sides:
            side.mark = len(side.graph.nodes)
        with control_dependencies(outside(true, false)):
            found = choose(pred, *captured, sides=sides, tapes=0, name="Merge")
    return with_tensors(true_result, found[:-1])


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
    for p, q in zip(tensors_of(a), tensors_of(b), strict=True):
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
