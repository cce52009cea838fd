"""Exercise: the two gradients of a convolution with stride 1 and without padding.

`g` is the derivative of a loss by the convolution's output. Write the derivatives by its inputs.
Check with: python -m npslim exercise check conv2d_gradients.py
"""

import numpy as np


def conv2d(x, w):
    """The convolution that is differentiated: x `[n, h, w, c]`, w `[kh, kw, c, o]`. It is complete."""
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(1, 2))
    return np.einsum("nijcuv,uvco->nijo", windows, w)


def filter_gradient(x, w, g):
    """The derivative by `w`, of its shape."""
    raise NotImplementedError


def input_gradient(x, w, g):
    """The derivative by `x`, of its shape."""
    raise NotImplementedError
