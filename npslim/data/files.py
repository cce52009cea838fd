"""Datasets of files: the records, lines or blocks of bytes of one file after the other.

Each element says which file and record it is from, in notes on errors that come later on its way.
"""

import gzip
import io
import os
import zlib
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.convert import contains_tensor
from npslim.data.arguments import number
from npslim.data.pipeline import Dataset
from npslim.data.stages import Item, interleaved
from npslim.data.structure import Leaf
from npslim.data.tfrecord import TFRecordOptions, tf_record_iterator
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError, NotFoundError
from npslim.ops.queue import as_array_of
from npslim.ops.shape import reshape

_TEXT = np.dtype(object)


class FileDataset(Dataset):
    """The records of files, string scalars. Made by the classes below it.

    filenames: a string, a vector of them, or a dataset of string scalars. `read(context, path)` gives pairs of record
    and origin. num_parallel_reads: so many files are read in turn, a record of each.
    """

    def __init__(self, filenames, read, uses=(), num_parallel_reads=None):
        names = filenames if isinstance(filenames, Dataset) else Dataset.from_tensor_slices(_vector(filenames))
        if not isinstance(names.element, Leaf) or names.element.dtype != _TEXT or names.element.shape not in ((), None):
            raise ArgumentTypeError(
                f"{type(self).__name__}: these are no names of files.",
                expected="strings",
                got=names,
                made_at=user_line(),
            )
        together = number(1 if num_parallel_reads is None else num_parallel_reads)

        def opened(context):
            return lambda item: _items(context, read(context, item.values[0][()].decode()))

        def stream(context):
            n = context.number(together)
            return interleaved(names.stream(context), opened(context), 10 if n < 0 else n, 1)

        super().__init__(Leaf(_TEXT, ()), stream, [names], [together, *uses])


def _vector(names):
    """One name, or several, as a vector."""
    if contains_tensor(names):
        return reshape(names, [-1])
    listed = [names] if isinstance(names, str | bytes | os.PathLike) else np.ravel(np.asarray(names, object)).tolist()
    odd = [name for name in listed if not isinstance(name, str | bytes | os.PathLike)]
    if odd:
        raise ArgumentTypeError("These are no names of files.", expected="strings", got=odd[:3], made_at=user_line())
    names = [os.fspath(name) for name in listed]
    array = np.empty(len(names), object)
    array[:] = [name.encode() if isinstance(name, str) else name for name in names]
    return array


def _items(context, records):
    try:
        for record, origin in records:
            yield Item((as_array_of(record, _TEXT),), origin)
    except Exception:
        if not context.tolerant:
            raise


class TFRecordDataset(FileDataset):
    """The records of TFRecord files, their checksums verified.

    compression_type: '', 'GZIP' or 'ZLIB'. A run raises NotFoundError for a missing file, DataLossError for a damaged
    one, with its path and the record's number. buffer_size changes nothing.
    """

    def __init__(self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None):
        def read(context, path):
            records = tf_record_iterator(path, _compression(context, compression_type))
            return ((record, f"{path}, record {i}") for i, record in enumerate(records))

        super().__init__(filenames, read, [compression_type], num_parallel_reads)


class TextLineDataset(FileDataset):
    """The lines of text files, without their ends.

    compression_type: '', 'GZIP' or 'ZLIB'. A run raises NotFoundError for a missing file, DataLossError for one that
    cannot be decompressed. buffer_size changes nothing.
    """

    def __init__(self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None):
        def read(context, path):
            with _opened(path, _compression(context, compression_type)) as file:
                for i, line in enumerate(_readable(path, file), 1):
                    yield line.rstrip(b"\n").replace(b"\r", b""), f"{path}, line {i}"

        super().__init__(filenames, read, [compression_type], num_parallel_reads)


class FixedLengthRecordDataset(FileDataset):
    """Records of `record_bytes` each, after `header_bytes` and before `footer_bytes` of each file.

    compression_type: '', 'GZIP' or 'ZLIB'. A run raises NotFoundError for a missing file, InvalidArgumentError for one
    that its records do not fill. buffer_size changes nothing.
    """

    def __init__(
        self, filenames, record_bytes, header_bytes=None, footer_bytes=None, buffer_size=None, compression_type=None,
        num_parallel_reads=None, name=None,
    ):  # fmt: skip
        sizes = [number(x or 0) if x is None else number(x) for x in (record_bytes, header_bytes, footer_bytes)]

        def read(context, path):
            record, header, footer = (context.number(x) for x in sizes)
            if record < 1 or header < 0 or footer < 0:
                raise InvalidArgumentError(
                    "FixedLengthRecordDataset: sizes must be positive.", expected="record_bytes >= 1",
                    got=f"record_bytes {record}, header_bytes {header}, footer_bytes {footer}",
                )  # fmt: skip
            with _opened(path, _compression(context, compression_type), seekable=True) as file:
                body = file.seek(0, io.SEEK_END) - header - footer
                if body < 0 or body % record:
                    raise InvalidArgumentError(
                        f"{path}: the records do not fill the file.", expected=f"a multiple of {record} bytes",
                        got=f"{body} bytes between header and footer",
                    )  # fmt: skip
                file.seek(header)
                for i in range(body // record):
                    yield file.read(record), f"{path}, record {i}"

        super().__init__(filenames, read, [*sizes, compression_type], num_parallel_reads)


def _compression(context, kind: Any):
    """'', 'GZIP' or 'ZLIB'."""
    kind = context.value(kind)
    if isinstance(kind, np.ndarray):
        kind = kind.item().decode()
    return TFRecordOptions.get_compression_type_string(kind)


def _opened(path, compression, seekable=False):
    """The file, decompressed. Raises NotFoundError."""
    try:
        if compression == "GZIP" and not seekable:
            return gzip.open(path)
        file = open(path, "rb")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file.", got=path) from None
    if not compression:
        return file
    with file:
        try:
            return io.BytesIO(zlib.decompress(file.read(), 31 if compression == "GZIP" else 15))
        except zlib.error as error:
            raise _damaged(path, error) from None


def _readable(path, file):
    """The lines of `file`."""
    try:
        yield from file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, error) from None


def _damaged(path, error):
    return DataLossError(f"{path}: the file cannot be decompressed.", expected="GZIP or ZLIB, as said", got=str(error))
