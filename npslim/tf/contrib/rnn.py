"""`tf.contrib.rnn`: recurrent cells and networks under their older names."""

from npslim.rnn import stack_bidirectional_dynamic_rnn, static_bidirectional_rnn, static_rnn
from npslim.rnn_cell import (
    BasicLSTMCell,
    BasicRNNCell,
    DeviceWrapper,
    DropoutWrapper,
    GRUCell,
    LSTMCell,
    LSTMStateTuple,
    MultiRNNCell,
    ResidualWrapper,
    RNNCell,
)
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
