"""map_fn, scan, foldl and foldr: values against Python's loops, gradients to second order, structures, refusals."""

import collections

import numpy as np
import pytest

import npslim as slim
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.ops.turns import over_elements

X = np.array([[0.5, 2.0], [-1.0, 0.3], [0.7, -0.2]])
W = np.array([0.9, -0.4])
Pair = collections.namedtuple("Pair", "first second")


def run(fetches, feeds=None):
    return slim.Session().run(fetches, feeds)


def unrolled(kind, f, x, w, n=3):
    """The same in Python: a list of tensors to stack, or the last one."""
    order = range(n)[:: -1 if kind in ("foldr", "reverse") else 1]
    if kind == "map_fn":
        return slim.convert_to_tensor([f(w, x[i]) for i in order])
    values, a = {}, w
    for i in order:
        values[i] = a = f(a, x[i])
    return a if kind.startswith("fold") else slim.convert_to_tensor([values[i] for i in range(n)])


def looped(kind, f, x, w):
    if kind == "map_fn":
        return slim.map_fn(lambda e: f(w, e), x)
    if kind == "reverse":
        return slim.scan(f, x, initializer=w, reverse=True)
    return getattr(slim, kind)(f, x, initializer=w)


KINDS = ["map_fn", "scan", "reverse", "foldl", "foldr"]


def step(w, e):
    return slim.sin(w * e) * e - w * w


@pytest.mark.parametrize("kernels", ["plain", "fast", "reference"])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_unrolled_loop(kind, kernels):
    x, w = slim.placeholder(slim.float64, [None, 2]), slim.placeholder(slim.float64, [2])
    orders = []
    for y in (looped(kind, step, x, w), unrolled(kind, step, x, w)):
        first = slim.gradients(y, [x, w])
        orders += [[y, *first, *slim.gradients([slim.sin(g) for g in first], [x, w])]]
    found, right = slim.Session(kernels=kernels).run(orders, {x: X, w: W})
    for a, b in zip(found, right, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right_to_third_order(kind):
    slim.check_gradients(lambda x, w: looped(kind, step, x, w), [X, W], order=3)


def test_without_an_initializer_the_first_element_is_the_start():
    x = slim.placeholder(slim.float64, [None, 2])
    np.testing.assert_allclose(run(slim.scan(lambda a, e: a + e, x), {x: X}), np.cumsum(X, axis=0))
    backward = run(slim.scan(lambda a, e: a + e, x, reverse=True), {x: X})
    np.testing.assert_allclose(backward, np.cumsum(X[::-1], axis=0)[::-1])
    np.testing.assert_allclose(run(slim.foldl(lambda a, e: a - e, x), {x: X}), X[0] - X[1] - X[2])
    np.testing.assert_allclose(run(slim.foldr(lambda a, e: a - e, x), {x: X}), X[2] - X[1] - X[0])


def test_structures():
    elems = {"b": X, "a": Pair(np.arange(3), X * 2)}
    found = run(slim.map_fn(lambda e: [e["a"].first, e["b"]], elems, dtype=[slim.int64, slim.float64]))
    np.testing.assert_array_equal(found[0], [0, 1, 2])
    np.testing.assert_array_equal(found[1], X)
    found = run(slim.map_fn(lambda e: Pair(e.second, e.first), Pair(X, X + 1)))
    np.testing.assert_array_equal(found.first, X + 1)
    sums = run(slim.scan(lambda a, e: (a[0] + e["b"], a[1] + 1), elems, initializer=(np.zeros(2), 0)))
    np.testing.assert_allclose(sums[0], np.cumsum(X, axis=0))
    np.testing.assert_array_equal(sums[1], [1, 2, 3])


def test_static_shapes():
    x = slim.placeholder(slim.float32, [None, 2, 5])
    assert slim.map_fn(lambda e: slim.reduce_sum(e, axis=0), x).shape.as_list() == [None, 5]
    known = slim.zeros([4, 2])
    assert slim.map_fn(lambda e: e, known).shape.as_list() == [4, 2]
    assert slim.map_fn(lambda e: e[0], (x, slim.zeros([7])), dtype=slim.float32).shape.as_list() == [7, 2, 5]
    assert slim.scan(lambda a, e: a + e, known).shape.as_list() == [4, 2]
    assert slim.foldl(lambda a, e: a + e, known).shape.as_list() == [2]


def test_names():
    x = slim.zeros([4, 2])
    for kind in ("scan", "foldl", "foldr"):
        assert getattr(slim, kind)(lambda a, e: a + e, x).name.startswith(f"{kind}/")
    assert slim.map_fn(lambda e: e, x).name.startswith("map/")
    assert slim.map_fn(lambda e: e, x, name="m").name.startswith("m/")


def test_variables_made_inside_are_made_once_and_trained():
    y = slim.map_fn(lambda e: e * slim.get_variable("w", [2], initializer=slim.ones_initializer()), X.astype("f"))
    assert [v.op.name for v in slim.trainable_variables()] == ["w"]
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    found = session.run(slim.gradients(y, slim.trainable_variables())[0])
    np.testing.assert_allclose(found, X.sum(axis=0), rtol=1e-6)


def test_each_turn_draws_its_own_numbers():
    y = slim.map_fn(lambda e: e + slim.random_uniform([2], dtype=slim.float64), slim.zeros([5, 2], slim.float64))
    assert len(np.unique(run(y))) == 10


def test_the_way_back_uses_the_numbers_that_were_drawn():
    x = slim.constant(X)
    y = slim.map_fn(lambda e: e * slim.random_uniform([2], dtype=slim.float64), x)
    values, g = run([y, slim.gradients(y, x)[0]])
    np.testing.assert_allclose(values / X, g)


def test_a_choice_in_a_loop_in_a_loop():
    def function(x, w):
        def row(e):
            return slim.foldl(
                lambda a, s: slim.cond(s > 0.0, lambda: a * s + w, lambda: slim.sin(a) * s), e, initializer=w
            )

        return slim.map_fn(row, x)

    slim.check_gradients(function, [X, np.array(0.7)], order=2)


def test_a_loop_in_a_choice():
    def function(x, w):
        return slim.cond(w[0] > 0.0, lambda: slim.scan(step, x, initializer=w), lambda: x)

    slim.check_gradients(function, [X, W], order=2)


def test_back_prop_false_stops_gradients():
    x = slim.constant(X)
    assert slim.gradients(slim.map_fn(lambda e: e * e, x, back_prop=False), x) == [None]
    assert slim.gradients(slim.foldl(lambda a, e: a * e, x, back_prop=False), x) == [None]


def test_no_elements():
    x, w = slim.placeholder(slim.float64, [None, 2]), slim.constant(W)
    fetches = [slim.map_fn(lambda e: e * w, x), slim.foldl(lambda a, e: a * e, x, initializer=w)]
    fetches += slim.gradients(fetches, [x, w])
    found = run(fetches, {x: np.zeros((0, 2))})
    for value, right in zip(found, [np.zeros((0, 2)), W, np.zeros((0, 2)), [1, 1]], strict=True):
        np.testing.assert_array_equal(value, right)
    y = slim.map_fn(lambda e: slim.boolean_mask(e, e > 0.0), x)
    with pytest.raises(InvalidArgumentError, match="at least one element"):
        run(y, {x: np.zeros((0, 2))})


def test_fewer_turns_than_elements():
    x, n = slim.constant(X), slim.placeholder(slim.int32, [])
    last, (y,) = over_elements(lambda a, e: ([a[0] + e[0]], [a[0] * e[0]]), [slim.constant(W)], [x], count=n)
    fetches = [*last, y, *slim.gradients(y, x)]
    final, values, g = run(fetches, {n: 2})
    np.testing.assert_allclose(final, W + X[0] + X[1])
    np.testing.assert_allclose(values, [W * X[0], (W + X[0]) * X[1], [0, 0]])
    np.testing.assert_allclose(g, [W + X[1], W + X[0], [0, 0]])
    np.testing.assert_allclose(run(y, {n: 7})[2], (W + X[0] + X[1]) * X[2])


def test_strings():
    words = slim.constant(np.array([b"a", b"bc", b"d"], object))
    assert run(slim.map_fn(lambda s: s, words)).tolist() == [b"a", b"bc", b"d"]


@pytest.mark.parametrize(
    "define, kind, parts",
    [
        (lambda x: slim.map_fn(3, x), TypeError, ["map_fn: fn cannot be called", "3"]),
        (lambda x: slim.map_fn(lambda e: e, 3.0), ShapeError, ["map_fn", "[n, ...]"]),
        (lambda x: slim.scan(lambda a, e: a, ()), InvalidArgumentError, ["scan: elems holds no tensors"]),
        (lambda x: slim.map_fn(lambda e: (e, e), x), ArgumentTypeError, ["expected *", "(*, *)"]),
        (lambda x: slim.map_fn(lambda e: [e], x, dtype=(slim.float64,)), TypeError, ["expected (*)", "[*]"]),
        (lambda x: slim.map_fn(lambda e: slim.cast(e, slim.int32), x), DTypeError, ["float64", "int32"]),
        (lambda x: slim.foldl(lambda a, e: a + e, x, initializer=np.float32([1, 1])), DTypeError, ["float32"]),
        (lambda x: slim.scan(lambda a, e: a[:1], x), ShapeError, ["[2]", "[1]"]),
        (lambda x: slim.map_fn(lambda e: e[0], (x, x[:2]), dtype=slim.float64), ShapeError, ["[3]", "[2]"]),
    ],
)
def test_what_is_refused(define, kind, parts):
    with pytest.raises(kind) as caught:
        define(slim.constant(X))
    for part in parts:
        assert part in str(caught.value)


def test_elements_that_differ_when_run():
    x, u = (slim.placeholder(slim.float64, [None, 2]) for _ in range(2))
    y = slim.map_fn(lambda e: e[0] + e[1], (x, u), dtype=slim.float64)
    with pytest.raises(InvalidArgumentError, match="differ in length"):
        run(y, {x: X, u: X[:2]})
    y = slim.map_fn(lambda e: slim.boolean_mask(e, e > 0.0), x)
    with pytest.raises(InvalidArgumentError, match="different shapes"):
        run(y, {x: X})
