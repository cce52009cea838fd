"""Tests of the exercise `momentum`."""

import numpy as np

from npslim.exercises.common import named, same
from npslim.graph import Graph
from npslim.optimizers import MomentumOptimizer
from npslim.session import Session
from npslim.variables import Variable, global_variables_initializer

START = np.array([1.0, -2.0, 0.5])


def gradient(w):
    """Of a bowl that is steeper in one direction."""
    return w * np.array([1.0, 4.0, 0.25])


def expected(steps, nesterov, rate=0.1, momentum=0.9):
    """The weights after so many steps of npslim's optimizer."""
    with Graph().as_default(), Session() as session:
        w = Variable(START)
        loss = 0.5 * (w * w * np.array([1.0, 4.0, 0.25]))
        train = MomentumOptimizer(rate, momentum, use_nesterov=nesterov).minimize(loss)
        session.run(global_variables_initializer())
        for _ in range(steps):
            session.run(train)
        return session.run(w)


def answered(answer, steps, nesterov=False, rate=0.1, momentum=0.9):
    """The weights after so many steps of the answer."""
    w, a = START.copy(), np.zeros(3)
    for _ in range(steps):
        w, a = named(answer, "momentum_step")(w, a, gradient(w), rate, momentum, nesterov)
    return w


def check_the_first_step_is_descent(answer):
    """The average begins at zero, so the first step is plain descent: w - learning_rate * g."""
    same(answered(answer, 1), START - 0.1 * gradient(START), "w after a step")


def check_no_momentum_is_descent(answer):
    """With momentum 0 the average is the gradient."""
    w, a = named(answer, "momentum_step")(START, np.ones(3), gradient(START), 0.1, 0.0)
    same(a, gradient(START), "a")


def check_the_average_gathers(answer):
    """The new average is momentum * a + g: a sum, with no factor 1 - momentum and no learning rate in it."""
    _, a = named(answer, "momentum_step")(START, np.ones(3), np.full(3, 2.0), 0.1, 0.9)
    same(a, np.full(3, 2.9), "a")


def check_many_steps(answer):
    """The weights follow the NEW average: w - learning_rate * a."""
    same(answered(answer, 20), expected(20, False), "w after 20 steps", 1e-5)


def check_nesterov(answer):
    """Nesterov: w - learning_rate * (g + momentum * a), with the new average."""
    same(answered(answer, 20, nesterov=True), expected(20, True), "w after 20 steps", 1e-5)


def check_inputs_are_left_alone(answer):
    """`a *= momentum` writes into the caller's array. Make a new one."""
    w, a, g = START.copy(), np.ones(3), gradient(START)
    named(answer, "momentum_step")(w, a, g, 0.1, 0.9)
    same(w, START, "w, afterwards,", 0)
    same(a, np.ones(3), "a, afterwards,", 0)
