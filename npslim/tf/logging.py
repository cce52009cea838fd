"""`tf.logging`: npslim's log by TensorFlow's names."""

import logging as _logging
import sys

from npslim.logs import logger as _logger

DEBUG, INFO, WARN, ERROR, FATAL = (
    _logging.DEBUG, _logging.INFO, _logging.WARNING, _logging.ERROR, _logging.CRITICAL
)  # fmt: skip
debug, info, warning, warn = _logger.debug, _logger.info, _logger.warning, _logger.warning
error, fatal, log = _logger.error, _logger.critical, _logger.log

_counts = {}


def set_verbosity(v):
    """Show messages from the level `v` on: DEBUG, INFO, WARN, ERROR or FATAL."""
    _logger.setLevel(v)


def get_verbosity():
    """The level from which messages are shown."""
    return _logger.getEffectiveLevel()


def vlog(level, msg, *args, **kwargs):
    """A message at one of Python's levels."""
    _logger.log(level, msg, *args, **kwargs)


def flush():
    """Show what waits."""
    sys.stderr.flush()


def log_if(level, msg, condition, *args):
    """The message, if `condition`."""
    if condition:
        _logger.log(level, msg, *args)


def log_every_n(level, msg, n, *args):
    """The message, every `n`-th time that this line is reached."""
    log_if(level, msg, _times() % n == 0, *args)


def log_first_n(level, msg, n, *args):
    """The message, the first `n` times that this line is reached."""
    log_if(level, msg, _times() < n, *args)


def _times():
    """How often the line that called our caller was reached before."""
    frame = sys._getframe(2)
    place = frame.f_code.co_filename, frame.f_lineno
    _counts[place] = _counts.get(place, -1) + 1
    return _counts[place]
