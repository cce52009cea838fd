"""`tf.compat`: texts and bytes, sizes, and `tf.compat.v1`, which is this npslim.tf."""

import numbers as _numbers
import os

import numpy as np

from npslim.errors import ArgumentTypeError
from npslim.spec import Dimension
from npslim.tf.missing import reporter

integral_types = (_numbers.Integral, np.integer)
real_types = (_numbers.Real, np.integer, np.floating)
complex_types = (_numbers.Complex, np.number)
bytes_or_text_types = (bytes, str)


def as_bytes(bytes_or_text, encoding="utf-8"):
    """A text as bytes. Raises TypeError for anything but a text or bytes."""
    if isinstance(bytes_or_text, bytes | bytearray):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    raise ArgumentTypeError("This is no text.", expected="a string or bytes", got=repr(bytes_or_text))


def as_text(bytes_or_text, encoding="utf-8"):
    """Bytes as a text. Raises TypeError for anything but a text or bytes."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise ArgumentTypeError("This is no text.", expected="a string or bytes", got=repr(bytes_or_text))


as_str = as_text


def as_str_any(value, encoding="utf-8"):
    """Anything as a text."""
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)


def path_to_str(path):
    """A path as a text."""
    return as_str_any(os.fspath(path)) if hasattr(path, "__fspath__") else path


def dimension_value(dimension):
    """The size that a Dimension stands for, or None; numbers as they are."""
    return dimension.value if isinstance(dimension, Dimension) else dimension


def dimension_at_index(shape, index):
    """The size of a dimension, None if it is not known, or the rank is not."""
    return None if shape.ndims is None else shape[index]


def forward_compatible(year, month, day):
    """True: there is nothing to wait for."""
    return True


_report = reporter(__name__, lambda: globals())


def __getattr__(name):
    if name == "v1":
        import npslim.tf as v1  # noqa: PLC0415 - npslim.tf is not there yet when this module is loaded for it

        return v1
    return _report(name)
