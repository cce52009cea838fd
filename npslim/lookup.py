"""Tables from keys to values, such as words to numbers, by TensorFlow's names (tf.contrib.lookup).

A table's contents never change, so it is an op's attribute and nothing has to be initialized; `table.init` and
`tables_initializer` are there for the programs that run them.

before: image.py   next: data/tfexample_decoder.py
"""

import os
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_array, as_tensor, constant_value
from npslim.dtypes import as_dtype, int64, string
from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.graph import get_default_graph
from npslim.ops.logic import less, where
from npslim.ops.lookup import Pairs, look_up
from npslim.ops.sparse import SparseTensor
from npslim.ops.state import group, no_op
from npslim.ops.strings import as_string, string_to_hash_bucket_fast
from npslim.scopes import name_scope

TABLE_INITIALIZERS = "table_initializer"


class KeyValueTensorInitializer:
    """The contents of a table: `keys` and `values`, lists or constants `[n]`. Raises InvalidArgumentError."""

    def __init__(self, keys, values, key_dtype=None, value_dtype=None, name=None):
        self.keys, self.values = _vector(keys, key_dtype, "keys"), _vector(values, value_dtype, "values")
        if len(self.keys) != len(self.values):
            raise InvalidArgumentError(
                "A table needs a value for each key.", expected=f"{len(self.keys)} values", got=len(self.values),
                made_at=user_line(),
            )  # fmt: skip
        self.key_dtype, self.value_dtype = as_dtype(self.keys.dtype), as_dtype(self.values.dtype)


def _vector(values, dtype, what):
    known: Any = constant_value(values) if hasattr(values, "spec") else as_array(values, as_numpy(dtype))
    if known is None:
        raise InvalidArgumentError(
            f"The {what} of a table must be known while the graph is defined.", expected="a list, an array, a constant",
            got=repr(values), made_at=user_line(),
        )  # fmt: skip
    if known.ndim != 1:
        raise InvalidArgumentError(f"The {what} of a table are a vector.", expected="[n]", got=known.shape)
    return known


def as_numpy(dtype):
    return None if dtype is None else as_dtype(dtype).dtype


class TextFileIndex:
    """What a column of a text file may be: all of its line, or the line's number."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer(KeyValueTensorInitializer):
    """The contents of a table from a text file, a line for each entry, read at once.

    key_index, value_index: the column, or `TextFileIndex.WHOLE_LINE` or `LINE_NUMBER`. vocab_size: how many lines.
    delimiter: what separates columns. Raises NotFoundError for a missing file, InvalidArgumentError with the line for
    what is no number or has too few columns.
    """

    def __init__(
        self, filename, key_dtype, key_index, value_dtype, value_index, vocab_size=None, delimiter="\t", name=None
    ):
        path = os.fspath(filename)
        if not os.path.isfile(path):
            raise NotFoundError(f"There is no file {path}.", expected="a text file", got="nothing", made_at=user_line())
        with open(path, encoding="utf-8", newline="\n") as file:
            lines = file.read().splitlines()
        if vocab_size is not None:
            if len(lines) < vocab_size:
                raise InvalidArgumentError(f"{path} has too few lines.", expected=vocab_size, got=len(lines))
            lines = lines[:vocab_size]
        columns = [
            [_cell(path, n, line, index, as_dtype(dtype), delimiter) for n, line in enumerate(lines)]
            for index, dtype in ((key_index, key_dtype), (value_index, value_dtype))
        ]
        super().__init__(*columns, key_dtype=key_dtype, value_dtype=value_dtype)


def _cell(path, number, line, index, dtype, delimiter):
    if index == TextFileIndex.LINE_NUMBER:
        return number
    try:
        text = line if index == TextFileIndex.WHOLE_LINE else line.split(delimiter)[index]
        return text.encode() if dtype == string else dtype.dtype.type(text)
    except (IndexError, ValueError):
        raise InvalidArgumentError(
            f"{path}, line {number + 1} cannot be read.",
            expected=f"{dtype.name} in column {index}",
            got=repr(line)[:80],
        ) from None


class HashTable:
    """A table that never changes. Raises InvalidArgumentError for a key with two values.

    initializer: a `KeyValueTensorInitializer` or `TextFileInitializer`. default_value: what other keys give.
    """

    def __init__(self, initializer, default_value, shared_name=None, name=None):
        self.key_dtype, self.value_dtype = initializer.key_dtype, initializer.value_dtype
        self.pairs = Pairs(initializer.keys, initializer.values)
        self.default_value = as_tensor(default_value, self.value_dtype.dtype, "default_value")
        with name_scope(name, "hash_table") as scope:
            self.name = scope.rstrip("/").rpartition("/")[2]
            self.init = no_op(name="table_init")
        get_default_graph().add_to_collection(TABLE_INITIALIZERS, self.init)

    @property
    def initializer(self):
        """A node that does nothing: the contents are there from the beginning."""
        return self.init

    def lookup(self, keys, name=None):
        """The values of `keys`, of their shape; of a SparseTensor a SparseTensor. Raises TypeError for other dtypes."""
        if isinstance(keys, SparseTensor):
            return SparseTensor(keys.indices, self.lookup(keys.values, name), keys.dense_shape)
        with name_scope(name, f"{self.name}_Lookup", [keys]) as scope:
            keys = as_tensor(keys, name="keys")
            return look_up(keys, self.default_value, pairs=self.pairs, name=scope)

    def size(self, name=None):
        """The number of keys: int64 []."""
        return as_tensor(np.int64(len(self.pairs.values)), name=name or f"{self.name}_Size")


class BucketTable(HashTable):
    """A table of indices whose other keys are spread over `num_buckets` numbers above, by TensorFlow's hash."""

    def __init__(self, initializer, num_buckets, name=None):
        super().__init__(initializer, -1, name=name)
        self._buckets = num_buckets

    def lookup(self, keys, name=None):
        """The values of `keys`; see `HashTable.lookup`."""
        if isinstance(keys, SparseTensor):
            return super().lookup(keys, name)
        with name_scope(name, f"{self.name}_Lookup", [keys]):
            keys = as_tensor(keys, name="keys")
            found = look_up(keys, self.default_value, pairs=self.pairs)
            words = keys if keys.dtype == string else as_string(keys)
            bucket = string_to_hash_bucket_fast(words, self._buckets)
            return where(less(found, 0), bucket + len(self.pairs.values), found)

    def size(self, name=None):
        """The number of keys and buckets: int64 []."""
        return as_tensor(np.int64(len(self.pairs.values) + self._buckets), name=name or f"{self.name}_Size")


def tables_initializer(name="init_all_tables"):
    """A node that initializes all tables; it does nothing, since they are when they are made."""
    return group(*get_default_graph().get_collection(TABLE_INITIALIZERS), name=name)


def index_table_from_tensor(
    vocabulary_list=None, num_oov_buckets=0, default_value=-1, hasher_spec=None, dtype=string, name=None, mapping=None
):
    """A table from words to their places in `vocabulary_list` `[n]`, int64; `default_value` for others.

    num_oov_buckets: other words get one of so many numbers above, always the same one. mapping: another name of
    vocabulary_list. Raises InvalidArgumentError for none.
    """
    words = mapping if vocabulary_list is None else vocabulary_list
    if words is None:
        raise InvalidArgumentError(
            "vocabulary_list must be specified.", expected="words", got=None, made_at=user_line()
        )
    words = _vector(words, None if hasattr(words, "spec") else dtype, "vocabulary_list")
    return _index_table(KeyValueTensorInitializer(words, np.arange(len(words))), num_oov_buckets, default_value, name)


def index_table_from_file(
    vocabulary_file=None, num_oov_buckets=0, vocab_size=None, default_value=-1, hasher_spec=None, key_dtype=string,
    name=None, key_column_index=TextFileIndex.WHOLE_LINE, value_column_index=TextFileIndex.LINE_NUMBER,
    delimiter="\t",
):  # fmt: skip
    """A table from the lines of a text file to their numbers, from 0 on.

    For the arguments see `index_table_from_tensor` and `TextFileInitializer`.
    """
    if not vocabulary_file:
        raise InvalidArgumentError("vocabulary_file must be specified.", expected="a path", got=repr(vocabulary_file))
    contents = TextFileInitializer(
        vocabulary_file, key_dtype, key_column_index, int64, value_column_index, vocab_size, delimiter
    )
    return _index_table(contents, num_oov_buckets, default_value, name)


def _index_table(contents, buckets, default_value, name):
    if buckets < 0:
        raise InvalidArgumentError(
            "num_oov_buckets must not be negative.", expected=">= 0", got=buckets, made_at=user_line()
        )
    return BucketTable(contents, buckets, name) if buckets else HashTable(contents, default_value, name=name)


def index_to_string_table_from_tensor(vocabulary_list=None, default_value="UNK", name=None, mapping=None):
    """A table from places in `vocabulary_list` `[n]` to the words; `default_value` for others."""
    words = mapping if vocabulary_list is None else vocabulary_list
    if words is None:
        raise InvalidArgumentError(
            "vocabulary_list must be specified.", expected="words", got=None, made_at=user_line()
        )
    words = _vector(words, None if hasattr(words, "spec") else string, "vocabulary_list")
    return HashTable(KeyValueTensorInitializer(np.arange(len(words)), words), default_value, name=name)


def index_to_string_table_from_file(
    vocabulary_file, vocab_size=None, default_value="UNK", name=None, key_column_index=TextFileIndex.LINE_NUMBER,
    value_column_index=TextFileIndex.WHOLE_LINE, delimiter="\t",
):  # fmt: skip
    """A table from numbers, from 0 on, to the lines of a text file; see `TextFileInitializer`."""
    contents = TextFileInitializer(
        vocabulary_file, int64, key_column_index, string, value_column_index, vocab_size, delimiter
    )
    return HashTable(contents, default_value, name=name)
