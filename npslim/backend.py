"""NumPy or CuPy: which of them holds an array, and the way between the two.

The only file that names cupy, and it never imports it before somebody asks for a GPU. A kernel asks
`array_module(x)` for its functions and otherwise does not know where it runs.
"""

import importlib
import sys
import threading

import numpy as np

from npslim.errors import InvalidArgumentError, missing_extra

DEVICES = ("cpu", "gpu")
_running = threading.local()


def on_gpu(array):
    """True if `array` lives on a GPU."""
    return type(array).__module__.partition(".")[0] == "cupy"


def array_module(*arrays):
    """The module (numpy or cupy) for work on `arrays`; without arrays, the one of the session that is running."""
    for array in arrays:
        if on_gpu(array):
            return sys.modules["cupy"]
    return np if arrays else getattr(_running, "module", np)


def special_module(*arrays):
    """SciPy's module of special functions, which takes longer to import than npslim, or CuPy's twin of it."""
    return importlib.import_module("scipy.special" if array_module(*arrays) is np else "cupyx.scipy.special")


def device_module(device):
    """The array module of a device, "cpu" or "gpu". Raises MissingExtraError without CuPy."""
    if device not in DEVICES:
        raise InvalidArgumentError("There is no such device.", expected=" or ".join(DEVICES), got=repr(device))
    if device == "cpu":
        return np
    try:
        return importlib.import_module("cupy")
    except ImportError:
        raise missing_extra("cupy", "gpu", "A session on a GPU") from None


class running_on:
    """A context in which `array_module()` gives `module`."""

    def __init__(self, module):
        self.module = module

    def __enter__(self):
        self.before = getattr(_running, "module", np)
        _running.module = self.module

    def __exit__(self, *_):
        _running.module = self.before


def to_host(array):
    """`array` as a NumPy array; a NumPy array or a Python object comes back as it is."""
    return sys.modules["cupy"].asnumpy(array) if on_gpu(array) else array


def to_device(array, module):
    """A numeric NumPy array as an array of `module`; anything else comes back as it is."""
    if module is np or on_gpu(array) or not isinstance(array, (np.ndarray, np.generic)) or array.dtype == object:
        return array
    return module.asarray(array)


def together(arrays):
    """`arrays` in one place: on the GPU if any of them is there."""
    module = array_module(*arrays) if arrays else np
    return arrays if module is np else [to_device(array, module) for array in arrays]
