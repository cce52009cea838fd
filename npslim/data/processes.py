"""A stage of a pipeline in worker processes: for decoding that would keep Python's one interpreter lock busy.

    image, label = in_processes(decode, [record], processes=4)     # decode: a function of a module, of tensors
    images, labels = slim.train.batch([image, label], 32, num_threads=8)

Each worker builds a graph of its own from `decode`. An element's result depends on its number and the seed, not on the
worker that makes it, so the order and the random numbers are the same for any number of processes.
"""

import builtins
import contextlib
import multiprocessing
import queue
import traceback
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from npslim import errors
from npslim.backend import to_host
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data.traced import Context
from npslim.errors import AbortedError, ArgumentTypeError, InvalidArgumentError, UnknownError
from npslim.fast.workers import available
from npslim.graph import Graph
from npslim.op import op
from npslim.ops.queue import as_array_of
from npslim.ops.state import placeholder
from npslim.session import Session
from npslim.spec import Spec

_PATIENCE_SECS = 5.0


def in_processes(function, inputs, processes=None, name=None):
    """The tensors that `function(*inputs)` defines, computed in worker processes, in its structure: one, or a list.

    function: of tensors, defined at the top of a module, because each worker imports it. It is called here once, to
    learn dtypes and shapes, and once in each worker. inputs: a list of tensors. processes: how many, one for each core
    unless given; give the queue or `map` that takes the results as many threads. The workers start with the first run
    and end with the session. A run raises what the function raises there, and AbortedError if a worker dies.
    Raises ArgumentTypeError for a function that no other process can import.
    """
    inputs = [as_tensor(x) for x in inputs]
    processes = available() if processes is None else processes
    if not isinstance(processes, int) or processes < 1:
        raise InvalidArgumentError("in_processes needs a process.", expected="processes >= 1", got=processes)
    _check_importable(function)
    with Graph().as_default():
        results = _defined(function, [t.spec for t in inputs])
    found = worker_results(
        *inputs, function=function, specs=tuple(t.spec for t in inputs), results=tuple(t.spec for t in results[0]),
        processes=processes, name=name,
    )  # fmt: skip
    found = list(found) if isinstance(found, tuple) else [found]
    return found if results[1] else found[0]


def _check_importable(function):
    try:
        ForkingPickler.dumps(function)
    except Exception as error:
        raise ArgumentTypeError(
            "in_processes: the function cannot be imported by another process.",
            expected="a function defined at the top of a module", got=f"{function!r}: {error}"[:200],
            made_at=user_line(),
        ) from None  # fmt: skip


def _defined(function, specs):
    """(the tensors that the function returns, whether they are a list); and what stands for its arguments."""
    given = [placeholder(spec.dtype, spec.shape) for spec in specs]
    found = function(*given)
    several = isinstance(found, list | tuple)
    return [as_tensor(x) for x in (found if several else [found])], several, given


@op(stateful=True, alike=(), differentiable=False)
def worker_results(*inputs, function, specs, results, processes, run=None, node=None):
    """What a worker makes of `inputs`."""
    cell = run.cell(node.name)
    with cell.lock:
        if cell.value is None:
            seed = run.store.entropy if node.graph.seed is None else node.graph.seed
            pool = Workers(function, specs, seed, processes)
            cell.value, cell.release = as_array_of(pool, np.dtype(object)), pool.close
    pool: Any = cell.value[()]
    if run.ticket is None:
        with run.store.lock:
            number = run.store.draws[node.name] = run.store.draws.get(node.name, 0) + 1
    else:
        number = run.ticket[1]
    return tuple(pool.results([to_host(x) for x in inputs], number))


@worker_results.shape
def _(*inputs, function, specs, results, processes):
    return tuple(Spec(spec.shape, spec.dtype) for spec in results)


class Workers:
    """Processes that each build the graph of `function`; `results(arrays, number)` waits for one that is free."""

    def __init__(self, function, specs, seed, count):
        plain = [(spec.dtype.str if spec.dtype != object else "O", spec.shape) for spec in specs]
        self._arguments = function, plain, seed
        self._free: queue.Queue = queue.Queue()
        self._all, self._closed = [], False
        for _ in range(count):
            self._free.put(None)  # started when it is needed

    def _started(self):
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs, *self._arguments), daemon=True, name="npslim-worker"
        )
        process.start()
        theirs.close()
        self._all.append((process, ours))
        return process, ours

    def results(self, arrays, number):
        """The arrays that a worker makes of `arrays`, the element `number`. Raises what it raises."""
        worker = self._free.get()
        alive = False
        try:
            process, pipe = worker = worker or self._started()
            try:
                pipe.send((arrays, number))
                fine, found = pipe.recv()
            except (EOFError, OSError):
                raise self._death(process) from None
            alive = True
        finally:
            self._free.put(worker if alive else None)
        if fine:
            return found
        raise _error_of(*found)

    def _death(self, process):
        process.join(_PATIENCE_SECS)
        reason = "the session was closed" if self._closed else f"exit code {process.exitcode}"
        return AbortedError(
            "A worker process has ended.", expected="it to answer", got=reason,
            hint="killed by the system for its memory? Fewer processes need less. A new one takes its place",
        )  # fmt: skip

    def close(self):
        """End the processes."""
        self._closed = True
        for process, pipe in self._all:
            pipe.close()
            process.terminate()
        for process, _ in self._all:
            process.join(_PATIENCE_SECS)


# ---- in the worker


def _serve(pipe, function, plain, seed):
    """Answer until the other end is closed."""
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt), Graph().as_default() as graph:
        graph.seed, compute, failed = seed, None, None
        try:
            outputs, _, given = _defined(function, [Spec(shape, np.dtype(dtype)) for dtype, shape in plain])
            session = Session(threads=1)
            context = Context(session, {})
            compute = lambda arrays, number: context.evaluate(outputs, dict(zip(given, arrays, strict=True)), number)  # noqa: E731
        except Exception as error:
            failed = _told(error)
        while True:
            arrays, number = pipe.recv()
            try:
                pipe.send((False, failed) if compute is None else (True, compute(arrays, number)))
            except Exception as error:
                pipe.send((False, _told(error)))


def _told(error):
    """An exception as its class's name, message, notes and traceback."""
    text = "".join(traceback.format_exception(error)[-12:])
    return type(error).__name__, str(getattr(error, "message", error)), list(getattr(error, "__notes__", ())), text


def _error_of(name, message, notes, text):
    """The exception that `_told` took apart; UnknownError for a class that is neither npslim's nor Python's."""
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)) or kind in (UnicodeDecodeError, UnicodeEncodeError):
        kind, message = UnknownError, f"{name}: {message}"
    error = kind(message)
    for note in notes:
        error.add_note(note)
    error.add_note("in a worker process:\n  " + text.strip().replace("\n", "\n  "))
    return error
