"""Files by the names of `tf.gfile`, on the local file system."""

import glob
import os
import shutil
import stat
from typing import Any

from npslim.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError, PermissionDeniedError


def _text(path):
    return path.decode() if isinstance(path, bytes) else os.fspath(path)


def _translated(error, path):
    """The error of npslim for one of the operating system."""
    kind = {
        FileNotFoundError: NotFoundError,
        FileExistsError: AlreadyExistsError,
        PermissionError: PermissionDeniedError,
    }.get(type(error), FailedPreconditionError)
    return kind(f"{path}; {error.strerror}.", got=path)


class GFile:
    """A file, opened when it is first used: `read`, `readline`, `readlines`, `write`, `seek`, `tell`, `size`, `flush`.

    mode: as of `open`; "r" and "w" are of text, "rb" and "wb" of bytes. Raises NotFoundError and others when used.
    """

    def __init__(self, name, mode="r"):
        self._name, self._mode, self._file = _text(name), mode, None

    @property
    def name(self):
        """The file's name."""
        return self._name

    @property
    def mode(self):
        """The mode it is opened with."""
        return self._mode

    def _opened(self):
        if self._file is None:
            encoding = None if "b" in self._mode else "utf-8"
            try:
                self._file = open(self._name, self._mode, encoding=encoding)  # noqa: SIM115 - closed by close()
            except OSError as error:
                raise _translated(error, self._name) from None
        return self._file

    def read(self, n=-1):
        """The next `n` characters or bytes; the rest for -1."""
        return self._opened().read(n)

    def readline(self):
        """The next line, with its end; empty at the end of the file."""
        return self._opened().readline()

    def readlines(self):
        """The remaining lines."""
        return self._opened().readlines()

    def write(self, file_content):
        """Write text, or bytes."""
        self._opened().write(file_content)

    def seek(self, offset: Any = None, whence=0, position=None):
        """Go on at `offset`."""
        self._opened().seek(offset if position is None else position, whence)

    def tell(self):
        """Where the file goes on."""
        return self._opened().tell()

    def size(self):
        """The size in bytes."""
        return Stat(self._name).length

    def flush(self):
        """Write what waits."""
        if self._file is not None:
            self._file.flush()

    def close(self):
        """Close it; it opens anew when used again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self):
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __iter__(self):
        return iter(self._opened())


Open = FastGFile = GFile


class FileStatistics:
    """`length` in bytes, `mtime_nsec`, `is_directory`."""

    def __init__(self, status):
        self.length, self.mtime_nsec = status.st_size, status.st_mtime_ns
        self.is_directory = stat.S_ISDIR(status.st_mode)


def Exists(filename):  # noqa: N802 - TensorFlow's names from here on
    """Whether there is a file or a folder of that name."""
    return os.path.exists(_text(filename))


def IsDirectory(dirname):  # noqa: N802
    """Whether it is a folder."""
    return os.path.isdir(_text(dirname))


def Glob(filename):  # noqa: N802
    """The files that match a pattern, or a list of them, sorted."""
    patterns = filename if isinstance(filename, list | tuple) else [filename]
    return sorted({path for pattern in patterns for path in glob.glob(_text(pattern))})


def ListDirectory(dirname):  # noqa: N802
    """The names in a folder. Raises NotFoundError if there is none."""
    try:
        return os.listdir(_text(dirname))
    except OSError as error:
        raise _translated(error, _text(dirname)) from None


def MakeDirs(dirname):  # noqa: N802
    """Make a folder and those above it; nothing if it is there."""
    try:
        os.makedirs(_text(dirname), exist_ok=True)
    except OSError as error:
        raise _translated(error, _text(dirname)) from None


def MkDir(dirname):  # noqa: N802
    """Make a folder; nothing if it is there. Raises NotFoundError if the one above it is not."""
    if not os.path.isdir(_text(dirname)):
        try:
            os.mkdir(_text(dirname))
        except OSError as error:
            raise _translated(error, _text(dirname)) from None


def Remove(filename):  # noqa: N802
    """Delete a file."""
    try:
        os.remove(_text(filename))
    except OSError as error:
        raise _translated(error, _text(filename)) from None


def DeleteRecursively(dirname):  # noqa: N802
    """Delete a folder with all that is in it."""
    path = _text(dirname)
    try:
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    except OSError as error:
        raise _translated(error, path) from None


def Copy(oldpath, newpath, overwrite=False):  # noqa: N802
    """Copy a file. Raises AlreadyExistsError if there is one, unless `overwrite`."""
    _refuse_existing(newpath, overwrite)
    try:
        shutil.copyfile(_text(oldpath), _text(newpath))
    except OSError as error:
        raise _translated(error, _text(oldpath)) from None


def Rename(oldname, newname, overwrite=False):  # noqa: N802
    """Rename a file. Raises AlreadyExistsError if there is one, unless `overwrite`."""
    _refuse_existing(newname, overwrite)
    try:
        os.replace(_text(oldname), _text(newname))
    except OSError as error:
        raise _translated(error, _text(oldname)) from None


def _refuse_existing(path, overwrite):
    if not overwrite and os.path.exists(_text(path)):
        raise AlreadyExistsError(f"{_text(path)}; file already exists.", hint="overwrite=True replaces it")


def Stat(filename):  # noqa: N802
    """The `FileStatistics` of a file."""
    try:
        return FileStatistics(os.stat(_text(filename)))
    except OSError as error:
        raise _translated(error, _text(filename)) from None


def Walk(top, in_order=True):  # noqa: N802
    """(folder, folders in it, files in it) of each folder below `top`."""
    return os.walk(_text(top), topdown=in_order)
