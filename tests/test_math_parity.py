"""Arithmetic, logic, reductions and products against TensorFlow: node names, dtypes, corners, gradients at kinks.

The expected names and values were printed by TensorFlow 2.15.
"""

import numpy as np
import pytest

import npslim.tf as tf
from npslim.autograd import check_gradients, gradients
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError, UnimplementedError
from npslim.ops.activation import crelu, elu, leaky_relu, log_sigmoid, relu, relu6, selu, softsign, swish
from npslim.ops.elementwise import (
    accumulate_n,
    add,
    add_n,
    clip_by_value,
    divide,
    divide_no_nan,
    maximum,
    minimum,
    multiply,
    multiply_no_nan,
    pow,
    saturate_cast,
    squared_difference,
    subtract,
    truediv,
)
from npslim.ops.functions import abs, round, rsqrt, sign, sqrt
from npslim.ops.join import stack
from npslim.ops.linear import (
    diag,
    diag_part,
    einsum,
    matmul,
    matrix_diag,
    matrix_diag_part,
    norm,
    tensordot,
    trace,
)
from npslim.ops.logic import cast, equal, logical_and, logical_not, logical_or, logical_xor, not_equal, where, where_v2
from npslim.ops.quotients import div, floordiv, mod, truncatediv, truncatemod
from npslim.ops.reduce import (
    argmax,
    argmin,
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
)
from npslim.ops.scan import cumprod, cumsum
from npslim.ops.shape import reshape, shape
from npslim.ops.softmax import (
    l2_loss,
    log_softmax,
    reduce_logsumexp,
    sigmoid_cross_entropy_with_logits,
    softmax,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from npslim.ops.special import digamma, erf, erfc, lgamma
from npslim.ops.state import placeholder
from npslim.ops.trigonometry import atan2, tanh
from npslim.session import Session

inf, nan = np.inf, np.nan


def tensor(values, dtype=np.float64):
    values = np.array(values, dtype)
    return placeholder(values.dtype, values.shape), values


def evaluate(function, *arrays, dtype=np.float64):
    """The value of `function`, then the gradients of its sum by each input."""
    xs, values = zip(*(tensor(a, dtype) for a in arrays), strict=True)
    y = function(*xs)
    found = [y, *(g for g in (gradients(y, list(xs)) if y.dtype.is_floating else []) if g is not None)]
    return Session().run(found, dict(zip(xs, values, strict=True)))


def value(function, *arrays, dtype=np.float64):
    return evaluate(function, *arrays, dtype=dtype)[0]


NAMES = [
    (lambda x, y, m, i, b: x + y, "AddV2", "add"),
    (lambda x, y, m, i, b: 1 + x, "AddV2", "add"),
    (lambda x, y, m, i, b: x - y, "Sub", "sub"),
    (lambda x, y, m, i, b: x * y, "Mul", "mul"),
    (lambda x, y, m, i, b: x / y, "RealDiv", "truediv"),
    (lambda x, y, m, i, b: 1 / x, "RealDiv", "truediv"),
    (lambda x, y, m, i, b: i / i, "RealDiv", "truediv"),
    (lambda x, y, m, i, b: i // 2, "FloorDiv", "floordiv"),
    (lambda x, y, m, i, b: x % y, "FloorMod", "mod"),
    (lambda x, y, m, i, b: x**y, "Pow", "pow"),
    (lambda x, y, m, i, b: 2**x, "Pow", "pow"),
    (lambda x, y, m, i, b: -x, "Neg", "Neg"),
    (lambda x, y, m, i, b: abs(x), "Abs", "Abs"),
    (lambda x, y, m, i, b: x < y, "Less", "Less"),
    (lambda x, y, m, i, b: x >= 0, "GreaterEqual", "GreaterEqual"),
    (lambda x, y, m, i, b: b & b, "LogicalAnd", "and"),
    (lambda x, y, m, i, b: b | True, "LogicalOr", "or"),
    (lambda x, y, m, i, b: b ^ b, "LogicalAnd", "xor"),
    (lambda x, y, m, i, b: ~b, "LogicalNot", "LogicalNot"),
    (lambda x, y, m, i, b: i & i, "BitwiseAnd", "and/BitwiseAnd"),
    (lambda x, y, m, i, b: i | 1, "BitwiseOr", "or/BitwiseOr"),
    (lambda x, y, m, i, b: i ^ i, "BitwiseXor", "xor/BitwiseXor"),
    (lambda x, y, m, i, b: ~i, "Invert", "Invert"),
    (lambda x, y, m, i, b: m @ m, "MatMul", "matmul"),
    (lambda x, y, m, i, b: add(x, y), "AddV2", "Add"),
    (lambda x, y, m, i, b: subtract(x, y), "Sub", "Sub"),
    (lambda x, y, m, i, b: multiply(x, y), "Mul", "Mul"),
    (lambda x, y, m, i, b: divide(x, y), "RealDiv", "truediv"),
    (lambda x, y, m, i, b: divide(x, y, name="d"), "RealDiv", "d"),
    (lambda x, y, m, i, b: div(x, y), "RealDiv", "div"),
    (lambda x, y, m, i, b: div(i, i), "FloorDiv", "div"),
    (lambda x, y, m, i, b: floordiv(i, i), "FloorDiv", "floordiv"),
    (lambda x, y, m, i, b: mod(i, i), "FloorMod", "FloorMod"),
    (lambda x, y, m, i, b: truncatediv(i, i), "TruncateDiv", "TruncateDiv"),
    (lambda x, y, m, i, b: truncatemod(i, i), "TruncateMod", "TruncateMod"),
    (lambda x, y, m, i, b: divide_no_nan(x, y), "DivNoNan", "div_no_nan"),
    (lambda x, y, m, i, b: multiply_no_nan(x, y), "MulNoNan", "multiply_no_nan"),
    (lambda x, y, m, i, b: squared_difference(x, y), "SquaredDifference", "SquaredDifference"),
    (lambda x, y, m, i, b: clip_by_value(x, 0.0, 1.0), "Maximum", "clip_by_value"),
    (lambda x, y, m, i, b: saturate_cast(x, np.uint8), "Cast", "saturate_cast"),
    (lambda x, y, m, i, b: cast(x, np.int32), "Cast", "Cast"),
    (lambda x, y, m, i, b: add_n([x, y]), "AddN", "AddN"),
    (lambda x, y, m, i, b: accumulate_n([x, y]), "AddN", "AddN"),
    (lambda x, y, m, i, b: logical_xor(b, b), "LogicalAnd", "LogicalXor"),
    (lambda x, y, m, i, b: where(b, x, y), "Select", "Select"),
    (lambda x, y, m, i, b: where_v2(b, x, y), "SelectV2", "SelectV2"),
    (lambda x, y, m, i, b: relu(x), "Relu", "Relu"),
    (lambda x, y, m, i, b: relu6(x), "Relu6", "Relu6"),
    (lambda x, y, m, i, b: leaky_relu(x), "LeakyRelu", "LeakyRelu"),
    (lambda x, y, m, i, b: crelu(x), "Relu", "CRelu/Relu"),
    (lambda x, y, m, i, b: log_sigmoid(x), "Neg", "LogSigmoid"),
    (lambda x, y, m, i, b: atan2(x, y), "Atan2", "Atan2"),
    (lambda x, y, m, i, b: round(x), "Round", "Round"),
    (lambda x, y, m, i, b: erf(x), "Erf", "Erf"),
    (lambda x, y, m, i, b: erfc(x), "Erfc", "Erfc"),
    (lambda x, y, m, i, b: lgamma(x), "Lgamma", "Lgamma"),
    (lambda x, y, m, i, b: digamma(x), "Digamma", "Digamma"),
    (lambda x, y, m, i, b: matmul(m, m), "MatMul", "MatMul"),
    (lambda x, y, m, i, b: einsum("ij,jk->ik", m, m), "Einsum", "einsum/Einsum"),
    (lambda x, y, m, i, b: diag(x), "Diag", "Diag"),
    (lambda x, y, m, i, b: diag_part(m), "DiagPart", "DiagPart"),
    (lambda x, y, m, i, b: matrix_diag(x), "MatrixDiagV3", "diag"),
    (lambda x, y, m, i, b: matrix_diag_part(m), "MatrixDiagPartV3", "diag_part"),
    (lambda x, y, m, i, b: trace(m), "Sum", "Trace"),
    (lambda x, y, m, i, b: reduce_sum(x), "Sum", "Sum"),
    (lambda x, y, m, i, b: reduce_mean(x), "Mean", "Mean"),
    (lambda x, y, m, i, b: reduce_prod(x), "Prod", "Prod"),
    (lambda x, y, m, i, b: reduce_max(x), "Max", "Max"),
    (lambda x, y, m, i, b: reduce_min(x), "Min", "Min"),
    (lambda x, y, m, i, b: reduce_any(b), "Any", "Any"),
    (lambda x, y, m, i, b: reduce_all(b), "All", "All"),
    (lambda x, y, m, i, b: reduce_std(x), "Sqrt", "reduce_std/Sqrt"),
    (lambda x, y, m, i, b: count_nonzero(x), "Sum", "count_nonzero/Sum"),
    (lambda x, y, m, i, b: argmax(x), "ArgMax", "ArgMax"),
    (lambda x, y, m, i, b: argmin(x), "ArgMin", "ArgMin"),
    (lambda x, y, m, i, b: cumsum(x), "Cumsum", "Cumsum"),
    (lambda x, y, m, i, b: cumprod(x), "Cumprod", "Cumprod"),
    (lambda x, y, m, i, b: softmax(m), "Softmax", "Softmax"),
    (lambda x, y, m, i, b: log_softmax(m), "LogSoftmax", "LogSoftmax"),
    (lambda x, y, m, i, b: l2_loss(x), "L2Loss", "L2Loss"),
    (
        lambda x, y, m, i, b: sparse_softmax_cross_entropy_with_logits(i, m),
        "SparseSoftmaxCrossEntropyWithLogits",
        "SparseSoftmaxCrossEntropyWithLogits/SparseSoftmaxCrossEntropyWithLogits",
    ),
    (
        lambda x, y, m, i, b: sparse_softmax_cross_entropy_with_logits(i, m, name="xentropy"),
        "SparseSoftmaxCrossEntropyWithLogits",
        "xentropy/xentropy",
    ),
]


@pytest.mark.parametrize("make, type, name", NAMES, ids=[f"{n}-{i}" for i, (_, _, n) in enumerate(NAMES)])
def test_types_and_names(make, type, name):
    x, y = placeholder(np.float32, [2], name="x"), placeholder(np.float32, [2], name="y")
    m = placeholder(np.float32, [2, 2], name="m")
    i, b = placeholder(np.int32, [2], name="i"), placeholder(np.bool_, [2], name="b")
    made = make(x, y, m, i, b)
    assert (made.op.type, made.op.name) == (type, name)


def test_second_nodes_are_numbered():
    x, _ = tensor([1.0])
    assert [(x + 1).op.name, (x + 1).op.name, (-x).op.name] == ["add", "add_1", "Neg"]
    names = [sparse_softmax_cross_entropy_with_logits([0], np.zeros((1, 2)), name="x").op.name for _ in range(2)]
    assert names == ["x/x", "x_1/x"]


# ---- division


@pytest.mark.parametrize(
    "dtype, result",
    [("int8", "float32"), ("uint8", "float32"), ("int16", "float32"), ("int32", "float64"), ("int64", "float64")],
)
def test_true_division_of_integers(dtype, result):
    found = value(truediv, [7, 9], [2, 2], dtype=dtype)
    assert found.dtype == result
    np.testing.assert_array_equal(found, [3.5, 4.5])


@pytest.mark.parametrize(
    "function, integers, floats",
    [
        (floordiv, [-4, -4, 3, 3, 0, 2], [-4, -4, 3, 3, inf, nan, -inf, inf, 0]),
        (div, [-4, -4, 3, 3, 0, 2], [-3.75, -3.75, 3.75, 3.75, inf, nan, -inf, inf, 0]),
        (truncatediv, [-3, -3, 3, 3, 0, 2], [-3, -3, 3, 3, inf, nan, -inf, inf, 0]),
        (mod, [1, -1, -1, 1, 0, 0], [0.5, -0.5, -1.5, 1.5, nan, nan, nan, nan, 5]),
        (truncatemod, [-1, 1, -1, 1, 0, 0], [-1.5, 1.5, -1.5, 1.5, nan, nan, nan, nan, 5]),
    ],
)
def test_quotients(function, integers, floats):
    np.testing.assert_array_equal(value(function, [-7, 7, -7, 7, 0, 6], [2, -2, -2, 2, 3, 3], dtype=np.int32), integers)
    x, y = [-7.5, 7.5, -7.5, 7.5, 1, 0, -1, inf, 5], [2, -2, -2, 2, 0, 0, 0, 2, inf]
    np.testing.assert_array_equal(value(function, x, y), floats)
    with pytest.raises(InvalidArgumentError, match="division by zero"):
        value(function, [1], [0], dtype=np.int32)


def test_gradients_of_remainders():
    np.testing.assert_array_equal(evaluate(mod, [-7.5, 7.5], [2, -2.0])[1:], [[1, 1], [4, 4]])


# ---- gradients at kinks, in TensorFlow's way


KINKS = [
    (maximum, [[1, 2, 3, nan, 1], [1, 3, 2, 1, nan]], [1, 3, 3, nan, nan], [[1, 0, 1, 0, 0], [0, 1, 0, 1, 1]]),
    (minimum, [[1, 2, 3, nan, 1], [1, 3, 2, 1, nan]], [1, 2, 2, nan, nan], [[1, 1, 0, 0, 0], [0, 0, 1, 1, 1]]),
    (
        lambda x: clip_by_value(x, 0.0, 1.0),
        [[-1, 0, 0.5, 1, 2, nan, inf]],
        [0, 0, 0.5, 1, 1, nan, 1],
        [[0, 1, 1, 1, 0, 0, 0]],
    ),
    (relu, [[-1, 0, 1, nan, inf, -inf]], [0, 0, 1, nan, inf, 0], [[0, 0, 1, 0, 1, 0]]),
    (relu6, [[-1, 0, 6, 7, 1, nan]], [0, 0, 6, 6, 1, nan], [[0, 0, 0, 0, 1, 0]]),
    (lambda x: leaky_relu(x, alpha=2.0), [[-1, 0, 1, nan]], [-2, 0, 1, nan], [[2, 2, 1, 2]]),
    (elu, [[0, 1, -inf, -800]], [0, 1, -1, -1], [[1, 1, 0, 0]]),
    (selu, [[1, -inf]], [1.0507009873554805, -1.7580993408473768], [[1.0507009873554805, 0]]),
    (softsign, [[-1e300, 1e3, 0]], [-1, 0.999000999000999, 0], [[0, 9.98002996004994e-07, 1]]),
    (abs, [[-1, 0, 1, -inf]], [1, 0, 1, inf], [[-1, 0, 1, -1]]),
    (sqrt, [[0, 4, -1, inf]], [0, 2, nan, inf], [[inf, 0.25, nan, 0]]),
    (rsqrt, [[0, 4, inf]], [inf, 0.5, 0], [[-inf, -0.0625, 0]]),
    (
        pow,
        [[0, 0, -2, -2, 2, 0], [2, 1, 2, 3, 0.5, -1]],
        [0, 0, 4, -8, 2**0.5, inf],
        [[0, 1, -4, 12, 0.3535533905932738, -inf], [0, 0, 0, 0, 0.9802581434685472, 0]],
    ),
    (atan2, [[1, 0, -1], [1, -1, 0]], [np.pi / 4, np.pi, -np.pi / 2], [[0.5, -1, 0], [-0.5, 0, 1]]),
    (erf, [[0, 1e3, inf, nan]], [0, 1, 1, nan], [[1.1283791670955126, 0, 0, nan]]),
    (lgamma, [[-1.5, 0.5]], [0.8600470153764809, 0.5723649429247001], [[0.7031566406452434, -1.96351002602142]]),
    (digamma, [[-1.5, 0.5]], [0.7031566406452434, -1.96351002602142], [[9.379246644989124, 4.93480220054468]]),
    (tanh, [[-1e3, 20, 1e-300]], [-1, 1, 1e-300], [[0, 0, 1]]),
    (
        lambda x: reduce_max(x, axis=1),
        [[[1, 3, 3], [2, 2, 2], [nan, 1, 2], [inf, inf, 1]]],
        [3, 2, nan, inf],
        [[[0, 0.5, 0.5], [1 / 3] * 3, [nan] * 3, [0.5, 0.5, 0]]],
    ),
    (reduce_min, [[[1, 1, 3], [2, 2, 2]]], 1, [[[0.5, 0.5, 0], [0, 0, 0]]]),
    (
        lambda x: reduce_prod(x, axis=1),
        [[[0, 3, 3], [0, 2, 0], [1, 1, 2]]],
        [0, 0, 2],
        [[[9, 0, 0], [0, 0, 0], [2, 2, 1]]],
    ),
    (reduce_std, [[1, 2, 4]], 1.247219128924647, [[-0.3563483225498992, -0.0890870806374748, 0.445435403187374]]),
    (cumprod, [[2, 0, 3, 4]], [2, 0, 0, 0], [[1, 32, 0, 0]]),  # TensorFlow: 0 instead of 32
]


@pytest.mark.parametrize("function, inputs, right, by_inputs", KINKS, ids=range(len(KINKS)))
def test_values_and_gradients_at_kinks(function, inputs, right, by_inputs):
    y, *gs = evaluate(function, *inputs)
    np.testing.assert_allclose(y, right, rtol=1e-14)
    for g, expected in zip(gs, by_inputs, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-14)


def test_leaky_relu_lets_nan_through_as_its_slope():
    np.testing.assert_array_equal(evaluate(leaky_relu, [nan])[1], [0.2])


# ---- other corners


def test_rounding():
    np.testing.assert_array_equal(value(round, [-0.5, 0.5, 1.5, 2.5]), [0, 0, 2, 2])
    np.testing.assert_array_equal(value(round, [2, -3], dtype=np.int32), [2, -3])
    np.testing.assert_array_equal(value(sign, [-2, 0, 3, nan, inf]), [-1, 0, 1, nan, 1])
    np.testing.assert_array_equal(value(abs, [-3, 3], dtype=np.int8), [3, 3])


def test_cast():
    x, _ = tensor([1.0])
    assert cast(x, np.float64) is x
    assert cast(x, "int32").dtype == np.int32
    np.testing.assert_array_equal(value(lambda x: cast(x, bool), [nan, inf, 0, -0.0]), [True, True, False, False])
    np.testing.assert_array_equal(value(lambda x: cast(x, np.int32), [-1.7, -0.5, 300]), [-1, 0, 300])
    np.testing.assert_array_equal(value(lambda x: cast(x, np.uint8), [300, -1], dtype=np.int32), [44, 255])
    np.testing.assert_array_equal(evaluate(lambda x: cast(x, np.float32), [1.0, 2.0])[1], [1.0, 1.0])


@pytest.mark.parametrize(
    "x, own, dtype, right",
    [
        ([inf, -inf, 3e9, 300, -4.5], np.float64, np.uint8, [255, 0, 255, 255, 0]),
        ([300, -4], np.int32, np.uint8, [255, 0]),
        ([3e9, -3e9, inf], np.float64, np.int32, [2**31 - 1, -(2**31), 2**31 - 1]),
        ([3e9], np.float32, np.int32, [2147483520]),
        ([1e300, 2], np.float64, np.float32, [3.4028234663852886e38, 2]),
        ([200, -3], np.int8, np.int64, [-56, -3]),
    ],
)
def test_saturate_cast(x, own, dtype, right):
    found = value(lambda x: saturate_cast(x, dtype), np.array(x).astype(own), dtype=own)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, right)


def test_integer_power_below_zero_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"negative power(.|\n)*got +-1"):
        value(pow, [2, 3], [2, -1], dtype=np.int32)


def test_functions_of_floats_refuse_integers():
    for function in (sqrt, erf, softmax, leaky_relu, l2_loss):
        with pytest.raises(DTypeError, match="not floating"):
            function(np.array([1, 2], np.int32))


def test_mixed_dtypes_are_refused_with_both_in_the_message():
    x, y = tensor([1.0], np.float32)[0], tensor([1.0], np.float64)[0]
    for function in (add, truediv, equal):
        with pytest.raises(DTypeError, match=r"same dtype(.|\n)*float32(.|\n)*float64"):
            function(x, y)


def test_comparison_with_nan():
    np.testing.assert_array_equal(value(equal, [nan, inf], [nan, inf]), [False, True])
    np.testing.assert_array_equal(value(not_equal, [nan, 1], [nan, 1]), [True, False])


def test_logic():
    a, b = np.array([True, True, False]), np.array([True, False, False])
    for function, right in (
        (logical_and, a & b), (logical_or, a | b), (logical_xor, a ^ b), (lambda a, b: logical_not(a), ~a),
        (lambda a, b: a ^ b, a ^ b), (lambda a, b: True ^ b, ~b), (lambda a, b: a & True, a),
    ):  # fmt: skip
        np.testing.assert_array_equal(value(function, a, b, dtype=bool), right)


def test_where_of_rows_and_of_anything_that_broadcasts():
    x, y = np.array([[1.0, 2], [3, 4]]), np.array([[5.0, 6], [7, 8]])
    np.testing.assert_array_equal(value(lambda x, y: where([True, False], x, y), x, y), [[1, 2], [7, 8]])
    np.testing.assert_array_equal(value(lambda x, y: where_v2([True, False], x, y), x, y), [[1, 6], [3, 8]])
    y, gx, gy = evaluate(lambda x, y: where_v2([True, False], x, y), x, 5.0)
    np.testing.assert_array_equal(y, [[1, 5], [3, 5]])
    np.testing.assert_array_equal(gx, [[1, 0], [1, 0]])
    assert gy == 2


# ---- reductions


@pytest.mark.parametrize(
    "function, right, integer",
    [
        (reduce_sum, 0, 0), (reduce_mean, nan, 0), (reduce_prod, 1, 1), (reduce_max, -inf, -(2**31)),
        (reduce_min, inf, 2**31 - 1),
    ],
)  # fmt: skip
def test_reductions_of_nothing(function, right, integer):
    nothing = np.zeros((0, 3))
    assert np.array_equal(value(function, nothing), right, equal_nan=True)
    np.testing.assert_array_equal(value(lambda x: function(x, axis=0), nothing), [right] * 3)
    assert value(lambda x: function(x, axis=1), nothing).shape == (0,)
    np.testing.assert_array_equal(value(lambda x: function(x, axis=0), nothing, dtype=np.int32), [integer] * 3)
    assert value(reduce_logsumexp, nothing) == -inf


def test_reductions_with_nan_and_infinity():
    x = [[nan, 1, 2], [inf, 1, 2], [-inf, -inf, -inf], [inf, -inf, 1], [0, -inf, 1]]
    for function, right in (
        (reduce_sum, [nan, inf, -inf, nan, -inf]),
        (reduce_mean, [nan, inf, -inf, nan, -inf]),
        (reduce_prod, [nan, inf, -inf, -inf, nan]),
        (reduce_max, [nan, inf, -inf, inf, 1]),
        (reduce_min, [nan, 1, -inf, -inf, -inf]),
        (reduce_logsumexp, [nan, inf, -inf, inf, 1.3132616875182228]),
    ):
        np.testing.assert_allclose(value(lambda x, f=function: f(x, axis=1), x), right, rtol=1e-15)


def test_mean_of_integers_is_cut_off():
    assert value(reduce_mean, [-3, -4], dtype=np.int32) == -3
    assert value(reduce_mean, [3, 4], dtype=np.int32) == 3
    assert value(reduce_mean, [2**31 - 1] * 2, dtype=np.int32) == 2**31 - 1
    np.testing.assert_array_equal(value(reduce_sum, [200, 100], dtype=np.uint8), 44)


def test_axes():
    ones = np.ones((2, 3))
    assert value(lambda x: reduce_sum(x, axis=[0, -1]), ones) == 6
    assert value(lambda x: reduce_sum(x, axis=[]), ones).shape == (2, 3)
    assert value(lambda x: reduce_sum(x, axis=slim_constant(1)), ones).shape == (2,)
    with pytest.raises(ShapeError, match="twice"):
        reduce_sum(ones, axis=[0, 0])
    with pytest.raises(DTypeError, match="not boolean"):
        reduce_any(np.array([1, 2]))


def slim_constant(number):
    return cast(np.array(number), np.int32)


def test_gradients_with_unknown_shapes():
    for function in (
        lambda x: reduce_prod(x), lambda x: reduce_prod(x, axis=[0, 1]), lambda x: reduce_max(x),
        lambda x: reduce_logsumexp(x), lambda x: reduce_mean(x), lambda x: softmax(x), lambda x: cumprod(x, axis=-1),
        lambda x: matmul(x, x, transpose_b=True), lambda x: x * reduce_sum(x, axis=0),
    ):  # fmt: skip
        array = np.array([[1.0, 2, 3], [4, 0, 6]])
        right = evaluate(function, array)[1]
        for unknown in (None, [None, None], [None, 3]):
            x = placeholder(np.float64, unknown)
            np.testing.assert_array_equal(Session().run(gradients(function(x), x)[0], {x: array}), right)


def test_places_of_extremes():
    assert value(argmax, [1, 3, 3]) == 1
    assert value(lambda x: argmin(x, axis=0), [1, 0, 0]) == 1
    assert value(lambda x: argmax(x, axis=0, output_type=np.int32), [1.0]).dtype == np.int32
    with pytest.raises(InvalidArgumentError, match="no elements"):
        value(argmax, np.zeros((0, 3)))
    assert value(lambda x: argmax(x, axis=1), np.zeros((0, 3))).shape == (0,)
    with pytest.raises(ShapeError):
        argmax(3.0)


def test_counts_and_variance():
    assert value(count_nonzero, [0, 1, 2]) == 2
    found = value(lambda x: count_nonzero(x, axis=1, keepdims=True), [[0, 1, 2]])
    assert found.dtype == np.int64 and found.tolist() == [[2]]
    np.testing.assert_allclose(value(reduce_variance, [1, 2, 4]), 14 / 9, rtol=1e-15)


def test_scans():
    np.testing.assert_array_equal(value(lambda x: cumsum(x, exclusive=True, reverse=True), [1, 2, 3]), [5, 3, 0])
    np.testing.assert_array_equal(value(lambda x: cumprod(x, exclusive=True), [1, 2, 3]), [1, 1, 2])
    np.testing.assert_array_equal(value(lambda x: cumprod(x, exclusive=True, reverse=True), [1, 2, 3]), [6, 3, 1])
    np.testing.assert_array_equal(value(lambda x: cumsum(x, exclusive=True), [inf, 1, 2]), [0, inf, inf])


# ---- products


def test_tensordot():
    ones = np.ones((2, 3, 4)), np.ones((4, 3, 5))
    np.testing.assert_array_equal(value(lambda a, b: tensordot(a, b, [[1, 2], [1, 0]]), *ones), np.full((2, 5), 12.0))
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for axes in (0, 1, [1, 0], [[-1], [0]], [[], []]):
        np.testing.assert_allclose(value(lambda a, b, axes=axes: tensordot(a, b, axes), a, b), np.tensordot(a, b, axes))
    assert tensordot(*(placeholder(np.float32, s) for s in ([None, 3, 4], [4, 7])), 1).shape.as_list() == [None, 3, 7]
    check_gradients(lambda a, b: tensordot(a, b, 1), [a, b], order=2)
    with pytest.raises(UnimplementedError, match="ranks"):
        x = placeholder(np.float32)
        gradients(tensordot(x, np.ones((3, 2), np.float32), 1), x)


@pytest.mark.parametrize(
    "equation, shapes, right",
    [
        ("ij, jk -> ik", [(2, 2)] * 2, "ij,jk->ik"),
        ("ij,jk", [(2, 2)] * 2, "ij,jk->ik"),
        ("ba", [(2, 3)], "ba->ab"),
        ("i,j", [(2,), (3,)], "i,j->ij"),
        ("ij,ij->ij", [(2, 2)] * 2, "ij,ij->ij"),
        ("ij,jk,kl->il", [(2, 2)] * 3, "ij,jk,kl->il"),
    ],
)
def test_einsum(equation, shapes, right):
    arrays = [np.arange(1.0, 1 + np.prod(s)).reshape(s) for s in shapes]
    np.testing.assert_allclose(value(lambda *xs: einsum(equation, *xs), *arrays), np.einsum(right, *arrays))
    check_gradients(lambda *xs: einsum(equation, *xs), arrays, order=2)


def test_einsum_refuses_what_it_cannot_differentiate():
    for equation in ("...i->i", "ii->i", "ii", "i->ii"):
        with pytest.raises(UnimplementedError, match="einsum"):
            einsum(equation, np.ones((2, 2)))
    for equation in ("ij->k", "i1->i"):
        with pytest.raises(InvalidArgumentError, match="no equation"):
            einsum(equation, np.ones((2, 2)))
    with pytest.raises(InvalidArgumentError, match="2 inputs"):
        einsum("ij,jk->ik", np.ones((2, 2)))


@pytest.mark.parametrize(
    "x, options, right",
    [
        ([[3, 4], [0, 0]], {}, 5),
        ([[3, 4], [0, 0]], {"ord": 1, "axis": 1}, [7, 0]),
        ([[3, -4], [0, 0]], {"ord": inf, "axis": 1}, [4, 0]),
        ([[3, 4], [1, 2]], {"ord": "fro", "axis": [0, 1]}, 5.477225575051661),
        ([[3, -4], [1, 2]], {"ord": 1, "axis": [0, 1]}, 6),
        ([[3, -4], [1, 2]], {"ord": inf, "axis": [-2, -1]}, 7),
        ([3, 4], {"ord": 3.5, "keepdims": True}, [4.372215289689355]),
    ],
)
def test_norm(x, options, right):
    found = value(lambda x: norm(x, **options), x)
    np.testing.assert_allclose(found, right, rtol=1e-14)
    check_gradients(lambda x: norm(x + 1.3, **options), [np.array(x, float)])


def test_norm_refuses_other_orders():
    for options in ({"ord": "nuc"}, {"ord": -1}, {"ord": 2, "axis": [0, 1]}):
        with pytest.raises(InvalidArgumentError, match="not supported"):
            norm(np.ones((2, 2)), **options)


def test_trace():
    np.testing.assert_array_equal(value(trace, np.arange(12.0).reshape(2, 2, 3)), [4, 16])
    assert tf.trace is tf.linalg.trace is trace


# ---- cross entropies


def test_softmax_cross_entropy():
    labels, logits = np.array([[0.0, 1, 0]]), np.array([[0.0, 1, 2]])
    y, g = evaluate(lambda z, x: softmax_cross_entropy_with_logits(z, x), labels, logits)
    np.testing.assert_allclose(y, [1.4076059644443804], rtol=1e-15)
    np.testing.assert_allclose(g, [[0.09003057317038046, -0.7552715289452023, 0.6652409557748218]], rtol=1e-14)
    assert len(evaluate(softmax_cross_entropy_with_logits_v2, labels, logits)) == 3
    y = Session().run(softmax_cross_entropy_with_logits(labels=labels.astype(np.int32), logits=logits))
    np.testing.assert_allclose(y, [1.4076059644443804], rtol=1e-15)
    found = value(lambda z, x: softmax_cross_entropy_with_logits(z, x, 0), [[0, 1], [1, 0]], [[0, 1], [1, 2]])
    np.testing.assert_allclose(found, [0.31326168751822286, 1.3132616875182228], rtol=1e-15)


def test_sparse_softmax_cross_entropy_names_a_label_out_of_range():
    for bad in (3, -1):
        with pytest.raises(InvalidArgumentError, match=rf"label value of {bad} which is outside .* range of \[0, 3\)"):
            Session().run(sparse_softmax_cross_entropy_with_logits([1, bad], np.zeros((2, 3))))
    assert sparse_softmax_cross_entropy_with_logits(1, np.zeros(3)).shape.as_list() == []


def test_sigmoid_cross_entropies():
    y, _, g = evaluate(sigmoid_cross_entropy_with_logits, [0, 1, 0.5, 1], [1e3, 1e3, -1e3, -1e3])
    np.testing.assert_array_equal([y, g], [[1000, 0, 500, 1000], [1, 0, -0.5, -1]])


def test_weighted_cross_entropy():
    def function(z, x):
        return weighted_cross_entropy_with_logits(z, x, 3.0)

    y, gz, gx = evaluate(function, [0, 1, 0.5, 1, 0], [1e3, 1e3, -1e3, -1e3, 0])
    np.testing.assert_allclose(y, [1000, 0, 1500, 3000, np.log(2)], rtol=1e-15)
    np.testing.assert_allclose(gx, [1, 0, -1.5, -3, 0.5], rtol=1e-15)
    np.testing.assert_allclose(gz, [-1000, -1000, 3000, 3000, 2 * np.log(2)], rtol=1e-15)
    check_gradients(function, [np.array([0.2, 0.7]), np.array([-1.0, 2])], order=2)


@pytest.mark.parametrize("function", [log_sigmoid, swish, crelu, lambda x: clip_by_value(x, -0.5, 0.5)])
def test_composed_functions(function):
    for result in check_gradients(function, [np.array([[-1.2, 0.3], [0.8, -0.1]])], order=2):
        assert result.error < 1e-12


# ---- arithmetic on shapes


def test_what_is_known_of_a_shape_survives_arithmetic():
    x = placeholder(np.float32, [None, 4, 6])
    n, h, w = (shape(x)[i] for i in range(3))
    assert reshape(x, stack([n, h * w])).shape.as_list() == [None, 24]
    assert reshape(x, stack([n * 2, h // 2, cast(w, np.int32)])).shape.as_list() == [None, 2, 6]
    assert reshape(x, [n, maximum(h, 3), -1]).shape.as_list() == [None, 4, None]
    assert reshape(x, stack([n, reduce_prod(shape(x)[1:])])).shape.as_list() == [None, 24]
