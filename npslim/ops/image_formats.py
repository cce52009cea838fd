"""What the formats of pictures share: sizes are looked at before anything is allocated.

Each of `image_png.py`, `image_gif.py` and `image_bmp.py` makes pixels of bytes as TensorFlow's decoders do, quirks
included. Pillow unpacks the bytes; which bytes they are, and how they become grey, colour or opaque, is done there,
where TensorFlow differs from Pillow.
"""

import importlib

from npslim.errors import InvalidArgumentError, missing_extra

_MOST_BYTES = 1 << 29  # TensorFlow's own limit
_FEW_BYTES = 1 << 26  # what any file may ask for
_MOST_EXPANSION = 2048  # of pixels to file, above that: real pictures of one colour stay below


def pillow():
    """Pillow's module Image. Raises MissingExtraError."""
    try:
        return importlib.import_module("PIL.Image")
    except ImportError:
        raise missing_extra("pillow", "image", "Reading and writing pictures") from None


def damaged(kind, expected, got):
    """The error for a file that cannot be decoded."""
    return InvalidArgumentError(f"The {kind} file cannot be decoded.", expected=expected, got=got)


def check_size(kind, data, *sizes):
    """Raises InvalidArgumentError for a picture whose pixels are more than a file of that length can stand for."""
    count = 1
    for size in sizes:
        count *= size
    most = min(max(_FEW_BYTES, _MOST_EXPANSION * len(data)), _MOST_BYTES)
    if count > most or count == 0:
        raise damaged(kind, f"1 to {most} bytes of pixels", " x ".join(map(str, sizes)))
