"""The op that looks keys up in a table which never changes. Tables are made in `npslim/lookup.py`.

before: parsing.py   next: ../lookup.py
"""

import numpy as np

from npslim.errors import DTypeError, InvalidArgumentError
from npslim.op import op
from npslim.spec import Spec


class Pairs:
    """Keys and values, arrays `[n]`, as a dictionary `values`. Raises InvalidArgumentError for two values of a key."""

    def __init__(self, keys, values):
        self.key_dtype, self.dtype = keys.dtype, values.dtype
        self.values = {}
        for key, value in zip(keys.tolist(), values.tolist(), strict=True):
            if self.values.setdefault(key, value) != value:
                raise InvalidArgumentError(
                    "A key has two values.", expected=f"{key!r}: {self.values[key]!r}", got=value
                )


def _one_by_one(keys, default, pairs):
    found = np.empty(keys.shape, pairs.dtype)
    for place in np.ndindex(keys.shape):
        known = [value for key, value in pairs.values.items() if key == keys[place]]
        found[place] = known[0] if known else default[()]
    return found


@op(
    type="LookupTableFindV2", node_name="LookupTableFind", alike=(), host=("keys", "default"), differentiable=False,
    exact=True, reference=_one_by_one,
)  # fmt: skip
def look_up(keys, default, *, pairs):
    """The value of each key, `default` `[]` for those that `pairs` has not."""
    other = default.item()
    found = [pairs.values.get(key, other) for key in keys.ravel().tolist()]
    values = np.empty(len(found), pairs.dtype)
    values[:] = found
    return values.reshape(keys.shape)


@look_up.shape
def _(keys, default, *, pairs):
    if keys.dtype != pairs.key_dtype:
        raise DTypeError("The keys of the table have another dtype.", expected=pairs.key_dtype, got=keys.dtype)
    return Spec(keys.shape, pairs.dtype)


_WORDS = Pairs(np.array([b"a", b"b"], object), np.array([5, 7]))
_NUMBERS = Pairs(np.array([3, 1, 4]), np.array([b"x", b"", b"yz"], object))
look_up.cases(
    lambda rng: (np.array([[b"b", b"c"], [b"a", b"b"]], object), np.array(-1)),
    lambda rng: (np.empty((0, 2), object), np.array(-1)), pairs=_WORDS, gradient=False,
)  # fmt: skip
look_up.cases(
    lambda rng: (np.array([1, 4, 9, 3]), np.array(b"?", object)), pairs=_NUMBERS, gradient=False,
)  # fmt: skip
look_up.rejects("another dtype", lambda rng: (np.array([1.0]), np.array(b"?", object)), pairs=_NUMBERS)
