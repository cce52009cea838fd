"""Variables are found and read together: never across what may change them, and errors name the node that reads."""

import re

import numpy as np
import pytest

import npslim as slim
from npslim.errors import FailedPreconditionError


def labels(session, fetches):
    plan = session.plan(tuple(fetches), ())
    return [getattr(step.kernel, "label", "plain") for step in plan.steps]


def test_one_step_finds_and_reads_all():
    a, b = (slim.get_variable(name, initializer=np.float32(value)) for name, value in (("a", 1), ("b", 2)))
    y = a * b
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        assert session.run(y) == 2
        assert labels(session, [y]) == ["finds 2 variables, reads 2", "plain"]


def test_a_read_stays_behind_the_assignment_that_it_waits_for():
    a, b = (slim.get_variable(name, initializer=np.float32(value)) for name, value in (("a", 1), ("b", 2)))
    before = a + 10
    with slim.control_dependencies([before]):
        change = slim.assign_add(a, 100), slim.assign(b, before)
    with slim.control_dependencies(change):
        after, beside = a.read_value() + 0, b.read_value() + 0
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        assert session.run([before, after, beside]) == [11, 101, 11]
        assert session.run([before, after, beside]) == [111, 201, 111]
        found = labels(session, [before, after, beside])
        assert found[0] == "finds 2 variables, reads 1" and found.count("reads 2 variables") == 1


def test_the_error_names_the_node_that_reads():
    a, b = (slim.get_variable(name, initializer=np.float32(value)) for name, value in (("a", 1), ("b", 2)))
    with slim.Session() as session:
        session.run(a.initializer)
        with pytest.raises(FailedPreconditionError, match="uninitialized value b") as caught:
            session.run(a * b)
    assert caught.value.op.name == "b/read"
    assert re.search(r"node     b/read \(Identity\)", "\n".join(caught.value.__notes__))


def test_steps_that_do_nothing_are_left_out():
    a = slim.get_variable("a", initializer=np.float32(1))
    both = slim.group(slim.assign_add(a, 1), slim.no_op())
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        assert session.run(both) is None and session.run(a) == 2
        assert not any(step.node.type == "NoOp" for step in session.plan((both,), ()).steps)
        assert session.run(slim.no_op()) is None
