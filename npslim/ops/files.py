"""Ops that read and write whole files."""

import glob

import numpy as np

from npslim.errors import NotFoundError
from npslim.op import op
from npslim.spec import Spec

_TEXT = np.dtype(object)


def path_of(value):
    """A file name as Python's open takes it, from a scalar of strings."""
    value = np.asarray(value, object)[()]
    return value.decode() if isinstance(value, bytes) else str(value)


@op(type="ReadFile", stateful=True, differentiable=False, alike=(), host=("filename",))
def read_file(filename):
    """The bytes of the file as a scalar string. A run raises NotFoundError if there is none."""
    path = path_of(filename)
    try:
        with open(path, "rb") as file:
            return np.array(file.read(), object)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFoundError(f"{path}: {error.strerror}.", expected="a file", got=path) from None


@read_file.shape
def _(filename):
    return Spec((), _TEXT)


@op(type="WriteFile", stateful=True, differentiable=False, alike=(), host=("filename", "contents"))
def write_file(filename, contents):
    """Nothing; writes the scalar string `contents` to the file, whose folder must exist."""
    content = np.asarray(contents, object)[()]
    with open(path_of(filename), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


@write_file.shape
def _(filename, contents):
    return ()


@op(type="MatchingFiles", stateful=True, differentiable=False, alike=(), host=("pattern",))
def matching_files(pattern):
    """The names of the files that match a pattern of shell, or any of several, sorted: a vector of strings."""
    found = {path for text in np.ravel(np.asarray(pattern, object)) for path in glob.glob(path_of(text))}
    names = sorted(found)
    result = np.empty(len(names), object)
    result[:] = [name.encode() for name in names]
    return result


@matching_files.shape
def _(pattern):
    return Spec((None,), _TEXT)
