"""A training summed up on one page: curves, confusion matrix, first filters, worst examples. Nothing but one file."""

import html
import json
import os

import numpy as np

from npslim.errors import InvalidArgumentError
from npslim.events import read_scalars
from npslim.show.curve import panel
from npslim.show.image import data_uri, diverging, photograph
from npslim.show.svg import Markup, resource

WORST, PER_CELL = 24, 12


def report(path=None, *, curves=None, logits=None, labels=None, images=None, filters=None, class_names=None,
           facts=None, title="Training report"):  # fmt: skip
    """The page as HTML, written to `path` if that is given. What is not given is left out.

    curves: {name: [(step, value)]}, or the folder that a training wrote to; a single value goes to the heading. logits
    `[n, classes]` and labels `[n]`: of held-out examples, for the confusion matrix; with `images [n, h, w, c]` also the
    worst examples. filters: the first layer's weights `[h, w, in, out]`. class_names: one for each class. facts: {word:
    text} for the heading.
    Raises InvalidArgumentError if the numbers of logits, labels and images differ, or a label is no class.
    """
    if curves is not None and not isinstance(curves, dict):
        curves = read_scalars(os.fspath(curves))
    sections, data = [], {}
    if curves:
        sections.append(_curves(curves))
    if logits is not None:
        logits, labels = _checked(logits, labels, images)
        names = list(class_names or map(str, range(logits.shape[1])))
        sections.append(_confusion(logits, labels, names))
        if images is not None:
            sections.append(_examples())
            data = _example_data(logits, labels, np.asarray(images), names)
    if filters is not None:
        sections.append(_filters(np.asarray(filters)))
    facts = {
        **(facts or {}),
        **{name: f"{points[-1][1]:.4g}" for name, points in (curves or {}).items() if len(points) == 1},
    }
    heading = "".join(f"<span><b>{html.escape(k)}</b> {html.escape(str(v))}</span>" for k, v in facts.items())
    page = (
        resource("report.html")
        .replace("/*STYLE*/", resource("page.css") + resource("report.css"))
        .replace("<!--TITLE-->", html.escape(title))
        .replace("<!--FACTS-->", heading)
        .replace("<!--SECTIONS-->", "".join(sections))
        .replace("/*DATA*/", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
        .replace("/*SCRIPT*/", resource("report.js"))
    )
    page = Markup(page)
    if path is not None:
        page.save(path)
    return page


def _checked(logits, labels, images):
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels)
    numbers = [len(logits), *(len(x) for x in (labels, images) if x is not None)]
    if logits.ndim != 2 or labels.ndim != 1 or len(set(numbers)) != 1:
        raise InvalidArgumentError(
            "The report needs logits [n, classes] and n labels, and n images if there are any.", expected="one n",
            got=f"logits {logits.shape}, labels {np.shape(labels)}, images {None if images is None else len(images)}",
        )  # fmt: skip
    if len(labels) and not (0 <= labels.min() and labels.max() < logits.shape[1]):
        raise InvalidArgumentError("A label is no class.", expected=f"0 <= label < {logits.shape[1]}",
                                   got=f"{labels.min()} to {labels.max()}")  # fmt: skip
    return logits, labels


def log_probabilities(logits):
    """The logarithm of softmax."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def confusion(labels, predictions, classes):
    """How many of each true class (rows) were taken for each class (columns)."""
    return np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)


def _curves(curves):
    several = [(name, points) for name, points in curves.items() if len(points) > 1]
    panels = "".join(panel(name, points, i) for i, (name, points) in enumerate(several))
    return f'<section class="card" id="curves"><h2>Curves</h2><div class="panels">{panels}</div></section>'


def _confusion(logits, labels, names):
    """The matrix as a table: a darker cell is a larger share of its row."""
    table = confusion(labels, logits.argmax(axis=1), len(names))
    sums = table.sum(axis=1)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = []
    for i, row in enumerate(table):
        cells = "".join(_cell(i, j, int(n), n / sums[i] if sums[i] else 0.0) for j, n in enumerate(row))
        recall = f"{table[i, i] / sums[i]:.1%}" if sums[i] else "–"
        rows.append(f'<tr><th>{html.escape(names[i])}</th>{cells}<td class="rate">{recall}</td></tr>')
    taken = table.sum(axis=0)
    foot = "".join(f'<td class="rate">{table[j, j] / n:.1%}</td>' if n else '<td class="rate">–</td>'
                   for j, n in enumerate(taken))  # fmt: skip
    right, all_ = int(np.trace(table)), int(table.sum())
    return (
        f'<section class="card" id="confusion"><h2>Confusion matrix</h2><p><b>{right / max(all_, 1):.2%}</b> right: '
        f"{right} of {all_}. Rows: what it is; columns: what was said. A click on a cell shows its examples.</p>"
        f'<table class="matrix"><tr><th></th>{head}<th>recall</th></tr>{"".join(rows)}'
        f"<tr><th>precision</th>{foot}<td></td></tr></table></section>"
    )


def _cell(i, j, n, share):
    colour = (63, 124, 180) if i == j else (207, 111, 69)
    shown = min(1.0, share if i == j else share * 4)
    fill = ",".join(str(round(255 + (c - 255) * shown)) for c in colour)
    ink = "#fff" if shown > 0.6 else "inherit"
    return (f'<td class="cell" data-true="{i}" data-said="{j}" tabindex="0" style="background:rgb({fill});color:{ink}">'
            f'{n or ""}</td>')  # fmt: skip


def _examples():
    return (
        '<section class="card" id="examples"><h2 id="which">Worst examples</h2><p class="soft">Largest cross entropy '
        'first. <button id="worst" hidden>all classes again</button></p><div id="gallery"></div></section>'
    )


def _example_data(logits, labels, images, names):
    """The examples that the page can show: the worst of all, and the worst of each cell."""
    logs, said = log_probabilities(logits), logits.argmax(axis=1)
    loss = -logs[np.arange(len(labels)), labels]
    order = np.argsort(-loss, kind="stable")
    worst, cells, kept = order[:WORST], {}, {}
    for i in order:
        cell = cells.setdefault(f"{labels[i]},{said[i]}", [])
        if len(cell) < PER_CELL:
            cell.append(int(i))
    for i in {*map(int, worst), *(i for cell in cells.values() for i in cell)}:
        kept[i] = {
            "src": data_uri(photograph(images[i])), "is": names[labels[i]], "said": names[said[i]],
            "loss": f"{loss[i]:.3g}",
            "sure": f"{np.exp(logs[i, said[i]]):.1%}", "right": bool(labels[i] == said[i]),
        }  # fmt: skip
    return {"worst": [int(i) for i in worst], "cells": cells, "examples": kept, "names": names}


def _filters(filters):
    """A picture of each filter: of three input channels in colour, of others the first channel alone."""
    if filters.ndim != 4:
        raise InvalidArgumentError("Filters have four dimensions.", expected="[h, w, in, out]", got=filters.shape)
    tiles = []
    for k in range(filters.shape[-1]):
        one = filters[..., k]
        pixels = photograph(one) if one.shape[-1] == 3 else diverging(one[..., 0])
        tiles.append(
            f'<img src="{data_uri(pixels)}" alt="filter {k}" title="filter {k}: {one.min():.3g} … {one.max():.3g}">'
        )
    size = "×".join(map(str, filters.shape[:2]))
    return (
        f'<section class="card" id="filters"><h2>First filters</h2><p class="soft">{filters.shape[-1]} of {size}, each '
        f'scaled by itself; blue below zero, orange above.</p><div class="tiles">{"".join(tiles)}</div></section>'
    )
