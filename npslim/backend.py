"""NumPy or CuPy: which of them holds an array, and the way between the two.

The only file that names cupy, and it never imports it before somebody asks for a GPU. A kernel asks
`array_module(x)` for its functions and otherwise does not know where it runs.
"""

import importlib
import itertools
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
        if type(array) is not np.ndarray and on_gpu(array):  # the first alone answers for most, and every kernel asks
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


def blas_libraries():
    """[(get, set)] of the number of threads of each BLAS library that is loaded."""
    controller = importlib.import_module("threadpoolctl").ThreadpoolController()
    return [_threads_of(library) for library in controller.lib_controllers if library.user_api == "blas"]


def _threads_of(library):
    """threadpoolctl's functions; for OpenBLAS its own: threadpoolctl lets only one thread of a program set them."""
    for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
        found = [
            getattr(library.dynlib, f"{prefix}openblas_{verb}_num_threads{suffix}", None) for verb in ("get", "set")
        ]
        if None not in found:
            return tuple(found)
    return library.get_num_threads, library.set_num_threads


def blas_functions(name):
    """(the function `name` of the BLAS that NumPy uses, whether its integers have 64 bits), or (None, False)."""
    controller = importlib.import_module("threadpoolctl").ThreadpoolController()
    for library in controller.lib_controllers:
        if library.user_api == "blas":
            for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
                function = getattr(library.dynlib, prefix + name + suffix, None)
                if function is not None:
                    return function, bool(suffix)
    return None, False


class _OneThread:
    """A context in which BLAS uses one thread, so that bits do not depend on how many there are.

    Runs may overlap: the first to enter sets the limit, the last to leave lifts it.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._inside = 0
        self._libraries, self._modules = [], 0  # those that were loaded with so many modules of Python
        self._changed = []

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            if self._modules != len(sys.modules):  # one of them may have brought another library
                self._libraries = blas_libraries()
                self._modules = len(sys.modules)
            found = [(set_threads, get_threads()) for get_threads, set_threads in self._libraries]
            self._changed = [(set_threads, before) for set_threads, before in found if before != 1]
            for set_threads, _ in self._changed:
                set_threads(1)

    def __exit__(self, *_):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for set_threads, before in self._changed:
                    set_threads(before)


one_blas_thread = _OneThread()
