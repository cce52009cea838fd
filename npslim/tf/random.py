"""`tf.random`."""

from npslim.ops.random import multinomial, truncated_normal
from npslim.ops.random import random_normal as normal
from npslim.ops.random import random_uniform as uniform
from npslim.tf import set_random_seed
from npslim.tf.missing import reporter
from npslim.tf.renamed import random_shuffle as shuffle


def categorical(logits, num_samples, dtype=None, seed=None, name=None):
    """Classes drawn with probabilities softmax(logits): `[n, classes]` to `[n, num_samples]` of `dtype`, or int64."""
    given = {} if dtype is None else {"output_dtype": dtype}
    return multinomial(logits, num_samples=num_samples, seed=seed, name=name, **given)


__getattr__ = reporter(__name__, lambda: globals())
