"""BMP files to pixels."""

import struct

import numpy as np

from npslim.ops.image_formats import damaged


def decode_bmp(data, channels):
    """`[h, w, channels]`: bits as they are, palettes not looked at, as in TensorFlow."""
    if len(data) < 32:
        raise damaged("BMP", "a header", f"{len(data)} bytes")
    (start,), (width, height), (bits,) = (
        struct.unpack_from("<I", data, 10), struct.unpack_from("<ii", data, 18), struct.unpack_from("<H", data, 28)
    )  # fmt: skip
    if bits not in (8, 24, 32) or width < 1 or height == 0:
        raise damaged("BMP", "8, 24 or 32 bits a pixel", f"{bits} bits, {width} x {height}")
    count, rows = bits // 8, abs(height)
    step = (width * count + 3) // 4 * 4
    if start + step * (rows - 1) + width * count > len(data):
        raise damaged("BMP", f"{start + step * rows} bytes", f"{len(data)} bytes")
    body = np.zeros(step * rows, np.uint8)  # some files leave out what fills up the last row
    given = np.frombuffer(data, np.uint8, min(step * rows, len(data) - start), start)
    body[: len(given)] = given
    pixels = body.reshape(rows, step)[:, : width * count].reshape(rows, width, count)
    pixels = pixels[::-1] if height > 0 else pixels
    colors = np.repeat(pixels, 3, axis=2) if count == 1 else pixels[..., 2::-1]
    if channels in (0, count):
        channels = count
    if channels == 1:
        return np.ascontiguousarray(pixels)
    if channels == 4:
        alpha = pixels[..., 3:] if count == 4 else np.full((rows, width, 1), 255, np.uint8)
        return np.concatenate([colors, alpha], axis=2)
    return np.ascontiguousarray(colors)
