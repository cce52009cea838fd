"""Files of named arrays that other programs write and read: NumPy's .npz and .safetensors, without running anything.

The readers are used like `hdf5.Reader`. A .safetensors file is the length of a header in 8 bytes, the header in JSON,
{name: {"dtype", "shape", "data_offsets"}}, and the bytes of the arrays; bfloat16 is read as float32.

before: checkpoint_files.py   next: cli/ckpt.py
"""

import importlib
import json
import math
import os

import numpy as np

from npslim import checkpoint_files as files
from npslim._io import open_regular
from npslim.array_reader import ArrayReader, is_possible
from npslim.errors import InvalidArgumentError, NotFoundError, OpError

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in _DTYPES.items() if name != "BF16"}
_LONGEST_HEADER = 100_000_000  # the format's own limit


def open_arrays(path):
    """A reader of what `open_weights` takes; for a folder, of the latest checkpoint in it.

    Raises NotFoundError, DataLossError, InvalidArgumentError, UnimplementedError.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        latest = files.latest(path)
        if latest is None:
            raise NotFoundError(f"There is no checkpoint in {path}.", expected="a folder with one", got=path)
        path = latest
    return open_weights(path)


def open_weights(path):
    """A reader of a checkpoint, of npslim's or of TensorFlow's, or of another file of arrays, by its ending.

    Endings: .npz; .safetensors; .pth, .pt and .bin of PyTorch; .json of TensorFlow.js; .h5 and .hdf5 of any program.
    Raises NotFoundError, DataLossError, InvalidArgumentError, UnimplementedError.
    """
    path = os.fspath(path)
    return _READERS.get(os.path.splitext(path)[1], files.open_checkpoint)(path)


def write_arrays(path, tensors):
    """Write {name: array} as what the ending says: .npz, .safetensors, .h5 for npslim's own, else TensorFlow's V2.

    Raises InvalidArgumentError for dtypes that the format does not have.
    """
    path = os.fspath(path)
    if path.endswith(".npz"):
        bad = [name for name, value in tensors.items() if np.asarray(value).dtype == object]
        if bad:
            raise InvalidArgumentError("A .npz file holds strings only by pickling.", expected="numbers", got=bad[:5])
        with open(path, "wb") as file:
            np.savez(file, **tensors)
    elif path.endswith(".safetensors"):
        with open(path, "wb") as file:
            file.writelines(_encoded(tensors))
    elif path.endswith(files.ENDING):
        files.save(path.removesuffix(files.ENDING), tensors, {"step": files.step_of(path), "draws": {}})
    else:
        files.save_for_tensorflow(path.removesuffix(".index"), tensors)


class NpzReader(ArrayReader):
    """Reads a .npz file, whose members zip's CRC-32 covers. Pickled objects are refused."""

    def __init__(self, path):
        super().__init__(path)
        self._file = open_regular(path)
        try:
            self._arrays = np.load(self._file, allow_pickle=False)
            self._names = sorted(self._arrays.files)
        except (AttributeError, ValueError, EOFError, _bad_zip()) as error:  # AttributeError: a .npy file
            self._file.close()
            raise self._damaged("it cannot be read", "an archive of arrays", str(error)[:100]) from None

    def names(self):
        """The names of the arrays, sorted."""
        return self._names

    def dtype(self, name):
        """The dtype of an array, for which it is read."""
        return self.read(name).dtype

    def shape(self, name):
        """The shape of an array, for which it is read."""
        return self.read(name).shape

    def read(self, name):
        """An array, its checksum verified."""
        try:
            return self._arrays[name]
        except KeyError:
            raise self._missing(name) from None
        except OpError:
            raise
        except Exception as error:
            raise self._damaged(f"array {name} cannot be read", "an array of numbers", str(error)[:100]) from None

    def close(self):
        """Close the file."""
        self._arrays.close()
        self._file.close()


class SafetensorsReader(ArrayReader):
    """Reads a .safetensors file: no checksums are in it, so only its header can be proven wrong."""

    def __init__(self, path):
        super().__init__(path)
        self._file = open_regular(path)
        try:
            self._start, self._rows = self._header()
        except BaseException:
            self._file.close()
            raise

    def _header(self):
        size = os.fstat(self._file.fileno()).st_size
        length = int.from_bytes(self._file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST_HEADER):
            raise self._damaged("its header is cut off", f"{length} bytes", f"a file of {size}")
        try:
            header = json.loads(self._file.read(length))
            header.pop("__metadata__", None)
            rows = {str(name): self._row(row, size - 8 - length) for name, row in header.items()}
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged("its header cannot be read", "JSON with dtypes, shapes, offsets", repr(error)) from None
        return 8 + length, rows

    @staticmethod
    def _row(row, room):
        begin, end = row["data_offsets"]
        shape = tuple(row["shape"])
        if any(type(n) is not int or n < 0 for n in (begin, end, *shape)) or end > room:
            raise ValueError(f"no place for {row}")
        if not is_possible(shape):
            raise ValueError(f"no possible shape in {row}")
        if math.prod(shape) * np.dtype(_DTYPES[row["dtype"]]).itemsize != end - begin:
            raise ValueError(f"the size of {row} is wrong")
        return row["dtype"], shape, begin, end

    def names(self):
        """The names of the arrays, sorted."""
        return sorted(self._rows)

    def dtype(self, name):
        """The dtype of an array: float32 for bfloat16."""
        kind = self._found(name)[0]
        return np.dtype(np.float32) if kind == "BF16" else np.dtype(_DTYPES[kind])

    def shape(self, name):
        """The shape of an array."""
        return self._found(name)[1]

    def read(self, name):
        """An array."""
        kind, shape, begin, end = self._found(name)
        self._file.seek(self._start + begin)
        data = np.frombuffer(self._file.read(end - begin), _DTYPES[kind])
        if kind == "BF16":
            data = (data.astype(np.uint32) << 16).view(np.float32)
        return data.reshape(shape)

    def _found(self, name):
        if name not in self._rows:
            raise self._missing(name)
        return self._rows[name]

    def close(self):
        """Close the file."""
        self._file.close()


def _bad_zip():
    return importlib.import_module("zipfile").BadZipFile  # numpy.load imports it where it reads one


def _torch_reader(path):
    from npslim.torch_files import TorchReader  # noqa: PLC0415 - every training imports this module, few read such files

    return TorchReader(path)


def _tfjs_reader(path):
    from npslim.tfjs_files import TfjsReader  # noqa: PLC0415

    return TfjsReader(path)


_READERS = {
    ".npz": NpzReader, ".safetensors": SafetensorsReader, ".json": _tfjs_reader,
    ".pth": _torch_reader, ".pt": _torch_reader, ".bin": _torch_reader,
}  # fmt: skip


def _encoded(tensors):
    """The pieces of a .safetensors file."""
    header, pieces, at = {}, [], 0
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        array = np.require(array, array.dtype.newbyteorder("<") if array.dtype.kind in "iuf" else None, "C")
        if array.dtype not in _NAMES:
            raise InvalidArgumentError(
                f"{name}: safetensors has no such dtype.", expected=", ".join(_NAMES.values()), got=array.dtype
            )
        header[name] = {
            "dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes],
        }  # fmt: skip
        pieces.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *pieces]
