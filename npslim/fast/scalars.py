"""Ops of a loss and its checks, for single numbers: NumPy's way through arrays takes longer than all of their work."""

import math

import numpy as np

from npslim.backend import array_module


def divide_no_nan(x, y):
    """`ops.elementwise.divide_no_nan` of two numbers."""
    if x.shape or y.shape or array_module(x, y) is not np:
        return None
    return x / y if y else x.dtype.type(0)


def check_numerics(x, *, message):
    """`ops.debug.check_numerics` of a number that is finite."""
    number = not x.shape and x.dtype.kind == "f" and array_module(x) is np
    return x if number and math.isfinite(x) else None
