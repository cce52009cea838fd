"""Exercises: files with a hole, and tests that say how far one is and give a hint.

Each is a pair of files here: `holes/NAME.py`, which `start` copies, and `NAME.py`, whose functions `check_...` are the
tests. They come easiest first; a docstring is the hint that is given when one fails.
"""

import importlib
import inspect
import runpy
import traceback
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from npslim.errors import AlreadyExistsError, NotFoundError
from npslim.registry import REGISTRY

NAMES = {
    "conv2d": "a convolution, by loops or by im2col",
    "conv2d_gradients": "the two gradients of a convolution",
    "batch_norm_backward": "the gradient of batch norm",
    "momentum": "a step of momentum, plain and Nesterov's",
    "arg_scope": "defaults for arguments that nest",
    "new_op": "a new op: kernel, shape rule, gradient",
}


@dataclass
class Result:
    """What a test said. `problem`: None if it passed, else why not; `line`: of the user's file, if it failed there."""

    title: str
    problem: str | None = None
    hint: str = ""
    line: str = ""


class Wrong(AssertionError):
    """What an exercise's test raises when the answer is not the expected one."""


def start(name, folder="."):
    """Copy the hole of an exercise into `folder`; returns the path.

    Raises NotFoundError for an unknown name, AlreadyExistsError if there is such a file: nobody's work is overwritten.
    """
    _known(name)
    path = Path(folder) / f"{name}.py"
    if path.exists():
        raise AlreadyExistsError(f"{path} exists already.", hint="move it away to begin again")
    text = files("npslim.exercises").joinpath("holes", f"{name}.py").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    return path


def check(path, name=None):
    """Run the tests of an exercise on the file `path`: yields a Result for each, up to the first that fails.

    name: the exercise, that of the file unless given. Raises NotFoundError for an unknown one, or no file.
    """
    path = Path(path)
    name = _known(name or path.stem)
    if not path.is_file():
        raise NotFoundError(f"{path}: there is no such file.", hint=f"python -m npslim exercise start {name}")
    before = set(REGISTRY)
    try:
        yield from _results(path, tests_of(name))
    finally:
        for new in REGISTRY.keys() - before:  # an op that the answer defines is nobody else's
            del REGISTRY[new]


def _results(path, tests):
    try:
        answer = runpy.run_path(str(path))
    except Exception as error:
        yield _failed("the file can be read", "Python could not run the file.", error, path)
        return
    for title, test in tests.items():
        result = _tried(title, test, answer, path)
        yield result
        if result.problem is not None:
            return


def tests_of(name):
    """{title: function of the names of the user's file}."""
    module = importlib.import_module(f"npslim.exercises.{_known(name)}")
    own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {k.removeprefix("check_").replace("_", " "): v for k, v in own.items() if k.startswith("check_")}


def _known(name):
    if name not in NAMES:
        raise NotFoundError(f"There is no exercise {name!r}.", expected=", ".join(NAMES), got=name)
    return name


def _tried(title, test, answer, path):
    try:
        test(answer)
    except Exception as error:
        return _failed(title, inspect.getdoc(test) or "", error, path)
    return Result(title)


def _failed(title, hint, error, path):
    """A Result with the place in the user's file, where the error came from there."""
    places = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).name == path.name]
    line = f"{path.name}:{places[-1].lineno}: {places[-1].line}" if places else ""
    if isinstance(error, NotImplementedError):
        return Result(title, "There is still a hole.", hint, line)
    words = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
    return Result(title, words, hint, line)
