"""Counts and sums that lose nothing: against exact fractions, for any split into batches and any order of merging."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npslim as slim
from npslim import metrics

SIZES = st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False)


def exact(values):
    return sum(map(Fraction, map(float, values)), Fraction(0))


def assert_right(total, values):
    """`total` is nearest to the exact sum, but where that lies between two numbers to 30 digits: then to either."""
    right, size = exact(values), exact(map(abs, values))
    half = Fraction(float(np.spacing(abs(total)))) / 2
    assert abs(Fraction(float(total)) - right) <= half * (1 + Fraction(1, 2**40)) + size / 2**100


class Mean:
    """A weighted streaming mean in a graph of its own."""

    def __init__(self):
        with slim.Graph().as_default() as self.graph:
            self.x, self.w = slim.placeholder(slim.float64, [None]), slim.placeholder(slim.float64, [None])
            self.value, self.update = metrics.streaming_mean(self.x, self.w)
            self.session = slim.Session()

    def start(self):
        with self.graph.as_default():
            self.session.run(slim.local_variables_initializer())
        return self

    def see(self, values, weights=None):
        weights = np.ones(len(values)) if weights is None else weights
        self.session.run(self.update, {self.x: values, self.w: weights})
        return self

    @property
    def state(self):
        return metrics.state(self.session)

    def merged(self, *states):
        return metrics.merge_states(*states, graph=self.graph)


@pytest.fixture(scope="module")
def mean():
    return Mean()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(SIZES, min_size=1, max_size=40), st.data())
def test_the_split_into_batches_does_not_matter(mean, values, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=6)))
    mean.start()
    for begin, end in zip([0, *cuts], [*cuts, len(values)], strict=True):
        mean.see(values[begin:end])
    total, count = mean.state["mean/total"], mean.state["mean/count"]
    assert_right(total, values)
    assert count == len(values)


def test_thousands_of_batches_are_summed_up_right(mean):
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=7) * 10.0 ** rng.integers(-8, 8, 7) for _ in range(2000)]
    mean.start()
    for batch in batches:
        mean.see(batch)
    right = float(exact(np.concatenate(batches)))
    assert mean.state["mean/total"] == right
    mean.start()
    for batch in np.concatenate(batches).reshape(20, 700):
        mean.see(batch)
    assert mean.state["mean/total"] == right
    plain = 0.0
    for batch in batches:
        plain += batch.sum()
    assert plain != right, "numbers that need no care would prove nothing"


def times(mean, state, n):
    """What `n` sessions would have counted that all saw the same."""
    result = None
    while n:
        if n % 2:
            result = state if result is None else mean.merged(result, state)
        state, n = mean.merged(state, state), n // 2
    return result


def test_a_thousand_million_examples(mean):
    values = np.random.default_rng(1).uniform(size=1000)
    weights = np.random.default_rng(2).uniform(size=1000)
    products = values * weights
    state = times(mean, mean.start().see(values, weights).state, 10**6)
    for name, right in (("mean/total", exact(products) * 10**6), ("mean/count", exact(weights) * 10**6)):
        assert state[name] == float(right)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.lists(SIZES, min_size=1, max_size=6), min_size=3, max_size=3))
def test_states_merge_in_any_order(mean, parts):
    a, b, c = (mean.start().see(part).state for part in parts)
    left, right = mean.merged(mean.merged(a, b), c), mean.merged(a, mean.merged(c, b))
    for merged in (left, right):
        assert_right(merged["mean/total"], sum(parts, []))


def test_an_assignment_begins_anew(mean):
    big, small = [1e16], [1.0, 1.0, 1.0]
    mean.start().see(big)
    for one in small:
        mean.see([one])
    assert mean.state["mean/total"] == 1e16 + 4.0  # 1e16 + 3 to even: the ones were not lost
    total = mean.graph.get_collection(slim.GraphKeys.METRIC_VARIABLES)[0]
    total.load(5.0, mean.session)
    assert mean.see([1.0]).state["mean/total"] == 6.0
    assert mean.start().see([2.0]).state["mean/total"] == 2.0


def test_what_is_not_finite_stays(mean):
    assert mean.start().see([1.0, np.inf]).see([2.0]).state["mean/total"] == np.inf
    assert np.isnan(mean.start().see([1.0, np.nan]).see([2.0]).state["mean/total"])


def test_all_metrics_that_count_are_exact():
    """2**53 + 1 is no float64: the ones that do not fit are kept."""
    x = slim.placeholder(slim.float64, [None])
    p, y = slim.greater(x, 0.5), slim.greater(x, -1.0)
    p_class, y_class = slim.cast(p, slim.int64), slim.cast(y, slim.int64)
    pairs = {
        "count": metrics.count(x), "true_positives": metrics.streaming_true_positives(p, y),
        "auc": metrics.streaming_auc(x, y), "mean_iou": metrics.streaming_mean_iou(p_class, y_class, 2),
        "mean_tensor": metrics.streaming_mean_tensor(slim.ones([2])),
    }  # fmt: skip
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    for v in slim.local_variables():
        v.load(np.full(v.shape.as_list(), 2.0**53), session)
    for _ in range(3):
        session.run([update for _, update in pairs.values()], {x: [0.75]})
    state = metrics.state(session)
    for name in ("count/count", "true_positives/count", "auc/true_positives", "mean/count_tensor"):
        assert (state[name] + state[name + "/rest"] - 2.0**53 >= 2).any(), name
        assert ((state[name] - 2.0**53) + state[name + "/rest"]).max() == 3, name
    assert (
        state["mean_iou/total_confusion_matrix"] - 2.0**53 + state["mean_iou/total_confusion_matrix/rest"]
    ).max() == 3


def test_float32_as_tensorflow_counts_bit_for_bit():
    """From 2**24 - 3 on, as TensorFlow 2.15.1 went on: (total, count, mean) after each of eight examples."""
    recorded = [
        (16777213.0, 16777214.0, "0x1.fffffep-1"), (16777214.0, 16777215.0, "0x1.fffffep-1"),
        (16777215.0, 16777216.0, "0x1.fffffep-1"), (16777216.0, 16777216.0, "0x1.0p+0"),
        (16777218.0, 16777216.0, "0x1.000002p+0"), (16777220.0, 16777216.0, "0x1.000004p+0"),
        (16777222.0, 16777216.0, "0x1.000006p+0"), (16777226.0, 16777216.0, "0x1.00000ap+0"),
    ]  # fmt: skip
    x = slim.placeholder(slim.float32, [1])
    with metrics.counting(compat="tf"):
        value, update = metrics.streaming_mean(x)
    total, count = slim.local_variables()
    session = slim.Session()
    total.load(np.float32(16777213), session), count.load(np.float32(16777213), session)
    for i, (t, c, mean) in enumerate(recorded):
        session.run(update, {x: [0.3 + 0.4 * i]})
        assert session.run([total, count, value]) == [t, c, float.fromhex(mean)]
