"""Dense tensors of sparse ones: products, and the places that values name."""

import numpy as np

from npslim.convert import as_tensor
from npslim.errors import ShapeError
from npslim.ops.elementwise import multiply
from npslim.ops.indexing import gather, scatter_nd
from npslim.ops.join import concat
from npslim.ops.logic import cast, greater
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import expand_dims, matrix_transpose, ones_like
from npslim.ops.sparse import SparseTensor
from npslim.scopes import name_scope
from npslim.spec import show_shape

_INT64 = np.dtype(np.int64)


def sparse_tensor_dense_matmul(sp_a, b, adjoint_a=False, adjoint_b=False, name=None):
    """The product of a sparse matrix `[n, k]` and a dense one `[k, m]`; either may be transposed first."""
    with name_scope(name, "SparseTensorDenseMatMul", [b]):
        sp_a, b = SparseTensor.from_value(sp_a), as_tensor(b)
        if b.spec.rank not in (None, 2):
            raise ShapeError(
                "sparse_tensor_dense_matmul: b is no matrix.", expected="[k, m]", got=show_shape(b.spec.shape)
            )
        b = matrix_transpose(b) if adjoint_b else b
        rows, columns = (1, 0) if adjoint_a else (0, 1)
        taken = gather(b, sp_a.indices[:, columns])
        weighted = multiply(expand_dims(sp_a.values, axis=1), taken)
        return unsorted_segment_sum(weighted, sp_a.indices[:, rows], sp_a.dense_shape[rows])


def sparse_to_indicator(sp_input, vocab_size, name=None):
    """Which numbers below `vocab_size` are among the values of each row: `[..., vocab_size]` bool."""
    with name_scope(name, "SparseToIndicator", []):
        sp_input = SparseTensor.from_value(sp_input)
        numbers = expand_dims(cast(sp_input.values, _INT64), axis=1)
        places = concat([sp_input.indices[:, :-1], numbers], 1)
        shape = concat([sp_input.dense_shape[:-1], as_tensor(np.array([vocab_size], np.int64))], 0)
        return greater(scatter_nd(places, ones_like(sp_input.values, dtype=np.dtype(np.int32)), shape), 0)
