"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`.
"""

from npslim.ops import activation, create, elementwise, functions, indexing, linear, logic, reduce, shape, slicing, softmax, state

__all__ = [
    "activation", "create", "elementwise", "functions", "indexing", "linear", "logic", "reduce", "shape", "slicing", "softmax", "state",
]  # fmt: skip
