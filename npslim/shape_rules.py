"""Shape rules that many ops share: from the specs of the inputs to the spec of the output."""

import numpy as np

from npslim.dtypes import as_dtype
from npslim.errors import DTypeError
from npslim.spec import Spec, broadcast


def same(x, *others):
    """The output is like the first input."""
    return Spec(x.shape, x.dtype)


def broadcasts(*inputs):
    """The inputs broadcast; the output has their dtype."""
    return Spec(broadcast(*(x.shape for x in inputs)), inputs[0].dtype)


def compares(*inputs):
    """The inputs broadcast; the output is boolean."""
    return Spec(broadcast(*(x.shape for x in inputs)), np.dtype(bool))


def floats(x, *others):
    """The output is like the first input, which must be floating or complex."""
    if x.dtype.kind not in "fc":
        raise DTypeError(
            "The input is not floating.",
            expected="a floating dtype",
            got=as_dtype(x.dtype).name,
            hint="cast(x, float32) converts",
        )
    return same(x)


def broadcasts_floats(*inputs):
    """The inputs, floating or complex, broadcast; the output has their dtype."""
    floats(inputs[0])
    return broadcasts(*inputs)


BROADCASTING = (broadcasts, compares, broadcasts_floats)  # the walk back sums what these rules repeat
