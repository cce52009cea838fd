"""`tf.contrib.layers`: slim's layers, initializers and regularizers."""

import types

from npslim import initializers, layers, regularizers
from npslim.layers import utils
from npslim.ops.embedding import embedding_lookup_unique, safe_embedding_lookup_sparse
from npslim.tf.missing import reporter

_places = {"layers": layers, "utils": utils, "initializers": initializers, "regularizers": regularizers}
python = types.SimpleNamespace(layers=types.SimpleNamespace(**{**vars(layers), **_places}))

_report = reporter(__name__, lambda: [*globals(), *vars(layers)])


def __getattr__(name):
    """slim's layers."""
    return getattr(layers, name) if not name.startswith("__") and hasattr(layers, name) else _report(name)
