"""What CuPy offers, as tools/dump_cupy_signatures.py found it in the real wheel."""

import functools
import inspect
import json
import pathlib

_TABLE = json.loads((pathlib.Path(__file__).parent / "signatures.json").read_text(encoding="utf-8"))
VERSION = _TABLE["version"]
MODULES = _TABLE["modules"]
UFUNC_KEYWORDS = _TABLE["every_ufunc"]
ANYTHING = "*args, **kwargs"  # where the wheel does not tell


@functools.cache
def parse(text):
    """The `inspect.Signature` of parameters written as Python text; `...` stands for a default that is no literal."""
    return inspect.signature(eval(f"lambda {text}: None"))


def bind(name, text, args, kwargs):
    """The arguments of a call, by parameter. Raises TypeError for what CuPy's function does not take."""
    try:
        return parse(text).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None


def in_numpy_terms(bound):
    """Positional and keyword arguments for NumPy's function of that name: what has CuPy's default is left out."""
    args, kwargs = [], {}
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args.extend(value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            kwargs.update(value)
        elif parameter.default is parameter.empty:
            args.append(value)
        elif not (type(value) is type(parameter.default) and value == parameter.default):
            kwargs[name] = value
    return args, kwargs
