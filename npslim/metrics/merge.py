"""Merging what several sessions counted: parts of one evaluation that ran side by side."""

import numpy as np

from npslim.backend import to_device, to_host
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.accumulate import KEPT, rest_of, two_sum

_COVARIANCE = ("count", "mean_prediction", "mean_label", "comoment")


def state(session):
    """{name: array} of the metrics' local variables in a session, and what rounding left out of their sums.

    Raises FailedPreconditionError before they are initialized.
    """
    found = {}
    for variable in session.graph.get_collection(GraphKeys.METRIC_VARIABLES):
        name = variable.op.name
        cell = session.store.cell(name)
        with cell.lock:
            found[name] = to_host(cell.initialized())
            found[name + KEPT] = to_host(rest_of(session.store.cell(name + KEPT), cell.value))
    return found


def merge_states(*states, graph=None):
    """What one session would have counted that saw the data of all: {name: array}; see `load_state`.

    states: dictionaries of `state`, of the same metrics. Sums are added up without loss, in any order; the means and
    moments of a covariance are combined, and what was kept is put one after the other.
    Raises ValueError for states of different metrics.
    """
    if not states or any(s.keys() != states[0].keys() for s in states):
        raise InvalidArgumentError("The states are not of the same metrics.", got=[sorted(s) for s in states])
    kinds = (graph or get_default_graph()).extras.get("metric_merges", {})
    merged = {name: np.array(value) for name, value in states[0].items()}
    for other in states[1:]:
        merged = _merged(merged, other, kinds)
    return merged


def _merged(a, b, kinds):
    both = {name: np.zeros_like(value) for name, value in a.items() if name.endswith(KEPT)}
    for name in [name for name in a if not name.endswith(KEPT)]:
        kind = kinds.get(name, "sum")
        if kind == "sum":
            total, left_out = two_sum(a[name], b[name])
            both[name], both[name + KEPT] = two_sum(total, left_out + a[name + KEPT] + b[name + KEPT])
        elif kind == "covariance":
            if name.endswith("/count"):
                both.update(_merged_covariance(a, b, name.removesuffix("count")))
        elif kind == "concat":  # the size beside what was kept
            both[name] = a[name] + b[name]
        else:
            both[name] = np.concatenate([a[name], b[name]], kind[1])
    return both


def _merged_covariance(a, b, scope):
    (n, mean_p, mean_y, moment), (m, other_p, other_y, other_moment) = (
        [s[scope + name] for name in _COVARIANCE] for s in (a, b)
    )
    total = n + m
    share = m / total if total else 0.0
    values = (
        total,
        mean_p + (other_p - mean_p) * share,
        mean_y + (other_y - mean_y) * share,
        moment + other_moment + (other_p - mean_p) * (other_y - mean_y) * n * share,
    )
    return {scope + name: value for name, value in zip(_COVARIANCE, values, strict=True)}


def load_state(session, values):
    """Set the metrics' local variables of a session to the values of `merge_states`."""
    for variable in session.graph.get_collection(GraphKeys.METRIC_VARIABLES):
        name = variable.op.name
        cell = session.store.cell(name)
        with cell.lock:
            cell.value = to_device(np.asarray(values[name]), session.module)
            session.store.cell(name + KEPT).value = cell.value, to_device(values[name + KEPT], session.module)
