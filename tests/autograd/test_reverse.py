"""gradients(): the walk back, its options, its order, and what it refuses."""

import sys
import time

import numpy as np
import pytest

import npslim as slim
from npslim.autograd import reverse
from npslim.errors import GradientError
from npslim.ops.logic import sum_to
from npslim.registry import REGISTRY


@pytest.fixture
def x():
    return slim.placeholder(slim.float64, [3], name="x")


X = np.array([0.5, -1.0, 2.0])


def run(fetches, feeds=None):
    return slim.Session().run(fetches, feeds)


def test_derivatives_of_a_polynomial_to_third_order(x):
    orders = [x**4.0 + 2.0 * x]
    for _ in range(3):
        orders += slim.gradients(orders[-1], x)
    expected = [X**4 + 2 * X, 4 * X**3 + 2, 12 * X**2, 24 * X]
    for value, right in zip(run(orders, {x: X}), expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-14)


def test_mixed_third_derivative(x):
    y = slim.placeholder(slim.float64, [3])
    f = slim.sin(x * y) * slim.exp(y)
    (fx,) = slim.gradients(f, x)
    (fxy,) = slim.gradients(fx, y)
    (fxyx,) = slim.gradients(fxy, x)
    b = np.array([1.0, 0.3, -0.7])
    u = X * b  # f_x = y cos(xy) e^y; f_xx = -y^2 sin(xy) e^y; d/dy of f_xx:
    right = np.exp(b) * (-2 * b * np.sin(u) - b * b * X * np.cos(u) - b * b * np.sin(u))
    np.testing.assert_allclose(run(fxyx, {x: X, y: b}), right, rtol=1e-12)


def test_every_use_of_an_input_counts(x):
    (g,) = slim.gradients(x * x + x, x)
    np.testing.assert_array_equal(run(g, {x: X}), 2 * X + 1)


def test_paths_of_unequal_length(x):
    """Each cotangent is complete before it is passed on, however long the ways are that lead to it."""
    a = x * 2.0
    b = slim.exp(a)
    c = b * a
    d = c * a + b
    e = d * x
    (g,) = slim.gradients(e, x)
    t = np.exp(2 * X)  # e = x (4 x^2 t + t)
    np.testing.assert_allclose(
        run(g, {x: X}), t * (4 * X**2 + 1) + X * (8 * X * t + 2 * t * (4 * X**2 + 1)), rtol=1e-13
    )


def test_several_ys_add_up(x):
    (g,) = slim.gradients([x * 2.0, x * x, x[:2]], x)
    np.testing.assert_array_equal(run(g, {x: X}), 2 + 2 * X + [1, 1, 0])


def test_the_same_y_twice(x):
    y = x * 3.0
    np.testing.assert_array_equal(run(slim.gradients([y, y], x)[0], {x: X}), [6, 6, 6])


def test_grad_ys(x):
    seed = slim.placeholder(slim.float64, [3])
    g, h = slim.gradients([x * x, x * 3.0], [x, x], grad_ys=[seed, [1.0, 2.0, 3.0]])
    for value in run([g, h], {x: X, seed: [10.0, 100.0, 0.0]}):
        np.testing.assert_array_equal(value, 2 * X * [10, 100, 0] + [3, 6, 9])
    (g,) = slim.gradients([x * x, x], x, grad_ys=[None, x])
    np.testing.assert_array_equal(run(g, {x: X}), 3 * X)
    with pytest.raises(ValueError, match="grad_ys"):
        slim.gradients([x, x], x, grad_ys=[None])


def test_stop_gradients(x):
    a = x * x
    b = a * x
    for stop, right in (([], 3 * X**2), ([a], X**2), ([x], 3 * X**2)):  # as TensorFlow: nothing goes beyond a stop
        found = slim.gradients(b, x, stop_gradients=stop)[0]
        value = run(found, {x: X}) if found is not None else 0 * X
        np.testing.assert_array_equal(value, right)
    ga, gx = slim.gradients(b, [a, x], stop_gradients=[a, x])
    for value, right in zip(run([ga, gx], {x: X}), [X, X**2], strict=True):
        np.testing.assert_array_equal(value, right)


def test_stop_gradient(x):
    (g,) = slim.gradients(x * slim.stop_gradient(x), x)
    np.testing.assert_array_equal(run(g, {x: X}), X)


def test_by_a_tensor_in_between(x):
    a = slim.exp(x)
    ga, gx = slim.gradients(a * a, [a, x])
    for value, right in zip(run([ga, gx], {x: X}), [2 * np.exp(X), 2 * np.exp(2 * X)], strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-14)


def test_of_a_tensor_by_itself(x):
    np.testing.assert_array_equal(run(slim.gradients(x, x)[0], {x: X}), [1, 1, 1])


def test_unconnected(x):
    other = slim.placeholder(slim.float64, [2])
    assert slim.gradients(x, other) == [None]
    assert (
        slim.gradients(slim.floor(x), x) == [None]
        or run(slim.gradients(slim.floor(x), x)[0], {x: X}).tolist() == [0] * 3
    )
    (zero,) = slim.gradients(x, other, unconnected_gradients="zero")
    np.testing.assert_array_equal(run(zero, {other: [5.0, 6.0]}), [0, 0])
    assert slim.gradients([], [x]) == [None]


def test_integers_cut_the_way(x):
    assert slim.gradients(slim.cast(slim.cast(x, slim.int32), slim.float64), x) == [None]


def test_arguments_that_are_no_tensors(x):
    for ys, xs in ((3.0, x), (x, "x"), (x, [3])):
        with pytest.raises(TypeError, match="tensors"):
            slim.gradients(ys, xs)
    with pytest.raises(TypeError, match="floating"):
        slim.gradients(slim.argmax(x), x)


def test_an_op_without_a_rule_raises(x):
    @slim.op
    def no_rule_for_tests(x):
        """x."""
        return x

    try:
        no_rule_for_tests.shape(lambda x: x)
        y = no_rule_for_tests(x, name="there")
        with pytest.raises(LookupError, match="no_rule_for_tests") as caught:
            slim.gradients(y, x)
        for part in ("there", "test_reverse.py", "stop_gradient"):
            assert part in str(caught.value)
        assert isinstance(caught.value, GradientError)
        assert slim.gradients(y + x, slim.placeholder(slim.float64, [])) == [None], "it is not on the way"
    finally:
        del REGISTRY["no_rule_for_tests"]


# ---- unknown sizes, broadcasting


def test_broadcast_cotangents_are_summed_with_unknown_sizes():
    x = slim.placeholder(slim.float64, [None, None])
    b = slim.placeholder(slim.float64, [None])
    s = slim.placeholder(slim.float64, None)
    gx, gb, gs = slim.gradients(x * b + s, [x, b, s])
    data, bias = np.arange(6.0).reshape(2, 3), np.array([2.0, 3.0, 4.0])
    found = run([gx, gb, gs], {x: data, b: bias, s: np.ones((2, 1))})
    np.testing.assert_array_equal(found[0], np.tile(bias, (2, 1)))
    np.testing.assert_array_equal(found[1], data.sum(0))
    np.testing.assert_array_equal(found[2], [[3], [3]])


def test_a_gradient_has_the_shape_of_its_input():
    x, b = slim.placeholder(slim.float32, [None, 4]), slim.placeholder(slim.float32, [4])
    for t, g in zip([x, b], slim.gradients(slim.tanh(x + b), [x, b]), strict=True):
        assert g.shape.as_list() == t.shape.as_list() and g.dtype == slim.float32


# ---- rows of a gather


def test_rows_stay_rows_and_add_up():
    table = slim.placeholder(slim.float64, [5, 2], name="table")
    first, second = slim.constant([1, 3, 1]), slim.constant([0])
    y = slim.reduce_sum(slim.gather(table, first) * 2.0) + slim.reduce_sum(slim.gather(table, second))
    (g,) = slim.gradients(y, table)
    assert isinstance(g, slim.IndexedSlices)
    found = run(g, {table: np.zeros((5, 2))})
    total = np.zeros((5, 2))
    np.add.at(total, found.indices, found.values)
    np.testing.assert_array_equal(total, np.array([1, 4, 0, 2, 0])[:, None] * [1, 1])
    np.testing.assert_array_equal(run(slim.convert_to_tensor(g), {table: np.zeros((5, 2))}), total)


def test_rows_and_a_whole_gradient_add_up():
    table = slim.placeholder(slim.float64, [4])
    (g,) = slim.gradients([slim.gather(table, [1, 1]), table * 10.0], table)
    assert isinstance(g, slim.Tensor)
    np.testing.assert_array_equal(run(g, {table: np.zeros(4)}), [10, 12, 10, 10])


def test_rows_on_the_way_back_and_to_second_order():
    x = slim.placeholder(slim.float64, [4])
    (g,) = slim.gradients(slim.gather(x * x * x, [2, 0, 2]), x)
    (gg,) = slim.gradients(g, x)
    data = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(run(g, {x: data}), 3 * data**2 * [1, 0, 2, 0])
    np.testing.assert_allclose(run(gg, {x: data}), 6 * data * [1, 0, 2, 0])


# ---- names, many outputs


def test_names(x):
    y = slim.exp(x, name="grow")
    before = x.graph.version
    slim.gradients(y, x)
    slim.gradients(y, x, name="again")
    names = [node.name for node in x.graph.get_operations()[before:]]
    assert any(name.startswith("gradients/grow_grad/") for name in names)
    assert any(name.startswith("again/grow_grad/") for name in names)
    assert all(name.split("/")[0] in ("gradients", "again") for name in names)


def test_an_op_of_several_outputs_of_which_one_is_used():
    x = slim.placeholder(slim.float64, [2, 3])
    parts = slim.unstack(x, axis=1)
    (g,) = slim.gradients(parts[1] * 5.0, x)
    np.testing.assert_array_equal(run(g, {x: np.zeros((2, 3))}), [[0, 5, 0]] * 2)


def test_variables():
    v, w = slim.Variable(np.array([1.0, 2.0])), slim.Variable(np.array([3.0, 4.0]))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    found = session.run(slim.gradients(v * v * w, [v, w]))
    for value, right in zip(found, [[6, 16], [1, 4]], strict=True):
        np.testing.assert_array_equal(value, right)


def test_sum_to_is_what_broadcasting_undoes():
    x, like = np.arange(24.0).reshape(2, 3, 4), np.zeros((3, 1))
    np.testing.assert_array_equal(run(sum_to(slim.constant(x), slim.constant(like))), x.sum(0).sum(1, keepdims=True))


# ---- size


def test_each_of_five_thousand_shared_nodes_is_walked_once(record_property, monkeypatch):
    """y = y + y makes a number of paths that doubles with each line; nodes are walked, not paths."""
    walked, pull = [], reverse._pull
    monkeypatch.setattr(reverse, "_pull", lambda graph, node, pulled: walked.append(node) or pull(graph, node, pulled))
    x = y = slim.placeholder(slim.float64, [], name="x")
    for k in range(2500):
        y = y + y if k % 2 else y * 0.5
    for k in range(2500):
        y = slim.maximum(y, y) if k % 2 else y + 0.0
    begun = time.process_time()
    (g,) = slim.gradients(y, x)
    text = slim.Session().explain([y, g])
    record_property("seconds", time.process_time() - begun)
    assert len(walked) == len(set(walked)) == 5000
    assert 7500 < len(text.splitlines()) < 20_000
    assert run(g, {x: 1.0}) == 1.0


def test_a_chain_of_fifty_thousand_nodes():
    limit = sys.getrecursionlimit()
    x = y = slim.placeholder(slim.float64, [], name="x")
    for _ in range(50_000):
        y = -y
    (g,) = slim.gradients(y * y, x)
    session = slim.Session()
    assert session.run([y, g], {x: 3.0}) == [3.0, 6.0]
    assert sys.getrecursionlimit() == limit
