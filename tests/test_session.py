"""The session: fetches, feeds, state, threads, memory, errors."""

import collections
import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import npslim as slim
from npslim.errors import FailedPreconditionError, GraphError, InvalidArgumentError, ShapeError
from npslim.graph import Graph, get_default_graph

Pair = collections.namedtuple("Pair", "first second")


@pytest.fixture
def x():
    return slim.placeholder(slim.float32, [None, 2], name="x")


@pytest.fixture
def session():
    return slim.Session()


ONES = np.ones((3, 2), np.float32)

# ---- fetches


def test_fetch_structures(x, session):
    y = slim.multiply(x, 2.0, name="y")
    v = slim.Variable(np.array([1.0, 2.0]), name="v")
    session.run(v.initializer)
    rows = slim.IndexedSlices(values=y, indices=slim.constant([4, 5, 6]))
    fetches = collections.OrderedDict(
        b=[y, (x, Pair(y, {"deep": "y:0"}))], a="y", c=v, d=(), e=rows, f=v.initializer, g=[[], {}]
    )
    found = session.run(fetches, {x: ONES})
    assert list(found) == list("bacdefg") and type(found) is collections.OrderedDict
    assert type(found["b"]) is list and type(found["b"][1]) is tuple and type(found["b"][1][1]) is Pair
    np.testing.assert_array_equal(found["b"][1][1].second["deep"], 2 * ONES)
    assert found["a"] is None and found["f"] is None and found["d"] == () and found["g"] == [[], {}]
    np.testing.assert_array_equal(found["c"], [1, 2])
    np.testing.assert_array_equal(found["e"].values, 2 * ONES)
    np.testing.assert_array_equal(found["e"].indices, [4, 5, 6])


def test_scalars_are_numpy_scalars(session):
    found = session.run([slim.constant(1.5), slim.constant(2), slim.constant("s"), slim.constant(True)])
    assert found == [1.5, 2, b"s", True]
    assert [type(f) for f in found] == [np.float32, np.int32, bytes, np.bool_]


def test_one_tensor_fetched_twice_is_computed_once(session):
    calls = []
    y = slim.py_func(lambda: calls.append(1) or np.float32(7), [], slim.float32)
    assert session.run([y, y, {"y": y}]) == [7, 7, {"y": 7}] and calls == [1]


def test_only_what_is_needed_runs(x, session):
    slim.check_numerics(slim.constant([np.nan]), "not asked for")
    np.testing.assert_array_equal(session.run(x + 1.0, {x: ONES}), 2 * ONES)


@pytest.mark.parametrize(
    "fetch, kind, part",
    [
        (3, TypeError, "3 of type int"),
        (None, TypeError, "None"),
        ("nothing", ValueError, "'nothing'"),
        ("x:7", ValueError, "no output 7"),
        ([np.ones(2)], TypeError, "cannot be fetched"),
    ],
)
def test_wrong_fetches(fetch, kind, part, x, session):
    with pytest.raises(kind) as caught:
        session.run(fetch)
    assert part in str(caught.value)


def test_a_tensor_of_another_graph(session):
    with Graph().as_default():
        y = slim.constant(1.0)
    with pytest.raises(GraphError, match="Const:0"):
        session.run(y)


def test_fetching_a_variable_gives_its_value_after_the_assignments(session):
    v = slim.Variable(1.0, name="v")
    session.run(v.initializer)
    assert session.run([v, v.assign_add(2.0), v.value()]) == [3.0, 3.0, 1.0]


# ---- feeds


def test_any_tensor_may_be_fed(x, session):
    calls = []
    inside = slim.py_func(lambda a: calls.append(1) or a, [x], slim.float32)
    y = inside * 3.0
    np.testing.assert_array_equal(session.run(y, {inside: ONES}), 3 * ONES)
    assert not calls
    np.testing.assert_array_equal(session.run([y, inside], {y: ONES, inside: 5 * ONES})[0], ONES)
    c = slim.constant(2.0)
    assert session.run(c + 1.0, {c: 5.0}) == 6.0


def test_a_variable_may_be_fed(session):
    v = slim.Variable(1.0, name="v")
    assert session.run(v * 2.0, {v: 4.0}) == 8.0
    assert session.run(v, {v: 4.0}) == 4.0
    with pytest.raises(FailedPreconditionError):
        session.run(v)


def test_feeds_by_name_and_of_many_kinds(x, session):
    y = x * 1.0
    for value in ([[1, 2]], [[1.0, 2.0]], np.array([[1, 2]], np.int64), ((1, 2),), np.array([[1.0, 2.0]], np.float64)):
        found = session.run(y, {"x:0": value})
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, [[1, 2]])


def test_a_fed_array_is_read_in_any_layout(session):
    x = slim.placeholder(slim.float32, [None, None])
    big = np.arange(24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(session.run(x * 1.0, {x: big[::2, ::-2].T}), big[::2, ::-2].T)


@pytest.mark.parametrize(
    "value, kind, parts",
    [
        (np.ones((3, 5)), ShapeError, ["x:0", "[?, 2]", "[3, 5]", "test_session.py"]),
        (1.0, ShapeError, ["[?, 2]", "[]"]),
        ([["a", "b"]], TypeError, ["x:0", "float32", "test_session.py"]),
        ([[1.0, None]], TypeError, ["None"]),
        ([[1.0], [1.0, 2.0]], InvalidArgumentError, ["not of one shape"]),
        (None, TypeError, ["None"]),
    ],
)
def test_wrong_feeds(value, kind, parts, x, session):
    with pytest.raises(kind) as caught:
        session.run(x, {x: value})
    for part in parts:
        assert part in str(caught.value)


def test_a_float_for_an_integer_is_refused(session):
    n = slim.placeholder(slim.int32, [], name="n")
    with pytest.raises(TypeError, match="1.5"):
        session.run(n, {n: 1.5})


def test_wrong_feed_keys(x, session):
    for key, kind in (("nothing:0", ValueError), (3, TypeError), (x.op, TypeError)):
        with pytest.raises(kind, match="Cannot feed"):
            session.run(x, {key: ONES})
    with pytest.raises(TypeError, match="dictionary"):
        session.run(x, [ONES])
    with pytest.raises(TypeError, match="cannot be a tensor"):
        session.run(x, {x: x + 1.0})


def test_a_missing_feed_names_the_placeholder(x, session):
    with pytest.raises(InvalidArgumentError, match="'x'") as caught:
        session.run(x + 1.0)
    assert any("test_session.py" in note for note in caught.value.__notes__)


# ---- nobody shares an array with the session


def test_changing_what_was_fetched_or_fed_changes_nothing(x, session):
    start = np.array([1.0, 2.0])
    v = slim.Variable(np.zeros(2), name="v")
    fed = slim.placeholder(slim.float64, [2])
    set_v = v.assign(fed)
    given = session.run(set_v, {fed: start})
    given[:] = 7
    start[:] = 8
    session.run(v)[:] = 9
    session.run(v.value())[:] = 9
    np.testing.assert_array_equal(session.run(v), [1, 2])
    c = slim.constant([1.0])
    session.run(c)[:] = 5
    assert session.run(c) == [1.0]
    held = session.run(slim.identity(x), {x: ONES})
    held[:] = 5
    assert ONES.max() == 1


def test_a_value_read_before_an_assignment_stays(session):
    v = slim.Variable(np.zeros(3), name="v")
    session.run(v.initializer)
    before = session.run(v)
    session.run(v.assign_add(np.ones(3)))
    np.testing.assert_array_equal(before, 0)


# ---- state


def test_an_uninitialized_variable_is_named(session):
    v = slim.Variable(1.0, name="scope/v")
    for fetch in (v, v + 1.0, v.assign_add(1.0)):
        with pytest.raises(FailedPreconditionError, match="scope/v"):
            session.run(fetch)


def test_sessions_have_states_of_their_own():
    v = slim.Variable(1.0, name="v")
    a, b = slim.Session(), slim.Session()
    a.run(v.initializer)
    b.run(v.assign(5.0))
    assert (a.run(v), b.run(v)) == (1.0, 5.0)


def test_a_closed_session(session):
    c = slim.constant(1.0)
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(c)
    with slim.Session() as entered:
        assert entered.run(c) == 1.0
    with pytest.raises(RuntimeError, match="closed"):
        entered.run(c)


def test_default_sessions():
    c = slim.constant(4.0)
    with pytest.raises(ValueError, match="no session"):
        c.eval()
    with slim.Session() as session:
        assert slim.get_default_session() is session and c.eval() == 4.0
        v = slim.Variable(2.0)
        v.initializer.run()
        assert v.eval() == 2.0
    other = slim.InteractiveSession()
    assert c.eval() == 4.0
    other.close()
    assert slim.get_default_session() is None


def test_a_session_of_another_graph():
    with Graph().as_default() as g:
        c = slim.constant(1.0)
    with slim.Session(graph=g) as session:
        assert get_default_graph() is g and session.run(c) == 1.0


def test_make_callable(x, session):
    double = session.make_callable(x * 2.0, [x])
    np.testing.assert_array_equal(double(ONES), 2 * ONES)


@pytest.mark.parametrize("wrong", [{"kernels": "quick"}, {"device": "tpu"}])
def test_kernels_and_devices_that_do_not_exist(wrong):
    with pytest.raises(InvalidArgumentError, match=next(iter(wrong.values()))):
        slim.Session(**wrong)


def test_nodes_may_be_added_between_runs(x, session):
    y = x + 1.0
    session.run(y, {x: ONES})
    z = y * 2.0
    np.testing.assert_array_equal(session.run(z, {x: ONES}), 4 * ONES)


# ---- threads


def test_eight_threads_in_one_session(session):
    x = slim.placeholder(slim.float64, [None])
    v = slim.Variable(np.zeros(()), name="v")
    y, count = slim.reduce_sum(x * x), v.assign_add(1.0)
    session.run(v.initializer)
    wrong, barrier = [], threading.Barrier(8)

    def work(k):
        barrier.wait()
        for n in range(50):
            data = np.full(10 + n, float(k))
            if session.run([y, count], {x: data})[0] != (10 + n) * k * k:
                wrong.append((k, n))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and session.run(v) == 400.0


# ---- memory


def test_values_are_dropped_after_their_last_reader(session):
    alive = []

    class Traced(np.ndarray):
        pass

    def trace(t):
        def make(a):
            made = np.array(a).view(Traced)
            alive.append(weakref.ref(made))
            return made

        return slim.py_func(make, [t], slim.float32)

    def living(*_):
        gc.collect()
        return np.int32(sum(ref() is not None for ref in alive))

    x = trace(slim.constant([1.0]))
    seen = slim.py_func(living, [slim.reduce_sum(x)], slim.int32)
    assert session.run(seen) == 0


def test_a_deep_chain_needs_the_memory_of_two_steps(session):
    y = x = slim.placeholder(slim.float32, [None])
    for _ in range(50):
        y = y + 1.0
    size = 4 * 250_000
    data = np.zeros(250_000, np.float32)
    total = slim.reduce_sum(y)
    session.run(total, {x: data})
    tracemalloc.start()
    session.run(total, {x: data})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * size


def test_a_value_fades_where_only_its_shape_is_needed(session):
    x = slim.placeholder(slim.float32, [None])
    (g,) = slim.gradients(slim.reduce_sum(x + 1.0), x)  # of the sum's input, the way back needs the shape alone
    plan = session.explain(g)
    assert "fades" in plan
    data = np.zeros(500_000, np.float32)
    session.run(g, {x: data})
    tracemalloc.start()
    session.run(g, {x: data})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * data.nbytes


# ---- explain and errors


def test_explain(x, session):
    y = slim.reduce_sum(slim.exp(x, name="grow"), name="all")
    lines = session.explain(y, {x: ONES}).splitlines()
    assert lines[0].split()[:5] == ["name", "op", "output", "FLOPs", "kernel"]
    arena, grow, total, end = lines[1:]
    assert "Exp" in grow and "float32 [?, 2]" in grow and "loop exp, into a buffer" in grow
    assert "takes an arena" in arena and "fast reduce_sum" in total
    assert "gives back" in end and "drops grow:0" in end
    assert not any(line.split()[1] == "x" for line in lines[1:]), "what is fed does not run"
    assert "float64" in slim.Session(kernels="reference").explain(y)


def test_a_kernels_error_names_node_line_and_inputs(x, session):
    y = slim.py_func(lambda a: 1 // 0, [x], slim.float32, name="bad")
    with pytest.raises(ZeroDivisionError) as caught:
        session.run(y, {x: ONES})
    (note,) = caught.value.__notes__
    for part in ("bad (PyFunc)", "test_session.py", "x:0 float32 [3, 2]"):
        assert part in note


def test_an_op_error_knows_its_node(session):
    y = slim.check_numerics(slim.constant([np.inf]), "not finite", name="guard")
    with pytest.raises(InvalidArgumentError, match="not finite") as caught:
        session.run(y)
    assert caught.value.op is y.op and caught.value.node_def is y.op


def test_a_run_that_fails_leaves_the_session_usable(x, session):
    v = slim.Variable(1.0, name="v")
    session.run(v.initializer)
    with slim.control_dependencies([v.assign_add(1.0)]):
        bad = slim.check_numerics(v.read_value() + np.float32(np.nan), "bad")
    with pytest.raises(InvalidArgumentError):
        session.run(bad)
    assert session.run(v) == 2.0


def test_numpy_warnings_do_not_leak_from_kernels(session):
    assert session.run(slim.constant(1.0) / slim.constant(0.0)) == np.inf


def test_reference_kernels_round_once():
    x = slim.placeholder(slim.float32, [None])
    data = np.full(10_000_001, 0.1, np.float32)
    found = slim.Session(kernels="reference").run(slim.reduce_sum(x), {x: data})
    assert found == np.float32(np.float64(np.float32(0.1)) * 10_000_001) and found.dtype == np.float32


# ---- one node at a time


def small_training():
    """(train op, loss, weights, feeds) of a layer that learns by momentum."""
    x = slim.placeholder(slim.float32, [None, 3], name="x")
    y = slim.fully_connected(x, 2, scope="layer")
    loss = slim.reduce_sum(slim.square(y), name="loss")
    train = slim.MomentumOptimizer(0.1, 0.9).minimize(loss)
    weights = slim.get_model_variables()[0]
    return train, loss, weights, {x: np.arange(6.0).reshape(2, 3)}


@pytest.mark.parametrize("kernels", ["fast", "plain", "reference"])
def test_steps_give_what_run_gives(kernels):
    slim.set_random_seed(3)
    train, loss, weights, feeds = small_training()
    stepped, whole = slim.Session(kernels=kernels), slim.Session(kernels=kernels)
    for session in (stepped, whole):
        session.run(slim.global_variables_initializer())
    for _ in range(3):
        events = list(stepped.step([train, loss], feeds))
        (seen,) = (event.outputs[0] for event in events if event.node.name == "loss")
        _, value = whole.run([train, loss], feeds)
        np.testing.assert_allclose(seen, value, rtol=1e-5)
    np.testing.assert_allclose(stepped.run(weights), whole.run(weights), rtol=1e-5)


def test_events_come_in_the_order_of_the_plan_and_say_what_goes():
    train, loss, weights, feeds = small_training()
    session = slim.Session(kernels="plain")
    session.run(slim.global_variables_initializer())
    events = list(session.step([train, loss], feeds))
    lines = session.explain([train, loss], feeds).splitlines()[1:]
    assert [event.node.name for event in events] == [line.split()[1] for line in lines]
    for event, line in zip(events, lines, strict=True):
        for word, names in (("fades ", event.faded), ("drops ", event.dropped)):
            assert (word + ", ".join(names) in line) == bool(names)
    phases = [event.phase for event in events]
    assert phases.index("forward") < phases.index("backward") < phases.index("update")
    assert {e.node.forward.name for e in events if e.phase == "backward"} == {
        "loss", "Square", "layer/Relu", "layer/BiasAdd", "layer/MatMul",
    }  # fmt: skip
    gone = [name for event in events for name in event.dropped]
    assert len(gone) == len(set(gone)) and "loss:0" not in gone
    assert events[-1].held == 4 + feeds[next(iter(feeds))].astype(np.float32).nbytes  # the loss, and what was fed


def test_an_event_reads_as_a_line():
    x = slim.constant(np.ones((2, 3), np.float32), name="x")
    first, second = slim.Session().step(slim.tanh(x))
    assert str(first).split() == ["0", "forward", "x", "Const", "float32", "[2,", "3]"]
    assert "drops x:0" in str(second)
    np.testing.assert_allclose(second.outputs[0], np.tanh(second.inputs[0]), rtol=1e-6)


def test_stepping_that_stops_early_has_no_later_effect():
    count = slim.Variable(0, name="count")
    first = slim.assign_add(count, 1)
    with slim.control_dependencies([first]):
        second = slim.assign_add(count, 10)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    for event in session.step(second):
        if event.node is first.op:
            break
    assert session.run(count) == 1


def test_an_error_in_a_step_names_the_node():
    x = slim.placeholder(slim.float32, [], name="x")
    with pytest.raises(slim.errors.InvalidArgumentError, match="must feed a value") as caught:
        list(slim.Session().step(x * 2.0))
    assert any("x (Placeholder)" in note for note in caught.value.__notes__)


def test_gradients_are_filed_under_their_tensor(fresh_graph):
    x = slim.placeholder(slim.float32, [3], name="x")
    y = slim.square(x)
    (g,) = slim.gradients(y, x)
    assert fresh_graph.cotangents[x] == [g]
    (second,) = slim.gradients(g, x)
    assert fresh_graph.cotangents[x] == [g, second]
    assert second.op.forward.name == "x" or second.op.forward.forward is not None


def test_a_read_is_no_update():
    v = slim.Variable(1.0)
    late = v.read_value()
    changed = v.assign_add(1.0)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    phases = {event.node.name: event.phase for event in session.step([late, changed])}
    assert phases[late.op.name] == "forward" and phases[changed.op.name] == "update"
    changes = {step.node.name for step in session.plan((late, changed), ()).steps if step.cells}
    assert changes == {changed.op.name}
