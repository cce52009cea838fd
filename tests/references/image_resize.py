"""Resizing as two matrices, of rows and of columns, each filled in pixel by pixel from the method's own definition."""

import functools
import math
from fractions import Fraction

import numpy as np

from npslim.registry import REGISTRY


def place(i, old, new, align_corners, half_pixel_centers, middle=0.5):
    """Where output pixel i lies in the input, in TensorFlow's float32."""
    scale = (
        np.float32(old - 1) / np.float32(new - 1) if align_corners and new > 1 else np.float32(old) / np.float32(new)
    )
    if half_pixel_centers:
        return (np.float32(i) + np.float32(0.5)) * scale - np.float32(middle)
    return np.float32(i) * scale


def bilinear(i, old, new, **how):
    """A tent around the place, the edge's pixels going on for ever."""
    at = float(place(i, old, new, **how))
    return {p: max(0.0, 1 - abs(at - p)) for p in range(math.floor(at), math.floor(at) + 2)}


def nearest(i, old, new, align_corners, half_pixel_centers):
    at = float(place(i, old, new, align_corners, half_pixel_centers, middle=0))
    return {int(at + 0.5) if align_corners else int(at): 1.0}


def keys(x, a):
    """The cubic of Keys, in powers of x."""
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x <= 2 else 0.0


def bicubic(i, old, new, **how):
    at = place(i, old, new, **how)
    left = math.floor(at)
    step = round((at - np.float32(left)) * np.float32(1024)) / 1024
    if not how["half_pixel_centers"]:
        return {left + k: keys(step - k, -0.75) for k in range(-1, 3)}
    inside = {left + k: keys(step - k, -0.5) for k in range(-1, 3) if 0 <= left + k < old}
    return {p: w / sum(inside.values()) for p, w in inside.items()}


def area(i, old, new, align_corners, half_pixel_centers):
    """The share of each pixel in the stretch that the output pixel covers, in fractions."""
    scale = Fraction(old - 1, new - 1) if align_corners and new > 1 else Fraction(old, new)
    found = {}
    for p in range(old + 1):
        filled = min(p + 1, (i + 1) * scale) - max(p, i * scale)
        if filled > 0:
            found[p] = float(filled / scale)
    return found


def matrix(weights, old, new, **how):
    """[new, old]: what each output pixel takes of each input pixel."""
    m = np.zeros((new, old))
    for i in range(new):
        for p, w in weights(i, old, new, **how).items():
            m[i, min(max(p, 0), old - 1)] += w
    return m


def value(images, size, weights, **how):
    rows, columns = (matrix(weights, old, new, **how) for old, new in zip(images.shape[1:3], size, strict=True))
    return np.einsum("nhwc,ih,jw->nijc", images, rows, columns)


def gradient(g, like, weights, **how):
    rows, columns = (matrix(weights, a, b, **how) for a, b in zip(like.shape[1:3], g.shape[1:3], strict=True))
    return np.einsum("nijc,ih,jw->nhwc", g, rows, columns)


for _name, _weights in {
    "resize_bilinear": bilinear,
    "resize_nearest_neighbor": nearest,
    "resize_bicubic": bicubic,
    "resize_area": area,
}.items():
    REGISTRY[_name].reference = functools.partial(value, weights=_weights)
    REGISTRY[f"{_name}_grad"].reference = functools.partial(gradient, weights=_weights)
