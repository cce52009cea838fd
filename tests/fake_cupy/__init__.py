"""A CuPy for tests on machines without a GPU: NumPy inside, and refusing what CuPy refuses.

    with fake_cupy.active() as cupy:
        x = cupy.asarray(np.arange(3.0))
        x + np.ones(3)                      # TypeError, as on a GPU
        float(x.sum())                      # counted in fake_cupy.syncs

`signatures.json` lists what the real CuPy offers; a name, a parameter or a dtype that does not stand there does not
exist here. Results without dimensions are arrays, reading them waits for the device and is counted, indices out of
bounds wrap around, and of several values for one place the first is kept, where NumPy keeps the last.

Stricter than CuPy on purpose: a host array is refused as a value to be stored (CuPy uploads it in some places), and
so are lists where CuPy takes an array.
"""

import contextlib
import sys

from . import _modules
from ._device import syncs, uploads
from ._functions import ours
from ._signatures import MODULES, UFUNC_KEYWORDS, VERSION

__all__ = [
    "MODULES",
    "UFUNC_KEYWORDS",
    "VERSION",
    "active",
    "install",
    "modules",
    "no_syncs",
    "ours",
    "syncs",
    "uninstall",
    "uploads",
]

modules = _modules.build()
_before = []


def install():
    """Lets `import cupy` find the fake, and sets the counters to zero."""
    names = [name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")]
    _before.append({name: sys.modules.pop(name) for name in names})
    sys.modules.update(modules)
    syncs.clear()
    uploads.clear()
    return modules["cupy"]


def uninstall():
    """Undoes the last `install()`."""
    for name in modules:
        sys.modules.pop(name, None)
    sys.modules.update(_before.pop())


@contextlib.contextmanager
def active():
    """`install()` for the length of a `with`; gives the module `cupy`."""
    try:
        yield install()
    finally:
        uninstall()


@contextlib.contextmanager
def no_syncs():
    """Raises `cupyx.DeviceSynchronized` where the host waits for the device."""
    with modules["cupyx"].allow_synchronize(False):
        yield
