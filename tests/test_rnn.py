"""Recurrent cells and networks beyond what test_rnn_golden.py compares: dropout, states, derivatives, refusals."""

import re

import numpy as np
import pytest

import npslim as slim
from npslim import rnn
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError

cells = slim.rnn_cell
X = np.random.default_rng(0).normal(size=(2, 3, 4))
ROWS = X[:, 0]


def run(fetches, feeds=None):
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session.run(fetches, feeds)


class Counter(cells.RNNCell):
    """A cell without variables: the state counts the steps, the output is the state plus the inputs."""

    state_size = output_size = 4

    def call(self, inputs, state):
        return state + inputs, state + 1.0


# ---- over time


@pytest.mark.parametrize("make", [cells.BasicRNNCell, cells.GRUCell, cells.BasicLSTMCell, cells.LSTMCell])
def test_derivatives_to_second_order(make):
    # a stand-in for every variable: a matrix cut to its shape, so that its derivatives are checked too
    class Cut(make):
        def add_weight(self, name, shape, **_):
            flat = slim.reshape(self.source, [-1])[: int(np.prod(shape))]
            return slim.reshape(flat, shape)

    def with_weights(x, w):
        cell = Cut(2)
        cell.source = w
        outputs, state = slim.dynamic_rnn(cell, x, [1, 3], dtype=slim.float64)
        return [outputs, *(state if isinstance(state, tuple) else [state])]

    slim.check_gradients(with_weights, [X, np.random.default_rng(1).normal(size=(8, 8))], order=2)


def test_a_nesting_of_inputs_and_outputs():
    class Two(cells.RNNCell):
        state_size = slim.TensorShape([4])
        output_size = (4, 4)

        def call(self, inputs, state):
            return (inputs["a"] + state, inputs["b"][0]), state + inputs["a"]

    outputs, state = slim.dynamic_rnn(Two(), {"a": X, "b": (2 * X,)}, dtype=slim.float64)
    (first, second), last = run([outputs, state])
    np.testing.assert_allclose(first, np.cumsum(X, axis=1))
    np.testing.assert_array_equal(second, 2 * X)
    np.testing.assert_allclose(last, X.sum(axis=1))


def test_the_loop_ends_with_the_longest_sequence():
    calls = []

    class Watched(Counter):
        def call(self, inputs, state):
            seen = slim.py_func(lambda a: calls.append(1) or a, [inputs], slim.float64)
            seen.set_shape(inputs.shape)
            return super().call(seen, state)

    y, state = slim.dynamic_rnn(Watched(), X, [2, 1], dtype=slim.float64)
    values, last = run([y, state])
    assert len(calls) == 2
    np.testing.assert_array_equal(last, [[2] * 4, [1] * 4])
    np.testing.assert_allclose(values, [[X[0, 0], X[0, 1] + 1, 0 * X[0, 2]], [X[1, 0], 0 * X[1, 1], 0 * X[1, 2]]])


def test_lengths_that_do_not_fit_the_batch():
    lengths = slim.placeholder(slim.int32, [None])
    y, _ = slim.dynamic_rnn(Counter(), X, lengths, dtype=slim.float64)
    with pytest.raises(InvalidArgumentError, match="sequence_length"):
        run(y, {lengths: [1, 2, 3]})


def test_a_network_learns_to_remember():
    """The class is the sign of the first step; the others are noise."""
    slim.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = slim.placeholder(slim.float32, [None, None, 1])
    labels = slim.placeholder(slim.int32, [None])
    _, state = slim.dynamic_rnn(cells.GRUCell(8), x, dtype=slim.float32)
    logits = slim.fully_connected(state, 2, activation_fn=None)
    loss = slim.losses.sparse_softmax_cross_entropy(logits=logits, labels=labels)
    train = slim.AdamOptimizer(0.03).minimize(loss)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for _ in range(250):
        batch = rng.normal(size=(32, 6, 1))
        found = session.run([loss, train], {x: batch, labels: batch[:, 0, 0] > 0})[0]
    assert found < 0.2


# ---- dropout


def test_dropout_draws_anew_in_every_step():
    cell = cells.DropoutWrapper(Counter(), input_keep_prob=0.5, output_keep_prob=0.5, seed=3)
    y, state = slim.dynamic_rnn(cell, np.ones((50, 40, 4)), dtype=slim.float64)
    values, last = run([y, state])
    assert set(np.unique(values[:, 0])) == {0.0, 2 * 0.0, 2 * 2.0}
    kept = values != 0
    assert abs(kept[:, 1:].mean() - 0.5) < 0.03
    assert not all((kept[:, t] == kept[:, t + 1]).all() for t in range(1, 39))
    np.testing.assert_array_equal(last, np.full((50, 4), 40))


def test_variational_dropout_has_one_mask_in_all_steps():
    cell = cells.DropoutWrapper(
        Counter(), input_keep_prob=0.5, output_keep_prob=0.5, variational_recurrent=True, input_size=4,
        dtype=slim.float64, seed=1,
    )  # fmt: skip
    y, _ = slim.dynamic_rnn(cell, np.ones((5, 6, 4)), dtype=slim.float64)
    session = slim.Session()
    first, second = session.run(y), session.run(y)
    for values in (first, second):
        mask = values[0, 1] != 0
        assert ((values[:, 1:] != 0) == mask).all()
    found = [session.run(y)[0, 1] for _ in range(20)]
    assert len({tuple(row) for row in found}) > 2


def test_dropout_of_the_state_spares_the_memory():
    cell = cells.DropoutWrapper(cells.LSTMCell(20), state_keep_prob=0.5, seed=1)
    plain = cells.LSTMStateTuple(np.ones((3, 20)), np.ones((3, 20)))
    y, state = cell(ROWS[[0, 1, 0]], plain)
    found, y = run([state, y])
    assert (found.c != 0).all() and 0 < (found.h == 0).mean() < 1
    np.testing.assert_allclose(found.h[found.h != 0], 2 * y[found.h != 0])


def test_a_filter_says_what_of_the_state_is_dropped():
    def visitor(state):
        return {"a": True, "b": False} if isinstance(state, dict) else True

    class Dicts(cells.RNNCell):
        state_size = {"a": 30, "b": (30, 30)}
        output_size = 4

        def call(self, inputs, state):
            return inputs, state

    cell = cells.DropoutWrapper(Dicts(), state_keep_prob=0.5, dropout_state_filter_visitor=visitor)
    ones = np.ones((2, 30))
    _, state = cell(ROWS, {"a": ones, "b": (ones, ones)})
    found = run(state)
    assert 0 < (found["a"] == 0).mean() < 1
    assert all((part == 1).all() for part in found["b"])


def test_a_keep_prob_may_be_fed():
    keep = slim.placeholder(slim.float64, [])
    y, _ = cells.DropoutWrapper(Counter(), output_keep_prob=keep, seed=1)(ROWS, np.ones((2, 4)))
    np.testing.assert_allclose(run(y, {keep: 1.0}), ROWS + 1)
    found = run(y, {keep: 0.5})
    assert set(np.round(np.unique(found / (ROWS + 1)), 9)) <= {0.0, 2.0}


# ---- cells


def test_what_a_cell_is_called_and_has():
    with slim.variable_scope("outer"):
        cell = cells.GRUCell(3, name="mine", dtype=slim.float64)
        cell(ROWS, cell.zero_state(2, slim.float64))
    names = [f"outer/mine/{part}/{kind}" for part in ("gates", "candidate") for kind in ("kernel", "bias")]
    assert (cell.name, cell.scope_name, cell.dtype, cell.built) == ("mine", "outer/mine", slim.float64, True)
    assert [v.op.name for v in cell.weights] == names
    assert cell.variables == cell.trainable_variables == cell.trainable_weights == slim.trainable_variables()
    assert cell.non_trainable_variables == []


def test_a_cell_that_is_not_trained():
    inner = cells.GRUCell(2, trainable=False)
    cell = cells.MultiRNNCell([cells.ResidualWrapper(cells.BasicRNNCell(4)), cells.DeviceWrapper(inner, "/cpu:0")])
    y, _ = cell(ROWS, cell.zero_state(2, slim.float64))
    assert len(cell.trainable_weights) == 2 and cell.trainable_weights == slim.trainable_variables()
    assert cell.non_trainable_weights == inner.weights and len(inner.weights) == 4
    assert y.op.device == "/cpu:0"


def test_wrapped_cells_have_the_sizes_of_what_is_inside():
    cell = cells.DropoutWrapper(cells.LSTMCell(3, num_proj=2))
    assert cell.state_size == cells.LSTMStateTuple(3, 2) and cell.output_size == 2
    assert isinstance(cell.wrapped_cell, cells.LSTMCell)
    assert cell.zero_state(5, slim.float32).h.shape.as_list() == [5, 2]


def test_states_of_zeros():
    cell = cells.MultiRNNCell([cells.LSTMCell(3), cells.GRUCell(2)])
    rows = slim.placeholder(slim.float32, [None, 4])
    for state in (cell.zero_state(slim.shape(rows)[0], slim.float32), cell.get_initial_state(rows)):
        assert state[0].c.shape.as_list() == [None, 3]
        found = run(state, {rows: np.ones((5, 4))})
        assert found[0].c.shape == (5, 3) and found[1].shape == (5, 2) and not found[1].any()
    assert cell.get_initial_state(batch_size=7, dtype=slim.float64)[1].shape.as_list() == [7, 2]


def test_the_dtype_of_a_state_tuple():
    zeros = slim.zeros([2, 3])
    assert cells.LSTMStateTuple(zeros, zeros).dtype == slim.float32
    with pytest.raises(DTypeError, match="differ"):
        cells.LSTMStateTuple(zeros, slim.zeros([2, 3], slim.float64)).dtype  # noqa: B018 - reading it raises


def refused():
    gru, x = cells.GRUCell, slim.constant(X)
    dropout, multi = cells.DropoutWrapper, cells.MultiRNNCell
    two_states = type("C", (Counter,), {"call": lambda self, i, h: (h, (h, h))})
    f64 = slim.float64
    yield lambda: slim.dynamic_rnn(gru(3), x), ValueError, "must be a dtype"
    yield lambda: slim.dynamic_rnn(3, x, dtype=f64), TypeError, "not an RNNCell"
    yield lambda: slim.dynamic_rnn(gru(3), x[0], dtype=f64), ShapeError, "wrong shape"
    yield lambda: slim.dynamic_rnn(gru(3), x[0, 0], dtype=f64), ShapeError, "at least two dimensions"
    yield lambda: slim.dynamic_rnn(gru(3), slim.placeholder(f64, [2, 3, None]), dtype=f64), ShapeError, "d known"
    yield lambda: slim.dynamic_rnn(gru(3), (x, x[:1]), dtype=f64), ShapeError, "[3 steps, 2 rows, d ...]"
    yield lambda: slim.dynamic_rnn(gru(3), x, [[1, 2]], dtype=f64), ShapeError, "a vector of length"
    yield lambda: slim.dynamic_rnn(gru(3), x, [1, 2, 3], dtype=f64), ShapeError, "expected [2]"
    yield lambda: slim.dynamic_rnn(two_states(), x, dtype=f64), ArgumentTypeError, "expected *"
    yield lambda: slim.dynamic_rnn(gru(3), x, initial_state=slim.zeros([2, 3])), TypeError, "float32"
    yield lambda: slim.static_rnn(gru(3), x, dtype=f64), TypeError, "no list"
    yield lambda: slim.static_rnn(gru(3), [], dtype=f64), ValueError, "empty"
    yield lambda: slim.static_bidirectional_rnn(gru(3), gru(3), [], dtype=f64), ValueError, "empty"
    yield lambda: slim.bidirectional_dynamic_rnn(gru(3), 3, x, dtype=f64), TypeError, "cell_bw"
    yield lambda: gru(3)(slim.zeros([2, 4], slim.int32), slim.zeros([2, 3])), ValueError, "got      int32"
    yield lambda: gru(3, dtype=slim.int32), ValueError, "floating"
    yield lambda: gru(3)(x, slim.zeros([2, 3])), ShapeError, "GRUCell: the inputs have the wrong shape"
    yield lambda: gru(3, activation="nope"), ValueError, "nope"
    yield lambda: gru(3).scope_name, ValueError, "before it is called"
    yield lambda: gru(3).get_initial_state(), ValueError, "batch_size=None"
    yield lambda: gru(3).get_initial_state(x, batch_size=5), ValueError, "batch_size=5"
    yield lambda: gru(3).get_initial_state(x, dtype=slim.float32), ValueError, "float32"
    yield lambda: multi([]), ValueError, "at least one"
    yield lambda: multi(gru(3)), TypeError, "list or tuple"
    yield lambda: multi([cells.LSTMCell(3)], state_is_tuple=False), ValueError, "c=3"
    yield lambda: multi([gru(3)])(ROWS, slim.zeros([2, 3])), ValueError, "1 states"
    yield lambda: dropout(gru(3), input_keep_prob=1.5), ValueError, "1.5"
    yield lambda: dropout(3), TypeError, "not an RNNCell"
    yield lambda: dropout(gru(3), dropout_state_filter_visitor=3), TypeError, "no function"
    yield lambda: dropout(gru(3), variational_recurrent=True), ValueError, "dtype"
    yield lambda: dropout(gru(3), 0.5, variational_recurrent=True, dtype=f64), ValueError, "input_size"
    yield lambda: cells.ResidualWrapper(gru(3))(ROWS, np.zeros((2, 3))), ValueError, "[2, 4]"
    yield lambda: cells.RNNCell().state_size, NotImplementedError, "RNNCell"
    yield lambda: cells.RNNCell().output_size, NotImplementedError, "RNNCell"
    yield lambda: cells.RNNCell()(ROWS, ROWS), NotImplementedError, "call(inputs, state)"


@pytest.mark.parametrize("i", range(35))
def test_what_is_refused(i):
    define, kind, part = list(refused())[i]
    with pytest.raises(kind, match=re.escape(part)):
        define()


def test_a_second_network_needs_another_scope_or_reuse():
    slim.dynamic_rnn(cells.GRUCell(3), X, dtype=slim.float64)
    with pytest.raises(ValueError, match="rnn/gru_cell/gates/kernel already exists"):
        slim.dynamic_rnn(cells.GRUCell(3), X, dtype=slim.float64)


def test_reverse_sequence_refuses_an_axis_for_two():
    with pytest.raises(InvalidArgumentError, match="an axis of its own"):
        slim.reverse_sequence(X, [1, 2], seq_axis=0)
    with pytest.raises(InvalidArgumentError, match="none of the sequence"):
        run(slim.reverse_sequence(X, [1, 4], seq_axis=1))


class WideCounter(Counter):
    state_size = output_size = 8


@pytest.mark.parametrize("time_major", [False, True])
def test_layers_of_both_directions(time_major):
    x = np.moveaxis(X, 0, 1) if time_major else X
    outputs, fw, bw = rnn.stack_bidirectional_dynamic_rnn(
        [Counter(), WideCounter()], [Counter(), WideCounter()], slim.constant(x), dtype=slim.float64,
        sequence_length=[3, 3], time_major=time_major,
    )  # fmt: skip
    step = np.arange(3.0)[:, None] if not time_major else np.arange(3.0)[:, None, None]
    below = np.concatenate([x + step, x + 2 - step], 2)
    found, states = run([outputs, (*fw, *bw)])
    np.testing.assert_allclose(found, np.concatenate([below + step, below + 2 - step], 2))
    assert [s.shape for s in states] == [(2, 4), (2, 8)] * 2 and all((s == 3).all() for s in states)


def test_layers_of_both_directions_have_tensorflows_variables():
    lstm = [[cells.LSTMCell(2) for _ in range(2)] for _ in range(2)]
    rnn.stack_bidirectional_dynamic_rnn(*lstm, slim.constant(X), dtype=slim.float64)
    names = {v.op.name for v in slim.get_variables()}
    assert names == {
        f"stack_bidirectional_rnn/cell_{i}/bidirectional_rnn/{way}/lstm_cell/{name}"
        for i in range(2) for way in ("fw", "bw") for name in ("kernel", "bias")
    }  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="2 and 1 cells"):
        rnn.stack_bidirectional_dynamic_rnn(lstm[0], lstm[1][:1], slim.constant(X), dtype=slim.float64)
