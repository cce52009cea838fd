"""Cells whose state is their output: the plain one, and the gated recurrent unit; and what they share with the LSTM.

before: base.py   next: lstm.py
"""

from typing import Any

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.initializers import constant_initializer, zeros_initializer
from npslim.nested import flat
from npslim.ops.activation import elu, relu, selu, sigmoid, softplus, softsign
from npslim.ops.join import concat, split
from npslim.ops.linear import matmul
from npslim.ops.normalize import bias_add
from npslim.ops.shape import identity
from npslim.ops.trigonometry import tanh
from npslim.rnn_cell.base import LayerRNNCell, check_floating

_ACTIVATIONS = dict(
    elu=elu, linear=identity, relu=relu, selu=selu, sigmoid=sigmoid, softplus=softplus, softsign=softsign, tanh=tanh
)  # fmt: skip


class SimpleCell(LayerRNNCell):
    """What the cells below share: a number of units, an activation, inputs `[b, d]`, d known."""

    def __init__(self, num_units, activation, reuse, name, dtype, **kwargs):
        super().__init__(_reuse=reuse, name=name, dtype=dtype, **kwargs)
        self._num_units = num_units
        self._activation = _activation(activation)

    @property
    def state_size(self) -> Any:
        return self._num_units

    @property
    def output_size(self) -> Any:
        return self._num_units

    def _step(self, inputs, state, scope):
        inputs = as_tensor(inputs)
        if inputs.spec.shape is None or len(inputs.spec.shape) != 2 or inputs.spec.shape[1] is None:
            raise ShapeError(
                f"{type(self).__name__}: the inputs have the wrong shape.", expected="[b, d], d known",
                got=f"{inputs.name} {inputs.spec}", made_at=user_line(),
            )  # fmt: skip
        check_floating(inputs.dtype, *(as_tensor(x).dtype for x in flat(state)))
        return super()._step(inputs, state, scope)


def _activation(activation):
    """A function from what a cell is given: a function, a name, or None for tanh."""
    if not isinstance(activation, str):
        return activation or tanh
    if activation not in _ACTIVATIONS:
        raise InvalidArgumentError(
            "There is no activation of this name.", expected=" ".join(sorted(_ACTIVATIONS)), got=activation
        )
    return _ACTIVATIONS[activation]


def affine(inputs, state, kernel, bias):
    return bias_add(matmul(concat(inputs, state, axis=1), kernel), bias)


class BasicRNNCell(SimpleCell):
    """output = new state = activation([inputs, state] kernel + bias).

    Variables: kernel `[d + n, n]`, bias `[n]`, zero at first, for n = num_units. activation: tanh unless given.
    reuse: True shares the variables that another cell of the same scope made.
    """

    def __init__(self, num_units, activation=None, reuse=None, name=None, dtype=None, **kwargs):
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)

    def build(self, inputs_shape):
        """Make kernel and bias."""
        n = self._num_units
        self._kernel = self.add_weight("kernel", [inputs_shape.as_list()[1] + n, n])
        self._bias = self.add_weight("bias", [n], initializer=zeros_initializer())

    def call(self, inputs, state):
        """(output, new state), both the same `[b, n]`."""
        output = self._activation(affine(inputs, state, self._kernel, self._bias))
        return output, output


class GRUCell(SimpleCell):
    """Gated recurrent unit (Cho et al., 2014): the gates r and u, the candidate c, new state u * state + (1 - u) * c.

    Variables: gates/kernel `[d + n, 2 n]`, gates/bias `[2 n]`, one at first, candidate/kernel `[d + n, n]`,
    candidate/bias `[n]`, zero at first, for n = num_units. activation: of the candidate, tanh unless given.
    """

    def __init__(
        self,
        num_units,
        activation=None,
        reuse=None,
        kernel_initializer=None,
        bias_initializer=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._kernel_initializer, self._bias_initializer = kernel_initializer, bias_initializer

    def build(self, inputs_shape):
        """Make kernels and biases of the gates and the candidate."""
        n, rows = self._num_units, inputs_shape.as_list()[1] + self._num_units
        kernel = self._kernel_initializer
        gates, candidate = (self._bias_initializer or constant_initializer(value) for value in (1.0, 0.0))
        self._gate_kernel = self.add_weight("gates/kernel", [rows, 2 * n], initializer=kernel)
        self._gate_bias = self.add_weight("gates/bias", [2 * n], initializer=gates)
        self._candidate_kernel = self.add_weight("candidate/kernel", [rows, n], initializer=kernel)
        self._candidate_bias = self.add_weight("candidate/bias", [n], initializer=candidate)

    def call(self, inputs, state):
        """(output, new state), both the same `[b, n]`."""
        r, u = split(sigmoid(affine(inputs, state, self._gate_kernel, self._gate_bias)), 2, axis=1)
        c = self._activation(affine(inputs, r * state, self._candidate_kernel, self._candidate_bias))
        new = u * state + (1.0 - u) * c
        return new, new
