"""Padding: what surrounds a tensor."""

import numpy as np

from npslim.arguments import check_choice
from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.spec import Spec


def _pad_by_index(x, paddings, mode, value):
    grid = np.ix_(*(range(-int(a), n + int(b)) for n, (a, b) in zip(x.shape, paddings, strict=True)))
    full = np.full([g.size for g in grid], value, x.dtype)
    for place in np.ndindex(*full.shape):
        source = [g.ravel()[i] for g, i in zip(grid, place, strict=True)]
        if mode != "CONSTANT":
            edge = 0 if mode == "REFLECT" else 1
            source = [
                -s - edge if s < 0 else 2 * n - 2 + edge - s if s >= n else s
                for s, n in zip(source, x.shape, strict=True)
            ]
        if all(0 <= s < n for s, n in zip(source, x.shape, strict=True)):
            full[place] = x[tuple(source)]
    return full


@op(alike=(), holomorphic=True, host=("paddings",), type="Pad", node_name="Pad", reference=_pad_by_index)
def pad_by(x, paddings, *, mode="CONSTANT", value=0):
    """`x` with `paddings[i] = (before, after)` elements put around dimension i.

    mode: CONSTANT puts `value`, REFLECT mirrors without the border, SYMMETRIC with it.
    """
    widths = [tuple(int(n) for n in pair) for pair in paddings]
    if mode == "CONSTANT":
        return array_module(x).pad(x, widths, mode="constant", constant_values=value)
    return array_module(x).pad(x, widths, mode=mode.lower())


@pad_by.shape
def _(x, paddings, *, mode):
    check_choice(mode, ("CONSTANT", "REFLECT", "SYMMETRIC"), "mode of padding")
    rank = paddings.shape[0] if paddings.shape else None
    if x.shape is not None and rank not in (None, len(x.shape)):
        raise ShapeError("There must be a pair for each dimension.", expected=len(x.shape), got=rank)
    if x.shape is None or paddings.known is None:
        rank = len(x.shape) if x.shape is not None else rank
        return Spec(None if rank is None else (None,) * rank, x.dtype)
    pairs = paddings.known.tolist()
    room = {"REFLECT": -1, "SYMMETRIC": 0}.get(mode)
    for i, (n, pair) in enumerate(zip(x.shape, pairs, strict=True)):
        if min(pair) < 0 or (room is not None and n is not None and max(pair) > n + room):
            raise ShapeError(
                "The padding does not fit.",
                expected=f"0 <= padding of dimension {i}" + (f" <= {n + room}" if room is not None else ""),
                got=pair,
            )
    return Spec(
        tuple(
            None if n is None or np.isnan(a + b) else int(n + a + b) for n, (a, b) in zip(x.shape, pairs, strict=True)
        ),
        x.dtype,
    )


@pad_by.vjp
def _(g, y, x, paddings, *, mode):
    return unpad(g, paddings, x, mode=mode), None


def _unpad_by_loop(g, paddings, like, mode):
    positions = np.arange(1, like.size + 1).reshape(like.shape)
    positions = _pad_by_index(positions, paddings, mode, 0)
    total = np.zeros(like.size + 1, g.dtype)
    for p, v in zip(positions.ravel(), g.ravel(), strict=True):
        total[p] += v
    return total[1:].reshape(like.shape)


@op(alike=(), holomorphic=True, host=("paddings",), shape_only=("like",), reference=_unpad_by_loop)
def unpad(g, paddings, like, *, mode="CONSTANT"):
    """What undoes padding on the way back: the inner part of `g`, plus the mirrored parts folded back onto it."""
    inner = tuple(slice(int(a), g.shape[i] - int(b)) for i, (a, b) in enumerate(paddings))
    if mode == "CONSTANT":
        return g[inner]
    xp, edge = array_module(g), 1 if mode == "REFLECT" else 0
    for axis, (a, b) in enumerate(paddings.tolist()):
        g = xp.moveaxis(g, axis, 0)
        n = g.shape[0] - a - b
        middle = g[a : a + n].copy()
        middle[edge : edge + a] += g[:a][::-1]
        middle[n - edge - b : n - edge] += g[a + n :][::-1]
        g = xp.moveaxis(middle, 0, axis)
    return g


@unpad.shape
def _(g, paddings, like, *, mode):
    return Spec(like.shape, g.dtype)


@unpad.vjp
def _(h, y, g, paddings, like, *, mode):
    return pad_by(h, paddings, mode=mode), None, None


def _padded(rng):
    return rng.normal(size=(3, 4)), np.array([[1, 0], [2, 3]], np.int32)


for _mode in ("CONSTANT", "REFLECT", "SYMMETRIC"):
    pad_by.cases(_padded, mode=_mode)
    unpad.cases(lambda rng: (rng.normal(size=(4, 9)), _padded(rng)[1], np.zeros((3, 4))), mode=_mode)
pad_by.cases(_padded, lambda rng: (np.zeros((0, 2)), np.array([[1, 1], [0, 0]])), value=7)
pad_by.rejects("each dimension", lambda rng: (np.zeros((2, 3)), np.array([[1, 1]])))
pad_by.rejects("Unknown mode", lambda rng: (np.zeros(2), np.array([[1, 1]])), mode="WRAP")
pad_by.rejects("does not fit", lambda rng: (np.zeros(2), np.array([[2, 0]])), mode="REFLECT")


def pad(tensor, paddings, mode="CONSTANT", name=None, constant_values=0):
    """`tensor` with elements put around it: `paddings` `[rank, 2]` says how many before and after in each dimension.

    mode: CONSTANT puts `constant_values`, REFLECT mirrors without the border element, SYMMETRIC with it.
    """
    return pad_by(
        tensor,
        paddings,
        mode=mode.upper(),
        value=constant_values,
        name=name or ("Pad" if mode.upper() == "CONSTANT" else "MirrorPad"),
    )
