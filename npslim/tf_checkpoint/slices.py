"""V1 checkpoints: one table, or one a shard, whose values hold the tensors themselves, each in slices.

before: bundle.py   next: checkpoint_files.py
"""

import glob
import math
import os
import re
from dataclasses import dataclass

import numpy as np

from npslim import sstable, wire
from npslim._io import open_regular
from npslim.errors import NotFoundError
from npslim.tf_checkpoint.common import DTYPES, STRING, TensorReader, as_read, lengths_of, slice_key


@dataclass
class _Sliced:
    """A tensor of a V1 checkpoint: its slices are [(extents, table that holds it)]."""

    dtype: int
    shape: tuple
    slices: list


_HALF_VALUES, _INT_VALUES = 13, 7
_FIXED_VALUES = {1: (5, "<f4"), 2: (6, "<f8"), 8: (9, "<c8"), 18: (12, "<c16")}  # dtype: field, elements
_VARINT_VALUES = {9: 10, 10: 11, 14: _HALF_VALUES, 19: _HALF_VALUES, 22: 16, 23: 17}
_STRING_VALUES = 8


class SlicesReader(TensorReader):
    """Reads a V1 checkpoint: a file, or the shards `<prefix>-00000-of-00002` and so on.

    Raises NotFoundError, DataLossError and UnimplementedError as `BundleReader` does.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        paths = [self.path] if os.path.isfile(self.path) else shards_of(self.path)
        try:
            for one in paths or [self.path]:
                self._files[one] = open_regular(one)
                self._add(sstable.Table(self._files[one], one))
        except BaseException:
            self.close()
            raise

    def _add(self, table):
        data = table.get(b"")
        meta = self._parts(self._message(b"" if data is None else data, "its header"), 1, "its header")
        found = False
        for part in meta:
            found = True
            for tensor in self._parts(self._message(part, "its header"), 1, "its header"):
                self._add_tensor(self._message(tensor, "its header"), table)
        if not found:
            raise self._damaged("it has no list of tensors", "a V1 checkpoint of TensorFlow", "another kind of table")

    def _add_tensor(self, message, table):
        name = bytes(next(self._parts(message, 1, "its header"), b"")).decode(errors="backslashreplace")
        shape = self._shape(message, 2, f"tensor {name}")
        dtype = self._number(message, 3, f"tensor {name}")
        tensor = self._tensors.setdefault(name, _Sliced(dtype, shape, []))
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise self._damaged(f"tensor {name} differs between shards", tensor.shape, shape)
        for data in self._parts(message, 4, f"tensor {name}"):
            tensor.slices.append((self._extents(data, shape, f"tensor {name}"), table))

    def read(self, name):
        """A tensor. Raises DataLossError."""
        tensor = self._tensor(name)
        self._stored(name, tensor.dtype)
        most = sum(os.fstat(file.fileno()).st_size for file in self._files.values()) * sstable.MOST_UNPACKED
        if math.prod(tensor.shape) > most:
            raise self._damaged(f"tensor {name} is larger than the file can be", f"<= {most} values", tensor.shape)
        return self._put_together(
            name, tensor.shape, [(e, lambda e=e, t=t: self._part(name, tensor, e, t)) for e, t in tensor.slices]
        )

    def _part(self, name, tensor, extents, table):
        what = f"tensor {name}"
        data = table.get(slice_key(name, extents))
        if data is None:
            raise self._damaged(f"a slice of {what} is missing", f"the slice {extents}", "no such key")
        for saved in self._parts(self._message(data, what), 2, what):
            for proto in self._parts(self._message(saved, what), 3, what):
                shape = lengths_of(extents, tensor.shape)
                return self._values(what, proto, tensor.dtype, math.prod(shape)).reshape(shape)
        raise self._damaged(f"a slice of {what} holds no tensor", "a TensorProto", f"{len(data)} bytes")

    def _values(self, what, proto, number, count):
        message = self._message(proto, what)
        if number == STRING:
            values = np.empty(len(message.get(_STRING_VALUES, ())), object)
            values[:] = [bytes(text) for text in self._parts(message, _STRING_VALUES, what)]
        elif number in _FIXED_VALUES:
            field, kind = _FIXED_VALUES[number]
            data = b"".join(bytes(value) for _, value in message.get(field, ()) if not isinstance(value, int))
            values = np.frombuffer(data[: len(data) // np.dtype(kind).itemsize * np.dtype(kind).itemsize], kind)
        else:
            field = _VARINT_VALUES.get(number, _INT_VALUES)
            values = _varints(message.get(field, ()))
            self._check_booleans(what, number, values)
            if field == _HALF_VALUES:
                values = as_read(values.astype(np.uint16).view(DTYPES[number]), number)
            else:
                values = values.astype(DTYPES[number])
        if len(values) != count:
            raise self._damaged(f"a slice of {what} is cut off", f"{count} values", f"{len(values)} values")
        return values


def _varints(found):
    """The numbers of a repeated field, packed or not, as uint64."""
    data = b"".join(wire.varint(value) if isinstance(value, int) else bytes(value) for _, value in found)
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes < 128)
    if not len(ends):
        return np.empty(0, np.uint64)
    codes = codes[: ends[-1] + 1]
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.arange(len(codes)) - np.repeat(starts, ends - starts + 1)
    return np.bitwise_or.reduceat(
        (codes & 127).astype(np.uint64) << (7 * np.minimum(places, 9)).astype(np.uint64), starts
    )


def shards_of(prefix):
    """The files of a sharded V1 checkpoint, by its prefix or TensorFlow's pattern, or []."""
    pattern = re.compile(re.escape(re.sub(r"-\?{5}-of-\d{5}$", "", os.fspath(prefix))) + r"-(\d{5})-of-(\d{5})$")
    folder = os.path.dirname(prefix) or "."
    found = sorted(path for path in glob.glob(os.path.join(glob.escape(folder), "*-of-*")) if pattern.match(path))
    counts = {int(pattern.match(path)[2]) for path in found}  # pyright: ignore[reportOptionalSubscript]
    if found and counts != {len(found)}:
        raise NotFoundError("Shards of the checkpoint are missing.", expected=f"{counts} files", got=found)
    return found
