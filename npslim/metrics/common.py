"""What all metrics share: their variables, their operands, and the pair (value, update) that they return."""

import contextlib
import contextvars

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype, float32, float64
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.accumulate import accumulate, sum_with_rest
from npslim.ops.elementwise import multiply
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import expand_dims, ones_like, squeeze, zeros_like
from npslim.spec import compatible, show_shape
from npslim.variables import Variable

_counting: contextvars.ContextVar = contextvars.ContextVar("counting", default=float64)

EPSILON = 1e-7


@contextlib.contextmanager
def counting(compat=None):
    """Metrics made inside count as TensorFlow's do if `compat` is "tf": in float32, which stops at 2**24.

    Otherwise, and by default, counts and sums are float64 and lose nothing to rounding: see `npslim.ops.accumulate`.
    Raises ValueError for another `compat`.
    """
    if compat not in (None, "tf"):
        raise InvalidArgumentError("Unknown way to count.", expected="None or 'tf'", got=compat)
    token = _counting.set(float32 if compat == "tf" else float64)
    try:
        yield
    finally:
        _counting.reset(token)


def counter_dtype():
    """The dtype that counters have here."""
    return _counting.get()


def metric_variable(shape, dtype, name, merge="sum"):
    """A local variable of a metric, zero at first, in LOCAL_VARIABLES and METRIC_VARIABLES.

    merge: how two states of it become one; see `npslim.metrics.merge_states`.
    """
    variable = Variable(
        np.zeros(shape, as_dtype(dtype).dtype), trainable=False, name=name,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
    )  # fmt: skip
    get_default_graph().extras.setdefault("metric_merges", {})[variable.op.name] = merge
    return variable


def counter(shape, name, merge="sum"):
    """A metric variable that counts or sums."""
    return metric_variable(shape, counter_dtype(), name, merge)


def as_count(x):
    """`x` in the counters' dtype."""
    return cast(as_tensor(x), dtype=counter_dtype().dtype)


def pair(compute, variables, additions, metrics_collections, updates_collections):
    """(value, update): `compute` of the variables' values, before and after `additions` are added to them.

    additions: tensors, or what `added_up` gives. Both results go to the collections given.
    """
    value = compute("value", *(as_tensor(v) for v in variables))
    added = [add_to(v, a) for v, a in zip(variables, additions, strict=True)]
    with control_dependencies(added):
        update = compute("update_op", *(v.read_value() for v in variables))
    return collected(value, update, metrics_collections, updates_collections)


def added_up(x, axis=None):
    """The sum of a batch over `axis`, with what rounding left out of it: for `pair` and `add_to`."""
    x = as_tensor(x)
    return sum_with_rest(x, axis=axis) if _is_kept_exact(x) else reduce_sum(x, axis=axis)


def add_to(variable, addition):
    """What adds to a metric variable and gives the sum: nothing is lost, unless `counting` says so."""
    if isinstance(addition, tuple):
        return accumulate(variable, *addition)
    addition = as_tensor(addition)
    if _is_kept_exact(addition):
        return accumulate(variable, addition, zeros_like(addition))
    return variable.assign_add(addition)


def _is_kept_exact(x):
    return x.dtype == float64 and counter_dtype() == float64


def collected(value, update, metrics_collections, updates_collections):
    """Both, once they are in their collections."""
    graph = get_default_graph()
    graph.add_to_collections(metrics_collections or (), value)
    graph.add_to_collections(updates_collections or (), update)
    return value, update


def operands(name, predictions, labels, weights=None):
    """(predictions, labels, weights) in one shape; weights are counts, ones if None.

    One of the first two may have a last dimension of 1 besides. Raises ShapeError where they do not fit.
    """
    predictions, labels = without_last_one(as_tensor(predictions), as_tensor(labels))
    if not compatible(predictions.spec.shape, labels.spec.shape):
        raise ShapeError(
            f"{name}: the predictions and the labels have different shapes.", expected=show_shape(labels.spec.shape),
            got=show_shape(predictions.spec.shape), made_at=user_line(),
        )  # fmt: skip
    return predictions, labels, broadcast_weights(weights, predictions)


def broadcast_weights(weights, values):
    """`weights` as counts in the shape of `values`; ones if None. Raises ShapeError where they do not broadcast."""
    ones = as_count(ones_like(values, dtype=counter_dtype().dtype))
    if weights is None:
        return ones
    weights = as_count(weights)
    a, b = values.spec.shape, weights.spec.shape
    if a is not None and b is not None:
        if b and len(a) == len(b) + 1:
            weights = expand_dims(weights, axis=-1)
        elif len(b) == len(a) + 1 and b[-1] == 1:
            weights = squeeze(weights, axis=[-1])
        b = weights.spec.shape
        if b and (len(a) != len(b) or not all(w == 1 or compatible((w,), (v,)) for v, w in zip(a, b, strict=True))):
            raise ShapeError(
                "The weights do not broadcast to the values.", expected=f"a scalar, or as {show_shape(a)}",
                got=show_shape(b), made_at=user_line(),
            )  # fmt: skip
    return multiply(weights, ones)


def without_last_one(predictions, labels):
    """Both, without a last dimension of 1 that only one of them has."""
    a, b = predictions.spec, labels.spec
    if a.rank is not None and b.rank is not None:
        if a.rank == b.rank + 1 and a.shape[-1] == 1:
            predictions = squeeze(predictions, axis=[-1])
        elif b.rank == a.rank + 1 and b.shape[-1] == 1:
            labels = squeeze(labels, axis=[-1])
    return predictions, labels


def check_k(k):
    """`k`. Raises InvalidArgumentError below 1."""
    if k < 1:
        raise InvalidArgumentError("k must be at least 1.", expected="k >= 1", got=k, made_at=user_line())
    return k
