"""Connectionist temporal classification: the loss of a labelling whose places in time nobody knows.

A path gives each time step a class or the blank, the last class. It stands for the labelling that is left when
repetitions are merged and blanks are dropped. Graves et al. 2006 (ICML, "Connectionist temporal classification").

before: softmax.py   next: ctc_decoders.py
"""

from itertools import groupby, product

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import GradientError, InvalidArgumentError
from npslim.op import op
from npslim.ops.shape import transpose
from npslim.ops.softmax import log_softmax
from npslim.ops.sparse import SparseTensor
from npslim.spec import Spec

_NEVER = -1e30  # the logarithm of no probability: finite, so that differences of two are numbers


def ctc_loss(
    labels, inputs=None, sequence_length=None, preprocess_collapse_repeated=False, ctc_merge_repeated=True,
    ignore_longer_outputs_than_inputs=False, time_major=True, logits=None,
):  # fmt: skip
    """-log of the probability of each labelling, summed over all paths that stand for it: `[b]`.

    labels: an int32 SparseTensor `[b, max_length]`. inputs (or logits): `[t, b, classes]`, or `[b, t, classes]`
    unless time_major; the last class is the blank. sequence_length: int32 `[b]`, the time steps that count.
    preprocess_collapse_repeated: merge repetitions in the labels before. ctc_merge_repeated=False: repetitions on a
    path stay, so that each label takes one step. A run raises InvalidArgumentError for labels that are no classes, and
    for a labelling that is longer than its time; ignore_longer_outputs_than_inputs gives this the loss 0.
    Gradients are of first order, as in TensorFlow.
    """
    labels = SparseTensor.from_value(labels)
    inputs = as_tensor(inputs if logits is None else logits)
    return ctc(
        labels.indices, labels.values, inputs if time_major else transpose(inputs, (1, 0, 2)),
        as_tensor(sequence_length), collapse=preprocess_collapse_repeated, merge=ctc_merge_repeated,
        ignore=ignore_longer_outputs_than_inputs,
    )  # fmt: skip


def _over_all_paths(indices, values, inputs, lengths, collapse, merge, ignore):
    """The losses and their gradients, from every path there is and its probability."""
    p = np.exp(inputs) / np.exp(inputs).sum(-1, keepdims=True)
    blank, losses, gradient = inputs.shape[2] - 1, [], np.zeros(inputs.shape)
    for b, length in enumerate(lengths.tolist()):
        wanted, total, taken = values[indices[:, 0] == b].tolist(), 0.0, np.zeros((length, blank + 1))
        wanted = [k for k, _ in groupby(wanted)] if collapse else wanted
        for path in product(range(blank + 1), repeat=length):
            spelled = [k for k, _ in groupby(path)] if merge else path
            if [k for k in spelled if k != blank] == wanted:
                chance = np.prod(p[range(length), b, path])
                total += chance
                taken[range(length), path] += chance
        losses.append(-np.log(total))
        gradient[:length, b] = p[:length, b] - taken / total
    return np.array(losses), gradient


@op(
    type="CTCLoss",
    alike=("inputs",),
    host=("indices", "values", "lengths"),
    reference=lambda *xs, **attrs: _over_all_paths(*xs, **attrs)[0],
)
def ctc(indices, values, inputs, lengths, *, collapse=False, merge=True, ignore=False):
    """The loss `[b]` of the labels `values` at `indices` `[n, 2]`, for logits `[t, b, classes]`; see `ctc_loss`."""
    return _Paths(indices, values, inputs, lengths, collapse, merge, ignore).losses()


@ctc.shape
def _(indices, values, inputs, lengths):
    _check(inputs, lengths)
    return Spec(None if inputs.shape is None else inputs.shape[1:2], inputs.dtype)


def _check(inputs, lengths):
    if inputs.shape is not None and len(inputs.shape) != 3:
        raise InvalidArgumentError("ctc_loss: these are no logits in time.", expected="[t, b, classes]", got=inputs)
    if lengths.shape is not None and len(lengths.shape) != 1:
        raise InvalidArgumentError("ctc_loss: sequence_length is a vector.", expected="[b]", got=lengths)


@ctc.vjp
def _(g, y, indices, values, inputs, lengths, *, collapse, merge, ignore):
    found = ctc_grad(g, indices, values, inputs, lengths, collapse=collapse, merge=merge, ignore=ignore)
    return None, None, found, None


@op(
    type="CTCLossGrad",
    alike=("g", "inputs"),
    host=("indices", "values", "lengths"),
    reference=lambda g, *xs, **attrs: g[:, None] * _over_all_paths(*xs, **attrs)[1],
)
def ctc_grad(g, indices, values, inputs, lengths, *, collapse=False, merge=True, ignore=False):
    """The gradient of the losses by the logits: softmax minus how often paths of the labelling are in each class."""
    return g[:, None] * _Paths(indices, values, inputs, lengths, collapse, merge, ignore).gradient()


@ctc_grad.shape
def _(g, indices, values, inputs, lengths):
    return Spec(inputs.shape, inputs.dtype)


@ctc_grad.vjp
def _(h, y, g, indices, values, inputs, lengths):
    raise GradientError("ctc_loss: second derivatives are not supported.", hint="nor are they in TensorFlow")


class _Paths:
    """Labellings as chains of states - blank, label, blank, label, ..., blank - through which paths go.

    `states` `[b, s]` are their classes, blanks after the last; `last` `[b]` is the number of the last state, `times`
    `[b]` how many steps count, `fits` `[b]` whether there are as many of them as labels. Logarithms of probabilities
    are added up in double precision: a gradient is the difference of two probabilities that may be nearly the same.
    """

    def __init__(self, indices, values, inputs, lengths, collapse, merge, ignore):
        self.xp, (time, batch, classes) = array_module(inputs), inputs.shape
        sentences = _sentences(indices, values, batch, classes - 1, collapse)
        fits = _checked(sentences, lengths, time, batch, ignore)
        states = np.full((batch, 2 * max(map(len, sentences), default=0) + 1), classes - 1)
        for row, sentence in zip(states, sentences, strict=True):
            row[1 : 2 * len(sentence) : 2] = sentence
        self.blank, self.merge = classes - 1, merge
        self.states, self.fits = self.xp.asarray(states), self.xp.asarray(fits)
        self.times, self.last = self.xp.asarray(lengths), self.xp.asarray([2 * len(s) for s in sentences])
        self.dtype, self.log_p = inputs.dtype, log_softmax.kernel(inputs.astype(np.float64))
        self.emitted = self._at(self.log_p, self.states[None], 2)  # [t, b, s]

    def _at(self, x, places, axis):
        shape = [places.shape[i] if i == axis else n for i, n in enumerate(x.shape)]
        return self.xp.take_along_axis(x, self.xp.broadcast_to(places, shape), axis)

    def forward(self):
        """log of the probability of all ways from the beginning to each state at each time, both included."""
        return self._walk(self.emitted, self.states)

    def backward(self):
        """The same of all ways from a state to the end: those of the chain read from its end."""
        xp = self.xp
        times = xp.maximum(self.times - 1 - xp.arange(len(self.emitted))[:, None], 0)[..., None]
        places = xp.maximum(self.last[:, None] - xp.arange(self.states.shape[1]), 0)
        turned = self._at(self._at(self.emitted, times, 0), places[None], 2)
        found = self._walk(turned, xp.take_along_axis(self.states, places, 1))
        return self._at(self._at(found, times, 0), places[None], 2)

    def _walk(self, emitted, states):
        # A way stays in its state, goes on to the next, or leaves out a blank between two different labels.
        xp, label = self.xp, states != self.blank
        stays = self.merge | ~label
        leaps = label & (xp.arange(states.shape[1]) > 1)
        if self.merge:
            leaps[:, 2:] &= states[:, 2:] != states[:, :-2]
        found = xp.full((len(emitted), len(states), states.shape[1] + 2), _NEVER, emitted.dtype)
        found[:1, :, 2:4] = emitted[:1, :, :2]
        for t in range(1, len(emitted)):
            here, before, two = found[t - 1, :, 2:], found[t - 1, :, 1:-1], found[t - 1, :, :-2]
            ways = xp.logaddexp(xp.where(stays, here, _NEVER), before)
            ways = xp.logaddexp(ways, xp.where(leaps, two, _NEVER))
            found[t, :, 2:] = xp.maximum(ways + emitted[t], _NEVER)
        return found[:, :, 2:]

    def log_probability(self, forward):
        """log of the probability of each labelling `[b]`: the paths end in its last label or the blank after it."""
        xp, batch = self.xp, self.xp.arange(len(self.last))
        ends = forward[xp.maximum(self.times - 1, 0), batch]
        label = xp.where(self.last > 0, ends[batch, xp.maximum(self.last - 1, 0)], _NEVER)
        found = xp.where(self.times > 0, xp.logaddexp(ends[batch, self.last], label), 0).astype(forward.dtype)
        return xp.where(found > _NEVER / 2, found, -np.inf)

    def losses(self):
        """The losses `[b]`, 0 where a labelling does not fit into its time."""
        return self.xp.where(self.fits, -self.log_probability(self.forward()), 0).astype(self.dtype)

    def gradient(self):
        """That of the losses by the logits: how probable a class is, less how often paths of the labelling take it."""
        xp, (time, batch, _) = self.xp, self.log_p.shape
        forward, backward = self.forward(), self.backward()
        total = self.log_probability(forward)[:, None]
        inside = xp.arange(self.states.shape[1]) <= self.last[:, None]
        share = xp.where(
            inside & (total > _NEVER), xp.exp(forward + backward - self.emitted - xp.maximum(total, _NEVER)), 0
        )
        found = xp.exp(self.log_p)
        xp.add.at(found, (xp.arange(time)[:, None, None], xp.arange(batch)[:, None], self.states[None]), -share)
        return (found * ((xp.arange(time)[:, None] < self.times) & self.fits)[..., None]).astype(self.dtype)


def _sentences(indices, values, batch, blank, collapse):
    """The labels of each row as a list; a blank ends it."""
    rows = [[] for _ in range(batch)]
    for (row, _), label in zip(indices.tolist(), values.tolist(), strict=True):
        if not 0 <= row < batch:
            raise InvalidArgumentError("ctc_loss: labels of no row.", expected=f"0 <= row < {batch}", got=row)
        if not 0 <= label <= blank or (label != blank and rows[row][-1:] == [blank]):
            raise InvalidArgumentError(
                "ctc_loss: a label is no class.", expected=f"0 <= label < {blank}, which is the blank",
                got=f"{label} in row {row}",
            )  # fmt: skip
        rows[row].append(label)
    rows = [[k for k in row if k != blank] for row in rows]
    return [[k for i, k in enumerate(row) if not (collapse and i and row[i - 1] == k)] for row in rows]


def _checked(sentences, lengths, time, batch, ignore):
    """Whether each labelling has time enough. Raises InvalidArgumentError unless it has, or is to be ignored."""
    if len(lengths) != batch or ((lengths < 0) | (lengths > time)).any():
        raise InvalidArgumentError(
            "ctc_loss: sequence_length does not fit the logits.", expected=f"{batch} numbers from 0 to {time}",
            got=lengths.tolist(),
        )  # fmt: skip
    fits = np.array([len(s) <= n for s, n in zip(sentences, lengths.tolist(), strict=True)], bool)
    if not fits.all() and not ignore:
        row = int(np.argmin(fits))
        raise InvalidArgumentError(
            "ctc_loss: a labelling is longer than its time.", expected=f"at most {lengths[row]} labels",
            got=f"{len(sentences[row])} in row {row}",
            hint="ignore_longer_outputs_than_inputs=True gives it the loss 0",
        )  # fmt: skip
    return fits


def _drawn(rows, lengths, classes, time):
    """A draw of a case: labels as a sparse tensor has them, logits, lengths."""
    indices = np.array([(b, i) for b, row in enumerate(rows) for i in range(len(row))], np.int64).reshape(-1, 2)
    values = np.array([k for row in rows for k in row], np.int32)
    return lambda rng: (indices, values, rng.normal(size=(time, len(rows), classes)), np.array(lengths, np.int32))


def _with_g(draw):
    return lambda rng: (rng.normal(size=len((found := draw(rng))[3])), *found)


_PLAIN = _drawn([[0, 1], [1, 1], [2]], [4, 5, 2], 4, 5)
ctc.cases(_PLAIN, _drawn([[], [0]], [3, 3], 2, 3), gradient=1)
ctc.cases(_drawn([[1, 1, 0]], [4], 3, 4), merge=False, gradient=1)
ctc.cases(_drawn([[1, 1, 0]], [4], 3, 4), collapse=True, gradient=1)
ctc_grad.cases(_with_g(_PLAIN), gradient=False)
