"""Where the user's program is: the line that errors name and that every node keeps."""

import os
import sys

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def user_frame():
    """(file, line) of the innermost frame outside npslim, or of the outermost if all are inside."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def user_line():
    """'file:line' of the user's code that is calling npslim."""
    return show_frame(user_frame())


def show_frame(frame):
    """'file:line' for (file, line); the file as seen from the working directory, if it lies there."""
    path, line = frame
    return f"{os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path}:{line}"
