"""`tf.random`."""

from npslim.ops.random import multinomial, truncated_normal
from npslim.ops.random import random_normal as normal
from npslim.ops.random import random_uniform as uniform
from npslim.tf import set_random_seed
from npslim.tf.missing import reporter
from npslim.tf.renamed import random_shuffle as shuffle

__getattr__ = reporter(__name__, lambda: globals())
