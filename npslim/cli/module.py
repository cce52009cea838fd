"""What `train` and `eval` ask of a module: a Python file, a module's dotted name, or the name of an example.

def train_op():       builds the graph of a training; returns what slim.learning.create_train_op gave
def metrics():        builds the graph of an evaluation; returns {name: (value, update)}, as slim.metrics gives them
NUM_EVALS = 10        how many times the updates are run in an evaluation; 1 unless given
LEARNING_RATE = 0.1   any name in upper case is a setting: --set LEARNING_RATE=0.01 changes it before all else
"""

import argparse
import ast
import importlib
import importlib.util
import os
import sys
from pathlib import Path

from npslim.errors import InvalidArgumentError, NotFoundError


def add_module_arguments(parser):
    """The module, its settings, and the folder of the training."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = __doc__
    parser.add_argument("module", help="a Python file, a module's name, or an example's name (digits)")
    parser.add_argument("--logdir", help="the folder of the training (default: runs/ and the module's name)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting of the module"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of the graph: the same one gives the same bits (default 1)"
    )


def load(args, *functions):
    """(the module, the folder of the training). Raises InvalidArgumentError for a module without the `functions`."""
    module, name = _import(args.module)
    for setting in args.set:
        _change(module, setting)
    missing = [f for f in functions if not callable(getattr(module, f, None))]
    if missing:
        raise InvalidArgumentError(
            f"{args.module} does not define {' and '.join(f'{f}()' for f in missing)}.",
            expected="def train_op(): ... and def metrics(): ...",
            got=", ".join(n for n in vars(module) if not n.startswith("_")) or "nothing",
            hint="python -m npslim train --help says what these return",
        )  # fmt: skip
    return module, args.logdir or os.path.join("runs", name)


def _import(name):
    path = Path(name)
    if name.endswith(".py"):
        if not path.is_file():
            raise NotFoundError(f"{name}: there is no such file.", expected="a Python file", got=name)
        return _from_file(path), path.stem
    inside = Path(__file__).resolve().parents[1]
    for folder in (inside / "examples", inside.parent / "examples"):
        if (folder / f"{name}.py").is_file():
            return _from_file(folder / f"{name}.py"), name
    sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name), name.rpartition(".")[2]
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise NotFoundError(
            f"There is no module {name}.", expected="a Python file, a module's name, or an example's name", got=name
        ) from None


def _from_file(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InvalidArgumentError(f"{path} cannot be imported.", expected="a Python file", got=str(path))
    sys.path.insert(0, str(path.resolve().parent))  # it may import its neighbours
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _change(module, setting):
    name, separator, text = setting.partition("=")
    settings = sorted(n for n in vars(module) if n.isupper())
    if not separator or name not in settings:
        raise InvalidArgumentError(
            f"--set {setting}: there is no such setting.", expected=f"NAME=VALUE, NAME one of {', '.join(settings)}",
            got=setting,
        )  # fmt: skip
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    now = getattr(module, name)
    if isinstance(now, float) and type(value) is int:
        value = float(value)
    if now is not None and value is not None and type(value) is not type(now):
        raise InvalidArgumentError(
            f"--set {setting}: the value is of another kind.", expected=type(now).__name__, got=repr(value)
        )
    setattr(module, name, value)
