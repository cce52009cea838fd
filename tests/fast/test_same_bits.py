"""Functions of each element, choices, moves and softmax give the plain kernels' bits, NaNs aside, and own arrays."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast import arena, broadcast, functions, loops, moves, softmax, workers
from npslim.fast.buffers import FRESH
from npslim.fast.kernels import FAST
from npslim.registry import REGISTRY

ODD = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 1e-42, -1e-42, 90.0, -90.0, 700.0, 3e38, -3e38]
NAMES = [*broadcast.KERNELS, *moves.KERNELS, *softmax.KERNELS]
LOOPS = sorted({*functions.FUNCTIONS, *loops.IN_PARTS} - {"add_n"})


def odd(*shape, dtype="f", seed=0):
    """Numbers of all sizes, among them zeros of both signs, infinite ones and NaN."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape) * 10.0 ** rng.integers(-3, 3, shape)
    return np.where(rng.random(shape) < 0.3, rng.choice(ODD, shape), x).astype(dtype)


def check_same(result, expected):
    """The same dtype, shape and bits; any NaN is like any other."""
    result, expected = np.asarray(result), np.asarray(expected)
    assert result.dtype == expected.dtype and result.shape == expected.shape
    if result.dtype.kind == "f":
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(result), nan)
        np.testing.assert_array_equal(np.signbit(result[~nan]), np.signbit(expected[~nan]))
    np.testing.assert_array_equal(result, expected)


@pytest.fixture
def small(monkeypatch):
    """Let small arrays have many parts, each for another thread."""
    for module in (broadcast, moves, softmax):
        monkeypatch.setattr(module, "SMALL", 1)
    monkeypatch.setattr(broadcast, "BLOCK", 4)
    monkeypatch.setattr(softmax, "BLOCK", 4)
    monkeypatch.setattr(softmax, "NARROW", 1)
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)


def both(name, arrays, attrs):
    """The results of the fast kernel, on two threads, and of the plain one."""
    context = [{"rng": np.random.default_rng(4)} if REGISTRY[name].random else {} for _ in range(2)]
    with np.errstate(all="ignore"), workers.sharing(2):
        fast = FAST[name](arena.Arena(), *arrays, **attrs, **context[0])
        return fast, REGISTRY[name].kernel(*arrays, **attrs, **context[1])


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", NAMES)
def test_every_case(name, dtype, small):
    done = 0
    for case in REGISTRY[name].all_cases:
        arrays = case.draw(np.random.default_rng(5))
        arrays = [a.astype(dtype) if a.dtype == np.float64 else a for a in arrays]
        fast, plain = both(name, arrays, case.attrs)
        if fast is not None:
            check_same(fast, plain)
            done += 1
    assert done or name == "bias_add"


@pytest.mark.parametrize(
    "shapes", [[(5, 3, 4), (5, 1, 4)], [(4, 1), (4, 7)], [(3, 4), (2, 3, 4)], [(), (6, 2)], [(1, 9)] * 2]
)
@pytest.mark.parametrize(
    "name", ["add", "realdiv", "maximum", "minimum", "less_equal", "not_equal", "where_v2", "where"]
)
def test_operands_that_are_repeated(name, shapes, small):
    arrays = [odd(*shape, seed=i) for i, shape in enumerate(shapes)]
    if name.startswith("where"):
        for condition in (arrays[0] > 0, arrays[1] > 0):
            for zero in (np.float32(0), np.float32(-0.0), np.zeros((), "f")):
                check_same(*both("where_v2", [condition, arrays[1], zero], {}))
            if condition.ndim != 1:
                check_same(*both(name, [condition, *arrays], {}))
    else:
        check_same(*both(name, arrays, {}))
        check_same(*both(name, arrays[::-1], {}))


def test_vectors_of_conditions_choose_rows(small):
    x, y = odd(4, 3, 2), odd(4, 3, 2, seed=1)
    check_same(*both("where", [np.array([True, False, True, False]), x, y], {}))


def test_bias_of_channels_that_come_first(small):
    x, b = odd(2, 3, 4, 5), odd(3)
    check_same(*both("bias_add", [x, b], {"data_format": "NCHW"}))


@pytest.mark.parametrize("to", ["f", "d", "?", "i4", "i8"])
@pytest.mark.parametrize("dtype", ["f", "d", "?", "i4", "u1"])
def test_casts(dtype, to, small):
    x = np.random.default_rng(0).integers(0, 3, (5, 6)) * np.array(1.5 if dtype in "fd" else 1)
    check_same(*both("cast", [x.astype(dtype)], {"dtype": np.dtype(to)}))


@pytest.mark.parametrize("g", [odd(3, 4), np.full((3, 4), -2, "f")])
def test_what_is_put_among_zeros_that_have_its_sign(g, small):
    indices = np.random.default_rng(0).integers(0, 5, (3, 4))
    check_same(*both("put_along_last", [g, indices, np.zeros((3, 4, 5), "f")], {}))


@pytest.mark.parametrize("name", softmax.KERNELS)
@pytest.mark.parametrize("shape", [(40, 7), (3, 5, 1), (2, 9000)])
def test_softmax_of_logits_far_apart(name, shape, small):
    x = (np.random.default_rng(1).normal(size=shape) * 40).astype("f")
    x[..., -1] = x[..., 0]
    check_same(*both(name, [x], {"axis": -1}))
    x[0] = np.inf
    assert both(name, [x], {"axis": -1})[0] is None


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", LOOPS)
def test_functions_of_loops(name, dtype, in_place, monkeypatch):
    monkeypatch.setattr(loops, "SMALL", 1)
    op, number = REGISTRY[name], len(REGISTRY[name].parameters)
    arrays = [odd(6, 50, dtype=dtype, seed=i) for i in range(number)]
    if name == "bias_add":
        arrays[1] = arrays[1][0]
    if name == "sigmoid_cross_entropy_with_logits":
        arrays[0] = np.clip(np.nan_to_num(arrays[0]), 0, 1).astype(dtype)
    x = [slim.placeholder(dtype, a.shape) for a in arrays]
    node = op(*x).op
    session = slim.Session(kernels="fast")
    with np.errstate(all="ignore"):
        expected = op.kernel(*arrays, **node.attrs)
    (step,) = [s for s in session.plan((node.outputs[0],), tuple(x)).steps if "loop" in getattr(s.kernel, "label", "")]
    loop = loops.Loop.of(_bare(step), loops.parts_of(_bare(step)))
    with np.errstate(all="ignore"):
        kernel = loop.kernel(0 if in_place else None)
        found = kernel(*[np.array(a) for a in arrays])
        wide = np.zeros((6, 60), dtype)  # what is a column of something wider
        wide[:, :50] = arrays[0]
        apart = kernel(wide[:, :50], *[np.array(a) for a in arrays[1:]])
    check_same(found, expected)
    check_same(apart, expected)


def _bare(step):
    """The step as it was before it became a loop."""
    node = step.node
    return type(step)(node, node.op.kernel, tuple(range(len(node.inputs))), (len(node.inputs),), ())


@pytest.mark.parametrize("name", sorted(FRESH))
def test_what_is_said_to_be_an_own_array_is_one(name):
    """Or it would be written over while somebody holds what it is a view of."""
    op = REGISTRY[name]
    for case in op.all_cases:
        arrays = case.draw(np.random.default_rng(5))
        context = {"rng": np.random.default_rng(4)} if op.random else {}
        with np.errstate(all="ignore"):
            result = op.kernel(*arrays, **case.attrs, **context)
        first = result[0] if isinstance(result, tuple) else result
        given = [a for a in arrays if isinstance(a, np.ndarray)]
        assert not any(np.shares_memory(first, a) for a in given)
