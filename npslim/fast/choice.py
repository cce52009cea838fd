"""Which algorithm computes a convolution of a given shape: a small table, which a script can measure again.

All of them sum up as exactly as the definition does, so the choice changes speed and the last bits, nothing else. The
figures below were measured with OpenBLAS on AVX2 and AVX-512 machines. `python -m npslim tune` measures them on this
one and stores them; a stored table counts on the machine that wrote it alone.
"""

import functools
import importlib
import os
import platform

DEFAULTS = {
    # Winograd's F(2x2, 3x3) wins from so many channels on: the smaller of in and out, and their product
    "winograd": {"forward": [64, 8192], "filter": [64, 4096]},
    # windows are read where they lie in outputs of at least so many columns; they are copied in others
    "windows": 40,
    # bytes of a tile: of its input and output together, or of its copied windows
    "tile": 1 << 21,
}

FEW = 8  # channels; below, a row of a window is too short to be copied quickly
LINES = 64  # channels in and out; below, to add to the output for each tap takes longer than to copy windows
PLACES = 256  # of all images; below, the factors of Winograd's filters take longer than they save


def algorithm(kernel, strides, c, o, places, width, by_filter=False):
    """What is quickest for a convolution of `c` channels to `o`, of so many places, in outputs of `width` columns."""
    if kernel == (1, 1) and strides == (1, 1):
        return "product"
    least, product = figures()["winograd"]["filter" if by_filter else "forward"]
    enough = min(c, o) >= least and c * o >= product and places >= PLACES
    if kernel == (3, 3) and strides == (1, 1) and enough:
        return "winograd"
    narrow = width < figures()["windows"] or kernel[1] > 3
    if 1 in kernel and strides == (1, 1) and min(c, o) >= LINES and (narrow or kernel[1] == 1):
        return "lines"
    return "columns" if narrow and c >= FEW or strides != (1, 1) else "windows"


@functools.cache
def figures():
    """The table that counts here: the stored one if this machine wrote it, else `DEFAULTS`."""
    try:
        with open(place(), encoding="utf-8") as file:
            stored = importlib.import_module("json").load(file)  # few have a stored table
    except (OSError, ValueError):
        return DEFAULTS
    here = isinstance(stored, dict) and stored.get("machine") == machine()
    return {**DEFAULTS, **stored["figures"]} if here else DEFAULTS


def place():
    """The file of the stored table, in the user's folder for what can be made again."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "npslim", "convolutions.json")


def store(found):
    """Keep the figures `found` for this machine, and use them from now on."""
    path = place()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    whole = f"{path}.{os.getpid()}"
    with open(whole, "w", encoding="utf-8") as file:
        importlib.import_module("json").dump({"machine": machine(), "figures": found}, file, indent=1)
    os.replace(whole, path)
    figures.cache_clear()


def machine():
    """What the figures depend on: the processor and BLAS's kernel for it."""
    found = importlib.import_module("threadpoolctl").threadpool_info()
    blas = sorted({str(x.get("architecture")) for x in found if x["user_api"] == "blas"})
    return f"{platform.machine()} {_processor()} {', '.join(blas)}"


def _processor():
    lines = []
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = file.read().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor()
