"""A body over the elements of sequences, turn by turn: what map_fn, scan, the folds and recurrent networks are made of.

A turn takes the carried tensors and one element of each sequence, and gives the carried tensors of the next turn, an
element of each result and terms of sums. The way back is of the same form: sequences become results, what every turn
sees becomes a sum. So it takes time and memory in proportion to the turns, and has derivatives of any order.
"""

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.op import op
from npslim.ops.branches import TAPE, Side, has_gradient, outside, trace
from npslim.ops.while_loop import Taped, check_turn
from npslim.spec import Spec, merge, show_shape


class Body:
    """The sub-graph of a turn as a `Side`, and how many of its inputs and outputs are carried, elements, the rest.

    The last results are the carried tensors that a turn begins with: the way back needs them, and is differentiated by
    them. The rest of the inputs is the same in every turn, the rest of the outputs is summed over the turns: sum number
    i has the shape of number like[i] of these inputs.
    """

    def __init__(self, side, carried, elements, results, like=()):
        self.side, self.carried, self.elements, self.results, self.like = side, carried, elements, results, like
        self.taped = Taped()

    def turn(self, run, carried, inputs, tapes):
        """(carried, results, terms, tape) of one turn."""
        found, tape = self.side.run(run, [*carried, *inputs], tapes)
        n, m = self.carried, self.carried + self.results
        return found[:n], found[n:m], found[m:], tape


@op(type="While", refs=("inputs",), stateful=True, alike=())
def turns(*inputs, body, tapes, backward, run=None):
    """Runs `body` once for each element, or for the first of them: inputs are how often (-1: always), tapes of earlier
    runs, first carried values, sequences, and what the body captures. backward: from the last element to the first.
    """
    rest = inputs[1 + tapes :]
    earlier, carried = inputs[1 : 1 + tapes], list(rest[: body.carried])
    sequences = rest[body.carried : body.carried + body.elements]
    captured = rest[body.carried + body.elements :]
    length = _length(sequences)
    count = length if int(inputs[0]) < 0 else min(int(inputs[0]), length)
    wanted = body.results if body.taped.on else body.results - body.carried
    results, sums, tape = [None] * wanted, None, [None] * count
    starts = carried
    for t in reversed(range(count)) if backward else range(count):
        elements = [x[t, ...] for x in sequences]
        carried, found, terms, tape[t] = body.turn(run, carried, [*elements, *captured], [past[t] for past in earlier])
        results = [_put(y, t, part, length, count) for y, part in zip(results, found, strict=False)]
        sums = terms if sums is None else [a + b for a, b in zip(sums, terms, strict=True)]
    if not count:
        results = _of_no_turn(body.side.outputs[body.carried :][:wanted], length, array_module(*sequences))
        sums = [array_module(captured[i]).zeros_like(captured[i]) for i in body.like]
    unread = () if body.taped.on else [_unread(x, length) for x in starts]
    return (*carried, *results, *unread, *sums, tape)


def _length(sequences):
    lengths = {len(x) for x in sequences}
    if len(lengths) > 1:
        raise InvalidArgumentError(
            "The sequences differ in length.", expected="one length", got=[x.shape for x in sequences]
        )
    return lengths.pop()


def _put(results, t, part, length, count):
    """`results` with `part` at place `t`; places that no turn fills are zero."""
    if results is None:
        module = array_module(part)
        make = module.empty if count == length and part.dtype != object else module.zeros
        results = make((length, *part.shape), part.dtype)
    elif results.shape[1:] != part.shape:
        raise InvalidArgumentError(
            "The body gives elements of different shapes.", expected=f"{show_shape(results.shape[1:])} in every turn",
            got=f"{show_shape(part.shape)} in turn {t}",
        )  # fmt: skip
    results[t] = part
    return results


def _unread(x, length):
    """A stand-in for `x` stacked, which nobody reads."""
    module = array_module(x)
    return module.broadcast_to(module.zeros((), x.dtype), (length, *x.shape))


def _of_no_turn(results, length, module):
    """The results if there was no turn, from their tensors in the body."""
    for y in results:
        if y.spec.shape is None or None in y.spec.shape:
            raise InvalidArgumentError(
                "There is no element to take the results' shape from.", expected="at least one element",
                got=f"none, and {y.name} {show_shape(y.spec.shape)}",
            )  # fmt: skip
    return [module.zeros((length, *y.spec.shape), y.spec.dtype) for y in results]


@turns.shape
def _(*inputs, body, tapes):
    n, m = body.carried, body.carried + body.results
    sequences = inputs[1 + tapes + n : 1 + tapes + n + body.elements]
    length = None
    for x in sequences:
        (length,) = merge((length,), None if x.shape is None else x.shape[:1])
    outputs = body.side.outputs

    def stacked(y):
        return Spec(None if y.spec.shape is None else (length, *y.spec.shape), y.spec.dtype)

    return (
        *(Spec(x.spec.shape, x.spec.dtype) for x in body.side.inner[:n]),
        *(stacked(y) for y in outputs[n:m]),
        *(Spec(y.spec.shape, y.spec.dtype) for y in outputs[m:]),
        TAPE,
    )


@turns.vjp
def _(gs, ys, *inputs, body, tapes, backward):
    body.taped.on = True  # from now on, runs keep what the way back needs
    inner, outputs = body.side.inner, body.side.outputs
    first = 1 + tapes
    n, m = body.carried, body.carried + body.elements
    carried = [i for i in range(n) if _floating(inner[i])]
    elements = [i for i in range(n, m) if _floating(inner[i])]
    captured = [i for i in range(m, len(inner)) if has_gradient(inputs[first + i])]
    results = [i for i in range(n, n + body.results) if _floating(outputs[i])]
    sums = [i for i in range(n + body.results, len(outputs)) if _floating(outputs[i])]
    if not (carried or elements or captured):
        return [None] * len(inputs)
    wanted = [*carried, *elements, *captured]
    side = body.side.backward([outputs[i] for i in (*carried, *results, *sums)], [inner[i] for i in wanted])
    seeds, at, after = side.inner[len(inner) :], len(carried), len(carried) + len(results)
    side.inner = [*seeds[:at], *inner[n:m], *inner[:n], *seeds[at:after], *inner[m:], *seeds[after:]]
    end = at + len(elements)
    side.outputs = [*side.outputs[:end], *seeds[:at], *side.outputs[end:]]
    back = Body(side, at, m + len(results), len(elements) + at, like=[i - m for i in captured])
    starts = ys[body.results : n + body.results]
    found = turns(
        *inputs[:first], ys[-1], *(gs[i] for i in carried), *inputs[first + n : first + m], *starts,
        *(gs[i] for i in results), *inputs[first + m :], *(gs[i] for i in sums),
        body=back, tapes=tapes + 1, backward=not backward,
    )  # fmt: skip
    by_place = dict(zip(wanted, (*found[:end], *found[end + at : -1]), strict=True))
    return [None] * first + [by_place.get(i) for i in range(len(inner))]


def _floating(x):
    return x.spec.dtype.kind in "fc"


def over_elements(body, carried, sequences, count=None, backward=False, name=None):
    """(carried, results) after `body(carried, elements)`, which gives the two for a turn, has run for every element.

    carried, sequences: lists of tensors; the sequences have one first size. Results are stacked at the places of the
    elements. count: an integer scalar, the number of turns if not all; places beyond are zero.
    backward: from the last element to the first. Raises TypeError or ValueError for a body that changes the dtype or
    shape of what is carried.
    """
    outer = get_default_graph()
    with outer.name_scope(name or "while"):
        carried, sequences = [as_tensor(x) for x in carried], [as_tensor(x) for x in sequences]
        count = as_tensor(-1 if count is None else count, name="count")
        specs = [Spec(x.spec.shape, x.spec.dtype) for x in carried]
        n = len(carried)
        branch, inner, (last, results) = trace(
            "body", lambda xs: tuple(list(part) for part in body(xs[:n], xs[n:])), outer,
            [*specs, *(_element(x) for x in sequences)],
        )  # fmt: skip
        check_turn(carried, specs, last)
        captured = list(branch.captured)
        side = Side(branch, [*inner, *(branch.captured[x] for x in captured)], [*last, *results, *inner[:n]])
        with control_dependencies(outside(branch)):
            found = turns(
                count, *carried, *sequences, *captured, body=Body(side, n, len(sequences), n + len(results)), tapes=0,
                backward=backward, name="Exit",
            )  # fmt: skip
    return list(found[:n]), list(found[n : n + len(results)])


def _element(x):
    if x.spec.shape == ():
        raise ShapeError("A sequence has at least one dimension.", expected="[n, ...]", got=x, made_at=user_line())
    return Spec(None if x.spec.shape is None else x.spec.shape[1:], x.spec.dtype)
