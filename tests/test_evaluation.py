"""Evaluation: a checkpoint restored, metrics updated, their values given; and the metrics themselves."""

import logging
import os

import numpy as np
import pytest

import npslim as slim

PREDICTED, LABELS = np.array([1, 2, 3, 3, 0, 1]), np.array([1, 2, 0, 3, 0, 0])


@pytest.fixture
def checkpoint(tmp_path):
    with slim.Graph().as_default():
        slim.get_variable("w", [], initializer=slim.constant_initializer(7.0))
        session = slim.Session()
        session.run(slim.global_variables_initializer())
        return slim.Saver().save(session, str(tmp_path / "m"), global_step=5)


def test_evaluate_once(checkpoint):
    w = slim.get_variable("w", [])
    value, update = slim.metrics.streaming_accuracy(slim.constant(PREDICTED), slim.constant(LABELS))
    runs = slim.local_variable(0, name="runs")
    found = slim.evaluation.evaluate_once(
        "",
        checkpoint,
        None,
        num_evals=3,
        eval_op=[update, runs.assign_add(1)],
        final_op={"a": value, "w": w, "n": runs},
    )
    assert found == {"a": np.float32(4 / 6), "w": 7.0, "n": 3}


def test_other_variables_are_initialized(checkpoint, tmp_path):
    w = slim.get_variable("w", [])
    new = slim.get_variable("new", [], initializer=slim.constant_initializer(2.0))
    found = slim.evaluation.evaluate_once(
        "", checkpoint, str(tmp_path / "eval"), final_op={"sum": w + new}, variables_to_restore=[w]
    )
    assert found == {"sum": 9.0}
    assert (tmp_path / "eval" / "scalars.csv").read_text().splitlines()[1].endswith(",sum,9.0")


def test_refusals(checkpoint):
    slim.get_variable("w", [])
    with pytest.raises(slim.errors.NotFoundError, match="There is no checkpoint"):
        slim.evaluation.evaluate_once("", checkpoint + "0", None)
    with pytest.raises(ValueError, match="num_evals must be positive"):
        slim.evaluation.evaluate_once("", checkpoint, None, num_evals=0)


def metric_session():
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    return session


def test_streaming_accuracy_over_batches():
    p, y = slim.placeholder(slim.int64, [None]), slim.placeholder(slim.int64, [None, 1])
    value, update = slim.metrics.streaming_accuracy(p, y, metrics_collections="values", updates_collections="updates")
    assert slim.get_collection("values") == [value] and slim.get_collection("updates") == [update]
    assert {v.op.name for v in slim.get_local_variables()} == {"accuracy/total", "accuracy/count"}
    session = metric_session()
    assert session.run(value) == 0
    seen = 0
    for batch in (slice(0, 2), slice(2, 6)):
        seen += (PREDICTED[batch] == LABELS[batch]).sum()
        found = session.run(update, {p: PREDICTED[batch], y: LABELS[batch, None]})
        assert found == session.run(value) == np.float32(seen / batch.stop)


def test_weights():
    weights = np.array([1.0, 0, 2, 0.5, 1, 3], np.float32)
    value, update = slim.metrics.streaming_accuracy(slim.constant(PREDICTED), slim.constant(LABELS), weights)
    expected = ((PREDICTED == LABELS) * weights).sum() / weights.sum()
    np.testing.assert_allclose(metric_session().run(update), expected, rtol=1e-6)
    accuracy = slim.metrics.accuracy(slim.constant(PREDICTED), slim.constant(LABELS), weights)
    np.testing.assert_allclose(slim.Session().run(accuracy), expected, rtol=1e-6)
    assert slim.Session().run(slim.metrics.accuracy(slim.constant(PREDICTED), slim.constant(LABELS))) == np.float32(
        4 / 6
    )


def test_counts_do_not_stop_at_2_to_the_24():
    value, update = slim.metrics.streaming_mean(slim.constant([1.0, 0.0]))
    session = metric_session()
    for v in slim.get_local_variables():
        v.load(2.0**24, session)
    for _ in range(4):
        session.run(update)
    assert [session.run(v) for v in slim.get_local_variables()] == [2.0**24 + 4, 2.0**24 + 8]
    assert session.run(value) == np.float32((2**24 + 4) / (2**24 + 8))


def test_metric_refusals_and_aggregates():
    with pytest.raises(ValueError, match="different shapes"):
        slim.metrics.streaming_accuracy(slim.zeros([3]), slim.zeros([4]))
    with pytest.raises(ValueError, match="dtypes do not match"):
        slim.metrics.accuracy(slim.zeros([3]), slim.zeros([3]))
    a, b = slim.metrics.streaming_mean(slim.zeros([2])), slim.metrics.streaming_mean(slim.ones([2]))
    values, updates = slim.metrics.aggregate_metrics(a, b)
    assert values == [a[0], b[0]] and updates == [a[1], b[1]]
    assert slim.metrics.aggregate_metric_map({"a": a, "b": b}) == ({"a": a[0], "b": b[0]}, {"a": a[1], "b": b[1]})


def test_what_it_waits_for_and_how_to_stop(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    assert slim.evaluation.wait_for_new_checkpoint(str(tmp_path / "none"), seconds_to_sleep=0.01, timeout=0.02) is None
    assert f"{tmp_path}/none, a folder that is not there yet, for at most 0.02 seconds; Ctrl-C stops." in caplog.text


def test_a_checkpoint_that_is_deleted_under_an_evaluation(checkpoint, tmp_path, caplog, monkeypatch):
    """It is passed over, and the next one is evaluated; other errors are raised."""
    monkeypatch.setattr(logging.getLogger("npslim"), "level", logging.INFO)
    w = slim.get_variable("w", [])
    later, restore, tried = f"{tmp_path}/m-6", slim.Saver.restore, []

    def restore_late(self, session, path):
        tried.append(path)
        if path == checkpoint:
            os.rename(checkpoint + ".h5", later + ".h5")
        return restore(self, session, path)

    monkeypatch.setattr(slim.Saver, "restore", restore_late)
    monkeypatch.setattr(slim.evaluation, "_POLL_SECS", 0.01)
    found = slim.evaluation.evaluation_loop(
        "", str(tmp_path), None, final_op={"w": w}, eval_op=slim.no_op(), eval_interval_secs=0,
        max_number_of_evaluations=1, timeout=5,
    )  # fmt: skip
    assert found == {"w": 7.0} and tried == [checkpoint, later]
    assert f"{checkpoint} was deleted while it was read; the next one follows." in caplog.text
