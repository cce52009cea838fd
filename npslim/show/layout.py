"""Where the boxes of a picture go: rows by longest path within each scope, then coordinates from inside out.

Which row a box stands in, and in which order, does not depend on which scopes are open; only coordinates do. So a page
that opens and closes scopes computes coordinates alone: `folding.js` does that, line for line as `place` does here.
"""

from dataclasses import dataclass, field

BOX, SLIM, GAP, ROW, PAD, HEAD = 34, 24, 22, 40, 16, 24  # heights, spaces between boxes and rows, a scope's border
BESIDE = 12  # between a box and that of its gradient
LETTER = 6.7


@dataclass
class Skeleton:
    """The rows of one scope. `rows`: names of places, box numbers or "~number.row" where an edge passes; `ups`: the
    places above that a place hangs on; `via`: {(source, target): the places that the edge passes}.
    """

    rows: list
    ups: dict = field(default_factory=dict)
    via: dict = field(default_factory=dict)


def width_of(box):
    """The width of a closed box: of its text."""
    if box.kind == "gradient" and box.is_scope:
        return 44.0
    label = len(box.label) + (4 if box.kind == "scope" else 0)
    text = max(label, len(subtitle(box)) * 0.8)
    return float(max(46, round(text * LETTER) + 22))


def height_of(box):
    """The height of a closed box."""
    return float(SLIM if box.kind == "const" else BOX)


def subtitle(box):
    """The second line of a closed box."""
    if box.kind == "scope":
        return f"{sum(1 for _ in box.every_node())} nodes"
    if box.kind in ("node", "update") and box.nodes and box.nodes[0].type != box.label.rpartition("/")[2]:
        return box.nodes[0].type
    return ""


def skeletons(tree):
    """{number of a scope: Skeleton} of all scopes and of all companions, from the edges between what is in them."""
    among = {}
    for edge in tree.edges:
        scope, source, target = meeting(edge.source, edge.target)
        if source is not target:
            among.setdefault(scope.number, []).append((source, target, edge.kind))
    found = {}
    for box in tree.root.walk():
        if not box.is_scope:
            continue
        if box.kind == "gradient":  # one above the other, as the gradient flows: up
            found[box.number] = Skeleton([[child.number] for child in reversed(box.children)])
        else:
            found[box.number] = _skeleton(box.children, among.get(box.number, []))
    return found


def _line(box):
    """The box of a scope's rows that `box` is or stands beside, and the boxes that it lies in."""
    companion = next((b for b in (box, *box.ancestors()) if b.kind == "gradient" and b.parent.kind == "scope"), None)
    first = box if companion is None else _owner(companion)
    return [first, *first.ancestors()]


def _owner(companion):
    return next(box for box in companion.parent.children if box.companion is companion)


def meeting(source, target):
    """The innermost scope that holds both, and their two ancestors in its rows."""
    up, down = _line(source), _line(target)
    while len(up) > 1 and len(down) > 1 and up[-2] is down[-2]:
        up.pop()
        down.pop()
    if len(up) < 2 or len(down) < 2:
        return up[-1], source, source
    return up[-1], up[-2], down[-2]


def _skeleton(boxes, edges):
    edges = [(s, t, kind) for s, t, kind in edges if kind not in ("saved", "gradient")]
    order = {box: box.order for box in boxes}
    down = {(s, t) for s, t, _ in edges if order[s] < order[t]}
    rank = _ranks(sorted(boxes, key=order.__getitem__), down)
    rows = [[] for _ in range(max(rank.values(), default=0) + 1)]
    for box in sorted(boxes, key=order.__getitem__):
        rows[rank[box]].append(box.number)
    skeleton = Skeleton(rows)
    for s, t in sorted({(s, t) for s, t, kind in edges if kind == "forward" and rank[s] < rank[t]},
                       key=lambda pair: (order[pair[0]], order[pair[1]])):  # fmt: skip
        _pass(skeleton, s.number, t.number, rank[s], rank[t])
    given = {box.number for box in boxes if box.kind in ("const", "variable")}
    for place, above in skeleton.ups.items():  # a box lines up with what is computed, not with weights
        skeleton.ups[place] = [p for p in above if _origin(p) not in given] or above
    _untangle(skeleton)
    return skeleton


def _ranks(boxes, down):
    """The row of each box: below all it depends on; what depends on nothing, right above the first that needs it."""
    above, below = {}, {}
    for s, t in down:
        above.setdefault(t, []).append(s)
        below.setdefault(s, []).append(t)
    rank = {}
    for box in boxes:
        rank[box] = max((rank[s] + 1 for s in above.get(box, ())), default=0)
    for box in reversed(boxes):
        if box not in above and box in below and box.kind in ("const", "variable"):
            rank[box] = max(0, min(rank[t] for t in below[box]) - 1)
    lowest = min(rank.values(), default=0)
    return {box: r - lowest for box, r in rank.items()}


def _pass(skeleton, source, target, first, last):
    """Let the edge pass through a place in each row between; edges of one source share their places."""
    places, above = [], source
    for row in range(first + 1, last):
        place = f"~{source}.{row}"
        if place not in skeleton.ups:
            skeleton.rows[row].append(place)
            skeleton.ups[place] = [above]
        places.append(place)
        above = place
    skeleton.ups.setdefault(target, []).append(above)
    skeleton.via[source, target] = places


def _origin(place):
    """The box whose edge passes a place, or the box itself."""
    return int(place[1:].partition(".")[0]) if isinstance(place, str) else place


def _untangle(skeleton, sweeps=4):
    """Order each row by the mean place of what hangs on it, down and up in turns; sources of a row stand at its end."""
    downs = {}
    for place, above in skeleton.ups.items():
        for one in above:
            downs.setdefault(one, []).append(place)
    for sweep in range(sweeps):
        downward = sweep % 2 == 1
        neighbours = skeleton.ups if downward else downs
        rows = skeleton.rows if downward else skeleton.rows[::-1]
        at = {place: i for row in skeleton.rows for i, place in enumerate(row)}
        for row in rows:
            means = {p: _mean([at[n] for n in neighbours.get(p, ())], at[p]) for p in row}
            row.sort(key=lambda p: (means[p], at[p]))  # noqa: B023 - used at once
            at.update({place: i for i, place in enumerate(row)})
    for row in skeleton.rows:
        row.sort(key=lambda p: p not in skeleton.ups)


def _mean(values, default):
    return sum(values) / len(values) if values else default


# ---- coordinates


@dataclass
class Placed:
    """Where a box is: its left upper corner and its size; `axis`: the x that boxes above and below line up with."""

    x: float
    y: float
    w: float
    h: float


def place(tree, bones, opened):
    """{number: Placed} of all boxes that show, and {(scope, place): (x, y)} where edges pass.

    opened: the numbers of the scopes and companions that are open.
    """
    boxes = {box.number: box for box in tree.root.walk()}
    found, passing = {}, {}
    sizes = {}
    _measure(tree.root, boxes, bones, opened, sizes)
    _settle(tree.root, 0.0, 0.0, boxes, bones, opened, sizes, found, passing)
    return found, passing


def _measure(box, boxes, bones, opened, sizes):
    """Put (width, height, axis, places of what is inside) of `box`, and of all that show in it, into `sizes`."""
    if box.parent is not None and box.number not in opened:
        sizes[box.number] = (width_of(box), height_of(box), width_of(box) / 2, None)
        return
    bone, xs = bones[box.number], {}
    heights = []
    for row in bone.rows:
        heights.append(0.0)
        for p in row:
            if not isinstance(p, str):
                _, h, _ = _extent(boxes[p], boxes, bones, opened, sizes)
                heights[-1] = max(heights[-1], h)
    for row in bone.rows:
        _spread(row, bone, boxes, sizes, xs)
    left = min(xs[p] - _left(p, sizes) for p in xs)
    right = max(xs[p] + _right(p, boxes, sizes) for p in xs)
    space = BESIDE if box.kind == "gradient" else ROW
    rows, y = [], (PAD if box.parent is None else HEAD + PAD / 2)
    for h in heights:
        rows.append((y, h))
        y += h + space
    axis = PAD - left
    inside = {p: xs[p] + axis for p in xs}
    title = len(box.label) * LETTER + 40 if box.parent is not None else 0.0
    sizes[box.number] = (max(right - left + 2 * PAD, title), y - space + PAD, axis, (inside, rows))


def _extent(box, boxes, bones, opened, sizes):
    """(width, height, axis) of a box together with that of its gradient beside it."""
    _measure(box, boxes, bones, opened, sizes)
    w, h, axis, _ = sizes[box.number]
    if box.companion is not None:
        _measure(box.companion, boxes, bones, opened, sizes)
        w, h = w + BESIDE + sizes[box.companion.number][0], max(h, sizes[box.companion.number][1])
    return w, h, axis


def _left(p, sizes):
    return 5.0 if isinstance(p, str) else sizes[p][2]


def _right(p, boxes, sizes):
    if isinstance(p, str):
        return 5.0
    w, _, axis, _ = sizes[p]
    beside = boxes[p].companion
    return w - axis + (BESIDE + sizes[beside.number][0] if beside is not None else 0.0)


def _spread(row, bone, boxes, sizes, xs):
    """The x of each place of a row: under what it hangs on, as far as the neighbours allow."""
    edge, off, hanging = None, 0.0, 0
    for p in row:
        wish = _mean([xs[u] for u in bone.ups.get(p, ())], 0.0)
        x = wish if edge is None else max(wish, edge + GAP + _left(p, sizes))
        if edge is not None and p not in bone.ups:
            x = edge + GAP + _left(p, sizes)
        xs[p] = x
        edge = x + _right(p, boxes, sizes)
        if p in bone.ups:
            off, hanging = off + x - wish, hanging + 1
    if hanging:
        for p in row:
            xs[p] -= off / hanging


def _settle(box, x, y, boxes, bones, opened, sizes, found, passing):
    """Turn places within scopes into places on the page."""
    w, h, _, inside = sizes[box.number]
    found[box.number] = Placed(x, y, w, h)
    if inside is None:
        return
    xs, rows = inside
    for row, (top, height) in zip(bones[box.number].rows, rows, strict=True):
        for p in row:
            if isinstance(p, str):
                passing[box.number, p] = (x + xs[p], y + top + height / 2)
                continue
            child = boxes[p]
            cw, ch, axis, _ = sizes[p]
            cx, middle = x + xs[p] - axis, y + top + height / 2
            _settle(child, cx, middle - ch / 2, boxes, bones, opened, sizes, found, passing)
            if child.companion is not None:
                ph = sizes[child.companion.number][1]
                _settle(child.companion, cx + cw + BESIDE, middle - ph / 2,
                        boxes, bones, opened, sizes, found, passing)  # fmt: skip
