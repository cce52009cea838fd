"""The log of npslim: Python's logger "npslim", which prints to standard error unless the program says otherwise."""

import logging
import sys

logger = logging.getLogger("npslim")


class _ToStandardError(logging.StreamHandler):
    """Writes to whatever sys.stderr is at the moment."""

    def __init__(self):
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))

    @property
    def stream(self):
        return sys.stderr

    def handle(self, record):
        return logging.getLogger().handlers or super().handle(
            record
        )  # a program with handlers of its own shows it once


if not logger.handlers:
    logger.addHandler(_ToStandardError())
if logger.level == logging.NOTSET:  # this module may be imported long after the program has set a level
    logger.setLevel(logging.INFO)
