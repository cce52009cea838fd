"""TensorFlow's own checkpoints: read as TensorFlow wrote them, written as TensorFlow would, refused when damaged."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import npslim as slim
from npslim import checkpoint_files as files
from npslim import sstable, tf_checkpoint, wire
from npslim.checkpoint_reader import NewCheckpointReader
from npslim.crc32c import masked_crc32c
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError
from npslim.tf_checkpoint.common import ordered

GOLDEN = Path(__file__).parent / "golden"
FOLDER = GOLDEN / "files"
VALUES = dict(np.load(GOLDEN / "checkpoints.npz"))
PREFIXES = {
    "ckpt": ["ckpt_v1/model.ckpt-3", "ckpt_v2/model.ckpt-3"],
    "sharded_v1": ["sharded_v1/model.ckpt-5"],
    "sharded_v2": ["sharded_v2/model.ckpt-5"],
}
CHECKPOINTS = [(group, prefix) for group, prefixes in PREFIXES.items() for prefix in prefixes]


def read_all(prefix):
    with files.open_checkpoint(prefix) as reader:
        return {name: reader.read(name) for name in reader.names()}


@pytest.mark.parametrize(("group", "prefix"), CHECKPOINTS)
def test_every_tensor_is_read_to_the_bit(group, prefix):
    expected = {key.removeprefix(f"{group}/"): v for key, v in VALUES.items() if key.startswith(f"{group}/")}
    with files.open_checkpoint(FOLDER / prefix) as reader:
        shared = set(reader.names()) & set(expected)
        assert set(reader.names()) - shared <= {"misc/string", "part/w"}
        parts = {f"part/w/part_{i}" for i in range(3)}
        assert set(expected) - shared <= {"misc/bfloat16", "misc/half"} | parts  # V1 cannot hold the first two
        for name in shared:
            assert reader.dtype(name) == reader.read(name).dtype == expected[name].dtype
            assert reader.shape(name) == expected[name].shape
            np.testing.assert_array_equal(reader.read(name), expected[name], strict=True)


def test_strings_and_parts():
    found = read_all(FOLDER / "ckpt_v2/model.ckpt-3")
    assert found["misc/string"].tolist() == [b"abc", b"", b"\x00\xff"]
    parts = [VALUES[f"ckpt/part/w/part_{i}"] for i in range(3)]
    np.testing.assert_array_equal(found["part/w"], np.concatenate(parts), strict=True)
    np.testing.assert_array_equal(read_all(FOLDER / "ckpt_v1/model.ckpt-3")["part/w"], found["part/w"], strict=True)


def test_npslim_continues_what_tensorflow_trained():
    x = slim.placeholder(slim.float32, [None, 8, 8, 3])
    net = slim.conv2d(
        x, 4, [3, 3], normalizer_fn=slim.batch_norm, normalizer_params={"is_training": True}, scope="conv1"
    )
    logits = slim.fully_connected(slim.flatten(net), 5, activation_fn=None, scope="fc")
    for prefix in PREFIXES["ckpt"]:
        session = slim.Session()
        slim.Saver().restore(session, str(FOLDER / prefix))
        np.testing.assert_allclose(session.run(logits, {x: VALUES["input"]}), VALUES["output"], rtol=2e-6, atol=1e-6)


def test_assign_from_checkpoint():
    weights = slim.get_variable("other/weights", [256, 5])
    session = slim.Session()
    slim.assign_from_checkpoint_fn(str(FOLDER / "ckpt_v1/model.ckpt-3"), {"fc/weights": weights})(session)
    np.testing.assert_array_equal(session.run(weights), VALUES["ckpt/fc/weights"])
    op, feeds = slim.assign_from_checkpoint(str(FOLDER / "ckpt_v2/model.ckpt-3"), {"fc/weights/Adam": weights})
    session.run(op, feeds)
    np.testing.assert_array_equal(session.run(weights), VALUES["ckpt/fc/weights/Adam"])


def test_what_does_not_fit_is_said_at_once():
    slim.get_variable("fc/weights", [5, 256])
    slim.get_variable("fc/biass", [5])
    with pytest.raises(NotFoundError) as caught:
        slim.Saver().restore(slim.Session(), str(FOLDER / "ckpt_v2/model.ckpt-3"))
    assert "fc/weights: [256, 5] in the checkpoint, [5, 256] in the graph" in str(caught.value)
    assert "fc/biass: not in the checkpoint (nearest: fc/biases)" in str(caught.value)


def test_names_of_files():
    prefix = str(FOLDER / "ckpt_v2/model.ckpt-3")
    for name in (prefix, f"{prefix}.index", f"{prefix}.data-00000-of-00001"):
        assert files.exists(name)
        assert files.step_of(name) == 3
        assert len(read_all(name)) == 27
    assert (
        read_all(FOLDER / "sharded_v1/model.ckpt-5-?????-of-00002").keys()
        == read_all(FOLDER / "sharded_v1/model.ckpt-5").keys()
    )
    assert files.latest(FOLDER / "ckpt_state") == str(FOLDER / "ckpt_state/m.ckpt-4")
    assert files.latest(FOLDER / "ckpt_v1") == str(FOLDER / "ckpt_v1/model.ckpt-3")  # its state file names no folder
    assert files.latest(FOLDER / "sharded_v2") == str(FOLDER / "sharded_v2/model.ckpt-5")  # without a state file
    assert not files.exists(FOLDER / "ckpt_v2/model.ckpt-4")
    with pytest.raises(NotFoundError, match=r"model\.ckpt-4"):
        files.open_checkpoint(FOLDER / "ckpt_v2/model.ckpt-4")


def test_a_state_file_of_another_machine(tmp_path):
    shutil.copytree(FOLDER / "ckpt_v2", tmp_path / "moved")
    (tmp_path / "moved/checkpoint").write_text('model_checkpoint_path: "/home/somebody/train/model.ckpt-3"\n')
    assert files.latest(tmp_path / "moved") == str(tmp_path / "moved/model.ckpt-3")


def test_reader_by_tensorflows_names():
    reader = NewCheckpointReader(str(FOLDER / "ckpt_v2/model.ckpt-3"))
    assert reader.get_variable_to_shape_map()["fc/weights"] == [256, 5]
    assert reader.get_variable_to_dtype_map()["misc/string"] == slim.string
    np.testing.assert_array_equal(reader.get_tensor("misc/int32"), VALUES["ckpt/misc/int32"])


# ---- writing


@pytest.mark.parametrize("prefix", ["ckpt_state/m.ckpt-3", "many/model.ckpt"])
def test_written_as_tensorflow_writes_them(prefix):
    prefix = FOLDER / prefix
    index, data = tf_checkpoint.encode(read_all(prefix))
    assert index == Path(f"{prefix}.index").read_bytes()
    assert data == Path(f"{prefix}.data-00000-of-00001").read_bytes()


def test_round_trip(tmp_path):
    tensors = read_all(FOLDER / "ckpt_v2/model.ckpt-3")
    tensors["text"] = np.array([["größer", b"\xff"], ["", "x" * 1000]], object)
    tensors["c"] = np.array([1j, 2])
    files.save_for_tensorflow(tmp_path / "out/model.ckpt-1", tensors)
    found = read_all(tmp_path / "out/model.ckpt-1")
    tensors["text"] = np.array([["größer".encode(), b"\xff"], [b"", b"x" * 1000]], object)
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value, strict=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "model.ckpt-1.data-00000-of-00001", "model.ckpt-1.index",
    ]  # fmt: skip


def test_tables_of_many_blocks(tmp_path):
    rng = np.random.default_rng(0)
    rows = sorted(
        {
            bytes(rng.integers(0, 256, rng.integers(1, 40), np.uint8)): bytes(rng.integers(0, 300)) for _ in range(9000)
        }.items()
    )
    path = tmp_path / "table"
    path.write_bytes(sstable.encode(rows))
    with open(path, "rb") as file:
        table = sstable.Table(file, str(path))
        assert [(key, bytes(value)) for key, value in table.items()] == rows
        assert len(table._index) > 3
        for key, value in rows[::100]:
            assert bytes(table.get(key)) == value
        assert table.get(rows[-1][0] + b"\xff") is None
        assert table.get(rows[0][0] + b"\0nothing") is None


def test_keys_of_slices_sort_as_they_should():
    numbers = [-(2**40), -8193, -8192, -65, -64, -2, -1, 0, 1, 63, 64, 8191, 8192, 2**20, 2**50]
    codes = [ordered(n) for n in numbers]
    assert codes == sorted(codes)
    assert codes[numbers.index(0)] == b"\x80"
    assert codes[numbers.index(64)] == b"\xc0\x40"
    assert codes[numbers.index(-1)] == b"\x7f"
    assert tf_checkpoint.slice_key("a\0b", [(0, -1)]) == b"\0a\0\xffb\0\1\1\1\x80\x7f"


def test_dtypes_that_tensorflow_does_not_have():
    with pytest.raises(InvalidArgumentError, match="no such dtype"):
        tf_checkpoint.encode({"x": np.zeros(2, "M8[s]")})


# ---- damage


def entry(dtype=1, sizes=(2,), shard=0, offset=0, size=8, crc=True, extra=b""):
    shape = b"".join(wire.field(2, wire.field(1, n)) for n in sizes)
    message = b"".join(wire.field(k, v) for k, v in ((1, dtype), (2, shape), (3, shard), (4, offset), (5, size)))
    return message + extra + (b"\x35" + masked_crc32c(bytes(8)).to_bytes(4, "little") if crc else b"")


HEADER = (b"", wire.field(1, 1))
LIES = [
    ("lies nowhere", [HEADER, (b"x", entry(shard=7))]),
    ("lies nowhere", [HEADER, (b"x", entry(offset=-1))]),
    ("is cut off", [HEADER, (b"x", entry(sizes=(2**30,), size=2**32))]),
    ("size of tensor x at offset 0 is wrong", [HEADER, (b"x", entry(sizes=(2**30,)))]),
    ("no possible shape", [HEADER, (b"x", entry(sizes=(-2,)))]),
    ("no possible shape", [HEADER, (b"x", entry(sizes=(1,) * 40))]),
    ("no possible shape", [HEADER, (b"x", entry(sizes=(0, 2**62), size=0))]),
    ("overlap", [HEADER, (b"x", entry()), (b"y", entry())]),
    ("header is malformed", [(b"", b""), (b"x", entry())]),
    ("header is malformed", [(b"", wire.field(1, 10**9))]),
    ("cannot be read", [HEADER, (b"x", b"\x0a\xff")]),
    ("slice of tensor x is missing", [HEADER, (b"x", entry(extra=wire.field(7, wire.field(1, wire.field(2, 1)))))]),
    ("does not lie in it", [HEADER, (b"x", entry(extra=wire.field(7, wire.field(1, wire.field(2, 9)))))]),
    ("a CRC of 4 bytes", [HEADER, (b"x", entry(crc=False) + wire.field(6, 1))]),
    ("strings of tensor x do not add up", [HEADER, (b"x", entry(dtype=7, sizes=(1,)))]),
]


@pytest.mark.parametrize(("message", "rows"), LIES, ids=[f"{i}" for i in range(len(LIES))])
def test_lies_under_valid_checksums(message, rows, tmp_path):
    prefix = tmp_path / "model.ckpt"
    Path(f"{prefix}.index").write_bytes(sstable.encode(rows))
    Path(f"{prefix}.data-00000-of-00001").write_bytes(bytes(8))
    with pytest.raises(DataLossError, match=message):
        read_all(prefix)


def test_a_dtype_that_npslim_does_not_have(tmp_path):
    prefix = tmp_path / "model.ckpt"
    Path(f"{prefix}.index").write_bytes(sstable.encode([HEADER, (b"x", entry(dtype=21))]))
    with pytest.raises(UnimplementedError, match="tensor x has a dtype"):
        read_all(prefix)


def test_a_missing_shard(tmp_path):
    for path in (FOLDER / "sharded_v2").iterdir():
        if "00001-of" not in path.name:
            shutil.copy(path, tmp_path)
    with files.open_checkpoint(tmp_path / "model.ckpt-5") as reader:
        np.testing.assert_array_equal(reader.read("a"), VALUES["sharded_v2/a"])
        with pytest.raises(NotFoundError, match="data-00001-of-00002"):
            reader.read("b")


def test_a_missing_shard_of_v1(tmp_path):
    shutil.copy(FOLDER / "sharded_v1/model.ckpt-5-00000-of-00002", tmp_path)
    with pytest.raises(NotFoundError, match="Shards of the checkpoint are missing"):
        files.open_checkpoint(tmp_path / "model.ckpt-5")


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "model.ckpt"
    path.write_bytes(sstable.encode([(b"key", b"value")]))
    with pytest.raises(DataLossError, match="no list of tensors"):
        files.open_checkpoint(path)
    path.write_bytes(b"hello")
    with pytest.raises(InvalidArgumentError, match="not a checkpoint of npslim"):
        files.open_checkpoint(path)
