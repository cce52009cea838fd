"""Blocks that compute their values again: the same gradients as the plain block, in less memory."""

import tracemalloc

import numpy as np
import pytest

import npslim as slim
from npslim.errors import InvalidArgumentError
from npslim.ops.custom_gradient import custom_gradient


def branch(x):
    return slim.fully_connected(x, x.shape.as_list()[-1], activation_fn=slim.tanh)


def values_and_gradients(outputs, inputs, feeds):
    """The outputs, the gradients by the inputs and all variables, with variables that a fixed generator gives."""
    variables = slim.get_trainable_variables()
    grads = slim.gradients([slim.reduce_sum(y * y) for y in outputs], [*inputs, *variables])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    rng = np.random.default_rng(3)
    for v in variables:
        v.load(rng.normal(size=v.shape.as_list(), scale=0.3), session)
    return [v.op.name for v in variables], session.run([outputs, grads], feeds)


def of_block(efficient, num_layers=3, side=None):
    slim.reset_default_graph()
    x = slim.placeholder(slim.float64, [None, 4])
    y = slim.placeholder(slim.float64, [None, 4])
    f = (lambda z, extra: branch(z) + extra[0]) if side else branch
    extra = [slim.placeholder(slim.float64, [None, 4])] if side else None
    outputs = slim.rev_block(x, y, f, branch, num_layers, f_side_input=extra, is_training=efficient)
    rng = np.random.default_rng(0)
    inputs = [x, y, *(extra or [])]
    return values_and_gradients(outputs, inputs, {t: rng.normal(size=(5, 4)) for t in inputs})


@pytest.mark.parametrize("side", [False, True])
def test_rev_block_is_the_plain_block(side):
    names, (outputs, grads) = of_block(True, side=side)
    plain_names, (plain_outputs, plain_grads) = of_block(False, side=side)
    assert names == plain_names
    assert names[0] == "revblock/revlayer_0/f/fully_connected/weights" and len(names) == 12
    for a, b in zip([*outputs, *grads], [*plain_outputs, *plain_grads], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_backward_undoes_forward():
    x1, x2 = (slim.constant(np.random.default_rng(i).normal(size=(5, 4))) for i in (1, 2))
    block = slim.RevBlock(branch, branch, num_layers=4)
    back = block.backward(*block((x1, x2)))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for a, b in zip(*session.run([back, (x1, x2)]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_lists_of_functions_must_fit():
    with pytest.raises(InvalidArgumentError, match="a function for each layer"):
        slim.rev_block(slim.zeros([2, 3]), slim.zeros([2, 3]), [branch, branch], [branch], num_layers=2)


def deep(x):
    for _ in range(6):
        x = branch(x)
    return x


def of_function(wrap):
    slim.reset_default_graph()
    x = slim.placeholder(slim.float64, [None, 4])
    outputs = [wrap(deep)(x)]
    return values_and_gradients(outputs, [x], {x: np.random.default_rng(0).normal(size=(5, 4))})


def test_recompute_grad_reuses_variables_under_default_names():
    names, (outputs, grads) = of_function(slim.recompute_grad)
    plain_names, (plain_outputs, plain_grads) = of_function(lambda f: f)
    assert names == plain_names and len(names) == 12
    for a, b in zip([*outputs, *grads], [*plain_outputs, *plain_grads], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def peak(build):
    """The most bytes that runs of the gradients take, what waits between them for the next one included."""
    slim.reset_default_graph()
    x = slim.placeholder(slim.float32, [2048, 32])
    loss = slim.reduce_sum(slim.square(build(x)))
    fetches = slim.gradients(loss, [x, *slim.get_trainable_variables()])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    feeds = {x: np.ones((2048, 32), np.float32)}
    tracemalloc.start()
    try:
        for _ in range(3):
            session.run(fetches, feeds)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_really_lower():
    def blocks(wrap):
        def build(x):
            for _ in range(4):
                x = wrap(deep)(x)
            return x

        return build

    assert peak(blocks(slim.recompute_grad)) < 0.55 * peak(blocks(lambda f: f))

    def reversible(efficient):
        return lambda x: slim.concat(slim.rev_block(x, x, branch, branch, num_layers=12, is_training=efficient), 1)

    assert peak(reversible(True)) < 0.5 * peak(reversible(False))


def test_scale_gradient_and_custom_gradients():
    x = slim.placeholder(slim.float32, [3])
    y = slim.layers.scale_gradient(x * x, 0.25)
    (grad,) = slim.gradients(y, [x])
    value, by_x = slim.Session().run([y, grad], {x: [1, 2, 3]})
    np.testing.assert_array_equal(value, [1, 4, 9])
    np.testing.assert_array_equal(by_x, [0.5, 1, 1.5])

    @custom_gradient
    def stable(z):
        e = slim.exp(z)
        return slim.log1p(e), lambda dy: dy * (1 - 1 / (1 + e))

    (grad,) = slim.gradients(stable(x), [x])
    np.testing.assert_allclose(slim.Session().run(grad, {x: [100, 0, -1]}), [1, 0.5, 0.26894142], rtol=1e-6)


def test_a_custom_gradient_must_take_the_variables_it_uses():
    @custom_gradient
    def with_variable(z):
        return z * slim.get_variable("w", [3]), lambda dy: dy

    with pytest.raises(InvalidArgumentError, match="uses variables"):
        with_variable(slim.zeros([3]))
