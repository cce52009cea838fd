"""Element types under TensorFlow's names, each a thin face of a NumPy dtype.

`float32.as_numpy_dtype`, `x.dtype.base_dtype`, `x.dtype.is_floating` are what old programs ask for; everything inside
npslim works with NumPy's dtypes. `string` holds Python `bytes` in arrays of dtype object.
"""

import numpy as np

from npslim.errors import DTypeError


class DType:
    """An element type. Equal to the NumPy dtype, type or name that it stands for."""

    __slots__ = ("dtype", "name")

    def __init__(self, name, numpy_dtype):
        self.name = name
        self.dtype = np.dtype(numpy_dtype)

    @property
    def as_numpy_dtype(self):
        """The NumPy scalar type (`object` for strings)."""
        return self.dtype.type if self.dtype != object else object

    @property
    def base_dtype(self):
        """The type itself; TensorFlow tells references from values here, npslim does not."""
        return self

    @property
    def real_dtype(self):
        """The type of the real part."""
        return as_dtype(self.dtype.type(0).real.dtype) if self.is_complex else self

    @property
    def is_floating(self):
        return self.dtype.kind == "f"

    @property
    def is_integer(self):
        return self.dtype.kind in "iu"

    @property
    def is_unsigned(self):
        return self.dtype.kind == "u"

    @property
    def is_complex(self):
        return self.dtype.kind == "c"

    @property
    def is_bool(self):
        return self.dtype.kind == "b"

    @property
    def is_numpy_compatible(self):
        return True

    @property
    def size(self):
        """Bytes an element takes."""
        return self.dtype.itemsize

    @property
    def min(self):
        """The smallest finite value."""
        return self._limits().min

    @property
    def max(self):
        """The largest finite value."""
        return self._limits().max

    @property
    def limits(self):
        """(min, max)."""
        return self.min, self.max

    def _limits(self):
        if self.is_floating:
            return np.finfo(self.dtype)
        if self.is_integer:
            return np.iinfo(self.dtype.name)
        raise DTypeError(f"{self.name} has no limits.", expected="a floating or integer type", got=self.name)

    def is_compatible_with(self, other):
        """True if `other` is the same type."""
        return self == other

    def __eq__(self, other):
        if isinstance(other, DType):
            return self.dtype == other.dtype
        try:
            return other is not None and self.dtype == (object if other == "string" else np.dtype(other))
        except TypeError:
            return False

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"npslim.{self.name}"

    def __str__(self):
        return f"<dtype: '{self.name}'>"


float16 = half = DType("float16", np.float16)
float32 = DType("float32", np.float32)
float64 = double = DType("float64", np.float64)
int8 = DType("int8", np.int8)
int16 = DType("int16", np.int16)
int32 = DType("int32", np.int32)
int64 = DType("int64", np.int64)
uint8 = DType("uint8", np.uint8)
uint16 = DType("uint16", np.uint16)
uint32 = DType("uint32", np.uint32)
uint64 = DType("uint64", np.uint64)
bool_ = DType("bool", np.bool_)
complex64 = DType("complex64", np.complex64)
complex128 = DType("complex128", np.complex128)
string = DType("string", object)

DTYPES = {
    d.dtype: d
    for d in (float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64)
    + (bool_, complex64, complex128, string)
}


def numpy_dtype(value) -> np.dtype:
    """The NumPy dtype that `value` (a DType, NumPy dtype or type, Python type or name) stands for.

    Raises DTypeError for anything that no tensor can hold.
    """
    if isinstance(value, DType):
        return value.dtype
    try:
        found = np.dtype(object if value == "string" else value)
    except TypeError:
        found = None
    if found is not None and found.kind in "SU":
        found = np.dtype(object)
    if value is None or found not in DTYPES:
        names = ", ".join(d.name for d in DTYPES.values())
        raise DTypeError(f"{value!r} is not an element type.", expected=f"one of {names}", got=repr(value))
    return np.dtype(found)


def as_dtype(value) -> DType:
    """The DType that `value` stands for; see `numpy_dtype`."""
    return DTYPES[numpy_dtype(value)]
