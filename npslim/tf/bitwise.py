"""`tf.bitwise`."""

from npslim.ops.logic import bitwise_and, bitwise_or, bitwise_xor, invert, left_shift, right_shift
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
