"""The fields of messages: their tables, what a value of each kind may be, and the bytes that stand for it.

before: wire.py   next: proto.py
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim import wire
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError

_FIXED = {"float": (wire.FIXED32, "<f4", "<f"), "double": (wire.FIXED64, "<f8", "<d")}


@dataclass(frozen=True)
class Field:
    """One field: `kind` is a scalar's name, "message" or "map"; `make` makes the message."""

    number: int
    name: str
    kind: str
    repeated: bool = False
    oneof: str | None = None
    make: Any = None


def fields_of(*lines, **messages):
    """{name: Field} from lines "number name kind", with a `*` for a repeated field and a third word for its oneof.

    The kind `{}` is a message and `map` a map from strings to messages; `messages` gives their classes, by field name.
    """
    table = {}
    for line in lines:
        number, name, kind, *oneof = line.split()
        repeated = kind.endswith("*")
        kind = kind.rstrip("*")
        kind = "message" if kind == "{}" else kind
        table[name] = Field(int(number), name, kind, repeated, oneof[0] if oneof else None, messages.get(name))
    return table


def checked(field, value):
    """`value` as the field keeps it. Raises TypeError for another type, ValueError for a number out of range."""
    kind = field.kind
    if kind == "string" and isinstance(value, str | bytes):
        return value if isinstance(value, str) else value.decode()
    if kind == "bytes" and isinstance(value, bytes | bytearray | memoryview | str):
        return value.encode() if isinstance(value, str) else bytes(value)
    if kind == "bool" and isinstance(value, bool | int | np.bool_ | np.integer):
        return bool(value)
    if kind in ("float", "double") and isinstance(value, int | float | np.number):
        return _float32(float(value)) if kind == "float" else float(value)
    if kind in ("int32", "int64", "uint64") and isinstance(value, int | np.integer):
        low, high = {"int32": (-(2**31), 2**31), "int64": (-(2**63), 2**63), "uint64": (0, 2**64)}[kind]
        if not low <= value < high:
            raise InvalidArgumentError(f"{field.name}: the number is out of range.", expected=kind, got=value)
        return int(value)
    raise ArgumentTypeError(
        f"{field.name}: this is not a value of the field.",
        expected=kind,
        got=f"{value!r} of type {type(value).__name__}",
    )


def _float32(value):
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def mismatch(field, wire_type):
    """The error for a field that is written as another kind of value."""
    return DataLossError(f"The field {field.name} has the wrong wire type.", expected=field.kind, got=wire_type)


def counted(field, wire_type, value):
    """`value`, which must be bytes with a count before them. Raises DataLossError."""
    if wire_type != wire.BYTES:
        raise mismatch(field, wire_type)
    return value


def scalars(field, wire_type, value, packed=True):
    """The values of one occurrence of a scalar field: one, or for a repeated field in its packed form several."""
    kind = field.kind
    if kind in ("string", "bytes"):
        raw = bytes(counted(field, wire_type, value))
        return [raw if kind == "bytes" else _text(field, raw)]
    if kind in _FIXED:
        single, numpy_type, _ = _FIXED[kind]
        if wire_type != single and not (packed and wire_type == wire.BYTES):
            raise mismatch(field, wire_type)
        if len(value) % np.dtype(numpy_type).itemsize:
            raise DataLossError(f"The field {field.name} is cut.", expected="whole numbers", got=f"{len(value)} bytes")
        return np.frombuffer(value, numpy_type).tolist()
    if wire_type == wire.VARINT:
        return [_integer(kind, value)]
    if not packed or wire_type != wire.BYTES:
        raise mismatch(field, wire_type)
    found, at = [], 0
    while at < len(value):
        number, at = wire.read_varint(value, at)
        found.append(_integer(kind, number))
    return found


def _integer(kind, value):
    """The number that a varint stands for."""
    if kind == "bool":
        return value != 0
    if kind == "uint64":
        return value
    if kind == "int32":
        return (value + 2**31 & 2**32 - 1) - 2**31
    return wire.signed(value)


def _text(field, raw):
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DataLossError(f"The field {field.name} is no text.", expected="UTF-8", got=raw[:50]) from None


def single(field, value):
    """The bytes of a scalar field."""
    if field.kind in _FIXED:
        wire_type, _, form = _FIXED[field.kind]
        return wire.varint(field.number << 3 | wire_type) + struct.pack(form, value)
    return wire.field(field.number, value.encode() if field.kind == "string" else value)


def packed(field, values):
    """The bytes of a repeated field of scalars."""
    if field.kind in ("string", "bytes"):
        return b"".join(single(field, value) for value in values)
    if field.kind in _FIXED:
        return wire.field(field.number, np.array(values, _FIXED[field.kind][1]).tobytes())
    return wire.field(field.number, b"".join(map(wire.varint, values)))


def unknown(number, wire_type, value):
    """The bytes of a field that no table knows."""
    key = wire.varint(number << 3 | wire_type)
    if wire_type == wire.VARINT:
        return key + wire.varint(value)
    return key + (wire.varint(len(value)) if wire_type == wire.BYTES else b"") + bytes(value)
