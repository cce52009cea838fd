"""Optimizers' updates in a plan: with the gradient that nobody else reads as one step, in place, small ones together.

before: update.py   next: rewrite.py
"""

import itertools
import math

import numpy as np

from npslim.fast.buffers import is_small
from npslim.fast.convolutions import convolution
from npslim.fast.update import NOTHING, SMALL, UPDATES, blocked, by_product, joined, new, reserving, writable
from npslim.plan import Step
from npslim.spec import is_full

USUAL_BATCH, SMALLEST_PRODUCT = 128, 1 << 14


def join_updates(draft):
    """A gradient that is a product and read by an update alone is not formed: the update takes its factors."""
    readers, keep, made, gone = draft.readers(), draft.keep, {}, set()
    for step in draft.plan.steps:
        slot = step.inputs[-1] if step.node.op.name in UPDATES else None
        grad = made.get(slot)
        if grad is not None and len(readers[slot]) == 1 and slot not in keep:
            factors = _factors(grad)
            if factors is not None:
                gone.add(id(grad))
                step.inputs, step.rewritten = (*step.inputs[:-1], *factors), True
                step.group = (grad.node, step.node)
        made.update(dict.fromkeys(step.outputs, step))
    draft.plan.steps[:] = [step for step in draft.plan.steps if id(step) not in gone]


def _factors(grad):
    """The slots of x and g if the step gives x^T g and that is larger than both, else None."""
    node = grad.node
    if grad.rewritten or node.op.name not in ("matmul", "conv2d_backprop_filter"):
        return None
    if node.outputs[0].spec.dtype.char not in "fd":
        return None
    x, g, product = (t.spec.shape for t in (node.inputs[0], node.inputs[-1], node.outputs[0]))
    if node.op.name == "matmul":
        right = node.attrs["transpose_a"] and not node.attrs["transpose_b"] and x is not None and len(x) == 2
    else:
        conv = convolution(grad)
        right = conv is not None and conv.algorithm == "dense"
    if not right or product is None or None in (*product, *x[1:], *g[1:]):
        return None
    images = x[0] or USUAL_BATCH
    small = images * (np.prod(x[1:]) + np.prod(g[1:])) < np.prod(product)
    return (grad.inputs[0], grad.inputs[-1]) if small and np.prod(product) >= SMALLEST_PRODUCT else None


def block_updates(draft):
    """Optimizers' updates go block by block, in place if nothing that needs much memory comes after them.

    For a run that finds no memory leaves all variables as they were, and what was written over is lost. Before the
    first of those in place, all gradients must be there: then the memory is reserved that depends on how these lie.
    """
    steps = draft.plan.steps
    _small_ones_last(steps)
    last, latest, made = True, -1, {slot: i for i, step in enumerate(steps) for slot in step.outputs}
    for i, step in reversed(list(enumerate(steps))):
        if step.node.op.name in UPDATES:
            last = last and i > latest
            latest = max(latest, *(made.get(slot, -1) for slot in _operands(step)))
            block_update, cells = UPDATES[step.node.op.name]
            if not _is_tiny(step):
                build, writes_to = joined if step.rewritten else blocked, writable if last else new
                step.kernel = build(block_update, step.kernel, cells, step.node.attrs, writes_to)
            step.cells = () if last else step.cells
        else:
            last = last and all(is_small(t.spec) for t in step.node.outputs)
    _reserve(draft)


def _operands(step):
    """The slots of an update's gradient, or of its two factors."""
    return step.inputs[-2:] if step.rewritten else step.inputs[-1:]


def _reserve(draft):
    """Before the first update in place: all memory that any of them takes."""
    steps = draft.plan.steps
    found = [step for step in steps if step.node.op.name in UPDATES and not _is_tiny(step)]
    slot, inputs, updates = draft.new_slot(), [], []
    for step in found:
        if step.cells:  # not in place
            step.kernel = _without_spares(step.kernel)
            continue
        cells, product = UPDATES[step.node.op.name][1], step.rewritten
        updates.append((len(inputs), cells, product, product and not _without_desks(step)))
        inputs += [*step.inputs[:cells], *_operands(step)]
        step.inputs = (slot, *step.inputs)
    if updates:
        first = next(i for i, step in enumerate(steps) if step.node.op.name in UPDATES and not step.cells)
        steps.insert(first, Step(steps[first].node, reserving(updates), tuple(inputs), (slot,), (), rewritten=True))


def _without_spares(kernel):
    def update(*inputs):
        return kernel(NOTHING, *inputs)

    update.label = kernel.label
    return update


def _without_desks(step):
    return by_product(UPDATES[step.node.op.name][0], step.node.attrs) is not None


def takes_no_memory(step):
    """True if the step is an update in place that takes hardly any memory, on whatever thread it runs."""
    if step.node.op.name not in UPDATES or step.cells or not (step.group or not step.rewritten):
        return False
    return _is_tiny(step) or (step.rewritten and _without_desks(step))


def _is_tiny(step):
    shape, cells = step.node.outputs[0].spec.shape, UPDATES[step.node.op.name][1]
    return is_full(shape) and math.prod(shape) * cells < SMALL


def _small_ones_last(steps):
    """Of updates that follow each other, the small ones come last: then their code is in cache from one to the next."""

    def is_update(step):
        return step.node.op.name in UPDATES

    def comes_last(step):
        if not is_update(step) or not read.isdisjoint(step.outputs):  # what another one reads comes before it
            return False
        return is_small(step.node.outputs[0].spec)

    read = {slot for step in steps if is_update(step) for slot in step.inputs}
    steps[:] = [step for _, some in itertools.groupby(steps, is_update) for step in sorted(some, key=comes_last)]
