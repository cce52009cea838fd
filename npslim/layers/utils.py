"""Helpers for people who write layers, under TF-Slim's names."""

from typing import Any

from npslim.convert import constant_value as known_value
from npslim.convert import contains_tensor
from npslim.errors import ShapeError
from npslim.layers.common import (
    append_tensor_alias,
    collect_named_outputs,
    collections_for,
    convert_collection_to_dict,
    gather_tensors_aliases,
    get_tensor_aliases,
    n_of,
)
from npslim.ops.cond import cond
from npslim.spec import as_shape, show_shape


def constant_value(value_or_tensor):
    """The value of a bool or a boolean tensor, or None if it is not known while defining."""
    if not contains_tensor(value_or_tensor):
        return value_or_tensor
    known = known_value(value_or_tensor)
    return None if known is None else known[()]


def smart_cond(pred, fn1, fn2, name=None) -> Any:
    """`fn1()` or `fn2()`, chosen while defining if `pred` is known, else a `cond`."""
    value = constant_value(pred)
    if value is None:
        return cond(pred, fn1, fn2, name=name)
    return fn1() if value else fn2()


def first_dimension(shape, min_rank=1):
    """The first size of `shape`. Raises ValueError if it is unknown, or the rank less than `min_rank`."""
    return _dimension(shape, 0, min_rank)


def last_dimension(shape, min_rank=1):
    """The last size of `shape`. Raises ValueError if it is unknown, or the rank less than `min_rank`."""
    return _dimension(shape, -1, min_rank)


def channel_dimension(shape, data_format, min_rank=1):
    """The number of channels of `shape`: its last size, or its second if `data_format` starts with "NC"."""
    return _dimension(shape, 1 if data_format.startswith("NC") else -1, min_rank)


def _dimension(shape, place, min_rank):
    known = as_shape(shape)
    if known is None or len(known) < min_rank or known[place] is None:
        raise ShapeError(
            f"The {'first' if place == 0 else 'second' if place == 1 else 'last'} dimension is needed.",
            expected=f"rank >= {min_rank}, that size known", got=show_shape(known),
        )  # fmt: skip
    return known[place]


def two_element_tuple(int_or_tuple):
    """`(n, n)` for an integer, a pair as it is. Raises ValueError for anything else."""
    return tuple(n_of(int_or_tuple, 2, "int_or_tuple"))


def n_positive_integers(n, value):
    """`n` times an integer, a sequence of `n` integers as it is. Raises ValueError unless all are positive."""
    return tuple(n_of(value, n, "value"))


static_cond = smart_cond
get_variable_collections = collections_for

__all__ = [
    "append_tensor_alias", "channel_dimension", "collect_named_outputs", "constant_value", "convert_collection_to_dict",
    "first_dimension", "gather_tensors_aliases", "get_tensor_aliases", "get_variable_collections", "last_dimension",
    "n_positive_integers", "smart_cond", "static_cond", "two_element_tuple",
]  # fmt: skip
