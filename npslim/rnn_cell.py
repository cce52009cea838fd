"""Recurrent cells, as `tf.nn.rnn_cell`: one step of a recurrent network, with its variables.

`output, new_state = cell(inputs, state)`: inputs `[b, d]`, a state `[b, n]` (or a nesting of such) for each size in
`state_size`. A cell keeps the variable scope of its first call and shares its variables in all later ones. For how to
run a cell over time see rnn.py.
"""

import collections
import re
import zlib
from typing import Any

from npslim.caller import user_line
from npslim.convert import as_tensor, constant_value
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError, UnimplementedError
from npslim.graph import device
from npslim.initializers import constant_initializer, zeros_initializer
from npslim.ops.activation import elu, relu, selu, sigmoid, softplus, softsign
from npslim.ops.control import flat, mapped, packed
from npslim.ops.create import zeros
from npslim.ops.elementwise import add, clip_by_value, divide
from npslim.ops.functions import floor
from npslim.ops.join import concat, split
from npslim.ops.linear import matmul
from npslim.ops.normalize import bias_add
from npslim.ops.random import dropout, random_uniform
from npslim.ops.shape import identity, shape
from npslim.ops.slicing import slice_
from npslim.ops.trigonometry import tanh
from npslim.scopes import get_variable_scope, name_scope, variable_scope
from npslim.spec import TensorShape, as_shape
from npslim.variables import get_variable

_ACTIVATIONS = dict(
    elu=elu, linear=identity, relu=relu, selu=selu, sigmoid=sigmoid, softplus=softplus, softsign=softsign, tanh=tanh
)  # fmt: skip


class RNNCell:
    """One step of a recurrent network. A cell of one's own has `state_size`, `output_size` and
    `call(inputs, state)`, which returns (output, new state) and may make variables by `get_variable`.

    name: the scope of its variables, made unique; that of the class, in lower_case, unless given.
    dtype: of the variables, that of the first inputs unless given. trainable: False keeps them out of training.
    """

    def __init__(self, trainable=True, name=None, dtype=None, _reuse=None, _scope=None):
        self.trainable = trainable
        self._base_name = name or _in_words(type(self).__name__)
        self._dtype = None if dtype is None else as_dtype(dtype)
        _check_floating(self._dtype)
        self._reuse = _reuse
        self._scope = None
        self._entered = None
        self.built = False
        self._trainable_weights, self._non_trainable_weights = [], []
        if _scope is not None:
            with variable_scope(_scope) as self._scope:
                pass

    # ---- what a subclass says

    @property
    def state_size(self) -> Any:
        """The size of the state, or a nesting of sizes; a TensorShape for a state of higher rank."""
        raise UnimplementedError("A cell needs a state_size.", got=type(self).__name__)

    @property
    def output_size(self) -> Any:
        """The size of the output, or a nesting of sizes."""
        raise UnimplementedError("A cell needs an output_size.", got=type(self).__name__)

    def build(self, inputs_shape):
        """Make the variables, for inputs of this TensorShape; called once, before the first `call`."""

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
        inputs, state = mapped(as_tensor, inputs), mapped(as_tensor, state)
        self._set_scope(scope)
        with (
            variable_scope(self._scope, reuse=self.built or self._reuse, auxiliary_name_scope=False) as here,
            name_scope(here.original_name_scope),
        ):
            if not self.built:
                self._dtype = self._dtype or flat(inputs)[0].dtype
                self.build(mapped(lambda x: x.shape, inputs))
                self.built = True
            return self.call(inputs, state)

    def _set_scope(self, scope):
        if self._scope is not None:
            return
        with variable_scope(
            self._base_name if scope is None and self._reuse else scope, default_name=self._base_name
        ) as self._scope:
            pass

    # ---- variables

    def add_weight(self, name, shape, dtype=None, initializer=None, regularizer=None, trainable=None, **options):
        """The variable `<scope>/name`, by `get_variable`; noted as one of this cell's."""
        return self._note(
            get_variable(
                name, shape=shape, dtype=dtype or self._dtype, initializer=initializer, regularizer=regularizer,
                trainable=self.trainable and trainable is not False, **options,
            )
        )  # fmt: skip

    add_variable = add_weight

    def _noted(self, getter, *args, **kwargs):
        return self._note(getter(*args, **kwargs))

    def _note(self, variable):
        mine = self._trainable_weights if variable.trainable else self._non_trainable_weights
        if all(variable is not v for v in mine):
            mine.append(variable)
        return variable

    @property
    def trainable_weights(self):
        """The cell's trainable variables, in the order in which they were made."""
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The cell's other variables."""
        return [*self._non_trainable_weights, *([] if self.trainable else self._trainable_weights)]

    @property
    def weights(self):
        """All variables of the cell, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_variables(self):
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self):
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self):
        """The same as `weights`."""
        return self.weights

    # ---- what it is called

    @property
    def name(self):
        """The name that the scope of its variables is made from."""
        return self._base_name

    @property
    def scope_name(self):
        """The name of the scope of its variables. Raises ValueError before the first call."""
        if self._scope is None:
            raise InvalidArgumentError("The cell has no scope before it is called.", got=self._base_name)
        return self._scope.name

    @property
    def dtype(self):
        """The dtype of its variables; None before it is known."""
        return self._dtype

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


def _in_words(name):
    """'BasicLSTMCell' as 'basic_lstm_cell'."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return f"private{words}" if words.startswith("_") else words


def zero_rows(batch_size, size, dtype):
    """Zeros `[batch_size, size]`; `size` is a number or a TensorShape."""
    known = constant_value(as_tensor(batch_size))
    return zeros([batch_size if known is None else int(known), *_sizes(size)], numpy_dtype(dtype))


def _sizes(size):
    return list(as_shape(size) or ()) if isinstance(size, TensorShape) else [int(size)]


def _check_floating(*dtypes):
    for dtype in dtypes:
        if dtype is not None and dtype.dtype.kind not in "fc":
            raise DTypeError("A recurrent cell works on floating numbers.", expected="a floating dtype", got=dtype.name)


class LayerRNNCell(RNNCell):
    """A cell that makes its variables in `build(inputs_shape)` by `add_weight`."""

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step. scope: that of the variables, instead of the cell's name."""
        return self._step(inputs, state, scope)


class _Cell(LayerRNNCell):
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
        _check_floating(inputs.dtype, *(as_tensor(x).dtype for x in flat(state)))
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


class BasicRNNCell(_Cell):
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
        output = self._activation(_affine(inputs, state, self._kernel, self._bias))
        return output, output


def _affine(inputs, state, kernel, bias):
    return bias_add(matmul(concat(inputs, state, axis=1), kernel), bias)


class GRUCell(_Cell):
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
        r, u = split(sigmoid(_affine(inputs, state, self._gate_kernel, self._gate_bias)), 2, axis=1)
        c = self._activation(_affine(inputs, r * state, self._candidate_kernel, self._candidate_bias))
        new = u * state + (1.0 - u) * c
        return new, new


class LSTMStateTuple(collections.namedtuple("LSTMStateTuple", ("c", "h"))):
    """The state of an LSTM: the memory `c` and the output `h`."""

    __slots__ = ()

    @property
    def dtype(self):
        """The dtype of both. Raises TypeError if they differ."""
        if self.c.dtype != self.h.dtype:
            raise DTypeError("c and h differ in dtype.", expected=self.c.dtype.name, got=self.h.dtype.name)
        return self.c.dtype


class BasicLSTMCell(_Cell):
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
        i, j, f, o = split(_affine(inputs, h, self._kernel, self._bias), 4, axis=1)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if self._state_is_tuple else concat(c, h, axis=1)


class LSTMCell(_Cell):
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
        i, j, f, o = split(_affine(inputs, h, self._kernel, self._bias), 4, axis=1)
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


class MultiRNNCell(RNNCell):
    """Cells on top of each other: each has the output of the one before as its inputs.

    The state is a tuple of theirs, or with state_is_tuple=False, all of them side by side. Variables lie in
    `<scope>/cell_0`, `cell_1` ... Raises ValueError for no cells, TypeError for what is no list or tuple of them.
    """

    def __init__(self, cells, state_is_tuple=True):
        super().__init__()
        if not cells:
            raise InvalidArgumentError("MultiRNNCell needs at least one cell.", got=cells)
        if not isinstance(cells, list | tuple):
            raise ArgumentTypeError("cells is no list of cells.", expected="a list or tuple", got=repr(cells))
        self._cells, self._state_is_tuple = list(cells), state_is_tuple
        if not state_is_tuple and any(isinstance(cell.state_size, list | tuple) for cell in cells):
            raise InvalidArgumentError(
                "Some cells have a tuple as state, which state_is_tuple=False does not allow.",
                expected="a number as state_size", got=[cell.state_size for cell in cells],
            )  # fmt: skip

    @property
    def state_size(self):
        sizes = tuple(cell.state_size for cell in self._cells)
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self):
        return self._cells[-1].output_size

    @property
    def trainable_weights(self):
        """The trainable variables of all cells."""
        return [v for cell in self._cells for v in cell.trainable_weights] if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other variables of all cells."""
        frozen = [] if self.trainable else [v for cell in self._cells for v in cell.trainable_weights]
        return frozen + [v for cell in self._cells for v in cell.non_trainable_weights]

    def zero_state(self, batch_size, dtype):
        """The zero states of the cells."""
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        with name_scope(type(self).__name__ + "ZeroState"):
            return tuple(cell.zero_state(batch_size, dtype) for cell in self._cells)

    def call(self, inputs, state):
        """(output of the last cell, new state)."""
        if self._state_is_tuple and not isinstance(state, list | tuple):
            raise InvalidArgumentError("The state is no tuple.", expected=f"{len(self._cells)} states", got=state)
        new, at = [], 0
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                if self._state_is_tuple:
                    own = state[i]
                else:
                    own = slice_(state, [0, at], [-1, cell.state_size])
                    at += cell.state_size
                inputs, own = cell(inputs, own)
                new.append(own)
        return inputs, tuple(new) if self._state_is_tuple else concat(*new, axis=1)


# ---- wrappers


def check_cell(name, cell):
    """Raises TypeError for what is no cell."""
    missing = [part for part in ("output_size", "state_size") if not hasattr(cell, part)]
    if not hasattr(cell, "get_initial_state") and not hasattr(cell, "zero_state"):
        missing.append("zero_state")
    if missing or not callable(cell):
        raise ArgumentTypeError(
            f"The argument {name} is not an RNNCell.", expected="a cell",
            got=f"{cell!r} without {', '.join(missing or ['a way to call it'])}",
        )  # fmt: skip


class _Wrapper(RNNCell):
    """A cell around another one, whose sizes, scope and variables are its own."""

    def __init__(self, cell, **kwargs):
        super().__init__(**kwargs)
        check_cell("cell", cell)
        self.cell = cell

    @property
    def wrapped_cell(self):
        """The cell inside."""
        return self.cell

    @property
    def state_size(self):
        return self.cell.state_size

    @property
    def output_size(self):
        return self.cell.output_size

    @property
    def trainable_weights(self):
        """The trainable variables of the cell inside."""
        return self.cell.trainable_weights if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The other variables of the cell inside."""
        return self.cell.non_trainable_weights if self.trainable else self.cell.weights

    def zero_state(self, batch_size, dtype):
        """The zero state of the cell inside."""
        with name_scope(type(self).__name__ + "ZeroState"):
            return self.cell.zero_state(batch_size, dtype)


class ResidualWrapper(_Wrapper):
    """Adds a cell's inputs to its outputs. residual_fn: `f(inputs, outputs)` to do so in another way."""

    def __init__(self, cell, residual_fn=None, **kwargs):
        super().__init__(cell, **kwargs)
        self._residual_fn = residual_fn or _added

    def __call__(self, inputs, state, scope=None):
        """(inputs + output, new state) of one step."""
        output, new = self.cell(inputs, state, scope=scope)
        return self._residual_fn(inputs, output), new


def _added(inputs, outputs):
    pairs = [(as_tensor(x), y) for x, y in zip(flat(inputs), flat(outputs), strict=True)]
    for x, y in pairs:
        x.shape.assert_is_compatible_with(y.shape)
    return packed(outputs, [add(x, y) for x, y in pairs])


class DeviceWrapper(_Wrapper):
    """Notes a device on the nodes of a cell; the session decides where things run."""

    def __init__(self, cell, device, **kwargs):
        super().__init__(cell, **kwargs)
        self._device = device

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step."""
        with device(self._device):
            return self.cell(inputs, state, scope=scope)


class DropoutWrapper(_Wrapper):
    """Dropout of a cell's inputs, outputs and states, with probability 1 - keep_prob each (numbers, or scalar tensors).

    state_keep_prob: of the new state, but never of an LSTM's memory `c`; dropout_state_filter_visitor: a function that
    says for any part of the state whether (True or False, or these in the part's structure) it may be dropped.
    variational_recurrent: one mask in all steps of a run (Gal and Ghahramani, 2016); needs `dtype`, and for the inputs
    `input_size`. Raises ValueError for a probability outside of [0, 1].
    """

    def __init__(
        self,
        cell,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent=False,
        input_size=None,
        dtype=None,
        seed=None,
        dropout_state_filter_visitor=None,
        **kwargs,
    ):
        super().__init__(cell, dtype=dtype, **kwargs)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise ArgumentTypeError("dropout_state_filter_visitor is no function.", got=dropout_state_filter_visitor)
        self._may_drop = dropout_state_filter_visitor or _all_but_memory
        self._seed = seed
        with name_scope("DropoutWrapperInit"):
            given = dict(input=input_keep_prob, state=state_keep_prob, output=output_keep_prob)
            self._keep = {what: _probability(what, p) for what, p in given.items()}
            self._noise = {}
            if variational_recurrent:
                self._noise = self._drawn(dict(input=input_size, state=self.state_size, output=self.output_size))

    def _drawn(self, sizes):
        if self._dtype is None:
            raise InvalidArgumentError("variational_recurrent=True needs a dtype.", got="dtype=None")
        if sizes["input"] is None and _drops(self._keep["input"]):
            raise InvalidArgumentError(
                "variational_recurrent=True with dropout of the inputs needs input_size.", got="input_size=None"
            )
        return {what: self._noise_of(what, flat(size)) for what, size in sizes.items() if _drops(self._keep[what])}

    def _noise_of(self, what, sizes):
        """For each of `sizes`, uniform numbers that all rows of a batch share."""
        draws = enumerate([1, *_sizes(size)] for size in sizes)
        return [random_uniform(rows, dtype=self._dtype, seed=self._seed_of(what, i)) for i, rows in draws]

    def _seed_of(self, what, i):
        return None if self._seed is None else zlib.crc32(f"{self._seed}{what}_{i}".encode()) & 0x7FFFFFFF

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step."""
        output, new = self.cell(self._dropped("input", inputs), state, scope=scope)
        return self._dropped("output", output), self._dropped("state", new, self._may_drop)

    def _dropped(self, what, values, may_drop=None):
        keep = self._keep[what]
        if not _drops(keep):
            return values
        leaves = flat(values)
        chosen = [True] * len(leaves) if may_drop is None else _choices(may_drop, values)
        noise = self._noise.get(what)
        found = []
        for i, (value, drop) in enumerate(zip(leaves, chosen, strict=True)):
            if drop and noise is not None:
                p = as_tensor(keep, as_tensor(value).spec.dtype)
                value = divide(value, p) * floor(p + noise[i])
            elif drop:
                value = dropout(value, keep_prob=keep, seed=self._seed_of(what, i))
            found.append(value)
        return packed(values, found)


def _probability(what, p):
    """A number in [0, 1] or a scalar tensor."""
    known = constant_value(as_tensor(p))
    if known is None:
        return p
    if not 0 <= known <= 1:
        raise InvalidArgumentError(
            f"{what}_keep_prob is no probability.", expected=f"0 <= {what}_keep_prob <= 1", got=float(known)
        )
    return float(known)


def _drops(keep):
    return not isinstance(keep, float) or keep < 1


def _all_but_memory(state):
    return LSTMStateTuple(c=False, h=True) if isinstance(state, LSTMStateTuple) else True


def _choices(may_drop, state):
    """A bool for each leaf of `state`, from what `may_drop` says of its parts."""
    answer = may_drop(state)
    if not isinstance(state, list | tuple | dict):
        return [bool(answer)]
    parts = [state[key] for key in sorted(state)] if isinstance(state, dict) else list(state)
    if isinstance(answer, bool):
        answers = [answer] * len(parts)
    else:
        answers = [answer[key] for key in sorted(answer)] if isinstance(answer, dict) else list(answer)
    pairs = zip(parts, answers, strict=True)
    return [choice for part, a in pairs for choice in (_choices(may_drop, part) if a else [False] * len(flat(part)))]
