"""Ops that read and write a session's state, ops that only order others, and placeholders.

A variable's node gives its cell (see `session.Cell`), `read` the cell's value, `assign` puts a new array there: arrays
themselves are never written to, so a value that was read stays what it was.
"""

import numpy as np

from npslim.backend import array_module, to_host
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DTypeError, InvalidArgumentError, OutOfRangeError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.indexed_slices import IndexedSlices
from npslim.op import op
from npslim.ops.shape import identity
from npslim.spec import Spec, as_shape, compatible, merge, show_shape


@op(type="Placeholder", differentiable=False, stateful=True)
def placeholder(*, dtype, shape=None, node=None):
    """A tensor whose value is fed: any value of `dtype` that fits `shape` (None: any shape, or any size).

    A run that needs it and does not feed it raises InvalidArgumentError.
    """
    raise InvalidArgumentError(
        f"You must feed a value for placeholder {node.name!r}.",
        expected=str(node.outputs[0].spec), got="nothing", hint=f"session.run(..., feed_dict={{{node.name!r}: value}})",
    )  # fmt: skip


@placeholder.shape
def _(*, dtype, shape):
    return Spec(as_shape(shape), numpy_dtype(dtype))


@op(type="PlaceholderWithDefault", stateful=True)
def placeholder_with_default(input, *, shape):
    """`input`, unless another value of `shape` (None: any shape, or any size) is fed."""
    return input


@placeholder_with_default.shape
def _(input, *, shape):
    merge(input.shape, as_shape(shape))  # refuses a default that does not fit
    return Spec(as_shape(shape), input.dtype)


@placeholder_with_default.vjp
def _(g, y, input):
    return g


@op(type="VariableV2", stateful=True, differentiable=False)
def variable(*, shape, dtype, run=None, node=None):
    """The state of a variable: its cell."""
    return run.cell(node.name)


@variable.shape
def _(*, shape, dtype):
    return Spec(as_shape(shape), numpy_dtype(dtype))


@op(type="Identity", refs=("ref",), only_reads=True, stateful=True)
def read(ref):
    """The value of a variable. Raises FailedPreconditionError before it is initialized."""
    return ref.initialized()


@read.shape
def _(ref):
    return Spec(ref.shape, ref.dtype)


# ---- assignments


def like_ref(ref, value):
    """The shape rule of updates with a whole value: like the variable. Raises ShapeError and DTypeError."""
    if value.dtype != ref.dtype:
        expected, got = as_dtype(ref.dtype).name, as_dtype(value.dtype).name
        raise DTypeError("The value has another dtype than the variable.", expected=expected, got=got)
    if not compatible(ref.shape, value.shape):
        expected, got = show_shape(ref.shape), show_shape(value.shape)
        raise ShapeError("The value has another shape than the variable.", expected=expected, got=got)
    return Spec(ref.shape, ref.dtype)


@op(type="Assign", refs=("ref",), alike=("ref", "value"), stateful=True)
def assign(ref, value, *, validate_shape=True, node=None):
    """Make `value` the variable's value; returns it. validate_shape=False allows any shape."""
    if validate_shape and not compatible(value.shape, node.inputs[0].spec.shape):
        raise _wrong_shape(ref, node.inputs[0].spec.shape, value)
    with ref.lock:
        ref.value = array_module(value).array(value)
        return ref.value


@assign.shape
def _(ref, value, *, validate_shape):
    return like_ref(ref, value) if validate_shape else Spec(value.shape, like_ref(ref.with_shape(None), value).dtype)


def _wrong_shape(ref, expected, value):
    expected, got = show_shape(expected), show_shape(value.shape)
    return ShapeError(f"The value has another shape than the variable {ref.name}.", expected=expected, got=got)


def _of_shape(ref, value):
    """The variable's value, which `value` is to be combined with. Raises ShapeError if their shapes differ."""
    current = ref.initialized()
    if current.shape != value.shape:
        raise _wrong_shape(ref, current.shape, value)
    return current


@op(type="AssignAdd", refs=("ref",), alike=("ref", "value"), stateful=True)
def assign_add(ref, value):
    """Add `value` to the variable; returns the sum."""
    with ref.lock:
        ref.value = _of_shape(ref, value) + value
        return ref.value


assign_add.shape(like_ref)


@op(type="AssignSub", refs=("ref",), alike=("ref", "value"), stateful=True)
def assign_sub(ref, value):
    """Subtract `value` from the variable; returns the difference."""
    with ref.lock:
        ref.value = _of_shape(ref, value) - value
        return ref.value


assign_sub.shape(like_ref)


# ---- updates of rows


def rows_of_ref(ref, indices, updates):
    """The shape rule of updates of rows: like the variable. Raises ShapeError and DTypeError."""
    if indices.dtype.kind not in "iu":
        raise DTypeError("The indices are not integers.", expected="an integer dtype", got=as_dtype(indices.dtype).name)
    if None not in (ref.shape, indices.shape, updates.shape):
        expected = indices.shape + ref.shape[1:]
        if updates.shape != () and not compatible(expected, updates.shape):
            raise ShapeError("The updates do not fit.", expected=show_shape(expected), got=show_shape(updates.shape))
    return Spec(ref.shape, ref.dtype)


def _scatter(name, doc, combine):
    """An op that combines rows of a variable with updates, one after the other where an index repeats."""

    def kernel(ref, indices, updates):
        with ref.lock:
            value = ref.initialized().copy()
            _check_rows(indices, value.shape[0])
            updates = array_module(value).broadcast_to(updates, indices.shape + value.shape[1:])
            combine(value, indices.reshape(-1), updates.reshape(-1, *value.shape[1:]))
            ref.value = value
            return value

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, refs=("ref",), alike=("ref", "updates"), stateful=True)
    made.shape(rows_of_ref)
    return made


def _check_rows(indices, rows):
    """Raises InvalidArgumentError for an index outside the rows."""
    outside = (indices < 0) | (indices >= rows)
    if outside.any():
        place = int(outside.reshape(-1).argmax())
        raise InvalidArgumentError(
            "An index is out of range.", expected=f"0 <= index < {rows}",
            got=f"indices[{place}] = {indices.reshape(-1)[place]}",
        )  # fmt: skip


def _row_by_row(combine):
    def rows(value, indices, updates):
        for i, update in zip(to_host(indices), updates, strict=True):
            value[i] = combine(value[i], update)

    return rows


def _add_rows(value, indices, updates):
    array_module(value).add.at(value, indices, updates)


scatter_update = _scatter("scatter_update", "Set the rows `indices` to `updates`.", _row_by_row(lambda v, u: u))
scatter_add = _scatter("scatter_add", "Add `updates` to the rows `indices`.", _add_rows)
scatter_sub = _scatter(
    "scatter_sub", "Subtract `updates` from the rows `indices`.", lambda v, i, u: _add_rows(v, i, -u)
)
scatter_mul = _scatter("scatter_mul", "Multiply the rows `indices` by `updates`.", _row_by_row(lambda v, u: v * u))
scatter_div = _scatter(
    "scatter_div",
    "Divide the rows `indices` by `updates`; integers are rounded towards zero.",
    _row_by_row(lambda v, u: array_module(v).trunc(v / u).astype(v.dtype) if v.dtype.kind in "iu" else v / u),
)
scatter_min = _scatter(
    "scatter_min",
    "Set the rows `indices` to the smaller of themselves and `updates`.",
    _row_by_row(lambda v, u: array_module(v).minimum(v, u)),
)
scatter_max = _scatter(
    "scatter_max",
    "Set the rows `indices` to the larger of themselves and `updates`.",
    _row_by_row(lambda v, u: array_module(v).maximum(v, u)),
)


@op(type="IsVariableInitialized", refs=("ref",), only_reads=True, stateful=True, differentiable=False)
def is_variable_initialized(ref):
    """Whether the variable has a value."""
    return np.array(ref.value is not None)


@is_variable_initialized.shape
def _(ref):
    return Spec((), np.dtype(bool))


@op(type="CountUpTo", refs=("ref",), stateful=True, differentiable=False)
def count_up_to(ref, *, limit):
    """Add one to the variable and return what it was; raises OutOfRangeError at the limit."""
    with ref.lock:
        before = ref.initialized()
        if before >= limit:
            raise OutOfRangeError(f"{ref.name} reached the limit of {limit}.", expected=f"< {limit}", got=before)
        ref.value = before + before.dtype.type(1)
        return before


@count_up_to.shape
def _(ref, *, limit):
    return Spec(ref.shape, ref.dtype)


@op(refs=("refs",), only_reads=True, stateful=True, differentiable=False)
def uninitialized(*refs):
    """The names of those of the variables that have no value: `[n]` strings."""
    return np.array([ref.name.encode() for ref in refs if ref.value is None], object)


@uninitialized.shape
def _(*refs):
    return Spec((None,), np.dtype(object))


def uninitialized_names(*variables, name=None):
    """`uninitialized`, which may also be asked of no variable at all."""
    return uninitialized(*variables, name=name) if variables else as_tensor(np.array([], object), name=name)


# ---- order


@op(alike=(), exact=True, holomorphic=True, reference=lambda *input: tuple(x.copy() for x in input))
def identity_n(*input):
    """All inputs as they are, once all of them are computed."""
    return input


@identity_n.shape
def _(*input):
    return tuple(Spec(x.shape, x.dtype) for x in input)


@identity_n.vjp
def _(gs, ys, *input):
    return [gs] if len(input) == 1 else list(gs)


identity_n.cases(
    lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(0, 2))), lambda rng: (rng.normal(size=2), np.array([1, 2]))
)


@op(type="NoOp", stateful=True)
def no_op():
    """Nothing; what its control inputs do, it waits for."""
    return None


@no_op.shape
def _():
    return ()


def group(*inputs, name=None):
    """A node that runs after all of `inputs` (nodes, tensors, variables, IndexedSlices, or lists of them)."""
    flat = [x for x in _flat(inputs) if x is not None]
    with control_dependencies(flat):
        return no_op(name=name or "group_deps")


def _flat(values):
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value


def tuple_(tensors, name=None, control_inputs=None):
    """The tensors, each of which then waits for all of them and for `control_inputs`. None stays None."""
    gates = [t for t in tensors if t is not None] + list(control_inputs or ())
    with get_default_graph().name_scope(name or "tuple"):
        barrier = group(*gates)
        return [None if t is None else with_dependencies([barrier], t) for t in tensors]


def with_dependencies(dependencies, output_tensor, name=None):
    """`output_tensor`, once `dependencies` have run."""
    with control_dependencies(dependencies):
        if isinstance(output_tensor, IndexedSlices):
            return output_tensor.with_values(identity(output_tensor.values))
        return identity(output_tensor, name=name or "control_dependency")
