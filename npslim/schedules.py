"""Learning rates that change with the step: each is a tensor, for an optimizer's learning_rate.

learning_rate: the first one, a number or a tensor. global_step: a variable or tensor. Steps and rates may be tensors.
Computed in the dtype of `learning_rate`, as in TensorFlow.
"""

import math

from npslim.convert import as_tensor, constant_value
from npslim.errors import InvalidArgumentError
from npslim.ops.elementwise import minimum
from npslim.ops.elementwise import pow as raised
from npslim.ops.functions import ceil, exp, floor, log
from npslim.ops.logic import cast, equal, less_equal, where
from npslim.ops.random import random_normal
from npslim.ops.shape import ones_like, zeros_like
from npslim.ops.trigonometry import cos
from npslim.scopes import name_scope


def _needs_step(global_step, name):
    if global_step is None:
        raise InvalidArgumentError(f"global_step is required for {name}.", expected="a variable or tensor", got=None)


def _as(value, like):
    return cast(as_tensor(value), dtype=like.spec.dtype)


def exponential_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * decay_rate ** (global_step / decay_steps); staircase: of the whole number of these."""
    _needs_step(global_step, "exponential_decay")
    with name_scope(name, "ExponentialDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        passed = _as(global_step, rate) / _as(decay_steps, rate)
        return rate * raised(_as(decay_rate, rate), floor(passed) if staircase else passed)


def natural_exp_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    _needs_step(global_step, "natural_exp_decay")
    with name_scope(name, "NaturalExpDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        passed = _as(global_step, rate) / _as(decay_steps, rate)
        return rate * exp(-_as(decay_rate, rate) * (floor(passed) if staircase else passed))


def inverse_time_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False, name=None):
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    _needs_step(global_step, "inverse_time_decay")
    with name_scope(name, "InverseTimeDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        passed = _as(global_step, rate) / _as(decay_steps, rate)
        return rate / (1.0 + _as(decay_rate, rate) * (floor(passed) if staircase else passed))


def polynomial_decay(
    learning_rate, global_step, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name=None
):
    """From learning_rate to end_learning_rate in decay_steps, as `(1 - step / decay_steps) ** power`.

    cycle: then begin again, each time with twice, three times ... the steps, and from where that curve is by then.
    """
    _needs_step(global_step, "polynomial_decay")
    with name_scope(name, "PolynomialDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        step, steps, end = (_as(x, rate) for x in (global_step, decay_steps, end_learning_rate))
        if cycle:
            rounds = ceil(step / steps)
            steps = steps * where(equal(step, zeros_like(step)), ones_like(step), rounds)
        else:
            step = minimum(step, steps)
        return (rate - end) * raised(1.0 - step / steps, _as(power, rate)) + end


def piecewise_constant(x, boundaries, values, name=None):
    """values[0] up to boundaries[0], values[1] above that up to boundaries[1], and so on; the last one for ever.

    x: the step. Raises ValueError unless there is one value more than boundaries, and for dtypes that differ.
    """
    if len(boundaries) != len(values) - 1:
        raise InvalidArgumentError(
            "piecewise_constant: there must be one more value than boundaries.", expected=len(boundaries) + 1,
            got=len(values),
        )  # fmt: skip
    with name_scope(name, "PiecewiseConstant", [x]):
        x = as_tensor(x)
        limits = [_as(b, x) for b in boundaries]
        numbers = [as_tensor(v) for v in values]
        if len({v.spec.dtype for v in numbers}) > 1:
            raise InvalidArgumentError("piecewise_constant: the values must have one dtype.", got=numbers)
        result = numbers[-1]
        for limit, number in zip(reversed(limits), reversed(numbers[:-1]), strict=True):
            result = where(less_equal(x, limit), number, result)
        return result


piecewise_constant_decay = piecewise_constant


def cosine_decay(learning_rate, global_step, decay_steps, alpha=0.0, name=None):
    """From learning_rate to `alpha` times that along half a cosine (Loshchilov & Hutter, 2016)."""
    _needs_step(global_step, "cosine_decay")
    with name_scope(name, "CosineDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        steps = _as(decay_steps, rate)
        done = minimum(_as(global_step, rate), steps) / steps
        return rate * ((1 - alpha) * 0.5 * (1.0 + cos(math.pi * done)) + alpha)


def cosine_decay_restarts(learning_rate, global_step, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name=None):
    """`cosine_decay` that begins again and again: for `t_mul` times the steps, from `m_mul` times the rate."""
    _needs_step(global_step, "cosine_decay_restarts")
    with name_scope(name, "SGDRDecay"):
        rate = as_tensor(learning_rate, name="initial_learning_rate")
        t, m, low = (_as(x, rate) for x in (t_mul, m_mul, alpha))
        done = _as(global_step, rate) / _as(first_decay_steps, rate)
        if constant_value(t) == 1.0:
            restarts = floor(done)
            done = done - restarts
        else:
            restarts = floor(log(1.0 - done * (1.0 - t)) / log(t))
            begun = (1.0 - raised(t, restarts)) / (1.0 - t)
            done = (done - begun) / raised(t, restarts)
        cosine = 0.5 * raised(m, restarts) * (1.0 + cos(math.pi * done))
        return rate * ((1 - low) * cosine + low)


def linear_cosine_decay(learning_rate, global_step, decay_steps, num_periods=0.5, alpha=0.0, beta=0.001, name=None):
    """learning_rate * ((alpha + linear) * cosine + beta), linear from 1 to 0 (Bello et al., 2017)."""
    _needs_step(global_step, "linear_cosine_decay")
    with name_scope(name, "LinearCosineDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        linear, cosine = _linear_and_cosine(rate, global_step, decay_steps, num_periods)
        return rate * ((alpha + linear) * cosine + beta)


def noisy_linear_cosine_decay(
    learning_rate, global_step, decay_steps, initial_variance=1.0, variance_decay=0.55, num_periods=0.5, alpha=0.0,
    beta=0.001, name=None,
):  # fmt: skip
    """`linear_cosine_decay` with noise in its linear part.

    The noise has the variance initial_variance / (1 + step) ** variance_decay.
    """
    _needs_step(global_step, "noisy_linear_cosine_decay")
    with name_scope(name, "NoisyLinearCosineDecay"):
        rate = as_tensor(learning_rate, name="learning_rate")
        linear, cosine = _linear_and_cosine(rate, global_step, decay_steps, num_periods)
        steps = _as(decay_steps, rate)
        step = minimum(_as(global_step, rate), steps)
        deviation = raised(initial_variance / raised(1.0 + step, variance_decay), 0.5)
        noise = deviation * random_normal([], dtype=rate.dtype)
        return rate * ((alpha + linear + noise) * cosine + beta)


def _linear_and_cosine(rate, global_step, decay_steps, num_periods):
    steps = _as(decay_steps, rate)
    done = minimum(_as(global_step, rate), steps) / steps
    return 1.0 - done, 0.5 * (1.0 + cos(math.pi * 2.0 * num_periods * done))
