"""The wire format of protocol buffers, as far as TensorFlow's files use it: fields in, fields out.

A message is a row of fields, each a number, a wire type, and a varint, 4 or 8 bytes, or a counted run of bytes.
"""

import struct

from npslim.errors import DataLossError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MOST_VARINT_BYTES = 10


def read_varint(data, at):
    """(value, place after it) of the varint at `at`: an int in [0, 2**64). Raises DataLossError for a cut one."""
    value = shift = 0
    for count in range(_MOST_VARINT_BYTES):
        if at + count >= len(data):
            break
        byte = data[at + count]
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at + count + 1
        shift += 7
    raise DataLossError(
        "A message is cut inside a number, or the number is too long.", expected="a varint", got=f"byte {at}"
    )


def signed(value):
    """The int64 that the varint `value` stands for."""
    return value - 2**64 if value >= 2**63 else value


def fields(data):
    """(number, wire type, value) of each field of a message; bytes come as a memoryview. Raises DataLossError."""
    data = memoryview(data)
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise DataLossError("A field has the number 0.", expected="a field", got=f"byte {at}")
        if kind == VARINT:
            value, at = read_varint(data, at)
        elif kind == BYTES:
            length, at = read_varint(data, at)
            value, at = _taken(data, at, length), at + length
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
            value, at = _taken(data, at, length), at + length
        else:
            raise DataLossError("A field has an unknown wire type.", expected="0, 1, 2 or 5", got=kind)
        yield number, kind, value


def _taken(data, at, length):
    if at + length > len(data):
        raise DataLossError(
            "A message is cut inside a field.", expected=f"{length} bytes", got=f"{len(data) - at} bytes"
        )
    return data[at : at + length]


def varint(value):
    """The bytes of an int in [-2**63, 2**64)."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """The bytes of a field: an int as a varint, a float as 4 bytes, bytes (a string, a message) counted."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | FIXED32) + struct.pack("<f", value)
    return varint(number << 3 | BYTES) + varint(len(value)) + bytes(value)
