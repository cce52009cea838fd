"""What an op is: how a call is bound to inputs and attributes, the dtype of numbers, what is known while defining."""

import inspect

import numpy as np
import pytest

import npslim as slim
from npslim.convert import constant_value
from npslim.errors import ArgumentTypeError, DTypeError, GraphError, InternalError, ShapeError
from npslim.op import op
from npslim.ops import shape as shapes
from npslim.registry import REGISTRY
from npslim.shape_rules import same


@pytest.fixture
def scaled():
    """An op with an input that may be left out, an attribute that must be given, and one with a default."""

    @op
    def scaled(x, by=None, *, power, shift=0.0):
        """x * by ** power + shift."""
        return x * (1.0 if by is None else by) ** power + shift

    scaled.shape(same)
    yield scaled
    del REGISTRY["scaled"]


@pytest.fixture
def x():
    return slim.placeholder(slim.float32, [3], name="x")


CALLS = {
    "attributes by name": lambda f, x: f(x, 2.0, power=3, shift=1.0),
    "attributes after the inputs": lambda f, x: f(x, 2.0, 3, 1.0),
    "everything by name": lambda f, x: f(shift=1.0, power=3, by=2.0, x=x),
    "some of both": lambda f, x: f(x, 2.0, 3, shift=1.0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_is_bound_as_its_signature_says(scaled, x, call):
    y = call(scaled, x)
    assert y.op.attrs == {"power": 3, "shift": 1.0} and [t.dtype for t in y.op.inputs] == [slim.float32] * 2
    np.testing.assert_array_equal(slim.Session().run(y, {x: [0, 1, 2]}), [1, 9, 17])


def test_an_input_with_a_default_may_be_left_out(scaled, x):
    assert [t.name for t in scaled(x, power=2).op.inputs] == ["x:0"]


def test_the_name_may_follow_the_attributes(scaled, x):
    assert scaled(x, 2.0, 3, 1.0, "mine").name == "mine:0"
    assert str(inspect.signature(scaled)) == "(x, by=None, *, power, shift=0.0, name=None)"


BAD_CALLS = [
    (lambda f, x: f(power=1), "scaled: the input 'x' is missing."),
    (lambda f, x: f(x), "scaled: the argument 'power' is missing."),
    (lambda f, x: f(x, power=1, factor=2), "scaled() has no argument factor."),
    (lambda f, x: f(x, 2.0, 3, 1.0, "name", 5), "scaled: too many arguments."),
    (lambda f, x: f(x, 2.0, 3, power=3), "scaled: too many arguments."),
]


@pytest.mark.parametrize("call, message", BAD_CALLS)
def test_bad_calls_are_refused_with_the_signature(scaled, x, call, message):
    with pytest.raises(ArgumentTypeError) as raised:
        call(scaled, x)
    first, expected = str(raised.value).split("\n")
    assert first == message and expected == "  expected (x, by=None, *, power, shift=0.0, name=None)"


def test_any_number_of_inputs_may_come_in_a_list(x):
    for y in (slim.add_n([x, x]), slim.add_n([x, x], "sum"), slim.concat([x, x], 0)):
        assert [t.name for t in y.op.inputs] == ["x:0", "x:0"]
    with pytest.raises(ArgumentTypeError, match="add_n: there are no inputs"):
        slim.add_n([])


def test_numbers_take_the_dtype_of_the_tensor_beside_them(x):
    assert slim.add(x, 2).dtype == slim.add(2, x).dtype == slim.float32
    assert slim.add(np.float64(1), 2).dtype == slim.float64
    assert slim.add(1, 2.5).dtype == slim.add(2.5, 1).dtype == slim.float32  # and not NumPy's float64
    assert slim.add_n([1, 2, 3]).dtype == slim.int32


def test_dtypes_that_differ_are_refused_with_the_line(x):
    with pytest.raises(
        DTypeError, match=r"(?s)add: .*got      x:0 float32 \[3\], .* int32.*made at .*test_op.py.*cast"
    ):
        slim.add(x, slim.constant([1, 2, 3]))


def test_a_rule_that_raises_names_the_op_the_inputs_and_the_line(x):
    with pytest.raises(ShapeError) as raised:
        slim.add(x, slim.zeros([4]))
    message = str(raised.value)
    assert message.startswith("add: ") and "x:0 float32 [3]" in message and "test_op.py" in message


def test_small_integers_are_known_while_defining(x):
    rows = slim.placeholder(slim.float32, [None, 3])
    sizes = slim.shape(rows)
    assert constant_value(sizes) is None and constant_value(sizes[1]) == 3
    assert slim.reshape(rows, [sizes[1], -1]).get_shape().as_list() == [3, None]
    assert constant_value(slim.shape(x) * 2 + 1).tolist() == [7]


def test_a_size_that_is_not_known_is_no_number():
    rows = slim.placeholder(slim.float32, [None, 3])
    assert slim.zeros([rows.shape[1], 2]).get_shape().as_list() == [3, 2]
    with pytest.raises(ShapeError, match=r"(?s)not known while.*shape\(x\)\[i\]"):
        slim.zeros([rows.shape[0], 2])


def test_tensors_of_two_graphs_do_not_meet(x):
    with slim.Graph().as_default():
        other = slim.zeros([3])
    with pytest.raises(GraphError, match="must be from the same graph"):
        slim.add(x, other)


def test_an_op_needs_a_shape_rule_and_a_name_of_its_own(x):
    @op
    def without_a_rule(x):
        """Nothing."""
        return x

    try:
        with pytest.raises(InternalError, match="without_a_rule has no shape rule"):
            without_a_rule(x)
        with pytest.raises(InternalError, match="There are two ops 'reshape'"):
            op(shapes.reshape.kernel)
    finally:
        del REGISTRY["without_a_rule"]
