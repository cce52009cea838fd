"""`tf.lookup`: tables from keys to values."""

from npslim.lookup import (
    HashTable,
    KeyValueTensorInitializer,
    TextFileIndex,
    TextFileInitializer,
    index_table_from_file,
    index_table_from_tensor,
    index_to_string_table_from_file,
    index_to_string_table_from_tensor,
)
from npslim.tf.missing import reporter

StaticHashTable = HashTable

__getattr__ = reporter(__name__, lambda: globals())
