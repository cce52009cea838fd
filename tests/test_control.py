"""cond, case and while_loop: values, what runs and what does not, gradients, and refusals."""

import collections

import numpy as np
import pytest

import npslim as slim
from npslim.errors import ArgumentTypeError, DTypeError, GradientError, GraphError, InvalidArgumentError, ShapeError
from npslim.ops.cond import case, cond, smart_cond
from npslim.ops.while_loop import while_loop

X, W = np.array([0.5, 2.0]), np.array([3.0, -1.0])
Pair = collections.namedtuple("Pair", "first second")


@pytest.fixture
def p():
    return slim.placeholder(slim.bool, [], name="p")


@pytest.fixture
def x():
    return slim.placeholder(slim.float64, [2], name="x")


@pytest.fixture
def w():
    return slim.placeholder(slim.float64, [2], name="w")


def run(fetches, feeds=None):
    return slim.Session().run(fetches, feeds)


def counting():
    """(list that grows by one with each run, function of a tensor that gives it back)"""
    calls = []

    def count(t):
        found = slim.py_func(lambda a: calls.append(1) or a, [t], t.dtype)
        found.set_shape(t.shape)
        return found

    return calls, count


# ---- cond


def test_cond_chooses_when_it_runs(p, x):
    y = cond(p, lambda: x + 1.0, lambda: x * 2.0)
    assert y.name == "cond/Merge:0" and y.shape.as_list() == [2]
    np.testing.assert_array_equal(run(y, {p: True, x: X}), [1.5, 3.0])
    np.testing.assert_array_equal(run(y, {p: False, x: X}), [1.0, 4.0])


def test_only_the_chosen_side_runs(p, x):
    calls, count = counting()
    y = cond(p, lambda: count(x), lambda: -x)
    run(y, {p: False, x: X})
    assert calls == []
    run(y, {p: True, x: X})
    assert calls == [1]


def test_old_argument_names(p, x):
    y = cond(p, fn1=lambda: x, fn2=lambda: -x)
    np.testing.assert_array_equal(run(y, {p: False, x: X}), -X)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: [x, x + 1.0],
        lambda x: (x, (x + 1.0, [x])),
        lambda x: {"b": x, "a": x * 3.0},
        lambda x: Pair(x, [x * 2.0]),
    ],
)
def test_structures(make, p, x):
    found = run(cond(p, lambda: make(x), lambda: make(-x)), {p: False, x: X})
    expected = make(-X)
    assert type(found) is type(expected)
    flat = found if not isinstance(found, dict) else list(found.items())
    assert repr(flat) == repr(expected if not isinstance(expected, dict) else list(sorted(expected.items())))


def test_a_list_of_one_is_unwrapped_unless_strict(p, x):
    assert isinstance(cond(p, lambda: [x], lambda: [x]), slim.Tensor)
    assert isinstance(cond(p, lambda: [x], lambda: [x], strict=True), list)


def test_shapes_that_differ_leave_sizes_open(p):
    y = cond(p, lambda: slim.zeros([2, 3]), lambda: slim.zeros([2, 5]))
    assert y.shape.as_list() == [2, None]
    assert cond(p, lambda: slim.zeros([2]), lambda: slim.zeros([])).shape.ndims is None


def test_nodes_as_results(p):
    v = slim.Variable(np.zeros(2), name="v")
    done = cond(p, lambda: slim.group(v.assign(X)), lambda: slim.no_op())
    session = slim.Session()
    session.run(v.initializer)
    session.run(done, {p: False})
    np.testing.assert_array_equal(session.run(v), [0, 0])
    session.run(done, {p: True})
    np.testing.assert_array_equal(session.run(v), X)


def test_assignments_happen_in_the_chosen_side_alone(p, x):
    v = slim.Variable(np.ones(2), name="v")
    y = cond(p, lambda: cond(p, lambda: v.assign_add(x), lambda: v + 0.0), lambda: v.read_value())
    session = slim.Session()
    session.run(v.initializer)
    np.testing.assert_array_equal(session.run(y, {p: False, x: X}), [1, 1])
    np.testing.assert_array_equal(session.run(y, {p: True, x: X}), 1 + X)
    np.testing.assert_array_equal(session.run(y, {p: True, x: X}), 1 + 2 * X)


def test_variables_made_inside_belong_outside(p):
    y = cond(p, lambda: slim.variable("v", [2], initializer=slim.ones_initializer()) * 2.0, lambda: slim.zeros([2]))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    np.testing.assert_array_equal(session.run(y, {p: True}), [2, 2])


def test_control_inputs_from_outside_run_first(p, x):
    calls, count = counting()
    with slim.control_dependencies([count(x)]):
        y = cond(p, lambda: cond(p, lambda: x, lambda: -x), lambda: x)
    first = len(calls)

    def inside():
        with slim.control_dependencies([count(x)]):
            return slim.identity(x)

    outside = count(x)

    def nested():
        with slim.control_dependencies([outside]):
            return slim.identity(x)

    run(y, {p: True, x: X})
    assert len(calls) == first + 1
    run(cond(p, inside, lambda: x), {p: True, x: X})
    assert len(calls) == first + 2
    run(cond(p, lambda: cond(p, nested, lambda: x), lambda: x), {p: True, x: X})
    assert len(calls) == first + 3


def test_names_are_unique_across_branches(p, x):
    names = []
    for _ in range(2):
        cond(p, lambda: names.append(slim.identity(x, name="t").op.name) or x, lambda: x)
    assert names == ["cond/t", "cond_1/t"]


def test_a_tensor_of_a_branch_has_no_value_outside(p, x):
    leak = []
    cond(p, lambda: leak.append(x * 2.0) or x, lambda: x)
    for use in (lambda: leak[0] + 1.0, lambda: x + leak[0], lambda: run(leak[0])):
        with pytest.raises(GraphError):
            use()
    with pytest.raises(GraphError, match="return it from the function"):
        slim.negative(leak[0])


@pytest.mark.parametrize(
    "true, false, kind, parts",
    [
        (lambda x: [x, x], lambda x: [x], ArgumentTypeError, ["[*, *]", "from false_fn"]),
        (lambda x: (x, x), lambda x: [x, x], TypeError, ["(*, *)", "[*, *]"]),
        (lambda x: {"a": x}, lambda x: {"b": x}, ValueError, ["{'a': *}", "{'b': *}"]),
        (
            lambda x: x,
            lambda x: slim.constant(1),
            DTypeError,
            ["float64 [2]", "int32 []", "as true_fn", "from false_fn"],
        ),
        (lambda x: None, lambda x: x, ValueError, ["true_fn must return tensors", "None"]),
    ],
)
def test_results_that_do_not_agree(true, false, kind, parts, p, x):
    with pytest.raises(kind) as caught:
        cond(p, lambda: true(x), lambda: false(x))
    for part in (*parts, "test_control.py"):
        assert part in str(caught.value)


@pytest.mark.parametrize("pred", [True, 1.0, np.array([True, False])])
def test_a_condition_that_is_none(pred, x):
    with pytest.raises(TypeError, match="pred"):
        cond(pred, lambda: x, lambda: x)


def test_smart_cond_defines_one_side_if_it_can(p, x):
    assert smart_cond(True, lambda: "yes", lambda: "no") == "yes"
    assert smart_cond(slim.constant(False), lambda: "yes", lambda: "no") == "no"
    assert smart_cond(p, lambda: x, lambda: x).op.type == "If"


# ---- gradients of cond


def test_cond_is_differentiable_to_any_order(p, x, w):
    y = cond(p, lambda: x**3.0 * w, lambda: slim.exp(x * w))
    orders = [y]
    for _ in range(3):
        orders += slim.gradients(orders[-1], x)
    found = run(orders, {p: True, x: X, w: W})
    for value, right in zip(found, [X**3 * W, 3 * X**2 * W, 6 * X * W, 6 * W], strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-12)
    found = run(orders, {p: False, x: X, w: W})
    for n, value in enumerate(found):
        np.testing.assert_allclose(value, W**n * np.exp(X * W), rtol=1e-12)


def test_mixed_second_derivatives_through_nested_conds(p, x, w):
    def inner():
        return cond(p, lambda: slim.sin(x * w), lambda: x)

    (gx,) = slim.gradients(cond(p, inner, lambda: x), x)
    (gxw,) = slim.gradients(gx, w)
    found = run([gx, gxw], {p: True, x: X, w: W})
    np.testing.assert_allclose(found[0], W * np.cos(X * W), rtol=1e-12)
    np.testing.assert_allclose(found[1], np.cos(X * W) - X * W * np.sin(X * W), rtol=1e-12)


def test_a_side_that_does_not_use_the_input_has_gradient_zero(p, x, w):
    gx, gw = slim.gradients(cond(p, lambda: x * x, lambda: w * 1.0), [x, w])
    for value, right in zip(run([gx, gw], {p: True, x: X, w: W}), [2 * X, [0, 0]], strict=True):
        np.testing.assert_array_equal(value, right)
    for value, right in zip(run([gx, gw], {p: False, x: X, w: W}), [[0, 0], [1, 1]], strict=True):
        np.testing.assert_array_equal(value, right)


def test_the_way_back_computes_nothing_twice(p, x):
    calls, count = counting()

    def true():
        count_it = slim.stop_gradient(count(slim.exp(x)))
        return count_it * x

    y = cond(p, true, lambda: x)
    (g,) = slim.gradients(y, x)
    np.testing.assert_allclose(run([y, g], {p: True, x: X})[1], np.exp(X), rtol=1e-14)
    assert calls == [1]


def test_random_masks_of_both_ways_agree(p):
    x = slim.placeholder(slim.float32, [1000])
    y = cond(p, lambda: slim.dropout(x, 0.5), lambda: x)
    (g,) = slim.gradients(y, x)
    session = slim.Session()
    for _ in range(2):
        values, slopes = session.run([y, g], {p: True, x: np.ones(1000, np.float32)})
        np.testing.assert_array_equal(values, slopes)
        assert 300 < np.count_nonzero(values) < 700


def test_a_gradient_that_is_a_forward_value_is_taken_from_the_tape(p, x):
    calls, count = counting()

    @slim.op(differentiable=True)
    def product_for_tests(a, b):
        """a * b."""
        return a * b

    try:
        product_for_tests.shape(lambda a, b: a)
        product_for_tests.vjp(lambda g, y, a, b: (b, a))  # no g: the cotangent *is* the forward value
        y = cond(p, lambda: product_for_tests(x, slim.stop_gradient(count(x) * 5.0)), lambda: x)
        (g,) = slim.gradients(y, x)
        np.testing.assert_array_equal(run([y, g], {p: True, x: X})[1], 5 * X)
        assert calls == [1]
    finally:
        del slim.REGISTRY["product_for_tests"]


# ---- case


def test_case(x):
    n = slim.placeholder(slim.int32, [])
    y = case([(slim.equal(n, 1), lambda: x), (slim.less(n, 3), lambda: x * 2.0)], default=lambda: x * 3.0)
    for value, factor in ((1, 1), (2, 2), (0, 2), (3, 3)):
        np.testing.assert_array_equal(run(y, {n: value, x: X}), factor * X)


def test_case_without_default(p, x):
    y = case([(p, lambda: x * 5.0)])
    np.testing.assert_array_equal(run(y, {p: True, x: X}), 5 * X)
    with pytest.raises(InvalidArgumentError, match="none of the conditions"):
        run(y, {p: False, x: X})


def test_exclusive_case(p, x):
    y = case({p: lambda: x, slim.equal(x[0], 0.5): lambda: -x}, default=lambda: x * 2.0, exclusive=True)
    np.testing.assert_array_equal(run(y, {p: False, x: X}), -X)
    with pytest.raises(InvalidArgumentError, match="more than one condition"):
        run(y, {p: True, x: X})


def test_case_refuses_what_are_no_cases():
    with pytest.raises(TypeError, match="condition, function"):
        case([])
    with pytest.raises(TypeError, match="condition, function"):
        case([lambda: 1])


# ---- while_loop


def test_loop_counts():
    i = while_loop(lambda i: i < 10, lambda i: i + 3, [0])
    assert i.name == "while/Exit:0" and i.dtype == slim.int32
    assert run(i) == 12


def test_no_turn_at_all():
    assert run(while_loop(lambda i: i < 0, lambda i: i + 1, [5])) == 5


def test_loop_of_several_variables(x):
    i, total = while_loop(lambda i, t: i < 4, lambda i, t: (i + 1, t + x), (0, slim.zeros([2], slim.float64)))
    np.testing.assert_array_equal(run(total, {x: X}), 4 * X)
    assert run(i, {x: X}) == 4


@pytest.mark.parametrize(
    "first, body, expected",
    [
        ([{"i": 0, "y": 1.0}], lambda d: {"i": d["i"] + 1, "y": d["y"] * 2.0}, [{"i": 3, "y": 8.0}]),
        ([Pair(0, (1.0, 2.0))], lambda q: Pair(q[0] + 1, (q[1][1], q[1][0])), [Pair(3, (2.0, 1.0))]),
        ([0, [1.0, (2.0,)]], lambda i, q: [i + 1, [q[0] + 1.0, (q[1][0] * 3.0,)]], [3, [4.0, (54.0,)]]),
    ],
)
def test_nested_loop_variables(first, body, expected):
    def test(*args):
        lead = args[0]
        return (lead["i"] if isinstance(lead, dict) else lead[0] if isinstance(lead, Pair) else lead) < 3

    assert run(while_loop(test, body, first)) == expected


def test_return_same_structure():
    found = while_loop(lambda i: i < 3, lambda i: i + 1, [0], return_same_structure=True)
    assert isinstance(found, list) and run(found) == [3]


def test_maximum_iterations():
    n = slim.placeholder(slim.int32, [])
    limited = while_loop(lambda i: i < 9, lambda i: i + 1, [0], maximum_iterations=2)
    fed = while_loop(lambda i, j: i < 9, lambda i, j: (i + 1, j + 2), [0, 0], maximum_iterations=n)
    assert run(limited) == 2
    assert run(fed, {n: 4}) == (4, 8) or run(fed, {n: 4}) == [4, 8]
    assert list(run(fed, {n: 40})) == [9, 18]


def test_shape_invariants(x):
    shapes = [slim.TensorShape([]), slim.TensorShape([None])]
    _, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, slim.concat([y, y], 0)), [0, x], shape_invariants=shapes)
    assert y.shape.as_list() == [None]
    np.testing.assert_array_equal(run(y, {x: X}), np.tile(X, 8))
    np.testing.assert_array_equal(run(slim.gradients(y, x), {x: X})[0], [8, 8])


def test_a_loop_in_a_loop_and_a_cond_in_it():
    def inner(i, total):
        def step(j, t):
            return j + 1, t + cond(slim.equal(j % 2, 0), lambda: i * j, lambda: -j)

        return i + 1, while_loop(lambda j, t: j < 4, step, (0, total))[1]

    expected = sum(i * j if j % 2 == 0 else -j for i in range(5) for j in range(4))
    assert run(while_loop(lambda i, t: i < 5, inner, (0, 0))[1]) == expected


def test_assignments_in_a_loop_happen_each_turn():
    v = slim.Variable(1.0, name="v")

    def body(i):
        with slim.control_dependencies([v.assign_add(v.read_value())]):
            return i + 1

    session = slim.Session()
    session.run(v.initializer)
    session.run(while_loop(lambda i: i < 5, body, [0]))
    assert session.run(v) == 32.0


def test_random_numbers_differ_from_turn_to_turn():
    slim.set_random_seed(1)
    shapes = [slim.TensorShape([]), slim.TensorShape([None])]
    _, drawn = while_loop(
        lambda i, y: i < 20,
        lambda i, y: (i + 1, slim.concat([y, slim.random_uniform([1])], 0)),
        [0, slim.zeros([0])],
        shape_invariants=shapes,
    )
    first = run(drawn)
    assert len(np.unique(first)) == 20
    np.testing.assert_array_equal(first, run(drawn))


def test_loop_gradients_by_first_values_and_by_what_is_captured(x, w):
    _, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * y * w), (0, x))
    found = run([y, *slim.gradients(y, [x, w])], {x: X, w: W})
    for value, right in zip(found, [W**7 * X**8, 8 * W**7 * X**7, 7 * W**6 * X**8], strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-12)


def test_gradient_of_a_loop_whose_turns_depend_on_values():
    x = slim.placeholder(slim.float64, [])
    y = while_loop(lambda y: y < 100.0, lambda y: y * y, [x])
    (g,) = slim.gradients(y, x)
    assert run([y, g], {x: 3.0}) == [6561.0, 8 * 3.0**7]
    assert run([y, g], {x: 200.0}) == [200.0, 1.0]


def test_gradient_through_a_loop_in_a_loop_with_a_cond(x, w):
    def outer(i, a):
        def step(j, b):
            return j + 1, b * slim.sin(w) + cond(slim.equal(j, 1), lambda: b * w, lambda: b * 0.0)

        return i + 1, while_loop(lambda j, b: j < 2, step, (0, a))[1]

    _, y = while_loop(lambda i, a: i < 3, outer, (0, x))
    gx, gw = run(slim.gradients(y, [x, w]), {x: X, w: W})
    factor = np.sin(W) * (np.sin(W) + W)  # one turn of the outer loop
    slope = np.cos(W) * (np.sin(W) + W) + np.sin(W) * (np.cos(W) + 1)
    np.testing.assert_allclose(gx, factor**3, rtol=1e-12)
    np.testing.assert_allclose(gw, X * 3 * factor**2 * slope, rtol=1e-12)


def test_gradient_by_a_variable_used_in_a_loop():
    v = slim.Variable(np.array([[0.5, 1.0], [-1.0, 2.0]]), name="v")
    _, y = while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, slim.matmul(y, v)), (0, np.array([[1.0, 2.0]])))
    (g,) = slim.gradients(slim.reduce_sum(y), v)
    session = slim.Session()
    session.run(v.initializer)
    a, start, expected = session.run(v), np.array([[1.0, 2.0]]), 0
    for k in range(4):  # d(x A^4 1) = sum over k of (x A^k)' (A^(3-k) 1)'
        expected = expected + np.outer(
            start @ np.linalg.matrix_power(a, k), np.linalg.matrix_power(a, 3 - k) @ np.ones(2)
        )
    np.testing.assert_allclose(session.run(g), expected, rtol=1e-12)


def test_random_masks_in_a_loop_agree_both_ways():
    x = slim.placeholder(slim.float32, [500])
    _, y = while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, slim.dropout(y, 0.5)), (0, x))
    (g,) = slim.gradients(y, x)
    values, slopes = run([y, g], {x: np.ones(500, np.float32)})
    np.testing.assert_array_equal(values, slopes)
    assert set(np.unique(values)) == {0.0, 4.0}


def test_second_derivatives_of_a_loop_are_refused(x):
    _, y = while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * y), (0, x))
    (g,) = slim.gradients(y, x)
    with pytest.raises(GradientError, match="second derivatives of a loop"):
        slim.gradients(g, x)


@pytest.mark.parametrize(
    "test, body, first, kind, parts",
    [
        (lambda i: i < 3, lambda i: [i, i], [0], ValueError, ["structure of loop_vars", "[*]", "[*, *]"]),
        (lambda i: i < 3.0, lambda i: slim.cast(i, slim.int32), [0.0], DTypeError, ["float32 []", "int32 []"]),
        (lambda i: i, lambda i: i, [0.0], TypeError, ["boolean scalar", "float32 []"]),
        (lambda i: (i < 3, i < 2), lambda i: i, [0], TypeError, ["boolean scalar", "(*, *)"]),
        (
            lambda y: True,
            lambda y: slim.concat([y, y], 0),
            [np.zeros(2)],
            ShapeError,
            ["[2]", "[4]", "shape_invariants"],
        ),
        (lambda i: i < 3, lambda i: None, [0], TypeError, ["body must return tensors"]),
    ],
)
def test_loops_that_do_not_fit(test, body, first, kind, parts):
    with pytest.raises(kind) as caught:
        while_loop(test, body, first)
    for part in (*parts, "test_control.py"):
        assert part in str(caught.value)


def test_invariants_that_do_not_fit(x):
    with pytest.raises(ShapeError, match="x:0"):
        while_loop(lambda y: True, lambda y: y, [x], shape_invariants=[slim.TensorShape([3])])
    with pytest.raises(InvalidArgumentError, match="shape_invariants"):
        while_loop(lambda y: True, lambda y: y, [x], shape_invariants=[])


def test_loops_of_nothing():
    with pytest.raises(InvalidArgumentError, match="No loop variables"):
        while_loop(lambda: True, lambda: (), [])
    with pytest.raises(TypeError, match="two functions"):
        while_loop(True, lambda i: i, [0])


def test_an_error_inside_names_the_node(p):
    y = cond(p, lambda: slim.check_numerics(slim.constant([np.nan]), "bad", name="here"), lambda: slim.zeros([1]))
    with pytest.raises(InvalidArgumentError, match="NaN") as caught:
        run(y, {p: True})
    assert any("cond/here" in note for note in caught.value.__notes__)
