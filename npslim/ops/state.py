"""Ops that read and write a session's state, ops that only order others, and placeholders.

A variable's node gives its cell (see `session.Cell`), `read` the cell's value, `assign` puts a new array there: arrays
themselves are never written to, so a value that was read stays what it was.
"""

import numpy as np

from npslim.errors import FailedPreconditionError, InvalidArgumentError
from npslim.op import op
from npslim.spec import Spec, merge


@op(type="Placeholder", differentiable=False, stateful=True)
def placeholder(*, dtype, shape=None, node=None):
    """A tensor whose value is fed. Raises InvalidArgumentError in a run that does not feed it."""
    raise InvalidArgumentError(
        f"You must feed a value for placeholder {node.name!r}.",
        expected=str(node.outputs[0].spec), got="nothing", hint=f"session.run(..., feed_dict={{{node.name!r}: value}})",
    )  # fmt: skip


@placeholder.shape
def _(*, dtype, shape):
    return Spec(shape, np.dtype(dtype))


@op(type="VariableV2", stateful=True, differentiable=False)
def variable(*, shape, dtype, run=None, node=None):
    """The state of a variable: its cell."""
    return run.cell(node.name)


@variable.shape
def _(*, shape, dtype):
    return Spec(shape, np.dtype(dtype))


@op(type="Identity", refs=("ref",), stateful=True)
def read(ref):
    """The value of a variable. Raises FailedPreconditionError before it is initialized."""
    if ref.value is None:
        raise FailedPreconditionError(
            f"Attempting to use uninitialized value {ref.name}.",
            hint="run global_variables_initializer(), or restore a checkpoint, first",
        )
    return ref.value


@read.shape
def _(ref):
    return Spec(ref.shape, ref.dtype)


@op(type="Assign", refs=("ref",), stateful=True, alike=())
def assign(ref, value, *, validate_shape=True):
    """Make `value` the variable's value; returns it."""
    with ref.lock:
        ref.value = value.copy()
        return ref.value


@assign.shape
def _(ref, value, *, validate_shape):
    return Spec(merge(ref.shape, value.shape) if validate_shape else value.shape, value.dtype)


@op(type="NoOp", stateful=True)
def no_op():
    """Nothing; what its control inputs do, it waits for."""
    return None


@no_op.shape
def _():
    return ()
