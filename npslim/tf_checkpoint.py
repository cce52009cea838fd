"""TensorFlow's own checkpoints, read and written without TensorFlow. Both kinds are made of LevelDB's tables.

V2, a *bundle*: `<prefix>.index` is a table {name: dtype, shape, shard, offset, size, CRC-32C}, and the bytes of the
tensors lie in `<prefix>.data-00000-of-00001` and further shards. V1: one table, or one a shard, whose values hold the
tensors themselves. In both a partitioned variable is kept in slices, each under a key that encodes name and extents.

The readers are used like `hdf5.Reader`. bfloat16, which NumPy does not have, is read as float32, exactly.

before: sstable.py   next: checkpoint_files.py
"""

import glob
import math
import os
import re
import struct
from dataclasses import dataclass

import numpy as np

from npslim import sstable, wire
from npslim._io import open_regular
from npslim.array_reader import MOST_DIMENSIONS, ArrayReader, is_possible
from npslim.crc32c import masked_crc32c
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError

INDEX = ".index"
_DTYPES = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "<u1", 5: "<i2", 6: "<i1", 7: "O", 8: "<c8", 9: "<i8", 10: "?", 11: "<i1",
    12: "<u1", 13: "<i4", 14: "<u2", 15: "<i2", 16: "<u2", 17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
_NUMBERS = {np.dtype(text): number for number, text in _DTYPES.items() if number not in (11, 12, 13, 14, 15, 16)}
_STRING, _BOOL, _BFLOAT16 = 7, 10, 14
_MOST_SHARDS = 99999
_WHOLE = (0, -1)  # TensorFlow's extent of a dimension that is not cut


def data_path(prefix, shard=0, shards=1):
    """The file of one shard of a bundle."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def prefix_of(path):
    """The prefix of a bundle, given that or one of its files."""
    return re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", os.fspath(path))


class _Reader(ArrayReader):
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
        return np.dtype(np.float32) if number == _BFLOAT16 else self._stored(name, number).newbyteorder("=")

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
        if number not in _DTYPES:
            raise UnimplementedError(
                f"{self.path}: tensor {name} has a dtype that npslim does not know.", expected="numbers or strings",
                got=f"TensorFlow's dtype {number}",
            )  # fmt: skip
        return np.dtype(_DTYPES[number])

    def _message(self, data, what):
        """{field's number: [values]} of a message."""
        found = {}
        try:
            for number, kind, value in wire.fields(data):
                found.setdefault(number, []).append((kind, value))
        except DataLossError as error:
            raise self._damaged(f"{what} cannot be read", "a message", _first_line(error)) from None
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
        inside = [e == _WHOLE or (0 <= e[0] and 0 <= e[1] <= n - e[0]) for e, n in zip(extents, shape, strict=False)]
        if len(extents) != len(shape) or not all(inside):
            raise self._damaged(f"a slice of {what} does not lie in it", list(shape), extents[:MOST_DIMENSIONS])
        return tuple(extents)

    def _check_booleans(self, name, number, values):
        if number == _BOOL and values.max(initial=0) > 1:
            raise self._damaged(f"tensor {name} is not boolean", "0 or 1", int(values.max()))

    def _put_together(self, name, shape, slices):
        """One array of [(extents, function that reads that part)], which must cover `shape` exactly once."""
        whole = [[slice(s, None if n < 0 else s + n) for s, n in extents] for extents, _ in slices]
        sizes = [math.prod(_lengths(extents, shape)) for extents, _ in slices]
        if sum(sizes) != math.prod(shape) or _overlap([extents for extents, _ in slices], shape):
            raise self._damaged(f"the slices of tensor {name} do not fill it", f"{math.prod(shape)} values", sum(sizes))
        found = None
        for place, (_, read) in zip(whole, slices, strict=True):
            part = read()
            if found is None:
                found = np.empty(shape, part.dtype)
            found[tuple(place)] = part
        return found


def _first_line(error):
    return str(error).split("\n")[0]


def _lengths(extents, shape):
    return [size if n < 0 else n for (_, n), size in zip(extents, shape, strict=True)]


def _overlap(slices, shape):
    """Whether two of the slices share a value."""
    spans = [[(s, s + n) for (s, _), n in zip(e, _lengths(e, shape), strict=True)] for e in slices]
    spans = sorted(span for span in spans if all(a < b for a, b in span))
    for i, one in enumerate(spans):
        for other in spans[i + 1 :]:
            if other and other[0][0] >= one[0][1]:
                break  # sorted by the first dimension: none further on can meet it
            if all(a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True)):
                return True
    return False


# ---- V2


@dataclass(frozen=True)
class _Entry:
    """What the index of a bundle says of a tensor, or of a slice of one."""

    dtype: int
    shape: tuple
    shard: int
    offset: int
    size: int
    crc: int | None
    slices: tuple = ()


class BundleReader(_Reader):
    """Reads a V2 checkpoint by its prefix. Opens `<prefix>.index` and the shards that it needs, and nothing else.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, UnimplementedError for a tensor of a dtype
    that npslim does not have.
    """

    def __init__(self, prefix):
        prefix = prefix_of(prefix)
        super().__init__(prefix + INDEX)
        self._prefix = prefix
        with open_regular(self.path) as file:
            rows = dict(sstable.Table(file, self.path).items())
        header = self._message(rows.pop(b"", b""), "its header")
        self._shards = self._number(header, 1, "its header")
        order = self._number(header, 2, "its header")
        if not 1 <= self._shards <= _MOST_SHARDS or order not in (0, 1):
            raise self._damaged("its header is malformed", "shards and byte order", (self._shards, order))
        self._big_endian = order == 1
        entries = {key: self._entry(key, value) for key, value in rows.items()}
        self._tensors = {_text(key): entry for key, entry in entries.items() if key[:1] != b"\0"}
        self._slices = {key: entry for key, entry in entries.items() if key[:1] == b"\0"}
        self._check_overlap(entries)

    def _entry(self, key, data):
        what = f"the entry of tensor {_text(key)}"
        message = self._message(data, what)
        shape = self._shape(message, 2, what)
        dtype, shard, offset, size = (self._number(message, field, what) for field in (1, 3, 4, 5))
        if not 0 <= shard < self._shards or offset < 0 or size < 0:
            raise self._damaged(f"{what} lies nowhere", f"one of {self._shards} shards", (shard, offset, size))
        kind, crc = message.get(6, [(wire.FIXED32, None)])[-1]
        if kind != wire.FIXED32:
            raise self._damaged(f"{what} is malformed", "a CRC of 4 bytes", f"wire type {kind}")
        slices = tuple(self._extents(data, shape, _text(key)) for data in self._parts(message, 7, what))
        crc = None if crc is None else int.from_bytes(crc, "little")
        return _Entry(dtype, shape, shard, offset, size, crc, slices)

    def _check_overlap(self, entries):
        spans = sorted((e.shard, e.offset, e.offset + e.size, _text(k)) for k, e in entries.items() if e.size)
        for (shard, _, end, first), (other, begin, _, second) in zip(spans, spans[1:], strict=False):
            if shard == other and begin < end:
                raise self._damaged(f"tensors {first} and {second} overlap", f"offset >= {end}", begin)

    def read(self, name):
        """A tensor, its checksum verified. Raises DataLossError."""
        entry = self._tensor(name)
        if not entry.slices:
            return self._whole(name, entry)
        parts = [(extents, self._slice(name, entry, extents)) for extents in entry.slices]
        return self._put_together(name, entry.shape, parts)

    def _slice(self, name, whole, extents):
        """A function that reads one slice of a partitioned tensor."""
        entry = self._slices.get(slice_key(name, extents))
        if entry is None or entry.dtype != whole.dtype or list(entry.shape) != _lengths(extents, whole.shape):
            raise self._damaged(f"a slice of tensor {name} is missing", f"the slice {extents}", entry)
        self._check_inside(name, entry)
        return lambda: self._whole(name, entry)

    def _whole(self, name, entry):
        dtype = self._stored(name, entry.dtype).newbyteorder(">" if self._big_endian else "<")
        count = math.prod(entry.shape)
        if entry.size < count if entry.dtype == _STRING else entry.size != count * dtype.itemsize:
            raise self._damaged(
                f"the size of tensor {name} at offset {entry.offset} is wrong",
                f"{count} x {dtype} for {list(entry.shape)}", f"{entry.size} bytes",
            )  # fmt: skip
        data = self._bytes(name, entry)
        if entry.dtype == _STRING:
            return self._strings(name, entry, data, count)
        self._check_crc(name, entry, data)
        self._check_booleans(name, entry.dtype, np.frombuffer(data, np.uint8))
        return _as_read(np.frombuffer(data, dtype), entry.dtype).reshape(entry.shape)

    def _check_inside(self, name, entry):
        """The open shard of an entry, which must be long enough. Raises DataLossError."""
        path = data_path(self._prefix, entry.shard, self._shards)
        if path not in self._files:
            self._files[path] = open_regular(path)
        size = os.fstat(self._files[path].fileno()).st_size
        if entry.offset + entry.size > size:
            raise self._damaged_shard(
                entry, f"tensor {name} at offset {entry.offset} is cut off", f"{entry.size} bytes", f"a file of {size}"
            )
        return self._files[path]

    def _damaged_shard(self, entry, what, expected, got):
        """The error for what lies in the shard of an entry."""
        path = data_path(self._prefix, entry.shard, self._shards)
        return DataLossError(f"{path} is damaged: {what}.", expected=expected, got=got)

    def _bytes(self, name, entry):
        file = self._check_inside(name, entry)
        data = bytearray(entry.size)
        file.seek(entry.offset)
        found = file.readinto(data)
        if found != entry.size:
            raise self._damaged_shard(
                entry, f"tensor {name} at offset {entry.offset} is cut off", f"{entry.size} bytes", f"{found} bytes"
            )
        return data

    def _check_crc(self, name, entry, data):
        found = masked_crc32c(data)
        if entry.crc is not None and found != entry.crc:
            raise self._damaged_shard(
                entry, f"tensor {name} at offset {entry.offset} has another CRC-32C", f"{entry.crc:#010x}",
                f"{found:#010x}",
            )  # fmt: skip

    def _strings(self, name, entry, data, count):
        """The lengths as varints, a checksum of them, the strings."""
        lengths, at = [], 0
        try:
            for _ in range(count):
                length, at = wire.read_varint(data, at)
                lengths.append(length)
        except DataLossError as error:
            raise self._damaged_shard(
                entry, f"the lengths of tensor {name} cannot be read", f"{count} numbers", _first_line(error)
            ) from None
        if at + 4 + sum(lengths) != len(data):
            raise self._damaged_shard(
                entry, f"the strings of tensor {name} do not add up", f"{len(data)} bytes", at + sum(lengths)
            )
        text = data[at + 4 :]
        self._check_crc(name, entry, _string_digest(lengths) + text)
        if int.from_bytes(data[at : at + 4], "little") != masked_crc32c(_packed_lengths(lengths)):
            raise self._damaged_shard(
                entry, f"the lengths of tensor {name} have another CRC-32C", "the one written", "another"
            )
        found, at = np.empty(count, object), 0
        for i, length in enumerate(lengths):
            found[i] = bytes(text[at : at + length])
            at += length
        return found.reshape(entry.shape)


def _text(key):
    return key.decode(errors="backslashreplace")


def _as_read(array, number):
    """Stored numbers in this machine's byte order; the upper halves of float32 for bfloat16."""
    if number == _BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _packed_lengths(lengths):
    return b"".join(struct.pack("<I" if n < 2**32 else "<Q", n) for n in lengths)


def _string_digest(lengths):
    """What a string tensor's checksum covers before the strings."""
    packed = _packed_lengths(lengths)
    return packed + masked_crc32c(packed).to_bytes(4, "little")


def slice_key(name, extents):
    """The key of a slice, in Google's OrderedCode: bytes that sort as name, rank and extents do."""
    key = b"\0" + name.encode().replace(b"\0", b"\0\xff") + b"\0\1" + _ordered(len(extents))
    return key + b"".join(_ordered_signed(number) for extent in extents for number in extent)


def _ordered(number):
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(data)]) + data


def _ordered_signed(number):
    """The length in unary, as leading ones, then the number; all turned over below zero."""
    magnitude = ~number if number < 0 else number
    size = magnitude.bit_length() // 7 + 1
    if size > 8:
        raise InvalidArgumentError("A slice's place is too large.", expected="below 2**55", got=number)
    ones = (1 << 8 * size) - (1 << 7 * size)
    code = ones | magnitude
    return (~code & (1 << 8 * size) - 1 if number < 0 else code).to_bytes(size, "big")


# ---- V1


@dataclass
class _Sliced:
    """A tensor of a V1 checkpoint: its slices are [(extents, table that holds it)]."""

    dtype: int
    shape: tuple
    slices: list


_HALF_VALUES, _INT_VALUES = 13, 7
_FIXED_VALUES = {1: (5, "<f4"), 2: (6, "<f8"), 8: (9, "<c8"), 18: (12, "<c16")}  # dtype: field, elements
_VARINT_VALUES = {9: 10, 10: 11, 14: _HALF_VALUES, 19: _HALF_VALUES, 22: 16, 23: 17}
_STRING_VALUES = 8


class SlicesReader(_Reader):
    """Reads a V1 checkpoint: a file, or the shards `<prefix>-00000-of-00002` and so on.

    Raises NotFoundError, DataLossError and UnimplementedError as `BundleReader` does.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        paths = [self.path] if os.path.isfile(self.path) else shards_of(self.path)
        try:
            for one in paths or [self.path]:
                self._files[one] = open_regular(one)
                self._add(sstable.Table(self._files[one], one))
        except BaseException:
            self.close()
            raise

    def _add(self, table):
        data = table.get(b"")
        meta = self._parts(self._message(b"" if data is None else data, "its header"), 1, "its header")
        found = False
        for part in meta:
            found = True
            for tensor in self._parts(self._message(part, "its header"), 1, "its header"):
                self._add_tensor(self._message(tensor, "its header"), table)
        if not found:
            raise self._damaged("it has no list of tensors", "a V1 checkpoint of TensorFlow", "another kind of table")

    def _add_tensor(self, message, table):
        name = bytes(next(self._parts(message, 1, "its header"), b"")).decode(errors="backslashreplace")
        shape = self._shape(message, 2, f"tensor {name}")
        dtype = self._number(message, 3, f"tensor {name}")
        tensor = self._tensors.setdefault(name, _Sliced(dtype, shape, []))
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise self._damaged(f"tensor {name} differs between shards", tensor.shape, shape)
        for data in self._parts(message, 4, f"tensor {name}"):
            tensor.slices.append((self._extents(data, shape, f"tensor {name}"), table))

    def read(self, name):
        """A tensor. Raises DataLossError."""
        tensor = self._tensor(name)
        self._stored(name, tensor.dtype)
        most = sum(os.fstat(file.fileno()).st_size for file in self._files.values()) * sstable.MOST_UNPACKED
        if math.prod(tensor.shape) > most:
            raise self._damaged(f"tensor {name} is larger than the file can be", f"<= {most} values", tensor.shape)
        return self._put_together(
            name, tensor.shape, [(e, lambda e=e, t=t: self._part(name, tensor, e, t)) for e, t in tensor.slices]
        )

    def _part(self, name, tensor, extents, table):
        what = f"tensor {name}"
        data = table.get(slice_key(name, extents))
        if data is None:
            raise self._damaged(f"a slice of {what} is missing", f"the slice {extents}", "no such key")
        for saved in self._parts(self._message(data, what), 2, what):
            for proto in self._parts(self._message(saved, what), 3, what):
                shape = _lengths(extents, tensor.shape)
                return self._values(what, proto, tensor.dtype, math.prod(shape)).reshape(shape)
        raise self._damaged(f"a slice of {what} holds no tensor", "a TensorProto", f"{len(data)} bytes")

    def _values(self, what, proto, number, count):
        message = self._message(proto, what)
        if number == _STRING:
            values = np.empty(len(message.get(_STRING_VALUES, ())), object)
            values[:] = [bytes(text) for text in self._parts(message, _STRING_VALUES, what)]
        elif number in _FIXED_VALUES:
            field, kind = _FIXED_VALUES[number]
            data = b"".join(bytes(value) for _, value in message.get(field, ()) if not isinstance(value, int))
            values = np.frombuffer(data[: len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize], kind)
        else:
            field = _VARINT_VALUES.get(number, _INT_VALUES)
            values = _varints(message.get(field, ()))
            self._check_booleans(what, number, values)
            if field == _HALF_VALUES:
                values = _as_read(values.astype(np.uint16).view(_DTYPES[number]), number)
            else:
                values = values.astype(_DTYPES[number])
        if len(values) != count:
            raise self._damaged(f"a slice of {what} is cut off", f"{count} values", f"{len(values)} values")
        return values


def _varints(found):
    """The numbers of a repeated field, packed or not, as uint64."""
    data = b"".join(wire.varint(value) if isinstance(value, int) else bytes(value) for _, value in found)
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes < 128)
    if not len(ends):
        return np.empty(0, np.uint64)
    codes = codes[: ends[-1] + 1]
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    return np.bitwise_or.reduceat(
        (codes & 127).astype(np.uint64) << (7 * np.minimum(places, 9)).astype(np.uint64), starts
    )


def shards_of(prefix):
    """The files of a sharded V1 checkpoint, by its prefix or TensorFlow's pattern, or []."""
    pattern = re.compile(re.escape(re.sub(r"-\?{5}-of-\d{5}$", "", os.fspath(prefix))) + r"-(\d{5})-of-(\d{5})$")
    folder = os.path.dirname(prefix) or "."
    found = sorted(path for path in glob.glob(os.path.join(glob.escape(folder), "*-of-*")) if pattern.match(path))
    counts = {int(pattern.match(path)[2]) for path in found}  # pyright: ignore[reportOptionalSubscript]
    if found and counts != {len(found)}:
        raise NotFoundError("Shards of the checkpoint are missing.", expected=f"{counts} files", got=found)
    return found


# ---- writing V2


def encode(tensors):
    """(bytes of the index, bytes of the only shard) of a V2 checkpoint of {name: array}, as TensorFlow writes them."""
    data, rows = bytearray(), [(b"", wire.field(1, 1) + wire.field(3, wire.field(1, 1)))]
    for name in sorted(tensors, key=str.encode):
        array = np.asarray(tensors[name])
        if array.dtype.kind in "SUO":
            number, image, crc = _STRING, *_encoded_strings(array)
        else:
            little = np.require(array, array.dtype.newbyteorder("<"), "C")
            if little.dtype not in _NUMBERS or array.ndim > MOST_DIMENSIONS:
                raise InvalidArgumentError(
                    f"{name}: TensorFlow has no such dtype.", expected="numbers, booleans, strings", got=array.dtype
                )
            number, image = _NUMBERS[little.dtype], little.tobytes()
            crc = masked_crc32c(image)
        rows.append((name.encode(), _encoded_entry(number, array.shape, len(data), len(image), crc)))
        data += image
    return sstable.encode(rows), bytes(data)


def _encoded_strings(array):
    words = [word.encode() if isinstance(word, str) else bytes(word) for word in array.ravel().tolist()]
    lengths = [len(word) for word in words]
    text = b"".join(words)
    digest = _string_digest(lengths)
    return b"".join(map(wire.varint, lengths)) + digest[-4:] + text, masked_crc32c(digest + text)


def _encoded_entry(number, shape, offset, size, crc):
    dims = b"".join(wire.field(2, wire.field(1, n) if n else b"") for n in shape)
    entry = wire.field(1, number) + wire.field(2, dims)
    for field, value in ((4, offset), (5, size)):
        entry += wire.field(field, value) if value else b""
    return entry + wire.varint(6 << 3 | wire.FIXED32) + crc.to_bytes(4, "little")
