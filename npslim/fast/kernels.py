"""The ops that have a fast kernel: a function of an arena and of the op's own inputs and attributes.

Its result is a buffer of the arena. It gives None where the plain kernel shall do it: for another layout, a rare
attribute, a small array.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.fast.conv import Slide, correlate, correlate_filter, correlate_input
from npslim.ops.windows import sliding
from npslim.spec import is_full

SMALL = 1 << 12  # elements of a result: below, the plain kernel is as quick


@dataclass
class Placed:
    """A step whose fast kernel puts its result into a buffer of an arena."""

    step: Any
    inputs: tuple
    fast: Any

    @classmethod
    def of(cls, step):
        """The fast kernel of a step; None if it has none, or is known to be small."""
        fast = FAST.get(step.node.op.name)
        if fast is None or step.rewritten:
            return None
        spec = step.node.outputs[0].spec
        small = fast is matmul and is_full(spec.shape) and math.prod(spec.shape) < SMALL
        if spec.dtype.char not in "fd" or small:
            return None
        return cls(step, step.inputs, fast)

    def used_first(self, slot):
        """False: what it reads cannot be written over."""
        return False

    def kernel(self, place, take=False):
        """The function of an arena and the inputs' arrays."""
        plain, fast, attrs = self.step.kernel, self.fast, self.step.node.attrs

        def placed(arena, *inputs):
            result = fast(arena, *inputs, **attrs)
            return plain(*inputs) if result is None else result

        placed.label = f"fast {fast.__name__}"
        return placed


def matmul(arena, a, b, *, transpose_a=False, transpose_b=False):
    """The product of two matrices."""
    if a.ndim != 2 or b.ndim != 2:
        return None
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    shape = (a.shape[0], b.shape[1])
    return np.matmul(a, b, out=arena.take(shape, a.dtype, shape[0] * shape[1]))


# ---- convolutions


def _slide(shape, kernel, attrs):
    """(how windows slide, as both modules say it); None for dilated windows."""
    found = sliding(kernel, attrs["strides"], attrs["padding"], attrs.get("data_format"), attrs.get("dilations", 1))
    if found.dilations != (1, 1):
        return None
    first = tuple(before for before, _ in found.pads(found.split(shape)[1]))
    return found, Slide(found.kernel, found.strides, first)


def conv2d(arena, x, w, **attrs):
    """`ops.conv.conv2d`."""
    slides = _slide(x.shape, w.shape[:2], attrs)
    if slides is None:
        return None
    given, slide = slides
    n, sizes, _ = given.split(x.shape)
    y = _take(arena, given.join(n, given.output_sizes(sizes), w.shape[3]), x.dtype)
    correlate(given.channels_last(x), w, given.channels_last(y), slide)
    return y


def conv2d_backprop_input(arena, like, w, g, **attrs):
    """`ops.conv.conv2d_backprop_input`."""
    slides = _slide(like.shape, w.shape[:2], attrs)
    if slides is None:
        return None
    given, slide = slides
    x = _take(arena, like.shape, g.dtype)
    correlate_input(given.channels_last(g), w, given.channels_last(x), slide)
    return x


def conv2d_backprop_filter(arena, x, like, g, **attrs):
    """`ops.conv.conv2d_backprop_filter`."""
    slides = _slide(x.shape, like.shape[:2], attrs)
    if slides is None:
        return None
    given, slide = slides
    w = _take(arena, like.shape, g.dtype)
    correlate_filter(given.channels_last(x), given.channels_last(g), w, slide)
    return w


def _take(arena, shape, dtype):
    return arena.take(shape, dtype, math.prod(shape))


FAST = {f.__name__: f for f in (matmul, conv2d, conv2d_backprop_input, conv2d_backprop_filter)}
