"""Several readers of one set of files, whose records come together in one queue: `slim.data.parallel_reader`."""

import glob
import os

from npslim import queues
from npslim.caller import user_line
from npslim.dtypes import string
from npslim.errors import DTypeError, InvalidArgumentError, NotFoundError
from npslim.ops.elementwise import add_n
from npslim.queues.kinds import FIFOQueue, RandomShuffleQueue
from npslim.queues.producers import note_fill
from npslim.scopes import name_scope


class ParallelReader:
    """`num_readers` readers of `reader_class` that put their records into `common_queue`, one each in turn.

    reader_kwargs: the readers' arguments. The order of the records depends on the files alone, not on the threads.
    """

    def __init__(self, reader_class, common_queue, num_readers=4, reader_kwargs=None):
        if len(common_queue.dtypes) != 2:
            raise DTypeError(
                "The common queue takes pairs (key, value).", expected="two dtypes", got=common_queue.dtypes
            )
        if num_readers < 1:
            raise InvalidArgumentError("There must be a reader.", expected="num_readers >= 1", got=num_readers)
        self._readers = [reader_class(**(reader_kwargs or {})) for _ in range(num_readers)]
        self._common_queue = common_queue

    @property
    def num_readers(self):
        """How many readers there are."""
        return len(self._readers)

    @property
    def common_queue(self):
        """Where the records come together."""
        return self._common_queue

    def read(self, queue, name=None):
        """(key, value) of the next record of the files whose names `queue` gives. Adds a QueueRunner."""
        self._configure(queue, lambda reader: self._common_queue.enqueue(reader.read(queue)))
        return self._common_queue.dequeue(name=name)

    def read_up_to(self, queue, num_records, name=None):
        """(keys, values) of up to `num_records` records, two vectors. Adds a QueueRunner."""
        self._configure(queue, lambda reader: self._common_queue.enqueue_many(reader.read_up_to(queue, num_records)))
        return self._common_queue.dequeue_up_to(num_records, name=name)

    def _configure(self, queue, enqueue):
        queues.add_queue_runner(queues.QueueRunner(self._common_queue, [enqueue(reader) for reader in self._readers]))

    def num_records_produced(self, name=None):
        """How many records all readers gave: int64 []."""
        return add_n(*(reader.num_records_produced() for reader in self._readers), name=name or "AddN")

    def num_work_units_completed(self, name=None):
        """How many files all readers finished: int64 []."""
        return add_n(*(reader.num_work_units_completed() for reader in self._readers), name=name or "AddN")


def parallel_read(
    data_sources, reader_class, num_epochs=None, num_readers=4, reader_kwargs=None, shuffle=True, dtypes=None,
    capacity=256, min_after_dequeue=128, seed=None, scope=None,
):  # fmt: skip
    """(key, value) of the next record of a set of files, read by several readers.

    data_sources: names or patterns. num_epochs: how often all files are read; None for ever. shuffle: read the files in
    random order, and mix the records through a queue of `capacity` that keeps `min_after_dequeue`. dtypes: of key and
    value, strings unless given. Raises ValueError if no file is found.
    """
    data_files = get_data_files(data_sources)
    with name_scope(scope, "parallel_read"):
        names = queues.string_input_producer(
            data_files, num_epochs=num_epochs, shuffle=shuffle, seed=seed, name="filenames"
        )
        dtypes = dtypes or [string, string]
        if shuffle:
            common = RandomShuffleQueue(capacity, min_after_dequeue, dtypes, seed=seed, name="common_queue")
        else:
            common = FIFOQueue(capacity, dtypes, name="common_queue")
        note_fill(common, f"fraction_of_{capacity}_full", capacity)
        return ParallelReader(reader_class, common, num_readers, reader_kwargs).read(names)


def single_pass_read(data_sources, reader_class, reader_kwargs=None, scope=None):
    """(key, value) of the next record, every file read once by one reader: for evaluation.

    Raises ValueError if no file is found.
    """
    data_files = get_data_files(data_sources)
    with name_scope(scope, "single_pass_read"):
        names = queues.string_input_producer(data_files, num_epochs=1, shuffle=False, name="filenames")
        return reader_class(**(reader_kwargs or {})).read(names)


def get_data_files(data_sources):
    """The names of the files that `data_sources` (a name, a pattern, or a list of them) stand for.

    Raises ValueError (a NotFoundError too), naming pattern and folder, if there are none.
    """
    if isinstance(data_sources, list | tuple):
        files = [path for source in data_sources for path in get_data_files(source)]
    elif any(c in data_sources for c in "*?["):
        files = sorted(glob.glob(data_sources))
    else:
        files = [data_sources]
    if not files or not all(os.path.exists(path) or "://" in path for path in files):
        missing = [path for path in files if not os.path.exists(path)] or data_sources
        raise NoDataFilesError(
            f"No data files found in {missing}.", expected="at least one file",
            got=f"a folder that is {'there' if _folder_exists(data_sources) else 'not there'}", made_at=user_line(),
        )  # fmt: skip
    return files


def _folder_exists(data_sources):
    first = data_sources if isinstance(data_sources, str) else next(iter(data_sources), "")
    return os.path.isdir(os.path.dirname(first) or ".")


class NoDataFilesError(InvalidArgumentError, NotFoundError):
    """No file matches: a ValueError as in TF-Slim, and a NotFoundError."""
