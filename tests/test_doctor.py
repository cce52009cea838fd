"""The doctor names the layers of the three mistakes, and stays silent where there is none."""

import logging

import numpy as np

import npslim as slim
from npslim import doctor


def network(is_training):
    x = slim.constant(np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32) + 3)
    with slim.variable_scope("net", reuse=slim.AUTO_REUSE):
        y = slim.batch_norm(slim.fully_connected(x, 3, scope="fc"), is_training=is_training, scope="bn")
        return slim.dropout(y, is_training=is_training, scope="drop")


def initialized():
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session


def test_a_train_op_without_the_updates():
    loss = slim.reduce_mean(slim.square(network(True)))
    careless = slim.GradientDescentOptimizer(0.1).minimize(loss)
    (finding,) = doctor.examine(train_op=careless)
    assert finding.kind == "updates" and "2 of 2 UPDATE_OPS" in str(finding) and "net/bn" in str(finding)
    assert "create_train_op" in finding.hint
    slim.losses.add_loss(loss)
    careful = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.1))
    assert doctor.examine(train_op=careful) == []


def test_moving_averages_that_never_moved():
    loss = slim.reduce_mean(slim.square(network(True)))
    train_op = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.1))
    session = initialized()
    (finding,) = doctor.examine(session=session)
    assert finding.kind == "averages" and "net/bn" in finding.message
    session.run(train_op)
    assert doctor.examine(session=session) == []


def test_evaluation_of_a_network_built_for_training():
    wrong, right = network(True), network(False)
    (finding,) = doctor.examine(eval_ops=wrong)
    assert finding.kind == "training" and "net/bn, net/drop" in finding.message and "is_training=False" in finding.hint
    assert doctor.examine(eval_ops=[right]) == []


def test_warnings_are_logged_one_a_finding(caplog):
    with caplog.at_level(logging.WARNING, "npslim"):
        doctor.warn(eval_ops=network(True))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "net/bn" in caplog.text


def test_long_lists_of_layers_are_cut():
    x = slim.zeros([2, 3])
    for _ in range(7):
        x = slim.batch_norm(x)
    (finding,) = doctor.examine(eval_ops=x)
    assert "and 2 more" in finding.message
