"""Elementwise steps as loops over blocks that stay in cache.

A loop is a list of parts, each a NumPy function of operands, one of which may be what the part before gave: so a chain
of elementwise steps passes over memory once. The functions and their order are those of the plain kernels: same bits.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.fast.functions import FUNCTIONS, leaky_relu, reciprocal
from npslim.fast.tiles import halves
from npslim.fast.workers import each

BLOCK = 1 << 18  # elements: 1 MB of float32
SMALL = 1 << 12  # elements: below, the plain kernel is as quick
IN_PARTS = {"relu", "relu6", "square", "squared_difference", "rsqrt", "leaky_relu", "add_n"}  # see `parts_of`
RUNNING, ZEROS, SIXES = "running", "zeros", "sixes"  # operands: what the part before gave, a block of zeros, of sixes
CONSTANTS = {ZEROS: (), SIXES: (6,)}  # what `block_of_zeros` takes for them
TARGETS = {  # what `explain` says: (in place of an input, into a buffer of an arena)
    (False, False): "", (False, True): ", into a buffer",
    (True, False): ", in place", (True, True): ", in place or into a buffer",
}  # fmt: skip


def parts_of(step):
    """[(function, operands)] of an elementwise step, operands being slots; None for any other step."""
    node, slots = step.node, step.inputs
    if step.rewritten or not _loops_well(node):
        return None
    name = node.op.name
    if name == "relu":
        return [(np.maximum, (slots[0], ZEROS))]
    if name == "relu6":
        return [(np.maximum, (slots[0], ZEROS)), (np.minimum, (RUNNING, SIXES))]
    if name == "square":
        return [(np.multiply, (slots[0], slots[0]))]
    if name == "squared_difference":
        return [(np.subtract, slots), (np.multiply, (RUNNING, RUNNING))]
    if name == "rsqrt":
        return [(np.sqrt, slots), (reciprocal, (RUNNING,))]
    if name == "leaky_relu":
        return [(leaky_relu(node.attrs["alpha"]), slots)] if 0 < node.attrs["alpha"] <= 1 else None
    if name == "add_n":
        if len(slots) < 2:
            return None
        return [(np.add, (slots[0], slots[1])), *((np.add, (RUNNING, slot)) for slot in slots[2:])]
    return [(FUNCTIONS[name], slots)]


def _loops_well(node):
    if node.op.name not in FUNCTIONS and node.op.name not in IN_PARTS:
        return False
    spec = node.outputs[0].spec
    if not is_worth_it(spec) or node.attrs.get("data_format") not in (None, "NHWC"):
        return False
    kinds = [_kind(t.spec, spec) for t in node.inputs]
    return "whole" in kinds and None not in kinds


def is_worth_it(spec):
    """True if a loop over such an output may be quicker than the plain kernel."""
    return spec.dtype.char in "fd" and spec.shape and (None in spec.shape or np.prod(spec.shape) >= SMALL)


def _kind(spec, out):
    """How an operand lies beside the output: "whole", a "row" along the last dimension, a "scalar", else None."""
    if spec.dtype != out.dtype or spec.shape is None:
        return None
    if spec.shape == out.shape:
        return "whole"
    if spec.shape == ():
        return "scalar"
    return "row" if spec.shape == out.shape[-1:] and spec.shape[0] is not None else None


@dataclass
class Loop:
    """Steps as one loop. `plain`: (kernel, input slots, output slot, node) of each, for other layouts."""

    step: Any
    spec: Any
    parts: list
    inputs: tuple
    kinds: tuple
    plain: list

    @classmethod
    def of(cls, step, parts):
        """The loop of one step."""
        spec = step.node.outputs[0].spec
        kinds = {slot: _kind(t.spec, spec) for slot, t in zip(step.inputs, step.node.inputs, strict=True)}
        plain = [(step.kernel, step.inputs, step.outputs[0], step.node)]
        return cls(step, spec, parts, tuple(kinds), tuple(kinds.values()), plain)

    def used_first(self, slot):
        """True if the whole array in `slot` is read by the first part and by no other."""
        later = any(slot in operands for _, operands in self.parts[1:])
        return not later and slot in self.parts[0][1] and self.kinds[self.inputs.index(slot)] == "whole"

    def can_follow(self, made):
        """True if this loop can go on with what `made` gives."""
        same = made.spec.shape == self.spec.shape and made.spec.dtype == self.spec.dtype
        return same and self.used_first(made.step.outputs[0])

    def followed_by(self, loop):
        """This loop and then `loop`, which reads its output, as one."""
        mine = self.step.outputs[0]
        function, operands = loop.parts[0]
        first = (function, tuple(RUNNING if slot == mine else slot for slot in operands))
        kinds = dict(zip((*self.inputs, *loop.inputs), (*self.kinds, *loop.kinds), strict=True))
        del kinds[mine]
        parts, plain = [*self.parts, first, *loop.parts[1:]], self.plain + loop.plain
        return Loop(loop.step, loop.spec, parts, tuple(kinds), tuple(kinds.values()), plain)

    def kernel(self, place, take=False):
        """The function of the inputs' arrays: into input number `place`, or into a new array where that is None.

        take: the first argument is an arena, which gives the new array; also where that input cannot be written to.
        """
        parts = [(function, tuple(self._number(x) for x in operands)) for function, operands in self.parts]
        lead, dtype, kinds = self.kinds.index("whole"), self.spec.dtype, self.kinds
        kernel, slots, *_ = self.plain[0]
        small = kernel if len(self.plain) == 1 and slots == self.inputs else lambda *inputs: self.one_by_one(inputs)

        def run(arena, inputs):
            whole = inputs[lead]
            if whole.size < SMALL:
                return small(*inputs)
            cut, copied = "flat", None
            if not _as_expected(inputs, kinds, whole.shape, dtype):
                cut, copied = self._laid_out(inputs, whole.shape, place)
                if cut is None:
                    return small(*inputs)
            if place is not None and inputs[place].flags.writeable and inputs[place].flags.c_contiguous:
                out = inputs[place]
            elif arena is not None:
                out = arena.take(whole.shape, dtype, whole.size)
            else:
                out = np.empty(whole.shape, dtype)
            if copied is not None:
                out[...] = inputs[copied]
                inputs = (*inputs[:copied], out, *inputs[copied + 1 :])
            if cut == "images":
                by_images(parts, inputs, kinds, out)
            else:
                by_blocks(parts, inputs, kinds, out, cut == "rows")
            return out

        def loop(*inputs):
            return run(None, inputs)

        def loop_taking(arena, *inputs):
            return run(arena, inputs)

        chosen = loop_taking if take else loop
        chosen.label = "loop " + "+".join(function.__name__ for function, _ in parts)
        chosen.label += TARGETS[place is not None, take]
        return chosen

    def _number(self, operand):
        return operand if operand is RUNNING or operand in CONSTANTS else self.inputs.index(operand)

    def _laid_out(self, inputs, shape, place):
        """(How blocks are cut, number of the input that has to be copied first, or None).

        "rows": some arrays are columns of wider ones. "flat": the one that is copied, which may be one number, repeated
        without memory for it, is the only one that is not as expected. "images": there are several such arrays. None:
        something else is not as expected.
        """
        apart = [
            i
            for i, (x, kind) in enumerate(zip(inputs, self.kinds, strict=True))
            if kind == "whole" and type(x) is np.ndarray and not x.flags.c_contiguous
        ]
        others, kinds = ([x for i, x in enumerate(a) if i not in apart] for a in (inputs, self.kinds))
        fit = all(
            inputs[i].shape == shape and inputs[i].dtype == self.spec.dtype and in_order(inputs[i]) for i in apart
        )
        if not fit or not _as_expected(others, kinds, shape, self.spec.dtype):
            return None, None
        strange = [i for i in apart if not (_has_rows(inputs[i]) and self._may_lie_apart(i))]
        if not strange:
            return "rows", None
        if len(strange) == 1 and self.used_first(self.inputs[strange[0]]) and place in (None, strange[0]):
            return "rows" if len(apart) > 1 else "flat", strange[0]
        return "images" if all(self._may_lie_apart(i) for i in apart) else None, None

    def _may_lie_apart(self, number):
        """True if NumPy's functions alone read the input, or those of ours that take their first operand as it lies."""
        slot = self.inputs[number]
        return all(isinstance(function, np.ufunc) or slot not in operands[1:] for function, operands in self.parts)

    def one_by_one(self, inputs):
        """The plain kernels, one after the other."""
        values = dict(zip(self.inputs, inputs, strict=True))
        for kernel, slots, output, node in self.plain:
            try:
                values[output] = kernel(*[values[slot] for slot in slots])
            except Exception as error:
                error.add_note(f"  failed   {node.name} ({node.type}), made at {node.made_at}")
                raise
        return values[self.step.outputs[0]]


def _has_rows(x):
    """True if the elements of a row lie together, and from each row to the next it is equally far."""
    steps = zip(x.strides[:-2], x.strides[1:-1], x.shape[1:-1], strict=True)
    return x.strides[-1] == x.itemsize and all(far == near * n for far, near, n in steps)


def in_order(x):
    """True if later dimensions have the shorter strides, or none: what NumPy computes of them then has all in order."""
    strides = [step for step, n in zip(x.strides, x.shape, strict=True) if step and n > 1]
    return all(a >= b > 0 for a, b in itertools.pairwise([math.inf, *strides]))


def _as_expected(inputs, kinds, shape, dtype):
    for x, kind in zip(inputs, kinds, strict=True):
        if kind == "whole":
            if type(x) is not np.ndarray or x.shape != shape or x.dtype != dtype or not x.flags.c_contiguous:
                return False
        elif x.dtype != dtype or x.shape != (shape[-1:] if kind == "row" else ()):
            return False
    return True


@functools.lru_cache
def block_of_zeros(count, dtype, value=0):
    """`count` zeros that cannot be written to; NumPy compares with them five times as quickly as with one zero.

    value: what they are, if not zeros.
    """
    block = np.full(count, value, dtype)
    block.flags.writeable = False
    return block


def _at_once(parts, inputs, out):
    """Run each part over all of `out`: what two blocks would gain in cache, the way through them costs."""
    for function, operands in parts:
        found = [out if i is RUNNING else _many(i, out) if i in CONSTANTS else inputs[i] for i in operands]
        function(*found, out=out)


def _many(constant, out):
    if out.size > BLOCK:
        return block_of_zeros(1, out.dtype, *CONSTANTS[constant])
    return block_of_zeros(BLOCK, out.dtype, *CONSTANTS[constant])[: out.size].reshape(out.shape)


def by_blocks(parts, inputs, kinds, out, rows=False):
    """Run the parts over `out`, block by block. rows: some inputs are columns of wider arrays."""
    if out.size <= BLOCK:
        return _at_once(parts, inputs, out)
    width = (out.shape[-1],) if rows or "row" in kinds else ()
    out = out.reshape(-1, *width)
    length = max(1, BLOCK // width[0]) if width else BLOCK
    inputs = [x.reshape(out.shape) if kind == "whole" else x for x, kind in zip(inputs, kinds, strict=True)]
    used = {i for _, operands in parts for i in operands if i in CONSTANTS}
    same = {i: block_of_zeros(length * out[0].size, out.dtype, *CONSTANTS[i]).reshape(length, *width) for i in used}

    def one(part):
        target = out[part]
        blocks = [x[part] if kind == "whole" else x for x, kind in zip(inputs, kinds, strict=True)]
        for function, operands in parts:
            found = (target if i is RUNNING else same[i][: len(target)] if i in same else blocks[i] for i in operands)
            function(*found, out=target)

    each(one, halves(len(out), length))


def by_images(parts, inputs, kinds, out):
    """The same along the first dimension, whatever lies between the elements of what is whole."""

    def one(part):
        _at_once(parts, [x[part] if kind == "whole" else x for x, kind in zip(inputs, kinds, strict=True)], out[part])

    each(one, halves(len(out), max(1, BLOCK * len(out) // out.size)))
