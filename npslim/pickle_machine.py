"""A stack machine for pickles of tensors: it makes dictionaries, numbers and the places of arrays, and calls nothing.

A pickle is a program that may call any function of Python. Of functions this machine knows an OrderedDict and a tensor
by their names, and refuses the rest.
Source: Python's pickletools.

before: array_reader.py   next: torch_files.py
"""

import math
import struct
from dataclasses import dataclass

from npslim.array_reader import is_possible
from npslim.errors import InvalidArgumentError, UnimplementedError

DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2", "LongStorage": "<i8",
    "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "?",
    "ComplexFloatStorage": "<c8", "ComplexDoubleStorage": "<c16",
}  # fmt: skip
MOST_STEPS = 10_000_000
_MARK = object()


@dataclass(frozen=True)
class _Named:
    """A function or class that the program names."""

    module: str
    name: str


@dataclass(frozen=True)
class Storage:
    """Elements somewhere in the file: their dtype, key, and number."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """An array over a storage."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class Machine:
    """Runs a pickle that makes dictionaries of tensors, and nothing else."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.stack, self.memo = [], {}

    def run(self):
        """(the object, the place after the program)."""
        for _ in range(MOST_STEPS):
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
        known = module == "torch" and name in DTYPES or (module, name) in _CALLS
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
        if word not in ("storage", b"storage") or not isinstance(kind, _Named) or kind.name not in DTYPES:
            raise TypeError("no storage")
        if type(count) is not int or not 0 <= count < 2**48 or not isinstance(key, str):
            raise ValueError("no possible storage")
        self.push(Storage(kind.name, key, count))

    def build(self):
        """Attributes of the object below: passed over, as `_metadata` of a state dictionary."""
        below, _ = self.popped(2)
        if not isinstance(below, dict):
            raise TypeError("only dictionaries have attributes")
        self.push(below)


def _rebuilt(storage, offset, shape, strides, *_):
    """A tensor, its numbers checked against the storage."""
    whole = isinstance(storage, Storage) and type(shape) is tuple and type(strides) is tuple
    numbers = (offset, *shape, *strides) if whole else (None,)
    if any(type(n) is not int or not 0 <= n < 2**48 for n in numbers) or len(shape) != len(strides):
        raise ValueError("no possible tensor")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    size = math.prod(shape)
    if not is_possible(shape) or size > max(storage.count, 1) or (size and last >= storage.count):
        raise ValueError(f"a tensor of {shape} in a storage of {storage.count}")
    return Tensor(storage, offset, shape, strides)


def _parameter(data, *_):
    if not isinstance(data, Tensor):
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
