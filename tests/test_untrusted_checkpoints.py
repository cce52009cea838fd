"""Checkpoints of npslim that are damaged or made to do harm: refused, and nothing but the file is touched."""

import ast
import json
import os
import random
import struct
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

import npslim
import npslim as slim
from npslim import checkpoint_files, hdf5
from npslim.checkpoint import take_up
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError

TENSORS = {
    "conv1/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv1/weights/Momentum": np.float32(0.5),
    "flags": np.array([True, False]),
    "names": np.array([b"a", "\u00e9t\u00e9", b""], object),
    "nothing": np.zeros((0, 3), np.int64),
    "global_step": np.array(7, np.int64),
}
META = {"step": 7, "draws": {"dropout": 3}}


@pytest.fixture(scope="module")
def whole():
    """The bytes of a checkpoint with TENSORS in it."""
    return bytes(hdf5.encode(TENSORS, META))


def parts(data):
    """(length of the index, index) of a checkpoint's bytes."""
    length = int.from_bytes(data[8:16], "little")
    return length, json.loads(data[20 : 20 + length])


def head_of(text, crc=None):
    """The header and index of a checkpoint, with a good CRC unless another one is given."""
    crc = zlib.crc32(text) if crc is None else crc
    return hdf5.MAGIC + len(text).to_bytes(8, "little") + crc.to_bytes(4, "little") + text


def with_index(data, text):
    """The bytes `data` with the index `text`, which may be longer, and good CRCs."""
    head = head_of(text)
    return head + data[len(head) :]


def outcome(path):
    """What reading everything gives: the values, or the error's class. Any other exception is a failure."""
    try:
        with hdf5.Reader(path) as reader:
            return {name: reader.read(name) for name in [*reader.names(), *reader.hidden()]}
    except OpError as error:
        assert os.fspath(path) in str(error), error
        return type(error)


def same(found):
    """Whether these are the values of TENSORS."""
    return isinstance(found, dict) and sorted(found) == sorted(TENSORS) and all(
        np.array_equal(value, np.asarray(TENSORS[name]) if name != "names" else [b"a", "\u00e9t\u00e9".encode(), b""])
        for name, value in found.items()
    )  # fmt: skip


# ---- crafted files


def changed(**rows):
    """A change of the index: places of rows of tensors; a row in full for a list."""

    def change(index):
        for name, row in rows.items():
            name = name.replace("__", "/")
            if isinstance(row, dict):
                for place, value in row.items():
                    index["tensors"][name][place] = value
            else:
                index["tensors"][name] = row

    return change


WEIGHTS, FLAGS, NAMES = "conv1__weights", "flags", "names"
SHAPES = (
    [2**40] * 3,
    [-2, 3, 4],
    [2, 3, 5],
    "2,3,4",
    [2.0, 3, 4],
    [True] * 3,
    [2**64],
    [1] * 40 + [24],
    {},
    None,
    [[2]],
)
KINDS = ("|O", "<f8", "<U9", ">f4", "<f3", "<f", "", "f4", "<M8[s]", "|V4", "string", "<c8", "<i99", "|b2", 5, None, [])
NUMBERS = (-1, 10**12, 2**62, 2**70, True, 1.5, "7", None, [], 0.0)
CHANGES = [
    *(changed(**{WEIGHTS: {0: kind}}) for kind in KINDS),
    *(changed(**{WEIGHTS: {1: shape}}) for shape in SHAPES),
    *(changed(**{WEIGHTS: {place: number}}) for place in (2, 3, 4) for number in NUMBERS),
    *(changed(**{NAMES: {place: number}}) for place in (2, 3, 4) for number in NUMBERS),
    *(changed(**{NAMES: {1: shape}}) for shape in SHAPES if shape != [2, 3, 5]),
    *(changed(**{FLAGS: row}) for row in ([], [1, 2], 7, None, "x", [["|b1", [2], 0, 2, 0]], ["|b1", [2], 0, 2])),
    changed(**{FLAGS: {0: "|u1"}, NAMES: {2: 0}}),
    changed(**{NAMES: {0: "<f4", 1: [1]}}),
    *(lambda index, value=value: index.update(tensors=value) for value in ([], None, 3, "x")),
    *(lambda index, value=value: index.update(meta=value) for value in ([], None, 3, "x")),
    lambda index: index.pop("tensors"),
    lambda index: index.pop("meta"),
    lambda index: index["tensors"].update(twin=index["tensors"]["conv1/weights"]),
    lambda index: index["tensors"].update(big=["<f4", [2**30], 0, 2**32, 0]),
    lambda index: index["tensors"].update(words=["string", [2**28], 600, 8 * 2**28, 0]),
]
TEXTS = [
    b"", b"null", b"[]", b"7", b'"x"', b"{", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"tensors":' * 50_000,
    b'{"tensors": {}, "meta": {}} x', b'{"tensors": {"a": ["<f4", [' + b"9" * 5000 + b'], 0, 4, 0]}, "meta": {}}',
    b'{"tensors": {"a": NaN}, "meta": {}}', b"\0" * 100,
]  # fmt: skip
HEADS = [
    b"", b"N", hdf5.MAGIC, hdf5.MAGIC[:-1] + b"\0", hdf5.MAGIC + b"\xff" * 12, hdf5.MAGIC + b"\0" * 12,
    hdf5.MAGIC + (2**63).to_bytes(8, "little") + b"\0" * 4, hdf5.MAGIC + (2**30).to_bytes(8, "little") + b"\0" * 4,
    b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + b"\0" * 60, b"\x80\x04\x95", b"#!/bin/sh\n", b"model_checkpoint_path",
    head_of(b'{"tensors":{},"meta":{}}', crc=1),
]  # fmt: skip


def crafted(whole):
    """The bytes of all crafted files."""
    _, index = parts(whole)
    for change in CHANGES:
        lied = json.loads(json.dumps(index))
        change(lied)
        yield with_index(whole, json.dumps(lied).encode())
    for text in TEXTS:
        yield with_index(whole, text)
    for head in HEADS:
        yield head
        yield head + whole[len(head) :] if len(head) > 12 else head + b"\0" * 600
    for i in range(20):  # pieces of a good file in another order
        cut = random.Random(i).randrange(1, len(whole))
        yield whole[cut:] + whole[:cut]


FORBIDDEN = (
    "socket.", "subprocess.", "ctypes.dlopen", "os.exec", "os.fork", "os.spawn", "os.system", "marshal.", "pickle.",
    "import", "exec", "compile", "os.remove", "os.rename",
)  # fmt: skip


class Watch:
    """What Python does meanwhile: files opened, and whatever could run code or reach outside."""

    active = None

    def __init__(self):
        self.opened, self.forbidden = [], []

    def __enter__(self):
        Watch.active = self
        return self

    def __exit__(self, *_):
        Watch.active = None

    def hook(self, event, args):
        if event == "open" and not isinstance(args[0], int):  # a number is a file that was opened before
            self.opened.append(args[0])
        elif event.startswith(FORBIDDEN):
            self.forbidden.append((event, args[:1]))


@pytest.fixture(scope="module", autouse=True)
def audit():
    sys.addaudithook(lambda event, args: Watch.active is not None and Watch.active.hook(event, args))


def test_crafted_files(tmp_path, whole, figure):
    path, count, slowest, most = tmp_path / "model.ckpt-7.h5", 0, 0.0, 0
    path.write_bytes(whole)
    assert same(outcome(path))
    for data in crafted(whole):
        path.write_bytes(data)
        tracemalloc.start()
        start = time.monotonic()
        with Watch() as watch:
            found = outcome(path)
        slowest = max(slowest, time.monotonic() - start)
        most = max(most, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found in (DataLossError, InvalidArgumentError), (data[:200], found)
        assert set(watch.opened) <= {str(path)} and not watch.forbidden
        count += 1
    assert count >= 150 and most < 64 * 2**20
    figure("P9", "crafted checkpoints refused, with no other file opened and nothing run", count)
    figure("P9", "the most memory that one of them took, in kB", most // 1000)
    figure("P13", "loads during which nothing was compiled, imported, run or connected", count)


def test_what_is_no_file(tmp_path, figure):
    os.mkfifo(tmp_path / "pipe.h5")
    os.symlink("/dev/zero", tmp_path / "zero.h5")
    os.symlink(tmp_path / "loop.h5", tmp_path / "loop.h5")
    os.symlink(tmp_path / "gone.h5", tmp_path / "dangling.h5")
    (tmp_path / "folder.h5").mkdir()
    with open(tmp_path / "sparse.h5", "wb") as file:
        file.truncate(2**40)
    names = ["pipe", "zero", "loop", "dangling", "folder", "sparse"]
    for name in names:
        with pytest.raises((OpError, OSError)):
            hdf5.Reader(tmp_path / f"{name}.h5")
    figure("P9", "pipes, devices, loops, folders and holes refused", len(names))


STATES = [
    "", "\0" * 100, "model_checkpoint_path", 'model_checkpoint_path: "', "model_checkpoint_path: gone",
    'model_checkpoint_path: "/etc/passwd"', 'model_checkpoint_path: "../other/model.ckpt-9"',
    'model_checkpoint_path: "pipe"', 'model_checkpoint_path: "folder"', 'model_checkpoint_path: ""',
    'model_checkpoint_path: "model.ckpt-9"\n' * 1000, 'all_model_checkpoint_paths: "x"\n' * 30000, '"' * 2**20,
    'model_checkpoint_path: "\\\\\\""', 'model_checkpoint_path: "model.ckpt-7\\0.h5"', "\x85\x85" * 500,
]  # fmt: skip


@pytest.mark.parametrize("text", STATES, ids=range(len(STATES)))
def test_crafted_state_files(tmp_path, whole, text, figure):
    folder = tmp_path / "here"
    folder.mkdir(), (tmp_path / "other").mkdir(), (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe.h5")
    (tmp_path / "other" / "model.ckpt-9.h5").write_bytes(whole)
    (folder / "model.ckpt-7.h5").write_bytes(whole)
    (folder / "checkpoint").write_text(text)
    with Watch() as watch:
        assert checkpoint_files.latest(folder) == str(folder / "model.ckpt-7")
    assert all(os.fspath(name).startswith(str(folder)) for name in watch.opened) and not watch.forbidden
    figure("P9", "crafted state files that led nowhere else", 1)


def test_a_state_file_that_is_a_pipe(tmp_path, whole):
    os.mkfifo(tmp_path / "checkpoint")
    (tmp_path / "model.ckpt-7.h5").write_bytes(whole)
    assert checkpoint_files.latest(tmp_path) == str(tmp_path / "model.ckpt-7")


def test_what_resuming_needs_is_checked_too(tmp_path, whole):
    """Damaged places of queues and odd meta data are refused or passed over, never followed blindly."""
    _, index = parts(whole)
    w = slim.get_variable("conv1/weights", [2, 3, 4])
    place = {"q": {"facts": {}, "count": 9, "columns": [True]}}
    for meta in (
        {"draws": [1]}, {"draws": {"a": "x"}}, {"input": 3}, {"input": {"print": 0}}, {"entropy": "x"},
        {"input": {"print": 0, "draws": {}, "places": place}},
    ):  # fmt: skip
        index["meta"] = meta
        path = tmp_path / "model.ckpt-7.h5"
        path.write_bytes(with_index(whole, json.dumps(index).encode()))
        with slim.Session() as session:
            slim.Saver([w]).restore(session, str(path))
            with pytest.raises(OpError, match="what it holds for resuming|has no tensor ':input/q/0'"):
                take_up(session, str(path))


# ---- damage


def mutations(whole, rng, count):
    """Bytes with a few of them changed, cut, doubled, or with the index's numbers changed and its CRC made right."""
    length, index = parts(whole)
    numbers = [0, 1, 2, 7, 8, 255, 2**31, 2**32 - 1, 2**63, 2**64 - 1, -1]
    for i in range(count):
        data = bytearray(whole)
        kind = i % 4
        if kind == 0:
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind == 1:
            at, size = rng.randrange(len(data)), rng.randint(1, 64)
            if rng.random() < 0.5:
                del data[at : at + size]
            else:
                data[at:at] = data[at : at + size]
        elif kind == 2:
            at = rng.choice([8, 16, rng.randrange(20, 20 + length)])
            struct.pack_into("<Q", data, min(at, len(data) - 8), rng.choice(numbers) % 2**64)
        else:
            lied = json.loads(json.dumps(index))
            row = lied["tensors"][rng.choice(list(lied["tensors"]))]
            place = rng.randrange(5)
            if place == 1:
                row[1] = [rng.choice(numbers) for _ in range(rng.randint(0, 4))]
            else:
                row[place] = rng.choice([*numbers, row[rng.randrange(2, 5)], "<f4", "|u1", "string", None])
            data = bytearray(with_index(whole, json.dumps(lied, separators=(",", ":")).encode()))
        yield kind, bytes(data)


def covered(data):
    """The places of bytes that a CRC covers, or that the header is made of."""
    length, index = parts(data)
    places = set(range(20 + length))
    for _, _, offset, nbytes, _ in index["tensors"].values():
        places.update(range(offset, offset + nbytes))
    return places


def fuzzed(tmp_path, whole, figure, count):
    path, rng, silent, slowest = tmp_path / "model.ckpt-7.h5", random.Random(2), 0, 0.0
    for kind, data in mutations(whole, rng, count):
        path.write_bytes(data)
        start = time.monotonic()
        found = outcome(path)
        slowest = max(slowest, time.monotonic() - start)
        if isinstance(found, dict) and kind != 3:  # an index with a good CRC is what it says
            silent += not same(found)
    assert silent == 0
    figure("P10", "mutated checkpoints that gave the true values or an error of npslim's", count)
    figure("P10", "the slowest of them, in ms", round(1000 * slowest))


def test_mutations(tmp_path, whole, figure):
    fuzzed(tmp_path, whole, figure, 8_000)


@pytest.mark.long
def test_a_million_mutations(tmp_path, whole, figure):
    fuzzed(tmp_path, whole, figure, 1_000_000)


def flipped(path, data, bits, figure):
    """Flip bits of every covered byte, one after the other: each must be noticed."""
    path.write_bytes(data)
    count = 0
    with open(path, "r+b", buffering=0) as file:
        for place in sorted(covered(data)):
            for bit in bits(place):
                os.pwrite(file.fileno(), bytes([data[place] ^ 1 << bit]), place)
                assert isinstance(outcome(path), type), (place, bit)
                count += 1
            os.pwrite(file.fileno(), data[place : place + 1], place)
    assert isinstance(outcome(path), dict)
    figure("P11", "flipped bits of a checkpoint that were noticed", count)


def test_a_flipped_bit_in_every_byte(tmp_path, whole, figure):
    flipped(tmp_path / "model.ckpt-7.h5", whole, lambda place: [place % 8], figure)


@pytest.mark.long
def test_every_flipped_bit_of_20_kb(tmp_path, figure):
    rng = np.random.default_rng(0)
    data = bytes(hdf5.encode({f"layer{i}/weights": rng.normal(size=(50, 12)) for i in range(4)}, META))
    flipped(tmp_path / "model.ckpt-7.h5", data, lambda place: range(8), figure)


def test_every_length(tmp_path, whole, figure):
    path, last = tmp_path / "model.ckpt-7.h5", max(covered(whole)) + 1
    path.write_bytes(whole)
    for length in range(last - 1, -1, -1):
        os.truncate(path, length)
        assert isinstance(outcome(path), type), length
    figure("P12", "lengths to which a checkpoint was cut, all refused", last)


# ---- no code


def test_nothing_that_loads_runs_code(figure):
    """No pickle, eval, marshal or allow_pickle=True in any file of the package."""
    modules = {"pickle", "cPickle", "dill", "marshal", "shelve", "yaml", "ctypes", "joblib"}
    found, files = [], list(Path(npslim.__file__).parent.rglob("*.py"))
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                found += [(file.name, n) for n in names if n.split(".")[0] in modules]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.append((file.name, node.func.id))
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, file
    # the functions of BLAS that NumPy has loaded, and the C library's malloc_trim: no file of a user
    assert sorted(found) == [("arena.py", "ctypes"), ("blas.py", "ctypes")]
    figure("P13", "files of the package without pickle, marshal, yaml, ctypes, eval and exec", len(files))


def test_errors_name_file_and_tensor(tmp_path, whole):
    path = tmp_path / "model.ckpt-7.h5"
    data = bytearray(whole)
    at = whole.index(TENSORS["conv1/weights"].tobytes())
    data[at + 5] ^= 4
    path.write_bytes(data)
    with hdf5.Reader(path) as reader, pytest.raises(DataLossError) as caught:
        reader.read("conv1/weights")
    assert str(path) in str(caught.value) and "tensor conv1/weights" in str(caught.value)
    with pytest.raises(NotFoundError, match="There is no checkpoint"):
        hdf5.Reader(tmp_path / "none.h5")
