"""Softmax cross entropy, and its gradient, with one pass over the logits: the losses and the shares that softmax gives.

Exponentials and sums are those of the plain kernels, in their order: the same bits. Where a loss is not finite, and
where labels, logits or their layout are unusual, the plain kernels do it.
"""

import math

import numpy as np

from npslim.fast.arena import scratch, take
from npslim.fast.kernels import Placed
from npslim.fast.tiles import halves, stretches
from npslim.fast.workers import each

BLOCK = 1 << 15  # elements: 128 KB of float32
LONG, NARROW, ROWS = 1 << 17, 16, 1 << 10  # elements of a gradient's part; the least that a row counts; rows at once
_total = np.add.reduce


def softmax_cross_entropy(arena, labels, logits):
    """(softmax(logits), the losses by `ops.softmax.softmax_cross_entropy_with_logits`)."""
    if labels.shape != logits.shape or labels.dtype != logits.dtype or not labels.flags.c_contiguous:
        return None

    def loss(rows, beside, x):
        np.subtract(beside, x, out=x)
        return _total(np.multiply(labels.reshape(-1, x.shape[1])[rows], x, out=x), axis=1)

    return _with_shares(arena, logits, loss)


def sparse_softmax_cross_entropy(arena, labels, logits):
    """(softmax(logits), the losses by `ops.softmax.sparse_softmax_cross_entropy_with_logits`)."""
    if labels.shape != logits.shape[:-1] or not labels.size or labels.min() < 0 or labels.max() >= logits.shape[-1]:
        return None
    numbers = labels.reshape(-1)

    def loss(rows, beside, x):
        return beside[:, 0] - x[np.arange(len(x)), numbers[rows]]

    return _with_shares(arena, logits, loss)


def _with_shares(arena, logits, loss):
    """The shares and the losses; `loss(rows, beside, x)` of some rows of the logits without their largest, `x`.

    beside: the logarithm of the sum of their exponentials.
    """
    if logits.dtype.char not in "fd" or not logits.size or not logits.flags.c_contiguous:
        return None
    shares = arena.take(logits.shape, logits.dtype, logits.size)
    losses = take(arena, logits.shape[:-1], logits.dtype)
    flat, e, k = _flat(logits), _flat(shares), logits.shape[-1]
    step = max(1, min(BLOCK // k, ROWS))
    places = losses.reshape(-1)

    def some(stretch):
        for start in range(stretch.start, stretch.stop, step):
            rows = slice(start, min(stretch.stop, start + step))
            places[rows] = _block(rows, flat[rows], e[rows], loss)

    if len(flat) <= step:
        places[:] = _block(slice(None), flat, e, loss)
    else:
        each(some, stretches(len(flat), 2 * step))
    if not math.isfinite(_total(places, axis=0)):
        arena.give(shares)
        arena.give(losses)
        return None
    return shares, losses


def _block(rows, logits, e, loss):
    """The losses of some rows, whose shares are put into `e`."""
    count, shape, dtype = logits.size, logits.shape, logits.dtype
    x = scratch(0, count, dtype).reshape(shape)
    np.subtract(logits, np.maximum.reduce(logits, axis=1, keepdims=True), out=x)
    np.exp(x, out=e)
    others = np.sign(x, out=scratch(1, count, dtype).reshape(shape))  # -1, but 0 for all that are the largest
    more = shape[1] - 1 + _total(others, axis=1, keepdims=True)
    np.multiply(e, others, out=others)
    below = _total(others, axis=1, keepdims=True)
    np.divide(e, _total(e, axis=1, keepdims=True), out=e)
    return loss(rows, np.log1p(more - below), x)


def softmax_cross_entropy_grad(arena, shares, labels, g):
    """`g * (shares * the labels' sum - labels)`, `g` and the sum with one element a row."""
    if not _alike(shares, g) or labels.shape != shares.shape or labels.dtype != shares.dtype:
        return None

    def one(part, out):
        np.multiply(shares_of[part], _total(labels_of[part], axis=1, keepdims=True), out=out)
        np.subtract(out, labels_of[part], out=out)
        np.multiply(g_of[part], out, out=out)

    shares_of, labels_of, g_of = _flat(shares), _flat(labels), g.reshape(-1, 1)
    return _by_rows(one, take(arena, shares.shape, shares.dtype))


def sparse_softmax_cross_entropy_grad(arena, shares, labels, g):
    """`g * shares`, less `g` at the label."""
    if not _alike(shares, g) or labels.shape != shares.shape[:-1] or not math.isfinite(g.sum()):
        return None

    def one(part, out):
        np.multiply(g_of[part], shares_of[part], out=out)
        for start in range(0, len(out), ROWS):
            some = slice(start, start + ROWS)
            out[some][np.arange(len(out[some])), numbers[part][some]] -= g_of[part][some, 0]

    shares_of, g_of, numbers = _flat(shares), g.reshape(-1, 1), labels.reshape(-1)
    return _by_rows(one, take(arena, shares.shape, shares.dtype))


def _by_rows(work, out):
    """`work(part, rows of the result)` for parts of the rows; the result."""
    target = _flat(out)
    each(lambda part: work(part, target[part]), halves(len(target), max(1, LONG // max(NARROW, out.shape[-1]))))
    return out


def _flat(x):
    return x.reshape(-1, x.shape[-1])


def _alike(shares, g):
    return shares.dtype == g.dtype and g.shape == (*shares.shape[:-1], 1) and shares.dtype.char in "fd"


# ---- where they stand in a plan


def join_cross_entropy(draft):
    """A cross entropy beside a softmax of the same logits gives both; the steps of its gradient become one."""
    readers, made = draft.readers(), {slot: step for step in draft.plan.steps for slot in step.outputs}
    place, gone = {id(step): i for i, step in enumerate(draft.plan.steps)}, set()

    def fits(softmax, step):
        """True if it is still there, and nobody reads its shares before the step."""
        if not _is(softmax, "softmax", axis=-1) or id(softmax) in gone:
            return False
        return all(place[id(reader)] > place[id(step)] for reader in readers.get(softmax.outputs[0], ()))

    for step in draft.plan.steps:
        kernels = KERNELS.get(step.node.op.name)
        if kernels is None or step.rewritten or not _along_last(step):
            continue
        softmax = next((other for other in readers[step.inputs[1]] if fits(other, step)), None)
        if softmax is None:
            continue
        gone.add(id(softmax))
        forward, backward, chain_of = kernels
        chain = chain_of(step.inputs[0], softmax, _Readers(draft, readers, made))
        _put(draft, step, forward, step.inputs, _both(softmax.kernel, step.kernel), (step, softmax))
        step.outputs = (softmax.outputs[0], *step.outputs)
        draft.loops[step.outputs[0]] = draft.loops.pop(step.outputs[1])
        if chain is not None:
            *others, last, g = chain
            gone.update(id(other) for other in others)
            inputs = (softmax.outputs[0], step.inputs[0], g)
            _put(draft, last, backward, inputs, PLAIN[backward], (*others, last))
    draft.plan.steps[:] = [step for step in draft.plan.steps if id(step) not in gone]


def _put(draft, step, fast, inputs, plain, group):
    """Let `step` be computed by the kernel `fast`, or by `plain` of the same inputs."""
    step.group = tuple(one.node for one in group)
    placed = Placed(step, inputs, fast, {}, plain, len(inputs))
    step.inputs, step.kernel, step.rewritten = inputs, placed.kernel(None), True
    draft.loops[step.outputs[0]] = placed


def _both(softmax, losses):
    def plain(labels, logits):
        return softmax(logits), losses(labels, logits)

    return plain


def _is(step, name, **attrs):
    given = step.node.attrs
    return step.node.op.name == name and not step.rewritten and all(given.get(k) == v for k, v in attrs.items())


def _along_last(step):
    shape = step.node.inputs[1].spec.shape
    return step.node.attrs.get("axis", -1) in (-1, shape and len(shape) - 1)


class _Readers:
    """Who reads a slot that nobody else reads, and who made one."""

    def __init__(self, draft, readers, made):
        self.keep, self.readers, self.made = draft.keep, readers, made

    def only(self, step, name):
        """The step of that name that is the only one to read the output of `step`, or None."""
        slot = step.outputs[0] if step is not None else None
        found = self.readers.get(slot, ())
        return found[0] if len(found) == 1 and slot not in self.keep and _is(found[0], name) else None

    def other(self, step, slot):
        """What a step of two inputs reads beside `slot`."""
        return step.inputs[step.inputs[0] == slot]


def _chain(labels, softmax, find):
    """The steps of g * (softmax * sum(labels) - labels), the sum's if nobody else reads it, and the slot of g."""
    scaled = find.only(softmax, "multiply")
    less = find.only(scaled, "subtract")
    last = find.only(less, "multiply")
    if last is None or less.inputs != (scaled.outputs[0], labels):
        return None
    total = find.made.get(find.other(scaled, softmax.outputs[0]))
    if total is None or not _is(total, "reduce_sum", axis=-1, keepdims=True) or total.inputs != (labels,):
        return None
    alone = [total] if find.only(total, "multiply") is scaled else []
    return (*alone, scaled, less, last, find.other(last, less.outputs[0]))


def _sparse_chain(labels, softmax, find):
    """The steps of expand_dims(g) * softmax - put_along_last(g, labels), and the slot of the expanded g."""
    scaled = find.only(softmax, "multiply")
    last = find.only(scaled, "subtract")
    if last is None or last.inputs[0] != scaled.outputs[0]:
        return None
    g = find.other(scaled, softmax.outputs[0])
    at_label, expanded = find.made.get(last.inputs[1]), find.made.get(g)
    if at_label is None or find.only(at_label, "subtract") is not last or not _is(at_label, "put_along_last"):
        return None
    if expanded is None or not _is(expanded, "expand_dims", axis=-1):
        return None
    return (scaled, at_label, last, g) if at_label.inputs[:2] == (expanded.inputs[0], labels) else None


def _plain_grad(shares, labels, g):
    return g * (shares * labels.sum(axis=-1, keepdims=True) - labels)


def _plain_sparse_grad(shares, labels, g):
    return g * shares - (labels[..., None] == np.arange(shares.shape[-1])) * g


KERNELS = {
    "softmax_cross_entropy_with_logits": (softmax_cross_entropy, softmax_cross_entropy_grad, _chain),
    "sparse_softmax_cross_entropy_with_logits": (
        sparse_softmax_cross_entropy, sparse_softmax_cross_entropy_grad, _sparse_chain,
    ),
}  # fmt: skip
PLAIN = {softmax_cross_entropy_grad: _plain_grad, sparse_softmax_cross_entropy_grad: _plain_sparse_grad}
