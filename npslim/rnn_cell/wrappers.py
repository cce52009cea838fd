"""Cells made of cells: on top of each other, with their inputs added, on a device.

before: lstm.py   next: dropout.py
"""

from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import device
from npslim.nested import flat, packed
from npslim.ops.elementwise import add
from npslim.ops.join import concat
from npslim.ops.slicing import slice_
from npslim.rnn_cell.base import RNNCell
from npslim.scopes import name_scope, variable_scope


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


class Wrapper(RNNCell):
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


class ResidualWrapper(Wrapper):
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


class DeviceWrapper(Wrapper):
    """Notes a device on the nodes of a cell; the session decides where things run."""

    def __init__(self, cell, device, **kwargs):
        super().__init__(cell, **kwargs)
        self._device = device

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step."""
        with device(self._device):
            return self.cell(inputs, state, scope=scope)
