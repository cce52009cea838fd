"""How TensorFlow would cut a variable in parts. npslim keeps every variable whole, and says so once.

A partitioner is a function `f(shape, dtype)` that gives the number of parts along each axis; one of them is above 1.
"""

import math
from typing import Any

from npslim.dtypes import as_dtype
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.spec import as_shape


def fixed_size_partitioner(num_shards, axis=0):
    """`num_shards` parts along `axis`."""
    _positive("num_shards", num_shards)
    return lambda shape, **_: _along(shape, axis, num_shards)


def variable_axis_size_partitioner(max_shard_bytes, axis=0, bytes_per_string_element=16, max_shards=None):
    """As many parts along `axis` as make each of at most `max_shard_bytes`, but no more than `max_shards`."""
    _positive("max_shard_bytes", max_shard_bytes)
    if max_shards is not None:
        _positive("max_shards", max_shards)

    def partitioner(shape, dtype, **_):
        sizes: Any = as_shape(shape) or ()
        of_slice = math.prod(sizes) // max(sizes[axis], 1) * _bytes_of(dtype, bytes_per_string_element)
        rows = max(1, max_shard_bytes // max(of_slice, 1))
        return _along(shape, axis, min(math.ceil(sizes[axis] / rows), max_shards or sizes[axis]))

    return partitioner


def min_max_variable_partitioner(max_partitions=1, axis=0, min_slice_size=256 << 10, bytes_per_string_element=16):
    """As many parts along `axis` as leave each at least `min_slice_size` bytes, but no more than `max_partitions`."""
    _positive("max_partitions", max_partitions)
    _positive("min_slice_size", min_slice_size)

    def partitioner(shape, dtype, **_):
        sizes: Any = as_shape(shape) or ()
        whole = math.prod(sizes) * _bytes_of(dtype, bytes_per_string_element)
        return _along(shape, axis, max(1, min(math.ceil(whole / min_slice_size), sizes[axis], max_partitions)))

    return partitioner


def say_that_it_stays_whole(name, partitioner):
    """Log, for the first variable of a graph that has a partitioner, that it is not cut."""
    if partitioner is None or get_default_graph().extras.setdefault("partitioner", name) != name:
        return
    from npslim.logs import logger  # noqa: PLC0415 - logging takes long to import, and little is said

    logger.info("%s has a partitioner. npslim keeps variables whole: in one process there is nothing to share.", name)


def _positive(name, value):
    if value < 1:
        raise InvalidArgumentError(f"{name} must be positive.", expected=">= 1", got=value)


def _bytes_of(dtype, of_string):
    dtype = as_dtype(dtype)
    return of_string if dtype.name == "string" else dtype.size


def _along(shape, axis, parts):
    counts = [1] * len(as_shape(shape) or ())
    counts[axis] = parts
    return counts
