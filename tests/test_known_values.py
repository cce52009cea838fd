"""Shapes that programs compute: what is known of a tensor of sizes becomes the static shape that it is used for.

TensorFlow 2.15 (graph mode) gives the same shapes, or knows less: it gives up at a product and at a gather.
"""

import numpy as np
import pytest

import npslim as slim


@pytest.fixture
def x():
    return slim.placeholder(slim.float32, [None, 7, 7, 64], name="x")


IDIOMS = {
    "flatten by -1": (lambda x: slim.reshape(x, [-1, 7 * 7 * 64]), [None, 3136]),
    "flatten by shape": (lambda x: slim.reshape(x, slim.ops.join.stack(slim.shape(x)[0], 3136)), [None, 3136]),
    "list with a tensor in it": (lambda x: slim.reshape(x, [slim.shape(x)[0], 49, 64]), [None, 49, 64]),
    "shape times two": (lambda x: slim.zeros([slim.shape(x)[1] * 2, 3]), [14, 3]),
    "shape of a part": (lambda x: slim.zeros(slim.shape(x)[1:3]), [7, 7]),
    "concat of shapes": (lambda x: slim.zeros(slim.concat([slim.shape(x)[:1], [5]], 0)), [None, 5]),
    "product of the rest": (lambda x: slim.reshape(x, [-1, slim.reduce_prod(slim.shape(x)[1:])]), [None, 3136]),
    "floor division": (lambda x: slim.zeros([slim.shape(x)[1] // 2]), [3]),
    "cast": (lambda x: slim.zeros(slim.cast(slim.shape(x), slim.int64)), [None, 7, 7, 64]),
    "gather": (lambda x: slim.zeros(slim.gather(slim.shape(x), [3, 0])), [64, None]),
    "size of a known shape": (lambda x: slim.zeros([slim.size(slim.zeros([2, 3]))]), [6]),
    "rank": (lambda x: slim.zeros([slim.rank(x)]), [4]),
    "unstack": (lambda x: slim.zeros([slim.unstack(slim.shape(x))[2], 2]), [7, 2]),
    "tile": (lambda x: slim.tile(x, [2, 1, 3, 1]), [None, 7, 21, 64]),
    "fill by shape": (lambda x: slim.fill(slim.shape(x), 1.0), [None, 7, 7, 64]),
    "range to a size": (lambda x: slim.range(slim.shape(x)[1]), [7]),
    "random like": (lambda x: slim.random_uniform(slim.shape(x)), [None, 7, 7, 64]),
    "pad": (lambda x: slim.pad(x, [[0, 0], [3, 3], [1, 0], [0, 0]]), [None, 13, 8, 64]),
    "one hot": (lambda x: slim.one_hot(slim.placeholder(slim.int64, [None]), slim.shape(x)[3]), [None, 64]),
    "slice to the end": (lambda x: slim.slice(x, [0, 1, 0, 0], [-1, -1, 2, 64]), [None, 6, 2, 64]),
    "slice of the batch": (lambda x: x[:, 1:-1, ::2, 0], [None, 5, 4]),
    "new axis": (lambda x: x[..., None, 0], [None, 7, 7, 1]),
    "expand and squeeze": (lambda x: slim.squeeze(slim.expand_dims(x, 0), [0]), [None, 7, 7, 64]),
}


@pytest.mark.parametrize("idiom", IDIOMS)
def test_static_shape(x, idiom):
    define, expected = IDIOMS[idiom]
    y = define(x)
    assert y.shape.as_list() == expected
    feeds = {x: np.zeros((2, 7, 7, 64), np.float32)}
    if idiom == "one hot":
        feeds[slim.get_default_graph().get_tensor_by_name("Placeholder:0")] = [1, 2]
    value = slim.Session().run(y, feeds)
    assert len(value.shape) == len(expected)
    assert all(size in (None, found) for size, found in zip(expected, value.shape, strict=True))


def test_unknown_rank():
    y = slim.placeholder(slim.float32)
    assert slim.reshape(y, [-1, 3]).shape.as_list() == [None, 3]
    assert slim.shape(y).shape.as_list() == [None]
    assert slim.zeros(slim.shape(y)).shape.rank is None
    assert (y + 1.0).shape.rank is None


def test_what_is_known_of_constants():
    assert slim.constant_value(slim.constant([1, 2]) * 3).tolist() == [3, 6]
    assert slim.constant_value(slim.placeholder(slim.int32, [])) is None
    assert slim.constant_value(slim.shape(slim.placeholder(slim.float32, [None, 3]))) is None
    assert slim.constant_value(slim.shape(slim.zeros([2, 3]))).tolist() == [2, 3]
