"""TFRecord files that are damaged, cut or made to deceive: everything is noticed, named, and costs little memory."""

import gzip
import struct
import zlib

import numpy as np
import pytest

from npslim import wire
from npslim.crc32c import masked_crc32c
from npslim.data import example, tfrecord
from npslim.errors import DataLossError, OpError

RECORDS = [b"", b"a record", bytes(range(40))]


def framed(record, length=None):
    """A record as the file holds it; `length`: what its header says instead of the truth, with a right checksum."""
    head = struct.pack("<Q", len(record) if length is None else length)
    return head + struct.pack("<I", masked_crc32c(head)) + record + struct.pack("<I", masked_crc32c(record))


WHOLE = b"".join(map(framed, RECORDS))
PACK = {"": bytes, "GZIP": lambda data: gzip.compress(data, mtime=0), "ZLIB": zlib.compress}


def read(path, data, compression=""):
    path.write_bytes(data)
    return list(tfrecord.tf_record_iterator(path, compression))


@pytest.mark.parametrize("compression", PACK)
def test_every_flipped_bit_is_noticed(tmp_path, compression):
    data, path = PACK[compression](WHOLE), tmp_path / "file"
    harmless = 0
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = read(path, flipped, compression)
        except DataLossError as error:
            assert f"{path}, record " in str(error) and "at byte" in str(error)
        else:  # of a compressed file's header, some bits say nothing about the data
            assert compression and found == RECORDS
            harmless += 1
    print(f"{compression or 'plain'}: {8 * len(data)} bits, {harmless} of them harmless, 0 unnoticed")
    assert harmless < 100


@pytest.mark.parametrize("compression", PACK)
def test_every_cut_is_noticed(tmp_path, compression):
    """A plain file that ends between two records is a whole file with fewer of them."""
    data, path = PACK[compression](WHOLE), tmp_path / "file"
    ends = {sum(len(framed(r)) for r in RECORDS[:i]): i for i in range(len(RECORDS))}
    for length in range(len(data)):
        if not compression and length in ends:
            assert read(path, data[:length]) == RECORDS[: ends[length]]
        else:
            with pytest.raises(DataLossError, match=r"cut inside a (header|record)|ends too early"):
                read(path, data[:length], compression)


LIES = {
    **{f"a length of {n}": (framed(b"data", n), "") for n in (3, 5, 1 << 20, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)},
    "a length of the whole file": (framed(b"data", 16 + 4 + 12), ""),
    "a long record in a small gzip file": (gzip.compress(framed(b"data", 1 << 40)), "GZIP"),
    "a length that only a bomb could hold": (gzip.compress(framed(b"", 1 << 32) + bytes(1 << 20)), "GZIP"),
    "gzip that is zlib": (zlib.compress(WHOLE), "GZIP"),
    "zlib that is gzip": (gzip.compress(WHOLE), "ZLIB"),
    "gzip that is plain": (WHOLE, "GZIP"),
    "plain that is gzip": (gzip.compress(WHOLE), ""),
    "more after the compressed data": (zlib.compress(WHOLE) + b"more", "ZLIB"),
    "a text file": (b"label,x,y\n1,2,3\n", ""),
    "zeros": (bytes(64), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_files_that_lie(tmp_path, name):
    resource = pytest.importorskip("resource")
    data, compression = LIES[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataLossError, match=r"file, record 0 at byte 0: (.|\n)*expected(.|\n)*got"):
        read(tmp_path / "file", data, compression)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("count", [500, pytest.param(100_000, marks=pytest.mark.long)], ids=["short", "long"])
def test_mutations_with_right_checksums(tmp_path, count):
    """What a checksum cannot tell: records of any bytes are read as they are, and no Example is more than refused."""
    rng, path = np.random.default_rng(5), tmp_path / "file"
    feature = example.Feature(int64_list=example.Int64List([1, 2, 300]))
    words = example.Feature(bytes_list=example.BytesList([b"some", b"words"]))
    good = example.Example(example.Features({"a": feature, "words": words})).SerializeToString()
    refused = 0
    for _ in range(count):
        mutated = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            mutated[rng.integers(len(mutated))] = rng.integers(256)
        del mutated[len(mutated) - rng.integers(3) * rng.integers(8) :]
        (found,) = read(path, framed(bytes(mutated)))
        assert found == bytes(mutated)
        try:
            example.Example.FromString(found)
        except OpError as error:
            assert isinstance(error, DataLossError)
            refused += 1
    print(f"{count} mutated Examples, {refused} refused, no other exception")
    assert count / 10 < refused < count


def test_keys_and_values_of_another_form_are_passed_over():
    """As protobuf does. A key that is a number once made as many bytes as it says."""
    value = wire.field(2, wire.field(3, wire.field(1, b"\x05")))
    entries = [wire.field(1, 1 << 40) + value, wire.field(1, b"a") + wire.field(2, 7), wire.field(1, b"b") + value]
    message = wire.field(1, b"".join(wire.field(1, entry) for entry in entries))
    found = example.Example.FromString(message).features.feature
    assert sorted(found) == ["", "a", "b"] and found["b"].int64_list.value == [5] == found[""].int64_list.value
    assert found["a"].WhichOneof("kind") is None
