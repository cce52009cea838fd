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
    quotients,
    random,
    reduce,
    scan,
    segment,
    shape,
    slicing,
    softmax,
    special,
    state,
    trigonometry,
    update,
)

__all__ = [
    "activation", "control", "conv", "create", "debug", "elementwise", "functions", "indexing", "linear", "logic",
    "norm", "normalize", "pool", "quotients", "random", "reduce", "scan", "segment", "shape", "slicing", "softmax",
    "special", "state", "trigonometry", "update",
]  # fmt: skip
