"""Curves of a run as a picture: PNG by Matplotlib where it is installed, else SVG by ourselves."""

import html
import importlib
import os

from npslim.errors import missing_extra

WIDTH, HEIGHT, MARGIN = 640, 240, 48
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")


def draw_curves(curves, path, title=""):
    """Draw `curves`, {name: [(step, value)]}, one panel each, below each other; returns the path of the picture.

    path: ends in .png, which needs Matplotlib, or .svg; without an ending it gets the one that is possible.
    """
    curves = {name: points for name, points in curves.items() if points}
    if path.endswith(".svg"):
        return _draw_svg(curves, path, title)
    wanted = path.endswith(".png")
    path = path.removesuffix(".png")
    try:
        figure_module = importlib.import_module("matplotlib.figure")
    except ImportError:
        if wanted:
            raise missing_extra("matplotlib", "plot", "a picture in PNG") from None
        return _draw_svg(curves, path + ".svg", title)
    figure = figure_module.Figure(
        figsize=(WIDTH / 100, HEIGHT / 100 * max(len(curves), 1)), dpi=150, layout="constrained"
    )
    if title:
        figure.suptitle(title)
    for i, (name, points) in enumerate(curves.items()):
        panel = figure.add_subplot(len(curves), 1, i + 1)
        panel.plot(
            *zip(*points, strict=True),
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.2,
            marker="." if len(points) < 30 else "",
        )
        panel.set(xlabel="step", ylabel=name)
        panel.grid(alpha=0.3)
    figure.savefig(path + ".png")
    return path + ".png"


def _draw_svg(curves, path, title):
    panels = [_panel(name, points, i) for i, (name, points) in enumerate(curves.items())]
    height = HEIGHT * max(len(panels), 1) + 30
    size = f'width="{WIDTH}" height="{height}"'
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{MARGIN}" y="20" font-size="14">{html.escape(title)}</text>' + "".join(panels) + "</svg>\n"
    )
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)
    return path


def _panel(name, points, i):
    """One curve with its frame and the limits of its axes."""
    left, right, top, bottom = MARGIN + 12, WIDTH - 12, 30 + HEIGHT * i + 12, 30 + HEIGHT * (i + 1) - 30
    steps, values = zip(*points, strict=True)
    low, high, first, last = min(values), max(values), min(steps), max(steps)

    def place(step, value):
        x = left + (right - left) * (step - first) / ((last - first) or 1)
        y = bottom - (bottom - top) * (value - low) / ((high - low) or 1)
        return f"{x:.1f},{y:.1f}"

    line = " ".join(place(step, value) for step, value in points)
    marked = [place(step, value).split(",") for step, value in points] if len(points) < 30 else []
    colour = COLOURS[i % len(COLOURS)]
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>' for x, y in marked)
    return (
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.3"/>'
        f'<text x="{left - 4}" y="{top + 8}" text-anchor="end">{high:.4g}</text>'
        f'<text x="{left - 4}" y="{bottom}" text-anchor="end">{low:.4g}</text>'
        f'<text x="{left}" y="{bottom + 14}">{first}</text>'
        f'<text x="{right}" y="{bottom + 14}" text-anchor="end">{last}</text>'
        f'<text x="{left + 6}" y="{top + 14}" fill="{colour}">{html.escape(name)}</text>{dots}'
    )
