"""What a page says of a value: dtype, shape, a few numbers, and a small picture of an array."""

import base64

import numpy as np

from npslim.spec import show_shape

SIDE = 48  # a small picture has at most so many cells a side
FIRST = 6


def facts(value):
    """{"kind", "text", ...} of a value: for arrays also range, mean, first numbers and a picture."""
    if value is None:
        return {"text": "not initialized"}
    if not isinstance(value, np.ndarray | np.generic):
        return {"text": type(value).__name__}
    array = np.asarray(value)
    found = {"text": f"{array.dtype} {show_shape(array.shape)}", "bytes": int(array.nbytes)}
    if array.size == 0 or array.dtype.kind not in "fiub":
        return found
    flat = array.ravel()
    found["first"] = ", ".join(_number(x) for x in flat[:FIRST]) + (", …" if array.size > FIRST else "")
    if array.size > 1 and array.dtype.kind != "b":
        wide = flat.astype(np.float64)
        finite = wide[np.isfinite(wide)]
        if finite.size:
            found["range"] = f"{_number(finite.min())} … {_number(finite.max())}, mean {_number(finite.mean())}"
        if finite.size < wide.size:
            found["odd"] = f"{wide.size - finite.size} not finite"
    if array.ndim >= 1 and array.size > 1:
        found["picture"] = thumbnail(array)
    return found


def _number(x):
    x = x.item() if isinstance(x, np.generic) else x
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def as_plane(array):
    """An array as a plane: of images the first, its channels side by side; of four-dimensional filters all."""
    if array.ndim <= 2:
        return array.reshape(1, -1) if array.ndim < 2 else array
    if array.ndim == 4 and array.shape[0] <= 7 and array.shape[1] <= 7:  # filters [h, w, in, out]
        h, w, i, o = array.shape
        return array.transpose(2, 0, 3, 1).reshape(i * h, o * w)
    while array.ndim > 3:
        array = array[0]
    h, w, c = array.shape
    return array.transpose(0, 2, 1).reshape(h, c * w)


def thumbnail(array, side=SIDE):
    """{"w", "h", "limit", "bits"} of a small picture: cells as bytes, 128 for 0, base64; some left out."""
    plane = as_plane(array).astype(np.float64)
    rows = np.unique(np.linspace(0, plane.shape[0] - 1, min(side, plane.shape[0])).astype(int))
    columns = np.unique(np.linspace(0, plane.shape[1] - 1, min(2 * side, plane.shape[1])).astype(int))
    plane = plane[np.ix_(rows, columns)]
    finite = np.abs(plane[np.isfinite(plane)])
    limit = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    cells = np.clip(np.nan_to_num(plane / limit, nan=0.0, posinf=1.0, neginf=-1.0), -1, 1) * 127 + 128
    bits = base64.b64encode(np.rint(cells).astype(np.uint8).tobytes()).decode("ascii")
    return {"w": plane.shape[1], "h": plane.shape[0], "limit": f"{limit:.4g}", "bits": bits}


def lines_of(found):
    """The facts as lines of text."""
    return [found["text"], *(found[key] for key in ("range", "odd", "first") if key in found)]
