"""How a notebook shows what npslim makes: graphs as pictures, plans and summaries as tables."""

import html

from npslim.dtypes import as_dtype
from npslim.graph import Graph
from npslim.model_analyzer import Summary
from npslim.plan import Plan
from npslim.scopes import ArgScope
from npslim.show.svg import svg
from npslim.shown import as_html
from npslim.spec import show_shape
from npslim.tensor import Node, Tensor
from npslim.variables import Variable

LIMIT = 3000  # nodes of a graph that is drawn without being asked
_TABLE = 'style="border-collapse:collapse;font-size:13px"'
_CELL = 'style="text-align:left;padding:2px 10px;vertical-align:top"'


def table(head, rows, caption=""):
    """An HTML table of texts."""
    title = f'<caption style="text-align:left;font-weight:600;padding:2px 10px">{html.escape(caption)}</caption>'
    top = "<tr>" + "".join(f"<th {_CELL}>{html.escape(h)}</th>" for h in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td {_CELL}>{html.escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table {_TABLE}>{title if caption else ''}{top}{body}</table>"


@as_html.register
def _(graph: Graph):
    if not graph.nodes or len(graph.nodes) > LIMIT:
        return table((), [[f"a graph of {len(graph.nodes)} nodes"]])
    return svg(graph)


@as_html.register
def _(tensor: Tensor):
    return _facts(tensor.name, {"dtype": as_dtype(tensor.spec.dtype).name, "shape": show_shape(tensor.spec.shape),
                                **_origin(tensor.op)})  # fmt: skip


@as_html.register
def _(node: Node):
    outputs = ", ".join(str(t.spec) for t in node.outputs) or "none"
    return _facts(node.name, {"gives": outputs, **_origin(node)})


@as_html.register
def _(variable: Variable):
    return _facts(variable.name, {
        "dtype": as_dtype(variable.spec.dtype).name, "shape": show_shape(variable.spec.shape),
        "trainable": "yes" if variable.trainable else "no", "made at": variable.op.made_at,
    })  # fmt: skip


def _origin(node):
    says = node.op.doc.split("\n")[0]
    found = {"op": f"{node.type}: {says}" if says else node.type}
    if node.inputs:
        found["from"] = ", ".join(t.name for t in node.inputs)
    if node.forward is not None:
        found["gradient of"] = node.forward.name
    return {**found, "made at": node.made_at}


def _facts(title, facts):
    return table((), facts.items(), title)


@as_html.register
def _(plan: Plan):
    names = {slot: tensor.name for tensor, slot in reversed(plan.slots.items())}
    rows = []
    for step in plan.steps:
        for part in step.parts:
            node, ends = part.node, step if part is step.parts[-1] else part
            outputs = ", ".join(str(t.spec) for t in node.outputs) or "–"
            goes = [f"fades {names[s]}" for s in ends.fade if s in names] + [names[s] for s in ends.drop if s in names]
            kernel = getattr(part.kernel, "label", "plain") + ("" if part is step else ", side by side")
            rows.append((node.index, node.name, node.type, outputs, kernel, ", ".join(goes)))
    return table(("", "name", "op", "output", "kernel", "dropped after"), rows, f"a plan of {len(rows)} steps")


@as_html.register
def _(summary: Summary):
    rows = [(r.scope, r.output, f"{r.parameters:,}", f"{r.multiply_adds:,}", f"{r.activation_bytes:,}")
            for r in summary.rows]  # fmt: skip
    total = ("total", f"batch of {summary.batch}", f"{summary.parameters:,}", f"{summary.multiply_adds:,}",
             f"{summary.activation_bytes:,}")  # fmt: skip
    return table(("scope", "output", "parameters", "multiply-adds", "bytes of activations"), [*rows, total])


@as_html.register
def _(scope: ArgScope):
    rows = [
        (scope.name_of(key), argument, _shown(value))
        for key, given in scope.items()
        for argument, value in given.items()
    ]
    return table(("function", "argument", "default"), rows) if rows else table((), [["an arg_scope without defaults"]])


def _shown(value):
    return getattr(value, "__name__", None) or repr(value)
