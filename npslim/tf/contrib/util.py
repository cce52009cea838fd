"""`tf.contrib.util`."""

from npslim.convert import constant_value
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
