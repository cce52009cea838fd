"""`tf.linalg`."""

from npslim.ops.create import eye
from npslim.ops.linear import einsum, matrix_diag, matrix_diag_part, tensordot, trace
from npslim.ops.shape import matrix_transpose as transpose
from npslim.tf.missing import reporter
from npslim.tf.renamed import matmul, norm

diag, diag_part = matrix_diag, matrix_diag_part

__getattr__ = reporter(__name__, lambda: globals())
