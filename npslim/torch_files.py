"""PyTorch's files of weights (.pth, .pt), read without pickle: nothing in them can run.

Such a file holds a pickle, a program for a small stack machine that may call any function of Python. This machine is
ours, and calls nothing: of functions it knows two by name, an OrderedDict and a tensor, and refuses the rest.

    since 1.6   a zip archive: `*/data.pkl`, and the elements of storage K in `*/data/K`
    before      five pickles in a row (a magic number, version, byte order, the object, the keys of the storages), then
                of each storage its number of elements in 8 bytes, and the elements

Nested dictionaries become names with dots. Source: torch/serialization.py; Python's pickletools.

before: array_reader.py   next: array_files.py
"""

import math
import os
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.array_reader import ArrayReader, is_possible
from npslim.errors import InvalidArgumentError, OpError, UnimplementedError

_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?",
    "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16",
}  # fmt: skip
_MAGIC = 0x1950A86A20F9469CFC6C
_MOST_STEPS, _LARGEST_PICKLE, _DEEPEST = 10_000_000, 1 << 27, 64
_MARK = object()


@dataclass(frozen=True)
class _Named:
    """A function or class that the program names."""

    module: str
    name: str


@dataclass(frozen=True)
class _Storage:
    """Elements somewhere in the file: their dtype, key, and number."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """An array over a storage."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


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
        return np.dtype(np.float32 if kind == "BFloat16Storage" else _DTYPES[kind])

    def shape(self, name):
        """The shape of a tensor."""
        return self._found(name).shape

    def read(self, name):
        """A tensor."""
        found = self._found(name)
        stored = np.dtype(_DTYPES[found.storage.kind])
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
            if parts[0] != _MAGIC:
                raise self._damaged("it does not begin as a file of PyTorch does", hex(_MAGIC), repr(parts[0])[:40])
        _, version, system, found, keys = parts
        if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
            raise self._damaged("it is of another version or byte order", "1001, little", (version, system))
        storages = {}
        named = self._named(found, lambda storage: storages.setdefault(storage.key, storage) == storage)
        if not isinstance(keys, list) or set(map(repr, keys)) != set(map(repr, storages)) or len(keys) != len(storages):
            raise self._damaged("its list of storages is wrong", f"{len(storages)} keys", repr(keys)[:80])
        places = {}
        for key in keys:
            size = storages[key].count * np.dtype(_DTYPES[storages[key].kind]).itemsize
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
        size = storage.count * np.dtype(_DTYPES[storage.kind]).itemsize
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
            if depth > _DEEPEST or steps > _MOST_STEPS // 10:
                raise self._damaged("its dictionaries have no end", f"<= {_DEEPEST} levels", f"{steps} values")
            if isinstance(value, dict | list | tuple):
                rows = value.items() if isinstance(value, dict) else enumerate(value)
                todo += [(f"{name}.{key}" if name else f"{key}", v, depth + 1) for key, v in rows]
            elif isinstance(value, _Tensor):
                if not is_there(value.storage) or name in tensors:
                    raise self._damaged(f"tensor {name} has no elements of its own", "a storage", value.storage.key)
                tensors[name] = value
        return tensors

    def _run(self, data, at):
        """(what the program at `at` makes, place after it)."""
        try:
            return _Machine(data, at).run()
        except OpError as error:
            kind = type(error)
            made = kind(f"{self.path}: {error.message}")
            raise made from None
        except (IndexError, TypeError, ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
            raise self._damaged("its pickle makes no sense", "tensors in dictionaries", repr(error)[:100]) from None


class _Machine:
    """Runs a pickle that makes dictionaries of tensors, and nothing else."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.stack, self.memo = [], {}

    def run(self):
        """(the object, the place after the program)."""
        for _ in range(_MOST_STEPS):
            code = self.bytes(1)[0]
            if code == 0x2E:  # STOP
                return self.stack.pop(), self.at
            step = _STEPS.get(code)
            if step is None:
                raise UnimplementedError(
                    "its pickle has an instruction that tensors do not need.", expected="those of protocol 2",
                    got=f"{chr(code)!r} at offset {self.at - 1}",
                )  # fmt: skip
            step(self)
        raise ValueError("a program without end")

    # ---- reading

    def bytes(self, count):
        """The next bytes of the program."""
        found = self.data[self.at : self.at + count]
        if len(found) != count:
            raise ValueError(f"cut off at byte {self.at}")
        self.at += count
        return found

    def number(self, form):
        """The next little-endian number."""
        return struct.unpack("<" + form, self.bytes(struct.calcsize(form)))[0]

    def line(self):
        """Text up to the end of the line."""
        end = self.data.index(b"\n", self.at, self.at + 1000)
        return self.bytes(end + 1 - self.at)[:-1].decode()

    # ---- the stack

    def push(self, value):
        """Put a value on the stack."""
        self.stack.append(value)

    def popped(self, count):
        """The upper `count` values, the lowest first."""
        if count > len(self.stack) or _MARK in self.stack[len(self.stack) - count :]:
            raise ValueError("an empty stack")
        found = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return found

    def since_mark(self):
        """The values above the last mark, which goes too."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def put_items(self, rows):
        """Set items of the dictionary on top of the stack."""
        if not isinstance(self.stack[-1], dict) or len(rows) % 2:
            raise TypeError("no dictionary")
        self.stack[-1].update(zip(rows[::2], rows[1::2], strict=True))

    def append(self, values):
        """Lengthen the list on top of the stack."""
        if not isinstance(self.stack[-1], list):
            raise TypeError("no list")
        self.stack[-1].extend(values)

    def named(self, module, name):
        """A function or class by its name: only those that tensors need."""
        known = module == "torch" and name in _DTYPES or (module, name) in _CALLS
        if not known:
            raise InvalidArgumentError(
                "it asks for more than tensors in dictionaries, and npslim runs nothing.",
                expected="OrderedDict, tensors, storages", got=f"{module}.{name}",
                hint="save the state dictionary alone: torch.save(model.state_dict(), path)",
            )  # fmt: skip
        self.push(_Named(module, name))

    def reduce(self):
        """Call the function below the arguments."""
        function, arguments = self.popped(2)
        if not isinstance(function, _Named) or (function.module, function.name) not in _CALLS:
            raise TypeError(f"{function!r} cannot be called")
        self.push(_CALLS[function.module, function.name](*arguments))

    def persistent(self):
        """A storage, which the program names by ('storage', class, key, device, number of elements, ...)."""
        (found,) = self.popped(1)
        word, kind, key, _, count = found[:5]
        if word not in ("storage", b"storage") or not isinstance(kind, _Named) or kind.name not in _DTYPES:
            raise TypeError("no storage")
        if type(count) is not int or not 0 <= count < 2**48 or not isinstance(key, str):
            raise ValueError("no possible storage")
        self.push(_Storage(kind.name, key, count))

    def build(self):
        """Attributes of the object below: passed over, as `_metadata` of a state dictionary."""
        below, _ = self.popped(2)
        if not isinstance(below, dict):
            raise TypeError("only dictionaries have attributes")
        self.push(below)


def _rebuilt(storage, offset, shape, strides, *_):
    """A tensor, its numbers checked against the storage."""
    whole = isinstance(storage, _Storage) and type(shape) is tuple and type(strides) is tuple
    numbers = (offset, *shape, *strides) if whole else (None,)
    if any(type(n) is not int or not 0 <= n < 2**48 for n in numbers) or len(shape) != len(strides):
        raise ValueError("no possible tensor")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    size = math.prod(shape)
    if not is_possible(shape) or size > max(storage.count, 1) or (size and last >= storage.count):
        raise ValueError(f"a tensor of {shape} in a storage of {storage.count}")
    return _Tensor(storage, offset, shape, strides)


def _parameter(data, *_):
    if not isinstance(data, _Tensor):
        raise TypeError("no tensor")
    return data


def _ordered(rows=()):
    return dict(rows)


_CALLS = {
    ("collections", "OrderedDict"): _ordered, ("torch._utils", "_rebuild_tensor_v2"): _rebuilt,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}  # fmt: skip


def _put(machine, key):
    machine.memo[key] = machine.stack[-1]


_STEPS = {
    0x80: lambda m: m.bytes(1),  # PROTO
    ord("("): lambda m: m.push(_MARK), ord(")"): lambda m: m.push(()), ord("}"): lambda m: m.push({}),
    ord("]"): lambda m: m.push([]), ord("N"): lambda m: m.push(None), 0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False), ord("J"): lambda m: m.push(m.number("i")), ord("K"): lambda m: m.push(m.number("B")),
    ord("M"): lambda m: m.push(m.number("H")), 0x8A: lambda m: m.push(int.from_bytes(m.bytes(m.number("B")), "little",
                                                                                    signed=True)),
    ord("G"): lambda m: m.push(struct.unpack(">d", m.bytes(8))[0]),
    ord("X"): lambda m: m.push(m.bytes(m.number("I")).decode(errors="surrogatepass")),
    ord("U"): lambda m: m.push(m.bytes(m.number("B"))), ord("t"): lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: m.push(tuple(m.popped(1))), 0x86: lambda m: m.push(tuple(m.popped(2))),
    0x87: lambda m: m.push(tuple(m.popped(3))), ord("q"): lambda m: _put(m, m.number("B")),
    ord("r"): lambda m: _put(m, m.number("I")), ord("h"): lambda m: m.push(m.memo[m.number("B")]),
    ord("j"): lambda m: m.push(m.memo[m.number("I")]), ord("a"): lambda m: m.append(m.popped(1)),
    ord("e"): lambda m: m.append(m.since_mark()), ord("s"): lambda m: m.put_items(m.popped(2)),
    ord("u"): lambda m: m.put_items(m.since_mark()), ord("c"): lambda m: m.named(m.line(), m.line()),
    ord("R"): lambda m: m.reduce(), ord("Q"): lambda m: m.persistent(), ord("b"): lambda m: m.build(),
    ord("0"): lambda m: m.popped(1),
}  # fmt: skip
