"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`.
"""

from npslim.ops import elementwise, functions, indexing, linear, logic, reduce, shape, state

__all__ = ["elementwise", "indexing", "linear", "reduce", "shape", "state"]
