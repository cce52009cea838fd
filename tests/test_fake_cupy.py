"""The fake CuPy refuses and returns what the real one does.

The facts stand in the sources of the version that `fake_cupy.VERSION` names, and in "Differences between CuPy and
NumPy" of its user guide; names and parameters stand in signatures.json.
"""

import copy
import importlib
import inspect
import pickle
import sys

import fake_cupy
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def cp():
    with fake_cupy.active() as module:
        yield module


def same(array, expected):
    """True if `array` is on the device and holds `expected`, with its shape and dtype."""
    expected = np.asarray(expected)
    host = array.get()
    assert host.shape == expected.shape
    return isinstance(array, sys.modules["cupy"].ndarray) and host.dtype == expected.dtype and (host == expected).all()


# The modules.


def test_imports_find_the_fake_only_while_it_is_active(cp):
    assert importlib.import_module("cupy") is cp
    assert importlib.import_module("cupy.linalg") is cp.linalg
    assert importlib.util.find_spec("cupyx") is not None
    fake_cupy.uninstall()
    assert sys.modules.get("cupy") is not cp
    fake_cupy.install()


@pytest.mark.parametrize("name", fake_cupy.MODULES)
def test_everything_offered_exists_in_the_real_one(name):
    table = fake_cupy.MODULES[name]
    listed = {entry for kind in table.values() for entry in kind}
    module = fake_cupy.modules[name]
    offered = {
        entry for entry in vars(module) if not entry.startswith("_") and not inspect.ismodule(vars(module)[entry])
    }
    assert offered <= listed


def parameters(text):
    return inspect.signature(eval(f"lambda {'*args, **kwargs' if text is None else text}: None")).parameters


@pytest.mark.parametrize("name", fake_cupy.MODULES)
def test_every_function_has_the_parameters_of_the_real_one(name):
    for entry, text in fake_cupy.MODULES[name].get("functions", {}).items():
        assert inspect.signature(getattr(fake_cupy.modules[name], entry)).parameters == parameters(text)


def test_what_is_written_here_takes_what_the_real_one_takes():
    for name, function in fake_cupy.ours.items():
        module, _, entry = name.rpartition(".")
        expected = parameters(fake_cupy.MODULES[module]["functions"][entry])
        found = inspect.signature(function).parameters
        flexible = any(p.kind is p.VAR_POSITIONAL for p in (*found.values(), *expected.values()))
        assert list(found) == list(expected) or flexible, name


def test_array_has_no_attribute_that_the_real_one_lacks(cp):
    table = fake_cupy.MODULES["cupy"]["classes"]["ndarray"]
    assert {name for name in vars(cp.ndarray) if not name.startswith("_")} <= set(table)
    operators = {name for name in vars(cp.ndarray) if name.startswith("__")} - set(dir(object))
    assert operators - set(table) <= {"__getattr__", "__weakref__", "__reduce__"}


@pytest.mark.parametrize("name", ["sliding_window_view", "errstate", "float128", "apply", "putmask_", "matvec"])
def test_absent_names(cp, name):
    with pytest.raises(AttributeError):
        getattr(cp, name)


def test_absent_attributes(cp):
    for name in ("itemset", "tostring", "resize", "ctypes", "__index__", "__array_interface__", "__contains__"):
        assert not hasattr(cp.zeros(1), name)


def test_present_but_not_played_says_so(cp):
    with pytest.raises(NotImplementedError, match="cupy.fuse"):
        cp.fuse()
    with pytest.raises(NotImplementedError, match="cstruct"):
        cp.zeros(1).cstruct  # noqa: B018


def test_types_are_numpys_own(cp):
    assert cp.float32 is np.float32 and cp.dtype is np.dtype and cp.newaxis is None and cp.pi == np.pi
    assert type(cp.zeros(1)).__module__ == "cupy" and isinstance(cp.zeros(1), cp.ndarray)


# Between host and device.


def test_implicit_conversion_is_refused(cp):
    for convert in (np.asarray, np.array, lambda x: np.ones(3) * 1 + np.asanyarray(x)):
        with pytest.raises(TypeError, match="Implicit conversion"):
            convert(cp.ones(3))
    with pytest.raises(TypeError):
        np.ones(3)[:] = cp.ones(3)


def test_the_explicit_ways(cp):
    host = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = cp.asarray(host)
    host[0, 0] = 9
    assert x[0, 0] == 0
    assert cp.asarray(x) is x and cp.asarray(x, dtype=np.float64) is not x
    assert cp.ascontiguousarray(x) is x and cp.ascontiguousarray(x.T) is not x
    assert type(cp.asnumpy(x)) is np.ndarray and type(cp.asnumpy([1])) is np.ndarray
    x.set(host)
    assert x[0, 0] == 9
    with pytest.raises(TypeError):
        x.set(host.astype(np.float64))
    out = np.empty((2, 3), np.float32)
    assert x.get(out=out) is out and np.array_equal(out, host)


def test_module_of_arrays(cp):
    assert cp.get_array_module(np.ones(1), cp.ones(1)) is cp
    assert cp.get_array_module(np.ones(1), 2) is np


@pytest.mark.parametrize("dtype", [object, "U3", "S3", "longdouble", "clongdouble", "M8[s]", ">f4"])
def test_dtypes_without_a_kernel(cp, dtype):
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cp.zeros(2, dtype=dtype)
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cp.asarray(np.zeros(2, dtype=dtype))
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cp.zeros(2).astype(dtype)


def test_copies_and_pickles(cp):
    x = cp.arange(3)
    for other in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other is not x and same(other, np.arange(3))


# Waiting for the device.


@pytest.mark.parametrize(
    "read, what",
    [
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (complex, "complex"),
        (str, "str"),
        (repr, "repr"),
        (lambda x: x.item(), "item"),
        (lambda x: x.get(), "get"),
        (lambda x: x.tolist(), "tolist"),
        (lambda x: x.reshape(1)[x.reshape(1) > 0], "mask"),
        (lambda x: x.reshape(1).nonzero(), "nonzero"),
    ],
)
def test_reading_is_counted(cp, read, what):
    x = cp.asarray(2.0)
    read(x)
    assert fake_cupy.syncs == {what: 1}
    with pytest.raises(RuntimeError, match="synchronization"), fake_cupy.no_syncs():
        read(x)


def test_computing_waits_for_nothing(cp):
    x = cp.asarray(np.arange(6.0).reshape(2, 3))
    uploads = sum(fake_cupy.uploads.values())
    y = cp.where(x > 2, x @ x.T @ x, cp.exp(-x)).sum(axis=0, keepdims=True) / x.shape[0]
    y[:, 1:] = 0
    y += cp.take(x, cp.asarray(x.argmax(axis=1)), axis=1).mean()
    assert cp.array_equal(y, y).shape == () and not fake_cupy.syncs
    assert sum(fake_cupy.uploads.values()) == uploads


def test_truth(cp):
    with pytest.raises(ValueError, match="ambiguous"):
        bool(cp.ones(2))
    with pytest.warns(DeprecationWarning):
        assert not cp.ones(0)
    with pytest.raises(TypeError):
        float(cp.ones(1))
    with pytest.raises(TypeError):
        range(cp.asarray(3))
    with pytest.raises(TypeError):
        np.arange(5)[cp.asarray(3)]
    with pytest.raises(TypeError):
        hash(cp.ones(1))


# Mixed operands.


@pytest.mark.parametrize(
    "mix",
    [
        lambda x, h: x + h,
        lambda x, h: h + x,
        lambda x, h: x @ h,
        lambda x, h: h @ x,
        lambda x, h: x < h,
        lambda x, h: h == x,
        lambda x, h: x**h,
        lambda x, h: x.__iadd__(h),
        lambda x, h: h.__iadd__(x),
        lambda x, h: np.add(x, h),
        lambda x, h: np.maximum(h, x),
        lambda x, h: np.add(h, h, out=x),
        lambda x, h: x + np.array(1.0),
        lambda x, h: x + [1.0, 2.0],
        lambda x, h: x == "a",
        lambda x, h: x + np.longdouble(1),
        lambda x, h: np.concatenate([x, h]),
        lambda x, h: np.where(h > 0, x, x),
        lambda x, h: x.__setitem__(slice(None), h),
        lambda x, h: x.__setitem__((0, 0), h[:1]),
        lambda x, h: x.dot(h),
        lambda x, h: sys.modules["cupy"].add(x, h),
        lambda x, h: sys.modules["cupy"].sum(h),
        lambda x, h: sys.modules["cupy"].exp(h),
        lambda x, h: sys.modules["cupy"].power([x], 2),
        lambda x, h: sys.modules["cupy"].sum([1, 2]),
        lambda x, h: sys.modules["cupy"].stack([x, h]),
        lambda x, h: sys.modules["cupy"].stack([1, 2]),
        lambda x, h: sys.modules["cupy"].where(x > 0, x, h),
        lambda x, h: sys.modules["cupy"].where(True, x, x),
        lambda x, h: sys.modules["cupy"].matmul(x, h),
        lambda x, h: sys.modules["cupy"].tensordot(x, h),
        lambda x, h: sys.modules["cupy"].einsum("ij,ij->", x, h),
        lambda x, h: sys.modules["cupy"].broadcast_to(h, (2, 2, 2)),
        lambda x, h: sys.modules["cupy"].linalg.inv(h),
        lambda x, h: sys.modules["cupy"].repeat(x, h),
        lambda x, h: sys.modules["cupy"].add.at(x, 0, h[0]),
        lambda x, h: sys.modules["cupy"].full((2, 2), h),
    ],
)
def test_mixed_operands_are_refused(cp, mix):
    with pytest.raises(TypeError):
        mix(cp.ones((2, 2)), np.ones((2, 2)))


def test_scalars_of_the_host_are_operands(cp):
    x = cp.arange(3, dtype=np.float32)
    for y in (x + 1, 1 + x, x + 1.0, np.float32(1) + x, x + np.float32(1), x + True, np.add(x, 1)):
        assert same(y, np.float32([1, 2, 3]))
    assert same(np.float64(1) + x, np.float64([1, 2, 3]))


def test_device_arrays_are_no_shapes(cp):
    for call in (
        lambda n: cp.zeros(n),
        lambda n: cp.zeros((n, 2)),
        lambda n: cp.ones(4).reshape(n),
        lambda n: cp.ones(4).sum(n),
    ):
        with pytest.raises(TypeError):
            call(cp.asarray(0))


# NumPy's functions, called with device arrays.


def test_numpys_functions_are_dispatched(cp):
    x = cp.arange(4.0)
    assert same(np.sum(x), 6.0) and same(np.concatenate([x, x]), np.concatenate([np.arange(4.0)] * 2))
    assert same(np.tanh(x), np.tanh(np.arange(4.0))) and np.shape(x) == (4,)
    assert same(np.linalg.norm(x), np.linalg.norm(np.arange(4.0)))
    assert same(np.add.reduce(x), 6.0) and same(
        np.multiply.outer(x, x), np.multiply.outer(np.arange(4.0), np.arange(4.0))
    )
    for call in (lambda: np.maximum.reduce(x), lambda: np.broadcast_to(x, (2, 4), subok=True)):
        with pytest.raises((NotImplementedError, TypeError)):
            call()


# Keyword arguments that NumPy has and CuPy has not.


@pytest.mark.parametrize(
    "call",
    [
        lambda cp, x: cp.add(x, x, where=x > 0),
        lambda cp, x: cp.exp(x, order="C"),
        lambda cp, x: cp.sum(x, where=x > 0),
        lambda cp, x: cp.sum(x, initial=0),
        lambda cp, x: x.max(initial=0),
        lambda cp, x: x.mean(where=x > 0),
        lambda cp, x: cp.take(x, 0, mode="clip"),
        lambda cp, x: cp.clip(x, min=0, max=1),
        lambda cp, x: cp.einsum("i->", x, out=x),
        lambda cp, x: cp.var(x, mean=x),
        lambda cp, x: cp.broadcast_to(x, (3, 3), subok=True),
        lambda cp, x: cp.lib.stride_tricks.as_strided(x, writeable=False),
        lambda cp, x: cp.unique(x, sorted=False),
        lambda cp, x: cp.zeros(3, like=x),
        lambda cp, x: cp.linalg.cholesky(x, upper=True),
        lambda cp, x: cp.astype(x, np.int32, device="cpu"),
        lambda cp, x: x.astype(np.int32, casting="safe"),
        lambda cp, x: np.sum(x, where=True),
        lambda cp, x: np.add(x, x, where=x > 0),
    ],
)
def test_keywords_that_cupy_lacks(cp, call):
    with pytest.raises(TypeError):
        call(cp, cp.ones(3))


def test_einsum_path_options(cp):
    x = cp.ones((2, 3))
    assert same(cp.einsum("ij,kj->ik", x, x, optimize=True), np.full((2, 2), 3.0))
    assert same(cp.einsum("ij,kj->ik", x, x, dtype=np.float32), np.full((2, 2), 3.0, np.float32))


# Results.


def test_results_without_dimensions_are_arrays(cp):
    x = cp.arange(4.0)
    results = [x.sum(), x[0], cp.dot(x, x), cp.argmax(x), cp.allclose(x, x), cp.array_equal(x, x), cp.linalg.norm(x),
               cp.count_nonzero(x), x.var(), x.T[1], cp.float64(1) * x.min()]  # fmt: skip
    assert all(type(y) is cp.ndarray and y.shape == () for y in results)
    assert (cp.ndim(x), cp.size(x), cp.shape(x), cp.isscalar(1.0)) == (1, 4, (4,), True)


def test_several_results_are_all_on_the_device(cp):
    x = cp.arange(4.0).reshape(2, 2)
    for parts in (cp.linalg.svd(x), cp.split(x, 2), cp.unique(x, return_counts=True), cp.nonzero(x), cp.modf(x)):
        assert all(type(part) is cp.ndarray for part in parts)


def test_out_is_returned(cp):
    x, out = cp.ones(3), cp.empty(3)
    assert cp.add(x, x, out=out) is out and cp.add(x, x, out) is out and np.add(x, x, out=out) is out
    assert cp.sum(cp.ones((2, 3)), axis=0, out=out) is out and same(out, np.full(3, 2.0))
    with pytest.raises(TypeError, match="same_kind"):
        cp.add(x, x, out=cp.empty(3, np.int32))


def test_views_share_memory(cp):
    x = cp.zeros((2, 3))
    x.T[0] = 1
    x.reshape(-1)[5] = 2
    x[:, 1].fill(3)
    assert same(x, [[1.0, 3, 0], [1, 3, 2]])
    windows = cp.lib.stride_tricks.as_strided(x, (2, 2, 2), (24, 8, 8))
    assert same(windows, [[[1.0, 3], [3, 0]], [[1, 3], [3, 2]]])
    assert same(cp.lib.stride_tricks.sliding_window_view(x, (1, 2))[:, :, 0], windows.get())
    assert x.flags.c_contiguous and not x.T.flags.c_contiguous and not hasattr(x.flags, "writeable")


def test_in_place_keeps_the_array(cp):
    x = y = cp.ones(3)
    x += 1
    x *= x
    x -= 1.0
    assert x is y and same(y, np.full(3, 3.0))
    n = cp.ones(3, np.int32)
    with pytest.raises(TypeError, match="same_kind"):
        n += 0.5


# Universal functions.


@pytest.mark.parametrize("name", ["add", "divide", "sqrt", "exp", "maximum", "floor", "abs", "equal", "arctan2"])
@pytest.mark.parametrize("left", "?bilBefd")
@pytest.mark.parametrize("right", "bfd")
def test_dtypes_are_numpys(cp, name, left, right):
    arrays = [np.ones(2, left), np.ones(2, right)][: getattr(cp, name).nin]
    result = getattr(cp, name)(*map(cp.asarray, arrays))
    expected = getattr(np, name)(*arrays)
    assert result.dtype == expected.dtype
    assert np.allclose(result.get(), expected, rtol=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda cp: cp.subtract(cp.ones(2, bool), cp.ones(2, bool)),
        lambda cp: cp.sign(cp.ones(2, bool)).astype(bool) | cp.sqrt(cp.ones(2)),
        lambda cp: cp.logaddexp(cp.ones(2, complex), 1.0),
        lambda cp: cp.bitwise_and(cp.ones(2), 1),
        lambda cp: cp.floor(cp.ones(2, complex)),
        lambda cp: cp.add(cp.ones(2)),
        lambda cp: cp.exp(cp.ones(2), dtype=np.int32),
    ],
)
def test_types_without_a_loop(cp, call):
    with pytest.raises(TypeError):
        call(cp)


def test_keywords_of_universal_functions(cp):
    found = list(inspect.signature(cp.ufunc.__call__).parameters.values())
    assert {p.name for p in found if p.kind is p.KEYWORD_ONLY} == set(parameters(fake_cupy.UFUNC_KEYWORDS))


def test_python_scalars_are_weak(cp):
    assert (cp.ones(1, np.float16) * 2.5).dtype == np.float16
    assert (cp.ones(1, np.int8) * 2).dtype == np.int8
    assert (cp.ones(1, np.int8) * 2.0).dtype == np.float64
    assert (cp.ones(1, bool) * 2).dtype == np.int64
    assert same(cp.ones(1, np.uint8) > -1, [True])
    with pytest.raises(OverflowError):
        cp.ones(1, np.int8) + 1000


def test_powers(cp):
    assert same(cp.ones(2, bool) ** 2, np.int64([1, 1]))
    assert same(cp.full(2, 4, np.float32) ** 0.5, np.float32([2, 2]))
    assert same(cp.arange(3) ** 3, [0, 1, 8]) and same(2 ** cp.arange(3), [1, 2, 4])


def test_arithmetic_never_warns(cp):
    x = cp.asarray([0.0, 1e308, -1.0])
    with np.errstate(all="raise"):
        assert same(1 / x[:1], [np.inf]) and cp.isnan(cp.log(x))[2] and cp.isinf(x * 100)[1]
        assert cp.isnan(cp.zeros(0).mean())


def test_comparison_with_other_objects(cp):
    x = cp.ones(2)
    assert same(x == None, [False, False]) and same(x != None, [True, True])  # noqa: E711
    assert same(x == np.asarray(1.0), [True, True])


def test_results_are_in_c_order(cp):
    x = cp.asfortranarray(cp.ones((2, 3)))
    assert x.flags.f_contiguous and (x + x).flags.c_contiguous


def test_special_functions(cp):
    special = importlib.import_module("cupyx.scipy.special")
    assert cp.allclose(special.erf(cp.asarray([0.0, 1.0])), cp.asarray([0.0, 0.8427007929497149]))
    assert special.erf(cp.ones(1, np.float32)).dtype == np.float32
    with pytest.raises(TypeError):
        special.erf(np.ones(1))


# Casts.


def test_casts_saturate_like_cuda(cp):
    x = cp.asarray([-1.0, np.inf, -np.inf, np.nan, 2.7], dtype=np.float32)
    assert same(x.astype(np.uint32), np.uint32([0, 2**32 - 1, 0, 0, 2]))
    assert same(x.astype(np.int32), np.int32([-1, 2**31 - 1, -(2**31), 0, 2]))
    assert same(x.astype(np.int64), np.int64([-1, 2**63 - 1, -(2**63), 0, 2]))
    assert cp.ones(2).astype(np.float64, copy=False).dtype == np.float64


# Indices.


def test_out_of_bounds_wraps_for_arrays_only(cp):
    x = cp.arange(3)
    assert same(x[[1, 3, -4]], [1, 0, 2]) and same(x.take(cp.asarray([5, -1])), [2, 2])
    assert same(cp.take(x, 4), 1) and same(x[cp.asarray(4)], 1)
    x[[1, 3]] = 10
    assert same(x, [10, 10, 2])
    y = cp.arange(6).reshape(2, 3)
    assert same(y[cp.asarray([2, 3]), cp.asarray([4, -4])], [1, 5])
    assert same(cp.take_along_axis(y, cp.asarray([[3], [4]]), 1), [[0], [4]])
    with pytest.raises(IndexError):
        x[3]
    with pytest.raises(IndexError):
        cp.zeros(0).take(0)


def test_first_of_several_values_is_kept(cp):
    x = cp.zeros(3)
    x[cp.asarray([0, 0, 2])] = cp.asarray([1.0, 2.0, 3.0])
    assert same(x, [1.0, 0, 3])
    y = cp.zeros((2, 2))
    cp.put_along_axis(y, cp.asarray([[0, 0], [1, 1]]), cp.asarray([[1.0, 2], [3, 4]]), 1)
    assert same(y, [[1.0, 0], [0, 3]])


@pytest.mark.parametrize(
    "key",
    [
        0,
        (slice(None), 1),
        (Ellipsis, None, slice(None, None, -1)),
        (None, 1, Ellipsis),
        ([0, 1], slice(1, None)),
        ([0, 1], slice(None), [2, 0]),
        (slice(None), [[0], [1]], [1, 3]),
        np.array([[True, False, True], [False, False, True]]),
        (slice(None), np.array([True, False, True])),
        (np.array([True, False]), slice(None), [1]),
        [],
        (Ellipsis, np.array([1, 0])),
    ],
)
def test_indexing_is_numpys_within_bounds(cp, key):
    host = np.arange(24.0).reshape(2, 3, 4)
    x = cp.asarray(host)
    assert same(x[key], host[key])
    on_device = tuple(
        cp.asarray(part) if isinstance(part, np.ndarray) else part for part in (key if type(key) is tuple else (key,))
    )
    assert same(x[on_device], host[key])
    value = np.arange(host[key].size, dtype=np.float32).reshape(host[key].shape)
    x[on_device] = cp.asarray(value)
    host[key] = value
    assert same(x, host)


@pytest.mark.parametrize("key", [1.5, [0.5], "a", np.array([0.0]), (0, 0, 0), (Ellipsis, Ellipsis), np.ones(3, bool)])
def test_keys_that_are_refused(cp, key):
    with pytest.raises(IndexError):
        cp.zeros((2, 2))[key]


def test_lists_are_values_for_arrays_of_indices_only(cp):
    x = cp.zeros(3)
    x[[0, 1]] = [1, 2]
    with pytest.raises(ValueError, match="fill"):
        x[:2] = [1, 2]
    assert same(x, [1.0, 2, 0])


def test_scatter(cp):
    cupyx = importlib.import_module("cupyx")
    x, indices, values = cp.zeros(3, np.float32), cp.asarray([0, 0, 4]), cp.asarray([1.0, 2, 3])
    cp.add.at(x, indices, values)
    assert same(x, np.float32([3, 3, 0]))
    cp.maximum.at(x, indices, cp.full(3, 5.0))
    assert same(x, np.float32([5, 5, 0]))
    with pytest.warns(DeprecationWarning):
        cupyx.scatter_add(x, indices, 1)
    assert same(x, np.float32([7, 6, 0]))
    with pytest.raises(TypeError):
        cp.add.at(cp.zeros(3, np.int16), indices, 1)
    with pytest.raises(TypeError):
        cp.add.at(cp.zeros(3, complex), indices, 1)
    with pytest.raises(NotImplementedError):
        cp.multiply.at(x, indices, 2)


# Plain agreement with NumPy, of functions and methods that are NumPy's here.


@pytest.mark.parametrize(
    "call",
    [
        lambda xp, x: xp.arange(2, 8, 2, dtype=np.int32),
        lambda xp, x: xp.linspace(0, 1, 5),
        lambda xp, x: xp.eye(3, 4, k=1),
        lambda xp, x: xp.full_like(x, 2),
        lambda xp, x: xp.zeros_like(x, dtype=np.int8),
        lambda xp, x: xp.tri(3),
        lambda xp, x: xp.pad(x, ((0, 1), (2, 0)), mode="reflect"),
        lambda xp, x: xp.pad(x, 1, mode="constant", constant_values=2),
        lambda xp, x: xp.roll(x, 1, axis=0),
        lambda xp, x: xp.tile(x, (2, 1)),
        lambda xp, x: xp.repeat(x, 2, axis=1),
        lambda xp, x: xp.flip(x, 0),
        lambda xp, x: xp.stack([x, x], axis=-1),
        lambda xp, x: xp.moveaxis(x, 0, 1),
        lambda xp, x: xp.expand_dims(x, (0, 2)),
        lambda xp, x: xp.broadcast_to(x, (2, 3, 4)),
        lambda xp, x: xp.argsort(-x, axis=-1),
        lambda xp, x: xp.argmax(x, axis=1),
        lambda xp, x: xp.cumsum(x, axis=1),
        lambda xp, x: xp.prod(x, axis=(0, 1)),
        lambda xp, x: xp.any(x > 5, axis=0, keepdims=True),
        lambda xp, x: xp.matmul(x, x.T),
        lambda xp, x: xp.tensordot(x, x, axes=([0], [0])),
        lambda xp, x: xp.einsum("ij,kj->ik", x, x),
        lambda xp, x: xp.where(x > 5, x, 0.0),
        lambda xp, x: xp.clip(x, 2, 5),
        lambda xp, x: xp.searchsorted(x[0], x[1]),
        lambda xp, x: xp.bincount(x[0].astype(np.int64), minlength=9),
        lambda xp, x: xp.unique(x),
        lambda xp, x: xp.nan_to_num(x / 0),
        lambda xp, x: xp.isfinite(1 / x),
        lambda xp, x: xp.linalg.norm(x, axis=1),
        lambda xp, x: xp.linalg.qr(x.T)[1],
        lambda xp, x: xp.fft.rfft(x),
        lambda xp, x: xp.squeeze(x[:, None]),
        lambda xp, x: xp.split(x, [1, 3], axis=1)[1],
        lambda xp, x: xp.take_along_axis(x, xp.argsort(x, axis=0), axis=0),
        lambda xp, x: x.mean(0, keepdims=True),
        lambda xp, x: x.var(axis=1, ddof=1),
        lambda xp, x: x.argsort(-1),
        lambda xp, x: x.transpose(1, 0).reshape(2, 6),
        lambda xp, x: x.swapaxes(0, 1).ravel(),
        lambda xp, x: x.clip(1, 3).round(1),
        lambda xp, x: x.max(axis=1) - x.min(axis=1),
        lambda xp, x: x.view(np.int64),
        lambda xp, x: -x % 3 // 2 + abs(x) ** 2,
        lambda xp, x: ~(x > 3) & (x < 9) | (x == 10),
        lambda xp, x: (x + 1j * x).conj().imag,
    ],
)
@pytest.mark.parametrize("order", "CF")
def test_agrees_with_numpy(cp, call, order):
    host = np.array(np.arange(12.0).reshape(3, 4), order=order)
    if "view" in call.__code__.co_names:
        host = np.ascontiguousarray(host)
    with np.errstate(all="ignore"):
        expected = call(np, host)
    assert same(call(cp, cp.asarray(host)), expected)


# The rest of what programs ask for.


def test_singular_matrices_give_no_error(cp):
    assert cp.isnan(cp.linalg.inv(cp.zeros((2, 2)))).all()
    assert cp.isnan(cp.linalg.solve(cp.zeros((2, 2)), cp.ones(2))).all()
    assert same(cp.linalg.inv(2 * cp.eye(2)), 0.5 * np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        cp.linalg.inv(cp.ones((2, 3)))


def test_random(cp):
    assert cp.random.standard_normal(3, dtype=np.float32).dtype == np.float32
    cp.random.seed(1)
    assert cp.random.rand(2, 3).shape == (2, 3) and cp.random.permutation(5).shape == (5,)
    generator = cp.random.default_rng(0)
    assert generator.random(3, dtype=np.float32).dtype == np.float32
    assert same(generator.integers(1, size=2), [0, 0])
    for name in ("normal", "choice", "permutation", "shuffle"):
        assert not hasattr(generator, name)


def test_device_and_memory(cp):
    assert cp.cuda.runtime.getDeviceCount() == 1 and cp.cuda.is_available()
    with cp.cuda.Device(0) as device:
        assert device.id == 0 and cp.ones(1).device == device
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError):
        cp.cuda.Device(1)
    pool = cp.get_default_memory_pool()
    pool.free_all_blocks()
    assert pool.used_bytes() == 0
    cp.cuda.Stream.null.synchronize()
    assert fake_cupy.syncs == {"Stream.synchronize": 1}
