"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`.
"""

from npslim.ops import (
    activation,
    control,
    conv,
    create,
    debug,
    elementwise,
    functions,
    indexing,
    linear,
    logic,
    norm,
    normalize,
    pool,
    random,
    reduce,
    segment,
    shape,
    slicing,
    softmax,
    state,
    update,
)

__all__ = [
    "activation", "control", "conv", "create", "debug", "elementwise", "functions", "indexing", "linear", "logic", "norm", "normalize", "pool", "random", "reduce",
    "segment", "shape", "slicing", "softmax", "state", "update",
]  # fmt: skip
