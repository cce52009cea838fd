"""Finds the mistakes that slim programs repeat most, and names the layers and the remedy.

`npslim.doctor.examine(...)` returns them; `learning.train` and `evaluation` log what it finds.
"""

from npslim.graph import get_default_graph, needed
from npslim.graph_keys import GraphKeys
from npslim.logs import logger

_UPDATES_HINT = (
    "make the train op with slim.learning.create_train_op, or run it under "
    "control_dependencies(get_collection(GraphKeys.UPDATE_OPS))"
)


class Finding:
    """One mistake: `kind` is a short name, `message` names the layers, `hint` the remedy."""

    def __init__(self, kind, message, hint):
        self.kind, self.message, self.hint = kind, message, hint

    def __str__(self):
        return f"{self.message} {self.hint[0].upper()}{self.hint[1:]}."

    __repr__ = __str__


def examine(train_op=None, session=None, eval_ops=None, graph=None):
    """The mistakes found in a graph, a list of `Finding`.

    train_op: do the updates of the moving averages run with it? session: are moving averages still what they began as,
    though variables were restored or trained? eval_ops: do they go through layers that were built for training
    (dropout, or batch statistics)?
    """
    graph = graph or get_default_graph()
    findings = []
    if train_op is not None:
        findings += _updates_left_out(graph, train_op)
    if session is not None:
        findings += _averages_at_their_start(graph, session)
    if eval_ops is not None:
        findings += _built_for_training(graph, eval_ops)
    return findings


def warn(**what):
    """Log what `examine` finds, a warning each. Returns the findings."""
    findings = examine(**what)
    for finding in findings:
        logger.warning("%s", finding)
    return findings


def _updates_left_out(graph, train_op):
    updates = graph.get_collection(GraphKeys.UPDATE_OPS)
    ran = set(_nodes_before(train_op))
    left_out = [update for update in updates if _node(update) not in ran]
    if not left_out:
        return []
    names = _named(_node(update).name.rpartition("/")[0] for update in left_out)
    count = f"{len(left_out)} of {len(updates)} UPDATE_OPS"
    message = f"The train op does not run {count}: the moving averages of {names} stand still."
    return [Finding("updates", message, _UPDATES_HINT)]


def _averages_at_their_start(graph, session):
    """Layers whose moving mean is 0 and moving variance 1 throughout."""
    found = [layer for layer, m, v in _averages(graph) if _all(session, m, 0) and _all(session, v, 1)]
    if not found:
        return []
    message = f"The moving averages of {_named(found)} are still at their initial values, 0 and 1."
    return [Finding("averages", message, f"train with them updated: {_UPDATES_HINT}; or restore them with the weights")]


def _averages(graph):
    """(layer, moving mean, moving variance) of each layer that has both."""
    variables = {v.op.name: v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES)}
    for name, mean in variables.items():
        layer, _, last = name.rpartition("/")
        if last == "moving_mean" and f"{layer}/moving_variance" in variables:
            yield layer, mean, variables[f"{layer}/moving_variance"]


def _all(session, variable, value):
    cell = session.store.cell(variable.op.name)
    return cell.value is not None and bool((cell.value == value).all())


def _built_for_training(graph, eval_ops):
    """Dropout that drops, and layers with moving averages that do not use them."""
    nodes = _nodes_before(eval_ops)
    names = {node.name for node in nodes}
    found = {node.name.split("/dropout/")[0] for node in nodes if node.op.random and "/dropout/" in node.name}
    for layer, mean, _ in _averages(graph):
        if f"{mean.op.name}/read" not in names and any(name.startswith(layer + "/") for name in names):
            found.add(layer)
    if not found:
        return []
    message = f"The evaluated values go through layers built for training: {_named(sorted(found))}."
    return [Finding("training", message, "build the network for evaluation with is_training=False")]


def _nodes_before(fetches):
    fetches = list(fetches) if isinstance(fetches, list | tuple) else [fetches]
    return needed([getattr(f, "_as_ref", lambda f=f: f)() for f in fetches], ())


def _node(update):
    return getattr(update, "op", update)


def _named(names, limit=5):
    names = list(dict.fromkeys(names))
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
