"""The layout of checkpoints: round trips, what other tools see, and damage of every kind."""

import json
import os
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npslim import hdf5
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError

TENSORS = {
    "conv1/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv1/weights/Momentum": np.float32(0.5),
    "flags": np.array([True, False]),
    "names": np.array([b"a", "\u00e9t\u00e9", b""], object),
    "nothing": np.zeros((0, 3), np.int64),
    "global_step": np.array(7, np.int64),
}


@pytest.fixture
def path(tmp_path):
    """A file with TENSORS in it."""
    file = tmp_path / "model.ckpt-7.h5"
    file.write_bytes(hdf5.encode(TENSORS, {"step": 7}))
    return file


def repaired(data, change):
    """The bytes `data` with the JSON index changed by `change`, all lengths and CRCs of the index made right again."""
    length = int.from_bytes(data[8:16], "little")
    index = json.loads(data[20 : 20 + length])
    change(index)
    text = json.dumps(index, separators=(",", ":")).encode()
    head = hdf5.MAGIC + len(text).to_bytes(8, "little") + zlib.crc32(text).to_bytes(4, "little") + text
    return head + bytes(data[len(head) :])


def test_round_trip(path):
    with hdf5.Reader(path) as reader:
        assert reader.names() == sorted(TENSORS)
        assert reader.meta == {"step": 7}
        for name, array in TENSORS.items():
            value = reader.read(name)
            assert value.shape == np.shape(array) == reader.shape(name)
            if name == "names":
                assert value.tolist() == [b"a", "\u00e9t\u00e9".encode(), b""]
            else:
                assert value.dtype == np.asarray(array).dtype == reader.dtype(name)
                np.testing.assert_array_equal(value, array)
        reader.verify()


def test_other_tools_see_the_same_values(path):
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["conv1/weights/:value"][...], TENSORS["conv1/weights"])
        assert file["conv1/weights/Momentum/:value"][()] == np.float32(0.5)
        assert file["global_step/:value"][()] == 7
        dataset = file["conv1/weights/:value"]
        assert dataset.chunks is None and dataset.compression is None and dataset.external is None
        assert not dataset.is_virtual
        links = []
        file.visit(links.append)
        assert all(type(file.get(name, getlink=True)) is h5py.HardLink for name in links)


def test_same_state_same_bytes():
    again = dict(reversed(list(TENSORS.items())))
    assert bytes(hdf5.encode(TENSORS, {"a": 1, "b": 2})) == bytes(hdf5.encode(again, {"b": 2, "a": 1}))


DTYPES = [
    "<f2",
    "<f4",
    "<f8",
    "|i1",
    "<i2",
    "<i4",
    "<i8",
    "|u1",
    "<u2",
    "<u4",
    "<u8",
    "|b1",
    "<c8",
    "<c16",
    ">f4",
    ">i8",
]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_any_array(tmp_path_factory, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    array = data.draw(hnp.arrays(dtype, shape))
    file = tmp_path_factory.mktemp("any") / "x.h5"
    file.write_bytes(hdf5.encode({"x": array}, {}))
    with hdf5.Reader(file) as reader:
        value = reader.read("x")
    assert value.dtype == dtype.newbyteorder("=") and value.shape == shape
    np.testing.assert_array_equal(value, array)


def test_refused_dtype():
    with pytest.raises(InvalidArgumentError, match="dates: a checkpoint cannot hold this dtype"):
        hdf5.encode({"dates": np.array(["2020-01-01"], "datetime64[D]")}, {})


def test_missing_file(tmp_path):
    with pytest.raises(NotFoundError, match="There is no checkpoint"):
        hdf5.Reader(tmp_path / "none.h5")


def test_missing_tensor(path):
    with hdf5.Reader(path) as reader, pytest.raises(NotFoundError, match="has no tensor 'x'"):
        reader.read("x")


def test_other_kinds_of_files(tmp_path):
    with pytest.raises(InvalidArgumentError, match="no ordinary file"):
        hdf5.Reader(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="no ordinary file"):
        hdf5.Reader(tmp_path / "pipe")
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(InvalidArgumentError, match="not a checkpoint of npslim"):
        hdf5.Reader(tmp_path / "plain.h5")


def covered(data):
    """The places of bytes that a CRC covers, or that the header is made of."""
    length = int.from_bytes(data[8:16], "little")
    rows = json.loads(data[20 : 20 + length])["tensors"]
    places = set(range(20 + length))
    for _, _, offset, nbytes, _ in rows.values():
        places.update(range(offset, offset + nbytes))
    return sorted(places)


def flips(path, places, bits):
    """How many flipped bits at `places` went unnoticed."""
    data = bytearray(path.read_bytes())
    silent = 0
    for place in places:
        for bit in bits:
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                with hdf5.Reader(path) as reader:
                    reader.verify()
                silent += 1
            except OpError:
                pass
            data[place] ^= 1 << bit
    return silent


def test_flipped_bits(path):
    places = covered(path.read_bytes())
    assert flips(path, places[::3], [0]) == 0
    assert flips(path, places[1::7], [7]) == 0


@pytest.mark.long
def test_every_flipped_bit(path):
    assert flips(path, covered(path.read_bytes()), range(8)) == 0


def test_a_damaged_tensor_is_named(path):
    data = bytearray(path.read_bytes())
    at = bytes(data).index(TENSORS["conv1/weights"].tobytes())
    data[at + 5] ^= 4
    path.write_bytes(data)
    with hdf5.Reader(path) as reader:
        np.testing.assert_array_equal(reader.read("flags"), TENSORS["flags"])
        with pytest.raises(DataLossError, match=f"tensor conv1/weights at offset {at} has another CRC-32"):
            reader.read("conv1/weights")


def test_every_truncation(path):
    data = path.read_bytes()
    last = max(covered(data)) + 1
    for length in [*range(0, 600), *range(600, last, 37), last - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(OpError), hdf5.Reader(path) as reader:
            reader.verify()


def rewritten(row, place, value):
    def change(index):
        index["tensors"]["conv1/weights"][place] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        rewritten("w", 0, "|O"),
        rewritten("w", 0, "<f8"),
        rewritten("w", 0, "<U9"),
        rewritten("w", 1, [2**40, 2**40, 2**40]),
        rewritten("w", 1, [-2, 3, 4]),
        rewritten("w", 1, [2, 3, 5]),
        rewritten("w", 1, "2,3,4"),
        rewritten("w", 2, 10**12),
        rewritten("w", 2, -1),
        rewritten("w", 2, True),
        rewritten("w", 3, 2**62),
        rewritten("w", 3, 95),
        rewritten("w", 4, 1.5),
        lambda index: index["tensors"].update(bad=[1, 2]),
        lambda index: index.update(tensors=[]),
        lambda index: index.pop("meta"),
        lambda index: index["tensors"].update(twin=index["tensors"]["conv1/weights"]),
    ],
)
def test_lies_with_good_crcs(path, change):
    path.write_bytes(repaired(path.read_bytes(), change))
    with pytest.raises(DataLossError, match="is damaged"), hdf5.Reader(path) as reader:
        reader.verify()
