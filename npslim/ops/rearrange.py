"""Elements chosen, put in other places, and sorted: compositions of the ops that index and rank."""

import numpy as np

from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.ops.create import fill, range_, zeros
from npslim.ops.debug import Assert
from npslim.ops.elementwise import multiply, subtract
from npslim.ops.indexing import boolean_mask, gather, gather_nd
from npslim.ops.join import concat, stack
from npslim.ops.logic import broadcast_like, cast, equal, greater_equal, less, less_equal, logical_and, where_v2
from npslim.ops.ranking import top_k
from npslim.ops.reduce import reduce_all, reduce_max, reduce_prod
from npslim.ops.segment import rows_or_zero, unsorted_segment_max
from npslim.ops.shape import expand_dims, identity, reshape, shape, size, transpose, zeros_like
from npslim.ops.shape import shape as size_vector
from npslim.scopes import name_scope
from npslim.spec import as_shape, merge, show_shape

_INT32 = np.dtype(np.int32)


def sequence_mask(lengths, maxlen=None, dtype=np.bool_, name=None):
    """Whether a place comes before the end of its sequence: `[...]` integers to `[..., maxlen]`.

    maxlen: the greatest length unless given.
    """
    with name_scope(name, "SequenceMask", [lengths]):
        lengths = as_tensor(lengths)
        maxlen = reduce_max(lengths) if maxlen is None else as_tensor(maxlen)
        places = range_(cast(maxlen, dtype=lengths.spec.dtype))
        before = less(places, expand_dims(lengths, axis=-1))
        return before if np.dtype(bool) == dtype else cast(before, dtype)


def broadcast_to(input, shape, name=None):
    """`input` repeated to a shape that it broadcasts to."""
    input = as_tensor(input)
    return broadcast_like(input, zeros(shape, input.spec.dtype), name=name or "BroadcastTo")


def ensure_shape(x, shape, name=None):
    """`x`, whose shape a run checks; it counts as known from then on. Raises ShapeError, or InvalidArgumentError."""
    x, wanted = as_tensor(x), as_shape(shape)
    if wanted is None:
        return identity(x, name=name)
    merge(x.spec.shape, wanted)
    found = size_vector(x)
    expected = np.array([-1 if n is None else n for n in wanted], np.int32)
    with control_dependencies([Assert(equal(size(found), len(wanted)), ["ensure_shape: another rank than", expected])]):
        same = equal(identity(found), where_v2(less(expected, 0), found, expected))
    with control_dependencies([Assert(reduce_all(same), ["ensure_shape: the shape is not", expected, "but", found])]):
        y = identity(x, name=name or "EnsureShape")
    y.set_shape(wanted)
    return y


def dynamic_partition(data, partitions, num_partitions, name=None):
    """The rows of `data` by the number that `partitions` gives each: a list of `num_partitions` tensors `[?, ...]`.

    Raises InvalidArgumentError in a run that meets another number.
    """
    with name_scope(name, "DynamicPartition", [data, partitions]):
        data, partitions = as_tensor(data), as_tensor(partitions)
        inside = logical_and(greater_equal(partitions, 0), less(partitions, num_partitions))
        checked = Assert(reduce_all(inside), ["partitions must be in [0, num_partitions)", partitions])
        with control_dependencies([checked]):
            partitions = identity(partitions)
        return [boolean_mask(data, equal(partitions, i)) for i in range(num_partitions)]


def stitch_rows(indices, data, name=None):
    """Rows put to the places that `indices` give them, `[most + 1, ...]`: the last one wins, and gaps are zeros.

    indices, data: lists of tensors, `data[i]` `[*indices[i].shape, ...]`. As tf.dynamic_stitch.
    """
    with name_scope(name, "DynamicStitch", [*indices, *data]):
        indices, data = [as_tensor(i) for i in indices], [as_tensor(d) for d in data]
        rows = [reshape(d, concat([[-1], shape(d)[i.spec.rank or 0 :]], 0)) for i, d in zip(indices, data, strict=True)]
        places, rows = concat([reshape(i, [-1]) for i in indices], 0), concat(rows, 0)
        order = range_(size(places))
        last = unsorted_segment_max(order, places, reduce_max(places) + 1)
        return rows_or_zero(rows, where_v2(less(last, 0), -1, last))


def batched(params, indices):
    """(all of `params` as one batch, the indices into it): the dimensions of `indices` but the last are the batch's."""
    params, indices = as_tensor(params), as_tensor(indices)
    rank = indices.spec.rank
    if rank is None or params.spec.rank is None:
        raise ShapeError("batch_gather: the ranks must be known.", expected="known ranks", got=str(indices.spec))
    sizes = shape(params)
    steps = stack([reduce_prod(sizes[i + 1 : rank]) for i in range(rank - 1)]) if rank > 1 else None
    for i in range(rank - 1):
        own = reshape(multiply(range_(sizes[i]), steps[i]), [-1 if j == i else 1 for j in range(rank)])
        indices = indices + cast(own, indices.spec.dtype)
    return reshape(params, concat([[-1], sizes[rank:]], 0)), indices


def batch_gather(params, indices, name=None):
    """Slices of `params` `[*batch, n, ...]` by `indices` `[*batch, k]`: `[*batch, k, ...]`.

    Raises InvalidArgumentError in a run where an index is outside its own example's.
    """
    with name_scope(name, "BatchGather", [params, indices]):
        params, indices = as_tensor(params), as_tensor(indices)
        n = shape(params)[(indices.spec.rank or 1) - 1]
        inside = logical_and(greater_equal(indices, 0), less(indices, cast(n, indices.spec.dtype)))
        with control_dependencies([Assert(reduce_all(inside), ["an index is out of range", indices])]):
            indices = identity(indices)
        return gather(*batched(params, indices))


def batch_gather_nd(params, indices, batch_dims, name=None):
    """`gather_nd` for each example of the first `batch_dims` dimensions."""
    params, indices = as_tensor(params), as_tensor(indices)
    outer = shape(indices)[:-1]
    places = []
    for i in range(batch_dims):
        own = reshape(range_(shape(params)[i]), [-1 if j == i else 1 for j in range((indices.spec.rank or 0) - 1)])
        places.append(expand_dims(broadcast_to(cast(own, indices.spec.dtype), outer), axis=-1))
    return gather_nd(params, concat([*places, indices], -1), name=name)


def matrix_band_part(input, num_lower, num_upper, name=None):
    """The matrices with zeros outside a band: so many diagonals below the main one and above it, all for -1."""
    with name_scope(name, "MatrixBandPart", [input]):
        input = as_tensor(input)
        sizes = shape(input)
        below = subtract(expand_dims(range_(sizes[-2]), axis=1), range_(sizes[-1]))
        lower, upper = cast(as_tensor(num_lower), _INT32), cast(as_tensor(num_upper), _INT32)
        kept = logical_and(
            less_equal(below, where_v2(less(lower, 0), sizes[-2], lower)),
            less_equal(-below, where_v2(less(upper, 0), sizes[-1], upper)),
        )
        return where_v2(kept, input, zeros_like(input))


def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    """The places of the elements in order of size: int32; equal ones stay in their order."""
    return _sorted(values, axis, direction, name or "argsort")[1]


def sort(values, axis=-1, direction="ASCENDING", name=None):
    """The elements along `axis` in order of size."""
    return _sorted(values, axis, direction, name or "sort")[0]


def _sorted(values, axis, direction, name):
    if direction not in ("ASCENDING", "DESCENDING"):
        raise InvalidArgumentError("Unknown direction.", expected="ASCENDING or DESCENDING", got=repr(direction))
    with name_scope(name, None, [values]):
        values = as_tensor(values)
        rank = values.spec.rank
        if rank is None or not -rank <= axis < rank:
            raise ShapeError(
                "The axis is out of range.", expected=f"an axis of {show_shape(values.spec.shape)}", got=axis
            )
        order = [i for i in range(rank) if i != axis % rank] + [axis % rank]
        lines = transpose(values, perm=order)
        rising = direction == "ASCENDING"
        best, places = top_k(_turned(lines) if rising else lines, k=shape(lines)[-1])
        best = _turned(best) if rising else best
        back = [order.index(i) for i in range(rank)]
        return transpose(best, perm=back), transpose(places, perm=back)


def _turned(x):
    """The numbers in the opposite order of size: for integers without leaving out the least one."""
    return -x if x.spec.dtype.kind == "f" else subtract(-1, x) if x.spec.dtype.kind == "i" else _highest(x) - x


def _highest(x):
    return fill([], as_tensor(np.iinfo(x.spec.dtype).max, x.spec.dtype))


def roll(input, shift, axis, name=None):
    """The elements moved along `axis` by `shift` places; what leaves at one end comes in at the other.

    shift, axis: numbers, or lists of them.
    """
    shifts, axes = (value if isinstance(value, list | tuple) else [value] for value in (shift, axis))
    with name_scope(name, "Roll", [input]):
        input = as_tensor(input)
        for by, along in zip(shifts, axes, strict=True):
            n = shape(input)[along]
            places = (range_(n) - by) % n
            input = gather(input, places, axis=along)
        return input
