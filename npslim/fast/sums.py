"""Sums: the loss that weight decay adds, without an array of squares as large as the weights, and those of arrays."""

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.tiles import stretches
from npslim.fast.workers import each

BLOCK = 1 << 14  # elements: 64 KB of float32
SMALL = 1 << 13  # elements: below, the plain kernel is as quick, and takes little


def l2_loss(x):
    """`ops.softmax.l2_loss`: NumPy's sums of blocks, added up in double precision."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or x.size < SMALL or not x.flags.c_contiguous:
        return None
    flat, parts = x.reshape(-1), stretches(x.size, 2 * BLOCK)
    totals = np.zeros(len(parts))

    def one(number):
        part = parts[number]
        for start in range(part.start, part.stop, BLOCK):
            block = flat[start : min(part.stop, start + BLOCK)]
            totals[number] += np.add.reduce(np.multiply(block, block, out=scratch(0, block.size, x.dtype)))

    each(one, range(len(parts)))
    return x.dtype.type(totals.sum() / 2)


def reduce_sum(x, *, axis, keepdims):
    """`ops.reduce.reduce_sum` where the sum has the dtype of what is added up: NumPy's own way there is a long one."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd":
        return None
    return np.add.reduce(x, axis=axis, keepdims=keepdims)
