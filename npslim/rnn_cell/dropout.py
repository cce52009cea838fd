"""Dropout around a cell, at each step anew or with one mask in all steps.

before: wrappers.py
"""

import zlib
from typing import Any

from npslim.convert import as_tensor, constant_value
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.nested import flat, packed
from npslim.ops.elementwise import divide
from npslim.ops.functions import floor
from npslim.ops.random import dropout, random_uniform
from npslim.rnn_cell.base import sizes_of
from npslim.rnn_cell.lstm import LSTMStateTuple
from npslim.rnn_cell.wrappers import Wrapper
from npslim.scopes import name_scope


class DropoutWrapper(Wrapper):
    """Dropout of a cell's inputs, outputs and states, with probability 1 - keep_prob each (numbers, or scalar tensors).

    state_keep_prob: of the new state, but never of an LSTM's memory `c`; dropout_state_filter_visitor: a function that
    says for any part of the state whether (True or False, or these in the part's structure) it may be dropped.
    variational_recurrent: one mask in all steps of a run (Gal and Ghahramani, 2016); needs `dtype`, and for the inputs
    `input_size`. Raises ValueError for a probability outside of [0, 1].
    """

    def __init__(
        self,
        cell,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        state_keep_prob: Any = 1.0,
        variational_recurrent=False,
        input_size=None,
        dtype=None,
        seed=None,
        dropout_state_filter_visitor=None,
        **kwargs,
    ):
        super().__init__(cell, dtype=dtype, **kwargs)
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise ArgumentTypeError("dropout_state_filter_visitor is no function.", got=dropout_state_filter_visitor)
        self._may_drop = dropout_state_filter_visitor or _all_but_memory
        self._seed = seed
        with name_scope("DropoutWrapperInit"):
            given = dict(input=input_keep_prob, state=state_keep_prob, output=output_keep_prob)
            self._keep = {what: _probability(what, p) for what, p in given.items()}
            self._noise = {}
            if variational_recurrent:
                self._noise = self._drawn(dict(input=input_size, state=self.state_size, output=self.output_size))

    def _drawn(self, sizes):
        if self._dtype is None:
            raise InvalidArgumentError("variational_recurrent=True needs a dtype.", got="dtype=None")
        if sizes["input"] is None and _drops(self._keep["input"]):
            raise InvalidArgumentError(
                "variational_recurrent=True with dropout of the inputs needs input_size.", got="input_size=None"
            )
        return {what: self._noise_of(what, flat(size)) for what, size in sizes.items() if _drops(self._keep[what])}

    def _noise_of(self, what, sizes):
        """For each of `sizes`, uniform numbers that all rows of a batch share."""
        draws = enumerate([1, *sizes_of(size)] for size in sizes)
        return [random_uniform(rows, dtype=self._dtype, seed=self._seed_of(what, i)) for i, rows in draws]

    def _seed_of(self, what, i):
        return None if self._seed is None else zlib.crc32(f"{self._seed}{what}_{i}".encode()) & 0x7FFFFFFF

    def __call__(self, inputs, state, scope=None):
        """(output, new state) of one step."""
        output, new = self.cell(self._dropped("input", inputs), state, scope=scope)
        return self._dropped("output", output), self._dropped("state", new, self._may_drop)

    def _dropped(self, what, values, may_drop=None):
        keep = self._keep[what]
        if not _drops(keep):
            return values
        leaves = flat(values)
        chosen = [True] * len(leaves) if may_drop is None else _choices(may_drop, values)
        noise = self._noise.get(what)
        found = []
        for i, (value, drop) in enumerate(zip(leaves, chosen, strict=True)):
            if drop and noise is not None:
                p = as_tensor(keep, as_tensor(value).spec.dtype)
                value = divide(value, p) * floor(p + noise[i])
            elif drop:
                value = dropout(value, keep_prob=keep, seed=self._seed_of(what, i))
            found.append(value)
        return packed(values, found)


def _probability(what, p):
    """A number in [0, 1] or a scalar tensor."""
    known = constant_value(as_tensor(p))
    if known is None:
        return p
    if not 0 <= known <= 1:
        raise InvalidArgumentError(
            f"{what}_keep_prob is no probability.", expected=f"0 <= {what}_keep_prob <= 1", got=float(known)
        )
    return float(known)


def _drops(keep):
    return not isinstance(keep, float) or keep < 1


def _all_but_memory(state):
    return LSTMStateTuple(c=False, h=True) if isinstance(state, LSTMStateTuple) else True


def _choices(may_drop, state):
    """A bool for each leaf of `state`, from what `may_drop` says of its parts."""
    answer = may_drop(state)
    if not isinstance(state, list | tuple | dict):
        return [bool(answer)]
    parts = [state[key] for key in sorted(state)] if isinstance(state, dict) else list(state)
    if isinstance(answer, bool):
        answers = [answer] * len(parts)
    else:
        answers = [answer[key] for key in sorted(answer)] if isinstance(answer, dict) else list(answer)
    pairs = zip(parts, answers, strict=True)
    return [choice for part, a in pairs for choice in (_choices(may_drop, part) if a else [False] * len(flat(part)))]
