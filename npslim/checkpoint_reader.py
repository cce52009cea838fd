"""Looking into checkpoints, and the state file beside them, by TensorFlow's names."""

import os

from npslim import checkpoint_files as files
from npslim.checkpoint import latest_checkpoint
from npslim.dtypes import as_dtype
from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.variables import Variable, get_variables


class NewCheckpointReader:
    """Reads the checkpoint of that prefix: names, shapes, dtypes and values. Raises NotFoundError if there is none."""

    def __init__(self, filepattern):
        if not files.exists(filepattern):
            raise NotFoundError(
                f"Unsuccessful checkpoint reading: failed to find any matching files for {filepattern}.",
                got=filepattern,
            )
        self._path = filepattern
        with files.open_checkpoint(filepattern) as reader:
            self._shapes = {name: list(reader.shape(name)) for name in reader.names()}
            self._dtypes = {name: as_dtype(reader.dtype(name)) for name in reader.names()}

    def get_variable_to_shape_map(self):
        """{name: shape, as a list}."""
        return dict(self._shapes)

    def get_variable_to_dtype_map(self):
        """{name: dtype}."""
        return dict(self._dtypes)

    def has_tensor(self, tensor_str):
        """Whether there is a tensor of that name."""
        return tensor_str in self._shapes

    def get_tensor(self, tensor_str):
        """The value, an array. Raises NotFoundError if there is none of that name."""
        if tensor_str not in self._shapes:
            raise NotFoundError(f"Key {tensor_str} not found in checkpoint {self._path}.", got=tensor_str)
        with files.open_checkpoint(self._path) as reader:
            return reader.read(tensor_str)

    def debug_string(self):
        """A line for each tensor: name, dtype, shape; as bytes."""
        return "\n".join(f"{n} ({self._dtypes[n].name}) {s}" for n, s in sorted(self._shapes.items())).encode()


def load_checkpoint(ckpt_dir_or_file):
    """A `NewCheckpointReader` of a checkpoint, or of the latest one in a folder."""
    prefix = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(prefix):
        latest = latest_checkpoint(prefix)
        if latest is None:
            raise NotFoundError(f"Could not find a checkpoint in {prefix}.", got=prefix)
        prefix = latest
    return NewCheckpointReader(prefix)


def list_variables(ckpt_dir_or_file):
    """[(name, shape)] of a checkpoint, or of the latest one in a folder, sorted by name."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file, name):
    """The value of one variable of a checkpoint, or of the latest one in a folder."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


class CheckpointState:
    """What a state file says: `model_checkpoint_path`, the latest, and `all_model_checkpoint_paths`, oldest first."""

    def __init__(self, model_checkpoint_path, all_model_checkpoint_paths):
        self.model_checkpoint_path = model_checkpoint_path
        self.all_model_checkpoint_paths = all_model_checkpoint_paths

    def __repr__(self):
        return f"CheckpointState({self.model_checkpoint_path!r}, {self.all_model_checkpoint_paths!r})"


def get_checkpoint_state(checkpoint_dir, latest_filename=None):
    """The `CheckpointState` of a folder, or None if it has no state file."""
    state = files.read_state(os.fspath(checkpoint_dir), latest_filename or "checkpoint")
    return None if state is None else CheckpointState(*state)


def update_checkpoint_state(
    save_dir, model_checkpoint_path, all_model_checkpoint_paths=None, latest_filename=None,
    all_model_checkpoint_timestamps=None, last_preserved_timestamp=None,
):  # fmt: skip
    """Write the state file of a folder: the latest checkpoint, and all of them."""
    listed = list(all_model_checkpoint_paths or [])
    if model_checkpoint_path not in listed:
        listed.append(model_checkpoint_path)
    files.write_state(os.fspath(save_dir), model_checkpoint_path, listed, latest_filename or "checkpoint")


def init_from_checkpoint(ckpt_dir_or_file, assignment_map):
    """Let variables start from values of a checkpoint instead of their initializers'.

    assignment_map: {name or scope/ in the checkpoint: variable, its name, or scope/ here}; "/" is all.
    Raises ValueError for a name that is not there or a shape that differs.
    """
    reader = load_checkpoint(ckpt_dir_or_file)
    shapes = reader.get_variable_to_shape_map()
    for source, target in assignment_map.items():
        for name, variable in _pairs(source, target, shapes):
            if name not in shapes:
                raise InvalidArgumentError(f"Tensor {name} is not found in {ckpt_dir_or_file}.", got=name)
            if shapes[name] != variable.shape.as_list():
                raise InvalidArgumentError(
                    f"The shape of {variable.op.name} doesn't match with that of {name} in the checkpoint.",
                    expected=variable.shape.as_list(), got=shapes[name],
                )  # fmt: skip
            variable.initializer = variable.assign(reader.get_tensor(name)).op


def _pairs(source, target, shapes):
    """(name in the checkpoint, variable) of one entry of an assignment map."""
    if isinstance(target, Variable):
        return [(source, target)]
    if not source.endswith("/"):
        found = [v for v in get_variables() if v.op.name == target]
        if not found:
            raise InvalidArgumentError(f"There is no variable {target}.", got=repr(target))
        return [(source, found[0])]
    prefix, below = source.removeprefix("/"), target.removeprefix("/")
    pairs = [(prefix + v.op.name.removeprefix(below), v) for v in get_variables() if v.op.name.startswith(below)]
    return [(name, v) for name, v in pairs if name in shapes]
