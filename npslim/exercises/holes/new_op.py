"""Exercise: a new op.

The Swish function is y = x * sigmoid(x). Make it an op: what it computes, which shape that has, its gradient, cases.
Check with: python -m npslim exercise check new_op.py        See docs/adding-an-op.md.
"""

import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.shape_rules import same


@op(reference=lambda x: x / (1 + np.exp(-x)))
def swish(x):
    """x * sigmoid(x), element by element."""
    raise NotImplementedError  # take functions from array_module(x), so that it runs on a GPU too


# the shape rule: the output is like the input


# the gradient: a function (g, y, x), written with ops, so that it can be differentiated again


# cases: functions of a generator that return a tuple of arrays
