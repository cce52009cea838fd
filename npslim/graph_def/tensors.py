"""Arrays and shapes as TensorFlow's messages, and back.

A TensorProto lists the elements, and where the last ones are equal only the first of them. bfloat16 has no NumPy dtype:
it is read as float32, which holds every value of it.

before: messages.py   next: convert.py
"""

import math
import sys
from typing import Any

import numpy as np

from npslim.convert import as_array
from npslim.dtypes import as_dtype
from npslim.errors import DataLossError, InvalidArgumentError, UnimplementedError
from npslim.graph_def.messages import TensorProto, TensorShapeProto
from npslim.spec import as_shape

BFLOAT16 = 14
REF = 100  # added to the number of a dtype: a reference to a variable of it
NUMBERS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "complex64": 8, "int64": 9,
    "bool": 10, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip
DTYPE_OF = {number: as_dtype(name).dtype for name, number in NUMBERS.items()} | {BFLOAT16: np.dtype(np.float32)}
NAMES = {
    0: "an invalid dtype", 11: "qint8", 12: "quint8", 13: "qint32", 15: "qint16", 16: "quint16", 20: "resource",
    21: "variant", 24: "float8_e5m2", 25: "float8_e4m3fn", 29: "int4", 30: "uint4",
}  # fmt: skip
_LISTS = {
    "float32": "float_val", "float64": "double_val", "int32": "int_val", "uint8": "int_val", "int16": "int_val",
    "int8": "int_val", "string": "string_val", "complex64": "scomplex_val", "int64": "int64_val", "bool": "bool_val",
    "uint16": "int_val", "complex128": "dcomplex_val", "float16": "half_val", "uint32": "uint32_val",
    "uint64": "uint64_val",
}  # fmt: skip
_MOST_BYTES = 2**31  # no message is larger, so a larger array cannot have been written
_MOST_DIMENSIONS = 32


def dtype_of(number):
    """The NumPy dtype of TensorFlow's dtype `number`, which may be a reference. Raises UnimplementedError."""
    found = DTYPE_OF.get(number - REF if number > REF else number)
    if found is None:
        raise UnimplementedError(
            "npslim has no such dtype.", expected=", ".join(NUMBERS), got=NAMES.get(number % REF, f"number {number}")
        )
    return found


def number_of(dtype):
    """TensorFlow's number of a dtype."""
    return NUMBERS[as_dtype(dtype).name]


def shape_of(proto):
    """The shape in a TensorShapeProto: a tuple of int and None, or None. Raises DataLossError for sizes below -1."""
    if proto.unknown_rank:
        return None
    sizes = [dim.size for dim in proto.dim]
    if len(sizes) > _MOST_DIMENSIONS or min(sizes, default=0) < -1:
        raise DataLossError("This is no shape.", expected=f"<= {_MOST_DIMENSIONS} sizes >= -1", got=sizes)
    return tuple(None if size == -1 else size for size in sizes)


def shape_proto(shape):
    """A TensorShapeProto of anything that says a shape."""
    shape = as_shape(shape)
    if shape is None:
        return TensorShapeProto(unknown_rank=True)
    made = TensorShapeProto()
    for size in shape:
        made.dim.add(size=-1 if size is None else size)
    return made


def make_ndarray(tensor):
    """The array in a TensorProto, not to be written to. Raises DataLossError, and UnimplementedError for its dtype."""
    dtype = dtype_of(tensor.dtype)
    shape: Any = shape_of(tensor.tensor_shape)
    if shape is None or None in shape or tensor.dtype > REF:
        raise DataLossError("The shape of a value is not known.", expected="every size, and no reference", got=shape)
    count = math.prod(shape)
    if count * dtype.itemsize > _MOST_BYTES:
        raise DataLossError("A value is too large.", expected=f"<= {_MOST_BYTES} bytes", got=f"{shape} {dtype}")
    if tensor.tensor_content:
        return _of_content(tensor, dtype, shape, count)
    return _of_list(_listed(tensor, dtype), shape, count)


def _of_content(tensor, dtype, shape, count):
    content, stored = tensor.tensor_content, "<u2" if tensor.dtype == BFLOAT16 else dtype.newbyteorder("<")
    size = np.dtype(stored).itemsize
    if dtype.kind == "O" or len(content) != count * size:
        raise DataLossError(
            "The content of a tensor has the wrong length.", expected=f"{count * size} bytes", got=len(content)
        )
    array = np.frombuffer(content, stored)
    if dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise DataLossError("The content of a tensor is not boolean.", expected="0 or 1", got="other bytes")
    array = _widened(array) if tensor.dtype == BFLOAT16 else array.astype(dtype, copy=False)
    return array.reshape(shape)


def _widened(halves):
    """float32 of the bits of bfloat16, which are its upper half."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def _listed(tensor, dtype):
    """The elements that the list for the dtype gives, as a vector."""
    if tensor.dtype == BFLOAT16:
        return _widened(np.array(tensor.half_val, np.int64).astype(np.uint16))
    values = getattr(tensor, _LISTS[as_dtype(dtype).name])
    if dtype.kind == "O":
        made = np.empty(len(values), object)
        made[:] = values
        return made
    if dtype == np.dtype(np.float16):
        return np.array(values, np.int64).astype(np.uint16).view(np.float16)
    if dtype.kind == "c":
        if len(values) % 2:
            raise DataLossError("A complex number has no imaginary part.", expected="pairs", got=len(values))
        parts = np.array(values, np.float64).reshape(-1, 2)
        return (parts[:, 0] + 1j * parts[:, 1]).astype(dtype)
    return np.array(values, np.float64 if dtype.kind == "f" else dtype if dtype.itemsize == 8 else np.int64).astype(
        dtype
    )


def _of_list(values, shape, count):
    """`values`, the last one repeated as often as the shape asks for."""
    if len(values) > count:
        raise DataLossError("A tensor has too many elements.", expected=f"<= {count} for {shape}", got=len(values))
    if len(values) == count:
        return values.reshape(shape)
    last = values[-1] if len(values) else b"" if values.dtype.kind == "O" else values.dtype.type(0)
    if len(values) <= 1:
        made = np.empty((), values.dtype)
        made[()] = last
        return np.broadcast_to(made, shape)
    made = np.full(count, last, values.dtype)
    made[: len(values)] = values
    return made.reshape(shape)


def make_tensor_proto(values, dtype=None, shape=None):
    """A TensorProto of an array, a number, strings, or nested lists of these; reshaped to `shape` if that is given.

    Raises TypeError for values that do not fit `dtype`, ValueError for those that do not fit `shape`.
    """
    array = as_array(values, None if dtype is None else as_dtype(dtype).dtype)
    if shape is not None:
        sizes: Any = as_shape(shape)
        if sizes is None or None in sizes or (array.size != math.prod(sizes) and array.size != 1):
            raise InvalidArgumentError("The values do not fit the shape.", expected=sizes, got=array.shape)
        array = np.broadcast_to(array.reshape(()), sizes) if array.size == 1 else array.reshape(sizes)
    made = TensorProto(dtype=number_of(array.dtype), tensor_shape=shape_proto(array.shape))
    if array.dtype.kind == "O":
        made.string_val.extend(array.ravel().tolist())
    else:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False) if sys.byteorder == "big" else array
        made.tensor_content = little.tobytes()
    return made
