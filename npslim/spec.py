"""What is known of a tensor before it is computed: its shape, perhaps in part, and its element type.

Inside, a shape is a tuple of `int` or `None` (a size not known yet), or `None` when not even the rank is known. Users
see it as a `TensorShape`, as in TensorFlow.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.dtypes import as_dtype
from npslim.errors import ShapeError


@dataclass(frozen=True, eq=False)
class Spec:
    """Shape and dtype of one output, and its value where that is `known` while defining.

    `known` is an array for constants and for small integers computed from static shapes. A floating `known` of an
    integer tensor is known in part: NaN stands where a value is not.
    """

    shape: tuple | None
    dtype: np.dtype
    known: Any = None

    @property
    def rank(self):
        """The number of dimensions, None if it is not known."""
        return None if self.shape is None else len(self.shape)

    def with_shape(self, shape):
        """This spec with another shape, its value not known."""
        return Spec(shape, self.dtype)

    def __str__(self):
        return f"{as_dtype(self.dtype).name} {show_shape(self.shape)}"


def show_shape(shape):
    """'[?, 8, 3]', or '<unknown>'."""
    if shape is None:
        return "<unknown>"
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def as_shape(value):
    """A tuple of int and None, or None, from anything that people write for a shape. Raises ShapeError."""
    if value is None:
        return None
    if isinstance(value, TensorShape):
        return value.sizes
    if isinstance(value, (int, np.integer)):
        value = (value,)
    try:
        return tuple(_as_size(size) for size in value)
    except TypeError:
        raise ShapeError("This is not a shape.", expected="a list of sizes, None for unknown ones", got=value) from None


def _as_size(size):
    size = getattr(size, "value", size)
    if size is None:
        return None
    if isinstance(size, (float, np.floating)):
        raise ShapeError("A size is a whole number.", expected="an integer or None", got=size)
    size = int(size)
    if size < 0:
        raise ShapeError("A size cannot be negative.", expected="a size >= 0, or None", got=size)
    return size


def compatible(a, b):
    """True if shapes `a` and `b` may turn out to be the same."""
    if a is None or b is None or a == b:
        return True
    return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def merge(a, b):
    """What is known of a shape that is both `a` and `b`. Raises ShapeError if it cannot be."""
    if not compatible(a, b):
        raise ShapeError("The shapes are not compatible.", expected=show_shape(a), got=show_shape(b))
    if a is None or b is None:
        return b if a is None else a
    return tuple(y if x is None else x for x, y in zip(a, b, strict=True))


def broadcast(*shapes):
    """The shape that `shapes` broadcast to, by NumPy's rule. Raises ShapeError if they do not."""
    if any(shape is None for shape in shapes):
        return None
    rank = max(len(shape) for shape in shapes)
    return tuple(
        _broadcast_size([shape[i + len(shape) - rank] for shape in shapes if i + len(shape) >= rank], shapes)
        for i in range(rank)
    )


def _broadcast_size(sizes, shapes):
    known = {size for size in sizes if size not in (1, None)}
    if len(known) > 1:
        raise ShapeError(
            "The shapes do not broadcast.",
            expected="sizes that are equal, or 1, counted from the last dimension",
            got=" and ".join(show_shape(shape) for shape in shapes),
        )
    if known:
        return known.pop()
    return None if None in sizes else 1


def is_full(shape):
    """True if every size of `shape` is known."""
    return shape is not None and None not in shape


def count(shape):
    """The number of elements, or None if not known."""
    return int(np.prod(shape, dtype=np.int64)) if is_full(shape) else None


class Dimension(int):
    """A known size: an int that also has TensorFlow's `value`."""

    @property
    def value(self):
        return int(self)


class UnknownDimension:
    """A size that is not known: `value` is None, and so is whatever is computed from it."""

    value = None

    def _unknown(self, *_):
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _unknown

    def __eq__(self, other):
        return other is None or isinstance(other, UnknownDimension)

    def __hash__(self):
        return hash(None)

    def __int__(self):
        raise ShapeError("This size is not known while the graph is defined.", hint="shape(x)[i] gives it at run time")

    __index__ = __int__

    def __repr__(self):
        return "?"


class TensorShape:
    """A static shape as TensorFlow's programs use it: `as_list()`, `[i].value`, `ndims`, `is_fully_defined()` ..."""

    __slots__ = ("sizes",)

    def __init__(self, dims):
        self.sizes = as_shape(dims)

    @property
    def rank(self):
        """The number of dimensions, None if it is not known."""
        return None if self.sizes is None else len(self.sizes)

    ndims = rank

    @property
    def dims(self):
        """A list of dimensions, or None if the rank is not known."""
        return None if self.sizes is None else list(self)

    def as_list(self):
        """A list of int and None. Raises ValueError if the rank is not known."""
        if self.sizes is None:
            raise ShapeError("as_list() is not defined for a shape of unknown rank.", got="<unknown>")
        return list(self.sizes)

    def num_elements(self):
        """The number of elements, or None if not known."""
        return count(self.sizes)

    def is_fully_defined(self):
        """True if every size is known."""
        return is_full(self.sizes)

    def is_compatible_with(self, other):
        """True if the two may turn out to be the same."""
        return compatible(self.sizes, as_shape(other))

    def merge_with(self, other):
        """What is known from both. Raises ValueError if they contradict each other."""
        return TensorShape(merge(self.sizes, as_shape(other)))

    def concatenate(self, other):
        """This shape followed by `other`."""
        other = as_shape(other)
        return TensorShape(None if self.sizes is None or other is None else self.sizes + other)

    def with_rank(self, rank):
        """This shape, its rank now known to be `rank`. Raises ValueError if it has another one."""
        return self.merge_with((None,) * rank)

    def with_rank_at_least(self, rank):
        """This shape. Raises ValueError if its rank is known and lower."""
        if self.rank is not None and self.rank < rank:
            raise ShapeError("The rank is too low.", expected=f"rank >= {rank}", got=self)
        return self

    def with_rank_at_most(self, rank):
        """This shape. Raises ValueError if its rank is known and higher."""
        if self.rank is not None and self.rank > rank:
            raise ShapeError("The rank is too high.", expected=f"rank <= {rank}", got=self)
        return self

    def assert_has_rank(self, rank):
        """Raises ValueError if the rank is known not to be `rank`."""
        self.with_rank(rank)

    def assert_is_compatible_with(self, other):
        """Raises ValueError if the two can never be the same."""
        merge(self.sizes, as_shape(other))

    def assert_same_rank(self, other):
        """Raises ValueError if the ranks are known to differ."""
        other = TensorShape(other)
        if None not in (self.rank, other.rank) and self.rank != other.rank:
            raise ShapeError("The ranks differ.", expected=self, got=other)

    def assert_is_fully_defined(self):
        """Raises ValueError unless every size is known."""
        if not self.is_fully_defined():
            raise ShapeError("The shape is not fully defined.", expected="every size known", got=self)

    def __len__(self):
        return len(self.as_list())

    def __iter__(self):
        return (_as_dimension(size) for size in self.as_list())

    def __getitem__(self, key):
        if self.sizes is None:
            return TensorShape(None) if isinstance(key, slice) else UnknownDimension()
        return TensorShape(self.sizes[key]) if isinstance(key, slice) else _as_dimension(self.sizes[key])

    def __bool__(self):
        return self.sizes is not None

    def __eq__(self, other):
        try:
            return self.sizes == as_shape(other)
        except (ShapeError, TypeError, ValueError):
            return NotImplemented

    def __hash__(self):
        return hash(self.sizes)

    def __add__(self, other):
        return self.concatenate(other)

    def __radd__(self, other):
        return TensorShape(other).concatenate(self)

    def __str__(self):
        if self.sizes is None:
            return "<unknown>"
        inner = ", ".join("?" if size is None else str(size) for size in self.sizes)
        return f"({inner},)" if len(self.sizes) == 1 else f"({inner})"

    def __repr__(self):
        return f"TensorShape({None if self.sizes is None else list(self.sizes)})"


def _as_dimension(size):
    return UnknownDimension() if size is None else Dimension(size)
