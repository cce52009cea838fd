"""Partitioners: the parts TensorFlow 2.15.1 would cut, and the word that npslim does not."""

import pytest

import npslim as slim
from npslim import partitioners
from npslim.errors import InvalidArgumentError

DTYPES = (slim.float32, slim.float64, slim.string)
RECORDED = [
    (partitioners.fixed_size_partitioner(3), [[3, 1], [3, 1], [3, 1]]),
    (partitioners.fixed_size_partitioner(2, axis=1), [[1, 2], [1, 2], [1, 2]]),
    (partitioners.variable_axis_size_partitioner(4000), [[38, 1], [77, 1], [167, 1]]),
    (partitioners.variable_axis_size_partitioner(4000, axis=1), [[1, 37], [1, 37], [1, 37]]),
    (partitioners.variable_axis_size_partitioner(10, max_shards=7), [[7, 1], [7, 1], [7, 1]]),
    (partitioners.variable_axis_size_partitioner(100000000), [[1, 1], [1, 1], [1, 1]]),
    (partitioners.min_max_variable_partitioner(4), [[1, 1], [2, 1], [3, 1]]),
    (partitioners.min_max_variable_partitioner(40, min_slice_size=10000), [[15, 1], [30, 1], [40, 1]]),
    (partitioners.min_max_variable_partitioner(100, axis=1, min_slice_size=100), [[1, 37], [1, 37], [1, 37]]),
]


@pytest.mark.parametrize("partitioner, expected", RECORDED)
def test_parts_are_tensorflows(partitioner, expected):
    assert [partitioner(shape=slim.TensorShape([1000, 37]), dtype=dtype) for dtype in DTYPES] == expected


def test_a_variable_stays_whole_and_says_so_once(caplog):
    part = partitioners.fixed_size_partitioner(2)
    a = slim.get_variable("a", [4, 3], partitioner=part, caching_device="/cpu:0")
    with slim.variable_scope("s", partitioner=part, caching_device="/cpu:0"):
        b = slim.model_variable("b", [6])
        layer = slim.fully_connected(slim.zeros([1, 2]), 2)
    assert [v.shape.as_list() for v in (a, b)] == [[4, 3], [6]] and layer.shape.as_list() == [1, 2]
    said = caplog.text
    assert said.count("keeps variables whole") == 1 and "a has a partitioner" in said
    with slim.Graph().as_default():
        slim.get_variable("c", [4], partitioner=part)
    assert "c has a partitioner" in caplog.text


@pytest.mark.parametrize(
    "make", [partitioners.fixed_size_partitioner, partitioners.variable_axis_size_partitioner,
             partitioners.min_max_variable_partitioner]
)  # fmt: skip
def test_parts_are_positive(make):
    with pytest.raises(InvalidArgumentError, match="must be positive"):
        make(0)
