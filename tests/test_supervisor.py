"""The Supervisor: starts from a checkpoint, saves and summarizes beside the training, stops on an error."""

import os
import time

import numpy as np
import pytest

import npslim as slim
from npslim import tf_summary
from npslim.checkpoint_reader import (
    NewCheckpointReader,
    get_checkpoint_state,
    init_from_checkpoint,
    list_variables,
    load_variable,
    update_checkpoint_state,
)
from npslim.supervisor import SessionManager, Supervisor


def training():
    step = slim.get_or_create_global_step()
    v = slim.get_variable("v", [2], initializer=slim.zeros_initializer())
    tf_summary.scalar("first", v[0])
    return slim.assign_add(step, 1), slim.assign_add(v, np.ones(2, np.float32))


def test_it_trains_saves_and_goes_on(tmp_path):
    for round_ in (1, 2):
        with slim.Graph().as_default():
            train = training()
            sv = Supervisor(logdir=str(tmp_path), save_model_secs=0.05, save_summaries_secs=0.05)
            with sv.managed_session() as session:
                for _ in range(20):
                    assert not sv.should_stop()
                    session.run(train)
                    time.sleep(0.01)
                sv.saver.save(session, sv.save_path, global_step=sv.global_step)
                assert session.run(slim.get_global_step()) == 20 * round_
    assert load_variable(str(tmp_path), "v").tolist() == [40.0, 40.0]
    assert len(sv.saver.last_checkpoints) > 1
    (events, *_) = (str(tmp_path / name) for name in sorted(os.listdir(tmp_path)) if "tfevents" in name)
    tags = {value.tag for event in tf_summary.summary_iterator(events) for value in event.summary.value}
    assert tags == {"first"}


def test_an_error_stops_it(tmp_path):
    train = training()
    sv = Supervisor(logdir=str(tmp_path), save_model_secs=0, save_summaries_secs=0)
    with pytest.raises(ZeroDivisionError), sv.managed_session() as session:
        session.run(train)
        raise ZeroDivisionError
    assert sv.should_stop()


def test_an_error_of_a_thread_reaches_the_main_one():
    sv = Supervisor(logdir=None, graph=slim.get_default_graph(), saver=slim.Saver(allow_empty=True))

    def fail():
        raise KeyError("in a thread")

    with pytest.raises(KeyError, match="in a thread"), sv.managed_session():
        sv.loop(0.01, fail)
        deadline = time.monotonic() + 10
        while not sv.should_stop() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert sv.summary_writer is None
    with pytest.raises(RuntimeError, match="requires a summary writer"):
        sv.summary_computed(None, b"")


def test_a_session_manager(tmp_path):
    v = slim.get_variable("v", initializer=3.0)
    saver = slim.Saver()
    manager = SessionManager(ready_op=slim.report_uninitialized_variables())
    session = manager.prepare_session(init_op=slim.global_variables_initializer(), init_fn=lambda s: v.load(5.0, s))
    assert session.run(v) == 5.0
    assert manager.recover_session(saver=saver, checkpoint_dir=str(tmp_path))[1] is False
    saver.save(session, str(tmp_path / "m"), global_step=1)
    restored, was = manager.recover_session(saver=saver, checkpoint_dir=str(tmp_path))
    assert was and restored.run(v) == 5.0


def test_looking_into_checkpoints(tmp_path):
    slim.get_variable("a/w", initializer=np.arange(6, dtype=np.float32).reshape(2, 3))
    slim.get_variable("b", initializer=7)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    prefix = slim.Saver().save(session, str(tmp_path / "m"), global_step=3)
    reader = NewCheckpointReader(prefix)
    assert reader.get_variable_to_shape_map() == {"a/w": [2, 3], "b": []}
    assert reader.get_variable_to_dtype_map() == {"a/w": slim.float32, "b": slim.int32}
    assert reader.has_tensor("b") and not reader.has_tensor("c") and reader.get_tensor("b") == 7
    assert b"a/w (float32) [2, 3]" in reader.debug_string()
    assert list_variables(str(tmp_path)) == [("a/w", [2, 3]), ("b", [])]
    assert get_checkpoint_state(str(tmp_path)).model_checkpoint_path == prefix
    assert get_checkpoint_state(str(tmp_path / "none")) is None
    update_checkpoint_state(str(tmp_path), prefix, [str(tmp_path / "m-1"), prefix])
    assert get_checkpoint_state(str(tmp_path)).all_model_checkpoint_paths == [str(tmp_path / "m-1"), prefix]
    with pytest.raises(slim.errors.NotFoundError, match="Key c not found"):
        reader.get_tensor("c")
    with pytest.raises(slim.errors.NotFoundError, match="failed to find any matching files"):
        NewCheckpointReader(str(tmp_path / "other"))
    with slim.Graph().as_default():
        with slim.variable_scope("new"):
            w = slim.get_variable("w", [2, 3])
        b = slim.get_variable("b", [], slim.int32, initializer=slim.zeros_initializer())
        init_from_checkpoint(str(tmp_path), {"a/": "new/", "b": b})
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        assert session.run(w).tolist() == [[0, 1, 2], [3, 4, 5]] and session.run(b) == 7
        wrong = slim.get_variable("wrong", [3])
        with pytest.raises(ValueError, match="doesn't match"):
            init_from_checkpoint(str(tmp_path), {"a/w": wrong})
        with pytest.raises(ValueError, match="Tensor x is not found"):
            init_from_checkpoint(str(tmp_path), {"x": wrong})
