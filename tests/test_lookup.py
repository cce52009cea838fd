"""Lookup tables: what TensorFlow's give, and bad contents refused with their line."""

import numpy as np
import pytest

import npslim.tf as tf
from npslim.errors import InvalidArgumentError, NotFoundError

lookup = tf.contrib.lookup


def run(fetches):
    with tf.Session() as sess:
        sess.run(tf.tables_initializer())
        return sess.run(fetches)


def test_words_to_numbers_and_back():
    table = lookup.index_table_from_tensor(tf.constant(["emerson", "lake", "palmer"]), default_value=-7)
    ids = table.lookup(tf.constant([["emerson", "lake"], ["and", "palmer"]]))
    back = lookup.index_to_string_table_from_tensor(["emerson", "lake", "palmer"]).lookup(ids)
    found, words, size = run([ids, back, table.size()])
    np.testing.assert_array_equal(found, np.array([[0, 1], [-7, 2]]), strict=True)
    assert words.tolist() == [[b"emerson", b"lake"], [b"UNK", b"palmer"]]
    assert size == 3 and ids.shape.as_list() == [2, 2]


def test_words_that_are_fed():
    words = tf.placeholder(tf.string, [None])
    ids = lookup.index_table_from_tensor(["a", "b"]).lookup(words)
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(ids, {words: ["b", "c", "a"]}), [1, -1, 0])


def test_sparse_keys():
    keys = tf.SparseTensor([[0, 1], [2, 0]], ["b", "x"], [3, 2])
    found = run(lookup.index_table_from_tensor(["a", "b"]).lookup(keys))
    np.testing.assert_array_equal(found.values, [1, -1])
    np.testing.assert_array_equal(found.indices, [[0, 1], [2, 0]])


def test_numbers_to_numbers():
    contents = lookup.KeyValueTensorInitializer([3, 5], [0.5, 0.25], tf.int64, tf.float32)
    table = lookup.HashTable(contents, -1.0)
    np.testing.assert_array_equal(run(table.lookup(tf.constant([5, 4, 3], tf.int64))), np.float32([0.25, -1, 0.5]))
    with pytest.raises(TypeError, match="another dtype"):
        table.lookup(tf.constant([5], tf.int32))


def test_files(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0:cat\n1:größe\n2:dog\n", encoding="utf-8")
    table = lookup.index_to_string_table_from_file(str(path), default_value="?")
    assert run(table.lookup(tf.constant([2, 1, 9], tf.int64))).tolist() == [b"2:dog", "1:größe".encode(), b"?"]
    contents = lookup.TextFileInitializer(str(path), tf.string, 1, tf.int64, 0, delimiter=":")
    assert run(lookup.HashTable(contents, -1).lookup(tf.constant(["dog", "cow"]))).tolist() == [2, -1]
    assert run(lookup.index_table_from_file(str(path), vocab_size=2).size()) == 2


def test_bad_contents(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("0:cat\nx:dog\n")
    with pytest.raises(InvalidArgumentError, match=r"labels\.txt, line 2 cannot be read"):
        lookup.TextFileInitializer(str(path), tf.string, 1, tf.int64, 0, delimiter=":")
    with pytest.raises(InvalidArgumentError, match="line 1 cannot be read"):
        lookup.TextFileInitializer(str(path), tf.string, 2, tf.int64, -1, delimiter=":")
    with pytest.raises(InvalidArgumentError, match="too few lines"):
        lookup.index_table_from_file(str(path), vocab_size=3)
    with pytest.raises(NotFoundError, match="There is no file"):
        lookup.index_table_from_file(str(tmp_path / "nothing"))
    with pytest.raises(InvalidArgumentError, match="two values"):
        lookup.HashTable(lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), 0)
    with pytest.raises(InvalidArgumentError, match="a value for each key"):
        lookup.KeyValueTensorInitializer(["a", "a"], [1])
    with pytest.raises(InvalidArgumentError, match="must be known"):
        lookup.index_table_from_tensor(tf.placeholder(tf.string, [3]))
    with pytest.raises(InvalidArgumentError, match="vocabulary_list must be"):
        lookup.index_table_from_tensor(None)
    with pytest.raises(InvalidArgumentError, match="must not be negative"):
        lookup.index_table_from_tensor(["a"], num_oov_buckets=-3)


def test_words_outside_of_the_vocabulary_have_buckets():
    """Numbers as TensorFlow 2.15.1 gives them."""
    table = lookup.index_table_from_tensor(["a", "b"], num_oov_buckets=5)
    numbers = lookup.index_table_from_tensor([7, 8], num_oov_buckets=4, dtype=tf.int64)
    session = tf.Session()
    found = session.run([
        table.lookup(np.array([b"b", b"", b"abc", b"zebra", b"a"], object)), table.size(),
        numbers.lookup(np.array([8, 9, -3])),
    ])  # fmt: skip
    assert [np.asarray(x).tolist() for x in found] == [[1, 5, 2, 4, 0], 7, [1, 3, 5]]
