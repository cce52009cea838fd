"""Scopes: arg_scope's rules, and names, sharing and inheritance of variable scopes as TensorFlow has them.

The names of a program's variables and nodes are what TensorFlow 2.15.1 (compat.v1, no resource variables) gives them.
"""

import threading

import numpy as np
import pytest

import npslim as tf
from npslim.errors import NotFoundError, ScopeError

# ---- names


PROGRAMS = []


def names(expected):
    """The decorated program makes variables and tensors of these names, in the order of its list."""

    def note(program):
        PROGRAMS.append(pytest.param(program, expected, id=program.__name__))
        return program

    return note


@names("a/v a/b/w a/b/c a/b/u a/b/n/c a/n/e")
def nested(tf):
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [1])
        with tf.variable_scope("b"):
            w = tf.get_variable("w", [1])
            c = tf.constant(1.0, name="c")
            with tf.name_scope("n"):
                u = tf.get_variable("u", [1])
                d = tf.constant(1.0, name="c")
        with tf.name_scope("n"):
            e = tf.Variable(1.0, name="e")
    return [v, w, c, u, d, e]


@names("a/v a/c a/v a_1/c")
def opened_twice(tf):
    found = []
    for _ in range(2):
        with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
            found += [tf.get_variable("v", [1]), tf.constant(1.0, name="c")]
    return found


@names("Conv/w Conv/c Conv_1/w Conv_1/c Conv_2/w Conv_2/c")
def default_names(tf):
    found = []
    for _ in range(3):
        with tf.variable_scope(None, "Conv"):
            found += [tf.get_variable("w", [1]), tf.constant(1.0, name="c")]
    return found


@names("a/Conv/w a/Conv/c a/Conv_1/w a/Conv_1/c b/Conv/w b/Conv/c b/Conv_1/w b/Conv_1/c")
def default_names_inside(tf):
    found = []
    for outer in ("a", "b"):
        with tf.variable_scope(outer):
            for _ in range(2):
                with tf.variable_scope(None, default_name="Conv"):
                    found += [tf.get_variable("w", [1]), tf.constant(1.0, name="c")]
    return found


@names("Conv/w Conv_1/w Conv_1/w Conv_2/w")
def default_name_beside_a_name(tf):
    found = []
    with tf.variable_scope("Conv"):
        found.append(tf.get_variable("w", [1]))
    with tf.variable_scope(None, "Conv"):
        found.append(tf.get_variable("w", [1]))
    with tf.variable_scope("Conv_1", reuse=True):
        found.append(tf.get_variable("w", [1]))
    with tf.variable_scope(None, "Conv"):
        found.append(tf.get_variable("w", [1]))
    return found


@names("given/w")
def name_over_default(tf):
    with tf.variable_scope("given", "Conv"):
        return [tf.get_variable("w", [1])]


@names("net/Conv/w net/Conv/c net/Conv_1/w net/Conv_1/c net/Conv/w net_1/Conv/c net/Conv_1/w net_1/Conv_1/c")
def counters_begin_again(tf):
    found = []
    for reuse in (False, True):
        with tf.variable_scope("net", reuse=reuse):
            for _ in range(2):
                with tf.variable_scope(None, "Conv"):
                    found += [tf.get_variable("w", [1]), tf.constant(1.0, name="c")]
    return found


@names("net/Conv/w net/net/Conv/c net/Conv_1/w net/Conv/u")
def counters_of_a_scope_object(tf):
    found = []
    with tf.variable_scope("net") as net:
        with tf.variable_scope(None, "Conv"):
            found.append(tf.get_variable("w", [1]))
        with tf.variable_scope(net, reuse=True):
            with tf.variable_scope(None, "Conv"):
                found.append(tf.constant(1.0, name="c"))
        with tf.variable_scope(None, "Conv"):
            found.append(tf.get_variable("w", [1]))
    with tf.variable_scope(net):
        with tf.variable_scope(None, "Conv"):
            found.append(tf.get_variable("u", [1]))
    return found


@names("a/b/v a/b/u b/c a/b/v other/b/c a/b/inner/x other/y a/b/c")
def scope_object(tf):
    with tf.variable_scope("a"):
        with tf.variable_scope("b") as b:
            v = tf.get_variable("v", [1])
    with tf.variable_scope(b):
        u, c = tf.get_variable("u", [1]), tf.constant(1.0, name="c")
    with tf.variable_scope("other"):
        with tf.variable_scope(b, reuse=True):
            w, d = tf.get_variable("v"), tf.constant(1.0, name="c")
            with tf.variable_scope("inner", reuse=tf.AUTO_REUSE):
                x = tf.get_variable("x", [1])
        y = tf.get_variable("y", [1])
    with tf.variable_scope(b, auxiliary_name_scope=False):
        with tf.name_scope(b.original_name_scope):
            e = tf.constant(1.0, name="c")
    return [v, u, c, w, d, x, y, e]


@names("v c Conv/w a/v a/a/c Conv/x")
def root_scope_object(tf):
    with tf.variable_scope(tf.get_variable_scope()):
        v, c = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
        with tf.variable_scope(None, "Conv"):
            w = tf.get_variable("w", [1])
    with tf.variable_scope("a"):
        with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
            u, d = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
    with tf.variable_scope(None, "Conv"):
        x = tf.get_variable("x", [1])
    return [v, c, w, u, d, x]


@names("a//v a/c u c")
def empty_name(tf):
    with tf.variable_scope("a"):
        with tf.variable_scope(""):
            v, c = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
    with tf.variable_scope(""):
        u, d = tf.get_variable("u", [1]), tf.constant(1.0, name="c")
    return [v, c, u, d]


@names("a/b/v a/b/c a/b/c/d/e/w a/b/v a/b_1/c")
def slashes(tf):
    with tf.variable_scope("a/b"):
        v, c = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
        with tf.variable_scope("c/d"):
            w = tf.get_variable("e/w", [1])
    with tf.variable_scope("a"):
        with tf.variable_scope("b", reuse=True):
            u, d = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
    return [v, c, w, u, d]


@names("a/b/v a/c a/b/d/v a/d/c")
def no_name_scope(tf):
    with tf.variable_scope("a"):
        with tf.variable_scope("b", auxiliary_name_scope=False):
            v, c = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
            with tf.variable_scope("d"):
                u, d = tf.get_variable("v", [1]), tf.constant(1.0, name="c")
    return [v, c, u, d]


@names(
    "a/c a/c_1 a_1/c a_1/c_1 a/c_2 a/c_3 a_1_1/c a_1_1/c_1 A_2/c A_2/c_1 a/b/c a/b/c_1 a_3/a/c c c_1 default/c given/c"
)
def name_scopes(tf):
    found = []
    for name in ("a", "a", "a/", "a_1", "A", "a/b"):
        with tf.name_scope(name):
            found += [tf.constant(1.0, name="c"), tf.constant(1.0, name="c")]
    with tf.name_scope("a"):
        with tf.name_scope("a"):
            found.append(tf.constant(1.0, name="c"))
        with tf.name_scope(None):
            found.append(tf.constant(1.0, name="c"))
        with tf.name_scope(""):
            found.append(tf.constant(1.0, name="c"))
    with tf.name_scope(None, "default"):
        found.append(tf.constant(1.0, name="c"))
    with tf.name_scope("given", "default"):
        found.append(tf.constant(1.0, name="c"))
    return found


@names("a/Variable a/Variable_1 a/v a/v_1 a_1/v v a_2/Variable")
def plain_variables(tf):
    with tf.variable_scope("a"):
        found = [tf.Variable(1.0), tf.Variable(1.0), tf.Variable(1.0, name="v"), tf.Variable(1.0, name="v")]
    with tf.variable_scope("a"):
        found.append(tf.Variable(1.0, name="v"))
    with tf.name_scope("a"):
        found += [tf.get_variable("v", [1]), tf.Variable(1.0)]
    return found


@names("v v_1 a/v a/v_1 a/v_2")
def node_beside_a_variable(tf):
    found = [tf.constant(1.0, name="v"), tf.get_variable("v", [1])]
    with tf.variable_scope("a"):
        found.append(tf.constant(1.0, name="v"))
        found.append(tf.get_variable("v", [1]))
        found.append(tf.constant(1.0, name="v"))
    return found


@names("a a/v a_1/c")
def scope_of_a_taken_name(tf):
    c = tf.constant(1.0, name="a")
    with tf.variable_scope("a"):
        return [c, tf.get_variable("v", [1]), tf.constant(1.0, name="c")]


@names("a/v a/v/read a/v/Assign a/u a/u/read a/u/Assign read")
def parts_of_a_variable(tf):
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [2], initializer=tf.zeros_initializer())
        u = tf.Variable([1.0], name="u")
    return [v, v.value(), v.initializer.outputs[0], u, u.value(), u.initializer.outputs[0], v.read_value()]


@pytest.mark.parametrize("program, expected", PROGRAMS)
def test_names(program, expected):
    assert " ".join(x.op.name for x in program(tf)) == expected


# ---- arg_scope


@tf.add_arg_scope
def paint(surface, colour="white", coats=1, *, brush=None):
    return surface, colour, coats, brush


@tf.add_arg_scope
def prime(surface, coats=1):
    return surface, coats


@tf.add_arg_scope
def anything(**kwargs):
    return kwargs


def plain(surface, colour="white"):
    return surface, colour


def test_a_scope_sets_defaults_of_the_functions_that_it_lists():
    with tf.arg_scope([paint, prime], coats=2):
        assert paint("wall") == ("wall", "white", 2, None)
        assert prime("wall") == ("wall", 2)
        assert paint("wall", coats=3) == ("wall", "white", 3, None)
    assert paint("wall") == ("wall", "white", 1, None)


def test_scopes_nest_and_inner_ones_win():
    with tf.arg_scope([paint], colour="red", brush="thick"):
        with tf.arg_scope([paint], colour="blue", coats=2):
            assert paint("wall") == ("wall", "blue", 2, "thick")
        assert paint("wall") == ("wall", "red", 1, "thick")


def test_an_inner_scope_may_set_none():
    with tf.arg_scope([paint], brush="thick"), tf.arg_scope([paint], brush=None):
        assert paint("wall") == ("wall", "white", 1, None)


def test_a_scope_is_entered_again_in_place_of_the_one_in_force():
    with tf.arg_scope([paint], colour="red") as red:
        pass
    with tf.arg_scope([paint, prime], coats=5), tf.arg_scope(red):
        assert paint("wall") == ("wall", "red", 1, None)
        assert prime("wall") == ("wall", 1)
        with tf.arg_scope([paint], coats=2):
            assert paint("wall") == ("wall", "red", 2, None)
    with tf.arg_scope(red):
        assert paint("wall") == ("wall", "red", 1, None)


def test_a_scope_ends_with_its_error():
    with pytest.raises(KeyError), tf.arg_scope([paint], colour="red"):
        raise KeyError
    assert paint("wall") == ("wall", "white", 1, None)


def test_the_scope_in_force():
    assert tf.current_arg_scope() == {}
    with tf.arg_scope([paint], colour="red") as red:
        assert tf.current_arg_scope() is red
        assert red == {tf.arg_scope_func_key(paint): {"colour": "red"}}


def test_what_a_function_is_scoped_by():
    assert tf.has_arg_scope(paint) and not tf.has_arg_scope(plain)
    assert set(tf.arg_scoped_arguments(paint)) == {"colour", "coats", "brush"}
    assert paint.__name__ == "paint"
    with tf.arg_scope([anything], what=1):
        assert anything(ever=2) == {"what": 1, "ever": 2}


def test_an_unknown_argument_is_found_when_the_scope_is_opened():
    with pytest.raises(ValueError, match=r"(?s)prime\(\) has no argument coat\..*any of surface, coats.*coats\?"):
        tf.arg_scope([prime, paint], coat=2).__enter__()
    with pytest.raises(ScopeError, match=r"(?s)convolution2d\(\) has no argument paddng.*got +paddng.*hint +padding\?"):
        tf.arg_scope([tf.conv2d], paddng="SAME").__enter__()
    assert tf.current_arg_scope() == {}


def test_an_undecorated_function_is_refused():
    with pytest.raises(ValueError, match=r"plain is not decorated with @add_arg_scope"):
        tf.arg_scope([plain], colour="red").__enter__()
    with pytest.raises(ValueError, match="plain is not decorated"):
        tf.arg_scoped_arguments(plain)


def test_functions_come_in_a_list():
    with pytest.raises(TypeError, match=r"(?s)takes a list of functions.*got +<function paint"):
        tf.arg_scope(paint, colour="red").__enter__()
    with tf.arg_scope((paint,), colour="red"):
        assert paint("wall") == ("wall", "red", 1, None)
    with pytest.raises(ValueError, match=r"(?s)takes no further arguments.*\['colour'\]"):
        tf.arg_scope({}, colour="red").__enter__()


def test_threads_do_not_see_each_others_scopes():
    inside, checked, seen = threading.Event(), threading.Event(), []

    def other():
        with tf.arg_scope([paint], colour="blue"):
            inside.set()
            checked.wait(10)
            seen.append(paint("wall")[1])

    thread = threading.Thread(target=other)
    with tf.arg_scope([paint], coats=7):
        thread.start()
        assert inside.wait(10)
        assert paint("wall") == ("wall", "white", 7, None)
        checked.set()
        thread.join()
    assert seen == ["blue"]


# ---- sharing


def test_a_variable_is_made_once():
    with tf.variable_scope("a"):
        tf.get_variable("v", [1])
        with pytest.raises(ValueError, match=r"(?s)Variable a/v already exists, disallowed.*test_scopes\.py"):
            tf.get_variable("v", [1])


def test_reuse_wants_the_variable_to_exist():
    with tf.variable_scope("a", reuse=True):
        with pytest.raises(ValueError, match="Variable a/v does not exist") as caught:
            tf.get_variable("v", [1])
    assert isinstance(caught.value, NotFoundError)
    v = tf.Variable([1.0], name="a/w")
    with tf.variable_scope("a", reuse=True), pytest.raises(ValueError, match="was not created with get_variable"):
        tf.get_variable("w", [1])
    assert tf.global_variables() == [v]


def test_reuse_is_the_same_object():
    with tf.variable_scope("a"):
        v = tf.get_variable("v", [1])
    with tf.variable_scope("a", reuse=True):
        assert tf.get_variable("v", [1]) is v
        assert tf.get_variable("v") is v
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [1]) is v
        assert tf.get_variable("new", [1]) is tf.get_variable("new", [1])
    assert len(tf.global_variables()) == 2


def test_reuse_is_inherited_and_cannot_be_taken_back():
    with tf.variable_scope("a"):
        with tf.variable_scope("b"):
            v = tf.get_variable("v", [1])
    for reuse in (None, False):
        with tf.variable_scope("a", reuse=True):
            with tf.variable_scope("b", reuse=reuse) as b:
                assert b.reuse is True
                assert tf.get_variable("v") is v
    with tf.variable_scope("a", reuse=True) as a, tf.variable_scope("b", reuse=tf.AUTO_REUSE) as b:
        assert a.reuse is True
        assert b.reuse is tf.AUTO_REUSE


def test_reuse_ends_with_its_scope():
    with tf.variable_scope("a") as a:
        tf.get_variable("v", [1])
        with tf.variable_scope(a, reuse=True):
            assert tf.get_variable_scope().reuse
        assert not tf.get_variable_scope().reuse
        a.reuse_variables()
        assert tf.get_variable_scope().reuse
        tf.get_variable("v")
    assert not tf.get_variable_scope().reuse


def test_a_scope_object_is_entered_with_the_reuse_it_had():
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE) as a:
        v = tf.get_variable("v", [1])
    with tf.variable_scope("b"), tf.variable_scope(a) as again:
        assert again.reuse is tf.AUTO_REUSE
        assert tf.get_variable("v", [1]) is v
    with tf.variable_scope("b", reuse=True), tf.variable_scope("c") as c:
        pass
    with tf.variable_scope(c) as again:
        assert again.reuse is True


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((None,), TypeError, "needs name_or_scope or default_name"),
        ((None, "Conv", None, None, None, None, None, None, True), ValueError, "without a name_or_scope"),
        ((3,), TypeError, "(?s)name or a VariableScope.*got +3"),
    ],
)
def test_a_scope_needs_a_name(arguments, error, message):
    with pytest.raises(error, match=message):
        tf.variable_scope(*arguments).__enter__()


def test_reuse_is_true_false_or_auto():
    with pytest.raises(ValueError, match="(?s)reuse.*got +'yes'"):
        tf.variable_scope("a", reuse="yes").__enter__()


def test_threads_have_variable_scopes_of_their_own(fresh_graph):
    made = []

    def other():
        with fresh_graph.as_default():
            made.append(tf.get_variable("v", [1]).op.name)

    with tf.variable_scope("a"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        made.append(tf.get_variable("v", [1]).op.name)
    assert made == ["v", "a/v"]


# ---- inheritance


def values(*variables):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(list(variables))


def test_the_nearest_initializer_is_taken():
    with tf.variable_scope("a", initializer=tf.constant_initializer(1.0)):
        one = tf.get_variable("one", [2])
        with tf.variable_scope("b", initializer=tf.constant_initializer(2.0)) as b:
            two = tf.get_variable("two", [2])
            own = tf.get_variable("own", [2], initializer=tf.constant_initializer(3.0))
        with tf.variable_scope("c"):
            inherited = tf.get_variable("inherited", [2])
    with tf.variable_scope(b):
        again = tf.get_variable("again", [2])
    found = values(one, two, own, inherited, again)
    np.testing.assert_array_equal(found, [[1, 1], [2, 2], [3, 3], [1, 1], [2, 2]])


def test_the_scope_says_the_dtype():
    with tf.variable_scope("a", dtype=tf.float64):
        with tf.variable_scope("b"):
            assert tf.get_variable("v", [1]).dtype == tf.float64
            assert tf.get_variable("u", [1], dtype=tf.float32).dtype == tf.float32
    assert tf.get_variable("v", [1]).dtype == tf.float32


def test_the_regularizer_is_inherited_and_its_loss_is_added_once():
    with tf.variable_scope("a", regularizer=tf.l2_regularizer(0.5)):
        with tf.variable_scope("b"):
            v = tf.get_variable("v", initializer=np.float32([1, 2]))
        tf.get_variable("u", initializer=np.float32([3]), regularizer=tf.l1_regularizer(2.0))
    with tf.variable_scope("a", reuse=True, regularizer=tf.l2_regularizer(0.5)):
        assert tf.get_variable("b/v") is v
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert [loss.op.name for loss in losses] == ["a/b/v/Regularizer/l2_regularizer", "a/u/Regularizer/l1_regularizer"]
    np.testing.assert_allclose(values(*losses), [1.25, 6.0])


def test_the_setters_hold_from_there_on():
    with tf.variable_scope("a") as a:
        a.set_initializer(tf.constant_initializer(4.0))
        a.set_regularizer(tf.l1_regularizer(0.5))
        v = tf.get_variable("v", [1])
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    np.testing.assert_array_equal(values(v, loss)[0], [4.0])


def test_custom_getters_are_asked_from_the_inside_out():
    asked = []

    def getter(label):
        def custom(inner, name, *args, **kwargs):
            asked.append((label, name))
            return inner(name, *args, **kwargs)

        return custom

    with tf.variable_scope("a", custom_getter=getter("outer")):
        with tf.variable_scope("b", custom_getter=getter("inner")):
            v = tf.get_variable("v", [1])
        tf.get_variable("u", [1])
    assert v.op.name == "a/b/v"
    assert asked == [("inner", "a/b/v"), ("outer", "a/b/v"), ("outer", "a/u")]


def test_a_custom_getter_may_change_what_is_made():
    def halved(getter, name, *args, **kwargs):
        return getter(name, *args, **kwargs) * 0.5

    with tf.variable_scope("a", custom_getter=halved):
        half = tf.get_variable("v", [2], initializer=tf.ones_initializer())
    assert [v.op.name for v in tf.trainable_variables()] == ["a/v"]
    np.testing.assert_array_equal(values(half)[0], [0.5, 0.5])


# ---- name scopes


def test_a_name_scope_is_in_the_graph_of_its_values():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.constant(1.0)
    with tf.name_scope(None, "inner", [x]) as scope:
        assert scope == "inner/"
        assert tf.get_default_graph() is graph
    assert tf.get_default_graph() is not graph


def test_a_name_scope_needs_a_name_that_is_one():
    with pytest.raises(ValueError, match="name and default_name"):
        tf.name_scope(None, None, [tf.constant(1.0)]).__enter__()
    with pytest.raises(ValueError, match="(?s)not a valid name.*a b"):
        tf.name_scope("a b").__enter__()
    with pytest.raises(TypeError, match="(?s)is a string.*got +3"):
        tf.name_scope(3).__enter__()
