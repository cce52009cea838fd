"""Indexing as CuPy does it, on NumPy arrays: integer arrays wrap around instead of raising, masks wait for the device.

Where several indices hit one place CuPy may store any of the values. The fake stores the first, because NumPy stores
the last: a program that relies on an order fails.
"""

import numpy as np

# The dtypes that `ufunc.at` knows with integer arrays: cupy/_core/_routines_indexing.pyx, _scatter_op_single.
ATOMIC = {
    "add": "ilqILQefd",
    "subtract": "iI",
    "maximum": "ilqILQfd",
    "minimum": "ilqILQfd",
    "bitwise_and": "ilqILQ",
    "bitwise_or": "ilqILQ",
    "bitwise_xor": "ilqILQ",
}


def is_basic(index):
    return index is None or index is Ellipsis or isinstance(index, (slice, int, np.integer)) and not is_flag(index)


def is_flag(index):
    return isinstance(index, (bool, np.bool_))


def as_index(part):
    """One part of a key: basic as it is, anything else as an integer or boolean array."""
    if is_basic(part):
        return part
    array = np.asarray(part)
    if array.size == 0 and isinstance(part, (list, tuple)):
        array = array.astype(np.int32)
    if array.dtype.kind not in "biu":
        raise IndexError(f"arrays used as indices must be of integer or boolean type (actual: {array.dtype})")
    return array


def wrapped(shape, key):
    """`key`, a tuple without device arrays, for an array of `shape`: integer arrays are taken modulo their axis.

    An ellipsis stands in it, so that what is found is an array and, without index arrays, a view.
    """
    parts = [as_index(part) for part in key]
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    widths = [width(part) for part in parts]
    missing = len(shape) - sum(widths)
    if missing < 0:
        raise IndexError(f"too many indices: array is {len(shape)}-dimensional, but {sum(widths)} were indexed")
    axis, result = 0, []
    for part, count in zip(parts, widths, strict=True):
        if isinstance(part, np.ndarray) and part.dtype.kind != "b" and shape[axis]:
            part = part.astype(np.int64) % shape[axis]
        result.append(part)
        axis += missing if part is Ellipsis else count
    return tuple(result)


def width(part):
    """How many axes a part of a key uses up."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


def is_advanced(key):
    return any(isinstance(part, np.ndarray) for part in key)


def has_mask(key):
    return any(isinstance(part, np.ndarray) and part.dtype.kind == "b" for part in key)


def places(array, key):
    """The flat positions of `array[key]`."""
    return np.arange(array.size).reshape(array.shape)[key]


def assign(array, key, value):
    """`array[key] = value`, the first value winning where a place is named twice."""
    if not is_advanced(key):
        array[key] = value
        return
    where = places(array, key)
    while value.ndim > where.ndim and len(value) == 1:
        value = value[0]
    values = np.broadcast_to(value, where.shape).ravel()[::-1]
    array[np.unravel_index(where.ravel()[::-1], array.shape)] = values


def scatter(name, array, key, value):
    """`numpy.<name>.at`, for the dtypes for which a GPU has the atomic operation."""
    if is_advanced(key) and not has_mask(key) and array.dtype.char not in ATOMIC[name]:
        raise TypeError(f"cupy.{name}.at does not support {array.dtype}")
    with np.errstate(all="ignore"):
        getattr(np, name).at(array, key, value)
