"""What an element of a dataset is made of: leaves, in any nesting of tuples, named tuples and dictionaries.

A list is no nesting but a tensor, as in tf.data. A dense leaf has one array, a sparse one a SparseTensorValue.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.convert import as_array, as_tensor, contains_tensor
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError, ShapeError
from npslim.ops.queue import as_array_of
from npslim.ops.sparse import SparseTensor, SparseTensorValue
from npslim.spec import Spec, TensorShape, compatible, show_shape
from npslim.tensor import Tensor

_INT64 = np.dtype(np.int64)


# ---- nesting


def flat(structure: Any) -> list:
    """The leaves in order; those of a dictionary by their keys."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    if isinstance(structure, tuple) and not isinstance(structure, SparseTensorValue):
        return [leaf for part in structure for leaf in flat(part)]
    return [structure]


def mapped(function, structure: Any) -> Any:
    """`structure` with each leaf replaced by `function(leaf)`."""
    if isinstance(structure, dict):
        found = {key: mapped(function, structure[key]) for key in sorted(structure)}
        return type(structure)((key, found[key]) for key in structure)
    if isinstance(structure, tuple) and not isinstance(structure, SparseTensorValue):
        parts = [mapped(function, part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    return function(structure)


def packed(structure: Any, leaves) -> Any:
    """`structure` with its leaves replaced by `leaves`, in order."""
    leaves = iter(leaves)
    return mapped(lambda _: next(leaves), structure)


# ---- leaves


@dataclass(frozen=True)
class Leaf:
    """What is known of a component of all elements: dtype and shape (of a sparse one: the dense shape)."""

    dtype: np.dtype
    shape: tuple | None
    sparse: bool = False

    def with_shape(self, shape):
        """This leaf with another shape."""
        return Leaf(self.dtype, shape, self.sparse)

    @property
    def specs(self):
        """The Specs of the tensors that stand for it: one, or a sparse tensor's three."""
        if not self.sparse:
            return (Spec(self.shape, self.dtype),)
        rank = None if self.shape is None else len(self.shape)
        known = None if self.shape is None or None in self.shape else np.array(self.shape, _INT64)
        return Spec((None, rank), _INT64), Spec((None,), self.dtype), Spec((rank,), _INT64, known)


def leaf_of(value):
    """The Leaf of a tensor, a sparse tensor or an array."""
    if isinstance(value, SparseTensor):
        return Leaf(value.values.spec.dtype, TensorShape(value.get_shape()).sizes, sparse=True)
    if isinstance(value, Tensor):
        return Leaf(value.spec.dtype, value.spec.shape)
    return Leaf(value.dtype, value.shape)


def component(value):
    """`value` as a leaf of a structure: a tensor, a sparse tensor, or an array that nobody else can change."""
    if isinstance(value, SparseTensor):
        return value
    if isinstance(value, SparseTensorValue):
        return SparseTensor(*value)
    if contains_tensor(value):
        return as_tensor(value)
    return np.array(as_array(value))


def tensors_of(leaf):
    """The tensors (or values) that a leaf of a structure consists of: itself, or a sparse tensor's three."""
    if isinstance(leaf, SparseTensor):
        return [leaf.indices, leaf.values, leaf.dense_shape]
    return list(leaf) if isinstance(leaf, SparseTensorValue) else [leaf]


def parts_of(values):
    """All parts of the values of leaves, those of sparse tensors three by three."""
    return [part for value in values for part in tensors_of(value)]


def assembled(leaves, parts, sparse: Any = SparseTensorValue) -> list:
    """One value for each of `leaves` from the list `parts`, three of them for a sparse one: `sparse(*three)`."""
    parts = iter(parts)
    return [sparse(next(parts), next(parts), next(parts)) if leaf.sparse else next(parts) for leaf in leaves]


def check_same_types(a, b, what):
    """Raises ArgumentTypeError unless structures of leaves `a` and `b` have the same nesting and dtypes."""
    shown = [mapped(lambda leaf: (leaf.dtype.name, leaf.sparse), s) for s in (a, b)]
    if shown[0] != shown[1]:
        raise ArgumentTypeError(f"{what}: the elements differ in structure or dtype.", expected=shown[0], got=shown[1])


def widest(a, b):
    """What the shapes `a` and `b` have in common."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(m if m == n else None for m, n in zip(a, b, strict=True))


# ---- many elements as one, and one as many


def stacked(leaf, values):
    """The values of a leaf of several elements, one above the other. Raises InvalidArgumentError if shapes differ."""
    if leaf.sparse:
        return _stacked_sparse(values)
    first = values[0].shape
    for i, value in enumerate(values):
        if value.shape != first:
            raise InvalidArgumentError(
                "batch: cannot batch tensors of different shapes.", expected=f"{show_shape(first)}, as element 0",
                got=f"element {i} of shape {show_shape(value.shape)}",
                hint="padded_batch fills up the smaller ones",
            )  # fmt: skip
    if leaf.dtype == object and not first:
        column = np.empty(len(values), object)
        column[:] = [value[()] for value in values]
        return column
    return np.stack(values)


def _stacked_sparse(values):
    places = [np.insert(value.indices, 0, i, axis=1) for i, value in enumerate(values)]
    sizes = np.max([value.dense_shape for value in values], axis=0)
    return SparseTensorValue(
        np.concatenate(places),
        np.concatenate([value.values for value in values]),
        np.array([len(values), *sizes], _INT64),
    )


def padded(values, shape, filler):
    """The arrays `values`, filled up at their ends to `shape` (None: to the largest of them), one above the other.

    Raises DataLossError for a value that is larger than `shape`.
    """
    found = [value.shape for value in values]
    sizes = [max(ns) for ns in zip(*found, strict=True)] if len(set(map(len, found))) == 1 else None
    if sizes is None or (shape is not None and len(shape) != len(sizes)):
        raise InvalidArgumentError(
            "padded_batch: the elements have another rank.", expected=show_shape(shape),
            got=", ".join(show_shape(s) for s in sorted(set(found), key=len)),
        )  # fmt: skip
    wanted = tuple(n if m is None else m for m, n in zip(shape or (None,) * len(sizes), sizes, strict=True))
    result = np.full((len(values), *wanted), filler, values[0].dtype)
    for row, value in enumerate(values):
        if any(m > n for m, n in zip(value.shape, wanted, strict=True)):
            raise DataLossError(
                "padded_batch: an element is larger than the shape it is padded to.", expected=show_shape(wanted),
                got=show_shape(value.shape),
            )  # fmt: skip
        result[(row, *(slice(n) for n in value.shape))] = value if value.ndim else value[()]
    return result


def rows_of(leaf, value):
    """The entries along the first dimension of the value of `leaf`, one after the other."""
    if not leaf.sparse:
        return (as_array_of(row, value.dtype) for row in value)
    size, rest = int(value.dense_shape[0]), value.dense_shape[1:]
    chosen = (value.indices[:, 0] == i for i in range(size))
    return (SparseTensorValue(value.indices[rows, 1:], value.values[rows], rest) for rows in chosen)


def row_leaf(leaf):
    """The Leaf of an entry along the first dimension. Raises ShapeError for a scalar."""
    if leaf.shape == ():
        raise ShapeError("A scalar has no entries.", expected="a first dimension", got=show_shape(leaf.shape))
    return leaf.with_shape(None if leaf.shape is None else leaf.shape[1:])


def checked(leaf: Leaf, value: Any, what):
    """`value` (of a Python generator, say) as an array that `leaf` allows. Raises InvalidArgumentError."""
    try:
        array = as_array(value, leaf.dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"{what} has a value of another type.", expected=leaf.specs[0], got=f"{value!r}: {error}"[:300]
        ) from None
    if not compatible(array.shape, leaf.shape):
        raise ShapeError(f"{what} has another shape.", expected=show_shape(leaf.shape), got=show_shape(array.shape))
    return array if array is not value else array.copy()
