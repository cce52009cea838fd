"""Is a gradient right? Compare it with the function itself, along random directions, in float64.

Where every op on the way takes complex numbers, the derivative along `v` is Im f(x + ihv) / h: exact to rounding, since
nothing is subtracted (Squire and Trapp, 1998). Elsewhere four points are used, exact to O(h^4).
"""

from dataclasses import dataclass

import numpy as np

from npslim.autograd.reverse import gradients
from npslim.errors import GradientError
from npslim.graph import Graph
from npslim.op import as_array, as_tensor
from npslim.ops.elementwise import add_n
from npslim.ops.reduce import reduce_sum
from npslim.ops.state import placeholder
from npslim.session import Run, Session, execute

COMPLEX_STEP, FOUR_POINTS = "complex step", "four points"
TOLERANCE = {COMPLEX_STEP: 1e-12, FOUR_POINTS: 1e-8}
_SMALL = {COMPLEX_STEP: 1e-100, FOUR_POINTS: 1e-3}
_FLOOR = 1e-3  # an error counts against the derivative's terms, or this share of the function's, if that is more


@dataclass(frozen=True)
class Checked:
    """The outcome for one input at one order: the relative error, and how the derivative was computed."""

    order: int
    input: int
    error: float
    method: str

    @property
    def passed(self):
        return self.error <= TOLERANCE[self.method]


def check_gradients(function, arrays, order=1, seed=0, raises=True):
    """Check the derivatives of `function` at `arrays`, up to `order`, by each floating input along a random direction.

    function: takes one tensor for each of `arrays` and returns a tensor, or several. arrays: numbers or arrays;
    floating ones become float64. Returns a list of `Checked`. With `raises`, raises GradientError for the first one
    that failed: an error above 1e-12 (complex step) or 1e-8 (four points).
    """
    rng = np.random.Generator(np.random.Philox(seed))
    arrays = [as_array(a) for a in arrays]
    arrays = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    results = []
    with Graph().as_default() as graph:
        graph.seed = seed
        xs = [placeholder(dtype=a.dtype, shape=a.shape) if a.dtype.kind == "f" else as_tensor(a) for a in arrays]
        point = {x: a for x, a in zip(xs, arrays, strict=True) if a.dtype.kind == "f"}
        ys = function(*xs)
        ys = [y for y in (ys if isinstance(ys, list | tuple) else [ys]) if y.spec.dtype.kind == "f"]
        session = Session(graph=graph, kernels="plain")  # the only ones that take complex numbers
        if not ys or not point:
            return results
        for n in range(1, order + 1):
            scalar, terms = _weighted(session, ys, point, rng)
            by_input = dict(zip(point, gradients(scalar, list(point)), strict=True))
            ys = [as_tensor(g) for g in by_input.values() if g is not None]
            for i, x in enumerate(xs):
                if x in point and point[x].size:
                    results.append(_checked(session, scalar, terms, x, by_input[x], point, rng, n, i))
                    if raises and not results[-1].passed:
                        raise _failure(results[-1], x)
            if not ys:
                break  # the derivative is zero, and so are all further ones
    return results


def _weighted(session, ys, point, rng):
    """The sum of `ys` with random weights, as a scalar, and the sum of the terms' magnitudes at `point`."""
    values = _evaluate(session, ys, point)
    weights = [rng.normal(size=np.shape(v)) for v in values]
    terms = sum(np.abs(v * w).sum() for v, w in zip(values, weights, strict=True))
    return add_n(*(reduce_sum(y * as_tensor(w, y.spec.dtype)) for y, w in zip(ys, weights, strict=True))), terms


def _evaluate(session, fetches, feeds):
    """Values of `fetches`, random ops drawing the same numbers each time; feeds may be complex."""
    session.store.draws.clear()
    plan = session.plan(tuple(fetches), tuple(feeds))
    with np.errstate(all="ignore"):
        values = execute(plan, feeds, Run(session))
    return [values[plan.slots[f]] for f in fetches]


def _checked(session, scalar, terms, x, gradient, point, rng, order, i):
    direction = rng.normal(size=point[x].shape)
    method = _method(session.plan((scalar,), tuple(point)), x)
    h = _SMALL[method]

    def along(t):
        return _evaluate(session, [scalar], {**point, x: point[x] + t * direction})[0]

    if method == COMPLEX_STEP:
        numeric = along(1j * h).imag / h
    else:
        numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    products = 0.0 if gradient is None else _evaluate(session, [as_tensor(gradient)], point)[0] * direction
    scale = max(np.abs(products).sum(), abs(numeric), _FLOOR * terms, 1e-300)
    return Checked(order, i, float(abs(np.sum(products) - numeric) / scale), method)


def _method(plan, x):
    """The complex step, if every op that the input goes through allows it."""
    reached = {plan.slots[x]}
    for step in plan.steps:
        if reached.intersection(step.inputs):
            if not step.node.op.holomorphic:
                return FOUR_POINTS
            reached.update(step.outputs)
    return COMPLEX_STEP


def _failure(result, x):
    return GradientError(
        f"The gradient of order {result.order} by input {result.input} is wrong.",
        expected=f"a relative error <= {TOLERANCE[result.method]:.0e} ({result.method})",
        got=f"{result.error:.3g}   (input {x.spec})",
    )
