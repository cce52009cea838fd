"""Loops: a sub-graph runs again as long as another says so."""

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, DTypeError, GradientError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.nested import flat, outline
from npslim.op import op
from npslim.ops.branches import TAPE, Side, has_gradient, is_array, outside, tensors_of, trace, with_tensors
from npslim.ops.elementwise import add
from npslim.ops.logic import less, logical_and
from npslim.ops.shape import zeros_like
from npslim.spec import Spec, TensorShape, as_shape, show_shape
from npslim.tensor import Tensor


class Taped:
    """Whether the runs of a loop keep a tape: once a gradient of it is defined."""

    on = False


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
        first = tensors_of(structure)
        if maximum_iterations is not None:
            first, structure, cond, body = _counted(first, structure, cond, body, maximum_iterations)
        specs = _invariants(first, structure, shape_invariants, counted=maximum_iterations is not None)
        test_branch, test_inner, test_result = trace(
            "cond", lambda xs: cond(*with_tensors(structure, xs)), outer, specs
        )
        body_branch, body_inner, body_result = trace(
            "body", lambda xs: body(*with_tensors(structure, xs)), outer, specs
        )
        _check_test(test_result)
        check_turn(first, specs, tensors_of(_like_structure(body_result, structure)))
        captured = list(dict.fromkeys([*test_branch.captured, *body_branch.captured]))
        test, turn = (
            Side(b, [*inner, *(b.adopt(x) for x in captured)], tensors_of(result))
            for b, inner, result in ((test_branch, test_inner, test_result), (body_branch, body_inner, body_result))
        )
        with control_dependencies(outside(test_branch, body_branch)):
            found = loop(*first, *captured, test=test, body=turn, count=len(first), taped=Taped(), name="Exit")[:-1]
    result = with_tensors(structure, found)
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


def _invariants(first, structure, shapes, counted):
    """The specs of the loop's variables on every turn. Raises ShapeError for a first value that does not fit."""
    arrays = [is_array(leaf) for leaf in flat(structure)]  # their flows take any shape
    specs = [Spec(None if free else x.spec.shape, x.spec.dtype) for x, free in zip(first, arrays, strict=True)]
    if shapes is None:
        return specs
    shapes = flat(shapes) if any(isinstance(s, TensorShape) for s in flat(shapes)) else list(shapes)
    shapes = [as_shape(s) for s in shapes]
    places = first[1:] if counted else first
    if len(shapes) != len(places):
        raise InvalidArgumentError("shape_invariants differ from loop_vars.", expected=len(places), got=len(shapes))
    arrays = arrays[1:] if counted else arrays
    shapes = [None if free else shape for shape, free in zip(shapes, arrays, strict=True)]
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
