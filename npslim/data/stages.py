"""What a dataset does to its elements: each stage is a generator of items, made of those of its `source`.

Nothing here knows a graph. The order of what comes out depends on the arguments alone, never on the speed of threads.
"""

import itertools
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_END: Any = object()


class Item:
    """An element on its way: `values`, one for each leaf, and `origin`, the file and record it came from, if any."""

    __slots__ = ("values", "origin")

    def __init__(self, values, origin=None):
        self.values, self.origin = values, origin


def repeated(start, count):
    """The items of `start()`, `count` times over; for ever if that is below 0 and there are any."""
    turns = itertools.count() if count < 0 else range(count)
    for _ in turns:
        item = None
        for item in start():
            yield item
        if item is None and count < 0:
            return


def shuffled(source, size, random):
    """The items in random order: each is drawn from the `size` next ones."""
    waiting = list(itertools.islice(source, size))
    for item in source:
        at = int(random.integers(size))
        yield waiting[at]
        waiting[at] = item
    while waiting:
        at = int(random.integers(len(waiting)))
        waiting[at], waiting[-1] = waiting[-1], waiting[at]
        yield waiting.pop()


def groups(source, size, drop_remainder):
    """Lists of `size` items, the last one shorter or, with `drop_remainder`, left out if it is."""
    while items := list(itertools.islice(source, size)):
        if len(items) == size or not drop_remainder:
            yield items


def interleaved(source, opened, cycle, block):
    """Items of `cycle` sources at a time, `block` of each in turn; `opened(item)` is the source of an item.

    A source that has ended makes place for the next one when its turn comes again.
    """
    if cycle == 1:
        for item in source:
            yield from opened(item)
        return
    slots: list = [None] * cycle
    at = taken = 0
    more = True
    while more or any(slot is not None for slot in slots):
        slot = slots[at]
        if slot is None and more:
            item = next(source, _END)
            more = item is not _END
            slots[at] = opened(item) if more else None
            continue
        item = _END if slot is None else next(slot, _END)
        if item is _END:
            slots[at] = None
        else:
            yield item
            taken += 1
        if item is _END or taken == block:
            at, taken = (at + 1) % cycle, 0


def ahead(source, count):
    """The same items, up to `count` of them made in advance on a thread.

    The thread works only while it has items to make: nothing waits for a consumer that has gone.
    """
    pool = ThreadPoolExecutor(1, "npslim-prefetch")
    try:
        pending = deque(pool.submit(next, source, _END) for _ in range(count))
        while (item := pending.popleft().result()) is not _END:
            pending.append(pool.submit(next, source, _END))
            yield item
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def in_parallel(source, function, workers):
    """`function(item)` for each item, in their order, up to `workers` of them at once."""
    pool = ThreadPoolExecutor(workers, "npslim-map")
    pending, error = deque(), None
    try:
        while error is None:
            try:
                item = next(source, _END)
            except Exception as raised:  # comes after the items before it
                error = raised
                break
            if item is _END:
                break
            pending.append(pool.submit(function, item))
            if len(pending) == workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if error is not None:
            raise error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
