"""How checkpoints get to the disk: a fault at any file operation leaves a good one; the error says what happened."""

import errno
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from npslim import _io
from npslim import checkpoint_files as files
from npslim.hdf5 import Reader


def tensors(step):
    return {"w": np.full((5, 7), step, np.float32), "step": np.array(step)}


def save(folder, step, kept=()):
    """Save step `step`, note it, and delete what is not to be kept."""
    prefix = os.path.join(folder, f"model.ckpt-{step}")
    files.save(prefix, tensors(step), {"step": step})
    files.write_state(folder, prefix, [*kept, prefix])
    return prefix


def loaded(folder):
    """The step of the latest checkpoint, all of whose tensors must be of that step."""
    with Reader(files.path_of(files.latest(folder))) as reader:
        step = int(reader.read("step"))
        assert (reader.read("w") == step).all() and reader.meta == {"step": step}
    return step


def count_operations(folder):
    seen = []
    with _io.faults(lambda number, operation, path: seen.append(operation)):
        save(folder, 2)
    return seen


def test_order_of_operations(tmp_path):
    save(tmp_path, 1)
    assert count_operations(tmp_path) == ["create", "write", "fsync", "close", "rename", "fsync folder"] * 2


def test_names(tmp_path):
    assert files.path_of("a/model.ckpt-10") == files.path_of("a/model.ckpt-10.h5") == "a/model.ckpt-10.h5"
    assert files.prefix_of("a/model.ckpt-10.h5") == "a/model.ckpt-10"
    assert files.step_of("a/model.ckpt-10.h5") == 10 and files.step_of("a/model.ckpt") is None


def test_interrupted_calls_are_tried_again(tmp_path):
    seen = []

    def plan(number, operation, path):
        seen.append(operation)
        if number % 2:
            raise InterruptedError(errno.EINTR, "injected")

    with _io.faults(plan):
        save(tmp_path, 1)
    assert loaded(tmp_path) == 1 and len(seen) == 24


def child(code, *args):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)], capture_output=True, text=True, check=False
    )


def test_a_killed_writer_is_swept_up_after(tmp_path):
    save(tmp_path, 1)
    done = child(
        """
        import os, sys, numpy as np
        from npslim import _io, checkpoint_files as files
        def plan(number, operation, path):
            if operation == "rename":
                os._exit(9)
        with _io.faults(plan):
            files.save(sys.argv[1] + "/model.ckpt-2", {"w": np.zeros(3)}, {})
        """,
        tmp_path,
    )
    assert done.returncode == 9
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]
    assert loaded(tmp_path) == 1
    save(tmp_path, 3)
    assert loaded(tmp_path) == 3
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_a_living_writer_is_left_alone(tmp_path):
    mine = tmp_path / os.path.basename(files._temporary(str(tmp_path / "model.ckpt-2.h5")))
    mine.write_bytes(b"half")
    save(tmp_path, 1)
    assert mine.exists()


def test_state_file(tmp_path):
    save(tmp_path, 1)
    second = save(tmp_path, 2, kept=[str(tmp_path / "model.ckpt-1")])
    assert (tmp_path / "checkpoint").read_text() == (
        'model_checkpoint_path: "model.ckpt-2"\n'
        'all_model_checkpoint_paths: "model.ckpt-1"\nall_model_checkpoint_paths: "model.ckpt-2"\n'
    )
    assert files.read_state(tmp_path) == (second, [str(tmp_path / "model.ckpt-1"), second])


@pytest.mark.parametrize("text", [None, "", "model_checkpoint_path", 'model_checkpoint_path: "gone"', "\x00\xff\x00"])
def test_missing_or_garbled_state(tmp_path, text):
    save(tmp_path, 9)
    save(tmp_path, 10)
    state = tmp_path / "checkpoint"
    if text is None:
        state.unlink()
    else:
        state.write_text(text, encoding="latin-1")
    assert loaded(tmp_path) == 10


def test_a_damaged_file_is_passed_over(tmp_path):
    save(tmp_path, 1)
    last = save(tmp_path, 2)
    (tmp_path / "checkpoint").unlink()
    data = bytearray((tmp_path / "model.ckpt-2.h5").read_bytes())
    data[bytes(data).index(tensors(2)["w"].tobytes())] ^= 1
    (tmp_path / "model.ckpt-2.h5").write_bytes(data)
    assert last.endswith("-2") and loaded(tmp_path) == 1


def test_a_state_file_cannot_point_elsewhere(tmp_path):
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "here"
    elsewhere.mkdir(), folder.mkdir()
    save(elsewhere, 5)
    save(folder, 1)
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{elsewhere}/model.ckpt-5"\n')
    assert loaded(folder) == 1


def test_nothing_there(tmp_path):
    assert files.latest(tmp_path) is None
    assert files.latest(tmp_path / "none") is None
