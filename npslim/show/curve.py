"""One curve of a report, as SVG: frame, ticks, line, and the points as data for the reader on hover."""

import html
import json
import math

W, H, LEFT, BOTTOM, TOP, RIGHT = 420, 210, 56, 26, 26, 14
COLOURS = ("#3f7cb4", "#cf6f45", "#4f9460", "#8a6fb5", "#b8862b")
MOST = 400  # points of a curve that are drawn


def panel(name, points, number=0):
    """A picture of `points`, [(step, value)]. Values that are not finite are left out."""
    points = [(s, v) for s, v in points if math.isfinite(v)]
    if len(points) > MOST:
        points = [points[round(i * (len(points) - 1) / (MOST - 1))] for i in range(MOST)]
    if not points:
        return ""
    steps, values = zip(*points, strict=True)
    low, high = min(values), max(values)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    first, last = min(steps), max(steps)

    def at(step, value):
        x = LEFT + (W - LEFT - RIGHT) * (step - first) / ((last - first) or 1)
        return round(x, 1), round(H - BOTTOM - (H - BOTTOM - TOP) * (value - low) / ((high - low) or 1), 1)

    places = [at(*p) for p in points]
    colour = COLOURS[number % len(COLOURS)]
    grid = "".join(
        f'<line x1="{LEFT}" x2="{W - RIGHT}" y1="{at(first, t)[1]}" y2="{at(first, t)[1]}"/>'
        f'<text x="{LEFT - 6}" y="{at(first, t)[1] + 4}" text-anchor="end">{t:g}</text>' for t in ticks
    )  # fmt: skip
    data = html.escape(json.dumps([[*p, s, f"{v:.4g}"] for p, (s, v) in zip(places, points, strict=True)]))
    line = " ".join(f"{x},{y}" for x, y in places)
    dots = (
        "".join(f'<circle cx="{x}" cy="{y}" r="2.4" fill="{colour}"/>' for x, y in places) if len(places) < 40 else ""
    )
    return (
        f'<svg class="curve" viewBox="0 0 {W} {H}" width="{W}" height="{H}" data-points="{data}" role="img">'
        f'<title>{html.escape(name)}</title><g class="grid">{grid}</g>'
        f'<text x="{LEFT}" y="{H - 8}">{first}</text><text x="{W - RIGHT}" y="{H - 8}" text-anchor="end">{last}</text>'
        f'<text class="name" x="{LEFT}" y="16" fill="{colour}">{html.escape(name)}</text>'
        f'<text class="read" x="{W - RIGHT}" y="16" text-anchor="end"></text>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.8"/>{dots}'
        f'<circle class="here" r="4" fill="{colour}" visibility="hidden"/></svg>'
    )


def nice_ticks(low, high, count=4):
    """Round numbers that span `low` to `high`."""
    if high <= low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / count))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if (high - low) / (step * m) <= count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]
