"""Embeddings and sparse layers, compared with loops over Python lists."""

import numpy as np
import pytest

import npslim as slim
from npslim.errors import InvalidArgumentError
from npslim.ops import embedding
from npslim.ops.sparse import SparseTensor, sparse_tensor_to_dense

TABLE = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def run(fetches):
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session.run(fetches)


@pytest.mark.parametrize("strategy", ["mod", "div"])
def test_parts_of_one_table(strategy):
    ids = [[0, 5], [6, 3]]
    parts = [TABLE[i::3] for i in range(3)] if strategy == "mod" else [TABLE[:3], TABLE[3:5], TABLE[5:]]
    found = run(embedding.embedding_lookup([slim.constant(p) for p in parts], ids, strategy))
    np.testing.assert_array_equal(found, TABLE[np.array(ids)])


def test_long_rows_are_shortened():
    found = run(embedding.embedding_lookup(slim.constant(TABLE), [0, 1, 2], max_norm=0.5))
    lengths = np.linalg.norm(TABLE[:3], axis=1, keepdims=True)
    np.testing.assert_allclose(found, TABLE[:3] * np.minimum(1, 0.5 / lengths), rtol=1e-6)


IDS = [[1, 4], [], [2, -1, 1], [-3]]
WEIGHTS = [[0.5, 2.0], [], [1.0, 3.0, 0.25], [1.0]]


def combined(ids, weights, combiner, default):
    valid = [(i, w) for i, w in zip(ids, weights, strict=True) if i >= 0]
    if not valid:
        return np.zeros(3) if default is None else TABLE[default]
    total = sum(w * TABLE[i].astype(float) for i, w in valid)
    weights = np.array([w for _, w in valid])
    return total / {"sum": 1, "mean": weights.sum(), "sqrtn": np.sqrt(np.square(weights).sum())}[combiner]


def sparse(rows):
    places = [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
    return SparseTensor(places, [v for row in rows for v in row], [len(rows), 3])


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
@pytest.mark.parametrize("default", [None, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_safe_lookup_combines_what_is_valid(combiner, default, weighted):
    found = run(
        slim.layers.safe_embedding_lookup_sparse(
            slim.constant(TABLE), sparse(IDS), sparse(WEIGHTS) if weighted else None, combiner, default
        )
    )
    weights = WEIGHTS if weighted else [[1.0] * len(row) for row in IDS]
    expected = [combined(i, w, combiner, default) for i, w in zip(IDS, weights, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_an_unknown_combiner_is_refused():
    with pytest.raises(InvalidArgumentError, match="combiner"):
        embedding.embedding_lookup_sparse(slim.constant(TABLE), sparse(IDS), None, combiner="max")


@pytest.mark.parametrize("unique", [False, True])
def test_embed_sequence(unique):
    ids = [[1, 4, 1], [0, 1, 6]]
    found = slim.layers.embed_sequence(ids, 7, 3, unique, initializer=slim.constant_initializer(TABLE), scope="e")
    (table,) = slim.get_model_variables()
    assert table.op.name == "e/embeddings" and found.shape.as_list() == [2, 3, 3]
    (grad,) = slim.gradients(slim.reduce_sum(found * found), [table])
    value, dense_grad = run([found, slim.convert_to_tensor(grad)])
    np.testing.assert_array_equal(value, TABLE[np.array(ids)])
    expected = np.zeros_like(TABLE)
    np.add.at(expected, np.array(ids), 2 * TABLE[np.array(ids)])
    np.testing.assert_allclose(dense_grad, expected, rtol=1e-6)
    again = slim.layers.embed_sequence(ids, scope="e", reuse=True)
    assert again.shape.as_list() == [2, 3, 3] and len(slim.get_model_variables()) == 1


def test_embed_sequence_needs_sizes():
    with pytest.raises(InvalidArgumentError, match="sizes"):
        slim.layers.embed_sequence([[1]])


def test_dense_to_sparse_leaves_out_the_end_token():
    x = np.array([[5, 1, 0], [0, 0, 3]])
    sp = slim.layers.dense_to_sparse(x, eos_token=0, outputs_collections="o")
    np.testing.assert_array_equal(run(sparse_tensor_to_dense(sp)), x)
    assert run(sp).values.tolist() == [5, 1, 3]
    assert slim.get_collection("o") == [sp]
