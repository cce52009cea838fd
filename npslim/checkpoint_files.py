"""How checkpoints get to the disk, and which one is the latest.

Save: a temporary file in the same folder -> written, fsync -> opened again and verified -> renamed -> the folder
fsynced -> the state file `checkpoint` the same way (TensorFlow's text form, names relative to the folder) -> only then
are old ones deleted, and temporary files of dead writers swept. So at any instant the folder holds a complete
checkpoint, and a state file that names one or is ignored.

A checkpoint is named by its prefix, `model.ckpt-10`; the file is `model.ckpt-10.h5`. Both are accepted everywhere, and
so are TensorFlow's own checkpoints, by their prefix.
"""

import contextlib
import os
import re
import zlib

from npslim import _io, sstable, tf_checkpoint
from npslim.errors import CheckpointWriteError, NotFoundError, OpError
from npslim.hdf5 import Reader, encode
from npslim.hdf5_tree import is_hdf5
from npslim.logs import logger

ENDING = ".h5"
_NODE = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
_STEP = re.compile(r"-(\d+)$")
_TEMPORARY = re.compile(r"\.(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.tmp$")


def prefix_of(path):
    """The prefix of a checkpoint, given that or its file."""
    path = os.fspath(path)
    return tf_checkpoint.prefix_of(path.removesuffix(ENDING))


def path_of(prefix):
    """The file of a checkpoint, given that or its prefix."""
    return prefix_of(prefix) + ENDING


def open_checkpoint(path):
    """A reader of the checkpoint of that prefix or file: npslim's, TensorFlow's V2 or TensorFlow's V1, or HDF5 that
    another program wrote.

    Raises NotFoundError if there is none, DataLossError for a damaged one.
    """
    path = os.fspath(path)
    bundle = tf_checkpoint.prefix_of(path)
    if os.path.exists(path_of(path)):
        return _open_hdf5(path_of(path))
    if os.path.exists(bundle + tf_checkpoint.INDEX):
        return tf_checkpoint.BundleReader(bundle)
    if sstable.is_table(path) or tf_checkpoint.shards_of(path):
        return tf_checkpoint.SlicesReader(path)
    if os.path.isfile(path):
        return _open_hdf5(path)
    raise NotFoundError(
        f"There is no checkpoint {path}.", expected=f"{path_of(path)}, {bundle}{tf_checkpoint.INDEX}, or a file {path}",
        got="no file of these names",
    )  # fmt: skip


def _open_hdf5(path):
    """npslim's own reader, which says what is wrong with anything else; for other HDF5 the reader of that."""
    if not is_hdf5(path):
        return Reader(path)
    from npslim.foreign_hdf5 import ForeignReader  # noqa: PLC0415 - checkpoints are npslim's own, as a rule

    return ForeignReader(path)


def exists(path):
    """Whether there is a checkpoint of that prefix or file, whole or not."""
    path = os.fspath(path)
    names = (path_of(path), tf_checkpoint.prefix_of(path) + tf_checkpoint.INDEX)
    return any(os.path.isfile(name) for name in names) or sstable.is_table(path) or bool(tf_checkpoint.shards_of(path))


def step_of(prefix):
    """The number at the end of a prefix, or None."""
    found = _STEP.search(prefix_of(prefix))
    return int(found.group(1)) if found else None


def save(prefix, tensors, meta):
    """Write a checkpoint of `tensors`, {name: array}. Raises CheckpointWriteError; what was there before is intact
    then.
    """
    folder = os.path.dirname(os.fspath(prefix)) or "."
    os.makedirs(folder, exist_ok=True)
    image = encode(tensors, meta)
    replace_file(path_of(prefix), image, verify=lambda path: _verify(path))


def _verify(path):
    with Reader(path) as reader:
        reader.verify()


def write_state(folder, latest_prefix, prefixes, name="checkpoint"):
    """Write the state file: the latest checkpoint and all that are kept, by names relative to the folder."""
    folder = folder or "."
    lines = [f'model_checkpoint_path: "{_relative(latest_prefix, folder)}"']
    lines += [f'all_model_checkpoint_paths: "{_relative(prefix, folder)}"' for prefix in prefixes]
    replace_file(os.path.join(folder, name), ("\n".join(lines) + "\n").encode())
    sweep(folder)


def _relative(prefix, folder):
    text = os.path.relpath(prefix_of(prefix), folder)
    return text.replace("\\", "\\\\").replace('"', '\\"')


def read_state(folder, name="checkpoint"):
    """(latest prefix, all prefixes) of a state file, or None if it is missing or garbled. Foreign folders are not
    followed.
    """
    try:
        with _io.open_regular(os.path.join(folder, name)) as file:
            text = file.read(1 << 20).decode()
    except (OpError, OSError, UnicodeDecodeError):
        return None
    found = re.findall(r'^\s*(model_checkpoint_path|all_model_checkpoint_paths):\s*"((?:[^"\\]|\\.)*)"\s*$', text, re.M)
    found = [(key, value) for key, value in found if value and "\0" not in value]
    paths = [(key, os.path.join(folder, os.path.basename(re.sub(r"\\(.)", r"\1", value)))) for key, value in found]
    latest = [path for key, path in paths if key == "model_checkpoint_path"]
    return (latest[0], [path for key, path in paths if key != "model_checkpoint_path"]) if latest else None


def latest(folder, name="checkpoint"):
    """The prefix of the newest good checkpoint in `folder`: the one the state file names, else the highest step that
    verifies; None if there is none."""
    folder = os.fspath(folder)
    state = read_state(folder, name)
    if state is not None and _opens(state[0]):
        return prefix_of(state[0])
    for prefix in reversed(all_in(folder)):
        try:
            with open_checkpoint(prefix) as reader:
                reader.verify()
        except (OpError, OSError) as error:
            logger.warning("passing over %s: %s", prefix, str(error).split("\n")[0])
        else:
            return prefix
    return None


def _opens(path):
    try:
        with open_checkpoint(path):
            return True
    except (OpError, OSError):
        return False


def all_in(folder):
    """The prefixes of the checkpoints in `folder` that carry a step, by rising step."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    prefixes = {prefix_of(os.path.join(folder, name)) for name in names if name.endswith((ENDING, tf_checkpoint.INDEX))}
    return sorted((p for p in prefixes if step_of(p) is not None), key=lambda p: (step_of(p), p))


def save_beside(prefix, suffix, data):
    """Write `<prefix>.<suffix>`, a file that goes with the checkpoint. Raises CheckpointWriteError."""
    replace_file(f"{prefix_of(prefix)}.{suffix}", data)


def remove(prefix, suffix="meta"):
    """Delete a checkpoint of npslim's, which is too old, and `<prefix>.<suffix>` that was saved beside it.

    TensorFlow's stay, with what is beside them; so does one that cannot be deleted.
    """
    path, beside = path_of(prefix), f"{prefix_of(prefix)}.{suffix}"
    ours = os.path.isfile(beside) and os.path.isfile(path)
    _remove(path)
    if ours and not exists(prefix):
        _remove(beside)


def _remove(path):
    try:
        _io.remove(path)
    except OSError as error:
        logger.warning("%s could not be deleted: %s", path, error)


def save_for_tensorflow(prefix, tensors):
    """Write `tensors`, {name: array}, as TensorFlow's V2 checkpoint: `<prefix>.index` and `<prefix>.data-...`.

    Raises CheckpointWriteError, and InvalidArgumentError for a dtype that TensorFlow does not have.
    """
    index, data = tf_checkpoint.encode(tensors)
    os.makedirs(os.path.dirname(os.fspath(prefix)) or ".", exist_ok=True)
    replace_file(tf_checkpoint.data_path(prefix), data)
    replace_file(f"{prefix}{tf_checkpoint.INDEX}", index)


# ---- replacing a file at once


def _temporary(path):
    return f"{path}.{_host()}-{os.getpid()}-{os.urandom(4).hex()}.tmp"


def _host():
    return f"{zlib.crc32(_NODE.encode()):08x}"


def replace_file(path, data, verify=None):
    """Put `data` under the name `path`, all of it or not at all. Raises CheckpointWriteError."""
    folder, temporary = os.path.dirname(path) or ".", _temporary(path)
    try:
        _write_new(temporary, data)
        if verify is not None:
            verify(temporary)
        _io.rename(temporary, path)
        _io.fsync_folder(folder)
    except (OSError, OpError) as error:
        with contextlib.suppress(OSError):
            _io.remove(temporary)
        free = _io.free_bytes(folder)
        raise CheckpointWriteError(
            f"{path} could not be written: {error}", expected=f"room for {len(data)} bytes",
            got="unknown free space" if free is None else f"{free} bytes free",
            hint="the checkpoint before it is intact",
        ) from error  # fmt: skip


def _write_new(path, data):
    fd = _io.create(path)
    try:
        _io.write(fd, data, path)
        _io.fsync(fd, path)
    except BaseException:
        os.close(fd)
        raise
    _io.close(fd, path)


def sweep(folder):
    """Delete the temporary files that writers of this machine have left behind and that run no longer."""
    for name in os.listdir(folder):
        found = _TEMPORARY.search(name)
        if found and found["host"] == _host() and not _alive(int(found["pid"])):
            _remove(os.path.join(folder, name))


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
