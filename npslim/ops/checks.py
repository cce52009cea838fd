"""Checks of values as nodes: each raises InvalidArgumentError in a run unless it holds, and at once where it is known.

Each takes `data` (tensors or strings) and `message` for its error, and returns the node; a control dependency on it
keeps what follows from running.
"""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.ops.debug import Assert, summary
from npslim.ops.functions import abs as absolute
from npslim.ops.logic import equal, greater, greater_equal, less, less_equal, not_equal
from npslim.ops.reduce import reduce_all, reduce_any
from npslim.ops.shape import rank
from npslim.ops.state import no_op
from npslim.scopes import name_scope
from npslim.spec import show_shape


def _check(name, default_name, statement, compare, tensors, data, summarize, message):
    """The node that the comparison `compare`, of the tensors or with 0, is true of all elements."""
    with name_scope(name, default_name, tensors):
        operands = [as_tensor(tensors[0])]
        operands += [as_tensor(t, operands[0].dtype) for t in tensors[1:]]
        zero = [0] if len(operands) == 1 else []
        letters = "xy"[: len(operands)]
        names = [f"{letter} ({x.name}) = " for letter, x in zip(letters, operands, strict=True)]
        known = [constant_value(x) for x in operands]
        if all(v is not None for v in known) and not np.all(getattr(np, compare.name)(*known, *zero)):
            shown = [f"{label}{summary(v, 8)}" for label, v in zip(names, known, strict=True)]
            raise InvalidArgumentError(
                message or f"{default_name}: {statement} did not hold element-wise.", expected=statement,
                made_at=user_line(), got=", ".join(shown),
            )  # fmt: skip
        if data is None:
            said = [message] if message else []
            data = [*said, f"Condition {statement} did not hold element-wise:"]
            data += [part for label, x in zip(names, operands, strict=True) for part in (label, x)]
        return Assert(reduce_all(compare(*operands, *zero)), data, summarize=summarize)


def assert_equal(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x == y, element by element, with broadcasting."""
    return _check(name, "assert_equal", "x == y", equal, [x, y], data, summarize, message)


def assert_none_equal(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x != y for every element."""
    return _check(name, "assert_none_equal", "x != y", not_equal, [x, y], data, summarize, message)


def assert_less(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x < y for every element."""
    return _check(name, "assert_less", "x < y", less, [x, y], data, summarize, message)


def assert_less_equal(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x <= y for every element."""
    return _check(name, "assert_less_equal", "x <= y", less_equal, [x, y], data, summarize, message)


def assert_greater(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x > y for every element."""
    return _check(name, "assert_greater", "x > y", greater, [x, y], data, summarize, message)


def assert_greater_equal(x, y, data=None, summarize=None, message=None, name=None):
    """A check that x >= y for every element."""
    return _check(name, "assert_greater_equal", "x >= y", greater_equal, [x, y], data, summarize, message)


def assert_positive(x, data=None, summarize=None, message=None, name=None):
    """A check that x > 0 for every element."""
    return _check(name, "assert_positive", "x > 0", greater, [x], data, summarize, message)


def assert_negative(x, data=None, summarize=None, message=None, name=None):
    """A check that x < 0 for every element."""
    return _check(name, "assert_negative", "x < 0", less, [x], data, summarize, message)


def assert_non_negative(x, data=None, summarize=None, message=None, name=None):
    """A check that x >= 0 for every element."""
    return _check(name, "assert_non_negative", "x >= 0", greater_equal, [x], data, summarize, message)


def assert_non_positive(x, data=None, summarize=None, message=None, name=None):
    """A check that x <= 0 for every element."""
    return _check(name, "assert_non_positive", "x <= 0", less_equal, [x], data, summarize, message)


def assert_rank(x, rank, data=None, summarize=None, message=None, name=None):
    """A check that `x` has the rank `rank`, an integer. Raises ValueError at once where the rank is known."""
    return _check_rank("assert_rank", "==", x, rank, data, summarize, message, name)


def assert_rank_at_least(x, rank, data=None, summarize=None, message=None, name=None):
    """A check that `x` has at least the rank `rank`, an integer. Raises ValueError at once where it is known."""
    return _check_rank("assert_rank_at_least", ">=", x, rank, data, summarize, message, name)


def _check_rank(default_name, relation, x, wanted, data, summarize, message, name):
    with name_scope(name, default_name, [x]):
        x = as_tensor(x)
        found = x.spec.rank
        if found is not None:
            if found == wanted or (relation == ">=" and found > wanted):
                return no_op(name="static_checks_determined_all_ok")
            raise ShapeError(
                message or f"{default_name}: {x.name} has another rank.", expected=f"rank {relation} {wanted}",
                got=show_shape(x.spec.shape), made_at=user_line(),
            )  # fmt: skip
        holds = (greater_equal if relation == ">=" else equal)(rank(x), wanted)
        said = [message] if message else []
        return Assert(holds, data or [*said, f"The rank must be {relation} {wanted}."], summarize=summarize)


def assert_type(tensor, tf_type, message=None, name=None):
    """A node that does nothing. Raises TypeError at once unless `tensor` has the dtype `tf_type`."""
    with name_scope(name, "assert_type", [tensor]):
        tensor = as_tensor(tensor)
        if tensor.dtype.base_dtype != tf_type:
            raise ArgumentTypeError(
                message or f"{tensor.name} has another dtype.", expected=tf_type, got=tensor.dtype, made_at=user_line()
            )
        return no_op(name="statically_determined_correct_type")


def assert_rank_in(x, ranks, data=None, summarize=None, message=None, name=None):
    """A check that `x` has one of the ranks. Raises ValueError at once where the rank is known."""
    with name_scope(name, "assert_rank_in", [x]):
        x = as_tensor(x)
        wanted = sorted({int(r) for r in ranks})
        if x.spec.rank in wanted:
            return no_op(name="static_checks_determined_all_ok")
        if x.spec.rank is not None:
            raise ShapeError(
                message or f"assert_rank_in: {x.name} has another rank.", expected=f"a rank of {wanted}",
                got=show_shape(x.spec.shape), made_at=user_line(),
            )  # fmt: skip
        said = [message] if message else []
        holds = reduce_any(equal(rank(x), np.array(wanted, np.int32)))
        return Assert(holds, data or [*said, f"The rank must be one of {wanted}."], summarize=summarize)


def assert_scalar(tensor, name=None, message=None):
    """`tensor`. Raises ValueError unless it is known to be a scalar."""
    tensor = as_tensor(tensor)
    if tensor.spec.shape != ():
        raise ShapeError(
            message or f"{tensor.name} is no scalar.", expected="[]", got=show_shape(tensor.spec.shape),
            made_at=user_line(),
        )  # fmt: skip
    return tensor


def assert_integer(x, message=None, name=None):
    """A node that does nothing. Raises TypeError at once unless `x` is of an integer dtype."""
    with name_scope(name, "assert_integer", [x]):
        x = as_tensor(x)
        if not x.dtype.is_integer:
            raise ArgumentTypeError(
                message or f"{x.name} is not of an integer dtype.", expected="an integer", got=x.dtype,
                made_at=user_line(),
            )  # fmt: skip
        return no_op(name="statically_determined_was_integer")


def assert_near(x, y, rtol=None, atol=None, data=None, summarize=None, message=None, name=None):
    """A check that |x - y| <= atol + rtol * |y| for every element; both are 10 times the dtype's eps unless given."""
    x = as_tensor(x)
    y = as_tensor(y, x.spec.dtype)
    eps = 10 * np.finfo(x.spec.dtype).eps
    rtol, atol = (as_tensor(eps if v is None else v, x.spec.dtype) for v in (rtol, atol))

    beyond = absolute(x - y) - (atol + rtol * absolute(y))
    said = data or [*([message] if message else []), "x and y are not near:", x, y]
    return _check(name, "assert_near", "|x - y| <= atol + rtol * |y|", less_equal, [beyond], said, summarize, message)
