"""Gradients registered by name, and guided backpropagation by them."""

import numpy as np
import pytest

import npslim as slim
from npslim.autograd import registered
from npslim.autograd.registered import RegisterGradient
from npslim.errors import GradientError


@pytest.fixture(autouse=True)
def no_leaks(monkeypatch):
    monkeypatch.setattr(registered, "_FUNCTIONS", {})


def test_guided_backpropagation():
    """Springenberg et al. (2015): only positive gradients pass, and only where the activation is."""

    @RegisterGradient("GuidedRelu")
    def _(op, grad):
        assert op.type == "Relu" and len(op.inputs) == 1
        return slim.relu(grad) * slim.cast(slim.greater(op.outputs[0], 0.0), grad.dtype)

    x = slim.placeholder(slim.float64, [None, 3])
    w = np.array([[1.0, -2.0], [0.5, 1.0], [-1.0, 3.0]])
    graph = slim.get_default_graph()
    plain = slim.relu(slim.relu(x) @ w)
    with graph.gradient_override_map({"Relu": "GuidedRelu"}):
        guided = slim.relu(slim.relu(x) @ w)
    outside = slim.relu(x)
    by_plain, by_guided, by_outside = (slim.gradients(y, x)[0] for y in (plain, guided, outside))
    a = np.random.default_rng(0).normal(size=(5, 3))
    one, other, third = slim.Session().run([by_plain, by_guided, by_outside], {x: a})
    hidden = np.maximum(a, 0)
    back = (hidden @ w > 0) @ w.T
    np.testing.assert_allclose(one, back * (a > 0))
    np.testing.assert_allclose(other, np.maximum(back, 0) * (a > 0))
    np.testing.assert_allclose(third, a > 0)
    assert not np.array_equal(one, other)


def test_a_gradient_of_several_outputs():
    @RegisterGradient("Swapped")
    def _(op, first, second):
        return slim.concat([[second * 2.0], [first]], 0)

    x = slim.placeholder(slim.float32, [2, 2])
    graph = slim.get_default_graph()
    with graph.gradient_override_map({"Unpack": "Swapped"}):
        a, b = slim.unstack(x)
    (grad,) = slim.gradients([a, b], x, grad_ys=[slim.constant([1.0, 2.0]), slim.constant([3.0, 4.0])])
    (of_first,) = slim.gradients(a, x)
    session = slim.Session()
    np.testing.assert_array_equal(session.run(grad, {x: np.zeros((2, 2))}), [[6, 8], [1, 2]])
    np.testing.assert_array_equal(session.run(of_first, {x: np.zeros((2, 2))}), [[0, 0], [1, 1]])


def test_refusals():
    RegisterGradient("Mine")(lambda op, g: (g, g))
    with pytest.raises(KeyError, match="There is a gradient named 'Mine'"):
        RegisterGradient("Mine")(lambda op, g: g)
    with pytest.raises(TypeError, match="A gradient has a name"):
        RegisterGradient(3)
    x = slim.placeholder(slim.float32, [2])
    graph = slim.get_default_graph()
    with graph.gradient_override_map({"Exp": "Mine", "Log": "Nobody"}):
        y, z = slim.exp(x), slim.log(x)
    with pytest.raises(GradientError, match="wrong number of gradients"):
        slim.gradients(y, x)
    with pytest.raises(LookupError, match="no gradient named 'Nobody'"):
        slim.gradients(z, x)
    with pytest.raises(TypeError, match="takes a dictionary"), graph.gradient_override_map(["Exp"]):
        pass
