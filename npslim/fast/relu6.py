"""The gradient of relu6 as one loop: two comparisons, what they have in common and a choice take four arrays.

before: loops.py   next: rewrite.py
"""

import numpy as np

from npslim.fast.functions import where_inside
from npslim.fast.loops import Loop, is_worth_it


def join_relu6_grads(draft):
    """`where((x > 0) & (x < 6), g, 0)` becomes one step, if nobody else reads what is between."""
    readers, keep = draft.readers(), draft.keep
    made = {slot: step for step in draft.plan.steps for slot in step.outputs}
    fed, gone = {draft.plan.slots[t] for t in draft.fed}, set()

    def only(slot, name):
        """The step of that name that makes what is in the slot, if one other alone reads it."""
        step = made.get(slot)
        alone = step is not None and len(readers[slot]) == 1 and slot not in keep
        return step if alone and _is(step, name) else None

    def compared(step, name, number):
        """The comparison of something with a number that is an input of `step`."""
        steps = [only(slot, name) for slot in step.inputs]
        return next((s for s in steps if s is not None and _is_constant(s, 1, number, fed)), None)

    for step in draft.plan.steps:
        both = only(step.inputs[0], "logical_and") if _is(step, "where_v2") else None
        if both is None or not _is_constant(step, 2, 0, fed):
            continue
        above, below = compared(both, "greater", 0), compared(both, "less", 6)
        if above is None or below is None or above.inputs[0] != below.inputs[0]:
            continue
        x, g, y = above.node.inputs[0].spec, step.node.inputs[1].spec, step.node.outputs[0].spec
        if is_worth_it(y) and x.shape == g.shape == y.shape and x.dtype == y.dtype:
            _put(draft, step, (step.inputs[1], above.inputs[0]), (above.node, below.node, both.node, step.node))
            gone.update(id(one) for one in (above, below, both))
    draft.plan.steps[:] = [step for step in draft.plan.steps if id(step) not in gone]


def _is(step, name):
    return step.node.op.name == name and not step.rewritten


def _is_constant(step, place, number, fed):
    """True if an input of the step is the constant `number`, unless it is fed."""
    node = step.node.inputs[place].op
    given = node.op.name == "constant" and step.inputs[place] not in fed
    return given and np.ndim(node.attrs["value"]) == 0 and node.attrs["value"] == number


def _put(draft, step, inputs, group):
    plain = [(_plain, inputs, step.outputs[0], step.node)]
    loop = Loop(step, step.node.outputs[0].spec, [(where_inside, inputs)], inputs, ("whole", "whole"), plain)
    draft.loops[step.outputs[0]] = loop
    step.kernel, step.inputs, step.rewritten, step.group = loop.kernel(None), inputs, True, group


def _plain(g, x):
    return np.where((x > 0) & (x < 6), g, g.dtype.type(0))
