"""TFRecord files: records of bytes, each with its length and two checksums; plain, or compressed as a whole.

length (8 bytes)  masked CRC of the length (4)  data  masked CRC of the data (4)
"""

import gzip
import os
import struct
import zlib

from npslim.crc32c import masked_crc32c
from npslim.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, NotFoundError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_PIECE = 1 << 18
_MOST_UNPACKED = 1032  # bytes that one byte of deflated data can stand for
_HELD_BACK = 1 << 9  # what zlib may still hold


class TFRecordCompressionType:
    """How a file is compressed."""

    NONE, ZLIB, GZIP = 0, 1, 2


class TFRecordOptions:
    """How TFRecord files are read and written: compression_type is one of TFRecordCompressionType, or its name."""

    compression_type_map = {
        TFRecordCompressionType.NONE: "",
        TFRecordCompressionType.ZLIB: "ZLIB",
        TFRecordCompressionType.GZIP: "GZIP",
    }

    def __init__(self, compression_type=None):
        self.get_compression_type_string(compression_type)
        self.compression_type = compression_type

    @classmethod
    def get_compression_type_string(cls, options):
        """'', 'ZLIB' or 'GZIP' for options, a type, or a name. Raises ValueError for anything else."""
        if options is None:
            return ""
        if isinstance(options, TFRecordOptions):
            return cls.get_compression_type_string(options.compression_type)
        if options in cls.compression_type_map:
            return cls.compression_type_map[options]
        if options in cls.compression_type_map.values():
            return options
        raise InvalidArgumentError("Unknown compression.", expected="'', 'ZLIB' or 'GZIP'", got=repr(options))


def tf_record_iterator(path, options=None):
    """The records of a file, bytes each, their checksums verified.

    options: TFRecordOptions for a compressed file. Raises NotFoundError for a missing file, and DataLossError for a
    damaged one, with its path, the record's number and its place; what came before was good.
    """
    return (record for _, record in records_with_places(path, options))


def records_with_places(path, options=None):
    """(offset, record) of each record of a file: see `tf_record_iterator`. The offset is in what is decompressed."""
    path = os.fspath(path)
    compression = TFRecordOptions.get_compression_type_string(options)
    with _opened(path) as raw:
        source = _Source(path, raw, compression)
        while (record := _next_record(source)) is not None:
            yield source.began, record


def _opened(path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise NotFoundError(f"{path}: {cause_of(error)}.", expected="a file", got=path) from None


def cause_of(error):
    """Why a file cannot be opened."""
    return "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)


def whole_file(path, compression=None):
    """The bytes of a file, decompressed. Raises NotFoundError, and DataLossError if it cannot be decompressed."""
    with _opened(path) as raw:
        source = _Source(path, raw, TFRecordOptions.get_compression_type_string(compression))
        return b"".join(iter(lambda: source.more(_PIECE), b""))


class _Source:
    """The bytes of a file, decompressed: `data` from `at` on is what was read ahead. Says where it is in an error."""

    def __init__(self, path, raw, compression):
        self.path, self.record, self.began = path, -1, 0
        self.data, self.at, self._before = b"", 0, 0
        self._raw, self._size = raw, os.fstat(raw.fileno()).st_size
        self._unpack = zlib.decompressobj(31 if compression == "GZIP" else 15) if compression else None

    def begin_record(self):
        """A record begins here."""
        self.record, self.began = self.record + 1, self._before + self.at

    def has(self, count):
        """Whether there are `count` bytes more; they are in `data` then."""
        missing = count - (len(self.data) - self.at)
        if missing <= 0:
            return True
        pieces = [self.data[self.at :]]
        while missing > 0 and (piece := self.more(missing)):
            pieces.append(piece)
            missing -= len(piece)
        self.data, self.at, self._before = b"".join(pieces), 0, self._before + self.at
        return missing <= 0

    def left(self):
        """How many bytes are left at most; no compression gives more than its format allows."""
        unread = self._size - self._raw.tell()
        if self._unpack is not None:
            unread = _MOST_UNPACKED * (unread + len(self._unpack.unconsumed_tail) + _HELD_BACK)
        return unread + len(self.data) - self.at

    def more(self, wanted):
        """A further piece, of `wanted` bytes or another number; empty at the end. Raises DataLossError."""
        if self._unpack is None:
            return self._raw.read(max(wanted, _PIECE))
        piece = b""
        while not piece and not self._unpack.eof:
            packed = self._unpack.unconsumed_tail or self._raw.read(1 << 16)
            try:
                piece = self._unpack.decompress(packed, _PIECE)
            except zlib.error as error:
                raise self.loss(
                    "The file cannot be decompressed.", "ZLIB or GZIP as the options say", str(error)
                ) from None
            if not packed and not self._unpack.eof:
                raise self.loss("The compressed data ends too early.", "its end", "the end of the file")
        if self._unpack.eof and (self._unpack.unused_data or self._raw.read(1)):
            raise self.loss("There is something after the compressed data.", "the end", "more bytes")
        return piece

    def loss(self, sentence, expected, got):
        """The error for this record."""
        return DataLossError(
            f"{self.path}, record {self.record} at byte {self.began}: {sentence}", expected=expected, got=got
        )


def _next_record(source):
    """The next record, or None at the end."""
    source.begin_record()
    if not source.has(_HEADER.size):
        found = len(source.data) - source.at
        if not found:
            return None
        raise source.loss("The file is cut inside a header.", f"{_HEADER.size} bytes", f"{found} bytes")
    at = source.at
    length, checksum = _HEADER.unpack_from(source.data, at)
    expected = masked_crc32c(source.data[at : at + 8])
    if expected != checksum:
        raise source.loss("The length's checksum is wrong.", f"{expected:08x}", f"{checksum:08x}")
    size = _HEADER.size + length + _FOOTER.size
    if len(source.data) - at < size and (size > source.left() or not source.has(size)):
        found = min(source.left(), size) - _HEADER.size
        raise source.loss(
            "The file is cut inside a record.", f"{length + _FOOTER.size} bytes", f"{found} bytes at most"
        )
    at = source.at + _HEADER.size
    source.at = at + length + _FOOTER.size
    data = source.data[at : at + length]
    (checksum,) = _FOOTER.unpack_from(source.data, at + length)
    expected = masked_crc32c(data)
    if expected != checksum:
        raise source.loss("The data's checksum is wrong.", f"{expected:08x}", f"{checksum:08x}")
    return data


class TFRecordWriter:
    """Writes records to a file; a context manager. options: TFRecordOptions for a compressed file."""

    def __init__(self, path, options=None):
        compression = TFRecordOptions.get_compression_type_string(options)
        self.path = os.fspath(path)
        self._raw = open(self.path, "wb")  # noqa: SIM115
        self._file = gzip.GzipFile(fileobj=self._raw, mode="wb", mtime=0) if compression == "GZIP" else self._raw
        self._pack = zlib.compressobj() if compression == "ZLIB" else None

    def write(self, record):
        """Append a record, bytes. Raises FailedPreconditionError after `close`."""
        if self._raw is None:
            raise FailedPreconditionError("The writer is closed.", got=self.path)
        record = bytes(record)
        length = struct.pack("<Q", len(record))
        self._put(length + _FOOTER.pack(masked_crc32c(length)) + record + _FOOTER.pack(masked_crc32c(record)))

    def _put(self, data):
        self._file.write(data if self._pack is None else self._pack.compress(data))

    def flush(self):
        """Hand what was written to the system."""
        if self._raw is not None:
            if self._pack is not None:
                self._file.write(self._pack.flush(zlib.Z_SYNC_FLUSH))
            self._file.flush()
            self._raw.flush()

    def close(self):
        """Finish the file."""
        if self._raw is not None:
            if self._pack is not None:
                self._file.write(self._pack.flush())
            self._file.close()
            self._raw.close()
            self._raw = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
