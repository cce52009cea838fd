"""Sparse tensors: their parts, feeding and fetching, and the ops on them, compared with dense arithmetic."""

import numpy as np
import pytest

import npslim as slim
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.ops import sparse

DENSE = np.array([[0, 3, 0], [0, 0, 0], [5, 0, 7]], np.float32)


def of(dense):
    places = np.argwhere(dense)
    return sparse.SparseTensor(places, dense[tuple(places.T)], dense.shape)


def run(fetches, feed_dict=None):
    return slim.Session().run(fetches, feed_dict)


def test_parts_shape_and_value():
    sp = of(DENSE)
    assert sp.dtype == slim.float32
    assert sp.get_shape().as_list() == [3, 3]
    value = run(sp)
    assert isinstance(value, sparse.SparseTensorValue)
    np.testing.assert_array_equal(value.values, [3, 5, 7])
    np.testing.assert_array_equal(value.indices, np.argwhere(DENSE))


def test_eval_asks_the_default_session():
    sp = of(DENSE)
    with pytest.raises(InvalidArgumentError, match="no session"):
        sp.eval()
    with slim.Session():
        np.testing.assert_array_equal(sp.eval().values, [3, 5, 7])
    assert (sp.name, sp.op, sp.graph) == (sp.values.name, sp.values.op, sp.values.graph)


def test_a_placeholder_takes_a_value_or_a_tuple():
    sp = sparse.sparse_placeholder(slim.float32, [None, 3])
    dense = sparse.sparse_tensor_to_dense(sp)
    value = sparse.SparseTensorValue(np.argwhere(DENSE), DENSE[DENSE != 0], [3, 3])
    np.testing.assert_array_equal(run(dense, {sp: value}), DENSE)
    np.testing.assert_array_equal(run(dense, {sp: tuple(value)}), DENSE)


def test_to_dense_with_a_default():
    expected = np.where(DENSE == 0, -1, DENSE)
    np.testing.assert_array_equal(run(sparse.sparse_tensor_to_dense(of(DENSE), -1)), expected)


def test_strings_become_empty_ones():
    sp = sparse.SparseTensor([[0], [2]], [b"a", b"b"], [3])
    assert run(sparse.sparse_tensor_to_dense(sp)).tolist() == [b"a", b"", b"b"]


def test_retain_and_reorder():
    kept = run(sparse.sparse_tensor_to_dense(sparse.sparse_retain(of(DENSE), [True, False, True])))
    np.testing.assert_array_equal(kept, [[0, 3, 0], [0, 0, 0], [0, 0, 7]])
    mixed = sparse.SparseTensor([[2, 0], [0, 1], [2, 2]], [5.0, 3.0, 7.0], [3, 3])
    np.testing.assert_array_equal(run(sparse.sparse_tensor_to_dense(sparse.sparse_reorder(mixed))), DENSE)


def test_reshape_is_numpys():
    for shape in ([9], [1, 9], [-1, 1], [3, 1, 3]):
        flat = run(sparse.sparse_tensor_to_dense(sparse.sparse_reshape(of(DENSE), shape)))
        np.testing.assert_array_equal(flat, DENSE.reshape(shape))


def test_empty_rows_get_the_default():
    filled, empty = sparse.sparse_fill_empty_rows(of(DENSE), 9.0)
    dense, which = run([sparse.sparse_tensor_to_dense(filled), empty])
    np.testing.assert_array_equal(dense, [[0, 3, 0], [9, 0, 0], [5, 0, 7]])
    np.testing.assert_array_equal(which, [False, True, False])


def test_gradient_reaches_the_values():
    values = slim.placeholder(slim.float32, [3])
    dense = sparse.sparse_tensor_to_dense(sparse.SparseTensor(np.argwhere(DENSE), values, [3, 3]))
    (grad,) = slim.gradients(slim.reduce_sum(dense * DENSE), [values])
    np.testing.assert_array_equal(run(grad, {values: np.ones(3)}), [3, 5, 7])


def test_bad_parts_are_refused():
    with pytest.raises(ShapeError, match="do not fit"):
        sparse.SparseTensor([[0, 1]], [1.0, 2.0], [3, 3])
    with pytest.raises(ShapeError, match="do not fit"):
        sparse.SparseTensor([[0, 1]], [1.0], [3])
    with pytest.raises(ArgumentTypeError, match="Neither"):
        sparse.sparse_tensor_to_dense(np.zeros(3))


@pytest.mark.parametrize(
    "places, message", [([1, 0], "out of order"), ([1, 1], "repeated"), ([1, 3], "out of bounds"), ([-1, 0], "bounds")]
)
def test_bad_places_are_refused_when_run(places, message):
    with pytest.raises(InvalidArgumentError, match=message):
        run(sparse.sparse_to_dense(places, [3], [1.0, 2.0]))


def test_a_shape_of_other_size_is_refused():
    with pytest.raises(InvalidArgumentError, match="cannot be reshaped"):
        run(sparse.sparse_reshape(of(DENSE), [2, 4]))
