"""Arrays as pictures inside a page: PNG as a data URI, written by ourselves."""

import base64
import struct
import zlib

import numpy as np

NEGATIVE, POSITIVE = np.array([33, 102, 172]), np.array([214, 96, 30])


def png(pixels):
    """The bytes of a PNG of `pixels [h, w]` (grey) or `[h, w, 3]`, uint8."""
    pixels = np.ascontiguousarray(pixels, np.uint8)
    h, w = pixels.shape[:2]
    rows = np.concatenate([np.zeros((h, 1), np.uint8), pixels.reshape(h, -1)], axis=1)  # filter 0 before each row
    head = struct.pack(">IIBBBBB", w, h, 8, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def data_uri(pixels):
    """The picture as a URI that an <img> takes."""
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def diverging(plane):
    """`plane [h, w]` in colours: blue below zero, white at zero, orange above, full at its greatest magnitude."""
    limit = np.abs(plane).max() or 1.0
    t = (np.asarray(plane, np.float64) / limit)[..., None]
    ends = np.where(t < 0, NEGATIVE, POSITIVE)
    return np.rint(255 + (ends - 255) * np.abs(t)).astype(np.uint8)


def photograph(image):
    """`image [h, w, 1 or 3]`, or `[h, w]`, stretched to 0 .. 255; of other channels the first."""
    image = np.asarray(image, np.float64)
    low, high = image.min(), image.max()
    image = np.rint((image - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    if image.ndim == 2:
        return image
    return image if image.shape[-1] == 3 else image[..., 0]
