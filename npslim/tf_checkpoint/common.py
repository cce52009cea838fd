"""What TensorFlow's two kinds of checkpoints share: dtypes, messages, and tensors that are cut into slices.

before: sstable.py   next: bundle.py
"""

import math

import numpy as np

from npslim import wire
from npslim.array_reader import MOST_DIMENSIONS, ArrayReader, is_possible
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError

DTYPES = {  # TensorFlow's numbers
    1: "<f4", 2: "<f8", 3: "<i4", 4: "<u1", 5: "<i2", 6: "<i1", 7: "O", 8: "<c8", 9: "<i8", 10: "?", 11: "<i1",
    12: "<u1", 13: "<i4", 14: "<u2", 15: "<i2", 16: "<u2", 17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
NUMBERS = {np.dtype(text): number for number, text in DTYPES.items() if number not in (11, 12, 13, 14, 15, 16)}
STRING, BOOL, BFLOAT16 = 7, 10, 14
WHOLE = (0, -1)  # TensorFlow's extent of a dimension that is not cut


class TensorReader(ArrayReader):
    """What both kinds of checkpoint share: `self._tensors` is {name: something with dtype and shape}."""

    def __init__(self, path):
        super().__init__(path)
        self._files = {}
        self._tensors = {}

    def names(self):
        """The names of the tensors, sorted."""
        return sorted(self._tensors)

    def dtype(self, name):
        """The NumPy dtype of a tensor as it is read: object for strings, float32 for bfloat16."""
        number = self._tensor(name).dtype
        return np.dtype(np.float32) if number == BFLOAT16 else self._stored(name, number).newbyteorder("=")

    def shape(self, name):
        """The shape of a tensor."""
        return self._tensor(name).shape

    def close(self):
        """Close the files."""
        for file in self._files.values():
            file.close()

    def _tensor(self, name):
        if name not in self._tensors:
            raise NotFoundError(
                f"{self.path} has no tensor {name!r}.", expected=f"one of {len(self._tensors)} names", got=name
            )
        return self._tensors[name]

    def _stored(self, name, number):
        if number not in DTYPES:
            raise UnimplementedError(
                f"{self.path}: tensor {name} has a dtype that npslim does not know.", expected="numbers or strings",
                got=f"TensorFlow's dtype {number}",
            )  # fmt: skip
        return np.dtype(DTYPES[number])

    def _message(self, data, what):
        """{field's number: [values]} of a message."""
        found = {}
        try:
            for number, kind, value in wire.fields(data):
                found.setdefault(number, []).append((kind, value))
        except DataLossError as error:
            raise self._damaged(f"{what} cannot be read", "a message", first_line(error)) from None
        return found

    def _number(self, message, field, what):
        """An int of a message, 0 if it is not there."""
        kind, value = message.get(field, [(wire.VARINT, 0)])[-1]
        if kind != wire.VARINT:
            raise self._damaged(f"{what} is malformed", f"a number in field {field}", f"wire type {kind}")
        return wire.signed(value)

    def _parts(self, message, field, what):
        """The messages or strings in a field of a message."""
        for kind, value in message.get(field, ()):
            if kind != wire.BYTES:
                raise self._damaged(f"{what} is malformed", f"a message in field {field}", f"wire type {kind}")
            yield value

    def _shape(self, message, field, what):
        sizes = []
        for shape in self._parts(message, field, what):
            dims = self._parts(self._message(shape, what), 2, what)
            sizes = [self._number(self._message(dim, what), 1, what) for dim in dims]
        if not is_possible(sizes):
            raise self._damaged(f"{what} has no possible shape", f"<= {MOST_DIMENSIONS} sizes >= 0", sizes[:40])
        return tuple(sizes)

    def _extents(self, data, shape, what):
        """((start, length), ...) of a slice, as it is written: (0, -1) for a whole dimension."""
        extents = []
        for extent in self._parts(self._message(data, what), 1, what):
            extent = self._message(extent, what)
            length = self._number(extent, 2, what) if 2 in extent else -1
            extents.append((self._number(extent, 1, what), length))
        inside = [e == WHOLE or (0 <= e[0] and 0 <= e[1] <= n - e[0]) for e, n in zip(extents, shape, strict=False)]
        if len(extents) != len(shape) or not all(inside):
            raise self._damaged(f"a slice of {what} does not lie in it", list(shape), extents[:MOST_DIMENSIONS])
        return tuple(extents)

    def _check_booleans(self, name, number, values):
        if number == BOOL and values.max(initial=0) > 1:
            raise self._damaged(f"tensor {name} is not boolean", "0 or 1", int(values.max()))

    def _put_together(self, name, shape, slices):
        """One array of [(extents, function that reads that part)], which must cover `shape` exactly once."""
        whole = [[slice(s, None if n < 0 else s + n) for s, n in extents] for extents, _ in slices]
        sizes = [math.prod(lengths_of(extents, shape)) for extents, _ in slices]
        if sum(sizes) != math.prod(shape) or _overlap([extents for extents, _ in slices], shape):
            raise self._damaged(f"the slices of tensor {name} do not fill it", f"{math.prod(shape)} values", sum(sizes))
        found = None
        for place, (_, read) in zip(whole, slices, strict=True):
            part = read()
            if found is None:
                found = np.empty(shape, part.dtype)
            found[tuple(place)] = part
        return found


def first_line(error):
    return str(error).split("\n")[0]


def lengths_of(extents, shape):
    """The sizes of a slice of a tensor of `shape`."""
    return [size if n < 0 else n for (_, n), size in zip(extents, shape, strict=True)]


def _overlap(slices, shape):
    """Whether two of the slices share a value."""
    spans = [[(s, s + n) for (s, _), n in zip(e, lengths_of(e, shape), strict=True)] for e in slices]
    spans = sorted(span for span in spans if all(a < b for a, b in span))
    for i, one in enumerate(spans):
        for other in spans[i + 1 :]:
            if other and other[0][0] >= one[0][1]:
                break  # sorted by the first dimension: none further on can meet it
            if all(a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True)):
                return True
    return False


def as_read(array, number):
    """Stored numbers in this machine's byte order; the upper halves of float32 for bfloat16."""
    if number == BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


# ---- the keys of slices


def slice_key(name, extents):
    """The key of a slice, in Google's OrderedCode: bytes that sort as name, rank and extents do."""
    key = b"\0" + name.encode().replace(b"\0", b"\0\xff") + b"\0\1" + _with_length(len(extents))
    return key + b"".join(ordered(number) for extent in extents for number in extent)


def _with_length(number):
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def ordered(number):
    """The length in unary, as leading ones, then the number; all turned over below zero."""
    magnitude = ~number if number < 0 else number
    size = magnitude.bit_length() // 7 + 1
    if size > 8:
        raise InvalidArgumentError("A slice's place is too large.", expected="below 2**55", got=number)
    ones = (1 << 8 * size) - (1 << 7 * size)
    code = ones | magnitude
    return (~code & (1 << 8 * size) - 1 if number < 0 else code).to_bytes(size, "big")
