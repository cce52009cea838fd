"""Restoring by slim's functions, and devices of variables."""

import logging

import numpy as np
import pytest

import npslim as slim


@pytest.fixture
def checkpoint(tmp_path):
    with slim.Graph().as_default():
        for i, name in enumerate(("a", "b")):
            slim.get_variable(name, initializer=np.full((2, 2), i + 1.0, np.float32))
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        return slim.Saver().save(session, str(tmp_path / "m"), global_step=1)


def started():
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session


def test_by_an_op_with_a_feed(checkpoint):
    a, other = slim.get_variable("a", [2, 2]), slim.get_variable("other", [4])
    op, feeds = slim.assign_from_checkpoint(checkpoint, {"a": a, "b": other})
    session = started()
    session.run(op, feeds)
    assert session.run(a).tolist() == [[1, 1], [1, 1]] and session.run(other).tolist() == [2, 2, 2, 2]


def test_all_that_does_not_fit_in_one_table(checkpoint, caplog):
    a, c = slim.get_variable("a", [3]), slim.get_variable("c", [1])
    with pytest.raises(ValueError, match=r"(?s)a: \[2, 2\] in the checkpoint, \[3\].*c: not in the checkpoint"):
        slim.assign_from_checkpoint(checkpoint, [a, c])
    with caplog.at_level(logging.WARNING, "npslim"):
        assert slim.assign_from_checkpoint(checkpoint, [c], ignore_missing_vars=True)[1] == {}
    assert "Variable c missing" in caplog.text


def test_by_a_function(checkpoint):
    a, c = slim.get_variable("a", [4]), slim.get_variable("c", [1])
    restore = slim.assign_from_checkpoint_fn(checkpoint, [a, c], ignore_missing_vars=True, reshape_variables=True)
    session = started()
    restore(session)
    assert session.run(a).tolist() == [1, 1, 1, 1]
    assert slim.assign_from_checkpoint_fn(checkpoint, [c], ignore_missing_vars=True) is None
    with pytest.raises(ValueError, match="empty"):
        slim.assign_from_checkpoint_fn(checkpoint, [])
    with pytest.raises(slim.errors.NotFoundError, match="c: not in the checkpoint"):
        slim.assign_from_checkpoint_fn(checkpoint, [c])(session)


@pytest.mark.parametrize(
    "options, devices",
    [
        ({}, ["/device:CPU:0"] * 4),
        ({"num_tasks": 3}, [f"/job:ps/task:{i}/device:CPU:0" for i in (0, 1, 2, 0)]),
        (
            {"num_tasks": 2, "job_name": "worker", "device_type": "GPU", "device_index": 1, "replica": 2},
            [f"/job:worker/replica:2/task:{i}/device:GPU:1" for i in (0, 1, 0, 1)],
        ),
        ({"job_name": None}, ["/device:CPU:0"] * 4),
    ],
)
def test_variables_are_dealt_out_to_tasks(options, devices):
    with slim.device(slim.VariableDeviceChooser(**options)):
        variables = [slim.get_variable(f"v{i}", [2]) for i in range(4)]
    assert [v.device for v in variables] == devices
    with slim.arg_scope([slim.variable], device=slim.VariableDeviceChooser(num_tasks=2)):
        assert slim.variable("w", [2]).device == "/job:ps/task:0/device:CPU:0"
    assert slim.model_variable("m", [2], device="/cpu:0").device == "/cpu:0"
