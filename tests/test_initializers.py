"""Initializers: their statistics against formulas and against samples that TensorFlow drew."""

import golden_cases
import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf
from npslim import initializers

INITIALIZERS = {
    "zeros": lambda: slim.zeros_initializer(),
    "ones": lambda: slim.ones_initializer(),
    "constant": lambda: slim.constant_initializer(0.3),
    "truncated_normal": lambda: slim.truncated_normal_initializer(stddev=0.5),
    "random_normal": lambda: slim.random_normal_initializer(1.0, 0.5),
    "random_uniform": lambda: slim.random_uniform_initializer(-0.2, 0.6),
    "xavier_uniform": lambda: slim.xavier_initializer(),
    "xavier_normal": lambda: slim.xavier_initializer(uniform=False),
    "vs_default": lambda: slim.variance_scaling_initializer(),
    "vs_fan_avg_uniform": lambda: slim.variance_scaling_initializer(1.0, "FAN_AVG", uniform=True),
    "vs_fan_out": lambda: slim.variance_scaling_initializer(mode="FAN_OUT"),
    "tf_variance_scaling": lambda: initializers.VarianceScaling(2.0),
    "tf_variance_scaling_uniform": lambda: initializers.VarianceScaling(2.0, "fan_avg", "uniform"),
    "glorot_uniform": lambda: slim.glorot_uniform_initializer(),
    "glorot_normal": lambda: slim.glorot_normal_initializer(),
    "he_normal": lambda: initializers.he_normal(),
    "uniform_unit_scaling": lambda: initializers.uniform_unit_scaling_initializer(1.4),
    "orthogonal": lambda: initializers.orthogonal_initializer(),
    "identity": lambda: slim.identity_initializer(2.0),
}


def is_here(case):
    try:
        return bool(INITIALIZERS[case.op.split()[1]]())
    except AttributeError:  # a later release has it
        return False


SHARES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)  # of the stored quantiles, between the ends
CASES = [c for c in golden_cases.load("optim") if c.op.startswith("initializer ") and is_here(c)]


def draw(initializer, shape, **given):
    slim.set_random_seed(7)
    return slim.Session().run(initializer(shape, **given))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_tensorflow_draws(case):
    """The shares of values below TensorFlow's quantiles differ by what those of two samples may differ by."""
    values = draw(INITIALIZERS[case.op.split()[1]](), case.args["shape"])
    assert values.shape == tuple(case.args["shape"]) and values.dtype == np.float32
    stats, quantiles = case.facts["stats"], case.arrays("outputs")["quantiles"]
    if len(np.unique(quantiles)) <= 2:  # a constant, or the identity: no sample
        found = values.mean(), values.std(), values.min(), values.max()
        np.testing.assert_allclose(found, [stats[name] for name in ("mean", "std", "min", "max")], rtol=1e-5, atol=1e-6)
        return
    size = stats["n"]
    assert abs(values.mean() - stats["mean"]) < 6 * stats["std"] * np.sqrt(2 / size)
    assert abs(values.std() / stats["std"] - 1) < 6 / np.sqrt(size)
    for p, quantile in zip(SHARES, quantiles[1:-1], strict=True):
        assert abs((values < quantile).mean() - p) < 6 * np.sqrt(2 * p * (1 - p) / size)


NORMAL_WITHIN_TWO = 0.87962566  # the deviation of a standard normal that is cut off at two deviations


@pytest.mark.parametrize(
    "initializer, limit, deviation",
    [
        (slim.random_uniform_initializer(-3.0, 3.0), 3.0, np.sqrt(3)),
        (slim.truncated_normal_initializer(stddev=2.0), 4.0, 2 * NORMAL_WITHIN_TWO),
        (slim.random_normal_initializer(stddev=2.0), np.inf, 2.0),
        # fans of [3, 5, 40, 60]: 600 in, 900 out, 750 on average
        (slim.xavier_initializer(), np.sqrt(3 / 750), np.sqrt(1 / 750)),
        (slim.xavier_initializer(uniform=False), 2 * np.sqrt(1.3 / 750), NORMAL_WITHIN_TWO * np.sqrt(1.3 / 750)),
        (slim.variance_scaling_initializer(), 2 * np.sqrt(2.6 / 600), NORMAL_WITHIN_TWO * np.sqrt(2.6 / 600)),
        (slim.variance_scaling_initializer(4.0, "FAN_OUT", True), np.sqrt(12 / 900), np.sqrt(4 / 900)),
        (slim.glorot_uniform_initializer(), np.sqrt(3 / 750), np.sqrt(1 / 750)),
        (slim.glorot_normal_initializer(), 2 / NORMAL_WITHIN_TWO * np.sqrt(1 / 750), np.sqrt(1 / 750)),
        (initializers.VarianceScaling(2.0, "fan_in"), 2 / NORMAL_WITHIN_TWO * np.sqrt(2 / 600), np.sqrt(2 / 600)),
        (initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal"), np.inf, np.sqrt(2 / 900)),
        (initializers.VarianceScaling(2.0, "FAN_AVG", "Uniform"), np.sqrt(6 / 750), np.sqrt(2 / 750)),
    ],
)
def test_formulas(initializer, limit, deviation):
    values = draw(initializer, [3, 5, 40, 60])
    assert values.size == 36000
    assert np.abs(values).max() <= limit * (1 + 1e-6)
    assert np.abs(values).max() > 0.99 * limit or limit == np.inf
    assert abs(values.std() / deviation - 1) < 0.02
    assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)


@pytest.mark.parametrize(
    "shape, fans", [([], (1, 1, 1)), ([7], (7, 7, 7)), ([4, 6], (4, 6, 5)), ([3, 5, 4, 6], (60, 90, 75))]
)
def test_fans(shape, fans):
    assert tuple(initializers.fan(shape, mode) for mode in ("FAN_IN", "FAN_OUT", "FAN_AVG")) == fans


def test_dtypes():
    assert draw(slim.xavier_initializer(), [2], dtype=slim.float64).dtype == np.float64
    assert draw(slim.xavier_initializer(dtype=slim.float64), [2]).dtype == np.float64
    assert draw(slim.random_normal_initializer(dtype=slim.float64), [2]).dtype == np.float64
    assert draw(slim.zeros_initializer(), [2], dtype=slim.string).tolist() == [b"", b""]
    assert draw(slim.ones_initializer(dtype=slim.bool), [2]).tolist() == [True, True]
    assert draw(slim.random_uniform_initializer(0, 10), [50], dtype=slim.int32).dtype == np.int32


def test_constants():
    np.testing.assert_array_equal(draw(slim.constant_initializer([1, 2, 3, 4]), [2, 2]), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(draw(slim.constant_initializer([1, 2]), [2, 2]), [[1, 2], [2, 2]])
    np.testing.assert_array_equal(draw(slim.constant_initializer([[5]]), [1, 1], dtype=slim.int64), [[5]])
    with pytest.raises(ValueError, match=r"(?s)does not fit.*4 elements, shape \[2, 2\].*5 elements"):
        slim.constant_initializer(np.arange(5))([2, 2])
    with pytest.raises(ValueError, match=r"(?s)does not fit.*shape \[4\]"):
        slim.constant_initializer(np.arange(4), verify_shape=True)([2, 2])


def test_identity():
    np.testing.assert_array_equal(draw(slim.identity_initializer(3.0), [2, 3]), [[3, 0, 0], [0, 3, 0]])
    with pytest.raises(ValueError, match=r"(?s)identity is a matrix.*\[2, 2, 2\]"):
        slim.identity_initializer()([2, 2, 2])


@pytest.mark.parametrize(
    "name, factor", [("he_normal", 2), ("he_uniform", 2), ("lecun_normal", 1), ("lecun_uniform", 1)]
)
def test_variance_by_the_number_of_inputs(name, factor):
    values = draw(getattr(tf.initializers, name)(), [3, 3, 20, 500])
    assert abs(values.var() * 180 / factor - 1) < 0.02 and abs(values.mean()) < 0.002
    assert (np.abs(values).max() <= np.sqrt(3 * factor / 180)) == name.endswith("uniform")


def test_seeds():
    """An initializer's seed is its own: two sessions agree. Without one, two variables differ."""
    seeded = [slim.variance_scaling_initializer(seed=3)([4]) for _ in range(2)]
    free = [slim.variance_scaling_initializer()([4]) for _ in range(2)]
    first, second = (slim.Session().run(seeded) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    a, b = slim.Session().run(free)
    assert (a != b).all()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: slim.variance_scaling_initializer(mode="fan"), TypeError, "(?s)Unknown mode.*FAN_IN.*fan"),
        (lambda: slim.variance_scaling_initializer(dtype=slim.int32), TypeError, "(?s)not floating.*int32"),
        (lambda: slim.xavier_initializer()([2], dtype=slim.int32), TypeError, "(?s)not floating.*int32"),
        (lambda: initializers.VarianceScaling(0.0), ValueError, "(?s)positive.*0.0"),
        (lambda: initializers.VarianceScaling(mode="in"), ValueError, "(?s)Unknown mode.*in"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), ValueError, "(?s)Unknown dist.*cauchy"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
