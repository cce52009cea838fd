"""Running sums and products along an axis.

A running product is the solution of a linear recurrence, and so is its gradient; in this form nothing is divided, and
zeros do no harm.
"""

import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.ops.logic import accumulator
from npslim.ops.shape import axis_of
from npslim.spec import Spec


def _along(x, *others, axis):
    """The shape rule: like the input, whose rank must have the axis."""
    if x.shape is not None:
        axis_of(axis, len(x.shape))
    return Spec(x.shape, x.dtype)


def _normal(rng):
    return (rng.normal(size=(2, 3, 4)),)


def _examples(made, draw, **attrs):
    """The cases that every scan has."""
    for options in ({}, {"exclusive": True}, {"reverse": True}, {"exclusive": True, "reverse": True}):
        made.cases(draw, axis=-1, **options)
    made.cases(draw, lambda rng: (np.zeros((0, 3)),), lambda rng: (np.ones((1, 3)),), axis=0)
    made.cases(lambda rng: (np.zeros((2, 0)),), axis=1, exclusive=True)
    made.rejects("axis", draw, axis=3)


def _sum_by_matrix(x, axis, exclusive, reverse):
    ones = np.tri(x.shape[axis], k=-1 if exclusive else 0, dtype=x.dtype)
    return np.moveaxis(np.tensordot(ones.T if reverse else ones, np.moveaxis(x, axis, 0), 1), 0, axis)


@op(holomorphic=True, reference=_sum_by_matrix)
def cumsum(x, *, axis=0, exclusive=False, reverse=False):
    """The running sum along `axis`. exclusive: without the element itself. reverse: from the end."""
    xp = array_module(x)
    x = moved(x, axis, reverse) if exclusive else x
    x = xp.flip(x, axis) if reverse else x
    y = xp.cumsum(x, axis=axis, dtype=accumulator(x.dtype)).astype(x.dtype)
    return xp.flip(y, axis) if reverse else y


cumsum.shape(_along)


@cumsum.vjp
def _(g, y, x, *, axis, exclusive, reverse):
    return cumsum(g, axis=axis, exclusive=exclusive, reverse=not reverse)


_examples(cumsum, _normal)
cumsum.cases(lambda rng: (np.array([1, 2, 3], np.int32),), axis=0)


def moved(x, axis, reverse=False, fill=0):
    """The array `x` moved by one along `axis`, to the end or with `reverse` to the front; `fill` comes in."""
    xp = array_module(x)
    line = xp.moveaxis(x, axis, 0)
    new = xp.full((min(1, len(line)), *line.shape[1:]), fill, x.dtype)
    return xp.moveaxis(xp.concatenate([line[1:], new] if reverse else [new, line[:-1]]), 0, axis)


def _moved_by_matrix(x, axis, reverse):
    off = np.eye(x.shape[axis], k=1 if reverse else -1)
    return np.moveaxis(np.tensordot(off, np.moveaxis(x, axis, 0), 1), 0, axis)


@op(holomorphic=True, exact=True, reference=_moved_by_matrix)
def shift(x, *, axis=0, reverse=False):
    """`x` moved by one along `axis`, to the end or with `reverse` to the front; zeros come in."""
    return moved(x, axis, reverse)


shift.shape(_along)


@shift.vjp
def _(g, y, x, *, axis, reverse):
    return shift(g, axis=axis, reverse=not reverse)


shift.cases(_normal, axis=1)
shift.cases(_normal, lambda rng: (np.zeros((2, 0)),), axis=-1, reverse=True)


def _product_by_loop(x, axis, exclusive, reverse):
    lines = np.moveaxis(x, axis, 0)
    y = np.empty_like(lines)
    for i in range(len(lines)):
        own = 0 if exclusive else 1
        y[i] = np.multiply.reduce(lines[i + 1 - own :] if reverse else lines[: i + own], axis=0)
    return np.moveaxis(y, 0, axis)


@op(holomorphic=True, reference=_product_by_loop)
def cumprod(x, *, axis=0, exclusive=False, reverse=False):
    """The running product along `axis`. exclusive: without the element itself. reverse: from the end.

    The gradient is right also where there are zeros; TensorFlow's is not.
    """
    xp = array_module(x)
    x = moved(x, axis, reverse, fill=1) if exclusive else x
    x = xp.flip(x, axis) if reverse else x
    y = xp.cumprod(x, axis=axis, dtype=accumulator(x.dtype)).astype(x.dtype)
    return xp.flip(y, axis) if reverse else y


cumprod.shape(_along)


@cumprod.vjp
def _(g, y, x, *, axis, exclusive, reverse):
    before = cumprod(x, axis=axis, exclusive=True, reverse=reverse)
    later = shift(g, axis=axis, reverse=not reverse) if exclusive else g
    return before * recurrence(shift(x, axis=axis, reverse=not reverse), later, axis=axis, reverse=not reverse)


_examples(cumprod, _normal)
cumprod.cases(lambda rng: (np.array([[2.0, 0.0, 3.0, 4.0], [0.0, 0.0, 1.0, 2.0]]),), axis=1)


def _recurrence_by_loop(a, b, axis, reverse):
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    y, state = np.empty_like(b), 0
    for i in range(len(b))[:: -1 if reverse else 1]:
        y[i] = state = a[i] * state + b[i]
    return np.moveaxis(y, 0, axis)


@op(holomorphic=True, reference=_recurrence_by_loop)
def recurrence(a, b, *, axis=0, reverse=False):
    """y[i] = a[i] * y[i - 1] + b[i] along `axis`, y[-1] = 0. reverse: from the end.

    Two steps of it are one step of the same form, so each pass doubles how far every element has looked back
    (Hillis and Steele, 1986).
    """
    xp = array_module(a, b)
    a, b = (xp.moveaxis(xp.flip(x, axis) if reverse else x, axis, 0) for x in (a, b))
    reach = 1
    while reach < len(b):
        b = xp.concatenate([b[:reach], a[reach:] * b[:-reach] + b[reach:]])
        a = xp.concatenate([a[:reach], a[reach:] * a[:-reach]])
        reach *= 2
    y = xp.moveaxis(b, 0, axis)
    return xp.flip(y, axis) if reverse else y


recurrence.shape(_along)


@recurrence.vjp
def _(g, y, a, b, *, axis, reverse):
    gb = recurrence(shift(a, axis=axis, reverse=not reverse), g, axis=axis, reverse=not reverse)
    return gb * shift(y, axis=axis, reverse=reverse), gb


recurrence.cases(lambda rng: (rng.normal(size=(2, 5)), rng.normal(size=(2, 5))), axis=1)
recurrence.cases(lambda rng: (rng.normal(size=(3, 2)), rng.normal(size=(3, 2))), axis=0, reverse=True)
recurrence.cases(lambda rng: (np.zeros((0, 2)), np.zeros((0, 2))), axis=0)
