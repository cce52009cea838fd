"""`tf.sparse`."""

from npslim.ops.sparse import SparseTensor
from npslim.ops.sparse import sparse_fill_empty_rows as fill_empty_rows
from npslim.ops.sparse import sparse_placeholder as placeholder
from npslim.ops.sparse import sparse_reorder as reorder
from npslim.ops.sparse import sparse_reshape as reshape
from npslim.ops.sparse import sparse_retain as retain
from npslim.ops.sparse import sparse_tensor_to_dense as to_dense
from npslim.ops.sparse_products import sparse_tensor_dense_matmul as sparse_dense_matmul
from npslim.ops.sparse_products import sparse_to_indicator as to_indicator
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
