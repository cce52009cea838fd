"""Exercise: a convolution.

Write `conv2d`. Begin with loops, they are easiest to get right; then try im2col, which is one product of matrices.
Check with: python -m npslim exercise check conv2d.py
"""

import numpy as np


def conv2d(x, w, stride=1, padding="VALID"):
    """The convolution of images `x [n, h, w, c]` with filters `w [kh, kw, c, o]`, as nets mean it: nothing is flipped.

    padding: "VALID", or "SAME", which gives ceil(size / stride) outputs and puts an odd zero at the end.
    """
    raise NotImplementedError
