"""`tf.contrib.opt`."""

from npslim.optimizers import MovingAverageOptimizer
from npslim.optimizers.external import ScipyOptimizerInterface
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
