"""GRADIENTS. Walk the graph back from ys to xs and append the backward graph.

Every op's rule is made of ops, so the result can be differentiated again. Because definition order is a running order,
the walk needs no recursion and no sorting: it goes through the graph's list from the last y to the first x.

before: session.py   next: check.py
"""

from npslim.autograd.registered import registered_pull
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, GradientError, InvalidArgumentError
from npslim.indexed_slices import IndexedSlices
from npslim.op import graph_as_default
from npslim.ops.elementwise import add_n
from npslim.ops.indexing import dense
from npslim.ops.join import concat
from npslim.ops.logic import sum_to
from npslim.ops.shape import expand_dims, ones_like, reshape, shape, size, zeros_like
from npslim.registry import ABOVE
from npslim.shape_rules import BROADCASTING
from npslim.spec import is_full
from npslim.tensor import Tensor


def gradients(
    ys,
    xs,
    grad_ys=None,
    name="gradients",
    colocate_gradients_with_ops=False,
    gate_gradients=False,
    aggregation_method=None,
    stop_gradients=None,
    unconnected_gradients="none",
):
    """The derivatives of the sum of `ys` by each of `xs`: a list of tensors, None where no y depends on the x.

    ys, xs: tensors or variables, or lists of them. grad_ys: what each y is weighted with, ones unless given.
    stop_gradients: tensors that count as constants. unconnected_gradients: "none", or "zero" for zeros instead of None.
    A gather's gradient by its source is an IndexedSlices. The other arguments are accepted for old programs.
    Raises GradientError (a LookupError) when an op on the way has no gradient rule.
    """
    ys, xs = [_tensor(y) for y in _listed(ys)], [_tensor(x) for x in _listed(xs)]
    if not ys:
        return [None for _ in xs]
    graph = ys[0].graph
    stopped = {_tensor(t) for t in _listed(stop_gradients)}
    with graph_as_default(graph), graph.name_scope(name or "gradients"):
        flows = _forward_flow(graph, xs)
        cotangents = _seeds(ys, grad_ys)
        found = _walk_back(graph, ys, xs, flows, stopped, cotangents)
        if unconnected_gradients in ("zero", "ZERO"):
            return [zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]
        return found


def _listed(value):
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _tensor(value):
    if isinstance(value, IndexedSlices):
        return value.values
    if not isinstance(value, Tensor) and not hasattr(value, "_as_tensor"):
        raise ArgumentTypeError(
            "Gradients are taken of and by tensors.", expected="a tensor or variable", got=repr(value)
        )
    return as_tensor(value)


def _forward_flow(graph, xs):
    """The tensors that depend on one of `xs`, `xs` themselves among them."""
    flows = set(xs)
    first = min((x.op.index for x in xs), default=0)
    for node in graph.nodes[first:]:
        if any(t in flows for t in node.inputs):
            flows.update(node.outputs)
    return flows


def _seeds(ys, grad_ys):
    """{tensor: [cotangents]} that the walk begins with."""
    seeds = _listed(grad_ys) or [None] * len(ys)
    if len(seeds) != len(ys):
        raise InvalidArgumentError("grad_ys and ys differ in length.", expected=len(ys), got=len(seeds))
    cotangents = {}
    for y, seed in zip(ys, seeds, strict=True):
        if y.spec.dtype.kind not in "fc":
            raise ArgumentTypeError("Only floating tensors have gradients.", expected="floating ys", got=y)
        if seed is None:
            with y.graph.made_by(y.op):
                seed = ones_like(y)
        elif not isinstance(seed, IndexedSlices):
            seed = as_tensor(seed, y.spec.dtype)
        cotangents.setdefault(y, []).append(seed)
    return cotangents


def _walk_back(graph, ys, xs, flows, stopped, cotangents):
    wanted, found = set(xs), {}
    last, first = max(y.op.index for y in ys), min(x.op.index for x in xs) if xs else 0
    for node in reversed(graph.nodes[first : last + 1]):
        pulled = _arrived(graph, node, cotangents)
        found.update((t, g) for t, g in pulled.items() if t in wanted)
        pulled = {t: g for t, g in pulled.items() if t not in stopped}
        if not pulled or not any(t in flows for t in node.inputs):
            continue
        for t, g in zip(node.inputs, _pull(graph, node, pulled), strict=True):
            if g is not None and t in flows and t.spec.dtype.kind in "fc":
                cotangents.setdefault(t, []).append(g)
    return [found.get(x) for x in xs]


def _arrived(graph, node, cotangents):
    """{output of `node`: its cotangent}, the parts added up, for the outputs that anything later depends on."""
    parts = {t: cotangents.pop(t) for t in node.outputs if t in cotangents}
    if not parts:
        return parts
    with graph.made_by(node):
        pulled = {t: _total(gs) for t, gs in parts.items()}
    for t, g in pulled.items():
        graph.cotangents.setdefault(t, []).append(g)
    return pulled


def _pull(graph, node, pulled):
    """The cotangents of the inputs of `node`, from those of its outputs."""
    op, chosen = node.op, graph.extras.get("gradients", {}).get(node)
    if chosen is not None:
        with graph.name_scope(node.name + "_grad"), graph.made_by(node):
            return registered_pull(chosen, node, [pulled.get(t) for t in node.outputs])
    if op.vjp_rule is None:
        if op.differentiable and not op.refs:
            raise GradientError(
                f"{op.name}: no gradient is defined for this op.",
                got=f"node {node.name} ({node.type})",
                made_at=node.made_at,
                hint=f"define it with @{op.name}.vjp, or stop_gradient(x) where it is meant to be zero",
            )
        return [None] * len(node.inputs)
    with graph.name_scope(node.name + "_grad"), graph.made_by(node):
        gs = [pulled.get(t) for t in node.outputs]
        gs = [_as_dense(g) if g is not None else zeros_like(t) for g, t in zip(gs, node.outputs, strict=True)]
        cotangents = op.pull(gs[0] if len(gs) == 1 else tuple(gs), node)
        if op.shape_rule in BROADCASTING:
            return [_unbroadcast(g, x) for g, x in zip(cotangents, node.inputs, strict=True)]
        return cotangents


def _unbroadcast(g, x):
    """`g` summed over the dimensions that broadcasting added to `x`."""
    if g is None or (is_full(x.spec.shape) and g.spec.shape == x.spec.shape):
        return g
    return sum_to(g, x)


def _as_dense(g):
    return dense(g.values, g.indices, g.dense_like) if isinstance(g, IndexedSlices) else g


def _total(gs):
    """The sum of cotangents. Rows of a gather's gradient stay rows as long as all parts are."""
    if len(gs) == 1:
        return gs[0]
    if all(isinstance(g, IndexedSlices) for g in gs):
        if any(g.indices.spec.rank != gs[0].indices.spec.rank for g in gs) or gs[0].indices.spec.rank in (None, 0):
            gs = [_in_one_line(g) for g in gs]
        values = concat(*(g.values for g in gs), axis=0)
        return gs[0].with_values(values, concat(*(g.indices for g in gs), axis=0))
    return add_n(*(_as_dense(g) for g in gs))


def _in_one_line(g):
    """`g` with indices `[n]` and values `[n, ...]`: look-ups by ids of several ranks add up."""
    n = size(g.indices)
    rows = reshape(g.values, concat([expand_dims(n, axis=0), shape(g.dense_like)[1:]], axis=0))
    return g.with_values(rows, reshape(g.indices, [-1]))


ABOVE["gradients"] = gradients  # for the branches of ops/, which stand below this file
