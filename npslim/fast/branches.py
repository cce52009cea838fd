"""The gradients by one input of several convolutions by 1x1, as inception's branches begin, summed by one product.

Filters and cotangents are laid side by side, a part of the places at a time: then BLAS adds the gradients up, has
enough terms to be quick, and no gradient of a single branch is formed.

before: kernels.py   next: rewrite.py
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from npslim.fast.arena import scratch, take
from npslim.fast.blas import product
from npslim.fast.convolutions import convolution
from npslim.fast.tiles import rows
from npslim.fast.workers import each
from npslim.plan import Step

PLACES, CHANNELS = 256, 128  # the least for which that pays
PART, BAND = 1 << 19, 128  # elements that lie side by side, and rows at the least


@dataclass
class Branches:
    """The kernel of such a sum. `inputs`: the slots of `count` filters, of as many cotangents, and of other terms."""

    inputs: tuple
    count: int

    def used_first(self, slot):
        """False: what it reads cannot be written over."""
        return False

    def kernel(self, place, take=False):
        """The function of an arena and the inputs' arrays."""

        def merged(arena, *inputs):
            return sum_by_input(self.count, arena, *inputs)

        merged.label = f"fast sum by input of {self.count} branches"
        return merged


def merge_branches(draft):
    """Where gradients by an input are added up, those of convolutions by 1x1 are one product."""
    made, readers, keep, gone = {}, draft.readers(), draft.keep, set()
    steps = draft.plan.steps
    for i, step in enumerate(steps):
        if step.node.op.name == "add_n" and not step.rewritten:
            once = [slot for slot in step.inputs if step.inputs.count(slot) == 1 and len(readers[slot]) == 1]
            group = [made[slot] for slot in once if slot in made and slot not in keep]
            if len(group) > 1:
                gone.update(map(id, group))
                steps[i] = _summed(draft, step, group)
        elif _is_branch(step):
            made[step.outputs[0]] = step
    steps[:] = [step for step in steps if id(step) not in gone]


def _is_branch(step):
    if step.node.op.name != "conv2d_backprop_input" or step.rewritten or step.node.control_inputs:
        return False
    conv = convolution(step)
    if conv is None or conv.algorithm != "product" or step.node.outputs[0].spec.dtype.char not in "fd":
        return False
    return conv.places >= PLACES and conv.channels >= CHANNELS


def _summed(draft, total, group):
    """The step that gives the sum `total`."""
    gone = {step.outputs[0] for step in group}
    filters, cotangents = ([step.inputs[i] for step in group] for i in (1, 2))
    inputs = (*filters, *cotangents, *(slot for slot in total.inputs if slot not in gone))
    branches = draft.loops[total.outputs[0]] = Branches(inputs, len(group))
    nodes = (*(step.node for step in group), total.node)
    return Step(total.node, branches.kernel(None), inputs, total.outputs, (), rewritten=True, group=nodes)


def sum_by_input(count, arena, *given):
    """The gradients by the input for `count` filters `[1, 1, c, o]` and their cotangents, and other terms, added up."""
    filters, cotangents, rest = given[:count], given[count : 2 * count], given[2 * count :]
    matrix, g = side_by_side([w[0, 0] for w in filters], 5), cotangents[0]
    x = take(arena, (*g.shape[:-1], filters[0].shape[2]), g.dtype)

    def one(part):
        target = rows(x)[part]
        for other in rest[:1]:
            target[...] = rows(other)[part]
        for other in rest[1:]:
            np.add(target, rows(other)[part], out=target)
        product(side_by_side([rows(g)[part] for g in cotangents], 6), matrix.T, target, add=float(bool(rest)))

    each(one, parts(g.size // g.shape[-1], matrix.shape[1]))
    return x


def side_by_side(matrices, number):
    """One matrix of the columns of all, in this thread's working array `number`."""
    ends, count = list(accumulate(matrix.shape[1] for matrix in matrices)), len(matrices[0])
    together = scratch(number, count * ends[-1], matrices[0].dtype).reshape(count, -1)
    for matrix, end in zip(matrices, ends, strict=True):
        np.copyto(together[:, end - matrix.shape[1] : end], matrix)
    return together


def parts(places, width):
    """Slices of places, of about PART elements where rows have `width`; two at the least if there is enough."""
    step = max(BAND, min(PART // width, -(-places // 2)))
    return [slice(start, min(places, start + step)) for start in range(0, places, step)]
