"""Rows of HDF5 files: arrays that agree in their first dimension, read a few rows at a time, and written the same way.

Files come from anywhere, so what the C library would do with a crafted one is looked at first: only hard links are
followed, and no dataset is read that lies in other files, needs a filter that HDF5 would search for, or holds
references. Memory is bounded by the rows asked for and one chunk of each dataset.
"""

import importlib
import os
import threading
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.errors import DataLossError, FailedPreconditionError, InvalidArgumentError, NotFoundError, OpError

LARGEST_CHUNK = 1 << 28
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}  # those that h5py carries itself
_BATCH_BYTES = 1 << 22  # what the writer gathers before it writes, and makes a chunk of at most


class Hdf5Rows:
    """The rows of datasets of one file. datasets: {item: path in the file}, or a list of paths, all for None.

    `count` rows; `dtypes` and `shapes` of a row, by item. Raises NotFoundError for a missing file or dataset,
    DataLossError for a file that is no HDF5, InvalidArgumentError for datasets that are not read or do not fit
    together.
    """

    def __init__(self, path, datasets=None):
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        self._raw: Any = open_regular(self.path, "file")
        try:
            self._file = _opened(self.path)
        except BaseException:
            self._raw.close()
            raise
        try:
            names = _named(self._file, datasets, self.path)
            self._datasets = {item: self._checked(name) for item, name in names.items()}
            self.count = self._common_count()
        except BaseException:
            self.close()
            raise
        self.dtypes = {item: _row_dtype(d) for item, d in self._datasets.items()}
        self.shapes = {item: d.shape[1:] for item, d in self._datasets.items()}

    @property
    def items(self):
        """The names of the items, in order."""
        return list(self._datasets)

    def chunk_rows(self):
        """How many rows lie together in the file; 1 where any order costs the same."""
        return max((d.chunks[0] for d in self._datasets.values() if d.chunks), default=1)

    def read(self, rows):
        """{item: array} of the rows of these numbers, in their order. Raises DataLossError for a damaged file."""
        rows = np.asarray(rows, np.int64)
        if rows.size and not (0 <= rows.min() and rows.max() < self.count):
            raise InvalidArgumentError(
                f"{self.path} has no such row.", expected=f"0 to {self.count - 1}", got=rows[:10].tolist()
            )
        order, places = np.unique(rows, return_inverse=True)
        with self._lock:
            if self._raw is None:
                raise FailedPreconditionError("The file is closed.", got=self.path)
            found = {item: self._read(item, dataset, order) for item, dataset in self._datasets.items()}
        return {item: values[places] for item, values in found.items()}

    def close(self):
        """Close the file."""
        with self._lock:
            if self._raw is not None:
                self._file.close()
                self._raw.close()
            self._raw = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- reading

    def _read(self, item, dataset, order):
        """Rows by rising numbers."""
        found = np.empty((len(order), *dataset.shape[1:]), self.dtypes[item])
        step = dataset.chunks[0] if dataset.chunks else 1
        ends = np.flatnonzero(np.diff(order // step if step > 1 else order - np.arange(len(order)))) + 1
        for begin, end in zip([0, *ends], [*ends, len(order)], strict=True):
            if begin == end:
                continue
            first, last = int(order[begin]), int(order[end - 1])
            try:
                piece = self._span(dataset, first, last + 1)
            except OpError:
                raise
            except (OSError, ValueError, TypeError, RuntimeError) as error:
                raise DataLossError(
                    f"{self.path}: rows {first} to {last} of {dataset.name} cannot be read.",
                    expected="whole chunks", got=str(error)[:200],
                ) from None  # fmt: skip
            chosen = piece[order[begin:end] - first]
            found[begin:end] = _as_bytes(chosen) if chosen.dtype.kind in "OS" else chosen
        return found

    def _span(self, dataset, first, end):
        """Consecutive rows; where they lie as they are, without the C library."""
        offset = None if dataset.chunks or dataset.dtype.kind == "O" else dataset.id.get_offset()
        size = dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64))
        if offset is None or not size:
            return dataset[first:end]
        data: Any = np.empty((end - first) * size, np.uint8)
        self._raw.seek(offset + first * size)
        if self._raw.readinto(memoryview(data)) != data.size:
            raise DataLossError(
                f"{self.path}: rows {first} to {end - 1} of {dataset.name} are cut off.", expected=f"{data.size} bytes",
                got=f"a file of {os.fstat(self._raw.fileno()).st_size} bytes",
            )  # fmt: skip
        return data.view(dataset.dtype).reshape(end - first, *dataset.shape[1:])

    # ---- checks

    def _checked(self, name):
        """The dataset of that name, if it is one that may be read."""
        h5py = importlib.import_module("h5py")
        place = self._file
        for part in [p for p in name.split("/") if p]:
            link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
            if link is None:
                raise NotFoundError(f"{self.path} has no dataset {name!r}.", expected=_listed(self._file), got=name)
            if not isinstance(link, h5py.HardLink):
                raise _refused(self.path, name, "hard links only", type(link).__name__)
            place = place[part]
        if not isinstance(place, h5py.Dataset):
            raise NotFoundError(f"{self.path}: {name!r} is no dataset.", expected=_listed(self._file), got="a group")
        properties, dtype = place.id.get_create_plist(), place.dtype
        if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count():
            raise _refused(self.path, name, "data in the file itself", "data of other files")
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        if not set(filters) <= set(_FILTERS):
            raise _refused(self.path, name, " or ".join(_FILTERS.values()), f"filter {sorted(set(filters))}")
        if dtype.kind not in "biufS" and not _holds_bytes(dtype):
            raise _refused(self.path, name, "numbers, booleans or strings", dtype)
        if not place.shape:
            raise _refused(self.path, name, "a first dimension", f"shape {place.shape}")
        if place.chunks and np.prod(place.chunks, dtype=np.float64) * dtype.itemsize > LARGEST_CHUNK:
            raise _refused(self.path, name, f"chunks of at most {LARGEST_CHUNK} bytes", f"chunks {place.chunks}")
        return place

    def _common_count(self):
        counts = {item: d.shape[0] for item, d in self._datasets.items()}
        if len(set(counts.values())) != 1:
            raise InvalidArgumentError(
                f"{self.path}: the datasets have different numbers of rows.", expected="one first dimension", got=counts
            )
        return next(iter(counts.values()))


def _opened(path):
    h5py = importlib.import_module("h5py")
    try:
        return h5py.File(path, "r", rdcc_nbytes=1 << 24, locking=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataLossError(f"{path} is no whole HDF5 file.", expected="an HDF5 file", got=str(error)[:200]) from None


def _refused(path, name, expected, got):
    return InvalidArgumentError(f"{path}: the dataset {name!r} is not read.", expected=expected, got=got)


def _named(file, datasets, path):
    """{item: path in the file}."""
    if isinstance(datasets, dict):
        return dict(datasets)
    if datasets is not None:
        return {name: name for name in ([datasets] if isinstance(datasets, str) else datasets)}
    found = _datasets_of(file)
    if not found:
        raise NotFoundError(f"{path} holds no datasets.", expected="at least one", got="none")
    return {name: name for name in found}


def _datasets_of(group, prefix=""):
    """The names of all datasets that hard links lead to, each object once."""
    h5py, found = importlib.import_module("h5py"), []
    seen = {h5py.h5o.get_info(group.id).addr}

    def look(group, prefix):
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            child = group[name]
            key = h5py.h5o.get_info(child.id).addr
            if key in seen:
                continue
            seen.add(key)
            if isinstance(child, h5py.Group):
                look(child, f"{prefix}{name}/")
            elif isinstance(child, h5py.Dataset):
                found.append(prefix + name)

    look(group, prefix)
    return found


def _listed(file):
    return ", ".join(_datasets_of(file)[:8]) or "none"


def _holds_bytes(dtype):
    """Whether each value is a string, or bytes of any length."""
    h5py = importlib.import_module("h5py")
    return h5py.check_string_dtype(dtype) is not None or h5py.check_vlen_dtype(dtype) == np.dtype(np.uint8)


def _as_bytes(values):
    """Strings and arrays of bytes as bytes objects."""
    found = np.empty(values.size, object)
    found[:] = [x.encode() if isinstance(x, str) else bytes(x) for x in values.ravel().tolist()]
    return found.reshape(values.shape)


def _row_dtype(dataset):
    """What comes out: strings as bytes objects."""
    return np.dtype(object) if dataset.dtype.kind in "OS" else dataset.dtype.newbyteorder("=")


class Hdf5Writer:
    """Writes rows to a new file, chunked so that a few rows can be read alone; a context manager.

    `write({item: value})` appends a row: all rows have the same items, dtypes and shapes. compression: "gzip", "lzf" or
    None.
    """

    def __init__(self, path, compression=None):
        self.path = os.fspath(path)
        self._file = importlib.import_module("h5py").File(self.path, "w")
        self._compression, self._waiting, self._bytes = compression, [], 0

    def write(self, row):
        """Append a row. Raises InvalidArgumentError for one that is not like the first."""
        row = {item: _storable(value) for item, value in row.items()}
        self._waiting.append(row)
        self._bytes += sum(len(v) if isinstance(v, bytes) else v.nbytes for v in row.values())
        if self._bytes >= _BATCH_BYTES:
            self._flush()

    def _flush(self):
        if not self._waiting:
            return
        columns = {item: _column(item, [row.get(item) for row in self._waiting]) for item in self._waiting[0]}
        if any(set(row) != set(columns) for row in self._waiting) or (
            len(self._file) and set(self._file) != set(columns)
        ):
            raise InvalidArgumentError("A row has other items.", expected=sorted(columns), got=self.path)
        for item, values in columns.items():
            self._append(item, values)
        self._waiting, self._bytes = [], 0

    def _append(self, item, values):
        if item not in self._file:
            h5py = importlib.import_module("h5py")
            dtype = h5py.vlen_dtype(np.uint8) if values.dtype == object else values.dtype
            size = max(values.nbytes // len(values), 1)
            rows = max(min(_BATCH_BYTES // size, len(values), 1024), 1)
            self._file.create_dataset(
                item, shape=(0, *values.shape[1:]), maxshape=(None, *values.shape[1:]), dtype=dtype,
                chunks=(rows, *values.shape[1:]), compression=self._compression,
            )  # fmt: skip
        dataset: Any = self._file[item]
        if dataset.shape[1:] != values.shape[1:]:
            raise InvalidArgumentError(
                f"A row's {item} has another shape.", expected=dataset.shape[1:], got=values.shape[1:]
            )
        at = dataset.shape[0]
        dataset.resize(at + len(values), axis=0)
        dataset[at:] = values

    def close(self):
        """Write what waits, and finish the file."""
        if self._file:
            try:
                self._flush()
            finally:
                self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _storable(value):
    return bytes(value) if isinstance(value, bytes | bytearray) else np.asarray(value)


def _column(item, values):
    """The values of several rows one above the other."""
    if all(isinstance(value, bytes) for value in values):
        column = np.empty(len(values), object)
        for i, value in enumerate(values):
            column[i] = np.frombuffer(value, np.uint8)
        return column
    shapes = {np.shape(value) for value in values}
    if len(shapes) > 1 or any(isinstance(value, bytes) or value is None for value in values):
        raise InvalidArgumentError(f"The rows' {item} differ.", expected="one shape", got=sorted(shapes, key=str)[:4])
    return np.stack(values)
