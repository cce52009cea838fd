"""The fake device: its dtypes, how it converts, and the counters of what passes between it and the host."""

import collections
import contextlib
import threading
import warnings

import numpy as np

DTYPES = "?bhilqBHILQefdFD"
SCALARS = {bool, int, float, complex} | {np.dtype(char).type for char in DTYPES}

modules = {}  # name -> module: filled by _modules.py
syncs = collections.Counter()  # what made the host wait for the device, and how often
uploads = collections.Counter()  # what copied host memory to the device, and how often
_thread = threading.local()


class DeviceSynchronized(RuntimeError):
    """The host waited for the device where `cupyx.allow_synchronize(False)` forbids it."""


DeviceSynchronized.__module__ = "cupyx"


def synchronize(reason):
    """Counts that the host waits for the device."""
    syncs[reason] += 1
    if not getattr(_thread, "allowed", True):
        raise DeviceSynchronized("Device synchronization was detected while disallowed.")


@contextlib.contextmanager
def allow_synchronize(allow):
    before, _thread.allowed = getattr(_thread, "allowed", True), allow
    try:
        yield
    finally:
        _thread.allowed = before


def check_dtype(dtype):
    """`dtype` as a `numpy.dtype`. Raises ValueError for one that no GPU array has."""
    dtype = np.dtype(dtype)
    if dtype.char not in DTYPES or dtype.byteorder == ">":
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def cast(host, dtype):
    """`host.astype(dtype)` as CUDA converts: a float that an integer cannot hold saturates, NaN becomes 0."""
    dtype = np.dtype(dtype)
    with np.errstate(all="ignore"):
        result = host.astype(dtype, copy=False)
    if host.dtype.kind == "f" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        wide, fixed = host.astype(np.float64), np.array([0, limits.min, limits.max], dtype)
        special = [np.isnan(wide), wide <= float(limits.min), wide >= float(limits.max)]
        result = np.select(special, fixed, result)
    return result


@contextlib.contextmanager
def quiet(*arrays):
    """A GPU warns of nothing: neither of infinity nor of the mean of an empty array."""
    with np.errstate(all="ignore"):
        if all(np.size(array) for array in arrays):
            yield
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                yield


class Flags(collections.namedtuple("Flags", "c_contiguous f_contiguous owndata")):
    """The memory layout: there is no `writeable` on a GPU."""

    def __getitem__(self, name):
        return getattr(self, {"C": "c_contiguous", "F": "f_contiguous", "O": "owndata"}.get(name, name.lower()))
