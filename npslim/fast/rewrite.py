"""Rewrites a plan so that it does the same with fewer steps, fewer passes over memory and no new buffers.

Each pass is a function of a draft. A fetched tensor keeps its slot, a node with an effect keeps its place, and arrays
that others may hold (feeds, constants, variables' values) are never written to.

before: plan.py   next: ../run.py
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim.fast.branches import merge_branches
from npslim.fast.buffers import is_small, pure, reuse_buffers
from npslim.fast.cross_entropy import join_cross_entropy
from npslim.fast.folding import fold_norms
from npslim.fast.joins import join_relus, lend_results
from npslim.fast.kernels import Placed
from npslim.fast.loops import Loop, parts_of
from npslim.fast.quick import with_quick_kernel
from npslim.fast.relu6 import join_relu6_grads
from npslim.fast.sides import put_side_by_side
from npslim.fast.states import gather_states
from npslim.fast.update_steps import block_updates, join_updates
from npslim.plan import KERNELS, Step, kept, set_lifetimes, shape_only_slots, stand_in
from npslim.spec import is_full


@dataclass
class Draft:
    """A plan being rewritten. `loops`: {output slot: Loop} of the steps that became loops; `rough`: see `Placed`."""

    plan: Any
    fetches: tuple
    fed: tuple
    rough: bool = False
    loops: dict = field(default_factory=dict)

    @property
    def keep(self):
        return kept(self.plan, self.fetches, self.fed)

    @property
    def parts(self):
        """All steps, those of sides, too."""
        return [part for step in self.plan.steps for part in step.parts]

    def new_slot(self):
        self.plan.size += 1
        return self.plan.size - 1

    def readers(self):
        """{slot: [steps that read it]}."""
        found = {}
        for step in self.plan.steps:
            for slot in dict.fromkeys(step.inputs):
                found.setdefault(slot, []).append(step)
        return found

    def replace_slots(self, renamed):
        """Let every reader, and every fetch, read `renamed[slot]` instead of `slot`."""
        if renamed:
            for step in self.plan.steps:
                step.inputs = tuple(renamed.get(slot, slot) for slot in step.inputs)
            for tensor, slot in self.plan.slots.items():
                self.plan.slots[tensor] = renamed.get(slot, slot)


def rewrite(plan, fetches, fed, threads=1, rough=False):
    """Run all passes over `plan`. rough: convolutions may take algorithms that lose some digits."""
    draft = Draft(plan, fetches, fed, rough)
    for one in PASSES:
        one(draft)
    if threads > 1:
        put_side_by_side(draft)
    set_lifetimes(plan.steps, draft.keep)
    reuse_buffers(draft)


# ---- fewer steps


def forward_identities(draft):
    """A step that gives its input as it is becomes its input."""
    renamed, steps = {}, []
    for step in draft.plan.steps:
        step.inputs = tuple(renamed.get(slot, slot) for slot in step.inputs)
        if _gives_its_input(step.node):
            renamed[step.outputs[0]] = step.inputs[0]
        else:
            steps.append(step)
    draft.plan.steps[:] = steps
    draft.replace_slots(renamed)


def _gives_its_input(node):
    if node.control_inputs:  # it waits on purpose: `recompute_grad` keeps memory low by that
        return False
    if node.op.name == "sum_to":
        g, like = (t.spec.shape for t in node.inputs)
        return is_full(g) and g == like
    return node.op.name in ("identity", "stop_gradient")


def fold_constants(draft):
    """What depends on nothing but constants and static shapes is computed now; one step gives all of it."""
    known, steps = {}, []
    fed = {draft.plan.slots[t] for t in draft.fed}
    for step in draft.plan.steps:
        values = None if fed.intersection(step.outputs) else _folded(step, known)
        if values is None:
            steps.append(step)
        else:
            known.update(zip(step.outputs, values, strict=True))
    if not known:
        return
    first = next(step for step in draft.plan.steps if step.outputs and step.outputs[0] in known)
    read = {slot for step in steps for slot in step.inputs} | draft.keep
    outputs = tuple(slot for slot in known if slot in read)
    values = tuple(known[slot] for slot in outputs)
    steps.insert(0, Step(first.node, _giving(values), (), outputs, (), rewritten=True))
    draft.plan.steps[:] = steps


def _giving(values):
    def constants():
        return values

    constants.label = "constants"
    return constants


def _folded(step, known):
    """The outputs of a step whose inputs are known, small arrays that cannot be written to; else None."""
    if not pure(step) or not step.outputs:
        return None
    lent = set(shape_only_slots(step))
    inputs = []
    for slot, tensor in zip(step.inputs, step.node.inputs, strict=True):
        if slot in known:
            inputs.append(known[slot])
        elif slot in lent and is_full(tensor.spec.shape) and tensor.spec.dtype != object:
            inputs.append(stand_in(np.broadcast_to(np.zeros((), tensor.spec.dtype), tensor.spec.shape)))
        else:
            return None
    if not all(is_small(t.spec) for t in step.node.outputs):
        return None
    try:
        with np.errstate(all="ignore"):
            result = step.kernel(*inputs)
    except Exception:
        return None  # the run reports it, with the node
    return [_frozen(value) for value in (result if isinstance(result, tuple) else (result,))]


def _frozen(value):
    value = np.asarray(value)
    if value.flags.writeable:
        value = value.copy()
        value.flags.writeable = False
    return value


def merge_equal(draft):
    """Of steps that compute the same from the same inputs, the first alone is run."""
    seen, renamed, steps = {}, {}, []
    for step in draft.plan.steps:
        step.inputs = tuple(renamed.get(slot, slot) for slot in step.inputs)
        key = _key(step)
        if key is None:
            steps.append(step)
        elif key in seen:
            renamed.update(zip(step.outputs, seen[key].outputs, strict=True))
        else:
            seen[key] = step
            steps.append(step)
    draft.plan.steps[:] = steps
    draft.replace_slots(renamed)


def _key(step):
    if not pure(step) or step.rewritten or not step.outputs or step.node.control_inputs:
        return None
    try:
        attrs = tuple((name, type(value), value) for name, value in step.node.attrs.items())
        key = (step.node.op.name, attrs, step.inputs, tuple(t.spec.dtype for t in step.node.outputs))
        hash(key)
    except TypeError:  # an attribute is an array, or a list
        return None
    return key


# ---- fewer passes over memory


def fuse_elementwise(draft):
    """Elementwise steps become loops over blocks; one that feeds a single other is joined to it."""
    readers, keep = draft.readers(), draft.keep
    loops, gone = {}, set()
    for step in draft.plan.steps:
        parts = parts_of(step)
        if parts is None:
            continue
        loop = Loop.of(step, parts)
        for slot in dict.fromkeys(step.inputs):
            made = loops.get(slot)
            if made and slot not in keep and len(readers[slot]) == 1 and loop.can_follow(made):
                gone.add(id(made.step))
                loop = made.followed_by(loop)
                break
        loops[step.outputs[0]] = loop
    loops = {slot: loop for slot, loop in loops.items() if id(loop.step) not in gone}
    draft.loops.update(loops)
    for loop in loops.values():
        loop.step.kernel, loop.step.inputs, loop.step.rewritten = loop.kernel(None), loop.inputs, True
        loop.step.group = tuple(node for *_, node in loop.plain)
    draft.plan.steps[:] = [step for step in draft.plan.steps if id(step) not in gone]


def place_kernels(draft):
    """Steps that have a fast kernel of their own get it; it puts its result into a buffer of the arena.

    Not where a variable may take the result over, as those of initializers are.
    """
    own = OF_INITIALIZERS if any(step.node.op.name == "assign" for step in draft.plan.steps) else ()
    for step in draft.plan.steps:
        if getattr(step.kernel, "label", None) is not None or step.node.op.name in own:
            continue
        placed = Placed.of(step, draft.rough)
        if placed is not None:
            draft.loops[step.outputs[0]] = placed


OF_INITIALIZERS = {"fill", "zeros_like", "ones_like", "standard_uniform"}
PASSES = [
    forward_identities, fold_constants, merge_equal, lend_results, join_relus, join_cross_entropy, join_updates,
    merge_branches, fold_norms, join_relu6_grads, fuse_elementwise, place_kernels, block_updates, gather_states,
]  # fmt: skip


def rewrite_roughly(plan, fetches, fed, threads=1):
    """`rewrite`, with convolutions that lose some digits."""
    rewrite(plan, fetches, fed, threads, rough=True)


KERNELS.setdefault("fast", with_quick_kernel)
KERNELS.setdefault("rough", with_quick_kernel)
