"""Stable functions at extreme values: magnitudes 1e-300 to 1e300, infinities, NaN, denormals, size 1, three precisions.

The oracle is the definition of each function in decimal numbers of 340 digits, where 1 + 1e-330 is not 1. Errors are
counted in ulp: units in the last place of the exact value, rounded to the precision at hand.
"""

import decimal
from decimal import Decimal

import numpy as np
import pytest

from npslim.autograd import gradients
from npslim.ops.activation import log_sigmoid, sigmoid, softplus
from npslim.ops.elementwise import divide_no_nan, pow
from npslim.ops.functions import expm1, log, log1p, sqrt
from npslim.ops.logic import where, where_v2
from npslim.ops.reduce import reduce_max, reduce_mean, reduce_prod, reduce_sum
from npslim.ops.scan import cumsum
from npslim.ops.softmax import (
    l2_loss,
    log_softmax,
    reduce_logsumexp,
    sigmoid_cross_entropy_with_logits,
    softmax,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from npslim.ops.state import placeholder
from npslim.session import Session

CONTEXT = decimal.Context(prec=340, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[])
DTYPES = (np.float16, np.float32, np.float64)
ULPS = {np.float16: 2.0, np.float32: 3.0, np.float64: 2.0}  # NumPy promises 2.6 ulp for exp in float32
inf, nan = np.inf, np.nan


@pytest.fixture(autouse=True)
def many_digits():
    before = decimal.getcontext()
    decimal.setcontext(CONTEXT.copy())
    yield
    decimal.setcontext(before)


def evaluate(function, *arrays):
    """The value of `function`, and the gradients of its sum by each of `arrays`."""
    xs = [placeholder(a.dtype, a.shape) for a in arrays]
    y = function(*xs)
    return Session().run([y, [g for g in gradients(y, xs) if g is not None]], dict(zip(xs, arrays, strict=True)))


def ulps(actual, exact, scale=0.0):
    """The largest error of array `actual` against the numbers `exact`, in ulp of these or, if larger, of `scale`."""
    worst = 0.0
    for a, e in zip(np.ravel(actual), np.ravel(np.array(exact, object)), strict=True):
        with np.errstate(over="ignore"):
            rounded = actual.dtype.type(float(e))
        if a == rounded:
            continue
        assert np.isfinite(a) and np.isfinite(rounded), f"{a!r} instead of {rounded!r}"
        unit = Decimal(float(np.spacing(max(np.abs(rounded), actual.dtype.type(scale)))))
        worst = max(worst, float(abs(Decimal(float(a)) - e) / unit))
    return worst


def exactly(x):
    return [Decimal(float(v)) for v in np.ravel(x)]


def exact_softplus(x):
    return max(x, Decimal(0)) + (1 + (-abs(x)).exp()).ln()


def exact_sigmoid(x):
    return 1 / (1 + (-x).exp()) if x >= 0 else x.exp() / (1 + x.exp())


def exact_softmax(line):
    e = [(x - max(line)).exp() for x in line]
    return [x / sum(e) for x in e]


def exact_logsumexp(line):
    return max(line) + sum((x - max(line)).exp() for x in line).ln()


def extremes(dtype):
    """Numbers of both signs, from the smallest denormal to nearly the largest, and the usual ones between."""
    info = np.finfo(dtype)
    powers = 10.0 ** np.linspace(np.log10(float(info.smallest_subnormal)), np.log10(float(info.max)) - 0.1, 25)
    usual = np.concatenate([np.linspace(0.05, 20, 25), [0.0, 30.0, 36.7, 88.0, 103.9, 700.0, 708.0, 745.0, 1e3]])
    sizes = np.concatenate([powers, usual]).astype(dtype)
    return np.concatenate([sizes, -sizes])


def lines(dtype):
    """Lines of logits: far apart, all equal, huge, tiny, denormal, of size 1, long.

    Where they are ordinary they are multiples of 1/16, so that differences are exact: what a rounded difference does to
    an exponential is in the logits already, and no error of the function.
    """
    info = np.finfo(dtype)
    top = float(info.max) / 4
    small = float(info.smallest_subnormal)
    rng = np.random.default_rng(3)
    rows = [
        [1e3, -1e3, 0.0],
        [1e3, 1e3, 1e3],
        [-1e3, -1e3, -1e3],
        [top, -top, 0.0],
        [top, top, -top],
        [-top, -top, -top],
        [small, -small, 0.0],
        [float(info.tiny)] * 3,
        [12.0, -12.0, 0.0],
        [30.0, -30.0, -40.0],
        *np.round(rng.normal(0, 3, (5, 3)) * 16) / 16,
        [top],
        np.round(rng.normal(0, 5, 200) * 16) / 16,
    ]
    return [np.array(row).astype(dtype) for row in rows]


SCALARS = {
    "softplus": (softplus, exact_softplus, exact_sigmoid),
    "log_sigmoid": (log_sigmoid, lambda x: -exact_softplus(-x), lambda x: exact_sigmoid(-x)),
    "sigmoid": (sigmoid, exact_sigmoid, None),
    "expm1": (expm1, lambda x: x.exp() - 1, None),
    "log1p": (log1p, lambda x: (1 + x).ln(), lambda x: 1 / (1 + x)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SCALARS)
def test_functions_of_a_number(name, dtype):
    function, exact, derivative = SCALARS[name]
    x = extremes(dtype)
    if name == "expm1":
        x = x[x < np.log(np.finfo(dtype).max) - 0.5]
    if name == "log1p":
        x = x[x > -1]
    y, (g,) = evaluate(function, x)
    error = ulps(y, [exact(v) for v in exactly(x)])
    print(f"{name} {dtype.__name__}: {error:.2f} ulp")
    assert error <= ULPS[dtype]
    assert np.isfinite(g).all()
    if derivative:
        error = ulps(g, [derivative(v) for v in exactly(x)])
        print(f"derivative of {name} {dtype.__name__}: {error:.2f} ulp")
        assert error <= ULPS[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_family(dtype):
    worst = {}
    for x in lines(dtype):
        exact = exactly(x)
        total = exact_logsumexp(exact)
        for function, right in (
            (softmax, exact_softmax(exact)),
            (log_softmax, [v - total for v in exact]),
            (reduce_logsumexp, [total]),
        ):
            y, (g,) = evaluate(function, x)
            assert np.isfinite(g).all()
            cancelled = np.abs(x.max()) if function is reduce_logsumexp else 0.0  # by the logarithm of the sum
            error = ulps(y, right, cancelled)
            worst[function.__name__] = max(worst.get(function.__name__, 0), error)
    print(dtype.__name__, {k: round(v, 2) for k, v in worst.items()})
    assert max(worst.values()) <= ULPS[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_cross_entropies(dtype):
    worst = worst_gradient = 0.0
    for x in lines(dtype):
        for label in range(min(3, len(x))):
            exact = exactly(x)
            right = exact_logsumexp(exact) - exact[label]
            hot = np.zeros_like(x)
            hot[label] = 1
            dense, (_, by_logits) = evaluate(softmax_cross_entropy_with_logits_v2, hot, x)
            sparse, (g,) = evaluate(lambda x, label=label: sparse_softmax_cross_entropy_with_logits(label, x), x)
            worst = max(worst, ulps(dense, [right]), ulps(sparse, [right]))
            np.testing.assert_array_equal(g, by_logits)
            exact_g = [float(p - (i == label)) for i, p in enumerate(exact_softmax(exact))]
            worst_gradient = max(worst_gradient, np.abs(g - exact_g).max() / np.finfo(dtype).eps)
    print(f"{dtype.__name__}: value {worst:.2f} ulp, gradient {worst_gradient:.2f} units")
    assert worst <= ULPS[dtype]
    assert worst_gradient <= 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label", [0.0, 1.0, 0.25, 0.9])
def test_sigmoid_cross_entropy(dtype, label):
    x = extremes(dtype)
    z = np.full_like(x, label)
    y, (_, g) = evaluate(sigmoid_cross_entropy_with_logits, z, x)
    exact_z = Decimal(float(z[0]))
    right = [exact_z * exact_softplus(-v) + (1 - exact_z) * exact_softplus(v) for v in exactly(x)]
    error = ulps(y, right)
    exact_g = np.array([float(exact_sigmoid(v) - exact_z) for v in exactly(x)])
    worst_gradient = np.abs(g - exact_g).max() / np.finfo(dtype).eps
    print(f"{dtype.__name__}: value {error:.2f} ulp, gradient {worst_gradient:.2f} units")
    assert error <= ULPS[dtype]
    assert worst_gradient <= 2


def test_weighted_cross_entropy_is_finite_with_its_gradient():
    x = extremes(np.float64) / 4  # what it is weighted with must not overflow
    z = np.resize([0.0, 1.0, 0.5], x.shape)
    y, gs = evaluate(lambda z, x: weighted_cross_entropy_with_logits(z, x, 3.0), z, x)
    assert np.isfinite(y).all() and all(np.isfinite(g).all() for g in gs)


# ---- infinities and NaN: where TensorFlow has a limit it is the same; where it has NaN, the limit if there is one


@pytest.mark.parametrize(
    "function, x, right, derivative",
    [
        (softplus, [inf, -inf, nan], [inf, 0, nan], [1, 0, nan]),
        (log_sigmoid, [inf, -inf, nan], [0, -inf, nan], [0, 1, nan]),
        (sigmoid, [inf, -inf, nan], [1, 0, nan], [0, 0, nan]),
        (expm1, [inf, -inf, nan], [inf, -1, nan], [inf, 0, nan]),
        (log1p, [inf, -1, -2], [inf, -inf, nan], [0, inf, -1]),
    ],
)
def test_functions_at_infinity(function, x, right, derivative):
    y, (g,) = evaluate(function, np.array(x))
    np.testing.assert_array_equal(y, right)
    np.testing.assert_array_equal(g, derivative)


def test_softmax_family_at_infinity():
    x = np.array([[-inf, 0, 0], [0, -inf, -inf]])
    np.testing.assert_array_equal(evaluate(softmax, x)[0], [[0, 0.5, 0.5], [1, 0, 0]])
    half = -np.log(2)
    np.testing.assert_allclose(evaluate(log_softmax, x)[0], [[-inf, half, half], [0, -inf, -inf]], rtol=1e-15)
    y, (g,) = evaluate(lambda x: reduce_logsumexp(x, axis=1), x)
    np.testing.assert_allclose(y, [-half, 0], rtol=1e-15)
    np.testing.assert_array_equal(g, [[0, 0.5, 0.5], [1, 0, 0]])
    lost = np.array([[-inf, -inf], [inf, 1], [nan, 1]])
    np.testing.assert_array_equal(evaluate(lambda x: reduce_logsumexp(x, axis=1), lost)[0], [-inf, inf, nan])
    assert np.isnan(evaluate(softmax, lost)[0][[0, 2]]).all()


def test_cross_entropies_at_infinity():
    x = np.array([[-inf, 0.0, 0.0], [-inf, 0.0, 0.0]])
    labels = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    y, (_, g) = evaluate(softmax_cross_entropy_with_logits_v2, labels, x)
    np.testing.assert_allclose(y, [np.log(2), inf], rtol=1e-15)
    np.testing.assert_array_equal(g, [[0, -0.5, 0.5], [-1, 0.5, 0.5]])
    y, (_, g) = evaluate(sigmoid_cross_entropy_with_logits, np.array([1.0, 0, 1, 0]), np.array([inf, inf, -inf, -inf]))
    np.testing.assert_array_equal(y, [0, inf, inf, 0])
    np.testing.assert_array_equal(g, [0, 1, -1, 0])


# ---- what is not chosen does not leak


@pytest.mark.parametrize("choose", [where, where_v2])
def test_where_keeps_nan_out_of_the_value_and_of_the_gradient(choose):
    x = np.array([4.0, 0.0, -1.0])
    y, (g,) = evaluate(lambda x: choose(x > 0.0, x, x / 0.0), x)
    np.testing.assert_array_equal(y[:1], [4.0])
    bad = np.array([nan, inf, 2.0])
    y, (g, _) = evaluate(lambda x, bad: choose(bad < 3.0, x, bad) * choose(bad < 3.0, bad, 0.0), x, bad)
    np.testing.assert_array_equal(g, [0, 0, 2.0])


def test_double_where_gives_a_finite_gradient():
    x = np.array([4.0, 0.0, -1.0])
    safe = evaluate(lambda x: where(x > 0.0, sqrt(where(x > 0.0, x, 1.0 + 0.0 * x)), 0.0 * x), x)
    np.testing.assert_array_equal(safe[0], [2, 0, 0])
    np.testing.assert_array_equal(safe[1][0], [0.25, 0, 0])


def test_no_spurious_nan_where_a_factor_is_zero():
    y, (gx, gy) = evaluate(pow, np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(y, [1, 0, 0, 1])
    np.testing.assert_array_equal(gx, [0, 1, 0, 0])
    np.testing.assert_array_equal(gy, [0, 0, 0, np.log(2)])
    y, (gx, gy) = evaluate(divide_no_nan, np.array([1.0, 0.0, inf, 4.0]), np.array([0.0, 0.0, 0.0, 2.0]))
    np.testing.assert_array_equal([y, gx, gy], [[0, 0, 0, 2], [0, 0, 0, 0.5], [0, 0, 0, -1]])


def test_product_with_zeros_to_second_order():
    x = np.array([2.0, 0.0, 3.0])
    _, (g,) = evaluate(reduce_prod, x)
    np.testing.assert_array_equal(g, [0, 6, 0])
    _, (h,) = evaluate(lambda x: gradients(reduce_prod(x), x)[0], x)
    np.testing.assert_array_equal(h, [3, 5, 2])  # rows of the Hessian [[0, 3, 0], [3, 0, 2], [0, 2, 0]]


# ---- sums


def test_float16_is_summed_in_float32():
    ones = np.ones(70000, np.float16)
    assert evaluate(reduce_mean, ones)[0] == 1
    tall = np.full((5000, 3), 1.0, np.float16)
    np.testing.assert_array_equal(evaluate(lambda x: reduce_sum(x, axis=0), tall)[0], [5000] * 3)
    assert evaluate(cumsum, np.ones(5000, np.float16))[0][-1] == 5000
    assert evaluate(l2_loss, np.full(8, 100.0, np.float16))[0] == 40000


def test_extremes_of_nothing_and_of_ties():
    nothing = np.zeros((0, 2))
    np.testing.assert_array_equal(evaluate(lambda x: reduce_max(x, axis=0), nothing)[0], [-inf, -inf])
    _, (g,) = evaluate(lambda x: reduce_max(x, axis=1), np.array([[1.0, 3, 3], [inf, inf, 1]]))
    np.testing.assert_array_equal(g, [[0, 0.5, 0.5], [0.5, 0.5, 0]])


def test_logarithm_of_denormals():
    x = np.array([5e-324, 1e-310, 2.3e-308])
    assert ulps(evaluate(log, x)[0], [v.ln() for v in exactly(x)]) <= 1
