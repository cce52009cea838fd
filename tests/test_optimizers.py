"""Optimizers: ten steps as TensorFlow takes them, rows alone against NumPy's loops, slots, names, errors.

Where no golden file is named, names and errors are what TensorFlow 2.15.1 (compat.v1) gives for the same program.
"""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim import optimizers
from npslim.graph_keys import GraphKeys

# ---- against TensorFlow


def class_of(case):
    """The optimizer of a golden case, or None: a later release has it."""
    return getattr(optimizers, case.op.rpartition(".")[2], None)


CASES = [c for c in golden_cases.load("optim") if c.op.endswith("Optimizer") and class_of(c)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_ten_steps(case):
    inputs, expected = case.arrays("inputs"), case.arrays("outputs")
    w = slim.Variable(inputs["w0"], name="w")
    step = slim.get_or_create_global_step()
    optimizer = class_of(case)(**case.args)
    if "ids" in inputs:
        ids = slim.placeholder(slim.int32, [3])
        loss = slim.reduce_sum(slim.square(slim.gather(w, ids) - 1.0))
        feeds = [{ids: row} for row in inputs["ids"]]
    else:
        loss = slim.reduce_mean(slim.square(slim.matmul(slim.constant(inputs["A"]), w) - inputs["T"]))
        feeds = [{}] * len(expected["w"])
    train = optimizer.minimize(loss, global_step=step)
    assert [v.op.name for v in slim.global_variables()] == case.facts["global_variables"]
    slots = [name.removeprefix("slot:") for name in expected if name.startswith("slot:") and "@0" not in name]
    assert optimizer.get_slot_names() == sorted(slots)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for name in slots:
        close(session.run(optimizer.get_slot(w, name)), expected[f"slot:{name}@0"])
    for i, feed in enumerate(feeds):
        before, _ = session.run([loss, train], feed)
        if "loss_before_update" in expected:
            close(before, expected["loss_before_update"][i])
        close(session.run(w), expected["w"][i])
    for name in slots:
        close(session.run(optimizer.get_slot(w, name)), expected[f"slot:{name}"], rtol=1e-5)
    assert session.run(step) == len(feeds)


def close(actual, expected, rtol=2e-6):
    """Within what ten steps make of float32's rounding."""
    assert actual.dtype == expected.dtype
    golden_cases.note("optimizers", "ten steps", actual, expected)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=2e-6)


# ---- rows alone


# 0.5 and 0.75 are exact: a hyperparameter is a float32 tensor, as TensorFlow's, whatever the variable's dtype


def sgd(var, state, rows, gradients):
    for row, gradient in zip(rows, gradients, strict=True):
        var[row] -= 0.5 * gradient


def momentum(nesterov):
    def update(var, accum, rows, gradients):
        for row in sorted(set(rows)):  # rows that come twice are added up and move once
            gradient = sum(g for r, g in zip(rows, gradients, strict=True) if r == row)
            accum[row] = 0.75 * accum[row] + gradient
            var[row] -= 0.5 * (gradient + 0.75 * accum[row] if nesterov else accum[row])

    return update


@pytest.mark.parametrize(
    "optimizer, update",
    [
        (slim.GradientDescentOptimizer(0.5), sgd),
        (slim.MomentumOptimizer(0.5, 0.75), momentum(False)),
        (slim.MomentumOptimizer(0.5, 0.75, use_nesterov=True), momentum(True)),
    ],
)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 2)])
def test_rows(optimizer, update, shape):
    rng = np.random.default_rng(3)
    expected, state = rng.normal(size=shape), np.zeros(shape)
    v = slim.Variable(expected.copy(), name="v")
    values, indices = slim.placeholder(slim.float64, (None, *shape[1:])), slim.placeholder(slim.int64, [None])
    train = optimizer.apply_gradients([(slim.IndexedSlices(values, indices), v)])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for rows in ([0, 2, 2], [], [3, 3, 3, 0], [2]):
        gradients = rng.normal(size=(len(rows), *shape[1:]))
        session.run(train, {values: gradients, indices: np.array(rows, np.int64)})
        update(expected, state, rows, gradients)
        np.testing.assert_allclose(session.run(v), expected, rtol=1e-12)


def test_rows_under_adam_move_all():
    """Adam's averages decay everywhere: rows without a gradient go on moving."""
    expected, m, v = np.ones((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))
    w = slim.Variable(expected.copy())
    ids = slim.placeholder(slim.int32, [None])
    train = slim.AdamOptimizer(0.1).minimize(slim.reduce_sum(slim.square(slim.gather(w, ids))))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for t, rows in enumerate(([0, 0], [1], []), 1):
        session.run(train, {ids: rows})
        gradient = 2 * expected * np.bincount(rows, minlength=3).reshape(3, 1)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        expected = expected - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(session.run(w), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [[2, 3], [None, 3], None])
@pytest.mark.parametrize("ids", [[[0, 2, 2], [3, 3, 0]], [[1, 1, 1]]])
def test_rows_taken_by_a_matrix_of_indices(ids, shape):
    """As embeddings of sequences are: each row moves by the sum of its cotangents, under momentum, too."""
    expected, state = np.arange(8.0).reshape(4, 2), np.zeros((4, 2))
    w = slim.Variable(expected.copy())
    given = slim.placeholder(slim.int32, shape if shape != [2, 3] else np.shape(ids))
    rows = slim.gather(w, given)
    (grad,) = slim.gradients(slim.reduce_sum(rows * rows), [w])
    assert len(grad.indices.shape) == 1
    train = slim.MomentumOptimizer(0.5, 0.75).apply_gradients([(grad, w)])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        session.run(train, {given: ids})
        momentum(False)(expected, state, np.ravel(ids), 2 * expected[np.ravel(ids)])
        np.testing.assert_allclose(session.run(w), expected, rtol=1e-12)


# ---- nodes, slots and variables


def node_names():
    return [node.name for node in slim.get_default_graph().nodes]


@pytest.mark.parametrize(
    "optimizer, with_step, expected",
    [
        (slim.GradientDescentOptimizer(0.1), False, "learning_rate update_v/ApplyGradientDescent"),
        (slim.MomentumOptimizer(0.1, 0.9), True, "learning_rate momentum update_v/ApplyMomentum update"),
        (
            slim.AdamOptimizer(),
            False,
            "learning_rate beta1 beta2 epsilon update_v/ApplyAdam mul Assign mul_1 Assign_1",
        ),
    ],
)
def test_names_of_nodes(optimizer, with_step, expected):
    v = slim.Variable(1.0, name="v")
    step = slim.create_global_step() if with_step else None
    train = optimizer.minimize(v * v, step)
    name = optimizer.get_name()
    made = [node.removeprefix(name + "/") for node in node_names() if node.startswith(name + "/")]
    assert [node for node in made if node != "Const"] == expected.split()  # the increment: TensorFlow calls it value
    assert (train.name, train.type) == (name, "AssignAdd" if with_step else "NoOp")
    assert slim.get_collection(GraphKeys.TRAIN_OP) == [train]


def test_slots():
    with slim.variable_scope("a"):
        w = slim.get_variable("w", [2], dtype=slim.float64)
    adam, momentum = slim.AdamOptimizer(), slim.MomentumOptimizer(0.1, 0.9, name="Mine")
    assert adam.get_slot_names() == [] and adam.variables() == [] and adam.get_slot(w, "m") is None
    adam.minimize(slim.reduce_sum(w))
    with slim.variable_scope("training"):
        momentum.minimize(slim.reduce_sum(w))
    assert adam.get_slot_names() == ["m", "v"]
    assert adam.get_slot(w, "m").name == "a/w/Adam:0"
    assert adam.get_slot(w, "v").name == "a/w/Adam_1:0"
    assert adam.get_slot(w, "other") is None
    assert [v.op.name for v in adam.variables()] == ["a/w/Adam", "a/w/Adam_1", "beta1_power", "beta2_power"]
    assert momentum.get_slot(w, "momentum").op.name == "training/a/w/Mine"
    for v in (*adam.variables(), *momentum.variables()):
        assert v in slim.global_variables() and v not in slim.trainable_variables()
    assert adam.get_slot(w, "m").dtype == slim.float64
    assert adam.get_slot(w, "m").shape.as_list() == [2]


def test_one_optimizer_minimizes_twice():
    v, u = slim.Variable([1.0], name="v"), slim.Variable([1.0], name="u")
    optimizer = slim.AdamOptimizer()
    trains = [optimizer.minimize(v * v), optimizer.minimize(v * u)]
    assert [train.name for train in trains] == ["Adam", "Adam_1"]
    expected = ["beta1_power", "beta2_power", "u/Adam", "u/Adam_1", "v/Adam", "v/Adam_1"]
    assert [x.op.name for x in optimizer.variables()] == expected


def test_two_optimizers_of_one_name_have_slots_of_their_own():
    v = slim.Variable([1.0], name="v")
    slots = []
    for _ in range(2):
        optimizer = slim.MomentumOptimizer(0.1, 0.9)
        optimizer.minimize(v * v)
        slots.append(optimizer.get_slot(v, "momentum").op.name)
    assert slots == ["v/Momentum", "v/Momentum_1"]


# ---- minimize, compute_gradients, apply_gradients


@pytest.fixture
def problem(fresh_graph):
    """(x, y, session): the loss x ** 2 + 3 y is to be minimized from (2, 1)."""
    x, y = slim.Variable(2.0, name="x"), slim.Variable(1.0, name="y")
    return x, y, slim.Session()


def test_minimize(problem):
    x, y, session = problem
    train = slim.GradientDescentOptimizer(0.25).minimize(x * x + 3.0 * y)
    session.run(slim.global_variables_initializer())
    assert session.run(train) is None
    assert session.run([x, y]) == [1.0, 0.25]
    session.run(train)
    assert session.run([x, y]) == [0.5, -0.5]


def test_some_variables(problem):
    x, y, session = problem
    train = slim.GradientDescentOptimizer(0.25).minimize(x * x + 3.0 * y, var_list=[y])
    session.run(slim.global_variables_initializer())
    session.run(train)
    assert session.run([x, y]) == [2.0, 0.25]


def test_gradients_and_what_becomes_of_them(problem):
    x, y, session = problem
    optimizer = slim.GradientDescentOptimizer(1.0)
    (dx, vx), (dy, vy) = optimizer.compute_gradients(x * x)
    assert (vx, vy, dy) == (x, y, None)
    train = optimizer.apply_gradients(((g, v) for g, v in [(dx * 0.25, x), (None, y)]), name="step")
    assert train.name == "step"
    session.run(slim.global_variables_initializer())
    session.run(train)
    assert session.run([x, y]) == [1.0, 1.0]


def test_grad_loss(problem):
    x, _, session = problem
    ((dx, _),) = slim.GradientDescentOptimizer(1.0).compute_gradients(x * x, [x], grad_loss=slim.constant(10.0))
    session.run(slim.global_variables_initializer())
    assert session.run(dx) == 40.0


def test_the_step_is_counted_after_the_updates(problem):
    x, _, session = problem
    step = slim.get_or_create_global_step()
    train = slim.GradientDescentOptimizer(0.25).minimize(x * x, global_step=step)
    with slim.control_dependencies([train]):
        after = [x.read_value(), step.read_value()]
    session.run(slim.global_variables_initializer())
    assert session.run([*after, x, step]) == [1.0, 1, 1.0, 1]
    assert session.run(step) == 1
    session.run(train)
    assert session.run(step) == 2


def test_gradients_are_those_of_one_point(problem):
    """Both gradients are taken before either variable moves."""
    x, y, session = problem
    train = slim.GradientDescentOptimizer(1.0).minimize(x * y)
    session.run(slim.global_variables_initializer())
    session.run(train)
    assert session.run([x, y]) == [1.0, -1.0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "optimizer", [slim.GradientDescentOptimizer(0.5), slim.MomentumOptimizer(0.5, 0.9), slim.AdamOptimizer(0.5, 0.5)]
)
def test_the_dtype_is_kept(optimizer, dtype):
    v = slim.Variable(np.array([1.0, 2.0], dtype))
    train = optimizer.minimize(slim.reduce_sum(v))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(train)
    value = session.run(v)
    assert value.dtype == dtype
    np.testing.assert_allclose(value, [0.5, 1.5], rtol=1e-3)


def test_hyperparameters_may_be_tensors_and_functions(problem):
    x, _, session = problem
    rate = slim.placeholder(slim.float32, [])
    trains = [slim.GradientDescentOptimizer(r).minimize(x * 1.0) for r in (rate, lambda: 0.5)]
    session.run(slim.global_variables_initializer())
    session.run(trains[0], {rate: 0.25})
    assert session.run(x) == 1.75
    session.run(trains[1])
    assert session.run(x) == 1.25


def test_a_constraint_holds_after_the_update(fresh_graph):
    v = slim.get_variable("v", initializer=np.float32([1, 3]), constraint=lambda w: slim.minimum(w, 1.5))
    train = slim.GradientDescentOptimizer(1.0).minimize(-slim.reduce_sum(v))
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(train)
    np.testing.assert_array_equal(session.run(v), [1.5, 1.5])


def test_an_optimizer_of_ones_own(problem):
    """The two methods that a new optimizer needs."""

    class Sign(slim.Optimizer):
        def __init__(self):
            super().__init__(False, "Sign")

        def _create_slots(self, var_list):
            for var in var_list:
                self._zeros_slot(var, "count", self._name)

        def _apply_dense(self, grad, var):
            return slim.group(self.get_slot(var, "count").assign_add(1.0), var.assign_sub(slim.sign(grad)))

    x, _, session = problem
    optimizer = Sign()
    train = optimizer.minimize(x * x, var_list=[x])
    session.run(slim.global_variables_initializer())
    session.run(train)
    assert session.run([x, optimizer.get_slot(x, "count")]) == [1.0, 1.0]
    assert optimizer.variables()[0].op.name == "x/Sign"


# ---- errors


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda o, v: o.minimize(v * v, var_list=[]), ValueError, "No variables to optimize"),
        (lambda o, v: o.minimize(slim.constant(1.0)), ValueError, r"(?s)No gradients provided.*\['v'\]"),
        (lambda o, v: o.apply_gradients([]), ValueError, "No variables provided"),
        (lambda o, v: o.apply_gradients([(None, v)]), ValueError, r"(?s)No gradients provided.*\['v'\]"),
        (lambda o, v: o.compute_gradients(v * v, [slim.constant(1.0)]), TypeError, "(?s)Only variables.*Const"),
        (lambda o, v: o.apply_gradients([(slim.constant([1.0, 2.0]), v)]), ValueError, r"(?s)gradient.*\[\].*\[2\]"),
        (lambda o, v: o.apply_gradients([(slim.constant(1.0), slim.constant(1.0))]), TypeError, "(?s)Only var.*Const"),
        (lambda o, v: o.apply_gradients([("a", v)]), TypeError, "(?s)float32.*string"),
        (lambda o, v: o.minimize(slim.cast(v, slim.int32)), ValueError, "(?s)Only floating.*int32"),
        (lambda o, v: slim.GradientDescentOptimizer(1.0, name=""), ValueError, "needs a name"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(slim.GradientDescentOptimizer(1.0), slim.Variable(1.0, name="v"))


def test_there_must_be_variables():
    with pytest.raises(ValueError, match="No variables to optimize"):
        slim.GradientDescentOptimizer(1.0).minimize(slim.constant(1.0))


def test_the_base_says_nothing_of_updates():
    v = slim.Variable(1.0, name="v")
    with pytest.raises(NotImplementedError):
        slim.Optimizer(False, "Nothing").minimize(v * v)
