"""Learning rates against TensorFlow."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
from npslim import schedules

CASES = [c for c in golden_cases.load("optim") if c.id.startswith("lr_")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_schedule(case):
    step = slim.placeholder(slim.int64, [])
    args = dict(case.args)
    if "boundaries" in args:
        rate = schedules.piecewise_constant(step, **args)
    else:
        rate = getattr(schedules, case.op.split(".")[-1])(global_step=step, **args)
    session = slim.Session()
    found = [session.run(rate, {step: int(s)}) for s in case.arrays("inputs")["steps"]]
    np.testing.assert_allclose(found, case.arrays("outputs")["lr"], rtol=2e-6, atol=1e-7)
    assert rate.dtype == slim.float32 and rate.shape.as_list() == []


def test_noise_has_the_variance_it_says():
    slim.set_random_seed(1)
    step = slim.constant(np.int64(9))
    noisy = schedules.noisy_linear_cosine_decay(1.0, step, 40, initial_variance=4.0, variance_decay=1.0)
    plain = schedules.linear_cosine_decay(1.0, step, 40)
    session = slim.Session()
    noise = [session.run(noisy) - session.run(plain) for _ in range(3000)]
    cosine = 0.5 * (1 + np.cos(np.pi * 9 / 40))
    assert np.std(noise) == pytest.approx(np.sqrt(4.0 / 10) * cosine, rel=0.05)


def test_restarts_of_equal_length():
    step = slim.placeholder(slim.int64, [])
    rate = schedules.cosine_decay_restarts(1.0, step, 10, t_mul=1.0, m_mul=0.5)
    session = slim.Session()
    found = [float(session.run(rate, {step: s})) for s in (0, 5, 10, 15, 20)]
    np.testing.assert_allclose(found, [1, 0.5, 0.5, 0.25, 0.25], rtol=1e-6)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: schedules.exponential_decay(0.1, None, 10, 0.5),
        lambda: schedules.polynomial_decay(0.1, None, 10),
        lambda: schedules.piecewise_constant(slim.constant(1), [1, 2], [0.1, 0.2]),
        lambda: schedules.piecewise_constant(slim.constant(1), [1], [0.1, np.float64(0.2)]),
    ],
)
def test_refusals(bad):
    with pytest.raises(ValueError):
        bad()
