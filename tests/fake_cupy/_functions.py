"""CuPy's functions: NumPy's function of that name, taking what CuPy's takes, or ours where the two differ."""

import functools

import numpy as np

from . import _signatures
from ._array import ndarray, refuse_device_arrays, unwrap, wrap, wrap_all
from ._device import cast, check_dtype, modules, quiet, synchronize, uploads

HOST_RESULT = frozenset(
    """array_repr array_str array2string base_repr binary_repr can_cast common_type format_float_positional
       format_float_scientific get_array_module iscomplexobj isfortran isrealobj isscalar may_share_memory
       min_scalar_type ndim result_type save savetxt savez savez_compressed shape shares_memory size""".split()
)
WAITS = frozenset(  # for a count or a condition that the host must know
    """argwhere array_repr array_str array2string bincount compress corrcoef extract flatnonzero histogram histogram2d
       histogramdd intersect1d median nonzero percentile place quantile ravel_multi_index roots save savez setdiff1d
       setxor1d trim_zeros union1d unique unique_all unique_counts unique_inverse unique_values""".split()
)
ARRAY_FIRST = frozenset(  # names of a first parameter that must be a device array: CuPy uses its methods at once
    """a x m arr ary ar ar1 arr1 a1 array A condition val z p y f prototype filt dst x1 v""".split()
)
ARRAY_NEXT = frozenset("b y v a2 x2 ar2 arr2 test_elements fp".split())  # of a later one: an array or a scalar
ANYTHING_FIRST = frozenset(
    """ndim shape size isfortran iscomplexobj isrealobj min_scalar_type require asfarray asarray_chkfinite
       format_float_positional format_float_scientific array_equal array_equiv""".split()
)
UPLOADS = frozenset("require asfarray asarray_chkfinite".split())

ours = {}  # "module.name" -> our own function, which is called with CuPy's parameters


def own(module="cupy"):
    def keep(function):
        ours[f"{module}.{function.__name__.rstrip('_')}"] = function
        return function

    return keep


def offered(module, name, text, host):
    """The function `module.name`, which takes `text`, made from NumPy's `host`, from ours, or one that says no."""
    special = ours.get(f"{module}.{name}")

    def function(*args, **kwargs):
        bound = _signatures.bind(name, text, args, kwargs)
        if special is not None:
            return special(*bound.args, **bound.kwargs)
        if host is None:
            raise NotImplementedError(f"The fake CuPy does not play {module}.{name}.")
        if module != "cupy.random":
            check_arrays(name, bound)
        refuse_device_arrays(bound)
        check_dtype_argument(bound)
        if name in WAITS:
            synchronize(name)
        return run(name, host, bound)

    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    function.__signature__ = _signatures.parse(text)
    return function


def run(name, host, bound):
    args, kwargs = _signatures.in_numpy_terms(bound)
    arrays = [value._host for value in args if isinstance(value, ndarray)]
    out = kwargs.get("out")
    if out is not None and not isinstance(out, ndarray):
        raise TypeError(f"{name}: out must be a cupy.ndarray, not {type(out)}")
    with quiet(*arrays):
        result = host(*map(unwrap, args), **{key: unwrap(value) for key, value in kwargs.items()})
    if out is not None:
        return out
    return result if name in HOST_RESULT else wrap_all(result)


def check_arrays(name, bound):
    """Raises TypeError where CuPy's function would not find a device array."""
    for i, (parameter, value) in enumerate(bound.arguments.items()):
        if i == 0 and parameter == "tup":
            if not all(isinstance(item, ndarray) for item in value):
                raise TypeError(f"{name}: only cupy arrays can be concatenated")
        elif i == 0 and parameter in ARRAY_FIRST and name not in ANYTHING_FIRST:
            if not isinstance(value, ndarray):
                raise TypeError(f"{name}: {parameter} must be a cupy.ndarray, not {type(value)}")
        elif i > 0 and parameter in ARRAY_NEXT and isinstance(value, (list, tuple)):
            raise TypeError(f"{name}: Unsupported type {type(value)} for {parameter}")


def check_dtype_argument(bound):
    dtype = bound.arguments.get("dtype")
    if dtype is not None and dtype is not ...:
        check_dtype(dtype)


# Between host and device.


@own()
def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if subok:
        raise NotImplementedError("subok=True is not supported")
    if isinstance(obj, ndarray) and not copy and dtype in (None, obj.dtype) and ndmin <= obj.ndim:
        if order in ("K", None) or (obj.flags.f_contiguous if order == "F" else obj.flags.c_contiguous):
            return obj
    if isinstance(obj, ndarray):
        host = obj.astype(dtype or obj.dtype)._host
    else:
        uploads["array"] += 1
        host = np.array(_plain(obj), None if dtype is None else check_dtype(dtype))
    return wrap(np.array(host, order=order or "K", ndmin=ndmin))


def _plain(obj):
    """Nested lists with the host memory of the device arrays in them."""
    if isinstance(obj, ndarray):
        return obj._host
    return [_plain(item) for item in obj] if isinstance(obj, (list, tuple)) else obj


def _as_array(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, bool(copy), order or "K")


ours["cupy.asarray"] = ours["cupy.asanyarray"] = _as_array


@own()
def ascontiguousarray(a, dtype=None):
    return array(a, dtype, False, "C", ndmin=1)


@own()
def asfortranarray(a, dtype=None):
    return array(a, dtype, False, "F", ndmin=1)


@own()
def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    if out is None:
        return np.asarray(a, order=order)
    np.copyto(out, a)
    return out


@own()
def get_array_module(*args):
    return modules["cupy"] if any(isinstance(x, ndarray) for x in args) else np


ours["cupyx.scipy.get_array_module"] = get_array_module


# Where NumPy does it otherwise.


@own()
def astype(x, dtype, /, *, copy=True):
    return x.astype(dtype, copy=copy)


@own()
def take(a, indices, axis=None, out=None):
    return _device(a).take(indices, axis, out)


@own()
def take_along_axis(a, indices, axis):
    return _device(a)[_along(a, indices, axis)]


@own()
def put_along_axis(arr, indices, values, axis):
    _device(arr)[_along(arr, indices, axis)] = values


def _along(a, indices, axis):
    """A key that goes along `axis` by `indices` and straight along the others."""
    key = list(np.ix_(*map(np.arange, a.shape)))
    key[axis] = _device(indices)._host
    return tuple(map(wrap, key))


@own()
def where(condition, x=None, y=None):
    if (x is None) != (y is None):
        raise ValueError("Must provide both 'x' and 'y' or neither.")
    if x is None:
        return _device(condition).nonzero()
    for value in (x, y):
        if not isinstance(value, ndarray) and not np.isscalar(value):
            raise TypeError(f"Unsupported type {type(value)}")
    return wrap(np.where(_device(condition)._host.astype(bool), *map(unwrap, (x, y))))


@own()
def clip(a, a_min, a_max, out=None):
    return _device(a).clip(a_min, a_max, out)


@own()
def nonzero(a):
    return _device(a).nonzero()


@own()
def matmul(*args, axes=None, axis=None, keepdims=False, casting="same_kind", dtype=None, signature=None, order="K",
           out=None):  # fmt: skip
    if axes is not None or axis is not None or keepdims or signature is not None:
        raise NotImplementedError("The fake CuPy's matmul takes dtype and out only.")
    if out is not None:
        _device(out)
    result = np.matmul(*(_device(x)._host for x in args), out=unwrap(out), dtype=dtype, casting=casting)
    return wrap(result) if out is None else out


ours["cupy.linalg.matmul"] = matmul


@own()
def einsum(subscripts, *operands, dtype=None, optimize=False):
    hosts = [unwrap(x) for x in operands]
    hosts = hosts if dtype is None else [cast(np.asarray(x), dtype) for x in hosts]
    return wrap(np.einsum(subscripts, *hosts, optimize=optimize))


@own()
def repeat(a, repeats, axis=None):
    if isinstance(repeats, ndarray):
        synchronize("repeat")
    return wrap(np.repeat(_device(a)._host, unwrap(repeats), axis))


@own()
def copyto(dst, src, casting="same_kind", where=None):
    where = True if where is None else unwrap(where)
    np.copyto(_device(dst)._host, unwrap(src), casting=casting, where=where)


@own()
def shape(a):
    return a.shape if isinstance(a, ndarray) else np.shape(a)


@own("cupy.lib.stride_tricks")
def as_strided(x, shape=None, strides=None):
    return wrap(np.lib.stride_tricks.as_strided(_device(x)._host, shape, strides))


@own("cupy.lib.stride_tricks")
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    synchronize("sliding_window_view")  # CuPy puts the window's shape on the device and compares it there
    return wrap(np.lib.stride_tricks.sliding_window_view(_device(x)._host, window_shape, axis))


@own("cupyx")
def scatter_add(a, slices, value):
    a.scatter_add(slices, value)


@own("cupyx")
def scatter_max(a, slices, value):
    a.scatter_max(slices, value)


@own("cupyx")
def scatter_min(a, slices, value):
    a.scatter_min(slices, value)


def _device(x):
    if not isinstance(x, ndarray):
        raise TypeError(f"Unsupported type {type(x)}")
    return x


# A GPU does not report a singular matrix: without `cupyx.errstate(linalg="raise")` the result is garbage, here NaN.


def _or_nan(name, like):
    def function(*arrays):
        arrays = [_device(x)._host for x in arrays]
        try:
            return wrap(getattr(np.linalg, name)(*arrays))
        except np.linalg.LinAlgError:
            if any(x.ndim < 2 or x.shape[-1] != x.shape[-2] for x in arrays[:1]):
                raise
            return wrap(np.full_like(arrays[like], np.nan, dtype=np.result_type(*arrays, np.float32)))

    ours[f"cupy.linalg.{name}"] = function


_or_nan("inv", 0)
_or_nan("cholesky", 0)
_or_nan("solve", 1)


# Random numbers: NumPy's, with CuPy's `dtype`.


def random_function(name, host):
    """`host`, a function of `numpy.random`, that also knows dtype; its numbers are not CuPy's."""

    @functools.wraps(host)
    def function(*args, dtype=None, **kwargs):
        result = host(*args, **kwargs)
        return result if dtype is None else np.asarray(result).astype(check_dtype(dtype))

    return function


def generator(methods):
    """The class `cupy.random.Generator`: NumPy's generator, with the methods that CuPy's has."""

    def method(name, text):
        def draw(self, *args, **kwargs):
            bound = _signatures.bind(f"Generator.{name}", text, (self, *args), kwargs)
            (_, *args), kwargs = _signatures.in_numpy_terms(bound)
            return wrap_all(getattr(self._host, name)(*map(unwrap, args), **kwargs))

        return draw

    names = {name: text for name, text in methods.items() if not name.startswith("_")}
    body = {name: method(name, text) for name, text in names.items()}
    body["__init__"] = lambda self, seed=None: setattr(self, "_host", np.random.default_rng(seed))
    return type("Generator", (), body | {"__module__": "cupy.random"})


@own("cupy.random")
def default_rng(seed=None):
    return modules["cupy.random"].Generator(seed)
