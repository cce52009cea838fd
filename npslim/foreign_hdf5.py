"""HDF5 files that other programs wrote, such as Keras's weights, read without the C library.

That library opens other files where a file asks for it (external links, external storage, virtual datasets, plugins),
and crashes or hangs on damaged ones. This reader follows hard links alone, never leaves its file, and checks every
address and size before it reads. It knows what h5py writes by default, and the newer headers with few members a group;
of the data one run of bytes, or chunks under a B-tree, with shuffle, deflate and fletcher32.
Source: HDF5 File Format Specification, version 3.0.

before: hdf5_tree.py   next: checkpoint_files.py
"""

import math
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim.array_reader import MOST_DIMENSIONS, is_possible
from npslim.errors import InvalidArgumentError, UnimplementedError
from npslim.hdf5_tree import DATASPACE, DATATYPE, EXTERNAL, FILTERS, LARGEST_HEADER, LAYOUT, NOWHERE, Hdf5Tree

_FLOATS = {  # size: (precision, place and size of exponent, place and size of mantissa, bias)
    2: (16, 10, 5, 0, 10, 15), 4: (32, 23, 8, 0, 23, 127), 8: (64, 52, 11, 0, 52, 1023),
}  # fmt: skip
_DEFLATE, _SHUFFLE, _FLETCHER32 = 1, 2, 3


@dataclass
class _Dataset:
    """What the header of a dataset says, every number checked."""

    shape: tuple = ()
    dtype: Any = None  # None: strings of `length` bytes
    length: int = 0
    start: int = NOWHERE  # of the bytes, or of the B-tree of chunks
    content: Any = None  # the bytes themselves where the header holds them
    chunk: tuple = ()
    filters: list = field(default_factory=list)
    refused: Any = None  # the error that says why it cannot be read

    @property
    def stored(self):
        """The dtype of the stored elements."""
        return np.dtype(f"S{self.length}") if self.dtype is None else self.dtype

    @property
    def nbytes(self):
        """The size of the whole array."""
        return math.prod(self.shape) * self.stored.itemsize


class ForeignReader(Hdf5Tree):
    """Reads the datasets of an HDF5 file by their paths, `block1/conv/kernel`. Links to elsewhere are not followed.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, UnimplementedError for a dataset of a kind
    that npslim does not read, InvalidArgumentError for one whose values lie in other files.
    """

    def __init__(self, path):
        super().__init__(path)
        try:
            self._datasets = {path: self._dataset(path, messages) for path, messages in self.objects.items()}
        except BaseException:
            self.close()
            raise

    def names(self):
        """The paths of the datasets, sorted."""
        return sorted(self._datasets)

    def dtype(self, name):
        """The NumPy dtype of a dataset: object for strings."""
        found = self._found(name)
        return np.dtype(object) if found.dtype is None else found.dtype.newbyteorder("=")

    def shape(self, name):
        """The shape of a dataset."""
        return self._found(name).shape

    def read(self, name):
        """A dataset as an array."""
        found = self._found(name)
        what = f"dataset {name}"
        if found.chunk:
            data = self._chunked(what, found)
        elif found.content is not None:
            data = np.frombuffer(found.content, np.uint8)
        else:
            data = np.frombuffer(self._bytes(found.start, found.nbytes, what), np.uint8)
        array = data.view(found.stored).reshape(found.shape)
        if found.dtype is None:
            return array.astype(object)
        if found.dtype == np.dtype(bool) and array.view(np.uint8).max(initial=0) > 1:
            raise self._damaged(f"{what} is not boolean", "0 or 1", int(array.view(np.uint8).max()))
        return array.astype(found.dtype.newbyteorder("="))

    def _found(self, name):
        if name in self.links:
            raise InvalidArgumentError(
                f"{self.path}: {name} is a link, which npslim does not follow.", expected="a dataset",
                got=self.links[name],
            )  # fmt: skip
        if name not in self._datasets:
            raise self._missing(name)
        if self._datasets[name].refused is not None:
            raise self._datasets[name].refused
        return self._datasets[name]

    # ---- datasets

    def _dataset(self, path, messages):
        """A `_Dataset`; what is readable but unknown, or not to be read, is said when it is asked for."""
        what, found = f"dataset {path}", _Dataset()
        kinds = [kind for kind, _ in messages]
        if any(kinds.count(kind) != 1 for kind in (DATASPACE, DATATYPE, LAYOUT)):
            raise self._damaged(f"{what} is not described", "one shape, one dtype, one place", f"messages {kinds[:20]}")
        try:
            for kind, body in messages:
                if kind == EXTERNAL:
                    raise InvalidArgumentError(
                        f"{self.path}: {what} lies in other files, which npslim does not open.",
                        expected="values inside",
                        got="external storage",
                    )  # fmt: skip
                handle = {DATASPACE: self._space, DATATYPE: self._type, FILTERS: self._pipeline}.get(kind)
                if handle is not None:
                    handle(found, body, what)
            for kind, body in messages:
                if kind == LAYOUT:
                    self._place(found, body, what)
            self._check_size(found, what)
        except (UnimplementedError, InvalidArgumentError) as error:
            found.refused = error
        return found

    def _space(self, found, body, what):
        version, rank, flags = self._numbers("BBB", body, 0, what)
        if version not in (1, 2) or rank > MOST_DIMENSIONS:
            raise self._damaged(f"{what} has no possible shape", f"<= {MOST_DIMENSIONS} sizes", (version, rank, flags))
        if version == 2 and body[3] == 2:
            raise self._unread(f"{what} holds nothing", "a shape", "a null dataspace")
        found.shape = self._numbers(f"{rank}Q", body, 8 if version == 1 else 4, what)

    def _type(self, found, body, what):
        kind, bits, size = self._numbers("B", body, 0, what)[0] & 15, body[1:4], self._numbers("I", body, 4, what)[0]
        order = ">" if bits[0] & 1 else "<"
        if kind == 0 and size in (1, 2, 4, 8) and self._numbers("HH", body, 8, what) == (0, 8 * size):
            found.dtype = np.dtype(f"{order}{'i' if bits[0] & 8 else 'u'}{size}")
        elif kind == 1 and size in _FLOATS and not bits[0] & 0x40 and self._is_float(body, size, what):
            found.dtype = np.dtype(f"{order}f{size}")
        elif kind == 8 and size == 1 and b"FALSE\0" in body and b"TRUE\0" in body and bits[0] == 2:
            found.dtype = np.dtype(bool)  # as h5py writes them
        elif kind == 3 and 0 < size <= LARGEST_HEADER:
            found.length = size
        else:
            raise self._unread(f"{what} has a dtype that npslim does not read", "numbers, booleans, fixed strings",
                               f"class {kind} of {size} bytes")  # fmt: skip

    def _is_float(self, body, size, what):
        offset, precision, *rest, bias = self._numbers("HHBBBBI", body, 8, what)
        return (offset, precision, *rest, bias) == (0, *_FLOATS[size])

    def _pipeline(self, found, body, what):
        version, count = self._numbers("BB", body, 0, what)
        at = 8 if version == 1 else 2
        for _ in range(count):
            (number,) = self._numbers("H", body, at, what)
            named = version == 1 or number >= 256
            length = self._numbers("H", body, at + 2, what)[0] if named else 0
            _, values = self._numbers("HH", body, at + (4 if named else 2), what)
            at += (8 if named else 6) + (-(-length // 8) * 8 if version == 1 else length) + 4 * values
            at += 4 if version == 1 and values % 2 else 0
            if number not in (_DEFLATE, _SHUFFLE, _FLETCHER32):
                raise self._unread(f"{what} is packed by a filter that npslim does not have",
                                   "deflate, shuffle, fletcher32", f"filter {number}")  # fmt: skip
            found.filters.append(number)

    def _place(self, found, body, what):
        version, kind = self._numbers("BB", body, 0, what)
        if kind == 3 and version == 4:
            raise InvalidArgumentError(
                f"{self.path}: {what} is virtual: it would read other files, which npslim does not open.",
                expected="values inside", got="a virtual dataset",
            )  # fmt: skip
        if version == 4 and kind == 2 or version not in (3, 4):
            raise self._unread(f"{what} has a layout that npslim does not read", "version 3", (version, kind))
        if kind == 0:
            (length,) = self._numbers("H", body, 2, what)
            found.content = body[4 : 4 + length]
        elif kind == 1:
            found.start, _ = self._numbers("QQ", body, 2, what)
        elif kind == 2:
            rank, found.start = self._numbers("BQ", body, 2, what)
            *chunk, size = self._numbers(f"{rank}I", body, 11, what) if rank else (0,)
            if len(chunk) != len(found.shape) or size != found.stored.itemsize or 0 in chunk:
                raise self._damaged(f"{what} has impossible chunks", f"{len(found.shape)} sizes", (*chunk, size))
            found.chunk = tuple(chunk)
        else:
            raise self._damaged(f"{what} lies nowhere", "compact, contiguous or chunked", kind)

    def _check_size(self, found, what):
        """A shape is believed only if the file can hold it."""
        size = found.nbytes
        if not is_possible(found.shape):
            raise self._damaged(f"{what} has no possible shape", f"<= {MOST_DIMENSIONS} sizes", list(found.shape))
        if found.chunk:
            most = 1040 * self.size  # deflate packs no better
            if size > most or (size and math.prod(found.chunk) * found.stored.itemsize > most):
                raise self._damaged(f"{what} is larger than the file can be", f"<= {most} bytes", list(found.shape))
        elif found.content is not None:
            if len(found.content) != size:
                raise self._damaged(f"{what} has the wrong size", f"{size} bytes", len(found.content))
        elif size and found.start == NOWHERE:
            found.refused = self._unread(f"{what} was never written", "values", "none")
        elif size and self._base + found.start + size > self.size:
            raise self._damaged(
                f"{what} is cut off", f"{size} bytes for {found.dtype} {list(found.shape)}",
                f"a file of {self.size} bytes, offset {self._base + found.start}",
            )  # fmt: skip
        elif not size:
            found.content = b""

    # ---- chunks

    def _chunked(self, what, found):
        rank, chunk = len(found.shape), found.chunk
        chunks = {}
        if found.nbytes and found.start != NOWHERE:
            for key, address in self._leaves(found.start, 1, 8 + 8 * (rank + 1), what):
                size, mask, *offsets = struct.unpack_from(f"<II{rank + 1}Q", key)
                chunks[tuple(offsets[:rank])] = size, mask, address
        counts = [-(-n // c) for n, c in zip(found.shape, chunk, strict=True)]
        inside = all(o % c == 0 and o < n for at in chunks for o, c, n in zip(at, chunk, found.shape, strict=True))
        if not inside or len(chunks) != (math.prod(counts) if found.nbytes else 0):
            raise self._damaged(f"the chunks of {what} do not fill it", f"{math.prod(counts)} of {chunk}", len(chunks))
        whole = np.empty(found.shape, found.stored)
        for at, (size, mask, address) in chunks.items():
            if mask >= 1 << len(found.filters):
                raise self._damaged(f"a chunk of {what} skips unknown filters", len(found.filters), f"{mask:b}")
            part = np.frombuffer(self._unpacked(what, found, self._bytes(address, size, what), mask), found.stored)
            place = tuple(slice(o, min(o + c, n)) for o, c, n in zip(at, chunk, found.shape, strict=True))
            cut = tuple(slice(s.stop - s.start) for s in place)
            whole[place] = part.reshape(chunk)[cut]
        return np.frombuffer(whole.tobytes(), np.uint8)

    def _unpacked(self, what, found, data, mask):
        """The bytes of a chunk, its filters undone, the last one first."""
        size = math.prod(found.chunk) * found.stored.itemsize
        for i, kind in reversed(list(enumerate(found.filters))):
            if mask >> i & 1:
                continue
            if kind == _FLETCHER32:
                data, expected = data[:-4], int.from_bytes(data[-4:], "little")
                if fletcher32(data) != expected:
                    raise self._damaged(f"a chunk of {what} has another fletcher32", f"{expected:#x}", "another")
            elif kind == _DEFLATE:
                data = self._inflated(what, data, size + 4)  # a checksum may be within
            else:
                data = self._unshuffled(data, found.stored.itemsize)
        if len(data) != size:
            raise self._damaged(f"a chunk of {what} has the wrong size", f"{size} bytes", len(data))
        return data

    @staticmethod
    def _unshuffled(data, width):
        """The bytes of numbers that were written by their place in the number; a rest stays where it is."""
        whole = len(data) // width * width
        return np.frombuffer(data[:whole], np.uint8).reshape(width, -1).T.tobytes() + data[whole:]

    def _inflated(self, what, data, most):
        try:
            unpacker = zlib.decompressobj()
            made = unpacker.decompress(data, most)
            whole = unpacker.eof
        except zlib.error as error:
            raise self._damaged(f"a chunk of {what} cannot be unpacked", "deflate", str(error)) from None
        if not whole:
            raise self._damaged(f"a chunk of {what} is not whole", f"<= {most} bytes", f"{len(data)} bytes packed")
        return made


def fletcher32(data):
    """HDF5's checksum of a chunk: the sum of its 16-bit numbers, and the sum of these sums."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    if not words.any():
        return 0
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % np.uint64(65535)
    first, second = int(words.sum()), int((words * weights).sum())
    return (second % 65535 or 65535) << 16 | (first % 65535 or 65535)
