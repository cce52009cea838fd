"""Random graphs give the same under plain and rewritten plans, run after run, whatever is fetched and fed.

`bits`: the plans are rewritten as ever, but the kernels are those that do the plain ones' sums in their order: so all
bits agree, those of NaNs aside. `near`: with all fast kernels, in graphs without functions that make a small difference
large. What is too small for loops, arenas and blocks is large here. A failing graph is made smaller before it is shown.
"""

import threading

import numpy as np
import pytest
import random_graphs
from random_graphs import Maker, call, drawn

import npslim as slim
from npslim.fast import (
    arena,
    batch_norm,
    blas,
    branches,
    broadcast,
    buffers,
    choice,
    columns,
    conv,
    cross_entropy,
    depthwise,
    folding,
    kernels,
    lines,
    loops,
    moves,
    near,
    pool,
    rewrite,
    several,
    sides,
    softmax,
    update,
    update_steps,
    winograd2,
    workers,
)

SMALL = [  # what a plan asks before it does something for large arrays
    (arena, "LARGE", 64), (buffers, "LARGE", 64), (loops, "SMALL", 4), (loops, "BLOCK", 16), (kernels, "SMALL", 4),
    (update, "SMALL", 4), (update, "BLOCK", 16), (update, "PRODUCT", 32), (update_steps, "SMALLEST_PRODUCT", 8),
    (update_steps, "SMALL", 4), (update_steps, "USUAL_BATCH", 1), (pool, "BLOCK", 8),
    *((cross_entropy, name, size) for name, size in (("BLOCK", 8), ("LONG", 8), ("NARROW", 1), ("ROWS", 2))),
    (broadcast, "SMALL", 4), (broadcast, "BLOCK", 16), (moves, "SMALL", 4),
    (softmax, "SMALL", 4), (softmax, "BLOCK", 8), (softmax, "NARROW", 1),
    (near, "SMALL", 4), (near, "BLOCK", 16), (near, "LONG", 16),
    (batch_norm, "BLOCK", 8), (batch_norm, "LONG", 6), (batch_norm, "WIDTH", 3),
    (branches, "PLACES", 1), (branches, "CHANNELS", 1),
    (blas, "LARGE", 64), (blas, "BAND", 2), (workers, "SHORTEST", 0.0), (workers, "LEAST", 0.0),
    (conv, "PLACES", 2), (conv, "TILE", 256), (columns, "PLACES", 2), (columns, "WHOLE", 256),
    (columns, "DEEP", 2), (choice, "PLACES", 1), (winograd2, "PIECES", 3), (winograd2, "ELEMENTS", 3),
    (depthwise, "TILE", 12), (depthwise, "LEAST", 6), (depthwise, "GROUP", 6), (depthwise, "SHORT", 4),
    (depthwise, "LONG", 6), (several, "PLACES", 2),
    (sides, "LARGE", 0.0), (sides, "FORK", 0.0),
    (choice, "LINES", 1), (lines, "PLACES", 6), (lines, "LEAST", 6), (lines, "WHOLE", 40), (lines, "BAND", 1),
]  # fmt: skip
FIGURES = {"winograd": {"forward": [1, 1], "filter": [1, 1]}, "windows": 4, "tile": 256}
TIMES = (1, 1, 4, 20)  # as many elements, so that some are large and some small
OTHER_ORDER = ("join_updates", "merge_branches", "join_cross_entropy")


def shrink(monkeypatch, times=1):
    """Let all that is for large arrays begin with small ones: of a few elements, `times` as many."""
    for module, name, value in SMALL:
        monkeypatch.setattr(module, name, value * times)
    for module in (choice, columns, conv, several):
        monkeypatch.setattr(module, "figures", lambda: FIGURES)


def keep_order(monkeypatch):
    """Nothing that adds up in another order than the plain kernels, or lays out otherwise what is added up later."""
    monkeypatch.setattr(blas, "LARGE", 1 << 26)
    same = {"matmul": kernels.matmul, **broadcast.KERNELS, **moves.KERNELS, **softmax.KERNELS}
    for module in (kernels, folding):
        monkeypatch.setattr(module, "FAST", same)
    kept = [one for one in rewrite.PASSES if one.__name__ not in OTHER_ORDER]
    monkeypatch.setattr(rewrite, "PASSES", kept)


def outcome(session, fetches, feeds):
    """(the values, the class of the error)."""
    try:
        return session.run(fetches, feeds), None
    except Exception as error:
        return None, type(error)


def state(session):
    """Copies of all variables' values."""
    cells = session.store.cells.items()
    return {name: None if cell.value is None else np.array(cell.value) for name, cell in cells}


def put_back(session, values):
    """Let all variables have these values."""
    for name, value in values.items():
        session.store.cells[name].value = None if value is None else value.copy()


def differ(a, b, near):
    """What is different about two values, or None."""
    if type(a) is not type(b):
        return f"{type(a)} and {type(b)}"
    if a is None:
        return None
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    if a.dtype.kind != "f":
        return None if (a == b).all() else f"{a} and {b}"
    if near:
        with np.errstate(all="ignore"):
            scale = np.abs(a[np.isfinite(a)]).max(initial=1)
        close = np.allclose(a, b, rtol=0, atol=scale * (1e-8 if a.dtype == np.float64 else 2e-3), equal_nan=True)
        return None if close else f"{a} and {b}"
    same = (a == b) & (np.signbit(a) == np.signbit(b)) | np.isnan(a) & np.isnan(b)
    return None if same.all() else f"{a[~same][:5]} and {b[~same][:5]}, {(~same).sum()} of {same.size}"


def shown(wanted):
    """What a run fetches and is fed."""
    feeds = ", ".join(f"{t.name} {x.dtype}{list(x.shape)} strides {x.strides}" for t, x in wanted.feeds.items())
    return f"{wanted.fetches}, fed {feeds}"


def fault(program, near=False):
    """What goes wrong when the program's graph is run, or None."""
    slim.reset_default_graph()
    maker = Maker(program).make(program)
    plain = slim.Session(kernels="plain")
    others = {threads: slim.Session(kernels="fast", threads=threads) for threads in (1, 2)}
    for session in (plain, *others.values()):
        session.run(slim.global_variables_initializer())
    kept = []  # (an array that was fetched, a copy of it)
    for number, numbers in enumerate(program.runs):
        try:
            wanted = call(maker, numbers)
        except random_graphs.Skip:
            continue
        before = {t: np.array(x) for t, x in wanted.feeds.items()}
        expected, failed = outcome(plain, wanted.fetches, wanted.feeds)
        after = state(plain)
        for threads, session in others.items():
            where = f"run {number} on {threads} threads of {shown(wanted)}: "
            found, error = outcome(session, wanted.fetches, wanted.feeds)
            if error is not failed:
                return where + f"{failed} and {error}"
            for fetch, a, b in zip(wanted.fetches, expected or (), found or (), strict=failed is None):
                if difference := differ(a, b, near):
                    return where + f"{fetch}: {difference}"
            if failed is not None:  # what had been done before that is not the same: fused steps are where the last is
                put_back(session, after)
            now = state(session)
            if now.keys() != after.keys():
                return where + f"variables {after.keys() ^ now.keys()}"
            for name, value in after.items():
                if difference := differ(value, now[name], near):
                    return where + f"variable {name}: {difference}"
            for t, x in before.items():
                if not np.array_equal(x, wanted.feeds[t], equal_nan=x.dtype.kind == "f"):
                    return where + f"what was fed to {t} was written to"
            for fetch, array, copy in kept:
                if not np.array_equal(array, copy, equal_nan=copy.dtype.kind == "f"):
                    return where + f"what was fetched of {fetch} before has changed"
            kept += [(f, x, x.copy()) for f, x in zip(wanted.fetches, found or (), strict=False) if hasattr(x, "copy")]
    return at_once(others[2], maker, program, near)


def at_once(session, maker, program, near):
    """What two threads that run the session at the same time find otherwise than one, or None."""
    for numbers in program.runs:
        try:
            wanted = call(maker, numbers)
        except random_graphs.Skip:
            continue
        plan = session.plan(tuple(dict.fromkeys(wanted.fetches)), tuple(wanted.feeds))
        nodes = [node for step in plan.steps for node in step.nodes]
        if any(node.op.random or (node.op.refs and not node.op.only_reads) for node in nodes):
            continue
        expected, failed = outcome(session, wanted.fetches, wanted.feeds)
        found = []

        def several(wanted=wanted, found=found):
            found.extend(outcome(session, wanted.fetches, wanted.feeds) for _ in range(4))

        threads = [threading.Thread(target=several) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for values, error in found:
            if error is not failed:
                return f"at once, {shown(wanted)}: {failed} and {error}"
            for fetch, a, b in zip(wanted.fetches, expected or (), values or (), strict=failed is None):
                if difference := differ(a, b, near):
                    return f"at once, {shown(wanted)}: {fetch}: {difference}"
    return None


def smallest(program, near):
    """A program that shows a fault, without what it does not need."""
    for less in program.smaller():
        try:
            shows = fault(less, near) is not None
        except Exception:
            shows = False
        if shows:
            return smallest(less, near)
    return program


def check(seeds, near=False):
    """Run these graphs; fails with the smallest program that shows the first fault."""
    for seed in seeds:
        program = drawn(seed, tame=near)
        with pytest.MonkeyPatch.context() as monkeypatch:
            shrink(monkeypatch, TIMES[seed % len(TIMES)])
            if not near:
                keep_order(monkeypatch)
            found = fault(program, near)
            if found is not None:
                program = smallest(program, near)
                pytest.fail(f"graph {seed}: {found}\n{program}\n{fault(program, near)}")


def test_random_graphs_give_the_same_bits():
    check(range(120))


def test_random_graphs_with_all_kernels_come_near():
    check(range(80), near=True)


@pytest.mark.long
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("part", range(20))
def test_many_random_graphs(part, near):
    check(range(500 * part + 500, 500 * part + 1000), near)
