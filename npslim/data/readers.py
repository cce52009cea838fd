"""Readers: nodes that take file names out of a queue and give one record after the other.

A record comes as (key, value), two strings; the key is TensorFlow's, `file:number`, of a TFRecord file
`file:offset`. The reader's place is state of the session. Records have numbers, so that threads which share a reader do
not change their order. Where a record is from goes with it through all queues, and stands in every error about it.
"""

import functools
import itertools
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data.tfrecord import cause_of, records_with_places, whole_file
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError
from npslim.op import op
from npslim.ops.queue import as_array_of
from npslim.ops.queue_state import Tickets, wait_for_turn
from npslim.spec import Spec

_TEXT = np.dtype(object)
_INT64 = np.dtype(np.int64)


class Source:
    """The records of the files whose names are in a queue, one after the other."""

    def __init__(self, records):
        self._records = records
        self.tickets = Tickets()
        self.origin: Any = None  # of the record that was given last
        self.reset()

    def reset(self):
        """Forget the file that is being read, and all counts."""
        self._open: Any = None
        self._work, self._given = b"", 0
        self.produced = self.completed = 0

    def state(self):
        """({what JSON holds}, elements): what `restore` needs. The element, if any, is the file that is open."""
        counts = {"produced": self.produced, "completed": self.completed, "taken": self.tickets.next}
        return {**counts, "given": self._given}, [] if self._open is None else [(as_array_of(self._work, _TEXT),)]

    def restore(self, facts, elements):
        """Go on after the record at which `state` was asked for."""
        self.produced, self.completed = facts["produced"], facts["completed"]
        self.tickets.next = facts["taken"]
        for (work,) in elements:
            self._begin(work[()])
            self._given = sum(1 for _ in itertools.islice(self._open, facts["given"]))

    def _begin(self, work):
        self._open, self._work, self._given = self._opened(work), work, 0

    def advance(self):
        """The next (key, value) of the open file, None at its end."""
        record = next(self._open, None)
        if record is None:
            self._open = None
            self.completed += 1
        else:
            self._given += 1
            self.produced += 1
        return record

    def next(self, buffer):
        """The next (key, value), of a further file if need be. Raises OutOfRangeError when the queue ends."""
        while True:
            if self._open is None:
                wait_for_turn(lambda: None)
                (element,), ticket = buffer.take(1)
                buffer.tickets.settle(ticket)
                self._begin(element[0][()])
            record = self.advance()
            if record is not None:
                return record

    def _opened(self, work):
        try:
            for key, value, origin in self._records(work):
                self.origin = origin
                yield key, value
        except OSError as error:
            if isinstance(error, OpError):
                raise
            name = work.decode(errors="replace")
            raise NotFoundError(f"{name}: {cause_of(error)}.", expected="a file", got=name) from None


@op(type="ReaderV2", stateful=True, differentiable=False)
def reader(*, records, run=None, node=None):
    """The reader itself, a scalar that the other ops take. records: a function of a file's name."""
    cell = run.cell(node.name)
    with cell.lock:
        if cell.value is None:
            cell.value = as_array_of(run.store.take_up(node.name, Source(records)), _TEXT)
    return cell.value


@reader.shape
def _(*, records):
    return Spec((), _TEXT)


@op(type="ReaderReadV2", stateful=True, alike=(), host=("handle", "queue"), differentiable=False)
def reader_read(handle, queue, *, run=None, node=None):
    """(key, value) of the next record."""
    source, cell = handle[()], run.cell(node.inputs[0].op.name)
    with cell.lock:
        key, value = source.next(queue[()])
        run.hold(source.tickets, source.tickets.take(), source.origin)
    return as_array_of(key, _TEXT), as_array_of(value, _TEXT)


@reader_read.shape
def _(handle, queue):
    return Spec((), _TEXT), Spec((), _TEXT)


@op(type="ReaderReadUpToV2", stateful=True, alike=(), host=("handle", "queue", "count"), differentiable=False)
def reader_read_up_to(handle, queue, count, *, run=None, node=None):
    """(keys, values) of up to `count` records of one file."""
    source, cell = handle[()], run.cell(node.inputs[0].op.name)
    with cell.lock:
        found, origins = [source.next(queue[()])], [source.origin]
        completed = source.completed
        while len(found) < int(count) and source.completed == completed:
            following = source.advance()
            if following is not None:
                found.append(following)
                origins.append(source.origin)
        run.hold(source.tickets, source.tickets.take(), *origins)
    columns = np.empty((2, len(found)), object)
    for i, pair in enumerate(found):
        columns[:, i] = pair
    return columns[0], columns[1]


@reader_read_up_to.shape
def _(handle, queue, count):
    return Spec((None,), _TEXT), Spec((None,), _TEXT)


@op(type="ReaderNumRecordsProducedV2", stateful=True, alike=(), host=("handle",), differentiable=False)
def reader_count(handle, *, what):
    """How many records the reader gave ("produced"), or files it finished ("completed"): int64 []."""
    return np.array(getattr(handle[()], what), _INT64)


@reader_count.shape
def _(handle, *, what):
    return Spec((), _INT64)


@op(type="ReaderResetV2", stateful=True, alike=(), host=("handle",), differentiable=False)
def reader_reset(handle):
    """Put the reader back to its beginning."""
    handle[()].reset()


@reader_reset.shape
def _(handle):
    return ()


class ReaderBase:
    """A reader of the files whose names a queue gives. Made by the classes below it."""

    def __init__(self, records, name):
        self.reader_ref = reader(records=records, name=name or type(self).__name__ + "V2")

    supports_serialize = False

    @staticmethod
    def _queue_of(queue):
        return getattr(queue, "queue_ref", queue)

    def read(self, queue, name=None):
        """(key, value) of the next record, strings. A run raises OutOfRangeError when the queue of names ends."""
        return reader_read(self.reader_ref, self._queue_of(queue), name=name)

    def read_up_to(self, queue, num_records, name=None):
        """(keys, values) of up to `num_records` records, two vectors of strings."""
        return reader_read_up_to(self.reader_ref, self._queue_of(queue), as_tensor(num_records), name=name)

    def num_records_produced(self, name=None):
        """How many records were read: int64 []."""
        return reader_count(self.reader_ref, what="produced", name=name or "ReaderNumRecordsProducedV2")

    def num_work_units_completed(self, name=None):
        """How many files were finished: int64 []."""
        return reader_count(self.reader_ref, what="completed", name=name or "ReaderNumWorkUnitsCompletedV2")

    def reset(self, name=None):
        """A node that puts the reader back to its beginning."""
        return reader_reset(self.reader_ref, name=name)


class TFRecordReader(ReaderBase):
    """The records of TFRecord files, their checksums verified. options: TFRecordOptions for compressed files."""

    def __init__(self, name=None, options=None):
        super().__init__(functools.partial(_tf_records, options=options), name)


def _tf_records(path, options):
    name = path.decode()
    for i, (at, record) in enumerate(records_with_places(name, options)):
        yield b"%s:%d" % (path, at), record, f"{name}, record {i} at byte {at}"


class TextLineReader(ReaderBase):
    """The lines of text files, without their ends. skip_header_lines: so many lines at the beginning are left out."""

    def __init__(self, skip_header_lines=None, name=None):
        super().__init__(functools.partial(_lines, skip=skip_header_lines or 0), name)


def _lines(path, skip):
    with open(path, "rb") as file:
        for i, line in enumerate(file, 1):
            if i > skip:
                yield b"%s:%d" % (path, i), line.rstrip(b"\r\n"), f"{path.decode()}, line {i}"


class WholeFileReader(ReaderBase):
    """Each file as one record; its name is the key."""

    def __init__(self, name=None):
        super().__init__(_whole_file, name)


def _whole_file(path):
    with open(path, "rb") as file:
        yield path, file.read(), path.decode()


class IdentityReader(ReaderBase):
    """Each name as a record, key and value alike."""

    def __init__(self, name=None):
        super().__init__(_name_itself, name)


def _name_itself(name):
    yield name, name, name.decode(errors="replace")


class FixedLengthRecordReader(ReaderBase):
    """Records of `record_bytes` each, after `header_bytes` and before `footer_bytes`, a new one every `hop_bytes`.

    encoding: "ZLIB" or "GZIP" for compressed files. Raises ValueError for sizes that make no sense.
    """

    def __init__(self, record_bytes, header_bytes=None, footer_bytes=None, hop_bytes=None, name=None, encoding=None):
        sizes = (header_bytes or 0, footer_bytes or 0, hop_bytes or 0)
        if record_bytes < 1 or min(sizes) < 0 or encoding not in (None, "", "GZIP", "ZLIB"):
            raise InvalidArgumentError(
                "FixedLengthRecordReader: sizes must be positive, the encoding known.",
                expected="record_bytes >= 1; GZIP or ZLIB", got=f"{record_bytes}, {sizes}, {encoding!r}",
                made_at=user_line(),
            )  # fmt: skip
        super().__init__(
            functools.partial(
                _fixed, size=record_bytes, header=sizes[0], footer=sizes[1], hop=sizes[2] or record_bytes,
                encoding=encoding,
            ),
            name,
        )  # fmt: skip


def _fixed(path, size, header, footer, hop, encoding):
    name = path.decode()
    content = whole_file(name, encoding)
    body = content[header : len(content) - footer]
    if hop == size and len(body) % size:
        raise DataLossError(
            f"{name}: the records do not fill the file.", expected=f"a multiple of {size} bytes",
            got=f"{len(body)} bytes",
        )  # fmt: skip
    for i, at in enumerate(range(0, len(body) - size + 1, hop)):
        yield b"%s:%d" % (path, i), body[at : at + size], f"{name}, record {i} at byte {header + at}"
