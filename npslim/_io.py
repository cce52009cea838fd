"""Every file operation of a save, in one place, so that tests can make each of them fail.

`faults(plan)` installs a function that is called before each operation with (number, operation, path) and may raise, or
kill the process. Interrupted system calls (EINTR) are tried again by Python itself (PEP 475), and here for injected
ones.
"""

import contextlib
import io
import os
import stat

from npslim.errors import InvalidArgumentError, NotFoundError

_plan = None
_count = 0
_CHUNK = 1 << 22


@contextlib.contextmanager
def faults(plan):
    """Call `plan(number, operation, path)` before each file operation while the context is open."""
    global _plan, _count
    _plan, _count = plan, 0
    try:
        yield
    finally:
        _plan = None


def _before(operation, path):
    global _count
    if _plan is None:
        return
    while True:
        _count += 1
        try:
            return _plan(_count, operation, path)
        except InterruptedError:
            continue


def create(path):
    """Open a new file for writing; returns its descriptor. Raises FileExistsError."""
    _before("create", path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o644)


def write(fd, data, path):
    """Write all of `data`."""
    view = memoryview(data).cast("B")
    while view:
        _before("write", path)
        view = view[os.write(fd, view[:_CHUNK]) :]


def fsync(fd, path):
    """Wait until the file's contents are on the disk."""
    _before("fsync", path)
    os.fsync(fd)


def close(fd, path):
    """Close the descriptor."""
    _before("close", path)
    os.close(fd)


def rename(old, new):
    """Give a file its final name, in place of what had it, at once."""
    _before("rename", new)
    os.replace(old, new)


def fsync_folder(path):
    """Wait until the folder's names are on the disk."""
    _before("fsync folder", path)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(path):
    """Delete a file; nothing happens if there is none."""
    _before("remove", path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def free_bytes(folder):
    """The room left on the disk of `folder`, or None where the system does not tell."""
    try:
        found = os.statvfs(folder)
    except (OSError, AttributeError):
        return None
    return found.f_bavail * found.f_frsize


def open_regular(path, what="checkpoint"):
    """Open a file for reading, if it is an ordinary one: a pipe would block, a device has no end."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise NotFoundError(f"There is no {what} {path}.", expected="a file", got="nothing of that name") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InvalidArgumentError(f"{path} is no ordinary file.", expected=f"a {what}", got="a folder, pipe or device")
    return _Regular(os.fdopen(fd, "rb", buffering=0))


class _Regular(io.BufferedReader):
    """A file that is read. A length that lies costs no memory: Python would make room for all that is asked for."""

    def read(self, size=-1):
        """Up to `size` bytes, and no more than there are."""
        if size is None or size < 0 or size > _CHUNK:
            left = max(0, os.fstat(self.fileno()).st_size - self.tell())
            size = left if size is None or size < 0 else min(size, left)
        return super().read(size)
