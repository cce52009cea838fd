"""Steps that do not depend on each other, side by side on two threads.

Small steps gain nothing from a second thread that shares their work: the way to it takes as long as the work. The
branches of a net, and the gradients by a convolution's input and by its filter, are work for two threads without that.
What runs side by side is chosen by shapes alone, and each step computes what it computes elsewhere.

before: rewrite.py's other passes   next: buffers.py
"""

import math

from npslim.convert import is_state
from npslim.fast.buffers import pure
from npslim.fast.update_steps import takes_no_memory
from npslim.fast.workers import side_by_side
from npslim.flops import flops
from npslim.plan import Step

USUAL_BATCH = 32
PRODUCTS, PASSES = 55e9, 3e-9  # multiplications and additions a second; seconds that other steps take for an element
SHARED, WAY = 1.6, 300e-6  # a step's work is shared by two threads: so much quicker, and that much longer
BESIDE, FORK = 1.08, 200e-6  # the same for steps side by side
LARGE = 100e-6  # seconds of a step that counts
REACH = 24  # large steps that are looked at together
EFFECTS = {"read", "assign_add", "assign_sub"}


def put_side_by_side(draft):
    """Sequences of steps that gain by it become one step with two sides."""
    steps, cells = draft.plan.steps, {slot for tensor, slot in draft.plan.slots.items() if is_state(tensor)}
    times = [seconds(step) for step in steps]
    ends = best_ends(steps, times, cells)
    found, i = [], 0
    while i < len(steps):
        some = slice(i, ends[i])
        found += steps[some] if ends[i] == i + 1 else [with_sides(steps[some], times[some], cells)]
        i = ends[i]
    steps[:] = found


def kind(step):
    """What may run beside each other is of one kind; None if nothing runs beside the step.

    Updates in place are a kind of their own: when the first of them begins, all else must have the memory it needs.
    """
    waits = any(node.control_inputs for node in (step.node, *step.nodes))
    if waits or not step.node.op.kernel.__module__.startswith("npslim."):
        return None
    if takes_no_memory(step):
        return "update"
    return "value" if pure(step) or step.node.op.name in EFFECTS else None


def seconds(step):
    """About how long a step takes on one thread."""
    return sum(_seconds(node) for node in step.nodes if node.outputs and node.op.name not in VIEWS)


def _seconds(node):
    inputs, outputs = ([t.spec.shape for t in tensors] for tensors in (node.inputs, node.outputs))
    if None in inputs or None in outputs:
        return 0
    inputs, outputs = ([_usual(shape) for shape in shapes] for shapes in (inputs, outputs))
    if node.op.name in SUMS:
        return flops(node.op.name, node.attrs, inputs, outputs) / PRODUCTS
    return max(math.prod(shape) for shape in (*inputs, *outputs)) * PASSES


def _usual(shape):
    return [USUAL_BATCH if size is None else size for size in shape]


def best_ends(steps, times, cells):
    """For each step, the end of the sequence that begins there and is best put side by side, or the next step."""
    gains, ends = [0.0] * (len(steps) + 1), list(range(1, len(steps) + 1))
    kinds = [kind(step) for step in steps]
    for i in range(len(steps) - 1, -1, -1):
        gains[i] = gains[i + 1]
        if kinds[i] is not None and times[i] >= LARGE:
            for end, gain in sequences(steps, times, kinds, cells, i):
                if gain + gains[end] > gains[i]:
                    gains[i], ends[i] = gain + gains[end], end
    return ends


def sequences(steps, times, kinds, cells, begin):
    """(end, seconds that are gained) of sequences that begin there and end with a large step."""
    parts, large, alone = Parts(cells), 0, 0.0
    for i in range(begin, len(steps)):
        if kinds[i] != kinds[begin] or large > REACH:
            return
        parts.add(steps[i], times[i])
        if times[i] >= LARGE:
            large += 1
            alone += min(times[i], times[i] / SHARED + WAY)
            if large > 1 and len(parts.seconds) > 1:
                less, more = sorted(parts.halves()[1])
                if less > LARGE:
                    yield i + 1, alone - BESIDE * (less + (more - less) / 1.3) - FORK


class Parts:
    """Steps in parts of which none reads what another one makes. seconds: {number of a part: how long it takes}."""

    def __init__(self, cells):
        self.cells = cells
        self.part_of, self.parent, self.seconds = {}, [], {}  # slot -> a part; part -> the one that it has become
        self.steps = []

    def add(self, step, seconds):
        joined = {self.find(self.part_of[slot]) for slot in step.inputs if slot in self.part_of}
        part = len(self.parent)
        self.parent.append(part)
        for other in joined:
            self.parent[other] = part
            seconds += self.seconds.pop(other)
        self.seconds[part] = seconds
        for slot in (*step.outputs, *self.cells.intersection(step.inputs)):
            self.part_of[slot] = part
        self.steps.append((step, part))

    def find(self, part):
        while self.parent[part] != part:
            part = self.parent[part]
        return part

    def halves(self):
        """Parts for two sides, as long as each other as far as that goes, and how long they take."""
        sides, totals = ([], []), [0.0, 0.0]
        for part in sorted(self.seconds, key=lambda part: -self.seconds[part]):
            side = totals.index(min(totals))
            sides[side].append(part)
            totals[side] += self.seconds[part]
        return sides, totals


def with_sides(steps, times, cells):
    """One step for all of these."""
    parts = Parts(cells)
    for step, time in zip(steps, times, strict=True):
        parts.add(step, time)
    halves = parts.halves()[0]
    sides = tuple([step for step, part in parts.steps if parts.find(part) in half] for half in halves)
    made = {slot: None for step in steps for slot in step.outputs}
    read = {slot: None for step in steps for slot in step.inputs if slot not in made}
    return Step(steps[0].node, side_by_side, tuple(read), tuple(made), (), rewritten=True, sides=sides)


VIEWS = {"reshape", "slice_like", "split_evenly", "split_by_sizes", "unpack", "slice", "strided_slice_by", "read"}
SUMS = {"matmul", "conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"}
