"""Monitored sessions and hooks: order of the calls, stopping, saving, resuming."""

import functools
import logging
import os

import numpy as np
import pytest

import npslim as slim
from npslim import hooks, monitored, queues
from npslim.errors import FailedPreconditionError
from npslim.events import read_scalars
from npslim.monitored import MonitoredTrainingSession
from npslim.supervisor import Supervisor
from npslim.training import training


def counting_op():
    """An op that counts the global step up, and gives it as a float."""
    step = slim.get_or_create_global_step()
    return slim.cast(step.assign_add(1), slim.float32)


class Diary(hooks.SessionRunHook):
    def __init__(self, wanted=None):
        self.calls, self.values, self.wanted = [], [], wanted

    def begin(self):
        self.calls.append("begin")

    def after_create_session(self, session, coord):
        self.calls.append("created")

    def before_run(self, run_context):
        self.calls.append("before")
        return None if self.wanted is None else hooks.SessionRunArgs(self.wanted)

    def after_run(self, run_context, run_values):
        self.calls.append("after")
        self.values.append(run_values.results)

    def end(self, session):
        self.calls.append("end")


def test_hooks_are_called_in_order_and_get_what_they_ask_for():
    op = counting_op()
    diary = Diary({"twice": op * 2})
    with monitored.MonitoredSession(hooks=[diary, hooks.StopAtStepHook(num_steps=2)]) as session:
        while not session.should_stop():
            session.run(op)
    assert diary.calls == ["begin", "created", "before", "after", "before", "after", "end"]
    assert diary.values == [{"twice": 2}, {"twice": 4}]


def test_the_end_of_the_data_ends_the_block_and_an_error_does_not_run_end():
    x = queues.range_input_producer(3, num_epochs=1, shuffle=False).dequeue()
    diary, seen = Diary(), []
    with monitored.MonitoredSession(hooks=[diary]) as session:
        while not session.should_stop():
            seen.append(int(session.run(x)))
    assert seen == [0, 1, 2] and diary.calls[-1] == "end"
    diary = Diary()
    with pytest.raises(ZeroDivisionError), monitored.MonitoredSession(hooks=[diary]) as session:
        session.run(x)
        raise ZeroDivisionError
    assert "end" not in diary.calls
    with pytest.raises(RuntimeError, match="closed"):
        session.run(x)


def test_saving_and_going_on(tmp_path):
    op = counting_op()
    folder = str(tmp_path)

    def train(until):
        with monitored.MonitoredTrainingSession(
            checkpoint_dir=folder, hooks=[hooks.StopAtStepHook(last_step=until)], save_checkpoint_steps=2,
            save_checkpoint_secs=None, log_step_count_steps=1,
        ) as session:  # fmt: skip
            while not session.should_stop():
                last = session.run(op)
        return last

    assert train(5) == 5 and slim.latest_checkpoint(folder).endswith("-5")
    assert train(8) == 8
    assert {p.name for p in tmp_path.glob("*.h5")} >= {"model.ckpt-5.h5", "model.ckpt-8.h5"}
    assert "global_step/sec" in read_scalars(folder)


def test_listeners_and_final_ops(tmp_path):
    op, events = counting_op(), []

    class Listener(hooks.CheckpointSaverListener):
        def before_save(self, session, global_step_value):
            events.append(("before", global_step_value))

        def after_save(self, session, global_step_value):
            events.append(("after", global_step_value))
            return global_step_value >= 3

        def end(self, session, global_step_value):
            events.append(("end", global_step_value))

    saver = hooks.CheckpointSaverHook(str(tmp_path), save_steps=1, listeners=[Listener()])
    final = hooks.FinalOpsHook({"doubled": slim.get_global_step() * 2})
    with monitored.SingularMonitoredSession(hooks=[saver, final]) as session:
        while not session.should_stop():
            session.run(op)
    assert [e for e in events if e[0] == "after"] == [("after", i) for i in range(4)] and events[-1] == ("end", 3)
    assert final.final_ops_values == {"doubled": 6}


def test_summaries_and_logging(tmp_path, caplog):
    op = counting_op()
    slim.summaries.add_scalar_summary(op * 10, "tenfold")
    shown = hooks.LoggingTensorHook({"value": op}, every_n_iter=2, formatter=lambda v: f"seen {v['value']:.0f}")
    with (
        caplog.at_level(logging.INFO, "npslim"),
        monitored.MonitoredTrainingSession(
            hooks=[shown, hooks.StopAtStepHook(last_step=4)], summary_dir=str(tmp_path), save_summaries_steps=2
        ) as session,
    ):
        while not session.should_stop():
            session.run(op)
    assert [r.message for r in caplog.records if "seen" in r.message] == ["seen 1", "seen 3"]
    assert [step for step, _ in read_scalars(tmp_path)["tenfold"]] == [1, 3]


def test_a_loss_that_is_no_number():
    x = slim.placeholder(slim.float32, [])
    for fail in (True, False):
        with monitored.MonitoredSession(hooks=[hooks.NanTensorHook(x, fail_on_nan_loss=fail)]) as session:
            session.run(x, {x: 1.0})
            if fail:
                with pytest.raises(hooks.NanLossDuringTrainingError, match="NaN loss"):
                    session.run(x, {x: np.nan})
            else:
                session.run(x, {x: np.nan})
                assert session.should_stop()


def test_feeding_hooks_and_steps_by_function():
    x = slim.placeholder(slim.float32, [])
    with monitored.MonitoredSession(hooks=[hooks.FeedFnHook(lambda: {x: 3.0})]) as session:
        assert session.run(x) == 3.0
        with pytest.raises(ValueError, match="feed the same"):
            session.run(x, {x: 1.0})
        assert session.run_step_fn(lambda context: context.run_with_hooks(x) + 1) == 4.0
        session.run_step_fn(lambda context: context.request_stop())
        assert session.should_stop()


def test_scaffolds_make_what_is_missing():
    w = slim.get_variable("w", [], initializer=slim.constant_initializer(1.0))
    calls = []
    scaffold = monitored.Scaffold(init_fn=lambda own, session: calls.append(own) or w.load(5.0, session))
    with monitored.MonitoredSession(monitored.ChiefSessionCreator(scaffold)) as session:
        assert session.run(w) == 5.0 and calls == [scaffold]
    again = monitored.Scaffold(copy_from_scaffold=scaffold)
    assert again.init_op is scaffold.init_op and again.saver is scaffold.saver
    lazy = monitored.Scaffold(init_op=slim.no_op())
    with pytest.raises(RuntimeError, match="not initialized"):
        monitored.MonitoredSession(monitored.ChiefSessionCreator(lazy))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: hooks.StopAtStepHook(),
        lambda: hooks.StopAtStepHook(1, 2),
        lambda: hooks.CheckpointSaverHook("d"),
        lambda: hooks.CheckpointSaverHook("d", 1, 1),
        lambda: hooks.SummarySaverHook(),
        lambda: hooks.LoggingTensorHook([]),
        lambda: hooks.LoggingTensorHook([], every_n_iter=0),
        lambda: hooks.SecondOrStepTimer(1, 1),
        lambda: monitored.MonitoredSession(hooks=["no hook"]),
        lambda: slim.evaluation.SummaryAtEndHook(),
    ],
)
def test_bad_calls_raise_value_errors(bad):
    with pytest.raises(ValueError):
        bad()


def problem():
    """A least squares loss."""
    w = slim.get_variable("w", [3], initializer=slim.zeros_initializer())
    return slim.losses.mean_squared_error(w, np.array([1.0, 2.0, 3.0], np.float32))


def test_slim_training(tmp_path):
    train_op = training.create_train_op(
        problem(), slim.GradientDescentOptimizer(0.5), transform_grads_fn=training.clip_gradient_norms_fn(0.1),
        summarize_gradients=True,
    )  # fmt: skip
    loss = training.train(train_op, str(tmp_path), hooks=[hooks.StopAtStepHook(num_steps=3)], save_summaries_steps=1)
    assert 0 < loss < 14 / 3
    curves = read_scalars(tmp_path)
    assert len(curves["summarize_grads/w/gradient_norm"]) == 3
    np.testing.assert_allclose([v for _, v in curves["summarize_grads/w/gradient_norm"]], 0.1, rtol=1e-5)
    assert slim.latest_checkpoint(str(tmp_path)).endswith("-3")
    assert training.train(train_op, None, hooks=[hooks.StopAtStepHook(num_steps=1)]) == pytest.approx(14 / 3)


# ---- evaluation


class Trainer:
    """Writes a checkpoint of `w`, and of the step, for each of some values."""

    def __init__(self, folder, values):
        self.folder, self.values = str(folder / "m"), list(enumerate(values))
        with slim.Graph().as_default():
            self.variables = slim.get_variable("w", []), slim.create_global_step()
            self.session, self.saver = slim.Session(), slim.Saver()
        self.next()

    def next(self):
        if self.values:
            step, value = self.values.pop(0)
            for variable, x in zip(self.variables, (value, step), strict=True):
                variable.load(x, self.session)
            self.path = self.saver.save(self.session, self.folder, global_step=step)


def test_every_new_checkpoint_is_evaluated(tmp_path):
    trainer = Trainer(tmp_path, [1.0, 2.0, 3.0])
    w, _ = slim.get_variable("w", []), slim.create_global_step()
    seen = []

    class Next(hooks.SessionRunHook):
        def end(self, session):
            seen.append(session.run(w))
            trainer.next()

    slim.summaries.add_scalar_summary(w, "weight")
    value = slim.evaluation.evaluation_loop(
        "", str(tmp_path), str(tmp_path / "eval"), num_evals=2, eval_op=slim.identity(w), final_op={"double": w * 2},
        eval_interval_secs=0, timeout=0.2, hooks=[Next()],
    )  # fmt: skip
    assert seen == [1, 2, 3] and value == {"double": 6}
    curves = read_scalars(tmp_path / "eval")
    assert curves["double"] == [(0, 2), (1, 4), (2, 6)] and curves["weight"] == [(0, 1), (1, 2), (2, 3)]


def test_a_number_of_evaluations_and_a_graph_that_does_not_grow(tmp_path):
    trainer = Trainer(tmp_path, range(10))
    w, _ = slim.get_variable("w", []), slim.create_global_step()
    sizes = []

    class Next(hooks.SessionRunHook):
        def end(self, session):
            sizes.append(len(slim.get_default_graph().nodes))
            trainer.next()

    value = slim.evaluation.evaluate_repeatedly(
        str(tmp_path), eval_ops=slim.identity(w), final_ops=w * 2, eval_interval_secs=0, max_number_of_evaluations=3,
        hooks=[Next(), slim.evaluation.StopAfterNEvalsHook(1, log_progress=False)],
    )  # fmt: skip
    assert value == 4 and len(sizes) == 3 and len(set(sizes)) == 1


def test_waiting_has_an_end(tmp_path):
    assert slim.evaluation.wait_for_new_checkpoint(str(tmp_path), timeout=0, seconds_to_sleep=0.01) is None
    asked = []
    found = slim.evaluation.checkpoints_iterator(
        str(tmp_path), timeout=0, timeout_fn=lambda: asked.append(1) or len(asked) == 2
    )
    assert list(found) == [] and len(asked) == 2
    with pytest.raises(ValueError, match="positive"):
        slim.evaluation.evaluate_repeatedly(str(tmp_path), max_number_of_evaluations=0)


def test_the_data_may_end_the_evaluation(tmp_path):
    path = Trainer(tmp_path, [4.0]).path
    w, _ = slim.get_variable("w", []), slim.create_global_step()
    x = queues.range_input_producer(3, num_epochs=1).dequeue()
    total = slim.local_variable(0.0, name="total")
    update = total.assign_add(w * slim.cast(x, slim.float32))
    value = slim.evaluation.evaluate_once("", path, None, num_evals=100, eval_op=update, final_op=total)
    assert value == 12.0


def test_the_doctor_speaks(tmp_path, caplog):
    with slim.Graph().as_default():
        slim.batch_norm(slim.zeros([2, 3]), scope="bn")
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        path = slim.Saver().save(session, str(tmp_path / "m"))
    y = slim.batch_norm(slim.zeros([2, 3]), scope="bn")
    with caplog.at_level(logging.WARNING, "npslim"):
        slim.evaluation.evaluate_once("", path, None, eval_op=slim.reduce_sum(y))
    assert "is_training=False" in caplog.text and "still at their initial values" in caplog.text


def test_data_errors_are_no_end_of_data():
    x = slim.py_func(lambda: 1 // 0, [], slim.int64)
    with pytest.raises(ZeroDivisionError), monitored.MonitoredSession() as session:
        session.run(x)


def test_one_trainer_a_folder(tmp_path):
    """A monitored session and a supervisor keep others out of their folder until they are closed."""
    step = slim.get_or_create_global_step()
    train_op = slim.assign_add(step, 1)
    open_session = functools.partial(MonitoredTrainingSession, checkpoint_dir=str(tmp_path), log_step_count_steps=None)
    with open_session() as session:
        session.run(train_op)
        with pytest.raises(FailedPreconditionError, match="Another training is running"):
            open_session()
        with pytest.raises(FailedPreconditionError, match=f"process {os.getpid()} on"):
            with Supervisor(logdir=str(tmp_path)).managed_session():
                pass
    with open_session() as session:
        assert session.run(step) == 1
    with pytest.raises(ZeroDivisionError), open_session():
        raise ZeroDivisionError
    with Supervisor(logdir=str(tmp_path)).managed_session() as session:
        assert session.run(step) == 1
