"""Which steps of a plan write into an input that dies there, and which into a buffer that an arena lends them.

before: arena.py, rewrite.py's passes   next: ../run.py
"""

import itertools
import math

from npslim.fast.arena import LARGE, Arenas
from npslim.fast.assign import take_over
from npslim.fast.functions import FUNCTIONS
from npslim.fast.kernels import FAST
from npslim.fast.loops import IN_PARTS
from npslim.fast.update import UPDATES
from npslim.plan import Step, shape_only_slots
from npslim.spec import is_full

# Ops whose outputs are arrays of their own, and ops with an effect that keep no input.
FRESH = {
    *FAST, *FUNCTIONS, *(IN_PARTS - {"add_n"}), "fused_batch_norm_grad", "standard_normal", "standard_truncated_normal",
    "softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits", "l2_loss", "divide_no_nan",
    "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "mean_share",
}  # fmt: skip
PARTS = {"slice_like", "split_evenly", "split_by_sizes", "unpack", "slice", "strided_slice_by"}
KEEP_NOTHING = {*UPDATES, "assign", "assign_add", "assign_sub", "no_op"}


def pure(step):
    """True if the step gives the same value each time and does nothing else."""
    op = step.node.op
    return not (op.stateful or op.random or op.refs or op.context)


def is_small(spec):
    """True if it is known that NumPy's own allocator is as quick."""
    return is_full(spec.shape) and math.prod(spec.shape) * max(spec.dtype.itemsize, 1) <= LARGE


class Groups:
    """Slots that may share memory, joined into groups; a group without an owner is somebody else's memory."""

    def __init__(self):
        self.parent = {}
        self.owner = {}  # leading slot of a group -> the slot whose step made the memory, or None

    def add(self, slot, owner):
        self.parent.setdefault(slot, slot)
        self.owner.setdefault(slot, owner)

    def find(self, slot):
        if slot not in self.parent:
            self.add(slot, None)
        while self.parent[slot] != slot:
            slot = self.parent[slot]
        return slot

    def join(self, slot, other):
        """Both groups are one, whose owner is the one that they agree on."""
        slot, other = self.find(slot), self.find(other)
        if slot != other:
            self.parent[other] = slot
            if self.owner[slot] != self.owner[other]:
                self.owner[slot] = None

    def put_into(self, slot, made):
        """The step that makes `made` writes into the memory of `slot`; what may share memory with it has its owner."""
        slot, group = self.find(slot), self.find(made)
        self.parent[group] = slot
        if self.owner[group] != made:
            self.owner[slot] = None

    def disown(self, slot):
        self.owner[self.find(slot)] = None

    def members(self):
        """{leading slot: [slots]}."""
        found = {}
        for slot in self.parent:
            found.setdefault(self.find(slot), []).append(slot)
        return found


def sharing(draft):
    """The groups of slots that may share memory, before anything is done in place."""
    groups = Groups()
    for step in draft.parts:
        shared, viewed = _views(draft, step)
        for slot in step.outputs:
            if slot not in shared:
                groups.add(slot, slot)
        held = not pure(step) and step.node.op.name not in KEEP_NOTHING
        for slot in step.outputs:
            groups.add(slot, None if not pure(step) or not step.inputs else slot)
        for slot in step.inputs:
            if held:
                groups.disown(slot)
        if pure(step):
            for slot in viewed:
                _join_all(groups, slot, shared)
    return groups


def _views(draft, step):
    """The outputs of a step that may be views, and the slots that they may be views of."""
    name = step.node.op.name
    if not step.inputs:  # constants are everybody's
        return step.outputs, ()
    if name == "fused_batch_norm":  # moments that it is given it gives back
        return ((), ()) if step.node.attrs["is_training"] else (step.outputs[1:], step.inputs[-2:])
    if not step.outputs or _makes_memory(draft, step):
        return (), ()
    if name == "add_n" and len(step.inputs) > 1:  # a single term may come back as it is
        return (), ()
    return step.outputs, _viewed(step)


def _makes_memory(draft, step):
    """True if it is known that the first output is an array of its own."""
    return bool(step.outputs) and (step.outputs[0] in draft.loops or step.node.op.name in FRESH)


def _viewed(step):
    """The slots of inputs of which an output may be a view: neither those that lend a shape nor sizes and axes."""
    if step.rewritten:
        return step.inputs
    lent, whole = set(shape_only_slots(step)), set("iub")
    to_whole = not whole.isdisjoint(t.spec.dtype.kind for t in step.node.outputs)
    found = zip(step.inputs, step.node.inputs, strict=False)
    return [slot for slot, t in found if slot not in lent and (to_whole or t.spec.dtype.kind not in whole)]


def _join_all(groups, slot, outputs):
    """An op may give views of its inputs: the memory is that of the input."""
    for output in outputs:
        owner = groups.owner[groups.find(slot)]
        if groups.owner[groups.find(output)] == output:
            groups.owner[groups.find(output)] = owner
        groups.join(slot, output)


def last_uses(draft):
    """{slot: index of the part after which nobody reads its value}; kept slots are missing."""
    found, numbers = {}, itertools.count()
    for step in draft.plan.steps:
        dying, uses = {*step.fade, *step.drop}, {}
        for part in step.parts:
            uses.update(dict.fromkeys((*part.inputs, *part.outputs), next(numbers)))
        for slot in dying:
            found.setdefault(slot, uses[slot])
    return found


def reuse_buffers(draft):
    """Loops write into an input that dies there, else into a buffer of an arena, which gets it back in the end.

    Assignments take over an array that dies there. An input that may be a view may be one number, repeated: where it
    cannot be written to, the loop takes a buffer, too, which is given back with what it should have lain in.
    """
    groups, last = sharing(draft), last_uses(draft)
    arena, taken = draft.new_slot(), set()
    lenders = {id(step): tuple(draft.new_slot() for _ in step.sides) for step in draft.plan.steps if step.sides}
    members, parts = groups.members(), {slot for step in draft.parts if _is_part(step) for slot in step.outputs}
    own = {slot for step in draft.parts if _makes_memory(draft, step) for slot in step.outputs}
    small = {slot for tensor, slot in draft.plan.slots.items() if is_small(tensor.spec)}  # an arena has none of these
    for i, (step, lender, side) in enumerate(_with_lenders(draft.plan.steps, arena, lenders)):
        loop = draft.loops.get(step.outputs[0]) if step.outputs else None
        if loop is not None:
            place = _dying_input(loop, groups, members, last, i, parts, side)
            take = place is None or loop.inputs[place] not in own
            if place is not None:
                dying, made = groups.find(loop.inputs[place]), groups.find(step.outputs[0])
                members[dying] += members.pop(made)
                groups.put_into(dying, step.outputs[0])
            step.kernel = loop.kernel(place, take)
            step.inputs = (lender, *loop.inputs) if take else loop.inputs
            if take:
                taken.update(slot for slot in step.outputs if slot not in small)
    take_over(draft.parts, groups, last, taken)
    if draft.loops:
        _give_back(draft, arena, _deaths(groups, members, taken, last, draft.plan.steps), lenders)


def _with_lenders(steps, arena, lenders):
    """(step, slot of what lends it buffers, slots that its side makes, or None) of all steps, those of sides, too."""
    for step in steps:
        for lender, side in zip(lenders.get(id(step), (arena,)), step.sides or ([step],), strict=True):
            made = {slot for part in side for slot in part.outputs} if step.sides else None
            yield from ((part, lender, made) for part in side)


def _is_part(step):
    """True if the step gives parts of an array, whose elements may lie apart: nothing is written over these."""
    return step.node.op.name in PARTS and step.node.attrs.get("axis") != 0 and not step.rewritten


def _dying_input(loop, groups, members, last, i, parts, side):
    """The number of an input that step `i` may overwrite, or None. side: what may be written over if not None."""
    for number, slot in enumerate(loop.inputs):
        group = groups.find(slot)
        alone = sum(groups.find(other) == group for other in loop.inputs) == 1
        if (
            alone
            and groups.owner[group] is not None
            and (side is None or groups.owner[group] in side)
            and slot not in parts
            and loop.used_first(slot)
            and all(last.get(other, i + 1) <= i for other in members[group])
        ):
            return number
    return None


def _deaths(groups, members, taken, last, steps):
    """{step index: [slots whose buffer goes back to the arena after it]}."""
    deaths, places = {}, [i for i, step in enumerate(steps) for _ in step.parts]
    for slot in taken:
        group = groups.find(slot)
        if groups.owner[group] is not None and all(other in last for other in members[group]):
            deaths.setdefault(places[max(last[other] for other in members[group])], []).append(slot)
    return deaths


def _give_back(draft, arena, deaths, lenders):
    """Insert the steps that fetch an arena, give buffers back to it before the next one is taken, and put it away.

    lenders: {id of a step with sides: the slots of what lends them buffers}.
    """
    arenas, steps = Arenas(), draft.plan.steps
    returned = {slot for slots in deaths.values() for slot in slots}
    given = [Step(steps[0].node, _entering(arenas), (), (arena,), (), rewritten=True)]
    dead, ended, last_read = [], set(), {slot: i for i, step in enumerate(steps) for slot in step.inputs}
    for i, step in enumerate(steps):
        sides = lenders.get(id(step), ())
        if dead and (sides or arena in step.inputs):
            ended.update(dead)
            lends = tuple(slot for slot in dead if last_read.get(slot, -1) >= i)  # its shape
            drop = tuple(slot for slot in dead if slot not in lends)
            given.append(Step(step.node, give_back, (arena, *dead), (), (), lends, drop, rewritten=True))
            dead = []
        waiting = tuple(slot for slot in step.drop if slot in returned and slot not in ended)
        step.drop = tuple(slot for slot in step.drop if slot not in waiting)
        step.fade = tuple(slot for slot in step.fade if slot not in returned)
        if sides:
            given.append(Step(step.node, _fork(len(sides)), (arena,), sides, (), rewritten=True))
        given.append(step)
        if sides:
            given.append(Step(step.node, join, (arena, *sides), (), (), (), sides, rewritten=True))
        dead += deaths.get(i, ())
    given.append(Step(steps[-1].node, _leaving(arenas), (arena, *dead), (), (), (), tuple(dead), rewritten=True))
    steps[:] = given


def give_back(arena, *arrays):
    for array in arrays:
        arena.give(array)


def _fork(number):
    def fork(arena):
        return arena.fork(number)

    fork.label = "lends buffers to sides"
    return fork


def join(arena, *sides):
    arena.join(sides)


def _entering(arenas):
    def enter():
        return arenas.enter()

    enter.label = "takes an arena"
    return enter


def _leaving(arenas):
    def leave(arena, *arrays):
        give_back(arena, *arrays)
        arenas.leave(arena)

    leave.label = give_back.label
    return leave


give_back.label = join.label = "gives back"
