"""TensorArray: what it gives in loops and branches, and what it refuses. Values from TensorFlow: tests/tf_calls.py."""

import numpy as np
import pytest

import npslim as slim
from npslim.autograd.check import check_gradients
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.ops.cond import cond
from npslim.ops.tensor_array import TensorArray
from npslim.ops.while_loop import while_loop

X = np.arange(6.0).reshape(3, 2)


def powers(x, turns, **arguments):
    """A TensorArray of x, x * x, ... as a loop writes it."""
    array = TensorArray(x.spec.dtype, turns, **arguments)
    return while_loop(
        lambda i, y, array: i < turns, lambda i, y, array: (i + 1, y * x, array.write(i, y * x)),
        (0, x * 0.0 + 1.0, array), maximum_iterations=10,
    )[2]  # fmt: skip


def test_a_loop_writes_and_gradients_come_back():
    x = slim.placeholder(slim.float64, [2])
    found = powers(x, 3)
    assert found.stack().get_shape().as_list() == [None, 2] and found.element_shape.as_list() == [2]
    with slim.Session() as session:
        np.testing.assert_allclose(session.run(found.stack(), {x: [2.0, 3.0]}), [[2, 3], [4, 9], [8, 27]])
        np.testing.assert_allclose(session.run(found.read(1), {x: [2.0, 3.0]}), [4, 9])
    check_gradients(lambda x: powers(x, 3).stack(), [np.array([0.7, -1.2])])


def test_elements_of_a_shape_that_only_the_run_knows():
    x = slim.placeholder(slim.float64, [None])
    found = powers(x, 2, infer_shape=False).stack()
    assert found.get_shape().ndims is None
    with slim.Session() as session:
        assert session.run(found, {x: np.ones(5)}).shape == (2, 5)


def test_a_branch_may_write():
    p, x = slim.placeholder(slim.bool, []), slim.placeholder(slim.float64, [3, 2])
    array = TensorArray(slim.float64, 3).unstack(x)
    chosen = cond(p, lambda: array.write(1, x[0] * 5.0), lambda: array).stack()
    slope = slim.gradients(chosen, x)[0]
    with slim.Session() as session:
        np.testing.assert_array_equal(session.run(chosen, {p: True, x: X}), [[0, 1], [0, 5], [4, 5]])
        np.testing.assert_array_equal(session.run(slope, {p: True, x: X}), [[6, 6], [0, 0], [1, 1]])
        np.testing.assert_array_equal(session.run(slope, {p: False, x: X}), np.ones((3, 2)))


def test_derivatives_of_a_growing_array():
    def grown(x):
        array = TensorArray(slim.float64, 1, dynamic_size=True)
        return array.write(2, x[0] * x[1]).scatter([0, 3], x[1:] ** 2).stack()

    check_gradients(grown, [X + 0.5], order=2)


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: TensorArray(slim.float64), InvalidArgumentError, "how many elements"),
        (lambda: TensorArray(slim.float64, 2).write(0, np.int32(1)), DTypeError, "another dtype"),
        (lambda: TensorArray(slim.float64, 2).write(0, X[0]).write(1, X), ShapeError, "infer_shape=False"),
        (lambda: TensorArray(slim.float64, 2).split(X, [1, 2]), InvalidArgumentError, "equal lengths"),
    ],
)
def test_what_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: TensorArray(slim.float64, 2).write(2, X[0]).stack(), "0 <= index < 2"),
        (lambda: TensorArray(slim.float64, 2).read(0), "none was written"),
    ],
)
def test_what_a_run_refuses(make, message):
    with slim.Session() as session, pytest.raises(InvalidArgumentError, match=message):
        session.run(make())
