"""What adapters share: attributes of windows, and the way from tables of functions to answers."""

import functools
import importlib
from typing import Any

import numpy as np

from npslim.errors import MissingExtraError
from npslim.testing.make import attributes


class Unmapped(Exception):
    """The framework has no such function, or not with these attributes."""


def imported(module) -> Any:
    """A framework's module. Raises MissingExtraError if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.split(".")[0]
        raise MissingExtraError(f"{package} is not installed.", hint=f"pip install {package}") from None


class Window:
    """The attributes of a convolution or pool over two dimensions, in plain numbers."""

    def __init__(self, x, attrs, size):
        self.first = str(attrs.get("data_format") or "").startswith("NC")
        self.size = self._spatial(size)
        self.strides = self._spatial(attrs.get("strides", 1))
        self.dilations = self._spatial(attrs.get("dilations", 1))
        sizes = x.shape[2:] if self.first else x.shape[1:-1]
        self.pads = [
            self._pad(n, k, s, d, attrs["padding"], i)
            for i, (n, k, s, d) in enumerate(zip(sizes, self.size, self.strides, self.dilations, strict=True))
        ]

    def _spatial(self, value):
        if isinstance(value, int):
            return (value, value)
        value = tuple(value)
        if len(value) == 4:
            value = value[2:] if self.first else value[1:3]
        return value if len(value) == 2 else value * 2

    def _pad(self, n, k, s, d, padding, i):
        if padding == "VALID":
            return 0, 0
        if padding == "SAME":
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            return total // 2, total - total // 2
        return tuple(padding[i + 2 if self.first else i + 1])


def window_of(case_inputs, attrs, name):
    """The window of a case: its size from the filter, or from ksize."""
    values = list(case_inputs.values())
    return Window(values[0], attrs, attrs["ksize"] if "ksize" in attrs else values[1].shape[:2])


def found(case, table):
    """The function of a case's op. Raises Unmapped."""
    if case.kind != "op" or case.name not in table:
        raise Unmapped("no entry" if case.kind == "op" else "this adapter runs ops alone")
    return functools.partial(table[case.name], attributes(case))


def answers_of(case, outputs, gradients):
    """{key: array}, from lists in the order of the case."""
    keys = [*(f"outputs/{n}" for n in case.outputs), *(f"gradients/{n}" for n in case.gradients)]
    return dict(zip(keys, [np.asarray(a) for a in (*outputs, *gradients)], strict=False))


def axes_of(attrs, rank):
    """The axes of a reduction as a tuple; all of them for None."""
    axis = attrs["axis"]
    axes = range(rank) if axis is None else np.ravel(axis).tolist()
    return tuple(a % rank for a in axes)
