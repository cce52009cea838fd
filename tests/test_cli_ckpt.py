"""`python -m npslim ckpt`, and the files of arrays that it converts from and to."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from npslim import checkpoint_files as files
from npslim.array_files import open_arrays, write_arrays
from npslim.cli import main
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError

FOLDER = Path(__file__).parent / "golden/files"
V2 = str(FOLDER / "ckpt_v2/model.ckpt-3")
ARRAYS = {
    "a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 3), np.int64),
    "flag": np.array([True, False]), "half": np.array([1.5, -2], np.float16), "n": np.array(7, np.uint8),
}  # fmt: skip


def ckpt(capsys, *arguments):
    status = main(["ckpt", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_ls(capsys):
    status, out, _ = ckpt(capsys, "ls", V2, "--only", "^fc/w|string")
    assert status == 0
    assert out.splitlines() == [
        "fc/weights         float32   [256, 5]", "fc/weights/Adam    float32   [256, 5]",
        "fc/weights/Adam_1  float32   [256, 5]", "misc/string        string    [3]", "4 tensors, 3,843 values, 0.0 MiB",
    ]  # fmt: skip
    assert "24 tensors" in ckpt(capsys, "ls", FOLDER / "ckpt_v1")[1]


def test_a_reader_who_has_seen_enough():
    """As in `ckpt ls ... | head -1`."""
    command = [sys.executable, "-m", "npslim", "ckpt", "ls", str(FOLDER / "many/model.ckpt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_show(capsys, tmp_path):
    write_arrays(tmp_path / "x.npz", {"x": np.array([0, 2.0, np.nan, 4])})
    out = ckpt(capsys, "show", tmp_path / "x.npz", "x")[1]
    assert out.splitlines() == [
        "x  float64 [4]", "min 0  max 4  mean 2  deviation 1.63299", "1 zeros, 1 not finite", "[ 0.  2. nan  4.]",
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".h5", "", ".npz", ".safetensors"])
def test_formats_give_back_what_they_got(ending, tmp_path, capsys):
    write_arrays(tmp_path / f"x{ending}", ARRAYS)
    with open_arrays(tmp_path / f"x{ending}") as reader:
        reader.verify()
        assert reader.names() == sorted(ARRAYS)
        for name, value in ARRAYS.items():
            assert (reader.dtype(name), reader.shape(name)) == (value.dtype, value.shape)
            np.testing.assert_array_equal(reader.read(name), value, strict=True)
        with pytest.raises(NotFoundError, match="nothing"):
            reader.read("nothing")
    assert ckpt(capsys, "verify", tmp_path / f"x{ending}")[0] == 0


def test_convert(capsys, tmp_path):
    assert ckpt(capsys, "convert", V2, tmp_path / "own.h5")[0] == 0
    assert ckpt(capsys, "convert", tmp_path / "own.h5", tmp_path / "back")[0] == 0
    status, out, _ = ckpt(capsys, "diff", V2, tmp_path / "back")
    assert (status, out) == (0, "27 names in both, 0 differences\n")
    arguments = ("convert", V2, tmp_path / "part.safetensors", "--only", "^fc", "--rename", "^fc=logits")
    assert ckpt(capsys, *arguments)[1] == f"{tmp_path / 'part.safetensors'}: 6 tensors\n"
    with open_arrays(tmp_path / "part.safetensors") as reader, open_arrays(V2) as source:
        np.testing.assert_array_equal(reader.read("logits/biases/Adam"), source.read("fc/biases/Adam"), strict=True)
    status, _, err = ckpt(capsys, "convert", V2, tmp_path / "x.npz", "--rename", "Adam_1=Adam")
    assert status == 1
    assert "Two tensors would have one name" in err
    status, _, err = ckpt(capsys, "convert", V2, tmp_path / "x.npz", "--rename", "Adam")
    assert "A rule of --rename has no =" in err


def test_diff(capsys, tmp_path):
    changed = ARRAYS | {"a/b": ARRAYS["a/b"] + np.float32(0.5), "n": np.array([7], np.uint8), "more": np.zeros(1)}
    del changed["flag"]
    first, second = tmp_path / "1.npz", tmp_path / "2.npz"
    write_arrays(first, ARRAYS)
    write_arrays(second, changed)
    status, out, _ = ckpt(capsys, "diff", first, second)
    assert status == 1
    assert out.splitlines() == [
        f"only in {first}: flag", f"only in {second}: more", "a/b: 6 of 6 values differ, by 0.5 at most",
        "n: uint8 [], uint8 [1]", "4 names in both, 4 differences",
    ]  # fmt: skip
    assert "a/b" not in ckpt(capsys, "diff", first, second, "--tolerance", "0.5")[1]


def test_verify_names_the_damage(capsys, tmp_path):
    for path in Path(V2).parent.iterdir():
        shutil.copy(path, tmp_path)
    data = tmp_path / "model.ckpt-3.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[5000] ^= 1
    data.write_bytes(content)
    status, out, _ = ckpt(capsys, "verify", tmp_path / "model.ckpt-3", V2)
    assert status == 1
    assert "has another CRC-32C" in out
    assert out.splitlines()[-1] == f"{V2}: 27 tensors, all as they were written"


def test_average(capsys, tmp_path):
    for i in range(3):
        step = {"w": np.full((2,), i, np.float32), "global_step": np.array(i, np.int64)}
        files.save(str(tmp_path / f"m-{i}"), step, {"step": i, "draws": {}})
    assert ckpt(capsys, "average", tmp_path / "mean.h5", *(tmp_path / f"m-{i}" for i in range(3)))[0] == 0
    with open_arrays(tmp_path / "mean.h5") as reader:
        np.testing.assert_array_equal(reader.read("w"), np.ones(2, np.float32), strict=True)
        assert reader.read("global_step") == 2
    write_arrays(tmp_path / "other.npz", {"v": np.zeros(2)})
    status, _, err = ckpt(capsys, "average", tmp_path / "mean.h5", tmp_path / "m-0", tmp_path / "other.npz")
    assert status == 1
    assert "holds other tensors" in err


def safetensors(header, data=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return len(text).to_bytes(8, "little") + text + data


def test_safetensors_by_the_letter(tmp_path):
    path = tmp_path / "x.safetensors"
    row = {"dtype": "BF16", "shape": [2, 1], "data_offsets": [2, 6]}
    other = {"dtype": "I8", "shape": [2], "data_offsets": [0, 2]}
    path.write_bytes(safetensors({"__metadata__": {"a": "b"}, "x": row, "y": other}, b"\xff\x01\x80\x3f\x20\xc0"))
    with open_arrays(path) as reader:
        assert reader.names() == ["x", "y"]
        np.testing.assert_array_equal(reader.read("x"), np.array([[1], [-2.5]], np.float32), strict=True)
        np.testing.assert_array_equal(reader.read("y"), np.array([-1, 1], np.int8), strict=True)


@pytest.mark.parametrize("content", [
    b"", b"123", (1 << 60).to_bytes(8, "little"), safetensors(b"{"), safetensors([]), safetensors(b"[" * 100_000),
    safetensors({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}),
    safetensors({"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)),
    safetensors({"x": {"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
    safetensors({"x": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}}, bytes(8)),
    safetensors({"x": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}, bytes(8)),
])  # fmt: skip
def test_damaged_safetensors(content, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataLossError, match="is damaged: its header"):
        open_arrays(path)


def test_damaged_npz(tmp_path):
    path = tmp_path / "x.npz"
    write_arrays(path, ARRAYS)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(DataLossError, match="cannot be read"):
        open_arrays(path)
    at = good.index(ARRAYS["a/b"].tobytes())
    path.write_bytes(good[:at] + b"\xff" + good[at + 1 :])
    with open_arrays(path) as reader, pytest.raises(DataLossError, match="array a/b cannot be read"):
        reader.read("a/b")


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.array([{}], object))
    with open_arrays(path) as reader, pytest.raises(DataLossError, match="pickle"):
        reader.read("x")


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_strings_are_refused_where_they_have_no_place(ending, tmp_path):
    with pytest.raises(InvalidArgumentError):
        write_arrays(tmp_path / f"x{ending}", {"x": np.array([b"a"], object)})
