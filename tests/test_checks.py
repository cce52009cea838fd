"""Checks of values as nodes, and files read and written in a graph."""

import numpy as np
import pytest

import npslim as slim
from npslim.ops import checks
from npslim.ops.files import matching_files, read_file, write_file

HOLD = [
    (checks.assert_equal, [1, 2], [1, 2]), (checks.assert_none_equal, [1, 2], [2, 1]),
    (checks.assert_less, [1, 2], 3), (checks.assert_less_equal, [1, 3], 3),
    (checks.assert_greater, [4, 5], 3), (checks.assert_greater_equal, [3, 5], 3),
    (checks.assert_positive, [1, 2]), (checks.assert_negative, [-1, -2]),
    (checks.assert_non_negative, [0, 2]), (checks.assert_non_positive, [0, -2]),
]  # fmt: skip
FAIL = [
    (checks.assert_equal, [1, 2], [1, 3]), (checks.assert_none_equal, [1, 2], [2, 2]),
    (checks.assert_less, [1, 3], 3), (checks.assert_less_equal, [1, 4], 3),
    (checks.assert_greater, [3, 5], 3), (checks.assert_greater_equal, [2, 5], 3),
    (checks.assert_positive, [0, 2]), (checks.assert_negative, [0, -2]),
    (checks.assert_non_negative, [-1, 2]), (checks.assert_non_positive, [0, 2]),
]  # fmt: skip


def fed(values):
    return slim.placeholder_with_default(np.array(values, np.int64), [None])


@pytest.mark.parametrize("check, x, y", [(f, x, *y) if y else (f, x, None) for f, x, *y in HOLD])
def test_what_holds(check, x, y):
    operands = [fed(x)] if y is None else [fed(x), np.array(y, np.int64)]
    slim.Session().run(check(*operands))


@pytest.mark.parametrize("check, x, y", [(f, x, *y) if y else (f, x, None) for f, x, *y in FAIL])
def test_what_does_not_hold(check, x, y):
    others = [] if y is None else [np.array(y, np.int64)]
    with pytest.raises(slim.errors.InvalidArgumentError, match="did not hold element-wise"):
        check(slim.constant(x, slim.int64), *others)  # known while defining
    node = check(fed(x), *others, message="my words")
    with pytest.raises(slim.errors.InvalidArgumentError, match="my words.*did not hold"):
        slim.Session().run(node)


def test_ranks_and_types():
    x = slim.placeholder(slim.float32, [None, 3])
    checks.assert_rank(x, 2), checks.assert_rank_at_least(x, 1), checks.assert_type(x, slim.float32)
    with pytest.raises(ValueError, match="another rank"):
        checks.assert_rank(x, 3)
    with pytest.raises(ValueError, match="rank >= 3"):
        checks.assert_rank_at_least(x, 3)
    with pytest.raises(TypeError, match="another dtype"):
        checks.assert_type(x, slim.int32)
    unknown = slim.placeholder(slim.float32)
    node = checks.assert_rank(unknown, 1)
    slim.Session().run(node, {unknown: [1.0]})
    with pytest.raises(slim.errors.InvalidArgumentError, match="rank must be == 1"):
        slim.Session().run(node, {unknown: 1.0})


def test_files(tmp_path):
    path = str(tmp_path / "a.txt")
    session = slim.Session()
    session.run(write_file(path, "text"))
    assert session.run(read_file(path)) == b"text"
    assert session.run(matching_files(str(tmp_path / "*.txt"))).tolist() == [path.encode()]
    assert session.run(matching_files([str(tmp_path / "*.png"), path])).tolist() == [path.encode()]
    with pytest.raises(slim.errors.NotFoundError, match="No such file"):
        session.run(read_file(path + "2"))
