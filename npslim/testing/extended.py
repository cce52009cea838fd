"""Kernels in extended precision, and the sums of |terms| that tolerances are made of.

What golden cases are computed with is NumPy's long double: 64 bits or more instead of 53 (where the platform has no
more than double, this is double). No BLAS library knows it, so products go through NumPy's own loops, which add in
one order whatever the CPU, the number of threads or the BLAS kernel. Nothing is rounded between nodes, a cast to a
narrower floating type included. `Session(kernels="extended")` runs it once this module is imported.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim import plan
from npslim.run import Run

WIDE, WIDE_COMPLEX = np.longdouble, np.clongdouble
IN_DOUBLE = ("erf", "erfc", "lgamma", "digamma", "polygamma", "medoids")  # SciPy knows no long double
OF_LAPACK = ("npslim.ops.algebra",)  # and so LAPACK
_STEP = 1e-6  # of differences that tell how an op carries errors on; two digits are enough


def extended(kernel, node):
    """The kernel on long doubles; what it returns is not rounded."""
    op = node.op
    if op.refs:
        return kernel
    if op.name == "cast" and node.inputs[0].spec.dtype.kind == node.outputs[0].spec.dtype.kind == "f":
        return widened
    if op.name == "orthonormal":
        return orthonormal
    into = narrowed if op.name in IN_DOUBLE or op.kernel.__module__ in OF_LAPACK else widened

    def on_wide(*inputs, **context):
        result = kernel(*(into(x) for x in inputs), **context)
        if isinstance(result, tuple | list):
            return tuple(widened(y) for y in result)
        return widened(result)

    on_wide.label = "extended"
    return on_wide


plan.KERNELS["extended"] = extended


def widened(x):
    """`x` as an array of long doubles, if it is floating or complex."""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return x.astype(WIDE, copy=False) if kind == "f" else x.astype(WIDE_COMPLEX, copy=False) if kind == "c" else x


def narrowed(x):
    """`x` as an array of doubles, if it is floating."""
    return x.astype(np.float64) if getattr(getattr(x, "dtype", None), "kind", "") == "f" else x


def orthonormal(x):
    """Gram and Schmidt's method, twice, in place of LAPACK's."""
    columns = []
    for column in widened(x).T:
        for _ in range(2):
            for other in columns:
                column = column - other * (other * column).sum()
        columns.append(column / np.sqrt((column * column).sum()))
    return np.array(columns, WIDE).T.reshape(x.shape)


# ---- the sum of |terms| of every element
#
# An op's own rounding is counted as its sum of |terms|: |x| . |w| for a product, |y| for a function of one element.
# What its inputs already carry, it carries on by its derivatives. So a result's figure, times eps, is what rounding in
# every node can do to it, whatever the order of additions.

# Move numbers, and round nothing.
MOVES = frozenset(
    """
    identity identity_n reshape reshape_like stop_gradient transpose expand_dims squeeze concat slice_like stack unpack
    split_evenly split_by_sizes tile tile_like reverse reverse_by_lengths depth_to_space space_to_depth shift
    space_to_batch_nd batch_to_space_nd pad_by gather put_along_last take_along_last gather_nd rows_or_zero slice
    slice_grad slice_as strided_slice_by strided_slice_grad to_dense matrix_diag matrix_diag_part diag_like diag
    diag_part take_several_along_last dynamic_stitch resize_nearest_neighbor placeholder_with_default check_numerics
    spread broadcast_like spread_over fill where where_v2 merge_sides pass_if cast
    """.split()
)
# Sums with coefficients >= 0 of products of their floating inputs: |terms| are what the kernel makes of |inputs|.
SUMS = frozenset(
    """
    add add_n multiply matmul tensordot einsum bias_add bias_add_grad recurrence
    conv2d conv2d_backprop_input conv2d_backprop_filter conv3d conv3d_backprop_input conv3d_backprop_filter
    depthwise_conv2d_native depthwise_conv2d_native_backprop_input depthwise_conv2d_native_backprop_filter
    conv2d_transpose conv3d_transpose avg_pool2d avg_pool2d_grad avg_pool3d avg_pool3d_grad reduce_sum
    reduce_mean mean_share sum_to sum_over cumsum sum_of_near sum_of_tiles unpad dense scatter_nd scatter_nd_like
    unsorted_segment_sum segment_sum_like sum_along_last resize_bilinear resize_bilinear_grad
    resize_nearest_neighbor_grad resize_area resize_area_grad
    """.split()
)
# Choose among their first input's elements; their last input, if there is another one, they add up.
CHOICES = frozenset(
    f"max_pool{d}{part}" for d in ("2d", "3d") for part in ("", "_grad", "_grad_grad")
) | {"reduce_max", "reduce_min", "max_pool_with_argmax", "unsorted_segment_max", "unsorted_segment_min"}  # fmt: skip
# Functions of one element each: how they carry errors on is one difference, taken for all elements at once.
OF_ELEMENTS = frozenset(
    f"npslim.ops.{name}"
    for name in ("elementwise", "functions", "trigonometry", "special", "activation", "quotients", "logic")
)


@dataclass
class Measured:
    """Values of tensors, as long doubles where they are floating, and the sums of |terms| of their elements."""

    values: list
    terms: list


def measured(session, fetches, feeds):
    """Run `fetches` on extended kernels, node by node, with the sums of |terms|. Returns `Measured`."""
    steps = session.plan(tuple(dict.fromkeys(fetches)), tuple(feeds))
    values = [None] * steps.size
    terms = [None] * steps.size
    run = Run(session)
    for tensor, value in feeds.items():
        values[steps.slots[tensor]] = widened(value)
    with np.errstate(all="ignore"):
        for step in steps.steps:
            context = {"run": run, "node": step.node}
            kernel = functools.partial(step.kernel, **{k: v for k, v in context.items() if k in step.context})
            inputs = [values[slot] for slot in step.inputs]
            result = kernel(*inputs)
            result = (result,) if len(step.outputs) == 1 and not isinstance(result, tuple | list) else result or ()
            found = terms_of(step.node.op, kernel, inputs, [terms[slot] for slot in step.inputs], result)
            for slot, value, own in zip(step.outputs, result, found, strict=True):
                values[slot], terms[slot] = value, own
    places = [steps.slots[f] for f in fetches]
    return Measured([values[i] for i in places], [_at_least(terms[i], values[i]) for i in places])


def terms_of(op, kernel, inputs, carried, result):
    """The sums of |terms| of each output, from the inputs and what they carry (None: they are exact)."""
    if op.stateful or not any(_floating(y) for y in result):
        return [None] * len(result)
    if op.name == "constant":  # what float32 holds is exact
        return [None if (y.astype(np.float32) == y).all() else np.abs(y) for y in result]
    if op.name in SUMS or op.name in MOVES:
        return _of_sums(op, kernel, inputs, carried, result)
    if op.dynamic or not (op.vjp_rule or op.name == "orthonormal"):
        return [np.abs(y) if _floating(y) else None for y in result]  # it moves numbers, or counts
    if op.name in CHOICES and carried[0] is None:
        last = len(inputs) - 1 if _floating(inputs[-1]) else 0
        found = [np.abs(y) for y in result] if last == 0 else _tuple(kernel(inputs[0], np.abs(inputs[1])))
        found = [y if _floating(y) else None for y in found]
        if carried[last] is not None:
            found[0] = found[0] + np.abs(kernel(inputs[0], carried[last]))
        return found
    if op.kernel.__module__ in OF_ELEMENTS:
        return _of_elements(op, kernel, inputs, carried, result[0])
    return _by_columns(op, kernel, inputs, carried, result)


def _of_sums(op, kernel, inputs, carried, result):
    """Linear in each input: the kernel itself tells |terms|, and how an input's errors go on."""
    if op.name in MOVES or (op.name == "sum_to" and result[0].shape == inputs[0].shape):
        if all(e is None for e in carried):
            return [None] * len(result)
        found = [np.zeros_like(np.abs(y)) for y in result]
    else:
        found = [np.abs(y) for y in _tuple(kernel(*(np.abs(x) if _floating(x) else x for x in inputs)))]
    for i, e in enumerate(carried):
        if e is not None and op.parameter(i) not in op.shape_only:
            parts = [np.abs(x) if _floating(x) else x for x in inputs]
            zero = [np.zeros_like(e) if j == i else x for j, x in enumerate(parts)]
            parts[i] = e
            pairs = zip(found, _tuple(kernel(*parts)), _tuple(kernel(*zero)), strict=True)
            found = [a + np.abs(b - c) for a, b, c in pairs]
    return found


def _of_elements(op, kernel, inputs, carried, y):
    """A function of single elements rounds its result; a difference also what it subtracts."""
    own: Any = np.abs(y)
    if op.name == "subtract":
        own = np.abs(inputs[0]) + np.abs(inputs[1])
    elif op.name == "squared_difference":
        own = np.maximum(own, 2 * np.sqrt(own) * (np.abs(inputs[0]) + np.abs(inputs[1])))
    for i, e in enumerate(carried):
        if e is not None:
            (slope,) = _slope(kernel, inputs, i, _step_of(inputs[i]))
            own = own + _known(np.abs(np.asarray(slope)) * e)
    return [own]


def _by_columns(op, kernel, inputs, carried, result):
    """|y| + the sum over all elements of all inputs of |dy/dx| (|x| + what x carries)."""
    found: Any = [np.abs(y) if _floating(y) else None for y in result]
    for i, x in enumerate(inputs):
        if not _floating(x) or op.parameter(i) in op.shape_only:
            continue
        weights = np.abs(x) if carried[i] is None else np.abs(x) + carried[i]
        if op.name == "orthonormal":  # reflections mix the elements of a column before they cancel
            weights = np.broadcast_to(weights.max(initial=0), x.shape)
        step = _step_of(x)
        for place in np.ndindex(x.shape):
            if weights[place] == 0:
                continue
            only = np.zeros_like(x)
            only[place] = step[place]
            for k, slope in enumerate(_slope(kernel, inputs, i, only, step[place])):
                if slope is not None:
                    found[k] = found[k] + _known(np.abs(slope) * weights[place])
    return found


def _slope(kernel, inputs, i, step, by=None):
    """The derivatives of the outputs along `step` of input `i`, by two points. None for outputs that do not float."""
    there = _tuple(kernel(*(x + step if j == i else x for j, x in enumerate(inputs))))
    back = _tuple(kernel(*(x - step if j == i else x for j, x in enumerate(inputs))))
    by = step if by is None else by
    return [(a - b) / (2 * by) if _floating(a) else None for a, b in zip(there, back, strict=True)]


def _step_of(x):
    return np.asarray(_STEP * np.maximum(np.abs(x), 1), WIDE)


def _known(x):
    return np.where(np.isnan(x), 0, x)


def _floating(x):
    return getattr(getattr(x, "dtype", None), "kind", "") in "fc" and hasattr(x, "shape")


def _tuple(result):
    return tuple(result) if isinstance(result, tuple | list) else (result,)


def _at_least(terms, value):
    """A result counts as one term, at least."""
    if not _floating(value):
        return None
    return np.abs(value) if terms is None else np.maximum(terms, np.abs(value))
