"""What a recurrent cell is: one step of a recurrent network, with its variables.

before: variables/sharing.py   next: simple.py
"""

from typing import Any

from npslim.convert import as_tensor, constant_value
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DTypeError, InvalidArgumentError, UnimplementedError
from npslim.layer_objects import Layer
from npslim.nested import mapped
from npslim.ops.create import zeros
from npslim.ops.shape import shape
from npslim.scopes import get_variable_scope, name_scope, variable_scope
from npslim.spec import TensorShape, as_shape


class RNNCell(Layer):
    """One step of a recurrent network. A cell of one's own has `state_size`, `output_size` and
    `call(inputs, state)`, which returns (output, new state) and may make variables by `get_variable`.

    name: the scope of its variables, made unique; that of the class, in lower_case, unless given.
    dtype: of the variables, that of the first inputs unless given. trainable: False keeps them out of training.
    """

    def __init__(self, trainable=True, name=None, dtype=None, _reuse=None, _scope=None):
        super().__init__(trainable, name, dtype, _reuse=_reuse, _scope=_scope)
        check_floating(self._dtype)
        self._entered = None

    # ---- what a subclass says

    @property
    def state_size(self) -> Any:
        """The size of the state, or a nesting of sizes; a TensorShape for a state of higher rank."""
        raise UnimplementedError("A cell needs a state_size.", got=type(self).__name__)

    @property
    def output_size(self) -> Any:
        """The size of the output, or a nesting of sizes."""
        raise UnimplementedError("A cell needs an output_size.", got=type(self).__name__)

    def call(self, inputs, state) -> Any:
        """(output, new state) of one step."""
        raise UnimplementedError("A cell needs a call(inputs, state).", got=type(self).__name__)

    # ---- a step

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step. scope: that of the variables, instead of the cell's name."""
        self._entered = self._entered or get_variable_scope()
        around = self._entered if scope is None else scope
        with variable_scope(around, custom_getter=self._noted, auxiliary_name_scope=False) as entered:
            return self._step(inputs, state, None if scope is None else entered)

    def _step(self, inputs, state, scope):
        return self._called(scope, inputs, state)

    # ---- states

    def zero_state(self, batch_size, dtype):
        """Zeros for each size in `state_size`: `[batch_size, n]`. batch_size: a number, or an integer scalar."""
        with name_scope(type(self).__name__ + "ZeroState"):
            return mapped(lambda size: zero_rows(batch_size, size, dtype), self.state_size)

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        """`zero_state` for the batch size and dtype of `inputs` `[b, ...]`, or for those given.

        Raises ValueError if inputs and the other arguments disagree, or something is missing.
        """
        if inputs is not None:
            inputs = as_tensor(inputs)
            rows = inputs.spec.shape[0] if inputs.spec.shape is not None else None
            if batch_size is not None and rows != batch_size:
                raise InvalidArgumentError(
                    "The batch size of the inputs is another one.", expected=f"batch_size={batch_size}", got=inputs
                )
            if dtype is not None and inputs.dtype != as_dtype(dtype):
                raise DTypeError("The dtype of the inputs is another one.", expected=as_dtype(dtype).name, got=inputs)
            batch_size, dtype = shape(inputs)[0] if rows is None else rows, inputs.dtype
        if batch_size is None or dtype is None:
            raise InvalidArgumentError(
                "An initial state needs a batch size and a dtype.", expected="inputs, or both of them",
                got=f"batch_size={batch_size}, dtype={dtype}",
            )  # fmt: skip
        return self.zero_state(batch_size, dtype)


def zero_rows(batch_size, size, dtype):
    """Zeros `[batch_size, size]`; `size` is a number or a TensorShape."""
    known = constant_value(as_tensor(batch_size))
    return zeros([batch_size if known is None else int(known), *sizes_of(size)], numpy_dtype(dtype))


def sizes_of(size):
    return list(as_shape(size) or ()) if isinstance(size, TensorShape) else [int(size)]


def check_floating(*dtypes):
    for dtype in dtypes:
        if dtype is not None and dtype.dtype.kind not in "fc":
            raise DTypeError("A recurrent cell works on floating numbers.", expected="a floating dtype", got=dtype.name)


class LayerRNNCell(RNNCell):
    """A cell that makes its variables in `build(inputs_shape)` by `add_weight`."""

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step. scope: that of the variables, instead of the cell's name."""
        return self._step(inputs, state, scope)
