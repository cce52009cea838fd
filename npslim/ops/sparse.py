"""Sparse tensors: three dense ones, the places of the values, the values, and the full shape.

Places are sorted row by row wherever an op says nothing else, as in TensorFlow.
"""

import collections

import numpy as np

from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value
from npslim.defaults import session_for
from npslim.dtypes import int64, string
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.indexed_slices import Composite
from npslim.op import op
from npslim.ops.create import shape_from
from npslim.ops.indexing import boolean_mask, gather, gather_nd
from npslim.ops.join import concat
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import expand_dims, identity
from npslim.ops.state import placeholder
from npslim.scopes import name_scope
from npslim.spec import Spec, TensorShape, compatible, show_shape

SparseTensorValue = collections.namedtuple("SparseTensorValue", ["indices", "values", "dense_shape"])


class SparseTensor(Composite):
    """`values` at the places `indices` of a tensor of zeros with the shape `dense_shape`.

    indices: int64 `[n, rank]`. values: `[n]`. dense_shape: int64 `[rank]`. A session gives a SparseTensorValue for it
    and takes one (or a tuple of the three) as its feed. Raises ValueError for ranks and sizes that do not fit.
    """

    def __init__(self, indices, values, dense_shape):
        self.indices = as_tensor(indices, int64.dtype)
        self.values = as_tensor(values)
        self.dense_shape = as_tensor(dense_shape, int64.dtype)
        n, rank = (self.indices.spec.shape or (None, None))[:2]
        fits = (
            compatible(self.indices.spec.shape, (None, None))
            and compatible(self.values.spec.shape, (n,))
            and compatible(self.dense_shape.spec.shape, (rank,))
        )
        if not fits:
            raise ShapeError(
                "The parts of a sparse tensor do not fit.",
                expected="indices [n, rank], values [n], dense_shape [rank]",
                got=", ".join(show_shape(t.spec.shape) for t in (self.indices, self.values, self.dense_shape)),
                made_at=user_line(),
            )  # fmt: skip

    def _components(self):
        return (self.indices, self.values, self.dense_shape), SparseTensorValue

    @classmethod
    def from_value(cls, value):
        """A SparseTensor from one, or from a SparseTensorValue. Raises TypeError for anything else."""
        if isinstance(value, cls):
            return value
        if isinstance(value, SparseTensorValue):
            return cls(*value)
        raise ArgumentTypeError("Neither a SparseTensor nor a SparseTensorValue.", got=value, made_at=user_line())

    @property
    def shape(self):
        """The full shape as far as it is known while defining."""
        return self.get_shape()

    def get_shape(self):
        """The full shape as far as it is known while defining."""
        known = constant_value(self.dense_shape)
        if known is not None:
            return TensorShape([int(n) for n in known])
        (rank,) = self.dense_shape.spec.shape or (None,)
        return TensorShape(None if rank is None else [None] * rank)

    def eval(self, feed_dict=None, session=None):
        """The SparseTensorValue, from `session` or the default one."""
        return session_for(session).run(self, feed_dict)

    def __repr__(self):
        return f"SparseTensor(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"


def sparse_placeholder(dtype, shape=None, name=None):
    """A sparse tensor that has to be fed, with a SparseTensorValue or a tuple of its three parts."""
    rank = None if shape is None else len(shape)
    name = name or "Placeholder"
    return SparseTensor(
        placeholder(int64, [None, rank], name=f"{name}/indices"),
        placeholder(dtype, [None], name=f"{name}/values"),
        placeholder(int64, [rank], name=f"{name}/shape"),
    )


# ---- ops on the three parts


def _dense_by_loop(sparse_indices, output_shape, sparse_values, default_value):
    dense = np.full(tuple(output_shape), default_value, sparse_values.dtype)
    values = np.broadcast_to(sparse_values, sparse_indices.shape[:1] if sparse_indices.ndim else ())
    for place, value in zip(np.atleast_1d(sparse_indices), np.atleast_1d(values), strict=True):
        dense[tuple(np.atleast_1d(place))] = value
    return dense


@op(
    alike=(), partial=True, exact=True, host=("sparse_indices", "output_shape"),
    type="SparseToDense", node_name="SparseToDense",
    reference=_dense_by_loop,
)  # fmt: skip
def to_dense(sparse_indices, output_shape, sparse_values, default_value):
    """`sparse_values` at `sparse_indices` (`[n, rank]`, `[n]` or a scalar) of a tensor of `default_value`.

    Raises InvalidArgumentError for a place outside, one given twice, or places out of order.
    """
    shape = tuple(int(n) for n in output_shape)
    places = np.asarray(sparse_indices).reshape(-1, len(shape))
    _check_places(places, shape)
    dense = array_module(sparse_values).full(shape, default_value, sparse_values.dtype)
    dense[tuple(places.T)] = sparse_values
    return dense


def _check_places(places, shape):
    """Raises InvalidArgumentError unless the rows of `places` lie inside `shape` and increase strictly."""
    outside = ((places < 0) | (places >= np.array(shape))).any(axis=1)
    if outside.any():
        at = int(outside.argmax())
        raise InvalidArgumentError(
            "An index of a sparse tensor is out of bounds.", expected=f"inside {show_shape(shape)}",
            got=f"indices[{at}] = {places[at].tolist()}",
        )  # fmt: skip
    flat = np.ravel_multi_index(tuple(places.T), shape) if len(places) and places.shape[1] else np.zeros(len(places))
    wrong = np.diff(flat) <= 0
    if wrong.any():
        at = int(wrong.argmax()) + 1
        word = "is repeated" if flat[at] == flat[at - 1] else "is out of order"
        raise InvalidArgumentError(
            f"An index of a sparse tensor {word}.", expected="each place once, row by row",
            got=f"indices[{at}] = {places[at].tolist()} after {places[at - 1].tolist()}",
            hint="sparse_reorder(sp) sorts them",
        )  # fmt: skip


@to_dense.shape
def _(sparse_indices, output_shape, sparse_values, default_value):
    return Spec(shape_from(output_shape), sparse_values.dtype)


@to_dense.vjp
def _(g, y, sparse_indices, output_shape, sparse_values, default_value):
    places = sparse_indices if sparse_indices.spec.rank == 2 else expand_dims(sparse_indices, axis=-1)
    taken = gather_nd(g, places)
    total = reduce_sum(taken)
    return None, None, total if sparse_values.spec.rank == 0 else taken, reduce_sum(g) - total


to_dense.cases(
    lambda rng: (np.array([[0, 1], [2, 0]]), np.array([3, 2]), rng.normal(size=2), np.array(0.0)),
    lambda rng: (np.array([1, 3]), np.array([4]), rng.normal(size=2), np.array(-1.0)),
    lambda rng: (np.zeros((0, 2), int), np.array([3, 2]), np.zeros(0), np.array(0.5)),
)
to_dense.cases(
    lambda rng: (np.array(2), np.array([4]), np.array(1.5), np.array(0.0)),
    lambda rng: (np.array([[0, 1], [1, 1]]), np.array([2, 2]), np.array(1.5), np.array(0.5)),
)


def sparse_to_dense(sparse_indices, output_shape, sparse_values, default_value=0, validate_indices=True, name=None):
    """A tensor of `output_shape` with `sparse_values` at `sparse_indices` and `default_value` elsewhere.

    sparse_indices: `[n, rank]`, `[n]`, or a scalar. sparse_values: `[n]`, or a scalar for all. The indices are
    checked whatever `validate_indices` says. Raises InvalidArgumentError for places outside, repeated or unordered.
    """
    values = as_tensor(sparse_values)
    default = as_tensor(default_value, values.spec.dtype)
    return to_dense(sparse_indices, output_shape, values, default, name=name)


def sparse_tensor_to_dense(sp_input, default_value=None, validate_indices=True, name=None):
    """The dense tensor that `sp_input` stands for, with `default_value` (0, or an empty string) elsewhere."""
    sp = SparseTensor.from_value(sp_input)
    if default_value is None:
        default_value = b"" if sp.dtype == string else 0
    return sparse_to_dense(sp.indices, sp.dense_shape, sp.values, default_value, validate_indices, name)


def sparse_retain(sp_input, to_retain):
    """The elements of `sp_input` for which the boolean vector `to_retain` holds; the shape stays."""
    sp = SparseTensor.from_value(sp_input)
    return SparseTensor(boolean_mask(sp.indices, to_retain), boolean_mask(sp.values, to_retain), sp.dense_shape)


def sparse_reorder(sp_input, name=None):
    """`sp_input` with its elements in row-by-row order."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseReorder"):
        order = row_order(sp.indices)
        return SparseTensor(gather(sp.indices, order), gather(sp.values, order), sp.dense_shape)


@op(
    alike=(), differentiable=False, exact=True, host=("indices",),
    reference=lambda indices: np.array(sorted(range(len(indices)), key=lambda i: (*indices[i], i)), np.int64),
)  # fmt: skip
def row_order(indices):
    """The order that sorts the rows of `indices` `[n, rank]`: by the first column, then by the second, and so on."""
    return np.lexsort(indices.T[::-1]) if indices.shape[1] else np.arange(len(indices))


@row_order.shape
def _(indices):
    return Spec(None if indices.shape is None else indices.shape[:1], np.dtype(np.int64))


row_order.cases(
    lambda rng: (np.array([[1, 0], [0, 2], [0, 1], [1, 0]]),),
    lambda rng: (np.zeros((0, 2), int),),
)


def sparse_reshape(sp_input, shape, name=None):
    """`sp_input` with another shape; one size may be -1. Raises InvalidArgumentError if the sizes do not fit."""
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseReshape"):
        indices, dense_shape = other_places(sp.indices, sp.dense_shape, as_tensor(shape, int64.dtype))
        return SparseTensor(indices, identity(sp.values), dense_shape)


def _other_places_by_loop(indices, old, new):
    unknown = int(np.prod(old)) // max(1, int(-np.prod(new))) if -1 in new else 0
    new = np.array([unknown if n == -1 else n for n in new], np.int64)
    flat = [sum(int(i) * int(np.prod(old[k + 1 :])) for k, i in enumerate(row)) for row in indices]
    rows = [[at // int(np.prod(new[k + 1 :])) % int(new[k]) for k in range(len(new))] for at in flat]
    return np.array(rows, np.int64).reshape(len(indices), len(new)), new


@op(
    alike=(), differentiable=False, exact=True, host=("indices", "old", "new"), type="SparseReshape",
    reference=_other_places_by_loop,
)  # fmt: skip
def other_places(indices, old, new):
    """(places, shape): where the elements at `indices` of the shape `old` stand in the shape `new`, which may have one
    -1.
    """
    old, sizes = np.asarray(old), np.array(new)
    total, known = int(np.prod(old)), int(np.prod(sizes[sizes != -1]))
    if (sizes == -1).sum() == 1 and known:
        sizes[sizes == -1] = total // known
    if (sizes < 0).any() or int(np.prod(sizes)) != total:
        raise InvalidArgumentError(
            "A sparse tensor of this shape cannot be reshaped so.", expected=f"{total} elements", got=list(new)
        )
    flat = np.ravel_multi_index(tuple(np.asarray(indices).T), tuple(old)) if len(indices) else np.zeros(0, np.int64)
    return np.stack(np.unravel_index(flat, tuple(sizes)), axis=1).astype(np.int64), sizes.astype(np.int64)


@other_places.shape
def _(indices, old, new):
    sizes = new.shape if new.shape is not None else (None,)
    return Spec((None if indices.shape is None else indices.shape[0], *sizes), indices.dtype), Spec(
        sizes, indices.dtype
    )


other_places.cases(
    lambda rng: (np.array([[0, 1], [2, 3]]), np.array([3, 4]), np.array([2, 6])),
    lambda rng: (np.array([[0, 1], [2, 3]]), np.array([3, 4]), np.array([-1, 3])),
    lambda rng: (np.zeros((0, 2), int), np.array([3, 4]), np.array([12])),
)


def sparse_fill_empty_rows(sp_input, default_value, name=None):
    """(filled, empty): `sp_input` with `default_value` in the first column of rows that have none; which those were.

    empty: bool `[rows]`.
    """
    sp = SparseTensor.from_value(sp_input)
    with name_scope(name, "SparseFillEmptyRows"):
        indices, source, empty = rows_filled(sp.indices, sp.dense_shape)
        default = expand_dims(as_tensor(default_value, sp.values.spec.dtype), axis=0)
        return SparseTensor(indices, gather(concat([sp.values, default], 0), source), sp.dense_shape), empty


def _rows_filled_by_loop(indices, dense_shape):
    found = [(*row, i) for i, row in enumerate(indices.tolist())]
    there = {row[0] for row in found}
    empty = np.array([r not in there for r in range(int(dense_shape[0]))], bool)
    added = [(r, *[0] * (indices.shape[1] - 1), len(indices)) for r in np.flatnonzero(empty).tolist()]
    rows = np.array(sorted(found + added, key=lambda row: row[0]), np.int64).reshape(-1, indices.shape[1] + 1)
    return rows[:, :-1], rows[:, -1], empty


@op(
    alike=(), dynamic=True, differentiable=False, exact=True, host=("indices", "dense_shape"),
    reference=_rows_filled_by_loop,
)  # fmt: skip
def rows_filled(indices, dense_shape):
    """(places, source, empty): `indices` with the place [row, 0, ...] put in for each row that has none.

    source: which of the given elements stands at a place, their number for those put in. empty: bool `[rows]`.
    """
    empty = np.ones(int(dense_shape[0]), bool)
    empty[indices[:, 0]] = False
    added = np.zeros((int(empty.sum()), indices.shape[1]), indices.dtype)
    added[:, 0] = np.flatnonzero(empty)
    places = np.concatenate([indices, added])
    source = np.minimum(np.arange(len(places)), len(indices))
    order = np.argsort(places[:, 0], kind="stable")
    return places[order], source[order], empty


@rows_filled.shape
def _(indices, dense_shape):
    rank = indices.shape[1] if indices.shape is not None else None
    rows = shape_from(dense_shape)
    return (
        Spec((None, rank), indices.dtype),
        Spec((None,), np.dtype(np.int64)),
        Spec((rows[0] if rows else None,), np.dtype(bool)),
    )


rows_filled.cases(
    lambda rng: (np.array([[1, 0], [1, 2], [3, 1]]), np.array([5, 4])),
    lambda rng: (np.zeros((0, 2), int), np.array([2, 2])),
)


# ---- sparse tensors in queues: one object for each


def _pack(indices, values, dense_shape):
    packed = np.empty((), object)
    packed[()] = (np.array(indices), np.array(values), np.array(dense_shape))
    return packed


@op(type="SerializeSparse", alike=(), stateful=True, differentiable=False, host=("indices", "values", "dense_shape"))
def pack_sparse(indices, values, dense_shape):
    """A sparse tensor as one object, for a queue."""
    return _pack(indices, values, dense_shape)


@pack_sparse.shape
def _(indices, values, dense_shape):
    return Spec((), np.dtype(object))


@op(
    type="SerializeManySparse", alike=(), stateful=True, differentiable=False,
    host=("indices", "values", "dense_shape"),
)  # fmt: skip
def pack_sparse_rows(indices, values, dense_shape):
    """Each row of a sparse tensor as one object: `[rows]`."""
    packed = np.empty(int(dense_shape[0]), object)
    for row in range(len(packed)):
        own = indices[:, 0] == row
        packed[row] = (indices[own, 1:], values[own], np.array(dense_shape[1:]))
    return packed


@pack_sparse_rows.shape
def _(indices, values, dense_shape):
    return Spec((None,), np.dtype(object))


@op(type="DeserializeManySparse", alike=(), stateful=True, differentiable=False, host=("packed",))
def unpack_sparse(packed, *, dtype):
    """(indices, values, dense_shape) of a sparse tensor whose rows are the objects `packed` `[n]`."""
    rows = list(packed)
    rank = len(rows[0][2]) if rows else 0
    numbered = [np.insert(indices, 0, i, axis=1) for i, (indices, _, _) in enumerate(rows)]
    indices = np.concatenate([*numbered, np.zeros((0, rank + 1), np.int64)])
    values = np.concatenate([values for _, values, _ in rows] or [np.zeros(0, dtype)])
    sizes = np.max([shape for _, _, shape in rows], axis=0) if rows else np.zeros(rank, np.int64)
    return indices.astype(np.int64), values, np.array([len(rows), *sizes], np.int64)


@unpack_sparse.shape
def _(packed, *, dtype):
    integers = np.dtype(np.int64)
    return Spec((None, None), integers), Spec((None,), dtype), Spec((None,), integers)
