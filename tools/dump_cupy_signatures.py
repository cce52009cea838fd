"""Write down what CuPy offers: names, parameters and types, read from an installed wheel (no GPU is needed).

    pip install cupy-cuda12x && python tools/dump_cupy_signatures.py [tests/fake_cupy/signatures.json]

The fake CuPy of the tests refuses whatever does not stand in this file. In a module's table

    functions   name -> parameters, as Python text; null where neither Python nor the docstring tells
    ufuncs      name -> [inputs, outputs, its types in the order in which CuPy tries them]
    classes     name -> method -> parameters; null for an attribute or where nothing tells
    numpy       names that are NumPy's own objects
    constants   name -> number, as Python text (CUDA's own are left out)
"""

import ast
import importlib
import inspect
import json
import re
import sys
import warnings

import numpy as np

MODULES = """cupy cupy.linalg cupy.random cupy.fft cupy.lib.stride_tricks cupy.exceptions cupy.cuda cupy.cuda.runtime
             cupyx cupyx.scipy cupyx.scipy.special""".split()
LAZY = ("Generator",)  # names that a module makes when asked, so that dir() leaves them out
EVERY_UFUNC = "out=None, casting='same_kind', dtype=None"  # cupy/_core/_kernel.pyx, ufunc.__call__: no where, no order


def literal(default):
    """The text of a default value, `...` if it is no literal."""
    try:
        ast.literal_eval(repr(default))
    except (SyntaxError, ValueError):
        return "..."
    return repr(default)


def inspected(function):
    """The parameters of `function` as Python sees them, or None."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    texts = {}
    for i, parameter in enumerate(parameters):
        if parameter.default is not parameter.empty:
            marker = f"default_{i}"
            texts[f"'{marker}'"] = literal(parameter.default)
            parameters[i] = parameter.replace(default=marker)
    text = str(inspect.Signature(parameters))[1:-1]
    for marker, default in texts.items():
        text = text.replace(marker, default)
    return text


def documented(name, function):
    """The parameters that the docstring's first line gives, or None; C types are left out."""
    line = (function.__doc__ or "").strip().split("\n")[0]
    found = re.match(rf"(?:\w+\.)*{re.escape(name)}\((.*)\)(?: ->.*)?$", line)
    if found is None:
        return None
    text = re.sub(r"(?<=[(, ])\w+ (?=\w+\b)", "", f" {found[1]}").strip().replace(r"\*", "*")
    try:
        arguments = ast.parse(f"lambda {text}: None", mode="eval").body.args
        for default in arguments.defaults + [default for default in arguments.kw_defaults if default is not None]:
            ast.literal_eval(default)
    except (SyntaxError, ValueError):
        return None
    return text


def parameters(name, function):
    """What `function` takes. The docstring is believed where Python only sees `**kwargs`."""
    seen = inspected(function)
    if seen is None or "**" in seen:
        return documented(name, function) or seen
    return seen


def methods(cls):
    """The public names of a class and the operators, with what they take; none for exceptions and scalar types."""
    if issubclass(cls, (BaseException, np.generic)):
        return {}
    private = [name for name in dir(cls) if name.startswith("_") and not name.endswith("__")]
    table = {}
    for name in sorted(set(dir(cls)) - set(dir(object)) - set(private)):
        member = getattr(cls, name, None)
        table[name] = parameters(name, member) if callable(member) else None
    return table


def describe(module):
    """One module's table."""
    table = {"functions": {}, "ufuncs": {}, "classes": {}, "numpy": [], "constants": {}}
    names = {name for name in dir(module) if not name.startswith("_")}
    for name in sorted(names | {name for name in LAZY if hasattr(module, name)}):
        thing = getattr(module, name)
        if getattr(np, name, None) is thing:
            table["numpy"].append(name)
        elif isinstance(thing, type):
            table["classes"][name] = methods(thing)
        elif hasattr(thing, "types") and hasattr(thing, "nin"):
            table["ufuncs"][name] = [thing.nin, thing.nout, " ".join(thing.types)]
        elif isinstance(thing, (int, float)) and not name.startswith("cuda"):
            table["constants"][name] = repr(thing)
        elif callable(thing):
            table["functions"][name] = parameters(name, thing)
    return {kind: names for kind, names in table.items() if names}


def main(path="tests/fake_cupy/signatures.json"):
    cupy = importlib.import_module("cupy")
    warnings.simplefilter("ignore")  # names that are deprecated are described like the others
    described = {"version": cupy.__version__, "every_ufunc": EVERY_UFUNC}
    described["modules"] = {name: describe(importlib.import_module(name)) for name in MODULES}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(described, file, indent=1, sort_keys=True)
        file.write("\n")
    for name, table in described["modules"].items():
        print(f"{name:24}", ", ".join(f"{len(names)} {kind}" for kind, names in table.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
