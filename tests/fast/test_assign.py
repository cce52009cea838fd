"""Assignments that take their value over: the same values, the memory of no one else, and no copy."""

import tracemalloc

import numpy as np
import pytest

import npslim as slim
from npslim.session import Session


def labels(session, fetches, feeds=()):
    """{name of an assignment: how its kernel is called}."""
    steps = [step for step in session.plan(tuple(fetches), tuple(feeds)).steps if not step.rewritten]
    return {step.node.name: getattr(step.kernel, "label", "plain") for step in steps if step.node.type == "Assign"}


TAKEN = "takes the array over"


@pytest.mark.parametrize(
    "initializer",
    [
        slim.zeros_initializer(),
        slim.ones_initializer(),
        slim.xavier_initializer(),
        slim.xavier_initializer(uniform=False),
        slim.truncated_normal_initializer(stddev=0.1),
        slim.random_normal_initializer(mean=1.0),
        slim.random_uniform_initializer(0, 1),
    ],
)
@pytest.mark.parametrize("shape", [[300, 200], [3, 2], []])
def test_initial_values_are_those_of_the_plain_kernels(initializer, shape):
    slim.set_random_seed(3)
    v = slim.get_variable("v", shape, initializer=initializer)
    values = []
    for kernels in ("plain", "fast"):
        session = Session(kernels=kernels)
        session.run(v.initializer)
        values.append(session.run(v))
    np.testing.assert_array_equal(values[0], values[1])
    if len(shape) == 2 and shape[0] > 3:  # small ones may be constants of the plan
        assert labels(session, [v.initializer]) == {"v/Assign": TAKEN}


def test_a_large_initial_value_is_made_once():
    v = slim.get_variable("v", [1000, 500], initializer=slim.xavier_initializer())
    session = Session()
    session.plan((v.initializer,), ())
    tracemalloc.start()
    session.run(v.initializer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1000 * 500 * 4 <= peak < 1.5 * 1000 * 500 * 4


def test_an_update_writes_into_what_was_taken_over():
    v = slim.get_variable("v", [100, 100], initializer=slim.ones_initializer())
    loss = slim.reduce_sum(v * v)
    train = slim.GradientDescentOptimizer(0.1).minimize(loss)
    session = Session()
    session.run(slim.global_variables_initializer())
    array = session.store.cells["v"].value
    session.run(train)
    np.testing.assert_allclose(session.run(v), 0.8, rtol=1e-6)
    assert session.store.cells["v"].value.base is None and array is not None


def two_variables():
    return (slim.get_variable(name, [100, 100], initializer=slim.zeros_initializer()) for name in "ab")


def test_two_variables_never_share_an_array():
    a, b = two_variables()
    x = slim.random_uniform([100, 100], seed=1)
    both = slim.group(slim.assign(a, x, name="first"), slim.assign(b, x, name="second"))
    session = Session()
    session.run(both)
    first, second = (session.store.cells[name].value for name in "ab")
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)
    assert list(labels(session, [both]).values()).count(TAKEN) == 1


def test_what_is_fetched_fed_or_read_later_is_copied():
    a, _ = two_variables()
    x = slim.random_uniform([100, 100], seed=1) * 2.0
    fed = slim.placeholder(slim.float32, [100, 100])
    session = Session()
    assigned = slim.assign(a, x, name="assigned")
    given, _ = session.run([x, assigned])
    np.testing.assert_array_equal(session.run(a), given)
    assert labels(session, [x, assigned])["assigned"] == "plain"
    value = np.ones((100, 100), np.float32)
    of_fed = slim.assign(a, fed, name="of_fed")
    session.run(of_fed, {fed: value})
    value[:] = 7
    assert (session.run(a) == 1).all() and labels(session, [of_fed], [fed])["of_fed"] == "plain"
    with slim.control_dependencies([assigned]):
        later = slim.reduce_sum(x) + 0.0
    assert labels(session, [later])["assigned"] == "plain"


def test_a_view_of_another_value_is_copied():
    a, b = two_variables()
    session = Session()
    session.run(slim.global_variables_initializer())
    swapped = slim.group(slim.assign(a, slim.transpose(b.value()), name="of_a_view"))
    session.run(swapped)
    assert not np.shares_memory(session.store.cells["a"].value, session.store.cells["b"].value)


def test_a_value_of_another_shape_is_refused():
    a, _ = two_variables()
    x = slim.random_uniform(slim.placeholder_with_default(np.array([3, 5], np.int32), [2]))
    x.set_shape([None, None])
    session = Session()
    session.run(slim.global_variables_initializer())
    with pytest.raises(slim.errors.ShapeError, match="another shape than the variable a"):
        session.run(slim.assign(a, x))
    assert (session.run(a) == 0).all()
    free = slim.assign(a, x, validate_shape=False)
    assert session.run(free).shape == (3, 5)


def test_truncated_numbers_are_those_of_the_definition():
    """Numbers beyond two deviations are drawn again, those of the whole array in their order, until there are none."""
    slim.set_random_seed(5)
    x = slim.truncated_normal([50, 40], dtype=slim.float64)
    session = Session()
    found = session.run(x)
    rng = Session().store.generator(next(n for n in x.graph.get_operations() if n.type == "TruncatedNormal"))
    expected = rng.standard_normal((50, 40))
    while (beyond := np.abs(expected) > 2).any():
        expected[beyond] = rng.standard_normal(np.count_nonzero(beyond))
    np.testing.assert_array_equal(found, expected)
