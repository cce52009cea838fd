"""The graph: names as TensorFlow gives them, scopes, collections, control inputs, the line of the user, the default."""

import pickle
import threading

import numpy as np
import pytest

import npslim as slim
from npslim.caller import user_line
from npslim.errors import (
    GraphError,
    GraphFinalizedError,
    InvalidArgumentError,
    NotFoundError,
    ScopeError,
)
from npslim.graph import Graph, get_default_graph
from npslim.ops.state import no_op


def placeholder(name):
    return slim.placeholder(slim.float32, [2], name=name)


# ---- names


def calls(note):
    """Calls whose names are noted. The same lines were run by TensorFlow 2.15 (compat.v1): see `NAMES`."""
    g, p = get_default_graph(), placeholder
    for name in ("x", "x", "X", "x_1", "x_1", "x"):
        note(p(name))
    with g.name_scope("a") as s:
        note(s), note(p("x")), note(p("x"))
    with g.name_scope("a") as s:
        note(s), note(p("x"))
        with g.name_scope("b") as inner:
            note(inner), note(p("y"))
        with g.name_scope("b") as inner:
            note(inner)
        with g.name_scope("a/") as inner:
            note(inner), note(p("x"))
        with g.name_scope(None) as inner:
            note(inner), note(p("x"))
        with g.name_scope("") as inner:
            note(inner), note(p("z"))
    for name in ("a", "A_1", "a_1", "w/v", "w/v", "w"):
        note(p(name))
    with g.name_scope("w") as s:
        note(s), note(p("v"))
    with g.name_scope("w/") as s:
        note(s), note(p("v"))
    note(p("exact/"))
    note(g.unique_name("q")), note(g.unique_name("q"))
    note(g.unique_name("q", mark_as_used=False)), note(g.unique_name("q"))
    with slim.name_scope("ops") as s:
        note(s), note(slim.add(p("p"), p("p"), name=s)), note(slim.add(p("p"), p("p"), name="p"))
    for _ in range(2):
        with slim.name_scope(None, "dflt") as s:
            note(s)
    with slim.name_scope("c.d-e_f") as s:
        note(s), note(p("9")), note(p(".h"))
    note(slim.group(p("x"))), note(slim.group(p("x"), name="all")), note(slim.no_op()), note(slim.no_op())
    for t in (*slim.tuple([p("x"), p("x")]), *slim.tuple([p("x")], name="tup")):
        note(t)
    note(slim.constant(1.0)), note(slim.constant(1.0)), note(slim.identity(p("x")))
    note(p("x") + 1.0), note(1.0 - p("x")), note(-p("x"))
    v = slim.Variable(1.0, name="v")
    note(v), note(v.op), note(v._as_ref()), note(v.value()), note(v.initializer)
    for update in (slim.assign, slim.assign_add, slim.assign_sub):
        note(update(v, 2.0).op)
    note(slim.random_uniform([2])), note(slim.random_uniform([2], 1.0, 2.0))
    note(slim.random_uniform([2], 0, 5, dtype=slim.int32))
    note(slim.random_normal([2])), note(slim.truncated_normal([2])), note(slim.random_shuffle(p("x")))
    note(slim.multinomial([[1.0, 1.0]], 3))
    with g.control_dependencies([p("x")]):
        note(slim.no_op(name="after"))
    note(slim.check_numerics(p("x"), "m"))
    (
        note(slim.py_func(lambda a: a, [p("x")], slim.float32)),
        note(slim.py_func(lambda a: a, [p("x")], [slim.float32])[0]),
    )
    note(slim.Print(p("x"), [p("x")])), note(slim.placeholder_with_default([1.0], [None]))
    note(slim.stop_gradient(p("x"))), note(slim.Assert(slim.placeholder(slim.bool, [], name="pb"), ["no"]))


NAMES = """
x:0 x_1:0 X_2:0 x_1_1:0 x_1_2:0 x_3:0
a/ a/x:0 a/x_1:0 a_1/ a_1/x:0 a_1/b/ a_1/b/y:0 a_1/b_1/ a/ a/x_2:0 - x_4:0 - z:0
a_2:0 A_1_1:0 a_1_2:0 w/v:0 w/v_1:0 w:0 w_1/ w_1/v:0 w/ w/v_2:0 exact:0 q q_1 q_2 q_2
ops/ ops:0 ops/p_4:0 dflt/ dflt_1/ c.d-e_f/ c.d-e_f/9:0 c.d-e_f/.h:0 group_deps all NoOp NoOp_1
tuple/control_dependency:0 tuple/control_dependency_1:0 tup/control_dependency:0
Const:0 Const_1:0 Identity:0 add:0 sub:0 Neg:0 v:0 v v:0 v/read:0 v/Assign Assign AssignAdd AssignSub
random_uniform/RandomUniform:0 random_uniform_1:0 random_uniform_2:0 random_normal:0 truncated_normal:0
RandomShuffle:0 multinomial/Multinomial:0 after CheckNumerics:0 PyFunc:0 PyFunc_1:0 Print:0
PlaceholderWithDefault:0 StopGradient:0 Assert/Assert
""".split()


def test_names_are_those_of_tensorflow():
    noted = []
    calls(lambda x: noted.append(x if isinstance(x, str) else x.name))
    assert [name or "-" for name in noted] == NAMES


def test_a_name_given_exactly_twice_is_refused():
    placeholder("exact/")
    with pytest.raises(ValueError, match="Duplicate node name in graph: 'exact'"):
        placeholder("exact/")


@pytest.mark.parametrize("name", ["_x", "a b", "x:0", "-a", "é"])
def test_bad_node_names(name):
    with pytest.raises(ScopeError, match="not a valid name for a node") as caught:
        placeholder(name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["_x", "/a", "a b", "-a"])
def test_bad_scope_names(name):
    with pytest.raises(ScopeError, match="not a valid name for a scope"), get_default_graph().name_scope(name):
        pass


def test_a_scope_name_is_a_string():
    with pytest.raises(TypeError, match="3"), get_default_graph().name_scope(3):
        pass


def test_an_underscore_may_begin_a_name_inside_a_scope():
    with slim.name_scope("a"):
        assert placeholder("_x").name == "a/_x:0"


def test_a_scope_ends_with_an_error():
    with pytest.raises(KeyError), get_default_graph().name_scope("a"):
        raise KeyError
    assert get_default_graph().get_name_scope() == ""


# ---- looking things up


def test_elements_by_name():
    x = placeholder("x")
    g = x.graph
    assert g.get_operation_by_name("x") is x.op
    assert g.get_tensor_by_name("x:0") is x
    assert g.as_graph_element("x") is x.op and g.as_graph_element("x:0") is x
    assert g.get_operations() == [x.op] and g.version == 1
    v = slim.Variable(1.0)
    assert g.as_graph_element(v).name == "Variable:0"


def test_missing_elements():
    g = placeholder("logits").graph
    with pytest.raises(KeyError, match="nearest: logits"):
        g.get_operation_by_name("logit")
    with pytest.raises(KeyError, match="no output 1"):
        g.get_tensor_by_name("logits:1")
    with pytest.raises(ValueError, match="not a tensor's name"):
        g.get_tensor_by_name("logits")
    with pytest.raises(TypeError, match="3 of type int"):
        g.as_graph_element(3)
    with pytest.raises(TypeError):
        g.as_graph_element("logits:0", allow_tensor=False)
    with pytest.raises(NotFoundError):
        g.as_graph_element("nothing")


# ---- nodes and tensors


def test_node_and_tensor():
    x = placeholder("x")
    y = slim.matmul(x[None], np.ones([2, 3], np.float32), name="y")
    assert (y.name, y.op.name, y.op.type, y.value_index) == ("y:0", "y", "MatMul", 0)
    assert y.dtype == slim.float32 and y.shape.as_list() == [1, 3] and y.get_shape().ndims == 2
    assert y.op.outputs == (y,) and y.op.values() == (y,)
    assert y.op.get_attr("transpose_a") is False
    with pytest.raises(ValueError, match="no attribute 'nothing'"):
        y.op.get_attr("nothing")
    assert y in [t for node in y.op.inputs[0].consumers() for t in node.outputs]
    assert x.consumers()[0].type == "StridedSlice"


def test_set_shape_adds_knowledge_and_cannot_contradict():
    x = slim.placeholder(slim.float32, [None, 3])
    x.set_shape([5, None])
    assert x.shape.as_list() == [5, 3]
    with pytest.raises(ValueError, match=r"\[5, 3\]"):
        x.set_shape([4, 3])


@pytest.mark.parametrize("use", [bool, list, np.asarray, float])
def test_a_tensor_is_not_a_number(use):
    with pytest.raises(TypeError):
        use(placeholder("x"))


def test_tensors_are_compared_by_identity():
    x, y = placeholder("x"), placeholder("y")
    assert x == x and x != y and len({x, y, x}) == 2


def test_describe():
    x = placeholder("x")
    slim.multiply(x, 2.0, name="twice")
    lines = x.graph.describe().splitlines()
    assert len(lines) == x.graph.version
    assert lines[0].split() == ["0", "x", "Placeholder", "float32", "[2]", "<-"]
    assert lines[-1].split() == ["2", "twice", "Mul", "float32", "[2]", "<-", "x:0,", "twice/y:0"]


def test_the_users_line():
    x = slim.placeholder(slim.float32, [2])
    here = user_line()
    name, _, line = here.rpartition(":")
    assert x.op.made_at == f"{name}:{int(line) - 1}" and name.endswith("test_graph.py")
    with pytest.raises(ValueError) as caught:
        slim.matmul(x, x)
    assert "test_graph.py" in str(caught.value)


def test_a_gradient_carries_the_line_of_its_forward_node():
    x = placeholder("x")
    y = slim.exp(x)
    before = x.graph.version
    slim.gradients(y, x)
    made = [node.made_at for node in x.graph.get_operations()[before:] if "exp_grad" in node.name.lower()]
    assert made and set(made) == {y.op.made_at}


def test_tensors_of_two_graphs_do_not_mix():
    x = placeholder("x")
    with Graph().as_default():
        y = placeholder("y")
    with pytest.raises(ValueError, match="must be from the same graph"):
        slim.add(x, y)
    with pytest.raises(GraphError), Graph().as_default(), slim.control_dependencies([x]):
        pass
    with pytest.raises(GraphError), Graph().as_default() as other:
        other.as_graph_element(x)


# ---- control inputs


def test_control_inputs_nest_and_are_forgotten():
    a, b = placeholder("a"), placeholder("b")
    v = slim.Variable(1.0, name="v")
    with slim.control_dependencies([a]):
        with slim.control_dependencies([b.op, v, a]):
            both = no_op()
            with slim.control_dependencies(None):
                none = no_op()
        one = no_op()
    assert both.control_inputs == (a.op, b.op, v.op)
    assert none.control_inputs == () and one.control_inputs == (a.op,) and no_op().control_inputs == ()


def test_control_inputs_run_first():
    order = []

    def noting(name, *after):
        with slim.control_dependencies(after):
            return slim.py_func(lambda: order.append(name) or np.float32(0), [], slim.float32)

    first = noting("first")
    third = noting("third", noting("second", first))
    slim.Session().run([third, noting("other")])
    assert order == ["first", "second", "third", "other"]


def test_a_placeholder_that_is_fed_may_be_a_control_input():
    x = placeholder("x")
    with slim.control_dependencies([x]):
        y = slim.constant(3.0)
    assert slim.Session().run(y, {x: [0, 0]}) == 3.0
    with pytest.raises(InvalidArgumentError, match="'x'"):
        slim.Session().run(y)


def test_bad_control_inputs():
    with pytest.raises(TypeError), slim.control_dependencies([3]):
        pass


# ---- collections


def test_collections():
    g = get_default_graph()
    g.add_to_collection("c", 1)
    g.add_to_collections(["c", "d", "c"], 2)
    slim.add_to_collections("d", 3)
    assert g.get_collection("c") == [1, 2] and slim.get_collection("d") == [2, 3]
    g.get_collection("c").append(5)
    assert g.get_collection("c") == [1, 2], "get_collection gives a copy"
    slim.get_collection_ref("c").append(5)
    assert g.get_collection("c") == [1, 2, 5]
    g.clear_collection("c")
    assert g.get_collection("c") == [] and "d" in g.get_all_collection_keys()
    with Graph().as_default():
        assert slim.get_collection("d") == []


def test_collections_by_scope():
    x, y = placeholder("net/x"), placeholder("other/net/y")
    for member in (x, y, 3):
        slim.add_to_collection("c", member)
    assert slim.get_collection("c", "net") == [x]
    assert slim.get_collection("c", ".*net") == [x, y]


# ---- the end of defining, the default graph, threads


def test_a_finalized_graph_does_not_grow():
    x = placeholder("x")
    x.graph.finalize()
    for change in (lambda: placeholder("y"), lambda: slim.add_to_collection("c", 1), lambda: x + x):
        with pytest.raises(GraphFinalizedError):
            change()
    with pytest.raises(RuntimeError):
        slim.gradients(x, x)
    assert slim.Session().run(x, {x: [1, 2]}).tolist() == [1, 2]


def test_default_graphs_nest():
    outer = get_default_graph()
    with Graph().as_default() as g:
        assert get_default_graph() is g and placeholder("x").graph is g
        with outer.as_default():
            assert get_default_graph() is outer
        with pytest.raises(AssertionError):
            slim.reset_default_graph()
    assert get_default_graph() is outer
    slim.reset_default_graph()
    assert get_default_graph() is not outer


def test_each_thread_has_its_own_default_graph_and_scope():
    seen = []
    with Graph().as_default() as g, slim.name_scope("mine"):

        def work():
            seen.append(get_default_graph() is g)
            with g.as_default():
                seen.append(placeholder("x").name)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [False, "x:0"]


def test_names_are_unique_with_many_threads():
    g, barrier = get_default_graph(), threading.Barrier(8)

    def work():
        barrier.wait()
        with g.as_default():
            for _ in range(50):
                placeholder("x")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [node.name for node in g.get_operations()]
    assert len(names) == len(set(names)) == 400
    assert [node.index for node in g.get_operations()] == list(range(400))


def test_devices_are_noted():
    with slim.device("/gpu:0"):
        x = placeholder("x")
        with slim.device(lambda node: "/cpu:0"), slim.colocate_with(x.op):
            y = placeholder("y")
    assert x.device == x.op.device == "/gpu:0" and y.device == "/cpu:0" and placeholder("z").device == ""


def test_a_graph_cannot_be_pickled():
    with pytest.raises(GraphError, match="pickled"):
        pickle.dumps(get_default_graph())


def test_set_random_seed():
    slim.set_random_seed(3)
    assert get_default_graph().seed == 3


def test_a_graph_may_be_entered_again_inside_of_another():
    outer, inner = slim.Graph(), slim.Graph()
    with outer.as_default(), inner.as_default():
        with outer.as_default():
            assert get_default_graph() is outer
        assert get_default_graph() is inner, "the way out is that of the way in"
    with slim.Session(graph=outer) as a, slim.Session(graph=inner) as b:
        with a.as_default():
            assert slim.get_default_session() is a
        assert slim.get_default_session() is b
