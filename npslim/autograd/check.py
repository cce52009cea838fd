"""Is a gradient right? Compare it with the function itself, along random directions, in float64.

Where every op on the way takes complex numbers, the derivative along `v` is Im f(x + ihv) / h: exact to rounding, since
nothing is subtracted (Squire and Trapp, 1998). Elsewhere four points are used, exact to O(h^4).

before: reverse.py   next: variables/base.py
"""

from dataclasses import dataclass

import numpy as np

from npslim.autograd.reverse import gradients
from npslim.convert import as_array, as_tensor
from npslim.errors import GradientError, InvalidArgumentError
from npslim.graph import Graph
from npslim.ops.elementwise import add_n
from npslim.ops.reduce import reduce_sum
from npslim.ops.state import placeholder
from npslim.run import Run, execute
from npslim.session import Session
from npslim.spec import Spec, show_shape

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
        """Whether the error is within the tolerance of the method."""
        return self.error <= TOLERANCE[self.method]


def check_gradients(function, arrays, order=1, seed=0, raises=True, gradient=None, holomorphic=False):
    """Check the derivatives of `function` at `arrays`, up to `order`, by each floating input along a random direction.

    function: takes one tensor for each of `arrays` and returns a tensor, or several. arrays: numbers or arrays;
    floating ones become float64. Returns a list of `Checked`. With `raises`, raises GradientError for the first one
    that failed: an error above 1e-12 (complex step) or 1e-8 (four points).

    Your own NumPy code is checked by giving its gradient: `check_gradients(f, arrays, gradient=df)`. Then `f` takes and
    returns arrays, `df(g, *arrays)` takes the cotangent of the result (a tuple of them, if `f` returns several) and
    returns that of each array, None for one without. holomorphic: `f` takes complex numbers, and the complex step may
    be used. Such code is checked to the first order.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    arrays = [as_array(a) for a in arrays]
    arrays = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    if gradient is not None:
        if order != 1:
            raise InvalidArgumentError("Plain functions are checked to the first order.", expected=1, got=order)
        return _check_arrays(function, gradient, arrays, rng, raises, COMPLEX_STEP if holomorphic else FOUR_POINTS)
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
                        raise _failure(results[-1], x.spec)
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

    def along(t):
        return _evaluate(session, [scalar], {**point, x: point[x] + t * direction})[0]

    products = 0.0 if gradient is None else _evaluate(session, [as_tensor(gradient)], point)[0] * direction
    return _compared(along, products, terms, method, order, i)


def _compared(along, products, terms, method, order, i):
    """The derivative of `along` at 0 by `method`, beside the sum of `products` that should be it."""
    h = _SMALL[method]
    if method == COMPLEX_STEP:
        numeric = along(1j * h).imag / h
    else:
        numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
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


# ---- functions on arrays


def _check_arrays(function, gradient, arrays, rng, raises, method):
    ys = _results(function(*(a.copy() for a in arrays)), method)
    weights = [rng.normal(size=y.shape) for y in ys]
    terms = sum(np.abs(y * w).sum() for y, w in zip(ys, weights, strict=True))
    given = gradient(weights[0] if len(ys) == 1 else tuple(weights), *(a.copy() for a in arrays))
    given = list(given) if isinstance(given, list | tuple) else [given]
    if len(given) != len(arrays):
        raise GradientError(
            "The gradient gives the wrong number of cotangents.", expected=f"{len(arrays)}, None for one without",
            got=len(given),
        )  # fmt: skip
    results = []
    for i, (x, g) in enumerate(zip(arrays, given, strict=True)):
        if x.dtype.kind != "f" or not x.size:
            continue
        if g is not None and np.shape(g) != x.shape:
            raise GradientError(
                f"The cotangent of input {i} has another shape.", expected=show_shape(x.shape),
                got=show_shape(np.shape(g)),
            )  # fmt: skip
        direction = rng.normal(size=x.shape)

        def along(t, i=i, x=x, direction=direction):
            moved = [x + t * direction if j == i else a.copy() for j, a in enumerate(arrays)]
            return sum((y * w).sum() for y, w in zip(_results(function(*moved), method, t), weights, strict=True))

        products = 0.0 if g is None else np.asarray(g) * direction
        results.append(_compared(along, products, terms, method, 1, i))
        if raises and not results[-1].passed:
            raise _failure(results[-1], Spec(x.shape, x.dtype))
    return results


def _results(ys, method, t=0.0):
    """What the function returned, as a list of arrays that are precise enough."""
    ys = [np.asarray(y) for y in (ys if isinstance(ys, list | tuple) else [ys])]
    wanted = np.complex128 if isinstance(t, complex) else np.float64
    if any(y.dtype != wanted for y in ys):
        hint = "leave out holomorphic=True: the function drops imaginary parts" if method == COMPLEX_STEP else (
            "the function narrows its inputs, which are float64"
        )  # fmt: skip
        got = ", ".join(y.dtype.name for y in ys)
        raise GradientError("The function's results have another dtype.", expected=wanted.__name__, got=got, hint=hint)
    return ys


def _failure(result, spec):
    return GradientError(
        f"The gradient of order {result.order} by input {result.input} is wrong.",
        expected=f"a relative error <= {TOLERANCE[result.method]:.0e} ({result.method})",
        got=f"{result.error:.3g}   (input {spec})",
    )
