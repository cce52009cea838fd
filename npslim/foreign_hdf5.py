"""HDF5 files that other programs wrote, such as Keras's weights, read without the C library.

That library opens other files where a file asks for it (external links, external storage, virtual datasets, plugins),
and crashes or hangs on damaged ones. This reader follows hard links alone, never leaves its file, and checks every
address and size before it reads. It knows what h5py writes by default, and the newer headers with few members a group:

    superblock    where the root group's header is
    header        messages: of a dataset its shape, dtype, place and filters; of a group its members
    members       a B-tree of symbol tables with their names in a heap, or one message for each
    data          one run of bytes, or chunks under a B-tree, with shuffle, deflate and fletcher32

Source: HDF5 File Format Specification, version 3.0.

before: hdf5.py   next: checkpoint_files.py
"""

import math
import os
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.array_reader import MOST_DIMENSIONS, ArrayReader, is_possible
from npslim.errors import InvalidArgumentError, UnimplementedError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NOWHERE = 2**64 - 1
_MOST_OBJECTS, _MOST_MESSAGES, _DEEPEST = 100_000, 10_000, 64
_LARGEST_HEADER = 1 << 20
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _CONTINUATION, _SYMBOLS = (
    1, 2, 3, 6, 7, 8, 11, 16, 17,
)  # fmt: skip
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
    start: int = _NOWHERE  # of the bytes, or of the B-tree of chunks
    content: Any = None  # the bytes themselves where the header holds them
    chunk: tuple = ()
    filters: list = field(default_factory=list)
    refused: Exception | None = None  # why it cannot be read

    @property
    def stored(self):
        """The dtype of the stored elements."""
        return np.dtype(f"S{self.length}") if self.dtype is None else self.dtype

    @property
    def nbytes(self):
        """The size of the whole array."""
        return math.prod(self.shape) * self.stored.itemsize


def is_hdf5(path):
    """Whether a file begins as an HDF5 file without a user block does."""
    with open_regular(path) as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


class ForeignReader(ArrayReader):
    """Reads the datasets of an HDF5 file by their paths, `block1/conv/kernel`. Links to elsewhere are not followed.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, UnimplementedError for a dataset of a kind
    that npslim does not read, InvalidArgumentError for one whose values lie in other files.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        self._file = open_regular(self.path)
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self._base = 0
            self._datasets, self._links = {}, {}
            self._walk(self._root())
        except BaseException:
            self._file.close()
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

    def close(self):
        """Close the file."""
        self._file.close()

    def _found(self, name):
        if name in self._links:
            raise InvalidArgumentError(
                f"{self.path}: {name} is a link, which npslim does not follow.", expected="a dataset",
                got=self._links[name],
            )  # fmt: skip
        if name not in self._datasets:
            raise self._missing(name)
        if self._datasets[name].refused is not None:
            raise self._datasets[name].refused
        return self._datasets[name]

    # ---- bytes

    def _bytes(self, address, length, what):
        start = self._base + address
        if length < 0 or start + length > self.size:
            raise self._damaged(f"{what} lies outside", f"a file of {self.size} bytes", f"{length} bytes at {start}")
        self._file.seek(start)
        found = self._file.read(length)
        if len(found) != length:
            raise self._damaged(f"{what} is cut off", f"{length} bytes at {start}", f"{len(found)} bytes")
        return found

    def _numbers(self, form, data, at, what) -> tuple:
        """Little-endian numbers of `data`, as `struct` describes them."""
        try:
            return struct.unpack_from("<" + form, data, at)
        except struct.error:
            raise self._damaged(f"{what} is cut off", f"{struct.calcsize('<' + form)} bytes", len(data) - at) from None

    def _unread(self, what, expected, got):
        return UnimplementedError(f"{self.path}: {what}.", expected=expected, got=got, hint="h5repack may rewrite it")

    # ---- from the superblock to the datasets

    def _root(self):
        """The address of the root group's header."""
        at = 0
        while self._bytes(at, 8, "the signature") != SIGNATURE:
            at = max(512, 2 * at)
            if at + 8 > self.size:
                raise self._damaged("it has no signature", "HDF5", self._bytes(0, 8, "it")[:8].hex())
        version = self._bytes(at + 8, 1, "the superblock")[0]
        if version in (0, 1):
            size = 96 if version == 0 else 100
            data = self._bytes(at, size, "the superblock")
            sizes, base = data[13:15], size - 72
            (self._base,), (root,) = struct.unpack_from("<Q", data, base), struct.unpack_from("<Q", data, base + 40)
        elif version in (2, 3):
            data = self._bytes(at, 48, "the superblock")
            sizes = data[9:11]
            self._check_sum(data, "the superblock")
            (self._base,), (root,) = struct.unpack_from("<Q", data, 12), struct.unpack_from("<Q", data, 36)
        else:
            raise self._damaged("its superblock is of an unknown version", "0 to 3", version)
        if sizes != b"\x08\x08":
            raise self._unread("addresses and lengths are not of 8 bytes", "8 and 8", tuple(sizes))
        return root

    def _walk(self, root):
        todo, seen = [("", root, frozenset())], 0
        while todo:
            path, address, above = todo.pop()
            seen += 1
            if address in above or seen > _MOST_OBJECTS or len(above) > _DEEPEST:
                raise self._damaged(f"group {path!r} has no end", f"<= {_MOST_OBJECTS} objects, no circle", seen)
            messages = self._messages(address, f"the header of {path!r}")
            if any(kind == _LAYOUT for kind, _ in messages):
                self._datasets[path] = self._dataset(path, messages)
            for name, target in self._members(messages, f"group {path!r}"):
                full = f"{path}/{name}" if path else name
                if isinstance(target, str):
                    self._links[full] = target
                else:
                    todo.append((full, target, above | {address}))

    # ---- headers

    def _messages(self, address, what):
        """[(kind, bytes)] of an object's header, of either version."""
        start = self._bytes(address, 16, what)
        if start[:4] == b"OHDR":
            return self._new_messages(address, start, what)
        version, count, size = start[0], *struct.unpack_from("<H", start, 2), *struct.unpack_from("<I", start, 8)
        if version != 1 or count > _MOST_MESSAGES:
            raise self._damaged(f"{what} is no header", "version 1", f"version {version}, {count} messages")
        found, blocks = [], [(address + 16, size)]
        while blocks and len(found) < count:
            data, at = self._header_bytes(*blocks.pop(0), what), 0
            while at + 8 <= len(data) and len(found) < count:
                kind, length, flags = struct.unpack_from("<HHB", data, at)
                self._take(found, blocks, kind, flags, data[at + 8 : at + 8 + length], length, what)
                at += 8 + length
        return found

    def _header_bytes(self, address, size, what):
        if size > _LARGEST_HEADER:
            raise self._damaged(f"{what} is too large", f"<= {_LARGEST_HEADER} bytes", size)
        return self._bytes(address, size, what)

    def _take(self, found, blocks, kind, flags, body, length, what):
        if len(body) != length or len(found) > _MOST_MESSAGES or len(blocks) > _MOST_MESSAGES:
            raise self._damaged(f"a message of {what} is cut off", f"{length} bytes", len(body))
        if kind == _CONTINUATION:
            blocks.append(self._numbers("QQ", body, 0, what))
        if flags & 2 and kind in (_DATASPACE, _DATATYPE, _FILTERS):
            raise self._unread(f"{what} shares a message with other objects", "its own", f"message {kind}")
        found.append((kind, body))

    def _new_messages(self, address, start, what):
        flags, at = start[5], 6
        if start[4] != 2:
            raise self._damaged(f"{what} is of an unknown version", 2, start[4])
        at += (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(self._bytes(address + at, width, what), "little")
        step = 6 if flags & 4 else 4
        found, blocks, seen = [], [], set()
        data = self._header_bytes(address, at + width + size + 4, what)
        at += width
        while True:
            self._check_sum(data, what)
            end = len(data) - 4
            while at + step <= end:
                kind, length, message_flags = struct.unpack_from("<BHB", data, at)
                body = data[at + step : min(at + step + length, end)]
                self._take(found, blocks, kind, message_flags, body, length, what)
                at += step + length
            if not blocks:
                return found
            block = blocks.pop(0)
            data, at = self._header_bytes(*block, what), 4
            if data[:4] != b"OCHK" or block in seen:
                raise self._damaged(f"{what} is continued by something else", "OCHK", data[:4])
            seen.add(block)

    def _check_sum(self, data, what):
        expected, found = int.from_bytes(data[-4:], "little"), lookup3(data[:-4])
        if expected != found:
            raise self._damaged(f"{what} has another checksum", f"{expected:#010x}", f"{found:#010x}")

    # ---- groups

    def _members(self, messages, what):
        """(name, address of the header, or the target of a link in words) of the members of a group."""
        for kind, body in messages:
            if kind == _SYMBOLS:
                tree, heap = self._numbers("QQ", body, 0, what)
                yield from self._old_members(tree, heap, what)
            elif kind == _LINK:
                yield self._link(body, what)
            elif kind == _LINK_INFO:
                (heap,) = self._numbers("Q", body, 2 + (8 if body[1:2] and body[1] & 1 else 0), what)
                if heap != _NOWHERE:
                    raise self._unread(f"{what} keeps its many members in a fractal heap", "few members", "many")

    def _old_members(self, tree, heap, what):
        head = self._bytes(heap, 32, what)
        size, _, place = struct.unpack_from("<QQQ", head, 8)
        if head[:4] != b"HEAP":
            raise self._damaged(f"{what} has no heap of names", "HEAP", head[:4])
        names = self._header_bytes(place, size, f"the names of {what}")
        for _, address in self._leaves(tree, 0, 8, what):
            table = self._bytes(address, 8, what)
            count = int.from_bytes(table[6:8], "little")
            if table[:4] != b"SNOD":
                raise self._damaged(f"{what} has no table of members", "SNOD", table[:4])
            rows = self._bytes(address + 8, 40 * count, what)
            for at in range(0, len(rows), 40):
                offset, header, cache = struct.unpack_from("<QQI", rows, at)
                name = self._name(names, offset, what)
                yield name, f"a soft link in {what}" if cache == 2 else header

    def _name(self, names, offset, what):
        end = names.find(b"\0", min(offset, len(names)))
        if end <= offset:
            raise self._damaged(f"a member of {what} has no name", f"text in {len(names)} bytes", f"offset {offset}")
        return self._checked_name(names[offset:end], what)

    def _checked_name(self, data, what):
        name = data.decode(errors="backslashreplace")
        if not name or "/" in name or name in (".", ".."):
            raise self._damaged(f"a member of {what} has no possible name", "a name without /", repr(name)[:80])
        return name

    def _leaves(self, address, kind, key, what):
        """(key of `key` bytes, address) of what the leaves of a B-tree list."""
        todo: list[tuple[Any, Any]] = [(address, None)]
        seen = set()
        while todo:
            address, expected = todo.pop()
            head = self._bytes(address, 24, what)
            level, count = head[5], int.from_bytes(head[6:8], "little")
            wrong = head[:4] != b"TREE" or head[4] != kind or (expected is not None and level != expected)
            if wrong or address in seen or len(seen) > _MOST_OBJECTS:
                raise self._damaged(f"{what} has no B-tree", "TREE, no circle", head[:6].hex())
            seen.add(address)
            data = self._bytes(address + 24, (key + 8) * count + key, what)
            for i in range(count):
                at = i * (key + 8)
                (child,) = struct.unpack_from("<Q", data, at + key)
                if level:
                    todo.append((child, level - 1))
                else:
                    yield data[at : at + key], child

    def _link(self, body, what):
        """(name, address or words) of a link message."""
        version, flags = self._numbers("BB", body, 0, what)
        at, kind = 2, 0
        if flags & 8:
            (kind,) = self._numbers("B", body, at, what)
            at += 1
        at += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
        width = 1 << (flags & 3)
        length = int.from_bytes(body[at : at + width], "little")
        text = body[at + width : at + width + length]
        if version != 1 or len(text) != length:
            raise self._damaged(f"a link of {what} is cut off", f"{length} bytes of name", len(text))
        name, at = self._checked_name(text, what), at + width + length
        if kind == 0:
            return name, self._numbers("Q", body, at, what)[0]
        return name, {1: "a soft link", 64: "a link into another file"}.get(kind, f"a link of kind {kind}")

    # ---- datasets

    def _dataset(self, path, messages):
        """A `_Dataset`; what is readable but unknown, or not to be read, is said when it is asked for."""
        what, found = f"dataset {path}", _Dataset()
        kinds = [kind for kind, _ in messages]
        if any(kinds.count(kind) != 1 for kind in (_DATASPACE, _DATATYPE, _LAYOUT)):
            raise self._damaged(f"{what} is not described", "one shape, one dtype, one place", f"messages {kinds[:20]}")
        try:
            for kind, body in messages:
                if kind == _EXTERNAL:
                    raise InvalidArgumentError(
                        f"{self.path}: {what} lies in other files, which npslim does not open.",
                        expected="values inside",
                        got="external storage",
                    )  # fmt: skip
                handle = {_DATASPACE: self._space, _DATATYPE: self._type, _FILTERS: self._pipeline}.get(kind)
                if handle is not None:
                    handle(found, body, what)
            for kind, body in messages:
                if kind == _LAYOUT:
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
        elif kind == 3 and 0 < size <= _LARGEST_HEADER:
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
        elif size and found.start == _NOWHERE:
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
        if found.nbytes and found.start != _NOWHERE:
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


# ---- checksums


def fletcher32(data):
    """HDF5's checksum of a chunk: the sum of its 16-bit numbers, and the sum of these sums."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    if not words.any():
        return 0
    weights = np.arange(len(words), 0, -1, dtype=np.uint64) % np.uint64(65535)
    first, second = int(words.sum()), int((words * weights).sum())
    return (second % 65535 or 65535) << 16 | (first % 65535 or 65535)


def lookup3(data):
    """Bob Jenkins's hash, the checksum of the newer headers."""
    a = b = c = _word(0xDEADBEEF + len(data))
    whole = max(0, len(data) - 1) // 12 * 12
    for x, y, z in struct.iter_unpack("<III", data[:whole]):
        a, b, c = _word(a + x), _word(b + y), _word(c + z)
        for turn in (4, 6, 8, 16, 19, 4):
            a, b, c = b, _word(c + b), _word(a - c) ^ _turned(c, turn)
    if len(data) > whole:
        x, y, z = struct.unpack("<III", data[whole:].ljust(12, b"\0"))
        a, b, c = _word(a + x), _word(b + y), _word(c + z)
        for turn in (14, 11, 25, 16, 4, 14, 24):
            a, b, c = b, _word((c ^ b) - _turned(b, turn)), a
        return b
    return c


def _word(number):
    return number & 0xFFFFFFFF


def _turned(number, count):
    return _word(number << count) | number >> 32 - count
