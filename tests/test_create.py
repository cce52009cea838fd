"""Constants: dtypes and shapes as TensorFlow gives them."""

import numpy as np
import pytest

import npslim as slim


def value(tensor):
    return slim.Session().run(tensor)


@pytest.mark.parametrize(
    "given, dtype",
    [(1, "int32"), (2**40, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2.5], "float32"), ("a", "string")]
    + [(np.float64(1), "float64"), (np.arange(3), "int64"), ([np.float64(1), 2], "float64")],
)
def test_default_dtypes(given, dtype):
    assert slim.constant(given).dtype.name == dtype


def test_shape():
    np.testing.assert_array_equal(value(slim.constant(7, shape=[2, 3])), np.full((2, 3), 7))
    np.testing.assert_array_equal(value(slim.constant([1, 2, 3], shape=[2, 3])), [[1, 2, 3], [3, 3, 3]])
    np.testing.assert_array_equal(value(slim.constant([1, 2, 3, 4], slim.float64, [2, 2])), [[1.0, 2], [3, 4]])


def test_refusals():
    with pytest.raises(ValueError, match="does not fit the shape"):
        slim.constant([1, 2, 3], shape=[2])
    with pytest.raises(ValueError, match="does not fit the shape"):
        slim.constant(1, shape=[2], verify_shape=True)
    with pytest.raises(TypeError, match="does not fit the dtype"):
        slim.constant(1.5, slim.int32)
    with pytest.raises(TypeError, match="None values are not supported"):
        slim.constant(None)
    with pytest.raises(ValueError, match="not of one shape"):
        slim.constant([[1, 2], [3]])


def test_name_and_read_only_copy():
    array = np.zeros(3)
    tensor = slim.constant(array, name="c")
    array[0] = 5
    assert tensor.name == "c:0"
    np.testing.assert_array_equal(value(tensor), np.zeros(3))


def test_creation():
    np.testing.assert_array_equal(value(slim.range(2, 9, 3)), [2, 5, 8])
    np.testing.assert_array_equal(value(slim.range(3)), [0, 1, 2])
    np.testing.assert_allclose(value(slim.linspace(0.0, 1.0, 5)), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(value(slim.eye(2, 3)), [[1, 0, 0], [0, 1, 0]])
    assert value(slim.zeros([2, 0])).shape == (2, 0) and value(slim.ones([])) == 1
    np.testing.assert_array_equal(value(slim.one_hot([1, -1], 3, 5.0, 2.0)), [[2, 5, 2], [2, 2, 2]])
    assert slim.zeros(slim.shape(slim.placeholder(slim.float32, [None, 3]))).shape.as_list() == [None, 3]
