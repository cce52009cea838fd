"""Optimizers' updates, in cache-sized blocks, in place where nobody else holds the variable's array.

The operations and their order are those of `ops/update.py`, so the bits are the same. A reader of a cell takes its
array under the cell's lock (`Cell.initialized`), and an array that anybody holds has a higher reference count: then the
update makes a new array, and what was read stays what it was.
"""

import sys
from contextlib import ExitStack

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.tiles import stretches
from npslim.fast.workers import each

BLOCK = 1 << 15  # elements: 128 KB of float32


def writable(cell):
    """The array to put the cell's next value into: the present one, or a new one if anybody else holds it."""
    only_here = sys.getrefcount(cell.value) <= 2  # the cell, and the argument
    value = cell.value
    return value if only_here and value.flags.writeable and value.base is None else np.empty_like(value)


def blocked(block_update, kernel, cells):
    """A kernel that calls `block_update(outs, values, *numbers, grad, **attrs)` on blocks of the first `cells` inputs.

    Where arrays are not laid out alike, `kernel` does it.
    """

    def update(*inputs, **attrs):
        states, numbers, grad = inputs[:cells], inputs[cells:-1], inputs[-1]
        with ExitStack() as locks:
            for cell in states:
                locks.enter_context(cell.lock)
            if not all(_alike(cell.initialized(), grad) for cell in states) or any(np.ndim(x) for x in numbers):
                return kernel(*inputs, **attrs)
            outs = [writable(cell) for cell in states]
            _by_blocks(block_update, outs, [cell.value for cell in states], numbers, grad, attrs)
            for cell, out in zip(states, outs, strict=True):
                cell.value = out
            return outs[0]

    update.label = "blocked"
    return update


def _alike(value, grad):
    """True if both are whole arrays of one floating dtype and shape, element beside element."""
    return (
        isinstance(value, np.ndarray)
        and isinstance(grad, np.ndarray)
        and value.dtype == grad.dtype
        and value.dtype.kind == "f"
        and value.shape == grad.shape
        and value.flags.c_contiguous
        and grad.flags.c_contiguous
    )


def _by_blocks(block_update, outs, values, numbers, grad, attrs):
    outs, values, grad = [x.reshape(-1) for x in outs], [x.reshape(-1) for x in values], grad.reshape(-1)

    def some(stretch):
        for start in range(stretch.start, stretch.stop, BLOCK):
            part = slice(start, min(stretch.stop, start + BLOCK))
            block_update([x[part] for x in outs], [x[part] for x in values], *numbers, grad[part], **attrs)

    each(some, stretches(grad.size, 2 * BLOCK))


def gradient_descent(outs, values, alpha, delta):
    """var -= alpha * delta."""
    step = np.multiply(alpha, delta, out=scratch(0, delta.size, delta.dtype))
    np.subtract(values[0], step, out=outs[0])


def momentum(outs, values, lr, momentum, grad, *, use_nesterov=False):
    """accum = momentum * accum + grad; var -= lr * accum, or Nesterov's step."""
    step, accum = scratch(0, grad.size, grad.dtype), outs[1]
    np.multiply(values[1], momentum, out=accum)
    np.add(accum, grad, out=accum)
    if use_nesterov:
        ahead = np.multiply(accum, momentum, out=scratch(1, grad.size, grad.dtype))
        np.multiply(ahead, lr, out=ahead)
        np.multiply(grad, lr, out=step)
        np.add(step, ahead, out=step)
    else:
        np.multiply(accum, lr, out=step)
    np.subtract(values[0], step, out=outs[0])


def adam(outs, values, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad):
    """The moving averages of the gradient and of its square, then the step."""
    step, root = scratch(0, grad.size, grad.dtype), scratch(1, grad.size, grad.dtype)
    (var, m, v), (old, old_m, old_v) = outs, values
    corrected = lr * np.sqrt(1 - beta2_power) / (1 - beta1_power)
    np.subtract(grad, old_m, out=step)
    np.multiply(step, 1 - beta1, out=step)
    np.add(old_m, step, out=m)
    np.multiply(grad, grad, out=step)
    np.subtract(step, old_v, out=step)
    np.multiply(step, 1 - beta2, out=step)
    np.add(old_v, step, out=v)
    np.sqrt(v, out=root)
    np.add(root, epsilon, out=root)
    np.multiply(m, corrected, out=step)
    np.divide(step, root, out=step)
    np.subtract(old, step, out=var)


UPDATES = {
    "apply_gradient_descent": (gradient_descent, 1),
    "apply_momentum": (momentum, 2),
    "apply_adam": (adam, 3),
}
