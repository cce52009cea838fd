"""TensorFlow.js's weights: a manifest in JSON, and the bytes of the arrays in files beside it.

The manifest is a list of groups, {"paths": [files, one after the other], "weights": [{"name", "shape", "dtype"}]}; a
weight may be quantized: stored in 1 or 2 bytes each, `stored * scale + min`. `model.json` of a graph or of layers holds
the same list as "weightsManifest".

before: array_reader.py   next: array_files.py
"""

import json
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim._io import open_regular
from npslim.array_reader import ArrayReader, is_possible
from npslim.errors import InvalidArgumentError, UnimplementedError

_DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "complex64": "<c8"}
_QUANTIZED = {"uint8": "<u1", "uint16": "<u2", "float16": "<f2"}
_LONGEST_MANIFEST = 1 << 26


@dataclass(frozen=True)
class _Weight:
    """Where an array lies: in the files of its group, from `start` on."""

    shape: tuple
    dtype: Any
    stored: Any
    scale: float | None
    least: float
    files: tuple
    start: int

    @property
    def nbytes(self):
        """The number of bytes in the files."""
        return math.prod(self.shape) * self.stored.itemsize


class TfjsReader(ArrayReader):
    """Reads the arrays that a manifest lists. Opens the files of its own folder that it names, and nothing else.

    Raises NotFoundError for a missing file, DataLossError for a damaged manifest or files that are too short,
    InvalidArgumentError for a path that leads out of the folder. The format has no checksums.
    """

    def __init__(self, path):
        super().__init__(os.fspath(path))
        with open_regular(self.path) as file:
            text = file.read(min(os.fstat(file.fileno()).st_size, _LONGEST_MANIFEST + 1))
        self._folder = os.path.dirname(self.path)
        self._weights, self._sizes = {}, {}
        try:
            if len(text) > _LONGEST_MANIFEST:
                raise ValueError(f"longer than {_LONGEST_MANIFEST} bytes")
            groups = json.loads(text)
            groups = groups["weightsManifest"] if isinstance(groups, dict) else groups
            for group in groups:
                self._add(group)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, InvalidArgumentError):
                raise
            raise self._damaged(
                "its list of weights cannot be read", "JSON of TensorFlow.js", repr(error)[:100]
            ) from None

    def _add(self, group):
        files = tuple(self._inside(path) for path in group["paths"])
        at = 0
        for row in group["weights"]:
            name, shape, quantization = row["name"], tuple(row["shape"]), row.get("quantization") or {}
            sizes = all(type(n) is int for n in shape) and is_possible(shape)
            if not isinstance(name, str) or name in self._weights or not sizes:
                raise ValueError(f"no possible weight: {row}")
            if row["dtype"] not in _DTYPES:
                raise UnimplementedError(
                    f"{self.path}: {name} is of a kind that npslim does not read.", expected=", ".join(_DTYPES),
                    got=f"{row['dtype']} {shape}",
                )  # fmt: skip
            dtype = np.dtype(_DTYPES[row["dtype"]])
            stored = np.dtype(_QUANTIZED[quantization["dtype"]]) if quantization else dtype
            scale = float(quantization["scale"]) if "scale" in quantization else None
            least = float(quantization.get("min", 0.0))
            if not math.isfinite(least) or not math.isfinite(scale or 0.0):
                raise ValueError(f"no possible weight: {row}")
            self._weights[name] = found = _Weight(shape, dtype, stored, scale, least, files, at)
            at += found.nbytes

    def _inside(self, path):
        if not isinstance(path, str) or os.path.basename(path) != path or path in ("", ".", ".."):
            raise InvalidArgumentError(
                f"{self.path} names a file outside of its folder, which npslim does not open.",
                expected="the name of a file beside it", got=repr(path)[:200],
            )  # fmt: skip
        return os.path.join(self._folder, path)

    def names(self):
        """The names of the arrays, sorted."""
        return sorted(self._weights)

    def dtype(self, name):
        """The dtype of an array, that of the numbers and not of their quantized form."""
        return self._found(name).dtype.newbyteorder("=")

    def shape(self, name):
        """The shape of an array."""
        return self._found(name).shape

    def read(self, name):
        """An array; quantized ones as the numbers they stand for."""
        found = self._found(name)
        data = np.frombuffer(self._bytes(name, found), found.stored).reshape(found.shape)
        if found.dtype.kind == "b" and data.view(np.uint8).max(initial=0) > 1:
            raise self._damaged(f"array {name} is not boolean", "0 or 1", int(data.view(np.uint8).max()))
        if found.scale is not None:
            numbers = data.astype(np.float64) * found.scale + found.least
            data = np.rint(numbers) if found.dtype.kind == "i" else numbers
        return data.astype(found.dtype.newbyteorder("="))

    def _found(self, name):
        if name not in self._weights:
            raise self._missing(name)
        return self._weights[name]

    def _bytes(self, name, found):
        """The bytes of an array, which may begin in one file and end in another."""
        for path in found.files:
            if path not in self._sizes:
                with open_regular(path) as file:
                    self._sizes[path] = os.fstat(file.fileno()).st_size
        whole = sum(self._sizes[path] for path in found.files)
        if found.start + found.nbytes > whole:
            raise self._damaged(
                f"array {name} at offset {found.start} is cut off", f"{found.nbytes} bytes for {list(found.shape)}",
                f"files of {whole} bytes",
            )  # fmt: skip
        pieces, at, wanted = [], 0, found.nbytes
        for path in found.files:
            size = self._sizes[path]
            begin = found.start + sum(map(len, pieces)) - at
            if wanted and begin < size:
                with open_regular(path) as file:
                    file.seek(begin)
                    pieces.append(file.read(min(wanted, size - begin)))
                wanted -= len(pieces[-1])
            at += size
        data = b"".join(pieces)
        if len(data) != found.nbytes:
            raise self._damaged(f"array {name} is cut off", f"{found.nbytes} bytes", f"{len(data)} bytes")
        return data
