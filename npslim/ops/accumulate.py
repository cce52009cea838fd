"""Sums that go on for a long time and lose nothing: each is two numbers, the sum and what rounding left out of it.

What the rounding of `a + b` leaves out is a floating-point number itself, and six additions find it (Knuth, The Art of
Computer Programming, 4.2.2). Adding those up besides gives a sum of twice as many digits (Neumaier, 1974). So the order
of the terms, and how they were split into batches, does not matter.
"""

from fractions import Fraction

import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.ops.reduce import axes_of, reduced
from npslim.ops.state import like_ref
from npslim.spec import Spec


def two_sum(a, b):
    """(a + b rounded, what the rounding left out); of what is not finite nothing is left out."""
    total = a + b
    return total, _finite(_left_out(a, b, total), total)


def _left_out(a, b, total):
    from_b = total - a
    return (a - (total - from_b)) + (b - from_b)


def _finite(rest, total):
    xp = array_module(total)
    return xp.where(xp.isfinite(total), rest, 0).astype(total.dtype)


@op(exact=True, differentiable=False)
def sum_with_rest(x, *, axis=None):
    """(the sum over `axis`, what rounding left out of it): floating, the same dtype; for `accumulate`.

    Neighbours are added, then the sums of neighbours, and so on: a few operations on whole arrays.
    """
    axes = axes_of(axis, x.ndim)
    x = array_module(x).moveaxis(x, axes, range(len(axes))).reshape(-1, *reduced(x, axes, False))
    if not len(x):
        return x.sum(axis=0), x.sum(axis=0)
    rest = array_module(x).zeros_like(x[0])
    while len(x) > 1:
        half = len(x) // 2
        a, b = x[:half], x[half : 2 * half]
        total = a + b
        rest = rest + _left_out(a, b, total).sum(axis=0)
        x = array_module(x).concatenate([total, x[-1:]]) if len(x) % 2 else total
    return two_sum(x[0], _finite(rest, x[0]))


@sum_with_rest.shape
def _(x, *, axis):
    return (Spec(reduced(x, axis, False), x.dtype),) * 2


@sum_with_rest.properties
def _(result, x, *, axis):
    totals, rests = result
    axes = axes_of(axis, x.ndim)
    lines = np.moveaxis(x, axes, range(len(axes))).reshape(-1, totals.size)
    for total, rest, line in zip(totals.reshape(-1), rests.reshape(-1), lines.T, strict=True):
        exact = sum(map(Fraction, line.tolist()), Fraction(0))
        size = sum(abs(Fraction(v)) for v in line.tolist())
        assert total == float(exact)  # noqa: S101 - correctly rounded
        assert abs(Fraction(float(total)) + Fraction(float(rest)) - exact) <= size / 2**100  # noqa: S101


def _uneven(rng):
    """Numbers of very different sizes, most of which cancel out."""
    x = rng.normal(size=(7, 3, 4)) * 10.0 ** rng.integers(-9, 9, (7, 3, 4))
    return (np.concatenate([x, -x[::-1] * (1 + 1e-12), rng.normal(size=(1, 3, 4))]),)


sum_with_rest.cases(_uneven, lambda rng: (np.array(0.1),), lambda rng: (np.zeros((0, 3)),))
sum_with_rest.cases(_uneven, axis=(0, 2))
sum_with_rest.cases(_uneven, lambda rng: (np.zeros((2, 0)),), axis=1)
sum_with_rest.rejects("out of range", lambda rng: (np.zeros(3),), axis=1)


@op(refs=("ref",), alike=("ref", "value", "rest"), stateful=True)
def accumulate(ref, value, rest, *, run):
    """Add `value + rest` to the variable, and keep beside it what rounding leaves out; returns the sum.

    The variable is the sum correctly rounded, however many were added. An assignment of another value to the variable
    drops what was kept.
    """
    kept = run.cell(ref.name + KEPT)
    with ref.lock:
        before = ref.initialized()
        total, left_out = two_sum(before, value)
        left_out = left_out + rest + rest_of(kept, before)
        total, left_out = two_sum(total, _finite(left_out, total))
        ref.value = array_module(total).asarray(total)
        kept.value = ref.value, left_out
        return ref.value


accumulate.shape(lambda ref, value, rest: like_ref(ref, value))

KEPT = "/rest"  # of a variable's name: where `accumulate` keeps what rounding left out


def rest_of(kept, value):
    """What was kept beside the variable's `value`, 0 if that is another one by now."""
    return kept.value[1] if kept.value is not None and kept.value[0] is value else array_module(value).zeros_like(value)
