"""PLAN. Which nodes a run needs, in which order, when each value is dropped, and which kernel runs it.

The graph's order of definition is a running order, so a plan is a filter of the graph's list. Values live in numbered
slots of a list that the run owns. A value is dropped after the last step that reads it; where later steps read only its
shape, it fades to a stand-in that takes no memory.

before: ops/elementwise.py   next: cells.py
"""

import functools
from dataclasses import dataclass

import numpy as np

from npslim.backend import array_module, to_device, to_host, together
from npslim.dtypes import as_dtype
from npslim.errors import InvalidArgumentError
from npslim.flops import node_flops, show_count
from npslim.graph import needed
from npslim.shown import Shown
from npslim.spec import show_shape


@dataclass(slots=True)
class Step:
    """One node of a plan: call `kernel` with the values in slots `inputs`, put what it returns into `outputs`."""

    node: object
    kernel: object
    inputs: tuple
    outputs: tuple
    context: tuple  # what else the kernel takes, of "run", "rng" and "node"
    fade: tuple = ()  # slots whose value only lends its shape from here on
    drop: tuple = ()  # slots that no later step reads
    rewritten: bool = False  # its kernel and inputs are no longer those of the node's op
    group: tuple = ()  # the nodes that a rewritten step computes, in order
    cells: tuple = ()  # slots of the state that it may give another value
    sides: tuple = ()  # lists of steps that `kernel` may run side by side, instead of a node of its own

    @property
    def nodes(self):
        """The nodes that the step computes."""
        if self.sides:
            return tuple(node for part in self.parts for node in part.nodes)
        return self.group or (() if self.rewritten else (self.node,))

    @property
    def parts(self):
        """The steps of its sides one after the other, or the step itself."""
        return [step for side in self.sides for step in side] or [self]

    @property
    def flops(self):
        """Floating-point operations, by what is known of the shapes; None where that is not enough."""
        total = 0
        for node in self.nodes:
            count = node_flops(node)
            if count is None:
                return None
            total += count
        return total


@dataclass(slots=True)
class Plan(Shown):
    """Steps in order; `slots` maps a tensor to its place among a run's values."""

    steps: list
    slots: dict
    size: int

    def describe(self):
        """The sums; one line a step: index, name, op, output, operations, kernel, what it fuses, fades and drops."""
        names = {slot: tensor.name for tensor, slot in reversed(self.slots.items())}
        lines = [f"{'':5s}  {'name':40s} {'op':20s} {'output':24s} {'FLOPs':>7s}  kernel ({self._sums()})"]
        for step in self.steps:
            if step.sides:
                first, *others = (len(side) for side in step.sides)
                beside = " and ".join(f"the {number} after them" for number in others)
                lines.append(f"{'':5s}  the next {first} steps side by side with {beside}" + _ends(step, names))
            lines += [_line(part) + _ends(part, names) for part in step.parts]
        return "\n".join(lines)

    def _sums(self):
        """How many steps and operations."""
        counts = [part.flops for step in self.steps for part in step.parts]
        unknown = sum(count is None for count in counts)
        total = show_count(sum(count or 0 for count in counts))
        text = f"{len(counts)} steps, {total} FLOPs"
        return text + (f", and those of {unknown} steps of unknown shapes" if unknown else "")


def _line(step):
    """What `describe` says of a step of one node."""
    node = step.node
    outputs = " ".join(f"{as_dtype(t.spec.dtype).name} {show_shape(t.spec.shape)}" for t in node.outputs) or "-"
    kernel = getattr(step.kernel, "label", "plain")
    count = show_count(step.flops) if step.nodes else "-"
    line = f"{node.index:5d}  {node.name:40s} {node.type:20s} {outputs:24s} {count:>7s}  {kernel}"
    return line + ("  fuses " + ", ".join(node.name for node in step.group) if len(step.group) > 1 else "")


def _ends(step, names):
    """Which values fade and are dropped after a step."""
    found = (("fades", step.fade), ("drops", step.drop))
    return "".join(f"  {word} " + ", ".join(names.get(s, "an arena") for s in slots) for word, slots in found if slots)


def make_plan(fetches, fed=(), kernels="plain", device="cpu", threads=1):
    """The plan that computes `fetches` (tensors and nodes) when the tensors `fed` are given.

    `kernels`: a name in `KERNELS`. `device`: "cpu" or "gpu". `threads`: how many a run will have.
    """
    nodes = needed(fetches, fed)
    slots = {}
    for tensor in (*fed, *(t for node in nodes for t in node.outputs)):
        slots.setdefault(tensor, len(slots))
    steps = []
    for node in nodes:
        inputs, outputs = tuple(slots[t] for t in node.inputs), tuple(slots[t] for t in node.outputs)
        changed = () if node.op.only_reads else node.op.refs
        cells = tuple(slot for i, slot in enumerate(inputs) if node.op.parameter(i) in changed)
        steps.append(Step(node, bind(node, kernels, device), inputs, outputs, node.op.context, cells=cells))
    plan = Plan(steps, slots, len(slots))
    if device == "cpu" and kernels in REWRITES:
        REWRITES[kernels](plan, fetches, fed, threads)
    else:
        set_lifetimes(plan.steps, kept(plan, fetches, fed))
    return plan


def kept(plan, fetches, fed):
    """The slots whose values must last: what is fetched and what was fed."""
    return {plan.slots[f] for f in fetches if f in plan.slots} | {plan.slots[t] for t in fed}


def set_lifetimes(steps, keep):
    """Walk back, so that the first reader met is the last one to run."""
    for step in steps:
        step.fade = step.drop = ()
    dropped, read = set(keep), set(keep)
    for step in reversed(steps):
        lends = set(shape_only_slots(step))
        reads = set(step.inputs) - lends
        step.drop = tuple(dict.fromkeys(s for s in (*step.inputs, *step.outputs) if s not in dropped))
        dropped.update(step.drop)
        step.fade = tuple(s for s in sorted(reads - read) if s not in step.drop)
        read |= reads
    # a value that is never read, only measured, fades as soon as it is made
    for step in steps:
        step.fade += tuple(s for s in step.outputs if s not in read and s not in step.drop)


def shape_only_slots(step):
    """The slots of which a step reads only shape and dtype."""
    if step.sides:
        read = {slot for part in step.parts for slot in set(part.inputs).difference(shape_only_slots(part))}
        yield from (slot for slot in step.inputs if slot not in read)
        return
    op = step.node.op
    if step.rewritten or not op.shape_only:
        return
    read = {slot for i, slot in enumerate(step.inputs) if op.parameter(i) not in op.shape_only}
    for i, slot in enumerate(step.inputs):
        if op.parameter(i) in op.shape_only and slot not in read:
            yield slot


def stand_in(value):
    """An array of the same shape and dtype as `value` that takes no memory."""
    module = array_module(value)
    return module.broadcast_to(module.zeros((), value.dtype), value.shape)


# ---- kernels


def bind(node, kernels="plain", device="cpu"):
    """The function that computes `node`: its op's kernel with the attributes filled in."""
    kernel = functools.partial(node.op.kernel, **node.attrs) if node.attrs else node.op.kernel
    kernel = KERNELS[kernels](kernel, node)
    return kernel if device == "cpu" else placed(kernel, node.op)


def plain(kernel, node):
    """The textbook's kernel as it is."""
    return kernel


def reference(kernel, node):
    """The kernel in float64, its result rounded once: bits that depend neither on threads nor on the batch."""
    dtypes = [t.spec.dtype for t in node.outputs]
    if node.op.refs or node.op.exact or not any(d.kind in "fc" and d.itemsize < 16 for d in dtypes):
        return kernel

    def in_float64(*inputs, **context):
        result = kernel(*(widened(x) for x in inputs), **context)
        if not isinstance(result, tuple):
            return rounded(result, dtypes[0])
        return tuple(rounded(y, dtype) for y, dtype in zip(result, dtypes, strict=True))

    in_float64.label = "float64"
    return in_float64


def widened(x):
    """`x` in float64, if it is a floating array."""
    return x.astype(np.float64) if getattr(x, "dtype", None) in (np.float16, np.float32) else x


def rounded(y, dtype):
    """`y` as an array of `dtype`."""
    return y.astype(dtype) if getattr(y, "dtype", dtype) != dtype else y


def placed(kernel, op):
    """On a GPU: host inputs are brought to the host, the others into one place."""

    def with_inputs_placed(*inputs, **context):
        if op.refs:  # state is on the device, and so is what it is updated with
            return kernel(*(to_device(x, array_module()) for x in inputs), **context)
        hosts = [op.parameter(i) in op.host for i in range(len(inputs))]
        others = iter(together([x for x, host in zip(inputs, hosts, strict=True) if not host]))
        return kernel(*(to_host(x) if host else next(others) for x, host in zip(inputs, hosts, strict=True)), **context)

    return with_inputs_placed


KERNELS = {"plain": plain, "reference": reference}
REWRITES = {}  # a name in KERNELS -> `rewrite(plan, fetches, fed, threads)`, lifetimes included


def check_kernels(name):
    """`name`, if there are kernels of that name. Raises InvalidArgumentError."""
    if name not in KERNELS:
        raise InvalidArgumentError("There are no such kernels.", expected=" or ".join(KERNELS), got=repr(name))
    return name
