"""`tf.sparse`."""

from npslim.ops.sparse import SparseTensor
from npslim.ops.sparse import sparse_fill_empty_rows as fill_empty_rows
from npslim.ops.sparse import sparse_placeholder as placeholder
from npslim.ops.sparse import sparse_reorder as reorder
from npslim.ops.sparse import sparse_reshape as reshape
from npslim.ops.sparse import sparse_retain as retain
from npslim.ops.sparse import sparse_tensor_to_dense as to_dense
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
