"""Bilinear resizing in place: the plain kernel's numbers, with rows that are taken as they lie."""

import numpy as np

from npslim.ops.image_resize import taps


def resize_bilinear(images, size, *, align_corners=False, half_pixel_centers=False):
    """What the plain kernel of that name gives, or None."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.dtype != np.float32 or not images.size:
        return None
    (n, h, w, c), (height, width) = images.shape, (int(s) for s in size)
    if height < 1 or width < 1 or not images.flags.c_contiguous:
        return None
    how = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
    across, down = taps("bilinear", w, width, **how), taps("bilinear", h, height, **how)
    columns = (across.indices.T[:, :, None] * c + np.arange(c)).reshape(2, -1)
    rows = images.reshape(n * h, w * c)
    mixed = _mixed(rows.take(columns[0], axis=1), rows.take(columns[1], axis=1), np.repeat(_weights(across), c))
    mixed = mixed.reshape(n, h, width * c)
    below = _weights(down)[:, None]
    result = _mixed(mixed.take(down.indices[:, 0], axis=1), mixed.take(down.indices[:, 1], axis=1), below)
    return result.reshape(n, height, width, c)


def _weights(found):
    return found.weights[:, 1].astype(np.float32)


def _mixed(first, second, weights):
    """first + (second - first) * weights, in the place of `second`."""
    second -= first
    second *= weights
    second += first
    return second
