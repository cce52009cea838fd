"""Saver: what it writes, keeps, restores and refuses."""

import os

import numpy as np
import pytest

import npslim as slim
from npslim.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, NotFoundError, ShapeError
from npslim.hdf5 import Reader


def model():
    """Two variables, initialized in a session."""
    w = slim.get_variable("layer/w", [2, 3], initializer=slim.constant_initializer([1, 2, 3, 4, 5, 6]))
    b = slim.get_variable("layer/b", [3], initializer=slim.zeros_initializer())
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return w, b, session


def test_save_and_restore(tmp_path):
    w, b, session = model()
    path = slim.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=12)
    assert path == str(tmp_path / "model.ckpt-12") and os.path.isfile(path + ".h5")
    fresh = slim.Session()
    with pytest.raises(FailedPreconditionError, match="uninitialized value layer/w"):
        fresh.run(w)
    slim.Saver().restore(fresh, path)
    np.testing.assert_array_equal(fresh.run(w), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(fresh.run(b), [0, 0, 0])
    assert slim.latest_checkpoint(str(tmp_path)) == path


def test_global_step_may_be_a_variable(tmp_path):
    _, _, session = model()
    step = slim.create_global_step()
    session.run(step.initializer)
    session.run(step.assign_add(41))
    assert slim.Saver().save(session, str(tmp_path / "m"), global_step=step).endswith("m-41")


def test_max_to_keep(tmp_path):
    _, _, session = model()
    saver = slim.Saver(max_to_keep=2)
    for step in range(5):
        saver.save(session, str(tmp_path / "m"), global_step=step)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m-3.h5", "m-4.h5"]
    assert [os.path.basename(p) for p in saver.last_checkpoints] == ["m-3", "m-4"]
    everything = slim.Saver(max_to_keep=0)
    for step in range(10, 17):
        everything.save(session, str(tmp_path / "n"), global_step=step)
    assert len([name for name in os.listdir(tmp_path) if name.startswith("n-")]) == 7


def test_some_variables_and_other_names(tmp_path):
    w, b, session = model()
    path = slim.Saver({"weights": w}).save(session, str(tmp_path / "m"))
    with Reader(path + ".h5") as reader:
        assert reader.names() == ["weights"]
    session.run([w.assign(w * 0.0), b.assign(b + 7.0)])
    slim.Saver({"weights": w}).restore(session, path)
    np.testing.assert_array_equal(session.run(w), [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(session.run(b), [7, 7, 7])


def test_reshape(tmp_path):
    w, _, session = model()
    path = slim.Saver([w]).save(session, str(tmp_path / "m"))
    with slim.Graph().as_default():
        flat = slim.get_variable("layer/w", [6])
        other = slim.Session()
        with pytest.raises(ShapeError, match=r"layer/w: \[2, 3\] in the checkpoint, \[6\] in the graph"):
            slim.Saver([flat]).restore(other, path)
        slim.Saver([flat], reshape=True).restore(other, path)
        np.testing.assert_array_equal(other.run(flat), [1, 2, 3, 4, 5, 6])


def test_what_does_not_fit_is_one_error_with_a_table(tmp_path):
    _, _, session = model()
    path = slim.Saver().save(session, str(tmp_path / "m"))
    with slim.Graph().as_default():
        w = slim.get_variable("layer/w", [2, 4], initializer=slim.zeros_initializer())
        slim.get_variable("layer/bb", [3])
        slim.get_variable("layer/b", [3], dtype=slim.float64)
        other = slim.Session()
        other.run(slim.global_variables_initializer())
        with pytest.raises(NotFoundError) as caught:
            slim.Saver().restore(other, path)
        text = str(caught.value)
        assert "layer/bb: not in the checkpoint (nearest: layer/b)" in text
        assert "layer/w: [2, 3] in the checkpoint, [2, 4] in the graph" in text
        assert "layer/b: float32 in the checkpoint, float64 in the graph" in text
        np.testing.assert_array_equal(other.run(w), np.zeros((2, 4)))


def test_missing_checkpoint(tmp_path):
    model()
    with pytest.raises(NotFoundError, match="There is no checkpoint"):
        slim.Saver().restore(slim.Session(), str(tmp_path / "none-3"))
    with pytest.raises(InvalidArgumentError, match="no checkpoint to restore"):
        slim.Saver().restore(slim.Session(), None)


def test_a_damaged_checkpoint_changes_nothing(tmp_path):
    w, b, session = model()
    path = slim.Saver().save(session, str(tmp_path / "m"))
    data = bytearray((tmp_path / "m.h5").read_bytes())
    data[bytes(data).index(np.arange(1, 7, dtype=np.float32).tobytes())] ^= 1
    (tmp_path / "m.h5").write_bytes(data)
    session.run([w.assign(w + 1.0), b.assign(b + 1.0)])
    with pytest.raises(DataLossError, match="tensor layer/w"):
        slim.Saver().restore(session, path)
    np.testing.assert_array_equal(session.run(w), [[2, 3, 4], [5, 6, 7]])
    np.testing.assert_array_equal(session.run(b), [1, 1, 1])


def test_an_uninitialized_variable_is_not_saved(tmp_path):
    slim.get_variable("w", [2])
    with pytest.raises(FailedPreconditionError, match="uninitialized value w"):
        slim.Saver().save(slim.Session(), str(tmp_path / "m"))
    assert os.listdir(tmp_path) == []


def test_bad_arguments():
    with pytest.raises(InvalidArgumentError, match="No variables to save"):
        slim.Saver()
    with pytest.raises(TypeError, match="Only variables can be saved"):
        slim.Saver([slim.constant(1.0)])


def test_random_draws_go_on_where_they_stopped(tmp_path):
    slim.set_random_seed(3)
    slim.get_variable("w", [1])
    numbers = slim.random_uniform([4])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(numbers)
    path = slim.Saver().save(session, str(tmp_path / "m"))
    expected = [session.run(numbers) for _ in range(2)]
    resumed = slim.Session()
    slim.Saver().restore(resumed, path)
    for right in expected:
        np.testing.assert_array_equal(resumed.run(numbers), right)


def test_unseeded_draws_go_on_too(tmp_path):
    slim.get_variable("w", [1])
    numbers = slim.random_uniform([4])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    path = slim.Saver().save(session, str(tmp_path / "m"))
    resumed = slim.Session()
    slim.Saver().restore(resumed, path)
    np.testing.assert_array_equal(resumed.run(numbers), session.run(numbers))


def test_same_state_same_bytes(tmp_path):
    _, _, session = model()
    first = slim.Saver().save(session, str(tmp_path / "a"))
    second = slim.Saver().save(session, str(tmp_path / "b"))
    with open(first + ".h5", "rb") as a, open(second + ".h5", "rb") as b:
        assert a.read() == b.read()


def test_a_seeded_run_saves_the_same_bytes(tmp_path):
    contents = []
    for name in "ab":
        with slim.Graph().as_default():
            slim.set_random_seed(3)
            slim.get_variable("w", [4])
            session = slim.Session()
            session.run(slim.global_variables_initializer())
            path = slim.Saver().save(session, str(tmp_path / name))
        with open(path + ".h5", "rb") as file:
            contents.append(file.read())
    assert contents[0] == contents[1]


def test_a_resumed_run_goes_on_deleting_old_checkpoints(tmp_path):
    logdir = str(tmp_path)
    for steps in (2, 4, 6, 8):
        with slim.Graph().as_default():
            w = slim.get_variable("w", [], initializer=slim.ones_initializer())
            train_op = slim.learning.create_train_op(w * w, slim.GradientDescentOptimizer(0.1))
            slim.learning.train(
                train_op, logdir, number_of_steps=steps, saver=slim.Saver(max_to_keep=2), log_every_n_steps=0
            )
    assert sorted(name for name in os.listdir(logdir) if name.endswith(".h5")) == ["model.ckpt-6.h5", "model.ckpt-8.h5"]


def test_one_class_more_is_explained(tmp_path):
    with slim.Graph().as_default():
        slim.get_variable("vgg_16/fc8/biases", [1001])
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        path = slim.Saver().save(session, str(tmp_path / "model"))
    slim.get_variable("vgg_16/fc8/biases", [1000])
    with pytest.raises(ShapeError, match="background as class 0: give the net num_classes=1001, and shift labels"):
        slim.Saver().restore(slim.Session(), path)
