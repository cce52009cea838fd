"""Recurrent cells, as `tf.nn.rnn_cell`: one step of a recurrent network, with its variables.

`output, new_state = cell(inputs, state)`: inputs `[b, d]`, a state `[b, n]` (or a nesting of such) for each size in
`state_size`. A cell keeps the variable scope of its first call and shares its variables in all later ones. For how to
run a cell over time see rnn.py.
"""

from npslim.rnn_cell.base import LayerRNNCell, RNNCell, zero_rows
from npslim.rnn_cell.dropout import DropoutWrapper
from npslim.rnn_cell.lstm import BasicLSTMCell, LSTMCell, LSTMStateTuple
from npslim.rnn_cell.simple import BasicRNNCell, GRUCell
from npslim.rnn_cell.wrappers import DeviceWrapper, MultiRNNCell, ResidualWrapper, check_cell

__all__ = [
    "BasicLSTMCell", "BasicRNNCell", "DeviceWrapper", "DropoutWrapper", "GRUCell", "LSTMCell", "LSTMStateTuple",
    "LayerRNNCell", "MultiRNNCell", "RNNCell", "ResidualWrapper", "check_cell", "zero_rows",
]  # fmt: skip
