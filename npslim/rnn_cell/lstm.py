"""Long short-term memory: cells with a memory beside their output.

before: simple.py   next: wrappers.py
"""

import collections

from npslim.errors import DTypeError
from npslim.initializers import zeros_initializer
from npslim.ops.activation import sigmoid
from npslim.ops.elementwise import clip_by_value
from npslim.ops.join import concat, split
from npslim.ops.linear import matmul
from npslim.rnn_cell.simple import SimpleCell, affine


class LSTMStateTuple(collections.namedtuple("LSTMStateTuple", ("c", "h"))):
    """The state of an LSTM: the memory `c` and the output `h`."""

    __slots__ = ()

    @property
    def dtype(self):
        """The dtype of both. Raises TypeError if they differ."""
        if self.c.dtype != self.h.dtype:
            raise DTypeError("c and h differ in dtype.", expected=self.c.dtype.name, got=self.h.dtype.name)
        return self.c.dtype


class BasicLSTMCell(SimpleCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997): the gates i, j, f, o in this order;
    c = c * sigmoid(f + forget_bias) + sigmoid(i) * activation(j), h = activation(c) * sigmoid(o).

    Variables: kernel `[d + n, 4 n]`, bias `[4 n]`, zero at first, for n = num_units. state_is_tuple: False for a state
    `[b, 2 n]` instead of an LSTMStateTuple. activation: tanh unless given.
    """

    def __init__(
        self,
        num_units,
        forget_bias=1.0,
        state_is_tuple=True,
        activation=None,
        reuse=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._forget_bias, self._state_is_tuple = forget_bias, state_is_tuple

    @property
    def state_size(self):
        n = self._num_units
        return LSTMStateTuple(n, n) if self._state_is_tuple else 2 * n

    def build(self, inputs_shape):
        """Make kernel and bias."""
        n = self._num_units
        self._kernel = self.add_weight("kernel", [inputs_shape.as_list()[1] + n, 4 * n])
        self._bias = self.add_weight("bias", [4 * n], initializer=zeros_initializer())

    def call(self, inputs, state):
        """(output `[b, n]`, new state)."""
        c, h = state if self._state_is_tuple else split(state, 2, axis=1)
        i, j, f, o = split(affine(inputs, h, self._kernel, self._bias), 4, axis=1)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if self._state_is_tuple else concat(c, h, axis=1)


class LSTMCell(SimpleCell):
    """`BasicLSTMCell` with peepholes, clipping and a projection (Sak et al., 2014).

    use_peepholes: the gates also see the memory, by w_f_diag, w_i_diag, w_o_diag `[n]`. cell_clip: a bound of the
    memory. num_proj: the output is h times projection/kernel `[n, num_proj]`; proj_clip: its bound.
    initializer: of all variables but the bias. num_unit_shards and num_proj_shards change nothing.
    """

    def __init__(
        self,
        num_units,
        use_peepholes=False,
        cell_clip=None,
        initializer=None,
        num_proj=None,
        proj_clip=None,
        num_unit_shards=None,
        num_proj_shards=None,
        forget_bias=1.0,
        state_is_tuple=True,
        activation=None,
        reuse=None,
        name=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(num_units, activation, reuse, name, dtype, **kwargs)
        self._use_peepholes, self._cell_clip, self._initializer = use_peepholes, cell_clip, initializer
        self._num_proj, self._proj_clip = num_proj or None, proj_clip
        self._forget_bias, self._state_is_tuple = forget_bias, state_is_tuple

    @property
    def state_size(self):
        n, m = self._num_units, self.output_size
        return LSTMStateTuple(n, m) if self._state_is_tuple else n + m

    @property
    def output_size(self):
        return self._num_proj or self._num_units

    def build(self, inputs_shape):
        """Make kernel and bias, peepholes and projection if asked for."""
        n, made = self._num_units, {"initializer": self._initializer}
        self._kernel = self.add_weight("kernel", [inputs_shape.as_list()[1] + self.output_size, 4 * n], **made)
        self._bias = self.add_weight("bias", [4 * n], initializer=zeros_initializer())
        if self._use_peepholes:
            self._w_f, self._w_i, self._w_o = (self.add_weight(f"w_{x}_diag", [n], **made) for x in "fio")
        if self._num_proj is not None:
            self._projection = self.add_weight("projection/kernel", [n, self._num_proj], **made)

    def call(self, inputs, state):
        """(output `[b, output_size]`, new state)."""
        c, h = state if self._state_is_tuple else split(state, [self._num_units, self.output_size], axis=1)
        i, j, f, o = split(affine(inputs, h, self._kernel, self._bias), 4, axis=1)
        f = f + self._forget_bias
        if self._use_peepholes:
            f, i = f + self._w_f * c, i + self._w_i * c
        c = sigmoid(f) * c + sigmoid(i) * self._activation(j)
        if self._cell_clip is not None:
            c = clip_by_value(c, -self._cell_clip, self._cell_clip)
        h = sigmoid(o + self._w_o * c if self._use_peepholes else o) * self._activation(c)
        if self._num_proj is not None:
            h = matmul(h, self._projection)
            if self._proj_clip is not None:
                h = clip_by_value(h, -self._proj_clip, self._proj_clip)
        return h, LSTMStateTuple(c, h) if self._state_is_tuple else concat(c, h, axis=1)
