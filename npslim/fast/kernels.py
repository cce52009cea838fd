"""The ops that have a fast kernel: a function of an arena and of the op's own inputs and attributes.

Its result is a buffer of the arena. It gives None where the plain kernel shall do it: for another layout, a rare
attribute, a small array.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.fast import winograd
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


def algorithm(kernel, strides, c, o, by_filter=False):
    """What is quickest for a convolution of `c` channels to `o`, by what `bench/convolutions.py` measures."""
    if kernel == (1, 1) and strides == (1, 1):
        return "product"
    if kernel == (3, 3) and strides == (1, 1) and min(c, o) >= 64 and (by_filter or c * o >= 8192):
        return "winograd"
    return "windows"


class _Convolution:
    """The attributes of a convolution for one shape of input and filter; its arrays have their channels last."""

    def __init__(self, shape, w, attrs, by_filter=False):
        given = sliding(w[:2], attrs["strides"], attrs["padding"], attrs.get("data_format"), attrs.get("dilations", 1))
        n, sizes, c = given.split(shape)
        pads = given.pads(sizes)
        self.given, self.dilated = given, given.dilations != (1, 1)
        self.slide = Slide(given.kernel, given.strides, tuple(before for before, _ in pads))
        self.output = given.join(n, given.output_sizes(sizes), w[3])
        self.algorithm = algorithm(given.kernel, given.strides, c, w[3], by_filter)
        if self.algorithm == "product" and (any(map(any, pads)) or given.channels_first):
            self.algorithm = "windows"

    def last(self, x):
        return self.given.channels_last(x)


def rows(x):
    """`x` as a matrix, one row for each place."""
    return x.reshape(-1, x.shape[-1])


def conv2d(arena, x, w, **attrs):
    """`ops.conv.conv2d`."""
    conv = _Convolution(x.shape, w.shape, attrs)
    if conv.dilated:
        return None
    y = _take(arena, conv.output, x.dtype)
    x, out = conv.last(x), conv.last(y)
    if conv.algorithm == "product":
        np.matmul(rows(x), w[0, 0], out=rows(out))
    elif conv.algorithm == "winograd":
        winograd.correlate(x, w, out, conv.slide.first)
    else:
        correlate(x, w, out, conv.slide)
    return y


def conv2d_backprop_input(arena, like, w, g, **attrs):
    """`ops.conv.conv2d_backprop_input`."""
    conv = _Convolution(like.shape, w.shape, attrs)
    if conv.dilated:
        return None
    x = _take(arena, like.shape, g.dtype)
    g, out = conv.last(g), conv.last(x)
    if conv.algorithm == "product":
        np.matmul(rows(g), w[0, 0].T, out=rows(out))
    elif conv.algorithm == "winograd":
        top, left = conv.slide.first
        winograd.correlate(g, w, out, (2 - top, 2 - left), turned=True)
    else:
        correlate_input(g, w, out, conv.slide)
    return x


def conv2d_backprop_filter(arena, x, like, g, **attrs):
    """`ops.conv.conv2d_backprop_filter`."""
    conv = _Convolution(x.shape, like.shape, attrs, by_filter=True)
    if conv.dilated:
        return None
    w = _take(arena, like.shape, g.dtype)
    x, g = conv.last(x), conv.last(g)
    if conv.algorithm == "product":
        np.matmul(rows(x).T, rows(g), out=w[0, 0])
    elif conv.algorithm == "winograd":
        winograd.correlate_filter(x, g, w, conv.slide.first)
    else:
        correlate_filter(x, g, w, conv.slide)
    return w


def _take(arena, shape, dtype):
    return arena.take(shape, dtype, math.prod(shape))


FAST = {f.__name__: f for f in (matmul, conv2d, conv2d_backprop_input, conv2d_backprop_filter)}
