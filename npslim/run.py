"""RUN. The steps of a plan, one after the other, on a list of values that dies with the run.

So several threads may run one session at once. No op is known here by name; what an op needs it declares.

before: cells.py   next: session.py
"""

import functools
import math

from npslim.cells import Cell
from npslim.dtypes import as_dtype
from npslim.errors import OpError, ResourceExhaustedError, range_of
from npslim.plan import stand_in
from npslim.profiler import watched, watching
from npslim.spec import is_full, show_shape
from npslim.tensor import Tensor

_NOTED = "npslim: noted"  # on an error: it already says which node it came from


class Run:
    """What a stateful kernel may use: the store, and a way to run a sub-graph.

    ticket: (the tickets of a queue, the number of the element that this run took first), or None. origins: the files
    and records (or queues and numbers) that it works on. waited: the seconds that it spent waiting for input.
    queue: the one that it took elements from, if any.
    """

    __slots__ = ("session", "store", "ticket", "origins", "waited", "queue", "_held", "_assigned")

    def __init__(self, session):
        self.session = session
        self.store = session.store
        self.ticket = None
        self.origins = []
        self.waited, self.queue = 0.0, None
        self._held = []
        self._assigned = []

    def assigned(self, before):
        """Note what a step has put into cells; `before`: [(cell, its value then)]."""
        self._assigned += [(cell, old, cell.value) for cell, old in before if cell.value is not old]

    def undo(self):
        """Give cells back what they held before the run, unless another run has given them a value since."""
        while self._assigned:
            cell, old, new = self._assigned.pop()
            with cell.lock:
                if cell.value is new:
                    cell.value = old

    def hold(self, tickets, number, *origins):
        """Note that this run works on the element `number` of a queue, and where that is from."""
        self.ticket = self.ticket or (tickets, number)
        self._held.append((tickets, number))
        self.origins += origins

    def settle(self):
        """The run is over: whoever waits for its elements need not any more."""
        for tickets, number in self._held:
            tickets.settle(number)

    def cell(self, name):
        return self.store.cell(name)

    def execute(self, fetches, feeds):
        """The values of `fetches` (tensors and nodes of one graph) given `feeds`, {tensor: value}."""
        plan = self.session.plan(tuple(fetches), tuple(feeds))
        values = execute(plan, feeds, self)
        return [values[plan.slots[f]] if isinstance(f, Tensor) else None for f in fetches]


def execute(plan, feeds, run):
    """Run the steps of `plan`; returns the list of values by slot."""
    values = given(plan, feeds)
    perform(plan.steps, values, plan.slots, run)
    return values


def given(plan, feeds):
    values = [None] * plan.size
    for tensor, value in feeds.items():
        values[plan.slots[tensor]] = value
    return values


def perform(steps, values, slots, run):
    """Run `steps` on the list of values."""
    step, before, value_of = None, (), values.__getitem__
    try:
        for step in steps:
            if step.sides:
                inputs = result = value = None
                step.kernel([functools.partial(perform, side, values, slots, run) for side in step.sides])
            else:
                inputs = list(map(value_of, step.inputs))
                before = _held(values, step.cells) if step.cells else ()
                kernel = watched(step, step.kernel) if watching else step.kernel
                result = kernel(*inputs, **_context(step, run)) if step.context else kernel(*inputs)
                if before:
                    run.assigned(before)
                    before = None  # or an array would count as held
                outputs = step.outputs
                if len(outputs) == 1:
                    values[outputs[0]] = result[0] if type(result) is tuple else result
                elif outputs:
                    for slot, value in zip(outputs, result, strict=True):
                        values[slot] = value
            if step.fade:
                for slot in step.fade:
                    values[slot] = stand_in(values[slot])
            if step.drop:
                inputs = result = value = None
                for slot in step.drop:
                    values[slot] = None
    except MemoryError as error:
        run.assigned(before or ())  # a part of the step's work, too
        run.undo()
        if isinstance(error, ResourceExhaustedError):
            raise
        raise _exhausted(error, step.node, [values[slot] for slot in step.inputs]) from error
    except Exception as error:
        node = getattr(error, "op", None) or step.node
        _explain(error, node, {t: values[slots[t]] for t in node.inputs if t in slots}, run)
        raise


def _held(values, slots):
    """[(cell, its value)] of the cells in these slots."""
    return [(values[slot], values[slot].value) for slot in slots if type(values[slot]) is Cell]


def _context(step, run):
    return {name: _GIVEN[name](step, run) for name in step.context}


_GIVEN = {
    "run": lambda step, run: run,
    "node": lambda step, run: step.node,
    "rng": lambda step, run: run.store.generator(step.node, run.ticket[1] if run.ticket else None),
}


def _exhausted(error, node, inputs):
    """The error that says what there was no memory for: the array that NumPy names, or else the node's output."""
    spec = node.outputs[0].spec if node.outputs else None
    shape, dtype = getattr(error, "shape", None), getattr(error, "dtype", None)
    if shape is None and spec is not None and is_full(spec.shape):
        shape, dtype = spec.shape, spec.dtype
    wanted = "more memory than there is"
    if shape is not None and dtype is not None:
        nbytes = math.prod(shape) * dtype.itemsize
        wanted = f"{as_dtype(dtype).name} {show_shape(shape)}, {nbytes:,} bytes"
    given = ", ".join(seen(t, x) for t, x in zip(node.inputs, inputs, strict=False))
    return ResourceExhaustedError(
        f"{node.op.name}: out of memory in node {node.name} ({node.type}), inputs {given or '-'}.",
        op=node, expected="room for what the node needs", got=wanted, made_at=node.made_at,
        hint="no variable has changed; a smaller batch needs less",
    )  # fmt: skip


def _explain(error, node, inputs, run):
    """Note on `error` which node it came from, the user's line, what went in, and the records that it is about."""
    if error.__dict__.get(_NOTED):
        return
    error.__dict__[_NOTED] = True
    if isinstance(error, OpError):
        error.op = error.op or node
    shown = ", ".join(f"{t.name} {seen(t, inputs.get(t))}" for t in node.inputs)
    note = f"  node     {node.name} ({node.type})\n  made at  {node.made_at}\n  inputs   {shown or '-'}"
    error.add_note(note + (f"\n  record   {range_of(run.origins)}" if run.origins else ""))


def seen(tensor, value):
    """Dtype and shape of an array, what else a value is, or what was known of a value that is gone."""
    if value is None:
        return str(tensor.spec)
    return f"{value.dtype} {show_shape(value.shape)}" if hasattr(value, "shape") else type(value).__name__
