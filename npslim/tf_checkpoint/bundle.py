"""V2 checkpoints, *bundles*, read and written.

`<prefix>.index` is a table {name: dtype, shape, shard, offset, size, CRC-32C}, and the bytes of the tensors lie in
`<prefix>.data-00000-of-00001` and further shards.

before: common.py   next: slices.py
"""

import math
import os
import re
import struct
from dataclasses import dataclass

import numpy as np

from npslim import sstable, wire
from npslim._io import open_regular
from npslim.array_reader import MOST_DIMENSIONS
from npslim.crc32c import masked_crc32c
from npslim.errors import DataLossError, InvalidArgumentError
from npslim.tf_checkpoint.common import NUMBERS, STRING, TensorReader, as_read, first_line, lengths_of, slice_key

INDEX = ".index"
_MOST_SHARDS = 99999


def data_path(prefix, shard=0, shards=1):
    """The file of one shard of a bundle."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def prefix_of(path):
    """The prefix of a bundle, given that or one of its files."""
    return re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", os.fspath(path))


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


class BundleReader(TensorReader):
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
        if entry is None or entry.dtype != whole.dtype or list(entry.shape) != lengths_of(extents, whole.shape):
            raise self._damaged(f"a slice of tensor {name} is missing", f"the slice {extents}", entry)
        self._check_inside(name, entry)
        return lambda: self._whole(name, entry)

    def _whole(self, name, entry):
        dtype = self._stored(name, entry.dtype).newbyteorder(">" if self._big_endian else "<")
        count = math.prod(entry.shape)
        if entry.size < count if entry.dtype == STRING else entry.size != count * dtype.itemsize:
            raise self._damaged(
                f"the size of tensor {name} at offset {entry.offset} is wrong",
                f"{count} x {dtype} for {list(entry.shape)}", f"{entry.size} bytes",
            )  # fmt: skip
        data = self._bytes(name, entry)
        if entry.dtype == STRING:
            return self._strings(name, entry, data, count)
        self._check_crc(name, entry, data)
        self._check_booleans(name, entry.dtype, np.frombuffer(data, np.uint8))
        return as_read(np.frombuffer(data, dtype), entry.dtype).reshape(entry.shape)

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
                entry, f"the lengths of tensor {name} cannot be read", f"{count} numbers", first_line(error)
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


# ---- writing


def encode(tensors):
    """(bytes of the index, bytes of the only shard) of a V2 checkpoint of {name: array}, as TensorFlow writes them."""
    data, rows = bytearray(), [(b"", wire.field(1, 1) + wire.field(3, wire.field(1, 1)))]
    for name in sorted(tensors, key=str.encode):
        array = np.asarray(tensors[name])
        if array.dtype.kind in "SUO":
            number, image, crc = STRING, *_encoded_strings(array)
        else:
            little = np.require(array, array.dtype.newbyteorder("<"), "C")
            if little.dtype not in NUMBERS or array.ndim > MOST_DIMENSIONS:
                raise InvalidArgumentError(
                    f"{name}: TensorFlow has no such dtype.", expected="numbers, booleans, strings", got=array.dtype
                )
            number, image = NUMBERS[little.dtype], little.tobytes()
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


# ---- strings: their lengths, a checksum of these, the texts


def _packed_lengths(lengths):
    return b"".join(struct.pack("<I" if n < 2**32 else "<Q", n) for n in lengths)


def _string_digest(lengths):
    """What a string tensor's checksum covers before the strings."""
    packed = _packed_lengths(lengths)
    return packed + masked_crc32c(packed).to_bytes(4, "little")
