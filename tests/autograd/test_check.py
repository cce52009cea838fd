"""check_gradients(): it passes what is right and catches what is wrong by one part in a thousand."""

import numpy as np
import pytest

import npslim as slim
from npslim.autograd.check import COMPLEX_STEP, FOUR_POINTS, TOLERANCE
from npslim.errors import GradientError
from npslim.registry import REGISTRY


@pytest.fixture
def wrong_op():
    """A function that defines an op with a gradient off by a factor, gone after the test."""

    def define(factor, holomorphic, order=1):
        @slim.op(holomorphic=holomorphic)
        def cubed_for_tests(x):
            """x ** 3."""
            return x * x * x

        cubed_for_tests.shape(lambda x: x)

        @cubed_for_tests.vjp
        def _(g, y, x):
            if order == 1:
                return g * x * x * (3.0 * factor)
            square = x * x  # right in value; its own derivative is not
            return g * 3.0 * (square * factor + slim.stop_gradient(square * (1.0 - factor)))

        return cubed_for_tests

    yield define
    REGISTRY.pop("cubed_for_tests", None)


X = np.random.default_rng(0).normal(size=(3, 4))


@pytest.mark.parametrize("holomorphic, method", [(True, COMPLEX_STEP), (False, FOUR_POINTS)])
def test_a_right_gradient_passes(wrong_op, holomorphic, method):
    results = slim.check_gradients(wrong_op(1.0, holomorphic), [X], order=2)
    assert [r.order for r in results] == [1, 2]
    assert all(r.method == method and r.passed and r.error <= TOLERANCE[method] for r in results)


@pytest.mark.parametrize("holomorphic", [True, False])
@pytest.mark.parametrize("factor", [1.001, 0.999, 0.0, -1.0])
def test_a_wrong_gradient_is_caught(wrong_op, holomorphic, factor):
    with pytest.raises(GradientError, match="order 1 by input 0 is wrong") as caught:
        slim.check_gradients(wrong_op(factor, holomorphic), [X])
    assert ("1e-12" if holomorphic else "1e-08") in str(caught.value)


@pytest.mark.parametrize("holomorphic", [True, False])
def test_a_gradient_wrong_in_second_order_is_caught(wrong_op, holomorphic):
    wrong = wrong_op(1.001, holomorphic, order=2)
    assert slim.check_gradients(wrong, [X], order=1)[0].passed
    with pytest.raises(GradientError, match="order 2"):
        slim.check_gradients(wrong, [X], order=2)


def test_a_missing_gradient_is_caught():
    with pytest.raises(GradientError, match="input 1"):
        slim.check_gradients(lambda x, y: x * slim.stop_gradient(y), [X, X])


def test_one_wrong_element_of_many_is_caught(wrong_op):
    x = np.ones(400)
    factor = np.ones(400)
    factor[123] = 1.001
    with pytest.raises(GradientError):
        slim.check_gradients(wrong_op(factor, True), [x])


def test_without_raising(wrong_op):
    (result,) = slim.check_gradients(wrong_op(1.001, True), [X], raises=False)
    assert not result.passed and 1e-4 < result.error < 1e-2


def test_several_inputs_and_outputs():
    results = slim.check_gradients(
        lambda x, y, n: (x * slim.exp(y), slim.sin(x) + slim.cast(n, slim.float64), n), [X, X[0], np.arange(4)], order=3
    )
    assert len(results) == 6 and max(r.error for r in results) < 1e-12


def test_float32_arrays_are_checked_in_float64():
    (result,) = slim.check_gradients(slim.tanh, [X.astype(np.float32)])
    assert result.error < 1e-12


def test_random_ops_draw_the_same_numbers():
    results = slim.check_gradients(
        lambda x: slim.dropout(x * x, 0.5) * slim.random_normal([3, 4], dtype=slim.float64), [X]
    )
    assert results[0].passed


def test_both_methods_agree_with_calculus():
    for f in (lambda x: slim.exp(x) / (1.0 + slim.exp(x)), lambda x: slim.abs(x) * x):
        assert all(r.passed for r in slim.check_gradients(f, [X], order=2))


def test_a_function_through_cond_and_loop():
    def f(x):
        _, y = slim.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, slim.sin(y) * x), (0, x))
        return slim.cond(slim.reduce_sum(x) < 1e9, lambda: y * x, lambda: x)

    assert slim.check_gradients(f, [X])[0].passed


def test_nothing_to_check():
    assert slim.check_gradients(lambda n: n, [np.arange(3)]) == []
    assert slim.check_gradients(slim.exp, [np.zeros((0, 3))]) == []
    linear = slim.check_gradients(lambda x: x * 2.0, [X], order=3)
    assert [(r.order, r.error) for r in linear[1:]] == [(2, 0.0)], "a derivative of zero is checked once"


# ---- functions on arrays, with a gradient of their own


def layer_norm(x, gamma):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3) * gamma


def layer_norm_gradient(g, x, gamma):
    n = x.shape[-1]
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)
    h = g * gamma
    by_x = inverse * (h - h.mean(-1, keepdims=True) - centred * inverse**2 * (h * centred).sum(-1, keepdims=True) / n)
    return by_x, (g * centred * inverse).sum(0)


GAMMA = np.random.default_rng(1).uniform(0.5, 2, 4)


@pytest.mark.parametrize("holomorphic, method", [(True, COMPLEX_STEP), (False, FOUR_POINTS)])
def test_a_function_on_arrays(holomorphic, method):
    results = slim.check_gradients(layer_norm, [X, GAMMA], gradient=layer_norm_gradient, holomorphic=holomorphic)
    assert [r.input for r in results] == [0, 1]
    assert all(r.method == method and r.passed for r in results)


@pytest.mark.parametrize("holomorphic", [True, False])
def test_a_wrong_gradient_on_arrays_is_caught(holomorphic):
    def wrong(g, x, gamma):
        by_x, by_gamma = layer_norm_gradient(g, x, gamma)
        return by_x, by_gamma * 1.001

    with pytest.raises(GradientError, match="order 1 by input 1 is wrong"):
        slim.check_gradients(layer_norm, [X, GAMMA], gradient=wrong, holomorphic=holomorphic)
    failed = slim.check_gradients(layer_norm, [X, GAMMA], gradient=wrong, raises=False)
    assert [r.passed for r in failed] == [True, False]


def test_several_results_and_inputs_without_gradient():
    def take_and_sum(x, i):
        return x[i], x.sum()

    def gradient(gs, x, i):
        g, total = gs
        by_x = np.full_like(x, total)
        np.add.at(by_x, i, g)
        return by_x, None

    results = slim.check_gradients(take_and_sum, [X, np.array([0, 2, 0])], gradient=gradient)
    assert [r.input for r in results] == [0] and results[0].passed
    with pytest.raises(GradientError, match="by input 0"):
        slim.check_gradients(take_and_sum, [X, np.array([0])], gradient=lambda gs, x, i: (None, None))


def test_a_function_that_cannot_be_checked_says_why():
    with pytest.raises(GradientError, match="float32(.|\n)*narrows its inputs"):
        slim.check_gradients(lambda x: x.astype(np.float32), [X], gradient=lambda g, x: g)
    with pytest.raises(GradientError, match="expected complex128(.|\n)*drops imaginary parts"):
        slim.check_gradients(lambda x: np.abs(x), [X], gradient=lambda g, x: g * np.sign(x), holomorphic=True)
    with pytest.raises(GradientError, match=r"cotangent of input 0 has another shape.(.|\n)*\[3, 4\](.|\n)*\[4\]"):
        slim.check_gradients(lambda x: x, [X], gradient=lambda g, x: g[0])
    with pytest.raises(GradientError, match="wrong number of cotangents"):
        slim.check_gradients(lambda x: x, [X], gradient=lambda g, x: (g, g))
    with pytest.raises(ValueError, match="first order"):
        slim.check_gradients(lambda x: x, [X], order=2, gradient=lambda g, x: g)
