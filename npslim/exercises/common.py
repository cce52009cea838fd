"""What the tests of the exercises share: calling the answer, and comparing it in words."""

import numpy as np

from npslim.exercises import Wrong


def named(answer, name):
    """The function or class `name` of the user's file."""
    if not callable(answer.get(name)):
        raise Wrong(f"The file has no {name} that can be called.")
    return answer[name]


def same(found, expected, what="the result", tolerance=1e-9):
    """Raise Wrong, saying what differs and where, unless `found` is `expected` but for rounding."""
    if found is None:
        raise Wrong(f"{what} is None. Is there a return?")
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Wrong(f"{what} has the shape {found.shape}, expected {expected.shape}.")
    scale = np.abs(expected).max(initial=0.0) or 1.0
    off = np.abs(found - expected)
    if not off.max(initial=0.0) <= tolerance * scale:
        at = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
        place = f" at {tuple(map(int, at))}" if off.ndim else ""
        raise Wrong(f"{what}{place} is {found[at]:.6g}, expected {expected[at]:.6g}.")


def slopes(function, x, g, step=1e-6):
    """The derivatives of sum(g * function(x)) by each element of `x`, by differences."""
    found = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        found[at] = (g * (function(up) - function(down))).sum() / (2 * step)
    return found
