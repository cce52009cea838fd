"""Programs with recurrent networks and functions over elements, for TensorFlow 1 and npslim alike.

`golden/make_rnn.py` records what TensorFlow gives for them, `test_rnn_golden.py` compares. Each takes `tf` and
placeholders by name, and returns a nesting of tensors.
"""

import numpy as np

PROGRAMS = {}  # name -> (program, {placeholder: (shape of the placeholder, array)})
B, T, D = 3, 4, 3  # rows, steps, depth


def program(**inputs):
    """Put the function into PROGRAMS; `inputs` are arrays, or (shape, array) where the placeholder knows less."""

    def put(function):
        pairs = {name: x if isinstance(x, tuple) else (x.shape, x) for name, x in inputs.items()}
        PROGRAMS[function.__name__] = function, pairs
        return function

    return put


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def numbers(shape, dtype, start):
    """Numbers in [-1, 1] that look irregular: values of variables, weights of outputs."""
    return np.sin(start + 1.7 * np.arange(np.prod(shape, dtype=int))).reshape(shape).astype(dtype)


X = normal(B, T, D)
ROWS = normal(B, D)
LENGTHS = np.array([2, 4, 0], np.int32)
OPEN = ([None, None, D], X)


# ---- cells


def one_step(tf, cell, x):
    return cell(x, cell.zero_state(B, tf.float64))


@program(x=ROWS, h=normal(B, 4))
def basic_rnn(tf, x, h):
    return tf.nn.rnn_cell.BasicRNNCell(4)(x, h)


@program(x=ROWS, h=normal(B, 4))
def basic_rnn_relu(tf, x, h):
    return tf.nn.rnn_cell.BasicRNNCell(4, activation=tf.nn.relu, name="mine")(x, h)


@program(x=ROWS, h=normal(B, 4))
def gru(tf, x, h):
    return tf.nn.rnn_cell.GRUCell(4)(x, h)


@program(x=ROWS, h=normal(B, 2))
def gru_initializers(tf, x, h):
    constant = tf.constant_initializer
    return tf.nn.rnn_cell.GRUCell(2, tf.sigmoid, None, constant(0.5), constant(-0.25), "g")(x, h)


@program(x=ROWS, c=normal(B, 4, seed=1), h=normal(B, 4, seed=2))
def basic_lstm(tf, x, c, h):
    return tf.nn.rnn_cell.BasicLSTMCell(4)(x, tf.nn.rnn_cell.LSTMStateTuple(c, h))


@program(x=ROWS, state=normal(B, 8))
def basic_lstm_joined(tf, x, state):
    return tf.nn.rnn_cell.BasicLSTMCell(4, forget_bias=0.5, state_is_tuple=False, activation="softsign")(x, state)


@program(x=ROWS, c=normal(B, 4, seed=1), h=normal(B, 4, seed=2))
def lstm(tf, x, c, h):
    return tf.nn.rnn_cell.LSTMCell(4)(x, (c, h))


@program(x=ROWS, c=2 * normal(B, 4, seed=1), h=normal(B, 2, seed=2))
def lstm_everything(tf, x, c, h):
    cell = tf.nn.rnn_cell.LSTMCell(
        4, use_peepholes=True, cell_clip=1.0, initializer=tf.constant_initializer(0.5), num_proj=2, proj_clip=0.3,
        forget_bias=0.0,
    )  # fmt: skip
    return cell(x, (c, h))


@program(x=ROWS, state=normal(B, 6))
def lstm_projected_joined(tf, x, state):
    return tf.nn.rnn_cell.LSTMCell(4, num_proj=2, state_is_tuple=False)(x, state)


@program(x=ROWS)
def stacked(tf, x):
    cells = tf.nn.rnn_cell
    return one_step(tf, cells.MultiRNNCell([cells.BasicLSTMCell(4), cells.GRUCell(2), cells.BasicRNNCell(3)]), x)


@program(x=ROWS, state=normal(B, 12))
def stacked_joined(tf, x, state):
    cells = tf.nn.rnn_cell
    return cells.MultiRNNCell([cells.GRUCell(4), cells.LSTMCell(4, state_is_tuple=False)], state_is_tuple=False)(
        x, state
    )


@program(x=ROWS)
def one_cell_twice(tf, x):
    cell = tf.nn.rnn_cell.BasicRNNCell(D)
    y, state = one_step(tf, cell, x)
    return cell(y, state)


@program(x=ROWS)
def two_cells(tf, x):
    a, b = tf.nn.rnn_cell.BasicRNNCell(D), tf.nn.rnn_cell.BasicRNNCell(D)
    return [one_step(tf, a, x), one_step(tf, b, x)]


@program(x=ROWS)
def a_scope_for_the_call(tf, x):
    cell = tf.nn.rnn_cell.GRUCell(2)
    with tf.variable_scope("outer"):
        y, state = cell(x, cell.zero_state(B, tf.float64), scope="inner")
    return cell(x, state)


@program(x=ROWS)
def shared_by_reuse(tf, x):
    with tf.variable_scope("shared"):
        first = one_step(tf, tf.nn.rnn_cell.LSTMCell(2), x)
    with tf.variable_scope("shared", reuse=True):
        second = one_step(tf, tf.nn.rnn_cell.LSTMCell(2), 2 * x)
    return first, second


@program(x=ROWS)
def shared_by_the_cell(tf, x):
    first = one_step(tf, tf.nn.rnn_cell.LSTMCell(2), x)
    return first, one_step(tf, tf.nn.rnn_cell.LSTMCell(2, reuse=True), x)


@program(x=ROWS)
def residual(tf, x):
    cells = tf.nn.rnn_cell
    wrapped = cells.ResidualWrapper(cells.DropoutWrapper(cells.BasicLSTMCell(D), input_keep_prob=1.0))
    return one_step(tf, wrapped, x)


@program(x=ROWS)
def residual_by_a_function(tf, x):
    cells = tf.nn.rnn_cell
    return one_step(tf, cells.ResidualWrapper(cells.GRUCell(D), residual_fn=lambda a, b: a * b), x)


def own_cell(tf):
    """A cell that makes its variables by get_variable while it is called."""

    class Minimal_RNNCell2D(tf.nn.rnn_cell.RNNCell):
        state_size = output_size = 3

        def call(self, inputs, state):
            w = tf.get_variable("w", [D, 3], dtype=tf.float64)
            scale = tf.get_variable("scale", [], dtype=tf.float64, trainable=False)
            new = tf.tanh(tf.matmul(inputs, w) * scale + state)
            return 2 * new, new

    return Minimal_RNNCell2D()


@program(x=ROWS)
def a_cell_of_ones_own(tf, x):
    cell = own_cell(tf)
    _, state = one_step(tf, cell, x)
    return cell(x, state)


@program(x=X)
def a_cell_of_ones_own_over_time(tf, x):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.MultiRNNCell([own_cell(tf), own_cell(tf)]), x, dtype=tf.float64)


@program(x=X)
def regularized(tf, x):
    with tf.variable_scope("r", regularizer=lambda w: 0.1 * tf.reduce_sum(w * w)):
        tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, dtype=tf.float64)
    return tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))


# ---- over time


@program(x=OPEN)
def dynamic(tf, x):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), x, dtype=tf.float64)


@program(x=OPEN, lengths=([None], LENGTHS))
def dynamic_lengths(tf, x, lengths):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.LSTMCell(2, use_peepholes=True), x, lengths, dtype=tf.float64)


@program(x=X, lengths=np.array([1, 3, 2]))
def dynamic_shorter(tf, x, lengths):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, sequence_length=lengths, dtype=tf.float64)


@program(x=X, lengths=np.zeros(B, np.int32))
def dynamic_no_steps(tf, x, lengths):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, sequence_length=lengths, dtype=tf.float64)


@program(x=normal(T, B, D), lengths=LENGTHS, h=normal(B, 2))
def dynamic_time_major(tf, x, lengths, h):
    cell = tf.nn.rnn_cell.GRUCell(2)
    return tf.nn.dynamic_rnn(cell, x, lengths, initial_state=h, time_major=True, scope="over_time")


@program(x=OPEN, lengths=LENGTHS)
def dynamic_stacked(tf, x, lengths):
    cells = tf.nn.rnn_cell
    cell = cells.MultiRNNCell([cells.LSTMCell(4, num_proj=3), cells.ResidualWrapper(cells.GRUCell(3))])
    return tf.nn.dynamic_rnn(cell, x, sequence_length=lengths, dtype=tf.float64)


@program(x=X)
def dynamic_twice(tf, x):
    cell = tf.nn.rnn_cell.BasicRNNCell(D)
    y, state = tf.nn.dynamic_rnn(cell, x, dtype=tf.float64)
    with tf.variable_scope("again"):
        return tf.nn.dynamic_rnn(cell, y, initial_state=state)


@program(x=X)
def dynamic_shared(tf, x):
    with tf.variable_scope("model"):
        first = tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x, dtype=tf.float64)
    with tf.variable_scope("model", reuse=True):
        return first, tf.nn.dynamic_rnn(tf.nn.rnn_cell.GRUCell(2), x * x, dtype=tf.float64)


@program(x=OPEN, lengths=LENGTHS)
def bidirectional(tf, x, lengths):
    cells = tf.nn.rnn_cell
    return tf.nn.bidirectional_dynamic_rnn(cells.BasicLSTMCell(4), cells.GRUCell(2), x, lengths, dtype=tf.float64)


@program(x=X)
def bidirectional_whole(tf, x):
    cells = tf.nn.rnn_cell
    return tf.nn.bidirectional_dynamic_rnn(cells.GRUCell(2), cells.GRUCell(2), x, dtype=tf.float64, scope="both")


@program(x=normal(T, B, D), lengths=LENGTHS, h=normal(B, 2))
def bidirectional_time_major(tf, x, lengths, h):
    cells = tf.nn.rnn_cell
    return tf.nn.bidirectional_dynamic_rnn(
        cells.BasicRNNCell(2), cells.BasicRNNCell(2), x, lengths, h, 2 * h, time_major=True
    )


@program(x=X)
def static(tf, x):
    return tf.nn.static_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), tf.unstack(x, axis=1), dtype=tf.float64)


@program(x=X, lengths=LENGTHS, h=normal(B, 2))
def static_lengths(tf, x, lengths, h):
    cell = tf.nn.rnn_cell.GRUCell(2)
    return tf.nn.static_rnn(cell, tf.unstack(x, axis=1), h, sequence_length=lengths, scope="unrolled")


@program(x=X, lengths=LENGTHS)
def static_bidirectional(tf, x, lengths):
    cells, steps = tf.nn.rnn_cell, tf.unstack(x, axis=1)
    return tf.nn.static_bidirectional_rnn(
        cells.BasicLSTMCell(4), cells.GRUCell(2), steps, dtype=tf.float64, sequence_length=lengths
    )


@program(x=X)
def static_bidirectional_whole(tf, x):
    cells, steps = tf.nn.rnn_cell, tf.unstack(x, axis=1)
    return tf.nn.static_bidirectional_rnn(cells.GRUCell(2), cells.GRUCell(4), steps, dtype=tf.float64)


@program(x=X.astype(np.float32))
def dynamic_float32(tf, x):
    return tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), x, dtype=tf.float32)


# ---- functions over elements


W = normal(D)


@program(x=ROWS, w=W)
def map_fn(tf, x, w):
    return tf.map_fn(lambda a: tf.sin(a * w) * a, x)


@program(x=([None, D], ROWS), w=W)
def map_fn_structures(tf, x, w):
    return tf.map_fn(lambda e: (e[0] * w, [tf.reduce_sum(e[1])]), (x, 2 * x), dtype=(tf.float64, [tf.float64]))


@program(x=([None, D], ROWS), w=W)
def scan(tf, x, w):
    return tf.scan(lambda a, e: tf.tanh(a * w) + e, x)


@program(x=ROWS, w=W)
def scan_reverse(tf, x, w):
    return tf.scan(lambda a, e: tf.tanh(a * e) * w, x, reverse=True)


@program(x=ROWS, w=W)
def scan_initializer(tf, x, w):
    return tf.scan(lambda a, e: [a[0] * e[0], a[1] + a[0] * e[1]], [x, x * x], initializer=[w, tf.zeros_like(w)])


@program(x=ROWS, w=W)
def scan_initializer_reverse(tf, x, w):
    return tf.scan(lambda a, e: tf.sin(a) * e, x, initializer=w, reverse=True)


@program(x=ROWS)
def foldl(tf, x):
    return tf.foldl(lambda a, e: tf.sin(a) - e, x)


@program(x=ROWS)
def foldr(tf, x):
    return tf.foldr(lambda a, e: tf.sin(a) - e, x)


@program(x=ROWS, w=W)
def fold_initializers(tf, x, w):
    return [tf.foldl(lambda a, e: a * e + w, x, initializer=w), tf.foldr(lambda a, e: a * e + w, x, initializer=w)]


@program(x=normal(2, 3, 4), lengths=np.array([3, 1], np.int32))
def reverse_sequence(tf, x, lengths):
    return [
        tf.reverse_sequence(x, lengths, seq_axis=1),
        tf.reverse_sequence(x, [2, 0, 1, 2], seq_axis=0, batch_axis=2),
    ]
