"""Tests of the exercise `new_op`."""

import contextlib

import numpy as np

from npslim.autograd import check_gradients, gradients
from npslim.errors import OpError
from npslim.exercises import Wrong
from npslim.exercises.common import same
from npslim.graph import Graph
from npslim.op import Op
from npslim.ops.state import placeholder
from npslim.session import Session

X = np.linspace(-4, 4, 12).reshape(3, 4)
EXPECTED = X / (1 + np.exp(-X))


def swish(answer):
    """The op."""
    if not isinstance(answer.get("swish"), Op):
        raise Wrong("swish is no op. Does @op stand above it?")
    return answer["swish"]


def check_kernel(answer):
    """The kernel is a function on arrays: x / (1 + xp.exp(-x)), with xp = array_module(x)."""
    same(swish(answer).kernel(X), EXPECTED)


def check_float32_is_kept(answer):
    """float32 in, float32 out. np.float64(1.0) would widen it; a Python number does not."""
    found = swish(answer).kernel(X.astype(np.float32))
    if found.dtype != np.float32:
        raise Wrong(f"The result is {found.dtype}, expected float32.")


def check_large_numbers(answer):
    """exp(1000) is inf, and 0 * inf is NaN. x / (1 + exp(-x)) goes well: -1000 / inf is -0."""
    with np.errstate(all="ignore"):
        same(swish(answer).kernel(np.array([-1000.0, 1000.0])), np.array([0.0, 1000.0]))


def check_shape_rule(answer):
    """swish.shape(same) says that the output is like the input."""
    if swish(answer).shape_rule is None:
        raise Wrong("There is no shape rule.")
    with Graph().as_default():
        y = swish(answer)(placeholder(np.float32, [None, 3]))
    if y.spec.shape != (None, 3):
        raise Wrong(f"The shape of an input [?, 3] becomes {y.spec.shape}.")


def check_gradient(answer):
    """With s = sigmoid(x) the slope is s + y * (1 - s). Write it with ops: npslim.ops.activation has sigmoid."""
    if swish(answer).vjp_rule is None:
        raise Wrong("There is no gradient rule.")
    with Graph().as_default(), Session() as session:
        x = placeholder(np.float64, [None, 4])
        (g,) = gradients(swish(answer)(x), x)
        s = 1 / (1 + np.exp(-X))
        same(session.run(g, {x: X}), s + X * s * (1 - s), "the gradient")


def check_second_derivative(answer):
    """The rule must be made of ops of x and y, not of numbers, so that it has a gradient itself."""
    with Graph().as_default(), told():
        check_gradients(swish(answer), [X], order=2)


def check_cases(answer):
    """swish.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2)),)): empty arrays count too."""
    if len(swish(answer).all_cases) < 2:
        raise Wrong(f"There are {len(swish(answer).all_cases)} cases, expected two or more.")
    for case in swish(answer).all_cases:
        arrays = case.draw(np.random.default_rng(0))
        same(swish(answer).kernel(*arrays), swish(answer).reference(*arrays))


@contextlib.contextmanager
def told():
    """What npslim refuses is an answer that is wrong."""
    try:
        yield
    except OpError as error:
        raise Wrong(str(error)) from None
