"""What programs of word vectors and of style transfer took from `tf.nn` and `tf.contrib.opt`."""

import numpy as np
import pytest

import npslim.tf as tf


def test_distinct_candidates_tell_how_often_they_were_expected():
    """1 - (1 - p)**tries, with one number of tries for all of them."""
    true = tf.constant([[0], [7]], tf.int64)
    drawn = tf.nn.log_uniform_candidate_sampler(true, 1, 5, True, 12, seed=3)
    with tf.Session() as session:
        classes, of_true, of_drawn = session.run(drawn)
    assert len(set(classes.tolist())) == 5 and classes.dtype == np.int64
    shares = np.log(np.arange(2, 14) / np.arange(1, 13)) / np.log(13)
    tries = np.log1p(-of_drawn) / np.log1p(-shares[classes])
    np.testing.assert_allclose(tries, np.round(tries[0]), rtol=1e-3)
    assert tries[0] > 4.9
    np.testing.assert_allclose(of_true[:, 0], 1 - (1 - shares[[0, 7]]) ** np.round(tries[0]), rtol=1e-4)


def test_counts_come_from_a_file(tmp_path):
    (tmp_path / "vocabulary.csv").write_text("a,3\nb,0\nc,1\n")
    true = tf.constant([[0, 2]], tf.int64)
    made = tf.nn.fixed_unigram_candidate_sampler(true, 2, 40, False, 3, str(tmp_path / "vocabulary.csv"))
    with tf.Session() as session:
        classes, of_true, _ = session.run(made)
    np.testing.assert_allclose(of_true, [[30, 10]], rtol=1e-6)
    assert set(classes.tolist()) == {0, 2}
    with pytest.raises(ValueError, match=r"num_sampled <= 2"):
        tf.nn.fixed_unigram_candidate_sampler(true, 2, 3, True, 3, unigrams=[3, 0, 1])
    with pytest.raises(ValueError, match="a count for each class"):
        tf.nn.fixed_unigram_candidate_sampler(true, 2, 3, False, 5, unigrams=[3, 0, 1])
    with pytest.raises(ValueError, match="vocab_file or from unigrams"):
        tf.nn.fixed_unigram_candidate_sampler(true, 2, 3, False, 5)


def test_word_vectors_are_learned_by_drawn_classes():
    table = tf.get_variable("table", [6, 4], initializer=tf.random_uniform_initializer(-1, 1, seed=1))
    weights = tf.get_variable("weights", [6, 4], initializer=tf.zeros_initializer())
    biases = tf.get_variable("biases", [6], initializer=tf.zeros_initializer())
    inputs, labels = tf.placeholder(tf.int32, [6]), tf.placeholder(tf.int32, [6, 1])
    embedded = tf.nn.embedding_lookup(table, inputs)
    loss = tf.reduce_mean(tf.nn.nce_loss(weights, biases, labels, embedded, 3, 6))
    train = tf.train.AdagradOptimizer(1.0).minimize(loss)
    best = tf.argmax(tf.matmul(embedded, weights, transpose_b=True) + biases, 1)
    feeds = {inputs: np.arange(6), labels: np.roll(np.arange(6), 1)[:, None]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(60):
            session.run(train, feeds)
        assert session.run(best, feeds).tolist() == np.roll(np.arange(6), 1).tolist()


def test_scipy_minimizes_a_loss():
    x, y = tf.get_variable("x", initializer=[-1.0, 2.0]), tf.get_variable("y", initializer=0.0)
    loss = 100.0 * tf.square(x[1] - x[0] ** 2) + tf.square(1.0 - x[0]) + tf.square(y - 3.0)
    seen, steps = [], []
    optimizer = tf.contrib.opt.ScipyOptimizerInterface(loss, method="L-BFGS-B", options={"maxiter": 100})
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.minimize(session, fetches=[loss], loss_callback=seen.append, step_callback=steps.append)
        np.testing.assert_allclose(session.run(x), [1, 1], atol=0.02)
        np.testing.assert_allclose(session.run(y), 3, atol=0.02)
    assert seen[0] > 10 > 0.01 > seen[-1] and steps[-1].shape == (3,)


def test_scipy_keeps_to_bounds_and_constraints():
    x = tf.get_variable("x", initializer=[0.9, 0.3])
    made = tf.contrib.opt.ScipyOptimizerInterface
    held = made(tf.reduce_sum(x**2), equalities=[x[0] + x[1] - 1.0], inequalities=[x[0] - 0.7])
    inside = made(tf.reduce_sum((x - 5.0) ** 2), var_to_bounds={x: ([0.0, 0.0], [1.0, np.inf])})
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        held.minimize(session)
        np.testing.assert_allclose(session.run(x), [0.7, 0.3], atol=1e-4)
        inside.minimize()
        np.testing.assert_allclose(session.run(x), [1, 5], atol=1e-3)
    with pytest.raises(ValueError, match="no session"):
        inside.minimize()
    with pytest.raises(ValueError, match="nothing to minimize by"):
        made(tf.reduce_sum(x), var_list=[])
    with pytest.raises(TypeError, match=r"(?s)Only scalars.*made at .*test_word_vectors_and_scipy.py"):
        made(x * 2.0)
