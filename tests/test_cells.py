"""What outlives a run: cells, and random numbers that depend on the seed, the node and how often it has drawn."""

import numpy as np
import pytest

import npslim as slim
from npslim.cells import Cell, Store
from npslim.errors import FailedPreconditionError


def draws(count, *, before=0, beside=0, seed: int | None = 5, op_seed: int | None = None):
    """The numbers of `count` runs of one random node; nodes are defined before it, others are run beside it."""
    with slim.Graph().as_default():
        slim.set_random_seed(seed)
        others = [slim.random_uniform([2]) for _ in range(before)]
        mine = slim.random_uniform([4], seed=op_seed, name="mine")
        others += [slim.random_normal([3]) for _ in range(beside)]
        session = slim.Session()
        return np.array([session.run([mine, *others])[0] for _ in range(count)])


def test_draws_differ_from_run_to_run_and_repeat_from_session_to_session():
    found = draws(3)
    assert len(np.unique(found)) == found.size
    np.testing.assert_array_equal(found, draws(3))


@pytest.mark.parametrize("other", [{"before": 3}, {"beside": 2}, {"before": 1, "beside": 1}])
def test_draws_do_not_depend_on_other_nodes(other):
    np.testing.assert_array_equal(draws(2), draws(2, **other))


@pytest.mark.parametrize("other", [{"seed": 6}, {"op_seed": 1}, {"seed": None}])
def test_another_seed_gives_other_draws(other):
    assert not np.intersect1d(draws(2), draws(2, **other)).size


def test_without_any_seed_each_session_draws_its_own():
    assert not np.intersect1d(draws(2, seed=None), draws(2, seed=None)).size


def test_a_seed_of_the_op_alone_repeats():
    np.testing.assert_array_equal(draws(2, seed=None, op_seed=3), draws(2, seed=None, op_seed=3))


def test_the_stream_is_philox_keyed_by_both_seeds_and_counted_by_draws():
    node = slim.random_uniform([2], seed=8).op
    node.graph.seed, key = -1, np.array([2**64 - 1, 8], np.uint64)
    store = Store()
    for draw in (1, 2):
        expected = np.random.Generator(np.random.Philox(key=key, counter=[0, draw, 0, 0]))
        assert store.generator(node).integers(2**62) == expected.integers(2**62)
    of_element = store.generator(node, ticket=1)  # by the number of a queue's element: another stream, never counted
    expected = np.random.Generator(np.random.Philox(key=key, counter=[0, 1, 1, 0]))
    assert of_element.integers(2**62) == expected.integers(2**62) and store.draws == {node.name: 2}


def test_negative_seeds_are_seeds():
    found = [draws(1, seed=seed) for seed in (-1, -2, 2**64 - 3)]
    assert len(np.unique(found)) == 12
    np.testing.assert_array_equal(draws(1, seed=-1), draws(1, seed=2**64 - 1))


def test_a_cell_without_a_value_says_what_to_run():
    with pytest.raises(FailedPreconditionError, match=r"(?s)uninitialized value w\..*global_variables_initializer"):
        Cell("w").initialized()


def test_what_a_checkpoint_kept_is_taken_up_once():
    class Queue:
        restored = ()

        def restore(self, *saved):
            self.restored += saved

    store = Store()
    store.saved["q"] = (1, 2)
    assert store.take_up("q", Queue()).restored == (1, 2)
    assert store.take_up("q", Queue()).restored == ()
    assert store.cell("q") is store.cell("q")
