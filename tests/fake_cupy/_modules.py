"""The modules `cupy`, `cupyx` and those below them, made from signatures.json."""

import ast
import contextlib
import importlib.machinery
import types

import numpy as np
import scipy.special

from . import _array, _device, _functions, _signatures, _ufunc

HOSTS = {  # where the twin of a CuPy function is found
    "cupy": np,
    "cupy.linalg": np.linalg,
    "cupy.random": np.random,
    "cupy.fft": np.fft,
    "cupyx.scipy.special": scipy.special,
}


class Device:
    """One of the GPUs, of which there is one."""

    def __init__(self, device=0):
        if device not in (0, None):
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self.id = 0

    compute_capability = "90"
    mem_info = (2**34, 2**34)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device)

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def use(self):
        pass

    def synchronize(self):
        _device.synchronize("Device.synchronize")


class Stream:
    """A queue of work, which is always done."""

    done = True
    ptr = 0

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def use(self):
        return self

    def synchronize(self):
        _device.synchronize("Stream.synchronize")


Stream.null = Stream()


class MemoryPool:
    """A pool that holds nothing."""

    def used_bytes(self):
        return 0

    total_bytes = free_bytes = n_free_blocks = get_limit = used_bytes

    def free_all_blocks(self, stream=None):
        pass

    def set_limit(self, size=None, fraction=None):
        pass


class PinnedMemoryPool:
    """A pool that holds nothing."""

    def n_free_blocks(self):
        return 0

    def free_all_blocks(self):
        pass


class CUDARuntimeError(RuntimeError):
    """What the CUDA runtime answers when it refuses."""


@contextlib.contextmanager
def errstate(*, divide=None, over=None, under=None, invalid=None, linalg=None):
    if linalg not in (None, "ignore"):
        raise NotImplementedError("The fake CuPy does not look at errstate(linalg=...).")
    yield


CLASSES = {
    "cupy": {"ndarray": _array.ndarray, "ufunc": _ufunc.ufunc},
    "cupy.linalg": {"LinAlgError": np.linalg.LinAlgError},
    "cupy.exceptions": {name: getattr(np.exceptions, name) for name in ("AxisError", "ComplexWarning")},
    "cupy.cuda": {"Device": Device, "Stream": Stream, "MemoryPool": MemoryPool, "PinnedMemoryPool": PinnedMemoryPool},
    "cupy.cuda.runtime": {"CUDARuntimeError": CUDARuntimeError},
    "cupy.random": {"Generator": _functions.generator(_signatures.MODULES["cupy.random"]["classes"]["Generator"])},
    "cupyx": {"DeviceSynchronized": _device.DeviceSynchronized},
}
_functions.ours |= {
    "cupy.is_available": lambda: True,
    "cupy.get_default_memory_pool": MemoryPool,
    "cupy.get_default_pinned_memory_pool": PinnedMemoryPool,
    "cupy.cuda.is_available": lambda: True,
    "cupy.cuda.get_device_id": lambda: 0,
    "cupy.cuda.get_current_stream": lambda device_id=-1: Stream.null,
    "cupy.cuda.runtime.getDevice": lambda: 0,
    "cupy.cuda.runtime.getDeviceCount": lambda: 1,
    "cupy.cuda.runtime.setDevice": lambda device: Device(device).use(),
    "cupy.cuda.runtime.memGetInfo": lambda: Device.mem_info,
    "cupy.cuda.runtime.deviceSynchronize": lambda: _device.synchronize("deviceSynchronize"),
    "cupy.cuda.runtime.runtimeGetVersion": lambda: 12090,
    "cupyx.errstate": errstate,
    "cupyx.allow_synchronize": _device.allow_synchronize,
}


def build():
    """All modules, by name."""
    for name in sorted({*_signatures.MODULES, "cupy.lib"}):
        module = types.ModuleType(name, f"The fake {name} of the tests.")
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        vars(module).update(contents(name, _signatures.MODULES.get(name, {})))
        parent, _, leaf = name.rpartition(".")
        if parent:
            setattr(_device.modules[parent], leaf, module)
        _device.modules[name] = module
    _device.modules["cupy"].__version__ = _signatures.VERSION
    return _device.modules


def number(text):
    """A constant of the table: infinity and NaN are no Python literals."""
    return float(text) if text.lstrip("-") in ("inf", "nan") else ast.literal_eval(text)


def contents(name, table):
    """What stands in one module. What the fake cannot play, but CuPy has, raises NotImplementedError when called."""
    host = HOSTS.get(name)
    found = {entry: getattr(np, entry) for entry in table.get("numpy", ()) if hasattr(np, entry)}
    found |= {entry: number(text) for entry, text in table.get("constants", {}).items()}
    found |= CLASSES.get(name, {})
    for entry, (nin, nout, loops) in table.get("ufuncs", {}).items():
        twin = getattr(host, entry, None)
        if twin is not None:
            found[entry] = _ufunc.ufunc(entry, nin, nout, loops, twin)
    for entry, text in table.get("functions", {}).items():
        twin = getattr(host, entry, None)
        if name == "cupy.random" and twin is not None:
            twin = _functions.random_function(entry, twin)
        found[entry] = _functions.offered(name, entry, _signatures.ANYTHING if text is None else text, twin)
    return found
