"""From what people pass - numbers, arrays, nested lists, variables - to tensors, and to attributes of ops.

The three ops that it takes to do so are found by their names: they are defined above.

before: graph.py   next: op.py
"""

from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.dtypes import DType, as_dtype, numpy_dtype
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from npslim.indexed_slices import IndexedSlices
from npslim.registry import REGISTRY
from npslim.spec import TensorShape, UnknownDimension
from npslim.tensor import Tensor


def default_array(value: Any, narrow=True):
    """`value` as an array; `narrow`: of TensorFlow's default dtypes, float32 and int32, for Python's numbers."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
    else:
        array = np.array(value)
        if narrow and array.dtype == np.float64 and not _holds(value, (np.ndarray, np.float64)):
            array = array.astype(np.float32)
        elif narrow and array.dtype == np.int64 and not _holds(value, (np.ndarray, np.int64)):
            fits = array.size == 0 or (array.max() < 2**31 and array.min() >= -(2**31))
            array = array.astype(np.int32) if fits else array
    if array.dtype.kind in "US":
        words: Any = array.ravel().tolist()
        array = np.array([w.encode() if isinstance(w, str) else w for w in words], object).reshape(array.shape)
    return array


def _holds(value, kinds):
    if isinstance(value, list | tuple):
        return any(_holds(v, kinds) for v in value)
    return isinstance(value, kinds)


def is_tensor(value):
    """True for a tensor and for a variable."""
    return isinstance(value, Tensor) or hasattr(value, "_as_tensor")


def contains_tensor(value):
    """True for a tensor or variable, and for a nested list with one in it."""
    if isinstance(value, list | tuple):
        return any(contains_tensor(v) for v in value)
    return is_tensor(value)


def as_array(value, dtype=None):
    """A NumPy array of `value`, converted to `dtype` as TensorFlow allows it. Raises TypeError where it does not."""
    if value is None or (isinstance(value, list | tuple) and any(v is None for v in value)):
        raise ArgumentTypeError("None values are not supported.", expected="numbers", got=value)
    try:
        array = default_array(value, narrow=dtype is None)
    except ValueError:
        raise InvalidArgumentError("The nested lists are not of one shape.", got=value) from None
    if array.dtype == object and any(not isinstance(x, bytes | str) for x in array.ravel()):
        for x in array.ravel():
            if isinstance(x, UnknownDimension):
                int(x)  # raises, and says where its value is found
        raise ArgumentTypeError("This cannot become a tensor.", expected="numbers or strings", got=repr(value)[:200])
    if dtype is None or array.dtype == dtype:
        numpy_dtype(array.dtype)
        return array
    dtype = numpy_dtype(dtype)
    if not _converts(array, dtype, isinstance(value, np.ndarray | np.generic)):
        raise DTypeError(
            "The value does not fit the dtype.",
            expected=as_dtype(dtype).name,
            got=f"{str(value)[:100]} ({array.dtype})",
        )
    return array.astype(dtype)


def _converts(array, dtype, given_as_array):
    """Whether TensorFlow takes `array` as `dtype`: any array of numbers; Python's numbers only without loss."""
    if given_as_array and array.dtype.kind != "O" and dtype.kind != "O":
        return True
    kinds = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "c": "iufc"}.get(dtype.kind, "O")
    return not array.size or array.dtype.kind in kinds


def as_tensor(value, dtype=None, name=None, ref=False):
    """`value` (tensor, variable, array, number, nested list of these) as a tensor of the default graph.

    A variable gives its value, or with `ref` its state. Raises TypeError if it has or gets another dtype than `dtype`.
    """
    if ref:
        value = value._as_ref() if hasattr(value, "_as_ref") else value
    elif is_state(value):
        value = read_of(value)
    elif hasattr(value, "_as_tensor"):
        value = value._as_tensor()
    if isinstance(value, IndexedSlices):
        value = REGISTRY["dense"](value.values, value.indices, value.dense_like)
    if isinstance(value, Tensor):
        if dtype is not None and value.spec.dtype != numpy_dtype(dtype):
            raise DTypeError(
                "The tensor has another dtype.",
                expected=as_dtype(dtype).name,
                got=f"{value.name} {as_dtype(value.spec.dtype).name}",
                made_at=user_line(),
                hint="cast(x, dtype) converts",
            )
        return value
    if isinstance(value, TensorShape):
        if not value.is_fully_defined():
            raise ShapeError(
                "A shape with unknown sizes is no tensor.", got=value, hint="shape(x) gives it at run time"
            )
        value = np.array(value.as_list(), np.int32 if dtype is None else numpy_dtype(dtype))
    if contains_tensor(value):
        return _stacked(value, dtype, name)
    return REGISTRY["constant"](value=_frozen(as_array(value, dtype)), name=name or "Const")


def _frozen(array):
    """A copy that cannot be written to: the graph's constants stay what they were."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def _stacked(values, dtype, name):
    """A nested list with tensors in it, as one tensor."""
    dtypes = [v.dtype.dtype for v in _flat(values) if contains_tensor(v)]
    dtype = dtype or dtypes[0]
    parts = [as_tensor(v, dtype) for v in values]
    return REGISTRY["stack"](*parts, axis=0, name=name or "packed")


def _flat(value):
    if isinstance(value, list | tuple):
        for v in value:
            yield from _flat(v)
    else:
        yield value


def is_state(x):
    """True for the tensor of a variable's node: its state, not its value."""
    return isinstance(x, Tensor) and x.op.op.name == "variable"


def read_of(ref):
    """The `<name>/read` tensor of a variable's node: its value from before the run's assignments."""
    return ref.graph.get_tensor_by_name(ref.op.name + "/read:0")


def constant_value(tensor):
    """The value of `tensor` as an array if it is known while defining, else None."""
    if not isinstance(tensor, Tensor):
        tensor = as_tensor(tensor)
    known = tensor.spec.known
    return None if known is None or known.dtype != tensor.spec.dtype else known


def convert_to_tensor(value, dtype=None, name=None, preferred_dtype=None):
    """`value` as a tensor; see `as_tensor`."""
    if dtype is None and preferred_dtype is not None and not contains_tensor(value):
        try:
            return as_tensor(value, preferred_dtype, name)
        except (TypeError, ValueError):
            pass
    return as_tensor(value, dtype, name)


def canonical(value: Any) -> Any:
    """An attribute as the kernel wants it: tuples for lists, a NumPy dtype, a number for a tensor of known value."""
    if isinstance(value, DType):
        return value.dtype
    if isinstance(value, type) and issubclass(value, np.generic):
        return np.dtype(value)
    if isinstance(value, TensorShape):
        return tuple(value.as_list())
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(canonical(v) for v in value)
    value = getattr(value, "_as_tensor", lambda: value)()
    if isinstance(value, Tensor):
        known = constant_value(value)
        if known is None:
            raise ArgumentTypeError(
                "This argument must be known while the graph is defined.", expected="a number", got=value
            )
        return known.item() if known.ndim == 0 else tuple(known.tolist())
    if isinstance(value, np.generic) and not isinstance(value, np.bool_):
        return value.item()
    return value
