"""Which algorithm computes a convolution of a given shape: a small table, which a script can measure again.

All of them sum up as exactly as the definition does, so the choice changes speed and the last bits, nothing else. The
figures below were measured with OpenBLAS on AVX2 and AVX-512 machines. `python -m npslim tune` measures them on this
one and stores them; a stored table counts on the machine that wrote it alone.
"""

import functools
import importlib
import json
import os
import platform
from pathlib import Path

DEFAULTS = {
    # Winograd's F(2x2, 3x3) wins from so many channels on: the smaller of in and out, and their product
    "winograd": {"forward": [64, 8192], "filter": [64, 4096]},
    # windows are read where they lie in outputs of at least so many columns; they are copied in others
    "windows": 32,
    # bytes of a tile: of its input and output together, or of its copied windows
    "tile": 1 << 21,
}

FEW = 8  # channels; below, a row of a window is too short to be copied quickly


def algorithm(kernel, strides, c, o, width, by_filter=False):
    """What is quickest for a convolution of `c` channels to `o`, in an output of `width` columns."""
    if kernel == (1, 1) and strides == (1, 1):
        return "product"
    least, product = figures()["winograd"]["filter" if by_filter else "forward"]
    if kernel == (3, 3) and strides == (1, 1) and min(c, o) >= least and c * o >= product:
        return "winograd"
    narrow = width < figures()["windows"] or kernel[1] > 3
    return "columns" if narrow and c >= FEW or strides != (1, 1) else "windows"


@functools.cache
def figures():
    """The table that counts here: the stored one if this machine wrote it, else `DEFAULTS`."""
    try:
        stored = json.loads(place().read_text())
    except (OSError, ValueError):
        return DEFAULTS
    here = isinstance(stored, dict) and stored.get("machine") == machine()
    return {**DEFAULTS, **stored["figures"]} if here else DEFAULTS


def place():
    """The file of the stored table, in the user's folder for what can be made again."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "npslim" / "convolutions.json"


def store(found):
    """Keep the figures `found` for this machine, and use them from now on."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(f".{os.getpid()}")
    whole.write_text(json.dumps({"machine": machine(), "figures": found}, indent=1) + "\n")
    whole.replace(path)
    figures.cache_clear()


def machine():
    """What the figures depend on: the processor and BLAS's kernel for it."""
    found = importlib.import_module("threadpoolctl").threadpool_info()
    blas = sorted({str(x.get("architecture")) for x in found if x["user_api"] == "blas"})
    return f"{platform.machine()} {_processor()} {', '.join(blas)}"


def _processor():
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor()
