"""What the CTC loss refuses, and where it ends. Its values: npslim/ops/ctc.py; from TensorFlow, tests/tf_calls.py."""

import numpy as np
import pytest

import npslim as slim
from npslim.errors import GradientError, InvalidArgumentError
from npslim.ops.ctc import ctc_loss
from npslim.ops.ctc_decoders import ctc_beam_search_decoder, ctc_greedy_decoder
from npslim.ops.sparse import SparseTensor

LOGITS = np.random.RandomState(0).randn(4, 2, 3)


def labels(*rows):
    indices = [(b, i) for b, row in enumerate(rows) for i in range(len(row))]
    values = np.array([k for row in rows for k in row], np.int32)
    return SparseTensor(np.array(indices, np.int64).reshape(-1, 2), values, [len(rows), max(map(len, rows))])


def test_a_repetition_without_time_for_the_blank_between():
    x = slim.constant(LOGITS)
    loss = ctc_loss(labels([1, 1], [0]), x, [2, 4])
    with slim.Session() as session:
        found, slope = session.run([loss, slim.gradients(loss, x)[0]])
    assert found[0] == np.inf and np.isfinite(found[1]) and np.isfinite(slope).all()
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    np.testing.assert_allclose(slope[:2, 0], softmax[:2, 0])  # as in TensorFlow: no path to hold against it


def test_a_labelling_of_nothing():
    blanks = LOGITS[..., -1] - np.log(np.exp(LOGITS).sum(-1))
    with slim.Session() as session:
        found = session.run(ctc_loss(labels([], [0]), LOGITS, [4, 4]))
    np.testing.assert_allclose(found[0], -blanks[:, 0].sum())


@pytest.mark.parametrize(
    "rows, lengths, message",
    [
        (([0, 1, 0], [0]), [2, 4], "got      3 in row 0"),
        (([0], [3]), [4, 4], "got      3 in row 1"),
        (([2, 0], [0]), [4, 4], "got      0 in row 0"),
        (([0], [0]), [4, 5], "2 numbers from 0 to 4"),
        (([0], [0], [1]), [4, 4], "labels of no row"),
    ],
)
def test_what_a_run_refuses(rows, lengths, message):
    with slim.Session() as session, pytest.raises(InvalidArgumentError, match=message):
        session.run(ctc_loss(labels(*rows), LOGITS, lengths))


def test_what_is_refused_at_once():
    with pytest.raises(InvalidArgumentError, match="top_paths <= 3"):
        ctc_beam_search_decoder(LOGITS, [4, 4], beam_width=3, top_paths=4)
    with pytest.raises(ValueError, match="logits in time"):
        ctc_greedy_decoder(LOGITS[0], [4, 4])
    x = slim.constant(LOGITS)
    slope = slim.gradients(ctc_loss(labels([0], [1]), x, [4, 4]), x)[0]
    with pytest.raises(GradientError, match="second derivatives"):
        slim.gradients(slope, x)
