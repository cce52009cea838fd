"""What logits in time say: the labels of connectionist temporal classification, by the best path and by a beam.

before: ctc.py
"""

from collections import defaultdict
from itertools import groupby, product

import numpy as np

from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.softmax import log_softmax
from npslim.ops.sparse import SparseTensor
from npslim.spec import Spec

_INT64 = np.dtype(np.int64)


def ctc_greedy_decoder(inputs, sequence_length, merge_repeated=True):
    """The labels of the most probable path: ([an int64 SparseTensor `[b, max_length]`], `[b, 1]`).

    inputs: logits `[t, b, classes]`, the last class being the blank. sequence_length: int32 `[b]`. The second result is
    the sum of the path's logits, with the sign turned. merge_repeated: repetitions on the path are one label.
    """
    *parts, sums = ctc_best_path(as_tensor(inputs), as_tensor(sequence_length), merge=merge_repeated)
    return [SparseTensor(*parts)], sums


def ctc_beam_search_decoder(inputs, sequence_length, beam_width=100, top_paths=1, merge_repeated=True):
    """The most probable labels found by a beam search: (`top_paths` int64 SparseTensors, `[b, top_paths]`).

    inputs: logits `[t, b, classes]`, the last class being the blank. sequence_length: int32 `[b]`. The second result is
    the logarithm of each labelling's probability, summed over its paths. beam_width: how many beginnings of labellings
    are kept at each time. merge_repeated: repetitions are merged in the labels that were found, too, so that "aa" is
    never a result; most programs give False.
    Raises InvalidArgumentError if top_paths is above beam_width.
    """
    if not 1 <= top_paths <= beam_width:
        raise InvalidArgumentError(
            "ctc_beam_search_decoder: there are no so many paths.", expected=f"1 <= top_paths <= {beam_width}",
            got=top_paths,
        )  # fmt: skip
    *parts, scores = ctc_beam_search(
        as_tensor(inputs), as_tensor(sequence_length), width=beam_width, paths=top_paths, merge=merge_repeated
    )
    return [SparseTensor(*parts[i : i + 3]) for i in range(0, 3 * top_paths, 3)], scores


def _specs(inputs, lengths, paths):
    if inputs.shape is not None and len(inputs.shape) != 3:
        raise ShapeError("A decoder takes logits in time.", expected="[t, b, classes]", got=inputs)
    if lengths.shape is not None and len(lengths.shape) != 1:
        raise ShapeError("A decoder's sequence_length is a vector.", expected="[b]", got=lengths)
    batch = None if inputs.shape is None else inputs.shape[1]
    part = (Spec((None, 2), _INT64), Spec((None,), _INT64), Spec((2,), _INT64))
    return (*part * paths, Spec((batch, paths), inputs.dtype))


def _sparse(rows):
    """Lists of labels as the three parts of a sparse tensor."""
    indices = [(b, i) for b, row in enumerate(rows) for i in range(len(row))]
    shape = (len(rows), max(map(len, rows), default=0))
    values = [k for row in rows for k in row]
    return np.array(indices, _INT64).reshape(-1, 2), np.array(values, _INT64), np.array(shape, _INT64)


def _checked(lengths, inputs):
    time, batch, _ = inputs.shape
    if len(lengths) != batch or ((lengths < 0) | (lengths > time)).any():
        raise InvalidArgumentError(
            "sequence_length does not fit the logits.",
            expected=f"{batch} numbers from 0 to {time}",
            got=lengths.tolist(),
        )
    return lengths.tolist()


@op(type="CTCGreedyDecoder", alike=(), host=("inputs", "lengths"), differentiable=False, dynamic=True)
def ctc_best_path(inputs, lengths, *, merge=True):
    """The parts of the sparse labels of each sequence's best path, and minus the sum of its logits `[b, 1]`."""
    blank, rows, sums = inputs.shape[2] - 1, [], []
    for b, length in enumerate(_checked(lengths, inputs)):
        path = inputs[:length, b].argmax(-1).tolist()
        path = [k for k, _ in groupby(path)] if merge else path
        rows.append([k for k in path if k != blank])
        sums.append(-inputs[:length, b].max(-1).sum())
    return (*_sparse(rows), np.array(sums, inputs.dtype)[:, None])


@ctc_best_path.shape
def _(inputs, lengths):
    return _specs(inputs, lengths, 1)


@op(type="CTCBeamSearchDecoder", alike=(), host=("inputs", "lengths"), differentiable=False, dynamic=True)
def ctc_beam_search(inputs, lengths, *, width=100, paths=1, merge=True):
    """The parts of `paths` sparse tensors of labels, and the logarithms of their probabilities `[b, paths]`."""
    log_p = log_softmax.kernel(inputs)
    found = [_best(log_p[:n, b], width, paths) for b, n in enumerate(_checked(lengths, inputs))]
    parts = []
    for i in range(paths):
        rows = [list(best[i][0]) for best in found]
        parts += _sparse([[k for k, _ in groupby(row)] for row in rows] if merge else rows)
    return (*parts, np.array([[score for _, score in best] for best in found], inputs.dtype).reshape(-1, paths))


@ctc_beam_search.shape
def _(inputs, lengths, *, paths):
    return _specs(inputs, lengths, paths)


def _best(log_p, width, paths):
    """[(labels, log of their probability)] of one sequence `[t, classes]`, the best first.

    The beam holds beginnings of labellings. `ends` are the logarithms of the probability of the paths that spell one:
    those that end in a blank, and those that end in its last label.
    """
    blank, log_p = log_p.shape[1] - 1, log_p.astype(np.float64)
    beam, ends = [()], np.array([[0.0, -np.inf]])
    for step in log_p:
        both = np.logaddexp(*ends.T)
        last = np.array([labels[-1] if labels else blank for labels in beam])
        longer = both[:, None] + step[:blank]  # one more label for each: [beam, labels]
        again = np.flatnonzero(last < blank)
        longer[again, last[again]] = ends[again, 0] + step[last[again]]  # a label twice: a blank is between
        ends = np.stack([both + step[blank], np.where(last < blank, ends[:, 1] + step[last], -np.inf)], 1)
        place = {labels: i for i, labels in enumerate(beam)}
        for i, labels in enumerate(beam):
            parent = place.get(labels[:-1]) if labels else None
            if parent is not None:  # what it would grow to is here already
                ends[i, 1] = np.logaddexp(ends[i, 1], longer[parent, labels[-1]])
                longer[parent, labels[-1]] = -np.inf
        beam, ends = _kept(beam, ends, longer, width)
    found = list(zip(beam, np.logaddexp(*ends.T).tolist(), strict=True))
    return (found + [((), -np.inf)] * paths)[:paths]


def _kept(beam, ends, longer, width):
    """The `width` most probable of the beam and of what it grows to, the best first."""
    scores = np.concatenate([np.logaddexp(*ends.T), longer.ravel()])
    chosen = [i for i in np.argsort(-scores, kind="stable")[:width].tolist() if scores[i] > -np.inf]
    n, labels = len(beam), longer.shape[1]
    found = [beam[i] if i < n else (*beam[(i - n) // labels], (i - n) % labels) for i in chosen]
    return found, np.array([ends[i] if i < n else (-np.inf, scores[i]) for i in chosen])


def _by_all_paths(inputs, lengths, width, paths, merge):
    """The labellings by the probability of all their paths, one by one."""
    p = np.exp(inputs) / np.exp(inputs).sum(-1, keepdims=True)
    blank, rows, scores = inputs.shape[2] - 1, [], []
    for b, length in enumerate(lengths.tolist()):
        chances = defaultdict(float)
        for path in product(range(blank + 1), repeat=length):
            chances[tuple(k for k, _ in groupby(path) if k != blank)] += np.prod(p[range(length), b, path])
        best = sorted(chances.items(), key=lambda item: -item[1])[:paths]
        rows.append([[k for k, _ in groupby(labels)] if merge else labels for labels, _ in best])
        scores.append([np.log(chance) for _, chance in best])
    return (*(part for i in range(paths) for part in _sparse([row[i] for row in rows])), np.array(scores))


def _greedy_by_loop(inputs, lengths, merge):
    rows = []
    for b, length in enumerate(lengths):
        path = [int(np.argmax(inputs[t, b])) for t in range(length)]
        kept = [k for t, k in enumerate(path) if not (merge and t and path[t - 1] == k)]
        rows.append([k for k in kept if k != inputs.shape[2] - 1])
    tops = [-sum(max(inputs[t, b]) for t in range(length)) for b, length in enumerate(lengths)]
    return (*_sparse(rows), np.array(tops, inputs.dtype)[:, None])


ctc_best_path.reference, ctc_beam_search.reference = _greedy_by_loop, _by_all_paths


def _logits(*shape, lengths):
    return lambda rng: (2 * rng.normal(size=shape), np.array(lengths, np.int32))


ctc_best_path.cases(_logits(6, 3, 3, lengths=[6, 4, 0]))
ctc_best_path.cases(_logits(6, 2, 3, lengths=[5, 6]), merge=False)
ctc_beam_search.cases(_logits(5, 3, 3, lengths=[5, 3, 4]), paths=3, merge=False)
ctc_beam_search.cases(_logits(5, 2, 3, lengths=[5, 4]), width=60, paths=2)
