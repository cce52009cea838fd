"""`tf.manip`."""

from npslim.ops.rearrange import roll
from npslim.tf.missing import reporter
from npslim.tf.renamed import batch_to_space_nd, gather_nd, reshape, reverse, space_to_batch_nd, tile

__getattr__ = reporter(__name__, lambda: globals())
