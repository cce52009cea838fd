"""Penalties on weights: each regularizer is `f(weights)` and gives a scalar, or None where there is nothing to add."""

import numbers
from collections.abc import Iterable

from npslim.arguments import check_function
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.elementwise import add_n, multiply
from npslim.ops.functions import abs as absolute
from npslim.ops.reduce import reduce_sum
from npslim.ops.softmax import l2_loss
from npslim.scopes import name_scope


def _check_scale(scale, name):
    if isinstance(scale, numbers.Integral):
        raise ArgumentTypeError(f"{name}: the scale is a float.", expected="a float", got=repr(scale))
    if isinstance(scale, numbers.Real) and scale < 0.0:
        raise InvalidArgumentError(f"{name}: the scale cannot be negative.", expected="scale >= 0", got=scale)


def l1_regularizer(scale, scope=None):
    """`scale * sum(|weights|)`; no penalty at all for 0.0. Raises ValueError if negative or an integer."""
    _check_scale(scale, "l1_regularizer")
    if scale == 0.0:
        return lambda _: None

    def l1(weights, name=None):
        with name_scope(scope, "l1_regularizer", [weights]) as inner:
            weights = as_tensor(weights)
            return multiply(as_tensor(scale, weights.spec.dtype, "scale"), reduce_sum(absolute(weights)), name=inner)

    return l1


def l2_regularizer(scale, scope=None):
    """`scale * sum(weights ** 2) / 2`; no penalty at all for 0.0. Raises ValueError if negative or an integer."""
    _check_scale(scale, "l2_regularizer")
    if scale == 0.0:
        return lambda _: None

    def l2(weights):
        with name_scope(scope, "l2_regularizer", [weights]) as inner:
            weights = as_tensor(weights)
            return multiply(as_tensor(scale, weights.spec.dtype, "scale"), l2_loss(weights), name=inner)

    return l2


def l1_l2_regularizer(scale_l1=1.0, scale_l2=1.0, scope=None):
    """The sum of an L1 and an L2 penalty. Raises ValueError if a scale is negative or an integer."""
    _check_scale(scale_l1, "l1_l2_regularizer")
    _check_scale(scale_l2, "l1_l2_regularizer")
    scope = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, scope)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, scope)
    return sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope=scope)


def sum_regularizer(regularizer_list, scope=None):
    """The sum of several regularizers (None among them is left out); None if there is nothing to sum."""
    if not isinstance(regularizer_list, Iterable):
        raise ArgumentTypeError("sum_regularizer takes a list.", expected="regularizers", got=repr(regularizer_list))
    regularizers = [r for r in regularizer_list if r is not None]
    if not regularizers:
        return None

    def total(weights):
        with name_scope(scope, "sum_regularizer", [weights]) as inner:
            penalties = [p for p in (r(weights) for r in regularizers) if p is not None]
            return add_n(*penalties, name=inner) if penalties else None

    return total


def apply_regularization(regularizer, weights_list=None):
    """The sum of `regularizer` over `weights_list` (the collection WEIGHTS unless given).

    Each penalty goes to REGULARIZATION_LOSSES. Raises ValueError without weights, or for a penalty that is no scalar.
    """
    graph = get_default_graph()
    check_function(regularizer, "regularizer")
    if weights_list is not None and not isinstance(weights_list, Iterable):
        raise ArgumentTypeError("apply_regularization takes a list.", expected="weights", got=repr(weights_list))
    weights_list = graph.get_collection(GraphKeys.WEIGHTS) if weights_list is None else list(weights_list)
    if not weights_list:
        raise InvalidArgumentError("No weights to regularize.", expected="at least one", got="none")
    with name_scope("get_regularization_penalty", values=weights_list) as scope:
        penalties = [regularizer(w) for w in weights_list]
        penalties = [p if p is not None else as_tensor(0.0) for p in penalties]
        for w, p in zip(weights_list, penalties, strict=True):
            if p.spec.shape != ():
                raise InvalidArgumentError(
                    "The regularizer must return a scalar.", expected="shape []", got=f"{p.spec} for {w.name}"
                )
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, p)
        return add_n(*penalties, name=scope)
