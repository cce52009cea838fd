"""RESUME. What a checkpoint keeps beside the variables, so that a run that goes on ends with the same bits.

    how often each random node has drawn                         meta["draws"], meta["entropy"]
    local variables: metrics, counts of epochs                   :local/<name>
    queues with their elements, places of readers and iterators  meta["input"], :input/<name>/...

What the input threads have drawn stands in meta["input"]: how far ahead they are depends on their speed, and only what
comes out of them does not. It is taken up only by a graph with the same input: the same nodes, files and constants.

before: checkpoint.py   next: learning/loop.py
"""

import contextlib
import zlib
from typing import Any

import numpy as np

from npslim.backend import to_host
from npslim.errors import DataLossError, OpError
from npslim.graph import needed
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.ops.queue_state import Element
from npslim.queues.gate import at_rest
from npslim.spec import compatible

LOCAL, INPUT = ":local/", ":input/"


def snapshot(session):
    """(tensors, meta) of everything that `session` needs to go on, the variables excepted.

    The input threads rest meanwhile. If they cannot, the place in the data is left out, with a warning.
    """
    store = session.store
    with at_rest(session) as resting:
        tensors = {LOCAL + name: value for name, value in _local_values(session)}
        places = _places(store, tensors) if resting else {}
        producers = _producers(session, places)
        with store.lock:
            draws = dict(store.draws)
        meta = {"draws": {name: n for name, n in draws.items() if name not in producers}}
        if session.graph.seed is None:  # unseeded numbers go on where they stopped, too
            meta["entropy"] = store.entropy
        if places:
            drawn = {name: n for name, n in draws.items() if name in producers}
            meta["input"] = {"print": fingerprint(session), "draws": drawn, "places": places}
        if not resting:
            logger.warning("The input threads do not rest: checkpoints of this run do not hold the place in the data.")
    return tensors, meta


def _local_values(session):
    for var in session.graph.get_collection(GraphKeys.LOCAL_VARIABLES):
        value = session.store.cell(var.op.name).value
        if value is not None:
            yield var.op.name, to_host(value)


def _producers(session, places):
    """The names of what draws ahead of the training: nodes that run on input threads, functions of datasets."""
    nodes = {node.name for gate in session.store.gates for node in needed(gate.runner.enqueue_ops)}
    return nodes.union(*(place["facts"].get("draws", ()) for place in places.values()))


def _places(store, tensors):
    """{name: facts} of all queues, readers and iterators; their elements go to `tensors`."""
    holders = {name: _holder(cell.value) for name, cell in store.cells.items()}
    states = {name: holder.state() for name, holder in holders.items() if holder is not None}
    places = {}
    for name, (facts, elements) in sorted({**store.saved, **states}.items()):
        columns = [_column(f"{INPUT}{name}/{i}", parts, tensors) for i, parts in enumerate(zip(*elements, strict=True))]
        places[name] = {"facts": facts, "count": len(elements), "columns": columns}
        origins = [getattr(element, "origin", None) for element in elements]
        if any(origins):
            places[name]["origins"] = origins
    return places


def _holder(value) -> Any:
    """The queue, reader or iterator that the cell's value stands for, or None."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 0 and hasattr(value[()], "restore"):
        return value[()]
    return None


def _column(name, parts, tensors):
    """Put one component of all elements into `tensors`: stacked where they are alike; says whether they are."""
    parts = [np.asarray(part) for part in parts]
    alike = len({(part.dtype, part.shape) for part in parts}) == 1
    if alike:
        tensors[name] = np.stack(parts)
    else:
        tensors.update({f"{name}/{j}": part for j, part in enumerate(parts)})
    return alike


def fingerprint(session):
    """A number that tells input pipelines apart: the nodes of the input threads, their attributes and constants."""
    if session.store.input_fingerprint is None:
        session.store.input_fingerprint = _print_of(_input_nodes(session))
    return session.store.input_fingerprint


def _input_nodes(session):
    runners = session.graph.get_collection(GraphKeys.QUEUE_RUNNERS)
    return needed([op for runner in runners for op in runner.enqueue_ops])


def _print_of(nodes):
    crc = 0
    for node in nodes:
        text = f"{node.name} {node.type} {[str(t.spec) for t in node.outputs]} {[t.name for t in node.inputs]}"
        crc = zlib.crc32(text.encode(), crc)
        for name, value in sorted(node.attrs.items()):
            crc = zlib.crc32(_bytes_of(name, value), crc)
    return crc


def _bytes_of(name, value):
    """What identifies an attribute in any process: an array's contents, numbers and texts, not functions."""
    if isinstance(value, np.ndarray):
        return repr(value.tolist()).encode() if value.dtype == object else np.ascontiguousarray(value).tobytes()
    simple = isinstance(value, bool | int | float | str | bytes | tuple | None) and " at 0x" not in repr(value)
    return f"{name}={value!r}".encode() if simple else name.encode()


def take_up(session, reader):
    """Bring `session` to where it was when the checkpoint behind `reader` was saved, the variables excepted.

    To be called when local variables are initialized and before the input threads start. What the checkpoint does not
    hold, or holds of other shapes, stays as it is; another input begins anew, and the log says so.
    """
    with _well_formed(reader.path):
        _take_up(session, reader)


@contextlib.contextmanager
def _well_formed(path):
    """Inside, what does not fit is an error of the file."""
    try:
        yield
    except OpError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise DataLossError(
            f"{path}: what it holds for resuming cannot be read.", expected="what npslim writes",
            got=f"{type(error).__name__}: {error}"[:200],
        ) from None  # fmt: skip


def take_up_draws(session, meta, path):
    """Let each random node of `session` go on after as many draws as the checkpoint of this `meta` says."""
    with _well_formed(path):
        draws = {str(name): int(n) for name, n in (meta.get("draws") or {}).items()}
        entropy = int(meta.get("entropy", session.store.entropy))
    session.store.draws.update(draws)
    session.store.entropy = entropy


def _take_up(session, reader):
    store, meta = session.store, reader.meta
    take_up_draws(session, meta, reader.path)
    hidden = set(getattr(reader, "hidden", list)())
    found = meta.get("input")
    if not found:
        _take_up_locals(session, reader, hidden, set())
        return
    if found["print"] != fingerprint(session):
        logger.warning("The input is not the one that the checkpoint was saved with: it begins anew.")
        _take_up_locals(session, reader, hidden, {node.name for node in _input_nodes(session)})
        return
    _take_up_locals(session, reader, hidden, set())
    store.draws.update({str(name): int(n) for name, n in found["draws"].items()})
    for name, place in found["places"].items():
        saved = place["facts"], _elements(reader, name, place)
        holder = _holder(store.cell(name).value)
        if holder is None:
            store.saved[name] = saved
        else:
            holder.restore(*saved)


def _take_up_locals(session, reader, hidden, others):
    for var in session.graph.get_collection(GraphKeys.LOCAL_VARIABLES):
        name = LOCAL + var.op.name
        if name in hidden and var.op.name not in others:
            if reader.dtype(name) == var.spec.dtype and compatible(reader.shape(name), var.spec.shape):
                var.load(reader.read(name), session)


def _elements(reader, name, place):
    """The elements of a queue: tuples of arrays, with the files and records that they came from."""
    columns = []
    for i, alike in enumerate(place["columns"]):
        key = f"{INPUT}{name}/{i}"
        if alike:
            stacked = reader.read(key)
            columns.append([np.asarray(row, stacked.dtype) for row in stacked])
        else:
            columns.append([reader.read(f"{key}/{j}") for j in range(place["count"])])
    elements = zip(*columns, strict=True)
    return [Element.of(*pair) for pair in zip(elements, place.get("origins") or [None] * place["count"], strict=True)]
