"""Measures the figures of `choice.py` on this machine: each algorithm on convolutions as nets have them."""

import time

import numpy as np

from npslim.backend import one_blas_thread
from npslim.fast import columns, conv
from npslim.fast.conv import Slide
from npslim.fast.winograd2 import WINOGRAD

SAME = Slide((3, 3), (1, 1), (1, 1))
SHAPES = [(64, 32), (64, 56), (128, 28), (256, 14), (512, 14)]  # (channels, rows and columns)
QUICK = [(32, 12), (64, 14), (128, 7)]
WIDTHS, CHANNELS = [14, 20, 28, 40, 56], 64
TILES = [1 << bits for bits in range(18, 23)]
NEVER = 1 << 20  # channels


def measure(quick=False, tell=lambda line: None):
    """The figures of `choice.DEFAULTS`, measured. tell: what is called with a line for each shape."""
    shapes, times = (QUICK, 2) if quick else (SHAPES, 5)
    with one_blas_thread, np.errstate(all="ignore"):
        seconds = {tile: sum(_with_tile(tile, *shape, times) for shape in shapes[:2]) for tile in TILES}
        tile = min(seconds, key=seconds.__getitem__)
        before, conv.TILE = conv.TILE, tile
        try:
            width = least(_by_width(times, tell))
            wins = {name: [] for name in WORK}
            for c, size in shapes:
                for name, (by_windows, by_winograd) in WORK.items():
                    arrays = _arrays(c, size)
                    slow, quick_one = _fastest(by_windows, arrays, times), _fastest(by_winograd, arrays, times)
                    tell(f"3x3, {c} channels, {size} x {size}, {name}: windows {slow:.2f} ms, Winograd {quick_one:.2f}")
                    wins[name].append((c, quick_one < slow))
        finally:
            conv.TILE = before
    return {"tile": tile, "windows": width, "winograd": {name: threshold(found) for name, found in wins.items()}}


def threshold(found):
    """[channels, product] from which on Winograd won, from [(channels, whether it won)]; NEVER if it did not."""
    return [least(found), least(found) ** 2]


def least(found):
    """The number from which on there was a win, from [(number, whether it was one)]; NEVER if there was none."""
    number = NEVER
    for one, won in sorted(found, reverse=True):
        if not won:
            break
        number = one
    return number


def _by_width(times, tell):
    """[(columns, whether windows that are read where they lie won over copied ones)]."""
    found = []
    for size in WIDTHS:
        arrays = _arrays(CHANNELS, size)
        copied, read = (_fastest(work, arrays, times) for work in (_by_columns, WORK["forward"][0]))
        tell(f"3x3, {CHANNELS} channels, {size} x {size}: windows {read:.2f} ms, copied {copied:.2f}")
        found.append((size, read < copied))
    return found


def _by_columns(x, w, y, g):
    columns.correlate(x, w, y, SAME)


def _arrays(c, size):
    """(x, w, y, gradient of w) of a convolution of about as much work for each shape."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(max(1, 6272 // (size * size)), size, size, c)).astype("f")
    w = rng.normal(size=(3, 3, c, c)).astype("f")
    return x, w, np.empty_like(x), np.empty_like(w)


def _with_tile(tile, c, size, times):
    before, conv.TILE = conv.TILE, tile
    try:
        return _fastest(WORK["forward"][0], _arrays(c, size), times)
    finally:
        conv.TILE = before


def _fastest(work, arrays, times):
    """Milliseconds of CPU time."""
    work(*arrays)
    spent = []
    for _ in range(times):
        begin = time.process_time()
        work(*arrays)
        spent.append(time.process_time() - begin)
    return 1e3 * min(spent)


WORK = {
    "forward": (
        lambda x, w, y, g: conv.correlate(x, w, y, SAME),
        lambda x, w, y, g: WINOGRAD.correlate(x, w, y, (1, 1)),
    ),
    "filter": (
        lambda x, w, y, g: conv.correlate_filter(x, y, g, SAME),
        lambda x, w, y, g: WINOGRAD.correlate_filter(x, y, g, (1, 1)),
    ),
}
