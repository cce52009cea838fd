"""The layout of a checkpoint: ordinary HDF5, with an index of our own in front of it.

A variable `conv1/weights` is the dataset `/conv1/weights/:value`: a leaf of its own, because `conv1/weights` and its
slot `conv1/weights/Momentum` cannot both be HDF5 paths. Datasets are contiguous, little-endian, without filters, so
each is one run of bytes in the file. The *user block*, which HDF5 leaves to applications, holds

    8 bytes   "NPSLIM1\\n"
    8 bytes   length of the index, little-endian
    4 bytes   CRC-32 of the index
    index     JSON: {"tensors": {name: [dtype, shape, offset, nbytes, crc32]}, "meta": {...}}

npslim reads its own files by that index and never hands them to the C library, which cannot be trusted with damaged
files.
"""

import importlib
import io
import json
import math
import os
import zlib
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.array_reader import is_possible
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError

MAGIC = b"NPSLIM1\n"
HEADER = len(MAGIC) + 8 + 4
LEAF = ":value"
HIDDEN = ":"  # how the names of tensors begin that are no variables: what resuming needs beside them
LONGEST_INDEX = 1 << 28
STRING = "string"


def encode(tensors, meta):
    """The bytes of a checkpoint of `tensors`, {name: array}, and `meta`, anything that JSON holds. Same state, same
    bytes.
    """
    arrays = {name: storable(name, tensors[name]) for name in sorted(tensors)}
    block = _block_size(_index(arrays, {name: 1 << 50 for name in arrays}, meta))
    buffer = io.BytesIO()
    h5py = importlib.import_module("h5py")  # only writing needs it, and it takes half as long to import as npslim
    with h5py.File(buffer, "w", userblock_size=block, track_order=False) as file:
        offsets = {name: _add(file, name, data) for name, (_, _, data) in arrays.items()}
    header = _index(arrays, offsets, meta)
    image = buffer.getbuffer()
    image[: len(header)] = header
    return image


def storable(name, array):
    """(dtype's name, shape, contiguous little-endian array) of a tensor; strings become lengths and bytes."""
    array = np.asarray(array)
    if array.dtype == object or array.dtype.kind in "SU":
        words = [x.encode() if isinstance(x, str) else bytes(x) for x in array.ravel().tolist()]
        lengths = np.array([len(w) for w in words], "<u8")
        data = np.frombuffer(lengths.tobytes() + b"".join(words), np.uint8)
        return STRING, array.shape, data
    if array.dtype.kind not in "biufc" or array.dtype.itemsize > 16:
        raise InvalidArgumentError(
            f"{name}: a checkpoint cannot hold this dtype.", expected="numbers, booleans, strings", got=array.dtype
        )
    little = np.require(array, array.dtype.newbyteorder("<"), "C")
    return little.dtype.str, array.shape, little


def _add(file, name, data):
    """Write one dataset; returns its offset in the file."""
    path = f"{name}/{LEAF}"
    if data.size == 0:
        file.create_dataset(path, shape=data.shape, dtype=data.dtype, track_times=False)
        return 0
    return file.create_dataset(path, data=data, track_times=False).id.get_offset()


def _index(arrays, offsets, meta):
    """The user block's contents."""
    rows = {
        name: [
            kind,
            list(shape),
            offsets[name],
            data.nbytes,
            zlib.crc32(data.reshape(-1).view(np.uint8) if data.nbytes else b""),
        ]
        for name, (kind, shape, data) in arrays.items()
    }
    text = json.dumps({"tensors": rows, "meta": meta}, sort_keys=True, separators=(",", ":")).encode()
    return MAGIC + len(text).to_bytes(8, "little") + zlib.crc32(text).to_bytes(4, "little") + text


def _block_size(header):
    size = 512
    while size < len(header):
        size *= 2
    return size


class Reader:
    """Reads a checkpoint by its index; a context manager. Every byte of a tensor is covered by a CRC that is checked.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, InvalidArgumentError for another kind of
    file.
    """

    def __init__(self, path):
        self.path = os.fspath(path)
        self._file = open_regular(self.path)
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            index = self._read_index()
            self.meta = index["meta"]
            self._rows = {name: self._checked_row(name, row) for name, row in index["tensors"].items()}
            self._check_overlap()
        except BaseException:
            self._file.close()
            raise

    def names(self):
        """The names of the variables, sorted."""
        return sorted(name for name in self._rows if not name.startswith(HIDDEN))

    def hidden(self):
        """The names of the other tensors, sorted: see `resume.py`."""
        return sorted(name for name in self._rows if name.startswith(HIDDEN))

    def dtype(self, name):
        """The NumPy dtype of a tensor (object for strings)."""
        return self._row(name)[0]

    def shape(self, name):
        """The shape of a tensor."""
        return self._row(name)[1]

    def crc32(self, name):
        """The CRC-32 of a tensor's bytes."""
        return self._row(name)[4]

    def read(self, name):
        """A tensor, its CRC verified."""
        dtype, shape, offset, nbytes, crc = self._row(name)
        data: Any = np.empty(nbytes, np.uint8)
        self._file.seek(offset)
        if self._file.readinto(memoryview(data)) != nbytes:
            raise self._damaged(
                f"tensor {name} is cut off", f"{nbytes} bytes at offset {offset}", f"a file of {self.size}"
            )
        found = zlib.crc32(data)
        if found != crc:
            raise self._damaged(
                f"tensor {name} at offset {offset} has another CRC-32", f"{crc:#010x}", f"{found:#010x}"
            )
        if dtype.kind == "O":
            return self._strings(name, data, shape)
        return data.view(dtype).reshape(shape) if nbytes else np.empty(shape, dtype)

    def verify(self):
        """Read everything. Raises DataLossError for the first tensor that is damaged."""
        for name in self._rows:
            self.read(name)

    def close(self):
        """Close the file."""
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- checks

    def _row(self, name):
        if name not in self._rows:
            raise NotFoundError(
                f"{self.path} has no tensor {name!r}.", expected=f"one of {len(self._rows)} names", got=name
            )
        return self._rows[name]

    def _damaged(self, what, expected, got):
        return DataLossError(f"{self.path} is damaged: {what}.", expected=expected, got=got)

    def _read_index(self):
        start = self._file.read(HEADER)
        if start[: len(MAGIC)] != MAGIC:
            raise InvalidArgumentError(
                f"{self.path} is not a checkpoint of npslim.",
                expected=f"{MAGIC!r} at its beginning",
                got=repr(start[: len(MAGIC)]),
            )
        if len(start) < HEADER:
            raise self._damaged("its header is cut off", f"{HEADER} bytes", f"{len(start)} bytes")
        length, crc = int.from_bytes(start[8:16], "little"), int.from_bytes(start[16:20], "little")
        if length > min(self.size - HEADER, LONGEST_INDEX):
            raise self._damaged("its index is cut off", f"{length} bytes of index", f"a file of {self.size} bytes")
        text = self._file.read(length)
        if zlib.crc32(text) != crc:
            raise self._damaged("its index has another CRC-32", f"{crc:#010x}", f"{zlib.crc32(text):#010x}")
        try:
            index = json.loads(text.decode())  # of bytes, it would guess the encoding
            if (
                not isinstance(index, dict)
                or not isinstance(index.get("tensors"), dict)
                or not isinstance(index.get("meta"), dict)
            ):
                raise ValueError("not the parts of an index")
        except (ValueError, RecursionError) as error:
            raise self._damaged("its index cannot be read", "JSON with tensors and meta", str(error)[:100]) from None
        return index

    def _checked_row(self, name, row):
        """(dtype, shape, offset, nbytes, crc), every number checked against the file before anything is allocated."""
        whole = isinstance(row, list) and len(row) == 5 and isinstance(row[0], str) and isinstance(row[1], list)
        numbers = [*row[1], *row[2:]] if whole else [None]
        if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in numbers):
            raise self._damaged(
                f"the index of tensor {name} is malformed", "[dtype, shape, offset, nbytes, crc32]", repr(row)[:100]
            )
        kind, shape, offset, nbytes, crc = row
        if kind != STRING and (
            len(kind) > 4 or kind[:1] not in "<|" or kind[1:2] not in "biufc" or not kind[2:].isdigit()
        ):
            raise self._damaged(f"tensor {name} has an unknown dtype", "numbers, booleans or strings", repr(kind)[:40])
        try:
            dtype = np.dtype(object) if kind == STRING else np.dtype(kind)
        except TypeError:
            raise self._damaged(f"tensor {name} has an unknown dtype", "a NumPy dtype", repr(kind)[:40]) from None
        count = math.prod(shape)
        if math.prod(size or 1 for size in shape) * dtype.itemsize >= 1 << 63:
            raise self._damaged(f"the shape of tensor {name} is too large", "less than 2**63 bytes", repr(shape)[:100])
        least = count * (8 if kind == STRING else dtype.itemsize)
        if not is_possible(shape) or nbytes < least or (kind != STRING and nbytes != least):
            raise self._damaged(
                f"the size of tensor {name} is wrong", f"{least} bytes for {kind} {shape[:8]}", f"{nbytes} bytes"
            )
        if offset + nbytes > self.size:
            raise self._damaged(
                f"tensor {name} is cut off", f"{nbytes} bytes at offset {offset}", f"a file of {self.size} bytes"
            )
        return dtype, tuple(shape), offset, nbytes, crc

    def _check_overlap(self):
        spans = sorted((row[2], row[2] + row[3], name) for name, row in self._rows.items() if row[3])
        for (_, end, first), (begin, _, second) in zip(spans, spans[1:], strict=False):
            if begin < end:
                raise self._damaged(f"tensors {first} and {second} overlap", f"offset >= {end}", begin)

    def _strings(self, name, data, shape):
        count = math.prod(shape)
        lengths = data[: 8 * count].view("<u8").tolist()
        if sum(lengths) != data.nbytes - 8 * count:
            raise self._damaged(
                f"the strings of tensor {name} do not add up", f"{data.nbytes - 8 * count} bytes", sum(lengths)
            )
        text, found, at = data[8 * count :].tobytes(), np.empty(count, object), 0
        for i, length in enumerate(lengths):
            found[i] = text[at : at + length]
            at += length
        return found.reshape(shape)
