"""How many labels one has to put in, take out or change to make one sequence of another: Levenshtein's distance.

before: ctc_decoders.py
"""

from functools import cache

import numpy as np

from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.ops.sparse import SparseTensor
from npslim.spec import Spec

_FLOAT32 = np.dtype(np.float32)


def edit_distance(hypothesis, truth, normalize=True, name="edit_distance"):
    """The distance of each sequence of `hypothesis` from that of `truth`, two sparse tensors `[..., length]`: `[...]`.

    normalize: divided by the length of the truth; infinite where this is empty and the hypothesis is not. A run raises
    InvalidArgumentError for tensors of different shapes, the last size apart.
    """
    hypothesis, truth = SparseTensor.from_value(hypothesis), SparseTensor.from_value(truth)
    return distances_of_edits(
        hypothesis.indices, hypothesis.values, hypothesis.dense_shape, truth.indices, truth.values, truth.dense_shape,
        normalize=normalize, name=name,
    )  # fmt: skip


def _by_recursion(h_indices, h_values, h_shape, t_indices, t_values, t_shape, normalize):
    """Levenshtein's distance by its definition."""
    found = np.zeros(tuple(t_shape[:-1]), np.float32)
    for place in np.ndindex(found.shape):
        a, b = (
            [v for i, v in zip(indices.tolist(), values.tolist(), strict=True) if tuple(i[:-1]) == place]
            for indices, values in ((h_indices, h_values), (t_indices, t_values))
        )

        @cache
        def distance(m, n, a=a, b=b):
            if m == 0 or n == 0:
                return m + n
            same = distance(m - 1, n - 1) + (a[m - 1] != b[n - 1])
            return min(distance(m - 1, n) + 1, distance(m, n - 1) + 1, same)

        found[place] = distance(len(a), len(b))
        if normalize and found[place]:
            found[place] = found[place] / len(b) if b else np.inf
    return found


@op(
    type="EditDistance", alike=(), differentiable=False, dynamic=True, reference=_by_recursion,
    host=("h_indices", "h_values", "h_shape", "t_indices", "t_values", "t_shape"),
)  # fmt: skip
def distances_of_edits(h_indices, h_values, h_shape, t_indices, t_values, t_shape, *, normalize=True):
    """The distances of the sequences of two sparse tensors: `[...]`; see `edit_distance`."""
    if h_shape[:-1].tolist() != t_shape[:-1].tolist():
        raise InvalidArgumentError(
            "edit_distance: different shapes.", expected=f"{t_shape[:-1].tolist()}, as the truth",
            got=f"{h_shape[:-1].tolist()} for the hypothesis",
        )  # fmt: skip
    guesses, truths = _sequences(h_indices, h_values), _sequences(t_indices, t_values)
    found = np.zeros(tuple(t_shape[:-1]), np.float32)
    for place in guesses.keys() | truths.keys():
        guess, truth = guesses.get(place, []), truths.get(place, [])
        edits = _distance(guess, truth)
        found[place] = edits / len(truth) if normalize and truth else np.inf if normalize and edits else edits
    return found


@distances_of_edits.shape
def _(h_indices, h_values, h_shape, t_indices, t_values, t_shape):
    rank = (t_shape.shape or (None,))[0]
    return Spec(None if rank is None else (None,) * (rank - 1), _FLOAT32)


def _sequences(indices, values):
    """{place: the labels there}."""
    found = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(index[:-1]), []).append(value)
    return found


def _distance(a, b):
    """Row by row of the table of all beginnings (Wagner and Fischer, 1974)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        past, row = row, [i + 1]
        for j, y in enumerate(b):
            row.append(min(past[j + 1] + 1, row[j] + 1, past[j] + (x != y)))
    return row[-1]


def _drawn(guesses, truths):
    def parts(rows):
        indices = np.array([(b, i) for b, row in enumerate(rows) for i in range(len(row))], np.int64).reshape(-1, 2)
        values = np.array([k for row in rows for k in row], np.int64)
        return indices, values, np.array([len(rows), max(map(len, rows))], np.int64)

    return lambda rng: (*parts(guesses), *parts(truths))


_ROWS = _drawn([[1, 2, 3], [], [4], [5, 5, 6, 7]], [[1, 3], [], [], [5, 6, 7, 5, 8]])
distances_of_edits.cases(_ROWS)
distances_of_edits.cases(_ROWS, _drawn([[]], [[1, 2]]), normalize=False)
