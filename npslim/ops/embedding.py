"""Embeddings: rows of a table by their ids, looked up one by one or combined for each example."""

from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.ops.counting import unique
from npslim.ops.elementwise import divide_no_nan, maximum
from npslim.ops.functions import rsqrt, sqrt, square
from npslim.ops.indexing import gather
from npslim.ops.join import concat
from npslim.ops.logic import cast, greater, greater_equal, logical_and, where
from npslim.ops.reduce import reduce_prod, reduce_sum
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import expand_dims, ones_like, reshape, shape, zeros_like
from npslim.ops.slicing import slice_
from npslim.ops.sparse import SparseTensor, sparse_fill_empty_rows, sparse_reshape, sparse_retain
from npslim.scopes import name_scope

_COMBINERS = ("sum", "mean", "sqrtn")


def embedding_lookup(params, ids, partition_strategy="mod", name=None, validate_indices=True, max_norm=None):
    """Rows of `params` by `ids` (integers of any shape): `[..., dim]`.

    params: `[n, dim]`, or a list of parts of one table. partition_strategy: how the ids are spread over the parts,
    "mod" in turn or "div" in runs. max_norm: longer rows are scaled down to this L2 norm.
    """
    with name_scope(name, "embedding_lookup", [ids]):
        table, place = _table(params, as_tensor(ids), partition_strategy)
        rows = gather(table, place)
        return rows if max_norm is None else _shortened(rows, max_norm)


def _table(params, ids, strategy):
    """(table, place): the parts of `params` as one tensor, and where each of `ids` stands in it."""
    if not isinstance(params, list | tuple):
        return as_tensor(params), ids
    parts = [as_tensor(part) for part in params]
    if not parts or strategy not in ("mod", "div"):
        raise InvalidArgumentError(
            "embedding_lookup: no params, or an unknown partition_strategy.", expected="mod or div",
            got=f"{len(parts)} params, {strategy!r}", made_at=user_line(),
        )  # fmt: skip
    table = parts[0] if len(parts) == 1 else concat(parts, 0)
    if len(parts) == 1 or strategy == "div":
        return table, ids
    sizes = [cast(shape(part)[0], dtype=ids.spec.dtype) for part in parts]
    starts = [sum(sizes[:i], as_tensor(0, ids.spec.dtype)) for i in range(len(parts))]
    n = as_tensor(len(parts), ids.spec.dtype)
    return table, gather(as_tensor(starts), ids % n) + ids // n


def _shortened(rows, max_norm):
    """`rows`, those longer than `max_norm` scaled down to it."""
    norms = reduce_sum(square(rows), axis=-1, keepdims=True)
    limit = as_tensor(max_norm, rows.spec.dtype)
    return rows * (limit * rsqrt(maximum(norms, square(limit))))


def embedding_lookup_unique(params, ids, name=None):
    """`embedding_lookup` with each distinct id looked up once, which makes for small gradients."""
    with name_scope(name, "EmbeddingLookupUnique", [params, ids]):
        ids = as_tensor(ids)
        distinct, place = unique(reshape(ids, [-1]))
        return gather(embedding_lookup(params, distinct), reshape(place, shape(ids)))


def embedding_lookup_sparse(
    params, sp_ids, sp_weights, partition_strategy="mod", name=None, combiner=None, max_norm=None
):
    """The rows of each example's ids, combined: `[examples, dim]`.

    sp_ids: a SparseTensor `[examples, any]` of ids; each example must have some. sp_weights: None, or a SparseTensor
    of the same places. combiner: "sum" of the weighted rows, "mean" (divided by the sum of the weights; the default),
    or "sqrtn" (by the root of the sum of their squares). Raises ValueError for another combiner.
    """
    combiner = combiner or "mean"
    check_choice(combiner, _COMBINERS, "combiner")
    sp_ids = SparseTensor.from_value(sp_ids)
    with name_scope(name, "embedding_lookup_sparse", [sp_ids.values]):
        rows = embedding_lookup(params, sp_ids.values, partition_strategy, max_norm=max_norm)
        example = slice_(sp_ids.indices, [0, 0], [-1, 1])[:, 0]
        n = sp_ids.dense_shape[0]
        if sp_weights is None:
            weights = ones_like(rows[:, :1])
        else:
            weights = expand_dims(cast(SparseTensor.from_value(sp_weights).values, dtype=rows.spec.dtype), axis=-1)
        total = unsorted_segment_sum(rows * weights, example, n)
        if combiner == "sum":
            return total
        if combiner == "mean":
            return divide_no_nan(total, unsorted_segment_sum(weights, example, n))
        return divide_no_nan(total, sqrt(unsorted_segment_sum(square(weights), example, n)))


def safe_embedding_lookup_sparse(
    embedding_weights, sparse_ids, sparse_weights=None, combiner="mean", default_id=None, name=None,
    partition_strategy="div", max_norm=None,
):  # fmt: skip
    """`embedding_lookup_sparse` for ids as they come: ids below 0 and weights not above 0 are left out, and an example
    without any id gets the row of `default_id`, or zeros if that is None.

    sparse_ids, sparse_weights: SparseTensors `[d0, ..., dn]`; the last dimension is combined. Returns
    `[d0, ..., dn-1, dim]`. As tf.contrib.layers.safe_embedding_lookup_sparse.
    """
    parts = list(embedding_weights) if isinstance(embedding_weights, list | tuple) else [embedding_weights]
    if not parts or parts[0] is None:
        raise InvalidArgumentError(
            "embedding_weights are missing.",
            expected="tensors or variables",
            got=embedding_weights,
            made_at=user_line(),
        )
    sparse_ids = SparseTensor.from_value(sparse_ids)
    with name_scope(name, "embedding_lookup", [sparse_ids.values]):
        sizes = sparse_ids.dense_shape
        outer = slice_(sizes, [0], [shape(sizes)[0] - 1])
        flat = as_tensor([reduce_prod(outer), sizes[-1]])
        ids = sparse_reshape(sparse_ids, flat)
        keep = greater_equal(ids.values, zeros_like(ids.values))
        weights = None
        if sparse_weights is not None:
            weights = SparseTensor(ids.indices, SparseTensor.from_value(sparse_weights).values, ids.dense_shape)
            if combiner != "sum":
                keep = logical_and(keep, greater(weights.values, zeros_like(weights.values)))
            weights = sparse_retain(weights, keep)
        ids, empty = sparse_fill_empty_rows(sparse_retain(ids, keep), default_id or 0)
        if weights is not None:
            weights, _ = sparse_fill_empty_rows(weights, 1.0)
        rows = embedding_lookup_sparse(parts, ids, weights, partition_strategy, combiner=combiner, max_norm=max_norm)
        if default_id is None:
            rows = where(expand_dims(empty, axis=-1), zeros_like(rows), rows)
        return reshape(rows, concat([outer, cast(shape(rows), dtype=outer.spec.dtype)[1:]], 0))
