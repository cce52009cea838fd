"""A relu and its neighbour as one step: fewer passes over memory.

Behind a batch norm, the relu runs over each block of the result while it is in cache. Before the batch norm's gradient,
the relu's cuts the cotangent block by block, and behind that of maximum pooling it does so where there is less of it.

before: kernels.py   next: rewrite.py
"""

from npslim.fast import kernels
from npslim.fast.kernels import Placed, lend


def lend_results(draft):
    """Gradients that need what their forward step has left read that, too."""
    forwards = {}
    for step in draft.plan.steps:
        step.inputs = lend(step, forwards)
        if step.inputs and not step.rewritten:
            forwards[step.node.op.name, step.inputs[0]] = step


def join_relus(draft):
    """A relu is part of the batch norm before it, its gradient of the batch norm's, or of maximum pooling's."""
    readers, keep, made, gone = draft.readers(), draft.keep, {}, set()
    for step in draft.plan.steps:
        slot = step.inputs[0] if step.inputs else None
        before = made.get(slot)
        join = JOINS.get((before.node.op.name, step.node.op.name)) if before is not None else None
        if join and before.outputs[0] == slot and len(readers[slot]) == 1 and slot not in keep:
            placed = join(before, step) if _can_be_joined(before) and _can_be_joined(step) else None
            if placed is not None:
                left = placed.step
                left.inputs, left.kernel, left.rewritten = placed.inputs, placed.kernel(None), True
                left.group = (before.node, step.node)
                draft.loops[left.outputs[0]] = placed
                gone.add(id(step if left is before else before))
        made.update(dict.fromkeys(step.outputs, step))
    draft.plan.steps[:] = [step for step in draft.plan.steps if id(step) not in gone]


def _can_be_joined(step):
    known = step.node.op.name in kernels.FAST or step.node.op.name in ("relu", "relu_grad")
    return known and not step.rewritten and step.node.outputs[0].spec.dtype.char in "fd"


def _norm_and_relu(norm, relu):
    normalize, cut = norm.kernel, relu.kernel

    def plain(*inputs):
        y, *moments = normalize(*inputs)
        return cut(y), *moments

    norm.outputs = (*relu.outputs, *norm.outputs[1:])
    return Placed(norm, norm.inputs, kernels.fused_batch_norm_relu, norm.node.attrs, plain)


def _relu_and_norm_grad(relu, norm):
    cut, spread = relu.kernel, norm.kernel

    def plain(g, y, x, scale):
        return spread(cut(g, y), x, scale)

    inputs = (*relu.inputs, *norm.inputs[1:])
    return Placed(norm, inputs, kernels.relu_fused_batch_norm_grad, norm.node.attrs, plain, given=4)


def _pool_and_relu_grad(pool, relu):
    y, _, *maxima = pool.inputs
    if not maxima or relu.inputs[1] != y:
        return None
    cut, spread = relu.kernel, pool.kernel

    def plain(y, g):
        return cut(spread(y, g), y)

    return Placed(relu, pool.inputs, kernels.relu_max_pool2d_grad, pool.node.attrs, plain)


JOINS = {
    ("fused_batch_norm", "relu"): _norm_and_relu,
    ("relu_grad", "fused_batch_norm_grad"): _relu_and_norm_grad,
    ("max_pool2d_grad", "relu_grad"): _pool_and_relu_grad,
}
