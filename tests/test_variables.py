"""Variables: names, values, assignments, sharing, slim's variables, finding them, the global step.

Names, collections and orders are what TensorFlow 2.15.1 with tf_slim 1.1.0 gives for the same program.
"""

import numpy as np
import pytest

import npslim as slim
from npslim.errors import FailedPreconditionError, InvalidArgumentError, ShapeError
from npslim.graph_keys import GraphKeys


@pytest.fixture
def session(fresh_graph):
    """A session of the fresh graph, the default one."""
    with slim.Session() as session:
        yield session


def initialized(session):
    session.run(slim.global_variables_initializer())
    session.run(slim.local_variables_initializer())
    return session


def names(variables):
    return " ".join(v.op.name for v in variables)


def collections_of(variable):
    graph = slim.get_default_graph()
    return {k for k in graph.get_all_collection_keys() if any(v is variable for v in graph.get_collection(k))}


# ---- what a variable is


def test_its_nodes():
    w = slim.Variable([1.0, 2.0], name="w")
    assert (w.name, w.op.name, w.op.type) == ("w:0", "w", "VariableV2")
    assert [node.name for node in slim.get_default_graph().nodes] == ["w/initial_value", "w", "w/Assign", "w/read"]
    assert w.initializer.name == "w/Assign"
    assert w.value().op.name == "w/read"
    assert w.shape.as_list() == w.get_shape().as_list() == [2]
    assert w.dtype == slim.float32
    assert "w:0" in repr(w)


@pytest.mark.parametrize(
    "given, dtype, expected",
    [
        (1.0, None, np.float32(1)),
        ([1, 2], None, np.int32([1, 2])),
        ([1, 2], slim.float32, np.float32([1, 2])),
        (True, None, np.bool_(True)),
        (np.float64([3]), None, np.float64([3])),
        (np.int64(4), None, np.int64(4)),
        (np.zeros((0, 2), np.float32), None, np.zeros((0, 2), np.float32)),
        (lambda: [5.0], None, np.float32([5])),
        (lambda: slim.ones([2]), None, np.float32([1, 1])),
        (lambda: np.float64(6), None, np.float64(6)),
    ],
)
def test_initial_values(session, given, dtype, expected):
    v = slim.Variable(given, dtype=dtype)
    value = initialized(session).run(v)
    assert v.dtype.dtype == value.dtype == expected.dtype
    np.testing.assert_array_equal(value, expected)


def test_initial_values_in_the_graph(session):
    text = slim.Variable("text")
    tensor = slim.Variable(slim.zeros([2]), name="a")
    function = slim.Variable(lambda: slim.zeros([2]), name="b")
    assert tensor.initial_value.op.name == "zeros"
    assert function.initial_value.op.name == "b/Initializer/zeros"
    assert initialized(session).run(text) == b"text"


def test_an_initial_value_may_be_that_of_another(session):
    v = slim.Variable([3.0])
    u = slim.Variable(v.initialized_value() * 2.0)
    initialized(session)
    np.testing.assert_array_equal(session.run(u), [6.0])


def test_initialized_value_is_the_value_once_there_is_one(session):
    v = slim.Variable([3.0])
    either = v.initialized_value()
    assert session.run(either) == [3.0]
    initialized(session)
    v.load([5.0], session)
    assert session.run(either) == [5.0]


def test_a_variable_needs_an_initial_value_of_known_shape():
    with pytest.raises(ValueError, match="needs an initial value"):
        slim.Variable()
    with pytest.raises(ValueError, match=r"(?s)v: the initial value's shape is not known.*\[\?\]"):
        slim.Variable(slim.placeholder(slim.float32, [None]), name="v")
    assert slim.global_variables() == []


def test_the_shape_may_be_left_open(session):
    x = slim.placeholder(slim.float32)
    v = slim.Variable(x, validate_shape=False)
    assert v.shape.ndims is None
    session.run(v.initializer, {x: [[1.0, 2.0]]})
    np.testing.assert_array_equal(session.run(v), [[1, 2]])
    session.run(v.initializer, {x: 3.0})
    assert session.run(v) == 3.0


def test_collections():
    assert collections_of(slim.Variable(1.0)) == {"variables", "trainable_variables"}
    assert collections_of(slim.Variable(1.0, trainable=None)) == {"variables", "trainable_variables"}
    assert collections_of(slim.Variable(1.0, trainable=False)) == {"variables"}
    assert collections_of(slim.Variable(1.0, collections=["mine"])) == {"mine", "trainable_variables"}
    assert collections_of(slim.Variable(1.0, collections=("mine",), trainable=False)) == {"mine"}
    assert collections_of(slim.Variable(1.0, collections=[], trainable=False)) == set()
    with pytest.raises(ValueError, match="(?s)collections is a list.*'mine'"):
        slim.Variable(1.0, collections="mine")


def test_it_lives_in_the_outermost_graph_without_conditions(session):
    x = slim.Variable(1.0)
    with slim.control_dependencies([slim.Assert(slim.constant(False), ["not now"])]):
        v = slim.Variable(2.0)
    made = []

    def branch():
        made.append(slim.get_variable("w", initializer=np.float32(7)))
        return made[-1] + x

    y = slim.cond(slim.constant(True), branch, lambda: x + 0.0)
    assert names(slim.global_variables()) == "Variable Variable_1 w"
    initialized(session)
    assert session.run([y, v]) == [8.0, 2.0]


# ---- reading and writing


def test_uninitialized(session):
    v = slim.Variable(1.0, name="v")
    for use in (v, v + 1.0, v.read_value(), v.assign_add(1.0)):
        with pytest.raises(FailedPreconditionError, match="uninitialized value v"):
            session.run(use)


def test_assignments(session):
    v = slim.Variable([1.0, 2.0])
    ops = v.assign([5.0, 7.0]), v.assign_add([1.0, 1.0]), v.assign_sub([2.0, 3.0])
    assert names(ops) == "Assign AssignAdd AssignSub"
    assert v.assign([0.0, 0.0], name="mine").op.name == "mine"
    initialized(session)
    for assign, expected in zip(ops, ([5, 7], [6, 8], [4, 5]), strict=True):
        np.testing.assert_array_equal(session.run(assign), expected)
        np.testing.assert_array_equal(session.run(v), expected)


def test_assignments_of_another_shape_or_dtype():
    v = slim.Variable([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"(?s)assign: .*another shape.*\[2\].*\[3\]"):
        v.assign([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="(?s)another dtype.*float32.*int32"):
        v.assign(slim.constant([1, 2]))
    with pytest.raises(ShapeError, match="(?s)assign_add: .*another shape"):
        v.assign_add([[1.0, 2.0]])


def test_what_a_run_sees(session):
    """A plain use: from before the run's assignments. A read: at its place. A fetched variable: from after them."""
    v = slim.Variable(1.0)
    add = v.assign_add(10.0)
    plain = v * 1.0
    with slim.control_dependencies([add]):
        later, read = v * 1.0, v.read_value()
    initialized(session)
    assert session.run([v, plain, later, read, add, v.value()]) == [11.0, 1.0, 1.0, 11.0, 11.0, 1.0]
    assert session.run([plain, v]) == [11.0, 11.0]


def test_load_and_eval(session):
    v = slim.Variable([1.0, 2.0])
    v.load([3.0, 4.0])
    np.testing.assert_array_equal(v.eval(), [3, 4])
    other = slim.Session()
    v.load([5.0, 6.0], other)
    np.testing.assert_array_equal(v.eval(other), [5, 6])
    np.testing.assert_array_equal(v.eval(session), [3, 4])
    with pytest.raises(ValueError, match=r"(?s)\[2\].*\[3\]"):
        v.load([1.0, 2.0, 3.0])


def test_rows(session):
    v = slim.Variable(np.zeros((3, 2), np.float32))
    rows = slim.IndexedSlices(slim.constant([[1.0, 2.0], [3.0, 4.0]]), slim.constant([2, 2]))
    initialized(session)
    np.testing.assert_array_equal(session.run(v.scatter_add(rows)), [[0, 0], [0, 0], [4, 6]])
    np.testing.assert_array_equal(session.run(v.scatter_sub(rows)), [[0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(session.run(v.scatter_update(rows)), [[0, 0], [0, 0], [3, 4]])


def test_count_up_to(session):
    v = slim.Variable(0)
    count = v.count_up_to(2)
    initialized(session)
    assert [session.run(count), session.run(count)] == [0, 1]
    with pytest.raises(slim.errors.OutOfRangeError, match="limit of 2"):
        session.run(count)


def test_operators(session):
    v = slim.Variable([1.0, 4.0])
    initialized(session)
    np.testing.assert_array_equal(session.run((2.0 - v) * v + v[1]), [5.0, -4.0])
    assert v in {v: 1} and v.ref() is v


# ---- get_variable


def test_default_initial_values(session):
    floating = slim.get_variable("f", [30, 20])
    others = [slim.get_variable(f"o{i}", [2], t) for i, t in enumerate((slim.int32, slim.bool, slim.string))]
    value = initialized(session).run(floating)
    limit = np.sqrt(6 / 50)  # Glorot's
    assert 0.9 * limit < np.abs(value).max() <= limit
    assert [session.run(v).tolist() for v in others] == [[0, 0], [False, False], [b"", b""]]


def test_initializers_of_all_kinds(session):
    made = [
        slim.get_variable("a", initializer=[1, 2]),
        slim.get_variable("b", initializer=np.float64(3)),
        slim.get_variable("c", initializer=slim.zeros([2], slim.float64)),
        slim.get_variable("d", [2], initializer=slim.ones_initializer),
        slim.get_variable("e", [2], initializer=slim.ones_initializer(dtype=slim.float64)),
        slim.get_variable("f", [2], initializer=lambda shape, dtype, partition_info=None: slim.fill(shape, 4.0)),
    ]
    kinds = [slim.int32, slim.float64, slim.float64, slim.float32, slim.float32, slim.float32]
    assert [v.dtype for v in made] == kinds
    assert names(v.initial_value for v in made[:3]) == "a/initial_value b/initial_value zeros"
    expected = [[1, 2], 3, [0, 0], [1, 1], [1, 1], [4, 4]]
    assert [value.tolist() for value in initialized(session).run(made)] == expected


def test_collections_of_get_variable():
    assert collections_of(slim.get_variable("a", [1])) == {"variables", "trainable_variables"}
    assert collections_of(slim.get_variable("b", [1], trainable=False)) == {"variables"}
    assert collections_of(slim.get_variable("c", [1], collections=["mine"])) == {"mine", "trainable_variables"}


def shared(*arguments, **given):
    slim.get_variable("a", [2, 3])
    with slim.variable_scope(slim.get_variable_scope(), reuse=True):
        return slim.get_variable("a", *arguments, **given)


def test_sharing_what_fits():
    assert shared([None, 3]).shape.as_list() == [2, 3]
    slim.reset_default_graph()
    assert shared([2, 3], slim.float32) in slim.global_variables()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: [slim.get_variable("a", [1]) for _ in range(2)], ValueError, "(?s)a already exists.*made at.*hint"),
        (lambda: shared([3]), ShapeError, r"(?s)share variable a, but its shape.*\[2, 3\].*\[3\].*made at"),
        (lambda: shared([2, 3], slim.float64), ValueError, "(?s)share variable a, but its dtype.*float32.*float64"),
        (lambda: slim.get_variable("a", [None, 2]), ShapeError, r"(?s)\(a\) must be fully defined.*\[\?, 2\]"),
        (lambda: slim.get_variable("a"), ShapeError, r"(?s)\(a\) must be fully defined.*unknown"),
        (lambda: slim.get_variable("a", [3], initializer=[1.0]), ShapeError, r"(?s)a: .*\[3\].*\[1\]"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, ValueError)


# ---- slim's variables


def test_kinds_of_variables():
    with slim.variable_scope("A"):
        made = [
            slim.variable("a", [5]),
            slim.model_variable("m", [5]),
            slim.local_variable([1.0], name="l"),
            slim.global_variable([1.0], name="g"),
            slim.variable("mine", [5], collections=["mine", "mine"], trainable=False),
            slim.model_variable("ours", [5], collections=["ours"]),
        ]
    assert names(made) == "A/a A/m A/l A/g A/mine A/ours"
    assert [collections_of(v) for v in made] == [
        {"variables", "trainable_variables"},
        {"variables", "trainable_variables", "model_variables"},
        {"local_variables"},
        {"variables"},
        {"mine"},
        {"ours", "variables", "trainable_variables", "model_variables"},
    ]
    assert slim.get_collection("mine") == [made[4]]
    slim.add_model_variable(made[0])
    slim.add_model_variable(made[0])
    assert names(slim.get_model_variables()) == "A/m A/ours A/a"


def test_arg_scope_of_variables():
    with slim.arg_scope([slim.variable], regularizer=slim.l1_regularizer(1.0), trainable=False):
        v = slim.variable("v", [2])
        m = slim.model_variable("m", [2])
    assert slim.get_trainable_variables() == [m]  # model_variable says trainable itself
    assert len(slim.get_collection(GraphKeys.REGULARIZATION_LOSSES)) == 1
    assert v in slim.get_variables()


def test_reuse_of_model_variables():
    with slim.variable_scope("A"):
        m = slim.model_variable("m", [5])
    with slim.variable_scope("A", reuse=True):
        assert slim.model_variable("m", [5]) is m
    assert slim.get_model_variables() == [m]


def test_the_device_is_noted():
    assert slim.variable("v", [1], device="/cpu:0").device == "/cpu:0"
    assert slim.variable("u", [1]).device == ""


def test_a_custom_getter_is_called_in_place_of_get_variable():
    asked = []

    def getter(name, *, reuse, **arguments):
        asked.append((name, reuse, arguments["shape"]))
        return slim.get_variable(name, **arguments)

    with slim.variable_scope("A", reuse=slim.AUTO_REUSE):
        v = slim.model_variable("v", [2], custom_getter=getter)
    assert asked == [("v", slim.AUTO_REUSE, [2])]
    assert (v.op.name, slim.get_model_variables()) == ("A/v", [v])


# ---- finding variables


@pytest.fixture
def zoo(fresh_graph):
    """A/a A/fooa A/B/a B/a B/b c"""
    with slim.variable_scope("A"):
        slim.variable("a", [5])
        slim.variable("fooa", [5])
        with slim.variable_scope("B"):
            slim.variable("a", [5])
    with slim.variable_scope("B"):
        slim.variable("a", [5])
        slim.variable("b", [5], trainable=False)
    slim.variable("c", [5])


@pytest.mark.parametrize(
    "find, expected",
    [
        (lambda: slim.get_variables(), "A/a A/fooa A/B/a B/a B/b c"),
        (lambda: slim.get_variables("A"), "A/a A/fooa A/B/a"),
        (lambda: slim.get_variables(".*B"), "A/B/a B/a B/b"),
        (lambda: slim.get_variables(suffix="a"), "A/a A/fooa A/B/a B/a"),
        (lambda: slim.get_variables(suffix="a:0"), "A/a A/fooa A/B/a B/a"),
        (lambda: slim.get_variables(suffix="B/a"), "A/B/a B/a"),
        (lambda: slim.get_trainable_variables("B"), "B/a"),
        (lambda: slim.get_local_variables(), ""),
        (lambda: slim.get_variables_by_suffix("a", scope="A"), "A/a A/fooa A/B/a"),
        (lambda: slim.get_variables_by_name("a"), "A/a A/B/a B/a"),
        (lambda: slim.get_variables_by_name("a", scope="A"), "A/a A/B/a"),
        (lambda: slim.get_variables_to_restore(), "A/a A/fooa A/B/a B/a B/b c"),
        (lambda: slim.get_variables_to_restore(["B", "A/B"]), "B/a B/b A/B/a"),
        (lambda: slim.get_variables_to_restore(exclude=["A"]), "B/a B/b c"),
        (lambda: slim.get_variables_to_restore(["A"], ["A/B"]), "A/a A/fooa"),
        (lambda: slim.filter_variables(slim.get_variables(), ["B/"], ["b"]), "A/B/a B/a"),
        (lambda: slim.filter_variables(slim.get_variables(), ["B/"], reg_search=False), "B/a B/b"),
        (lambda: slim.filter_variables(slim.get_variables(), []), ""),
        (lambda: slim.filter_variables(slim.get_variables(), None, ["a:0$"]), "B/b c"),
        (lambda: slim.global_variables("B"), "B/a B/b"),
        (lambda: slim.trainable_variables(), "A/a A/fooa A/B/a B/a c"),
    ],
)
def test_finding(zoo, find, expected):
    assert names(find()) == expected


def test_a_scope_object_stands_for_its_name(zoo):
    with slim.variable_scope("A") as a:
        assert names(slim.get_variables(a)) == "A/a A/fooa A/B/a"


def test_the_lists_are_copies(zoo):
    slim.get_variables().clear()
    slim.get_trainable_variables().clear()
    assert len(slim.get_variables()) == 6 and len(slim.get_trainable_variables()) == 5


def test_one_variable_by_its_name(zoo):
    assert slim.get_variable_full_name(slim.get_unique_variable("A/B/a")) == "A/B/a"
    with pytest.raises(ValueError, match="(?s)Couldn't find variable A/q.*no variable"):
        slim.get_unique_variable("A/q")
    with pytest.raises(ValueError, match="(?s)Couldn't find variable A/f.*got +A/fooa"):
        slim.get_unique_variable("A/f")


def test_scopes_to_restore_come_in_a_list(zoo):
    for given in ({"include": "A"}, {"exclude": "A"}):
        with pytest.raises(TypeError, match="(?s)is a list of scopes.*'A'"):
            slim.get_variables_to_restore(**given)


# ---- values


def test_assign_from_values(zoo, session):
    node, feeds = slim.assign_from_values({"A/a": [1, 2, 3, 4, 5], "B/b": np.ones((5, 1))})
    session.run(node, feeds)
    np.testing.assert_array_equal(session.run(slim.get_unique_variable("A/a")), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(session.run(slim.get_unique_variable("B/b")), [1, 1, 1, 1, 1])
    slim.assign_from_values_fn({"A/a": np.arange(5)})(session)
    np.testing.assert_array_equal(session.run(slim.get_unique_variable("A/a")), [0, 1, 2, 3, 4])


def test_assign_from_values_that_do_not_fit(zoo):
    with pytest.raises(ValueError, match=r"(?s)A/a: .*\[5\].*\[4\]"):
        slim.assign_from_values({"A/a": np.zeros(4)})
    with pytest.raises(ValueError, match="Couldn't find variable nothing"):
        slim.assign_from_values({"nothing": np.zeros(4)})


def test_initializing(zoo, session):
    local = slim.local_variable(1.0, name="local")
    report = slim.report_uninitialized_variables()
    names_of = [b"A/a", b"A/fooa", b"A/B/a", b"B/a", b"B/b", b"c"]
    assert session.run(report).tolist() == [*names_of, b"local"]
    assert slim.global_variables_initializer().name == "init"
    assert slim.global_variables_initializer().name == "init_1"
    session.run(slim.variables_initializer(slim.get_variables("A")))
    assert session.run(report).tolist() == [b"B/a", b"B/b", b"c", b"local"]
    session.run(slim.global_variables_initializer())
    assert session.run(report).tolist() == [b"local"]
    session.run(slim.local_variables_initializer())
    assert session.run(report).tolist() == []
    assert session.run(local) == 1.0
    assert session.run(slim.report_uninitialized_variables([])).tolist() == []
    session.run(slim.variables_initializer([]))


# ---- the global step


def test_the_global_step(session):
    assert slim.get_global_step() is None
    step = slim.get_or_create_global_step()
    assert slim.get_or_create_global_step() is slim.get_global_step() is step
    assert (step.name, step.dtype, step.shape.as_list()) == ("global_step:0", slim.int64, [])
    assert collections_of(step) == {"variables", "global_step"}
    initialized(session)
    session.run(step.assign_add(3))
    assert slim.variables.global_step(session, step) == 3
    with pytest.raises(ValueError, match='(?s)"global_step" already exists.*global_step:0'):
        slim.create_global_step()


def test_the_global_step_of_a_scope_and_of_a_graph():
    graph = slim.Graph()
    with slim.variable_scope("x"), slim.name_scope("y"):
        assert slim.create_global_step().name == "x/global_step:0"
        assert slim.create_global_step(graph).graph is graph
    assert slim.get_global_step().name == "x/global_step:0"
    assert slim.get_global_step(graph).name == "global_step:0"


def test_any_variable_of_its_name_is_the_global_step():
    v = slim.Variable(0, name="global_step")
    assert slim.get_global_step() is v
    slim.reset_default_graph()
    slim.Variable(0.0, name="global_step")
    with pytest.raises(TypeError, match="integer"):
        slim.get_global_step()


def test_there_is_one_global_step():
    for i in range(2):
        slim.Variable(0, name=f"step{i}", collections=[GraphKeys.GLOBAL_STEP])
    with pytest.raises(InvalidArgumentError, match="(?s)several global steps.*step0:0.*step1:0"):
        slim.get_global_step()


def test_what_can_be_a_global_step():
    slim.assert_global_step(slim.Variable(0))
    slim.assert_global_step(slim.constant(0, slim.int64))
    for wrong in (slim.Variable(1.0), slim.Variable([1]), 3, None):
        with pytest.raises(TypeError, match="not a global step"):
            slim.assert_global_step(wrong)
    v = slim.Variable(0)
    assert slim.assert_or_get_global_step(global_step_tensor=v) is v
    assert slim.assert_or_get_global_step() is None
    with pytest.raises(TypeError, match="not a global step"):
        slim.assert_or_get_global_step(global_step_tensor=slim.Variable(0.0))
