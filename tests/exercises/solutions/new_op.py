import numpy as np

from npslim.backend import array_module
from npslim.op import op
from npslim.ops.activation import sigmoid
from npslim.shape_rules import same


@op(reference=lambda x: x / (1 + np.exp(-x)))
def swish(x):
    """x * sigmoid(x), element by element."""
    return x / (1 + array_module(x).exp(-x))


swish.shape(same)


@swish.vjp
def _(g, y, x):
    s = sigmoid(x)
    return g * (s + y * (1.0 - s))


swish.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2)),))
