"""`cupy.ndarray`, played by a NumPy array that cannot be reached without saying so."""

import warnings

import numpy as np

from . import _indexing, _signatures
from ._device import SCALARS, Flags, cast, check_dtype, modules, quiet, synchronize, uploads

METHODS = _signatures.MODULES["cupy"]["classes"]["ndarray"]


def wrap(host):
    """A device array over the memory of `host`: what NumPy gives as a scalar is an array without dimensions."""
    host = np.asarray(host)
    check_dtype(host.dtype)
    array = ndarray.__new__(ndarray)
    array._host = host
    return array


def wrap_all(result):
    """`result` with every NumPy array or scalar in it on the device."""
    if isinstance(result, (np.ndarray, np.generic, bool, int, float, complex)):
        return wrap(result)
    if isinstance(result, (list, tuple)):
        items = [wrap_all(item) for item in result]
        return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
    return result


def unwrap(value):
    """`value` with the host memory of every device array in it. Raises TypeError for an array of the host."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if type(value) in (list, tuple):
        return type(value)(unwrap(item) for item in value)
    return value


def unwrap_key(key):
    """A key of `x[key]`. Lists and host arrays may stand in it, as in CuPy, which copies them to the device."""
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if isinstance(part, (list, np.ndarray)):
            uploads["index"] += 1
    return tuple(part._host if isinstance(part, ndarray) else _plain(part) for part in parts)


def _plain(part):
    if isinstance(part, (list, tuple)):
        return type(part)(item._host if isinstance(item, ndarray) else item for item in part)
    return part


def _defer(x, y):
    """True if the reflected operator of `y` is to be tried: cupy/_core/core.pyx, _should_use_rop."""
    if hasattr(y, "__array_ufunc__"):
        return y.__array_ufunc__ is None
    return getattr(y, "__array_priority__", 0) > x.__array_priority__


class ndarray:  # noqa: N801 (the real name)
    """An array on the fake device. Only `get`, `item`, `int`, `float`, `bool`, `print` ... bring its values back."""

    __slots__ = ("_host", "__weakref__")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("The fake CuPy has no arrays over a given pointer.")
        self._host = np.empty(shape, check_dtype(dtype), order)

    # What NumPy may and may not do with it.

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        outputs = kwargs.get("out", ())
        if len(outputs) > 1:
            raise ValueError("The 'out' parameter must have exactly one array value")
        if outputs:
            kwargs["out"] = outputs[0]
        name = ufunc.__name__
        function = getattr(modules["cupy"], name, None) or getattr(modules["cupyx.scipy.special"], name, None)
        if method != "__call__":
            function = getattr(function, method, None)
        if function is None:
            return NotImplemented
        if any(type(x) not in SCALARS and not isinstance(x, (ndarray, np.ndarray)) for x in inputs + outputs):
            return NotImplemented
        return function(*inputs, **kwargs)

    def __array_function__(self, func, types, args, kwargs):
        place = modules.get(".".join(["cupy", *func.__module__.split(".")[1:]]))
        function = getattr(place, func.__name__, None)
        if function in (None, func) or not all(issubclass(kind, (ndarray, np.ndarray)) for kind in types):
            return NotImplemented
        return function(*args, **kwargs)

    # The way to the host.

    def get(self, stream=None, order="C", out=None, blocking=True):
        synchronize("get")
        if out is None:
            return np.array(self._host, order=order)
        if not isinstance(out, np.ndarray) or out.dtype != self.dtype:
            raise TypeError(f"{getattr(out, 'dtype', type(out))} array cannot be obtained from {self.dtype} array")
        if out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        out[...] = self._host
        return out

    def set(self, arr, stream=None):
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype:
            raise TypeError(f"{getattr(arr, 'dtype', type(arr))} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        uploads["set"] += 1
        self._host[...] = arr

    def item(self):
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        synchronize("item")
        return self._host.item()

    def tolist(self):
        synchronize("tolist")
        return self._host.tolist()

    def tobytes(self, order="C"):
        synchronize("tobytes")
        return self._host.tobytes(order)

    def __bool__(self):
        if self.size > 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        if self.size == 0:
            warnings.warn("The truth value of an empty array is ambiguous.", DeprecationWarning, stacklevel=2)
            return False
        synchronize("bool")
        return bool(self._host.item())

    def _number(self, kind):
        if self.ndim:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        synchronize(kind.__name__)
        return kind(self._host.item())

    def __int__(self):
        return self._number(int)

    def __float__(self):
        return self._number(float)

    def __complex__(self):
        return self._number(complex)

    def __repr__(self):
        synchronize("repr")
        return repr(self._host)

    def __str__(self):
        synchronize("str")
        return str(self._host)

    def __format__(self, spec):
        synchronize("format")
        return format(self._host, spec)

    def __reduce__(self):
        return modules["cupy"].array, (self.get(order="A"),)

    # Indexing.

    def __len__(self):
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return len(self._host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def _key(self, key):
        key = _indexing.wrapped(self.shape, unwrap_key(key))
        if _indexing.has_mask(key):
            synchronize("mask")
        return key

    def __getitem__(self, key):
        key = self._key(key)
        return wrap(self._host[key])

    def __setitem__(self, key, value):
        key = self._key(key)
        _indexing.assign(self._host, key, self._value(value, _indexing.is_advanced(key)))

    def _value(self, value, lists_allowed):
        """What is written into this array, in its dtype. CuPy uploads lists, but only where an index is an array."""
        if isinstance(value, ndarray):
            return cast(value._host, self.dtype)
        value = np.asarray(unwrap(value), self.dtype)
        if value.ndim and not lists_allowed:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        return value

    def _scatter(self, name, key, value):
        key = self._key(key)
        _indexing.scatter(name, self._host, key, self._value(value, _indexing.is_advanced(key)))

    # Attributes.

    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: Flags(*(self._host.flags[name] for name in ("C", "F", "OWNDATA"))))
    base = property(lambda self: None if self._host.base is None else wrap(self._host.base))
    T = property(lambda self: wrap(self._host.T))
    mT = property(lambda self: wrap(self._host.mT))
    device = property(lambda self: modules["cupy.cuda"].Device(0))

    @property
    def shape(self):
        return self._host.shape

    @shape.setter
    def shape(self, shape):
        view = self._host.view()
        view.shape = shape
        self._host = view

    @property
    def real(self):
        return wrap(self._host.real) if self.dtype.kind == "c" else self

    @real.setter
    def real(self, value):
        self._host.real = unwrap(value)

    @property
    def imag(self):
        return wrap(self._host.imag)

    @imag.setter
    def imag(self, value):
        self._host.imag = unwrap(value)

    # Methods that are not NumPy's in every point; the others come from NumPy's, at the end of this file.

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        dtype = check_dtype(dtype)
        if dtype == self.dtype and not copy:
            return self
        return wrap(np.array(cast(self._host, dtype), order=order))

    def view(self, dtype=None, type=None):
        return wrap(self._host.view() if dtype is None else self._host.view(check_dtype(dtype)))

    def fill(self, value):
        if isinstance(value, ndarray) and value.shape:
            raise ValueError("non-scalar cupy.ndarray cannot be used for fill")
        self[...] = value

    def take(self, indices, axis=None, out=None):
        if isinstance(indices, (list, np.ndarray)):
            uploads["index"] += 1
        indices = indices._host if isinstance(indices, ndarray) else np.asarray(indices, dtype=int)
        result = np.take(self._host, indices, axis, mode="wrap")
        return wrap(result) if out is None else _into(out, result)

    def dot(self, b, out=None):
        if not isinstance(b, ndarray):
            raise TypeError(f"Argument 'b' has incorrect type (expected cupy.ndarray, got {type(b).__name__})")
        result = np.dot(self._host, b._host)
        return wrap(result) if out is None else _into(out, result)

    def ptp(self, axis=None, out=None, keepdims=False):
        return modules["cupy"].ptp(self, axis, out, keepdims)

    def nonzero(self):
        if not self.ndim:
            raise ValueError("Calling nonzero on 0d arrays is not allowed.")
        synchronize("nonzero")
        return wrap_all(self._host.nonzero())

    def scatter_add(self, slices, value):
        _deprecated("scatter_add", "add")
        self._scatter("add", slices, value)

    def scatter_max(self, slices, value):
        _deprecated("scatter_max", "maximum")
        self._scatter("maximum", slices, value)

    def scatter_min(self, slices, value):
        _deprecated("scatter_min", "minimum")
        self._scatter("minimum", slices, value)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # Operators, written as in CuPy: another array or a scalar; all else is left to NumPy's protocol, which refuses it.

    def __neg__(self):
        return modules["cupy"].negative(self)

    def __pos__(self):
        return modules["cupy"].positive(self)

    def __abs__(self):
        return modules["cupy"].absolute(self)

    def __invert__(self):
        return modules["cupy"].invert(self)

    def __pow__(self, other, modulo=None):
        cupy = modules["cupy"]
        if type(other) is int and other == 2:
            return cupy.square(self, dtype=None if self.dtype.kind in "ifc" else np.result_type(self.dtype, other))
        if type(other) is float and other in (0.5, 2.0, -1.0):
            function = {0.5: cupy.sqrt, 2.0: cupy.square, -1.0: cupy.reciprocal}[other]
            return function(self, dtype=None if self.dtype.kind in "fc" else np.result_type(self.dtype, other))
        return _operate("power", self, other)

    def __rpow__(self, other):
        return np.power(other, self)

    def __eq__(self, other):
        if other is None or type(other).__eq__ is object.__eq__:
            return modules["cupy"].zeros(self.shape, np.bool_)
        return _compare("equal", self, other)

    def __ne__(self, other):
        if other is None or type(other).__eq__ is object.__eq__:
            return modules["cupy"].ones(self.shape, np.bool_)
        return _compare("not_equal", self, other)

    def __getattr__(self, name):
        if name in METHODS and not name.startswith("_"):
            raise NotImplementedError(f"The fake CuPy has no ndarray.{name}.")
        raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")


def _into(out, result):
    if out.shape != result.shape:
        raise ValueError("Output shape mismatch")
    if out.dtype != result.dtype:
        raise TypeError("Output dtype mismatch")
    out._host[...] = result
    return out


def _deprecated(method, name):
    message = f"`ndarray.{method}` is deprecated. Please use `cupy.{name}.at` instead."
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def _operate(name, x, y):
    if isinstance(y, ndarray):
        return getattr(modules["cupy"], name)(x, y)
    return NotImplemented if _defer(x, y) else getattr(np, name)(x, y)


def _compare(name, x, y):
    if isinstance(y, np.ndarray) and y.ndim == 0:
        y = y.item()
    return _operate(name, x, y)


def _add_operators():
    names = {"add": "add", "sub": "subtract", "mul": "multiply", "matmul": "matmul", "truediv": "true_divide",
             "floordiv": "floor_divide", "mod": "remainder", "divmod": "divmod", "lshift": "left_shift",
             "rshift": "right_shift", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}  # fmt: skip
    for short, name in names.items():
        setattr(ndarray, f"__{short}__", lambda x, y, name=name: _operate(name, x, y))
        setattr(ndarray, f"__r{short}__", lambda x, y, name=name: getattr(np, name)(y, x))
    for short, name in (names | {"pow": "power"}).items():
        if short not in ("divmod", "matmul"):
            in_place = lambda x, y, name=name: getattr(modules["cupy"], name)(x, y, x)  # noqa: E731
            setattr(ndarray, f"__i{short}__", in_place)
    for short, name in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}.items():
        setattr(ndarray, f"__{short}__", lambda x, y, name=name: _compare(name, x, y))


def _method(name, text):
    """NumPy's method, taking what CuPy's takes."""

    def method(self, *args, **kwargs):
        bound = _signatures.bind(f"ndarray.{name}", text, (self, *args), kwargs)
        args, kwargs = _signatures.in_numpy_terms(bound)
        refuse_device_arrays(bound)
        with quiet(self._host):
            result = getattr(np.ndarray, name)(*unwrap(args), **{key: unwrap(value) for key, value in kwargs.items()})
        return kwargs["out"] if kwargs.get("out") is not None else wrap_all(result)

    method.__name__ = name
    return method


def refuse_device_arrays(bound):
    """Raises TypeError for a device array where CuPy needs a number of the host."""
    for name in bound.arguments.keys() & HOST_ONLY:
        values = bound.arguments[name]
        if any(isinstance(value, ndarray) for value in (values if isinstance(values, (list, tuple)) else (values,))):
            raise TypeError(f"{name}: 'cupy.ndarray' object cannot be interpreted as an integer")


HOST_ONLY = frozenset(
    """shape newshape new_shape dims axis axis1 axis2 axes reps pad_width num k decimals ddof size ndmin kth strides
       window_shape source destination offset N start_axis""".split()
)
FROM_NUMPY = """all any argmax argmin argpartition argsort choose clip compress conj conjugate copy cumprod cumsum
                diagonal flatten max mean min partition prod put ravel repeat reshape round searchsorted sort squeeze
                std sum swapaxes trace transpose var""".split()

ndarray.__module__ = "cupy"
_add_operators()
for _name in FROM_NUMPY:
    setattr(ndarray, _name, _method(_name, METHODS[_name]))
