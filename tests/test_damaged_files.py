"""Damage to every file that TensorFlow wrote for the tests, and files that lie under valid checksums.

Each gives an error of npslim's or the values as they were: no crash, no hang, no other exception, no other values. The
figures stand at the end of the test run. `pytest -m long` makes 10,000 mutations of each file, and flips a bit of every
byte.
"""

import contextlib
import gzip
import importlib
import os
import shutil
import sys
from pathlib import Path

import mutations
import numpy as np
import pytest

from npslim import checkpoint_files, sstable, tf_checkpoint, wire
from npslim.crc32c import masked_crc32c
from npslim.data.tfrecord import TFRecordOptions, tf_record_iterator
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError, UnimplementedError
from npslim.graph import reset_default_graph
from npslim.graph_def.importer import import_graph_def
from npslim.graph_def.meta import import_meta_graph, read_graph_def

FOLDER = Path(__file__).parent / "golden/files"
GRAPHS = Path(__file__).parent / "golden/graph_def"
PREFIXES = ["ckpt_v1/model.ckpt-3", "ckpt_v2/model.ckpt-3", "sharded_v1/model.ckpt-5", "sharded_v2/model.ckpt-5",
            "many/model.ckpt", "ckpt_state/m.ckpt-3", "ckpt_state/m.ckpt-4"]  # fmt: skip
PARTS = [
    (prefix, path.name)
    for prefix in PREFIXES
    for path in sorted((FOLDER / prefix).parent.iterdir())
    if path.name.startswith(Path(prefix).name)
]
FEW_OR_ALL = pytest.mark.parametrize("count", [20, pytest.param(10_000, marks=pytest.mark.long)])
OPENED = []


def read_all(prefix):
    with checkpoint_files.open_checkpoint(prefix) as reader:
        return {name: reader.read(name) for name in reader.names()}


@pytest.fixture
def copied(tmp_path):
    """A function that copies the folder of a golden file, and gives the path of the copy."""

    def copy(path):
        shutil.copytree((FOLDER / path).parent, tmp_path / "files")
        return tmp_path / "files" / Path(path).name

    return copy


@pytest.fixture
def opened():
    """The paths that are opened while the test runs."""
    if not OPENED:
        sys.addaudithook(lambda event, args: _note(args[0]) if event == "open" else None)
    np.random.default_rng(0)  # NumPy loads the module at first use
    with contextlib.suppress(ImportError):
        importlib.import_module("cramjam")  # a block that is said to be packed by snappy would load it
    OPENED[:] = [""]
    return OPENED


def _note(path):
    if not isinstance(path, int):  # a descriptor that gets a file object
        OPENED.append(os.fspath(path))


def outside(opened, folder):
    """The paths of `opened` that are not in `folder`."""
    return [name for name in opened[1:] if not name.startswith(str(folder))]


# ---- at random


@FEW_OR_ALL
@pytest.mark.parametrize(("prefix", "name"), PARTS)
def test_checkpoints(copied, opened, figure, prefix, name, count):
    prefix = copied(prefix)
    whole, path = read_all(prefix), prefix.parent / name
    del opened[1:]
    mutations.survive(
        f"{prefix.name}: {name}", lambda: read_all(prefix), count, mutations.in_file(path, 1), whole=whole
    )
    figure("P10", "mutations of TensorFlow's checkpoints without a silent difference", count)
    assert not outside(opened, prefix.parent)


@FEW_OR_ALL
@pytest.mark.parametrize("folder", ["ckpt_state", "ckpt_v1", "ckpt_v2"])
def test_state_files(copied, opened, folder, count):
    """Whatever a state file says: the latest checkpoint is one of the folder, or none."""
    path = copied(f"{folder}/checkpoint")
    prefixes = {None, *(tf_checkpoint.prefix_of(name) for name in path.parent.iterdir())}

    def read():
        found = checkpoint_files.latest(path.parent)
        assert found in prefixes, found
        return {}

    del opened[1:]
    mutations.survive(f"{folder}/checkpoint", read, count, mutations.in_file(path, 2), checksums=False)
    assert not outside(opened, path.parent)


@FEW_OR_ALL
@pytest.mark.parametrize("name", ["data.tfrecord", "data.gz.tfrecord", "data.zlib.tfrecord", "seq.tfrecord", "events"])
def test_records(tmp_path, name, count):
    """Records are those that were written, up to the damage; a file cut between two records is a shorter one."""
    path = tmp_path / name
    if name == "events":
        path.write_bytes(gzip.decompress((FOLDER / "events/events.out.tfevents.1700000000.host.gz").read_bytes()))
    else:
        shutil.copy(FOLDER / "tfrecord" / name, path)
    options = TFRecordOptions("GZIP" if ".gz" in name else "ZLIB" if ".zlib" in name else "")
    whole = list(tf_record_iterator(str(path), options))

    def read():
        found = list(tf_record_iterator(str(path), options))
        assert found == whole[: len(found)]
        return {}

    mutations.survive(name, read, count, mutations.in_file(path, 3), whole={})


@pytest.mark.parametrize("count", [3, pytest.param(500, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", ["conditional.pb", "lenet.pb", "training.meta"])
def test_graphs(tmp_path, name, count):
    """Graphs have no checksums: what is read may differ, and is refused if it makes no sense."""
    path = tmp_path / name
    shutil.copy(GRAPHS / name, path)

    def read():
        reset_default_graph()
        if name.endswith(".meta"):
            import_meta_graph(str(path))
        else:
            import_graph_def(read_graph_def(str(path)), name="")
        return {}

    mutations.survive(name, read, count, mutations.in_file(path, 4), checksums=False)


# ---- with checksums made right


def lying_table(rng, data):
    """A table in which a key, a value or a block lies; every checksum is made anew."""
    if rng.integers(3) == 0:
        return lying_block(rng, data)
    rows = rows_of(data)
    key = sorted(rows)[rng.integers(len(rows))]
    if rng.integers(5) == 0:
        rows[mutations.mutated(rng, key or b"\0")] = rows.pop(key)
    else:
        rows[key] = mutations.mutated(rng, rows[key] or b"\0")
    return sstable.encode(sorted(rows.items()))


def rows_of(data):
    """{key: value} of the bytes of a table."""
    found, at = {}, 0
    for start, length in blocks_of(data)[:-1]:
        at, key, end = start, b"", start + length - 4 - 4 * int.from_bytes(data[start + length - 4 :][:4], "little")
        while at < end:
            shared, at = wire.read_varint(data, at)
            rest, at = wire.read_varint(data, at)
            size, at = wire.read_varint(data, at)
            key = key[:shared] + data[at : at + rest]
            found[key] = data[at + rest : at + rest + size]
            at += rest + size
    return found


def blocks_of(data):
    """[(offset, length)] of the blocks of a table; the last one is the index."""
    _, at = wire.read_varint(data, len(data) - sstable.FOOTER)
    _, at = wire.read_varint(data, at)
    start, at = wire.read_varint(data, at)
    length, _ = wire.read_varint(data, at)
    found, at = [], start
    end = start + length - 4 - 4 * int.from_bytes(data[start + length - 4 :][:4], "little")
    while at < end:
        _, at = wire.read_varint(data, at)
        rest, at = wire.read_varint(data, at)
        size, at = wire.read_varint(data, at)
        offset, place = wire.read_varint(data, at + rest)
        found.append((offset, wire.read_varint(data, place)[0]))
        at += rest + size
    return [*found, (start, length)]


def lying_block(rng, data):
    """The bytes of one block overwritten, its checksum made right."""
    places = blocks_of(data)
    start, length = places[rng.integers(len(places))]
    block = mutations.mutated(rng, data[start : start + length])[:length].ljust(length, b"\0")
    kind = data[start + length : start + length + 1] if rng.integers(8) else rng.bytes(1)
    return data[:start] + block + kind + masked_crc32c(block + kind).to_bytes(4, "little") + data[start + length + 5 :]


@pytest.mark.parametrize("count", [20, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize(("prefix", "name"), [(p, n) for p, n in PARTS if ".data" not in n and "state" not in p])
def test_tables_that_lie(copied, opened, figure, prefix, name, count):
    """Other values are possible now, but no other file is opened, and memory stays within bounds."""
    prefix = copied(prefix)
    mutate = mutations.in_file(prefix.parent / name, 5, lying_table)
    del opened[1:]
    with mutations.bounded_memory(count):
        mutations.survive(f"{prefix.name}: {name}, valid CRC", lambda: read_all(prefix), count, mutate, checksums=False)
    assert not outside(opened, prefix.parent)
    figure("P10", "tables that lie under valid checksums, within bounded memory", count)


# ---- a bit of every byte, every length


def flips(path, read, whole, places):
    """(how many flipped bits were refused, how many changed nothing); any other outcome fails. One bit in each byte."""
    data = bytearray(path.read_bytes())
    refused = same = 0
    for place in places:
        bit = 1 << place % 8
        data[place] ^= bit
        path.write_bytes(data)
        try:
            assert mutations.unchanged(read(), whole), f"byte {place}, bit {bit}: other values"
            same += 1
        except OpError:
            refused += 1
        data[place] ^= bit
    path.write_bytes(data)
    return refused, same


@pytest.mark.parametrize("every", [499, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize(("prefix", "name"), [(p, n) for p, n in PARTS if "state" not in p])
def test_flipped_bits(copied, figure, prefix, name, every):
    """Each is found, but for those in a block that every table has and nobody reads, and in its place."""
    prefix = copied(prefix)
    path, whole = prefix.parent / name, read_all(prefix)
    size = path.stat().st_size
    refused, same = flips(path, lambda: read_all(prefix), whole, range(0, size, every))
    assert same <= 20
    figure("P11", "flipped bits of TensorFlow's checkpoints that are found", refused, refused + same)


@pytest.mark.parametrize("every", [211, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize(("prefix", "name"), [(p, n) for p, n in PARTS if "state" not in p])
def test_truncations(copied, figure, prefix, name, every):
    prefix = copied(prefix)
    path = prefix.parent / name
    data = path.read_bytes()
    for length in sorted({*range(0, len(data), every), len(data) - 1}):
        path.write_bytes(data[:length])
        with pytest.raises(OpError):
            read_all(prefix)
        figure("P12", "truncations of TensorFlow's checkpoints that are found", 1)


# ---- one lie each


def dims(*sizes):
    return b"".join(wire.field(2, wire.field(1, n)) for n in sizes)


def extents(*pairs):
    return b"".join(wire.field(1, b"".join([wire.field(1, start), wire.field(2, n)])) for start, n in pairs)


VECTOR, ALL = dims(2), (extents((0, 2)),)


def v1(shape=VECTOR, dtype=1, slices=ALL, data=None, key=None, name=b"x"):
    """The rows of a V1 checkpoint of one tensor."""
    meta = wire.field(1, name) + wire.field(2, shape) + wire.field(3, dtype)
    meta += b"".join(wire.field(4, s) for s in slices)
    values = wire.field(5, np.float32([1, 2]).tobytes()) if data is None else data
    saved = wire.field(2, wire.field(1, name) + wire.field(3, values))
    key = tf_checkpoint.slice_key("x", [(0, 2)]) if key is None else key
    return sorted([(b"", wire.field(1, wire.field(1, meta))), (key, saved)])


V1_LIES = {
    "a shape that no file holds": (v1(dims(2**40), slices=(extents((0, 2)),)), "do not fill it|larger than the file"),
    "a slice that no file holds": (v1(dims(2**40), slices=(extents((0, 2**40)),)), "larger than the file"),
    "a slice outside": (v1(slices=(extents((1, 2)),)), "does not lie in it"),
    "a slice before": (v1(slices=(extents((-1, 2)),)), "does not lie in it"),
    "a slice twice": (v1(slices=(extents((0, 2)), extents((0, 2)))), "do not fill it"),
    "no slice": (v1(slices=()), "do not fill it"),
    "a slice of another rank": (v1(slices=(extents((0, 2), (0, 1)),)), "does not lie in it"),
    "another key": (v1(key=b"\0y"), "a slice of tensor x is missing"),
    "too few values": (v1(data=wire.field(5, bytes(4))), "expected 2 values"),
    "too many values": (v1(data=wire.field(5, bytes(4000))), "expected 2 values"),
    "values of another kind": (v1(data=wire.field(7, b"\1\1")), "expected 2 values"),
    "a part of a value": (v1(data=wire.field(5, bytes(7))), "expected 2 values"),
    "a negative size": (v1(dims(-2)), "no possible shape"),
    "too many dimensions": (v1(dims(*[1] * 40)), "no possible shape"),
    "an unknown dtype": (v1(dtype=21), "dtype that npslim does not know"),
    "a number for a message": (v1(shape=dims(2), data=b"")[:1] + [(tf_checkpoint.slice_key("x", [(0, 2)]), b"\x10\1")],
                               "malformed|holds no tensor"),
    "a message that is cut": (v1(data=b"\x2a\xff\xff\xff\x0f"), "cannot be read"),
    "no tensors": ([(b"", b"")], "no list of tensors"),
    "no header": ([(b"a", b"")], "no list of tensors"),
}  # fmt: skip


@pytest.mark.parametrize("lie", V1_LIES)
def test_v1_lies(tmp_path, opened, lie):
    rows, message = V1_LIES[lie]
    path = tmp_path / "model.ckpt"
    path.write_bytes(sstable.encode(rows))
    del opened[1:]
    with mutations.bounded_memory(), pytest.raises((DataLossError, UnimplementedError), match=message) as caught:
        read_all(path)
    assert str(path) in str(caught.value)
    assert set(opened[1:]) == {str(path)}


def block(entries=b"", starts=(0,), kind=0):
    data = entries + b"".join(n.to_bytes(4, "little") for n in (*starts, len(starts))) + bytes([kind])
    return checked(data)


def checked(data):
    return data + masked_crc32c(data).to_bytes(4, "little")


def row(shared, key, value):
    return wire.varint(shared) + wire.varint(len(key)) + wire.varint(len(value)) + key + value


def table(data, index=None, footer=None):
    """A table of one block of data, as it should be but for what is given."""
    index = index or block(row(0, b"z", wire.varint(0) + wire.varint(len(data) - 5)))
    places = wire.varint(0) + wire.varint(0) + wire.varint(len(data)) + wire.varint(len(index) - 5)
    return data + index + (places if footer is None else footer).ljust(40, b"\0") + sstable.MAGIC


BIG = wire.varint(2**62)
TABLES = {
    "an index beyond the file": (table(block(), footer=b"\0\0" + wire.varint(10**9) + b"\5"), "lies outside"),
    "an index of enormous size": (table(block(), footer=b"\0\0\0" + BIG), "lies outside"),
    "a footer that is cut": (table(block(), footer=b"\xff" * 40), "place is cut off"),
    "a footer with more": (table(block(), footer=b"\0\0\0\5".ljust(30, b"\0") + b"x"), "more than two|CRC"),
    "a block beyond the file": (table(block(), block(row(0, b"z", BIG + b"\5"))), "lies outside"),
    "a block in a block": (table(block(), block(row(0, b"a", b"\0\5") + row(0, b"b", b"\1\4"))), "overlap"),
    "a block of an unknown kind": (table(block(kind=9)), "unknown way"),
    "a block without a checksum": (table(block()[:-4] + bytes(4)), "CRC-32C"),
    "more starts than bytes": (table(checked(b"\xff\xff\xff\x7f\0")), "starts do not fit"),
    "a key longer than the block": (table(block(wire.varint(0) + BIG + b"\0")), "cut off"),
    "a value longer than the block": (table(block(b"\0\1" + wire.varint(2**31) + b"a")), "cut off"),
    "a key that continues nothing": (table(block(row(7, b"a", b""))), "cut off"),
    "keys out of order": (table(block(row(0, b"b", b"") + row(0, b"a", b""))), "out of order|no list|header"),
    "an entry that is cut": (table(block(b"\0")), "cut"),
}  # fmt: skip


@pytest.mark.parametrize("ending", ["", ".index"])
@pytest.mark.parametrize("lie", TABLES)
def test_tables_with_one_lie(tmp_path, opened, lie, ending):
    data, message = TABLES[lie]
    path = tmp_path / f"model.ckpt{ending}"
    path.write_bytes(data)
    del opened[1:]
    with mutations.bounded_memory(), pytest.raises((DataLossError, UnimplementedError), match=message):
        read_all(tmp_path / "model.ckpt")
    assert set(opened[1:]) == {str(path)}


STATES = [
    "/etc/passwd", "../../../../etc/passwd", "/proc/self/mem", "..", ".", "", "a/../../b", "//host/share/x", "x\\0y",
    "~/model", "$HOME/model", "file:///etc/passwd", "/dev/zero", "model.ckpt-3" * 100,
]  # fmt: skip


@pytest.mark.parametrize("named", STATES)
def test_state_files_that_name_what_is_elsewhere(copied, opened, named):
    path = copied("ckpt_v2/checkpoint")
    path.write_text(f'model_checkpoint_path: "{named}"\n')
    del opened[1:]
    assert checkpoint_files.latest(path.parent) in (None, str(path.parent / "model.ckpt-3"))
    assert not outside(opened, path.parent)


def test_pipes_in_place_of_files_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "checkpoint")
    assert checkpoint_files.latest(tmp_path) is None
    for name in ("m.index", "n", "o.h5"):
        os.mkfifo(tmp_path / name)
        with pytest.raises((InvalidArgumentError, NotFoundError)):
            read_all(tmp_path / name.removesuffix(".index"))
    shutil.copy(FOLDER / "ckpt_v2/model.ckpt-3.index", tmp_path)
    os.mkfifo(tmp_path / "model.ckpt-3.data-00000-of-00001")
    with pytest.raises(InvalidArgumentError, match="no ordinary file"):
        read_all(tmp_path / "model.ckpt-3")


# ---- snappy


def packed(data, compress):
    """The same table, its blocks compressed."""
    out, index = bytearray(), []
    *places, _ = blocks_of(data)
    assert len(places) == 1
    for start, length in places:
        part = compress(data[start : start + length])
        index.append((max(rows_of(data)), len(out), len(part)))
        out += part + b"\1" + masked_crc32c(part + b"\1").to_bytes(4, "little")
    entries = b"".join(row(0, key, wire.varint(at) + wire.varint(size)) for key, at, size in index)
    part = compress(block(entries)[:-5])
    footer = b"\0\0" + wire.varint(len(out)) + wire.varint(len(part))
    out += part + b"\1" + masked_crc32c(part + b"\1").to_bytes(4, "little")
    return bytes(out) + footer.ljust(40, b"\0") + sstable.MAGIC


@pytest.mark.parametrize("prefix", ["ckpt_v1/model.ckpt-3", "ckpt_v2/model.ckpt-3"])
def test_snappy(copied, prefix):
    snappy = pytest.importorskip("cramjam").snappy
    prefix = copied(prefix)
    path = prefix if prefix.exists() else Path(f"{prefix}.index")
    whole, data = read_all(prefix), path.read_bytes()
    path.write_bytes(packed(data, lambda part: bytes(snappy.compress_raw(part))))
    assert path.stat().st_size < len(data)
    assert mutations.unchanged(read_all(prefix), whole)
    path.write_bytes(packed(data, lambda part: wire.varint(2**30) + bytes(20)))
    with mutations.bounded_memory(), pytest.raises(DataLossError, match="A block is too long"):
        read_all(prefix)
    path.write_bytes(packed(data, lambda part: wire.varint(100) + bytes(20)))
    with pytest.raises(DataLossError, match="cannot be decompressed"):
        read_all(prefix)


def test_snappy_without_its_package(copied, monkeypatch):
    prefix = copied("ckpt_v2/model.ckpt-3")
    path = Path(f"{prefix}.index")
    path.write_bytes(packed(path.read_bytes(), lambda part: wire.varint(100) + bytes(20)))
    monkeypatch.setitem(sys.modules, "cramjam", None)
    with pytest.raises(ImportError, match=r"pip install 'npslim\[snappy\]'"):
        read_all(prefix)
