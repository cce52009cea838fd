"""`tf.linalg`."""

from npslim.ops.algebra import matrix_solve as solve
from npslim.ops.create import eye
from npslim.ops.linear import einsum, matrix_diag, tensordot, trace
from npslim.ops.norm import global_norm
from npslim.ops.rearrange import matrix_band_part as band_part
from npslim.ops.shape import matrix_transpose as transpose
from npslim.tf.missing import reporter
from npslim.tf.renamed import matmul, matrix_diag_part, norm
from npslim.tf.renamed import matrix_determinant as det
from npslim.tf.renamed import matrix_inverse as inv

diag, diag_part = matrix_diag, matrix_diag_part

__getattr__ = reporter(__name__, lambda: globals())
