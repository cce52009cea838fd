"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`.
"""

from npslim.ops import (
    activation,
    arrange,
    control,
    conv,
    counting,
    create,
    debug,
    elementwise,
    functions,
    indexing,
    join,
    linear,
    logic,
    norm,
    normalize,
    padding,
    pool,
    quotients,
    random,
    ranking,
    reduce,
    scan,
    segment,
    shape,
    slicing,
    softmax,
    sparse,
    special,
    state,
    trigonometry,
    update,
)

__all__ = [
    "activation", "arrange", "control", "conv", "counting", "create", "debug", "elementwise", "functions", "indexing",
    "join", "linear", "logic", "norm", "normalize", "padding", "pool", "quotients", "random", "ranking", "reduce",
    "scan", "segment", "shape", "slicing", "softmax", "sparse", "special", "state", "trigonometry", "update",
]  # fmt: skip
