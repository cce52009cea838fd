"""Converters for tables: what a graph fills them with is known while it is imported, so a lookup holds the contents.

A table is filled from constants, or from a text file that is an asset of the SavedModel. Another file is not opened: a
graph cannot say what is read.

before: variables.py   next: conditions.py
"""

from npslim.errors import InvalidArgumentError, UnimplementedError
from npslim.graph_def.source import imports
from npslim.lookup import TextFileInitializer
from npslim.ops.create import constant
from npslim.ops.lookup import Pairs, look_up
from npslim.ops.state import no_op

TABLES = {"HashTable", "HashTableV2"}
FILLS = {
    "InitializeTable",
    "InitializeTableV2",
    "LookupTableImportV2",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
}
_LOOKUPS = {"LookupTableFind", "LookupTableFindV2", "LookupTableSize", "LookupTableSizeV2"}


def behind_fills(importer):
    """{name of a lookup: the nodes that fill its table}, all of which it waits for."""
    fills, found = {}, {}
    for key, sources in importer.sources.items():
        if importer.node_defs[key].op in FILLS and sources:
            fills.setdefault(sources[0][0], []).append(key)
    for key, sources in importer.sources.items():
        if importer.node_defs[key].op in _LOOKUPS and sources:
            found[key] = fills.get(sources[0][0], [])
    return found


class _Table:
    """A table while it is imported: its dtypes, and its contents once it is filled."""

    def __init__(self, key_dtype, value_dtype):
        self.key_dtype, self.value_dtype, self.pairs = key_dtype, value_dtype, None


def _table(n):
    """The table that input 0 is."""
    name, found = n.input(0).op.name, n.graph.extras.get("tables", {})
    if name not in found:
        raise UnimplementedError("This is no table that npslim reads.", expected=sorted(TABLES), got=name)
    return found[name]


def _pairs(n):
    if _table(n).pairs is None:
        raise InvalidArgumentError("The table is never filled.", expected="a node that fills it", got=n.input(0).op)
    return _table(n).pairs


def _fill(n, keys, values):
    _table(n).pairs = Pairs(keys, values)
    return no_op(name=n.name)


@imports(*TABLES)
def _(n):
    n.ignore("use_node_name_sharing")
    tables = n.graph.extras.setdefault("tables", {})
    tables[n.full_name] = _Table(n.dtype("key_dtype"), n.dtype("value_dtype"))
    return constant(n.full_name, name=n.name)


@imports("InitializeTable", "InitializeTableV2", "LookupTableImportV2")
def _(n):
    return _fill(n, n.known(1).ravel(), n.known(2).ravel())


@imports("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")
def _(n):
    path = n.known(1).item()
    if path not in n.graph.extras.get("assets", ()):
        raise UnimplementedError(
            "A graph's table is filled from a file.", expected="constants, or an asset of the SavedModel", got=path
        )
    n.only("offset", "i", 0)
    size = n.integer("vocab_size", -1)
    table = _table(n)
    found = TextFileInitializer(
        path, table.key_dtype, n.integer("key_index"), table.value_dtype, n.integer("value_index"),
        None if size < 0 else size, n.text("delimiter", "\t"),
    )  # fmt: skip
    return _fill(n, found.keys, found.values)


@imports("LookupTableFind", "LookupTableFindV2")
def _(n):
    return look_up(n.input(1), n.input(2), pairs=_pairs(n), name=n.name)


@imports("LookupTableSize", "LookupTableSizeV2")
def _(n):
    return constant(len(_pairs(n).values), dtype="int64", name=n.name)
