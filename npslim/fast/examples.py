"""Examples parsed quickly: one walk over the bytes of each, which reads nothing but the features that are wanted.

It knows the form that TensorFlow and npslim write. For anything else, an error too, it gives None, and the plain kernel
in `ops/parsing.py` has its say.
"""

from typing import Any

import numpy as np

from npslim.ops.parsing import Wanted

_TEXT = np.dtype(object)
_KINDS = {_TEXT: 10, np.dtype(np.float32): 18, np.dtype(np.int64): 26}  # the tags of a Feature's three lists
_MANY = 4  # records that are worth looking at together
_PACKED = 10  # the tag of counted bytes in field 1: a string, or all numbers of a list


def parse_examples(serialized, *, features: tuple[Wanted, ...], single):
    """What the plain kernel of that name gives, or None."""
    names = {wanted.name.encode(): i for i, wanted in enumerate(features)}
    records = [serialized[()]] if single else serialized.tolist()
    if not records or any(wanted.kind not in ("fixed", "var") or None in wanted.shape for wanted in features):
        return None
    try:
        parsed = _of_one_form(records, features) if len(records) >= _MANY else None
        if parsed is None:
            found, parsed = [_lists_of(record, names) for record in records], []
            for i, wanted in enumerate(features):
                lists = [lists[i] for lists in found]
                make = _fixed if wanted.kind == "fixed" else _sparse
                parsed += make(records, lists, wanted, single)
    except (IndexError, ValueError, TypeError):  # another form than this one knows
        return None
    return tuple(parsed)


# ---- many at once


class _Every(dict):
    """Gives each name that it is asked for the next place."""

    def get(self, key, default=None):
        return self.setdefault(key, len(self))


def _of_one_form(records, features):
    """The arrays of Examples that differ in nothing but the values of their features; None if there are others."""
    first = records[0]
    if any(len(record) != len(first) for record in records) or any(f.kind != "fixed" for f in features):
        return None
    names = _Every()
    places = [place for place in _lists_of(first, names, [None] * len(first)) if place is not None]
    table = np.frombuffer(b"".join(records), np.uint8).reshape(len(records), -1)
    free, columns = np.zeros(len(first), bool), []
    for _, start, end in places:
        free[start:end] = True
    for wanted in features:
        place = places[names[wanted.name.encode()]] if wanted.name.encode() in names else None
        column = (
            None
            if place is None or place[0] != _KINDS[wanted.dtype]
            else _COLUMNS[place[0]](table, records, place, free)
        )
        if column is None:
            return None
        columns.append(column.reshape(len(records), *wanted.shape))
    if not (table[:, ~free] == table[0, ~free]).all():
        return None
    return columns


def _string_column(table, records, place, free):
    """`[n, 1]` strings."""
    start = _entered(records[0], place[1], _PACKED, place[2])
    free[place[1] : start] = False  # how long it is, is part of the form
    found = np.empty((len(records), 1), object)
    found[:, 0] = [record[start : place[2]] for record in records]
    return found


def _float_column(table, records, place, free):
    """`[n, count]` float32."""
    start = _entered(records[0], place[1], _PACKED, place[2])
    free[place[1] : start] = False
    return np.ascontiguousarray(table[:, start : place[2]]).view("<f4").astype(np.float32)


def _int_column(table, records, place, free):
    """`[n, count]` int64 of one byte each; None if there are longer ones."""
    start = _entered(records[0], place[1], _PACKED, place[2])
    free[place[1] : start] = False
    found = table[:, start : place[2]]
    return None if (found > 127).any() else found.astype(np.int64)


_COLUMNS = {10: _string_column, 18: _float_column, 26: _int_column}


# ---- one by one


def _lists_of(data, names, found: Any = None):
    """[(kind, start, end)] of the wanted features' lists, None for those that are missing. Raises for another form."""
    found = [None] * len(names) if found is None else found
    end = len(data)
    at = _entered(data, 0, 10, end)
    while at < end:
        if data[at] != 10:
            raise ValueError
        size, at = data[at + 1], at + 2
        if size > 127:
            size, at = _long(data, at - 1)
        after = at + size
        if data[at] != 10:
            raise ValueError
        size, at = data[at + 1], at + 2
        if size > 127:
            size, at = _long(data, at - 1)
        key, at = data[at : at + size], at + size
        if data[at] != 18:
            raise ValueError
        size, at = data[at + 1], at + 2
        if size > 127:
            size, at = _long(data, at - 1)
        if at + size != after:
            raise ValueError
        place = names.get(key)
        if place is not None:
            if found[place] is not None:
                raise ValueError
            found[place] = (data[at], _entered(data, at, data[at], after), after)
        at = after
    if at != end:
        raise ValueError
    return found


def _entered(data, at, tag, end):
    """The place where the contents of a counted field begin, which must reach to `end`."""
    if data[at] != tag:
        raise ValueError
    size, at = data[at + 1], at + 2
    if size > 127:
        size, at = _long(data, at - 1)
    if at + size != end:
        raise ValueError
    return at


def _long(data, at):
    """(value, place after it) of a varint."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError


# ---- values


def _fixed(records, lists, wanted, single):
    """[array of shape [n, ...]], or of the only one."""
    count = 1
    for size in wanted.shape:
        count *= size
    kind, parts = _KINDS[wanted.dtype], []
    for record, place in zip(records, lists, strict=True):
        if place is None or place[0] != kind:
            raise ValueError
        values = _READ[kind](record, place[1], place[2])
        if len(values) != (4 * count if kind == 18 else count):
            raise ValueError
        parts.append(values)
    if kind == 18:
        array = np.frombuffer(b"".join(parts), "<f4").astype(np.float32)
    else:
        flat = [value for values in parts for value in values]
        array = np.empty(len(flat), wanted.dtype)
        array[:] = flat
    return [array.reshape(wanted.shape if single else (len(records), *wanted.shape))]


def _sparse(records, lists, wanted, single):
    """[indices, values, dense_shape]."""
    kind, parts = _KINDS[wanted.dtype], []
    for record, place in zip(records, lists, strict=True):
        if place is not None and place[0] != kind:
            raise ValueError
        parts.append(_READ[kind](record, place[1], place[2]) if place else b"")
    lengths = np.array([len(values) // 4 if kind == 18 else len(values) for values in parts], np.int64)
    total = int(lengths.sum())
    if kind == 18:
        values = np.frombuffer(b"".join(parts), "<f4").astype(np.float32)
    else:
        values = np.empty(total, wanted.dtype)
        values[:] = [value for some in parts for value in some]
    columns = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    if single:
        return [columns[:, None], values, lengths]
    places = np.stack([np.repeat(np.arange(len(records)), lengths), columns], axis=1)
    return [places, values, np.array([len(records), lengths.max()], np.int64)]


def _strings(data, at, end):
    """The strings of a list."""
    found = []
    while at < end:
        if data[at] != _PACKED:
            raise ValueError
        size, at = data[at + 1], at + 2
        if size > 127:
            size, at = _long(data, at - 1)
        found.append(data[at : at + size])
        at += size
    if at != end:
        raise ValueError
    return found


def _floats(data, at, end):
    """The bytes of a list of floats."""
    if at == end:
        return b""
    at = _entered(data, at, _PACKED, end)
    if (end - at) % 4:
        raise ValueError
    return data[at:end]


def _ints(data, at, end):
    """The numbers of a list."""
    if at == end:
        return []
    at = _entered(data, at, _PACKED, end)
    if end - at > 16:
        some = np.frombuffer(data, np.uint8, end - at, at)
        if some.max() < 128:
            return some.tolist()
    found = []
    while at < end:
        value, at = data[at], at + 1
        if value > 127:
            value, at = _long(data, at - 1)
            value &= 2**64 - 1
            value -= 2**64 if value >= 2**63 else 0
        found.append(value)
    if at != end:
        raise ValueError
    return found


_READ = {10: _strings, 18: _floats, 26: _ints}
