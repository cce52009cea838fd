"""CuPy's universal functions: device arrays and scalars in, the first of CuPy's types that fits, never a warning."""

import contextlib

import numpy as np

from . import _indexing
from ._array import ndarray, unwrap, wrap, wrap_all
from ._device import SCALARS, cast, check_dtype

REDUCIBLE = {"add": ("sum", "cumsum"), "multiply": ("prod", "cumprod")}


class ufunc:  # noqa: N801 (the real name)
    """NumPy's (or SciPy's) function `host` with the types of CuPy's."""

    def __init__(self, name, nin, nout, types, host):
        self.__name__ = name
        self.name = f"cupy_{name}"
        self.nin, self.nout, self.nargs = nin, nout, nin + nout
        self.types = [loop for loop in types.split() if "V" not in loop]
        self._host = host
        self._order = {"order": "C"} if isinstance(host, np.ufunc) else {}

    def __repr__(self):
        return f"<ufunc '{self.name}'>"

    def __call__(self, *args, out=None, dtype=None, casting="same_kind", **unknown):
        if unknown:
            raise TypeError(f"Wrong arguments {unknown}")
        if not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"Wrong number of arguments for {self.name!r}. It must be {self.nin} or {self.nargs}.")
        inputs, outputs = args[: self.nin], args[self.nin :]
        if out is not None:
            if outputs:
                raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
            outputs = out if isinstance(out, tuple) else (out,)
        for x in inputs:
            if not isinstance(x, ndarray) and type(x) not in SCALARS:
                raise TypeError(f"Unsupported type {type(x)}")
        for x in outputs:
            if x is not None and not isinstance(x, ndarray):
                raise TypeError(f"Unsupported type {type(x)}")
        sources, targets = self._loop(inputs, dtype)
        operands = [as_loop_input(x, source) for x, source in zip(inputs, sources, strict=True)]
        with np.errstate(all="ignore"):
            results = self._host(*operands, **self._order)
        results = results if isinstance(results, tuple) else (results,)
        results = [cast(np.asarray(x), target) for x, target in zip(results, targets, strict=True)]
        outputs = (*outputs, *[None] * (self.nout - len(outputs)))
        results = tuple(deliver(x, out, casting) for x, out in zip(results, outputs, strict=True))
        return results[0] if self.nout == 1 else results

    def _loop(self, inputs, dtype):
        """The dtypes of inputs and outputs that CuPy picks: cupy/_core/_kernel.pyx, _Ops.guess_routine."""
        loops = [[[np.dtype(char) for char in side] for side in loop.split("->")] for loop in self.types]
        if dtype is not None:
            dtype = check_dtype(dtype)
            fitting = (loop for loop in loops if all(target == dtype for target in loop[1]))
        else:
            kinds = promoted([kind_of(x) for x in inputs], comparison=self.__name__ in COMPARISONS)
            fitting = (loop for loop in loops if all(map(fits, kinds, loop[0])))
        for loop in fitting:
            return loop
        raise TypeError(f"Wrong type ({dtype or [kind_of(x)[0] for x in inputs]}) of arguments for {self.name}")

    def outer(self, A, B, **kwargs):  # noqa: N803 (CuPy's names)
        A, B = (x if isinstance(x, ndarray) else wrap(unwrap(x)) for x in (A, B))
        return self(A.reshape(A.shape + (1,) * B.ndim), B.reshape((1,) * A.ndim + B.shape), **kwargs)

    def at(self, a, indices, b=None):
        if self.__name__ not in _indexing.ATOMIC:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        a._scatter(self.__name__, indices, b)

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        return getattr(array, self._method("reduce", 0))(axis, dtype, out, keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        return getattr(array, self._method("accumulate", 1))(axis, dtype, out)

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        if self.__name__ != "add":
            raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")
        result = np.add.reduceat(unwrap(array), unwrap(indices), axis, dtype)
        return wrap(result) if out is None else deliver(result, out, "same_kind")

    def _method(self, way, which):
        if self.__name__ not in REDUCIBLE:
            raise NotImplementedError(f"`{self.name}.{way}` is not supported yet")
        return REDUCIBLE[self.__name__][which]


COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
ufunc.__module__ = "cupy"


def kind_of(x):
    """The dtype of an operand, and its Python type where that does not count as strong (NEP 50)."""
    if isinstance(x, ndarray):
        return x.dtype, None
    if type(x) is int:
        return np.dtype(np.uint64 if x >= 2**63 else np.int64), int
    return np.asarray(x).dtype, type(x) if type(x) in (float, complex) else None


def promoted(kinds, comparison):
    """`kinds` with Python scalars made strong where they are of a higher kind than the arrays, or alone."""
    strong = [rank(dtype) for dtype, weak in kinds if weak is None]
    weak = [rank(dtype) for dtype, weak in kinds if weak is not None]
    integers = comparison and len(strong) == 1 and any(w is int for _, w in kinds) and strong == [1]
    if not strong or (weak and max(strong) < max(weak)) or integers:
        return [(dtype, None) for dtype, _ in kinds]
    return kinds


def rank(dtype):
    return {"b": 0, "i": 1, "u": 1}.get(dtype.kind, 2)


def fits(kind, target):
    """True if an operand of `kind` may enter a loop for `target`."""
    dtype, weak = kind
    if np.can_cast(dtype, target):
        return True
    with contextlib.suppress(TypeError):
        return weak is not None and np.result_type(weak(0), target) == target
    return False


def as_loop_input(x, dtype):
    """An operand in the dtype of the loop. Raises OverflowError for a Python integer that it cannot hold."""
    return cast(x._host, dtype) if isinstance(x, ndarray) else np.asarray(x, dtype)


def deliver(result, out, casting):
    """`result` on the device, in `out` if there is one."""
    if out is None:
        return wrap_all(result)
    np.copyto(out._host, result, casting=casting)
    return out
