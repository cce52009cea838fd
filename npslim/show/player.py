"""A page that plays a run node by node, forward and backward: one HTML file that asks the network for nothing."""

import html
import json

from npslim.show.svg import Drawing, Markup, resource
from npslim.show.values import facts


def player(what, events, path=None, open="auto", title="A run, node by node"):
    """The page as HTML, written to `path` if that is given.

    what: the fetches that were stepped through. events: what `Session.step(what, ...)` yielded, all or the first of
    them. open: see `svg`. The page holds small pictures of the values, not the values: it stays below a few MB.

    session.step(loss) -> events; player(loss, list(events), "run.html") -> a page that plays them.
    """
    events = list(events)
    drawing = Drawing(what, open, events)
    steps, faded = [], set()
    for event in events:
        steps.append(_step(event, drawing.tree, faded))
        faded.update(event.faded)
    given = {tensor for event in events for tensor in event.node.outputs}
    fed = dict.fromkeys(t.name for event in events for t in event.node.inputs if t not in given)
    data = json.dumps({"steps": steps, "fed": list(fed)}, separators=(",", ":")).replace("<", "\\u003c")
    page = (
        resource("player.html")
        .replace("/*STYLE*/", resource("page.css") + resource("player.css"))
        .replace("<!--TITLE-->", html.escape(title))
        .replace("<!--GRAPH-->", drawing.draw())
        .replace("/*STEPS*/", data)
        .replace("/*SCRIPT*/", resource("player.js"))
    )
    page = Markup(page)
    if path is not None:
        page.save(path)
    return page


def _step(event, tree, faded):
    """What the page says of an event; of the tensors `faded` only the shape was left."""
    node = event.node
    leaf = tree.leaf_of.get(node)
    gives = [{"name": t.name, **facts(y)} for t, y in zip(node.outputs, event.outputs, strict=True)]
    takes = [
        {
            "name": t.name,
            **(facts(x) if t.name not in faded else {"text": f"{facts(x)['text']}, only the shape is left"}),
        }
        for t, x in zip(node.inputs, event.inputs, strict=True)
    ]
    return {
        "name": node.name, "type": node.type, "phase": event.phase, "box": leaf.number if leaf else -1,
        "says": node.op.doc.split("\n")[0], "at": node.made_at, "of": node.forward.name if node.forward else "",
        "attrs": ", ".join(f"{k}={v!r}" for k, v in node.attrs.items() if k not in ("value", "dtype"))[:300],
        "gives": gives, "takes": takes, "drops": event.dropped, "fades": event.faded, "held": event.held,
    }  # fmt: skip
