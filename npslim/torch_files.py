"""PyTorch's files of weights (.pth, .pt), read without pickle: nothing in them can run; see pickle_machine.py.

    since 1.6   a zip archive: `*/data.pkl`, and the elements of storage K in `*/data/K`
    before      five pickles in a row (a magic number, version, byte order, the object, the keys of the storages), then
                of each storage its number of elements in 8 bytes, and the elements

Nested dictionaries become names with dots. Source: torch/serialization.py.

before: pickle_machine.py   next: array_files.py
"""

import os
import struct
import zipfile
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.array_reader import ArrayReader
from npslim.errors import InvalidArgumentError, OpError, UnimplementedError
from npslim.pickle_machine import DTYPES, MOST_STEPS, Machine, Tensor

MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PICKLE, _DEEPEST = 1 << 27, 64


class TorchReader(ArrayReader):
    """Reads the tensors of a file of PyTorch's, by their names in the state dictionary. bfloat16 is read as float32.

    Raises NotFoundError for a missing file, DataLossError for a damaged one, InvalidArgumentError for a file that asks
    for more than tensors in dictionaries. Only the archives carry checksums (of zip), which are verified.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        self._file = open_regular(self.path)
        self._archive: Any = None
        self._places: dict[str, Any] = {}
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            archived = self._file.read(4) == b"PK\3\4"
            self._tensors, self._places = self._of_archive() if archived else self._of_row()
        except BaseException:
            self.close()
            raise

    def names(self):
        """The names of the tensors, sorted."""
        return sorted(self._tensors)

    def dtype(self, name):
        """The dtype of a tensor: float32 for bfloat16."""
        kind = self._found(name).storage.kind
        return np.dtype(np.float32 if kind == "BFloat16Storage" else DTYPES[kind])

    def shape(self, name):
        """The shape of a tensor."""
        return self._found(name).shape

    def read(self, name):
        """A tensor."""
        found = self._found(name)
        stored = np.dtype(DTYPES[found.storage.kind])
        if 0 in found.shape:
            return np.empty(found.shape, self.dtype(name))
        data = np.frombuffer(self._elements(name, found.storage), np.uint8)
        if stored.kind == "b" and data.max(initial=0) > 1:
            raise self._damaged(f"tensor {name} is not boolean", "0 or 1", int(data.max()))
        steps = tuple(n * stored.itemsize for n in found.strides)
        array = np.ndarray(found.shape, stored, data, found.offset * stored.itemsize, steps)
        if found.storage.kind == "BFloat16Storage":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(stored.newbyteorder("="), order="C")

    def close(self):
        """Close the file."""
        if self._archive is not None:
            self._archive.close()
        self._file.close()

    def _found(self, name):
        if name not in self._tensors:
            raise self._missing(name)
        return self._tensors[name]

    # ---- the two kinds of file

    def _of_archive(self):
        try:
            self._archive = zipfile.ZipFile(self._file)
            members = {info.filename: info for info in self._archive.infolist()}
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, struct.error) as error:
            raise self._damaged("it is no archive", "a zip file", str(error)[:100]) from None
        programs = [name for name in members if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise self._damaged("it has no list of tensors", "one data.pkl", programs[:5])
        prefix = programs[0].removesuffix("data.pkl")
        if prefix + "byteorder" in members and self._member(members[prefix + "byteorder"]) != b"little":
            raise UnimplementedError(f"{self.path} holds numbers of big machines.", expected="little", got="big")
        found, _ = self._run(self._member(members[programs[0]]), 0)
        places = {name.removeprefix(prefix + "data/"): info for name, info in members.items()}
        return self._named(found, lambda storage: storage.key in places), places

    def _member(self, info):
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > min(self.size, _LARGEST_PICKLE * 64):
            raise self._damaged(f"{info.filename} is packed, or too large", "stored as it is", info.file_size)
        try:
            return self._archive.read(info)
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
            raise self._damaged(f"{info.filename} cannot be read", "its CRC-32", str(error)[:100]) from None

    def _of_row(self):
        self._file.seek(0)
        data = self._file.read(min(self.size, _LARGEST_PICKLE))
        if data[:1] != b"\x80":
            raise InvalidArgumentError(
                f"{self.path} is no file of PyTorch.", expected="an archive or a pickle", got=repr(data[:8])
            )
        parts, at = [], 0
        for _ in range(5):
            part, at = self._run(data, at)
            parts.append(part)
            if parts[0] != MAGIC:
                raise self._damaged("it does not begin as a file of PyTorch does", hex(MAGIC), repr(parts[0])[:40])
        _, version, system, found, keys = parts
        if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise self._damaged("it is of another version or byte order", "1001, little", (version, system))
        storages = {}
        named = self._named(found, lambda storage: storages.setdefault(storage.key, storage) == storage)
        if not isinstance(keys, list) or set(map(repr, keys)) != set(map(repr, storages)) or len(keys) != len(storages):
            raise self._damaged("its list of storages is wrong", f"{len(storages)} keys", repr(keys)[:80])
        places = {}
        for key in keys:
            size = storages[key].count * np.dtype(DTYPES[storages[key].kind]).itemsize
            self._file.seek(at)
            count = int.from_bytes(self._file.read(8), "little")
            if count != storages[key].count or at + 8 + size > self.size:
                raise self._damaged(
                    f"storage {key} at offset {at} is cut off", f"{storages[key].count} elements", f"{count} elements"
                )
            places[key] = at + 8, size
            at += 8 + size
        return named, places

    def _elements(self, name, storage):
        size = storage.count * np.dtype(DTYPES[storage.kind]).itemsize
        if self._archive is not None:
            data = self._member(self._places[storage.key])
        else:
            self._file.seek(self._places[storage.key][0])
            data = self._file.read(size)
        if len(data) != size:
            raise self._damaged(f"the elements of tensor {name} are cut off", f"{size} bytes", f"{len(data)} bytes")
        return data

    # ---- from the object to tensors

    def _named(self, found, is_there):
        """{name: tensor} of nested dictionaries, lists and tuples; other values in them are passed over."""
        tensors, todo, steps = {}, [("", found, 0)], 0
        while todo:
            name, value, depth = todo.pop()
            steps += 1
            if depth > _DEEPEST or steps > MOST_STEPS // 10:
                raise self._damaged("its dictionaries have no end", f"<= {_DEEPEST} levels", f"{steps} values")
            if isinstance(value, dict | list | tuple):
                rows = value.items() if isinstance(value, dict) else enumerate(value)
                todo += [(f"{name}.{key}" if name else f"{key}", v, depth + 1) for key, v in rows]
            elif isinstance(value, Tensor):
                if not is_there(value.storage) or name in tensors:
                    raise self._damaged(f"tensor {name} has no elements of its own", "a storage", value.storage.key)
                tensors[name] = value
        return tensors

    def _run(self, data, at):
        """(what the program at `at` makes, place after it)."""
        try:
            return Machine(data, at).run()
        except OpError as error:
            kind = type(error)
            made = kind(f"{self.path}: {error.message}")
            raise made from None
        except (IndexError, TypeError, ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
            raise self._damaged("its pickle makes no sense", "tensors in dictionaries", repr(error)[:100]) from None
