"""A batch norm with given moments is part of the convolution before it.

    conv(x, w) normalized = conv(x, w * rate) + (offset - mean * rate),   where rate = scale / sqrt(variance + epsilon)

A filter that is small beside the output takes the rate, in each run anew, and the sums need but a shift. Else the rate,
shift and relu are one pass over the sums, in their own memory. Nobody else may read those.

before: joins.py   next: rewrite.py
"""

import math

import numpy as np

from npslim.fast import batch_norm
from npslim.fast.arena import take
from npslim.fast.kernels import FAST, Placed
from npslim.fast.tiles import rows

CONVOLUTIONS = ("conv2d", "depthwise_conv2d_native")
LARGE = 2  # times as many elements as the filter must the output have


def fold_norms(draft):
    """Convolutions that only a batch norm with given moments reads become one step with it, and with its relu."""
    readers, keep, made, gone = draft.readers(), draft.keep, {}, set()
    steps = draft.plan.steps
    for number, step in enumerate(steps):
        slot = step.inputs[0] if step.inputs else None
        at = made.get(slot)
        if at is not None and len(readers[slot]) == 1 and slot not in keep and _fits(steps[at], step):
            conv = steps[at]
            if not any(other.cells for other in steps[at:number]):  # no variable gets another value between them
                _fold(draft, conv, step)
                gone.add(id(conv))
        made.update(dict.fromkeys(step.outputs, number))
    steps[:] = [step for step in steps if id(step) not in gone]


def _fits(conv, norm):
    if conv.node.op.name not in CONVOLUTIONS or norm.node.op.name != "fused_batch_norm" or conv.rewritten:
        return False
    attrs, known = norm.node.attrs, {conv.node.op.name, norm.node.op.name} <= FAST.keys()
    last = all((node.attrs.get("data_format") or "NHWC") == "NHWC" for node in (conv.node, norm.node))
    return known and last and not attrs.get("is_training", True) and norm.node.outputs[0].spec.dtype.char in "fd"


def _fold(draft, conv, norm):
    relu, convolve, normalize = norm.rewritten, conv.kernel, norm.kernel
    before = draft.loops[norm.outputs[0]].plain if relu else normalize
    placed = Placed.of(conv, draft.rough)

    def plain(x, w, *others):
        return before(convolve(x, w), *others)

    shape = norm.node.outputs[0].spec.shape
    size = 0 if shape is None or None in shape[1:] else math.prod(shape[1:])
    kernel = _folded(placed, norm.node.attrs.get("epsilon", 1e-3), relu, size)
    inputs = (*conv.inputs, *norm.inputs[1:])
    joined = Placed(norm, inputs, kernel, {}, plain, given=len(inputs))
    norm.group = (conv.node, *(norm.group or (norm.node,)))
    norm.inputs, norm.kernel, norm.rewritten = inputs, joined.kernel(None), True
    draft.loops[norm.outputs[0]] = joined


def _folded(placed, epsilon, relu, size):
    """The kernel of a convolution and what follows it, `size` elements for an image; its name tells what it does."""
    convolve, attrs = placed.fast, placed.called_with()

    def folded(arena, x, w, scale, offset, mean, variance):
        rate = scale / np.sqrt(variance + epsilon)
        small, filters = w.size * LARGE <= len(x) * size, w
        if small:
            filters = take(arena, w.shape, w.dtype)
            np.multiply(w, rate if rate.size == w.shape[3] else rate.reshape(w.shape[2:]), out=filters)
        y = convolve(arena, x, filters, **attrs)
        if small:
            arena.give(filters)
        if y is None:
            return None
        batch_norm.rescale(rows(y), None if small else rate, offset - mean * rate, relu)
        return y, mean.copy(), variance.copy()

    folded.__name__ = f"{convolve.__name__}{placed.algorithm()} with batch norm" + " and relu" * relu
    return folded
