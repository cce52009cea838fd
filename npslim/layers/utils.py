"""Helpers for people who write layers, under TF-Slim's names."""

from typing import Any

from npslim.layers.common import (
    append_tensor_alias,
    collect_named_outputs,
    collections_for,
    convert_collection_to_dict,
    gather_tensors_aliases,
    get_tensor_aliases,
)
from npslim.op import constant_value as known_value
from npslim.op import contains_tensor
from npslim.ops.control import cond


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


static_cond = smart_cond
get_variable_collections = collections_for

__all__ = [
    "append_tensor_alias", "collect_named_outputs", "constant_value", "convert_collection_to_dict",
    "gather_tensors_aliases", "get_tensor_aliases", "get_variable_collections", "smart_cond", "static_cond",
]  # fmt: skip
