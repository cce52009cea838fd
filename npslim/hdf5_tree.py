"""The structure of HDF5 files: from the superblock to the messages that describe each dataset, within one file.

    superblock    where the root group's header is
    header        messages: of a dataset its shape, dtype, place and filters; of a group its members
    members       a B-tree of symbol tables with their names in a heap, or one message for each

Every address and size is checked against the file before it is used; circles are found.
Source: HDF5 File Format Specification, version 3.0.

before: array_reader.py   next: foreign_hdf5.py
"""

import os
import struct
from typing import Any

from npslim._io import open_regular
from npslim.array_reader import ArrayReader
from npslim.errors import UnimplementedError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NOWHERE = 2**64 - 1
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, CONTINUATION, SYMBOLS = 1, 2, 3, 6, 7, 8, 11, 16, 17
LARGEST_HEADER = 1 << 20
_MOST_OBJECTS, _MOST_MESSAGES, _DEEPEST = 100_000, 10_000, 64


def is_hdf5(path):
    """Whether a file begins as an HDF5 file without a user block does."""
    with open_regular(path) as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


class Hdf5Tree(ArrayReader):
    """An HDF5 file: `objects` is {path: messages of its header} of the datasets, `links` what is not followed.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, UnimplementedError for what is unknown.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        self._file = open_regular(self.path)
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self._base = 0
            self.objects, self.links = {}, {}
            self._walk(self._root())
        except BaseException:
            self._file.close()
            raise

    def close(self):
        """Close the file."""
        self._file.close()

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

    # ---- from the superblock to the headers

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
            if any(kind == LAYOUT for kind, _ in messages):
                self.objects[path] = messages
            for name, target in self._members(messages, f"group {path!r}"):
                full = f"{path}/{name}" if path else name
                if isinstance(target, str):
                    self.links[full] = target
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
        if size > LARGEST_HEADER:
            raise self._damaged(f"{what} is too large", f"<= {LARGEST_HEADER} bytes", size)
        return self._bytes(address, size, what)

    def _take(self, found, blocks, kind, flags, body, length, what):
        if len(body) != length or len(found) > _MOST_MESSAGES or len(blocks) > _MOST_MESSAGES:
            raise self._damaged(f"a message of {what} is cut off", f"{length} bytes", len(body))
        if kind == CONTINUATION:
            blocks.append(self._numbers("QQ", body, 0, what))
        if flags & 2 and kind in (DATASPACE, DATATYPE, FILTERS):
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
            if kind == SYMBOLS:
                tree, heap = self._numbers("QQ", body, 0, what)
                yield from self._old_members(tree, heap, what)
            elif kind == LINK:
                yield self._link(body, what)
            elif kind == LINK_INFO:
                (heap,) = self._numbers("Q", body, 2 + (8 if body[1:2] and body[1] & 1 else 0), what)
                if heap != NOWHERE:
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


# ---- the checksum


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
