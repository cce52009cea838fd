"""LevelDB's table file, which TensorFlow's checkpoints are made of: keys in order, each with a value, in blocks.

    block     entries, the offsets of the entries that start anew, their number; 1 byte compression; 4 bytes CRC-32C
    entry     varints: bytes shared with the key before, further bytes of the key, bytes of the value; then these bytes
    index     a block: a key not below a block's last one -> the block's (offset, length)
    footer    (offset, length) of an unused block and of the index, filled up to 40 bytes; 8 bytes magic number

before: crc32c.py   next: tf_checkpoint/
"""

import bisect
import importlib
import itertools
import os

from npslim import wire
from npslim._io import open_regular
from npslim.crc32c import masked_crc32c
from npslim.errors import DataLossError, OpError, UnimplementedError, missing_extra

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
FOOTER, TRAILER = 48, 5
_PLAIN, _SNAPPY = 0, 1
_BLOCK, _RESTART = 262144, 16  # TensorFlow's sizes: bytes of a block, entries from one whole key to the next
MOST_UNPACKED = 32  # times the packed length; snappy's longest copy is 64 bytes for 3


class Table:
    """A table in an open file of `size` bytes. Blocks are read when they are asked for, each under its CRC.

    Raises DataLossError where the file is not what was written.
    """

    def __init__(self, file, path):
        self._file, self.path = file, path
        self.size = os.fstat(file.fileno()).st_size
        if self.size < FOOTER:
            raise self._damaged("it is cut off", f"at least {FOOTER} bytes", f"{self.size} bytes")
        footer = self._bytes(self.size - FOOTER, FOOTER)
        if footer[40:] != MAGIC:
            raise self._damaged("it does not end as a table does", MAGIC.hex(), footer[40:].hex())
        _, at = self._handle(footer, 0)
        handle, at = self._handle(footer, at)
        if footer[at:40].strip(b"\0"):
            raise self._damaged("its footer holds more than two places", "zeros", footer[at:40].hex())
        self._index = [(key, self._handle(value, 0)[0]) for key, value in self._block(handle)]
        if any(a > b for (a, _), (b, _) in itertools.pairwise(self._index)):
            raise self._damaged("the keys of its index are out of order", "rising keys", "others")
        self._check_places(handle)
        self._kept = None, {}  # the block that was read last

    def items(self):
        """(key, value) of every entry, by rising key; the values are memoryviews."""
        last = None
        for _, handle in self._index:
            for key, value in self._block(handle):
                if last is not None and key <= last:
                    raise self._damaged("its keys are out of order", f"a key above {last!r}", repr(key))
                last = key
                yield key, value

    def get(self, key):
        """The value of `key`, or None."""
        at = bisect.bisect_left(self._index, key, key=lambda row: row[0])
        if at == len(self._index):
            return None
        handle = self._index[at][1]
        if handle != self._kept[0]:
            rows = dict(self._block(handle))
            if handle[1] > _BLOCK:
                return rows.get(key)  # a tensor of its own: no place to keep it
            self._kept = handle, rows
        return self._kept[1].get(key)

    def _bytes(self, offset, length):
        self._file.seek(offset)
        found = self._file.read(length)
        if len(found) != length:
            raise self._damaged("it is cut off", f"{length} bytes at offset {offset}", f"{len(found)} bytes")
        return found

    def _handle(self, data, at):
        """((offset, length), place after it) of what stands at `at`."""
        try:
            offset, at = wire.read_varint(data, at)
            length, at = wire.read_varint(data, at)
        except DataLossError:
            raise self._damaged("a block's place is cut off", "two numbers", bytes(data[:20]).hex()) from None
        if offset + length + TRAILER > self.size - FOOTER:
            raise self._damaged("a block lies outside", f"a file of {self.size} bytes", f"{length} bytes at {offset}")
        return (offset, length), at

    def _check_places(self, index_handle):
        """No two blocks overlap, so that all of them together are no longer than the file."""
        places = sorted([index_handle, *(handle for _, handle in self._index)])
        for (offset, length), (after, _) in zip(places, places[1:], strict=False):
            if offset + length + TRAILER > after:
                raise self._damaged("two blocks overlap", f"offset >= {offset + length + TRAILER}", after)

    def _block(self, handle):
        """[(key, value)] of a block."""
        offset, length = handle
        data = self._bytes(offset, length + TRAILER)
        expected, found = int.from_bytes(data[-4:], "little"), masked_crc32c(memoryview(data)[:-4])
        if found != expected:
            raise self._damaged(f"the block at offset {offset} has another CRC-32C", f"{expected:#x}", f"{found:#x}")
        try:
            return list(_entries(_unpacked(memoryview(data)[:length], data[length])))
        except DataLossError as error:
            raise self._damaged(f"the block at offset {offset} cannot be read", "entries", error.message) from None

    def _damaged(self, what, expected, got):
        return DataLossError(f"{self.path} is damaged: {what}.", expected=expected, got=got)


def _unpacked(data, compression):
    if compression == _PLAIN:
        return data
    if compression != _SNAPPY:
        raise UnimplementedError(
            "A block is compressed in an unknown way.", expected="0 or 1 (snappy)", got=compression
        )
    length, _ = wire.read_varint(data, 0)
    if length > MOST_UNPACKED * len(data):
        raise DataLossError("A block is too long.", expected=f"<= {MOST_UNPACKED * len(data)} bytes", got=length)
    try:
        snappy = importlib.import_module("cramjam").snappy
    except ImportError:
        raise missing_extra("cramjam", "snappy", "A table compressed with snappy") from None
    try:
        return bytes(snappy.decompress_raw(data))
    except Exception as error:
        raise DataLossError("A block cannot be decompressed.", expected="snappy", got=str(error)[:80]) from None


def _entries(data):
    """(key, value) of the entries of a block's contents."""
    count = int.from_bytes(data[-4:], "little") if len(data) >= 4 else -1
    end = len(data) - 4 - 4 * count
    if count < 0 or end < 0:
        raise DataLossError("The starts do not fit.", expected=f"<= {len(data)} bytes", got=count)
    at, key, view = 0, b"", memoryview(data)[:end]
    while at < end:
        shared, at = wire.read_varint(view, at)
        rest, at = wire.read_varint(view, at)
        length, at = wire.read_varint(view, at)
        if shared > len(key) or at + rest + length > end:
            raise DataLossError("An entry is cut off.", expected=f"<= {end} bytes", got=at + rest + length)
        key = key[:shared] + bytes(view[at : at + rest])
        yield key, view[at + rest : at + rest + length]
        at += rest + length


def encode(items):
    """The bytes of a table of `items`, (key, value) by rising key: the same bytes as TensorFlow writes."""
    out, index, block = bytearray(), _Block(restart=1), _Block()
    for key, value in items:
        if block.size() >= _BLOCK:
            index.add(_between(block.last, key), block.append_to(out))
            block = _Block()
        block.add(key, value)
    if block.rows:
        index.add(_successor(block.last), block.append_to(out))
    footer = _Block().append_to(out) + index.append_to(out)
    return bytes(out) + footer.ljust(FOOTER - len(MAGIC), b"\0") + MAGIC


class _Block:
    """A block in the making."""

    def __init__(self, restart=_RESTART):
        self.last, self.rows = b"", 0
        self._data, self._starts, self._restart = bytearray(), [0], restart

    def add(self, key, value):
        """Append an entry."""
        shared = len(os.path.commonprefix([self.last, key]))
        if self.rows and self.rows % self._restart == 0:
            self._starts.append(len(self._data))
        if self.rows % self._restart == 0:
            shared = 0
        for number in (shared, len(key) - shared, len(value)):
            self._data += wire.varint(number)
        self._data += key[shared:] + value
        self.last, self.rows = key, self.rows + 1

    def size(self):
        """The number of bytes, without the trailer."""
        return len(self._data) + 4 * len(self._starts) + 4

    def append_to(self, out):
        """Put the block at the end of a file; returns its place, as two varints."""
        place = wire.varint(len(out)) + wire.varint(self.size())
        data = self._data + b"".join(n.to_bytes(4, "little") for n in (*self._starts, len(self._starts)))
        data.append(_PLAIN)
        out += data + masked_crc32c(data).to_bytes(4, "little")
        return place


def _between(low, high):
    """A short key that is not below `low` and below `high`."""
    same = len(os.path.commonprefix([low, high]))
    if same < min(len(low), len(high)) and low[same] + 1 < high[same]:
        return low[:same] + bytes([low[same] + 1])
    return low


def _successor(key):
    """A short key that is not below `key`."""
    for i, byte in enumerate(key):
        if byte != 255:
            return key[:i] + bytes([byte + 1])
    return key


def is_table(path):
    """Whether a file ends as a table does."""
    try:
        with open_regular(path) as file:
            file.seek(-8, os.SEEK_END)
            return file.read(8) == MAGIC
    except (OpError, OSError, ValueError):  # ValueError: a name that no file can have
        return False
