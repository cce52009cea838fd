"""One trainer a folder: two that save to the same one would delete each other's checkpoints.

The lock is the operating system's, on the file `trainer.lock`, so it ends with the process, however that ends. Where
the file system has no locks, there is none, and a warning says so.
"""

import contextlib
import importlib
import json
import os
import platform
import time

from npslim.errors import FailedPreconditionError
from npslim.logs import logger

NAME = "trainer.lock"


@contextlib.contextmanager
def only_trainer(folder):
    """Inside, this process is the only one that trains in `folder`; None for no folder.

    Raises FailedPreconditionError, with pid and host of the other one, if there is one.
    """
    if folder is None:
        yield
        return
    os.makedirs(folder, exist_ok=True)
    fd = os.open(os.path.join(folder, NAME), os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    try:
        _lock(fd, folder)
        yield
    finally:
        os.close(fd)  # and so the lock


def _lock(fd, folder):
    try:
        fcntl = importlib.import_module("fcntl")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise FailedPreconditionError(
            f"Another training is running in {folder}.", expected="one trainer for a folder", got=_holder(fd),
            hint="stop it, or give this one a folder of its own",
        ) from None  # fmt: skip
    except (ImportError, OSError) as error:
        logger.warning("%s cannot be locked (%s): see to it that only one training runs in it.", folder, error)
        return
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    text = json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now})
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)


def _holder(fd):
    """Who has the lock, as that process wrote it."""
    try:
        found = json.loads(os.pread(fd, 1 << 12, 0))
        return f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "a process that has not said which"
