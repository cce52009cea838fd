"""A picture of a graph as SVG: scopes that open and close at a click, shapes on the edges, values on hover.

The backward pass stands beside the forward pass: the boxes at the right of a node are the nodes of its gradient.
"""

import html
import json
import math
from importlib.resources import files

from npslim.errors import InvalidArgumentError
from npslim.show.layout import HEAD, height_of, meeting, place, skeletons, subtitle, width_of
from npslim.show.tree import build, short_spec
from npslim.show.values import facts, lines_of

ENOUGH = 30  # boxes that a picture opens by itself


class Markup(str):
    """Markup that a notebook shows as what it is. `save(path)` writes it to a file."""

    def _repr_html_(self):
        return str(self)

    def save(self, path):
        """Write the file; returns its path."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self)
        return path


def svg(what, open="auto", events=(), folding=True, gradients=True):
    """The picture of a graph, or of what fetches depend on, as an SVG that needs nothing else.

    what: a Graph, or fetches, nested as `Session.run` takes them. open: names of the scopes that are open, "all",
    "none", or "auto" for as many as make a picture of medium size. events: what `Session.step` yielded; values and
    gradients then show on hover. folding: with the script that opens and closes scopes at a click; without it the
    closed scopes' insides are left out, for pictures in papers. gradients: False leaves the backward pass out.
    Raises InvalidArgumentError for a scope that is not in the picture, TypeError for what is no part of a graph.
    """
    return Drawing(what, open, events, gradients).draw(folding)


def shown_for(leaf, opened):
    """The box that stands for `leaf`: the outermost closed one that holds it."""
    shown = leaf
    for above in leaf.ancestors():
        if above.parent is not None and above.number not in opened:
            shown = above
    return shown


class Drawing:
    """Draws one graph; knows the tree, the skeletons, what is open, and what is known of the values."""

    def __init__(self, what, open="auto", events=(), gradients=True):
        self.tree = build(what, gradients)
        self.bones = skeletons(self.tree)
        self.opened = opened_by(self.tree, open)
        self.notes = notes_of(self.tree, events)

    def draw(self, folding=True):
        """The SVG as text."""
        placed, passing = place(self.tree, self.bones, self.opened)
        boxes = [b for b in self.tree.boxes() if folding or b.number in placed]
        size = placed[self.tree.root.number]
        framed = [b for b in boxes if b.is_scope and (folding or b.number in self.opened)]
        frames = "".join(self._frame(b, placed.get(b.number)) for b in framed)
        closed = "".join(self._box(b, placed.get(b.number)) for b in boxes if folding or b.number not in self.opened)
        paths = self._paths(placed, passing, folding)
        script = f"<script><![CDATA[{self._script()}]]></script>" if folding else ""
        return Markup(
            f'<svg xmlns="http://www.w3.org/2000/svg" class="npslim-graph" width="{px(size.w)}" height="{px(size.h)}" '
            f'viewBox="0 0 {px(size.w)} {px(size.h)}" role="img" style="max-width:100%">'
            f"<style>{resource('graph.css')}</style>{MARKERS}"
            f'<g class="frames">{frames}</g><g class="edges">{paths}</g><g class="boxes">{closed}</g>{script}</svg>'
        )

    def _frame(self, box, at):
        """The border of an open scope."""
        shows = at is not None and box.number in self.opened
        x, y, w, h = (at.x, at.y, at.w, at.h) if at is not None else (0, 0, 0, 0)
        return (
            f'<g class="frame {box.kind}" data-box="{box.number}"{"" if shows else HIDDEN} '
            f'transform="translate({px(x)},{px(y)})"><rect rx="8" width="{px(w)}" height="{px(h)}"/>'
            f'<text x="12" y="{HEAD - 7}">{html.escape("− " + box.label)}</text>'
            f"<title>{html.escape(box.path)}: a click closes it</title></g>"
        )

    def _box(self, box, at):
        """A leaf, or a closed scope."""
        shows = at is not None and box.number not in self.opened
        x, y = (at.x, at.y) if at is not None else (0, 0)
        w, h, below = width_of(box), height_of(box), subtitle(box)
        label = f"+ {box.label}" if box.is_scope and box.kind == "scope" else box.label
        if box.is_scope and box.kind == "gradient":
            label = f"∂ {len(box.children)}"
        middle = h / 2 + 4 if not below else h / 2 - 2
        text = f'<text x="{px(w / 2)}" y="{px(middle)}">{html.escape(label)}</text>'
        if below:
            text += f'<text class="small" x="{px(w / 2)}" y="{px(h / 2 + 11)}">{html.escape(below)}</text>'
        if box.kind == "scope" and any(n.forward is not None for n in box.every_node()):
            text += f'<text class="del" x="{px(w - 9)}" y="13">∂</text>'
        kind = f"{box.kind} closed" if box.is_scope else box.kind
        return (
            f'<g class="box {kind}" data-box="{box.number}"{"" if shows else HIDDEN} '
            f'transform="translate({px(x)},{px(y)})"><rect rx="{h / 2 if box.kind == "const" else 6}" '
            f'width="{px(w)}" height="{px(h)}"/>{text}<title>{html.escape(self.notes[box.number])}</title></g>'
        )

    def _paths(self, placed, passing, folding):
        """All edges; those within a closed scope, and repeated ones, do not show."""
        found, drawn, named = [], set(), set()
        for number, edge in enumerate(self.tree.edges):
            source, target = (shown_for(leaf, self.opened) for leaf in (edge.source, edge.target))
            key = (source.number, target.number, edge.kind)
            shows = source is not target and key not in drawn
            drawn.add(key)
            if not shows and not folding:
                continue
            line, middle = ("", (0, 0))
            if shows:
                via = [passing[p] for p in route(self.tree, self.bones, edge) if p in passing]
                line, middle = curve(edge.kind, placed[source.number], placed[target.number], via,
                                     source.is_scope and source.kind == "scope",
                                     target.is_scope and target.kind == "scope")  # fmt: skip
            label = short_spec(edge.tensor.spec) if edge.tensor is not None and edge.kind == "forward" else ""
            says = shows and label and (source.number, label) not in named
            named.add((source.number, label)) if says else None
            found.append(
                f'<g class="edge {edge.kind}" data-edge="{number}"{"" if shows else HIDDEN}>'
                f'<path d="{line}" marker-end="url(#npslim-{edge.kind})"/>'
                + (f'<text x="{px(middle[0])}" y="{px(middle[1])}"{"" if says else HIDDEN}>{html.escape(label)}</text>'
                   if label and (says or folding) else "")
                + f"<title>{html.escape(edge_note(edge))}</title></g>"
            )  # fmt: skip
        return "".join(found)

    def _script(self):
        return resource("folding.js").replace("/*DATA*/", self.data())

    def data(self):
        """What a page needs to lay the picture out anew, as JSON."""
        boxes = [
            [b.number, b.parent.number if b.parent else -1, b.companion.number if b.companion else -1, b.kind,
             int(b.is_scope), width_of(b), height_of(b), len(b.label)]
            for b in self.tree.root.walk()
        ]  # fmt: skip
        bones = {n: [bone.rows, bone.ups] for n, bone in self.bones.items()}
        edges = [
            [e.source.number, e.target.number, e.kind, [list(p) for p in route(self.tree, self.bones, e)],
             short_spec(e.tensor.spec) if e.tensor is not None and e.kind == "forward" else ""]
            for e in self.tree.edges
        ]  # fmt: skip
        data = {"boxes": boxes, "bones": bones, "edges": edges, "open": sorted(self.opened)}
        return json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


HIDDEN = ' style="display:none"'
COLOURS = {"forward": "#5f7d99", "saved": "#d8a58a", "gradient": "#cf6f45", "update": "#4f9460",
           "state": "#c9b46a", "control": "#b8bfc6"}  # fmt: skip
MARKERS = "<defs>" + "".join(
    f'<marker id="npslim-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto-start-reverse"><path d="M0 0.8L8 4L0 7.2z" fill="{colour}"/></marker>'
    for kind, colour in COLOURS.items()
) + "</defs>"  # fmt: skip


def px(x):
    """A coordinate as text, halves rounded up as `folding.js` does."""
    return f"{math.floor(x * 100 + 0.5) / 100:.2f}"


def resource(name):
    """The text of a file of this package."""
    return files("npslim.show").joinpath(name).read_text(encoding="utf-8")


def opened_by(tree, open):
    """The numbers of the scopes that `open` names."""
    scopes = [box for box in tree.boxes() if box.is_scope]
    if open == "all":
        return {box.number for box in scopes}
    if open == "none":
        return set()
    if open == "auto":
        return _as_many_as_fit(tree)
    return _named(scopes, [open] if isinstance(open, str) else list(open))


def _named(scopes, names):
    by_name = {box.path.rstrip("/"): box for box in scopes if box.kind == "scope"}
    for name in names:
        if name.rstrip("/") not in by_name:
            raise InvalidArgumentError(
                f"There is no scope {name!r} in the picture.", expected=", ".join(by_name) or "none", got=name
            )
    wanted = [by_name[name.rstrip("/")] for name in names]
    return {box.number for one in wanted for box in (one, *one.ancestors()) if box.parent is not None}


def _as_many_as_fit(tree):
    """Open scopes, outer and small ones first, as long as the picture stays of medium size."""
    opened, shown = set(), len(tree.root.children)
    todo = sorted((c for c in tree.root.children if c.is_scope), key=lambda b: len(b.children))
    while todo:
        box = todo.pop(0)
        if shown + len(box.children) > ENOUGH:
            break
        shown += len(box.children) - 1
        opened.add(box.number)
        todo = sorted((*todo, *(c for c in box.children if c.is_scope)), key=lambda b: len(b.children))
    return opened


# ---- edges


def route(tree, bones, edge):
    """The (scope, place) pairs that an edge passes."""
    if edge.kind != "forward":
        return []
    scope, source, target = meeting(edge.source, edge.target)
    places = bones[scope.number].via.get((source.number, target.number), ()) if scope.number in bones else ()
    return [(scope.number, p) for p in places]


def curve(kind, a, b, via, from_scope=False, to_scope=False):
    """The path from box `a` to box `b` past the points `via`, and the point for its label."""
    if kind == "saved":
        x1, y1, x2, y2 = a.x + a.w, a.y + a.h / 2, b.x, b.y + b.h / 2
        bend = min(60.0, max(10.0, abs(x2 - x1) / 2))
        return f"M{px(x1)} {px(y1)}C{px(x1 + bend)} {px(y1)} {px(x2 - bend)} {px(y2)} {px(x2)} {px(y2)}", (0, 0)
    if kind == "gradient":
        x1, x2 = (r.x + (r.w - 10 if scope else r.w / 2) for r, scope in ((a, from_scope), (b, to_scope)))
        y1, y2 = a.y, b.y + b.h
        bend = min(90.0, max(12.0, abs(y1 - y2) / 2))
        return f"M{px(x1)} {px(y1)}C{px(x1)} {px(y1 - bend)} {px(x2)} {px(y2 + bend)} {px(x2)} {px(y2)}", (0, 0)
    points = [(a.x + a.w / 2, a.y + a.h), *via, (b.x + b.w / 2, b.y)]
    line = f"M{px(points[0][0])} {px(points[0][1])}"
    for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
        bend = min(80.0, max(12.0, abs(y2 - y1) / 2))
        line += f"C{px(x1)} {px(y1 + bend)} {px(x2)} {px(y2 - bend)} {px(x2)} {px(y2)}"
    (x1, y1), (x2, _) = points[0], points[1]
    return line, (x1 + (x2 - x1) * 0.12, y1 + 16)


def edge_note(edge):
    """What an edge says on hover."""
    if edge.tensor is None:
        return f"{edge.source.path} runs before {edge.target.path}"
    words = {"saved": "kept for the gradient", "gradient": "gradient", "update": "used by an update", "state": "state"}
    after = f", {words[edge.kind]}" if edge.kind in words else ""
    return f"{edge.tensor.name}  {edge.tensor.spec}{after}"


# ---- notes


def notes_of(tree, events):
    """{number of a box: the text on hover}: what it is and, if it has run, its values and gradients."""
    values = {}
    for event in events:
        values.update(zip(event.node.outputs, event.outputs, strict=True))
    return {box.number: "\n".join(_note(box, values)) for box in tree.boxes()}


def _note(box, values):
    if box.is_scope:
        yield f"{box.path}: {sum(1 for _ in box.every_node())} nodes; a click opens it"
        return
    for node in box.nodes:
        yield f"{node.name}  ({node.type})"
        yield from (f"  {key} = {value!r}"[:120] for key, value in node.attrs.items() if key not in ("value", "dtype"))
        for tensor in node.outputs:
            yield f"  gives {tensor.spec}" if len(node.outputs) == 1 else f"  :{tensor.value_index} gives {tensor.spec}"
            if tensor in values:
                yield from ("    " + line for line in lines_of(facts(values[tensor])))
            for g in node.graph.cotangents.get(tensor, ()):
                yield from _gradient_note(g, values)
    yield f"made at {box.nodes[0].made_at}"


def _gradient_note(g, values):
    g = getattr(g, "values", g)
    if g in values:
        yield f"  gradient {g.name}"
        yield from ("    " + line for line in lines_of(facts(values[g])))
