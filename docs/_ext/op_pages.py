"""Pages of the ops, from the registry: formula, shapes, gradient, cases, picture."""

import inspect
import sys
import textwrap

import numpy as np
from api_pages import ORPHAN, escaped
from formulas import FORMULAS

import npslim as slim
from npslim.convert import as_tensor
from npslim.registry import REGISTRY
from npslim.show.curve import panel
from npslim.show.svg import svg

MOST = 6  # cases of an op that are listed


def families():
    """{file of ops/: [its ops]}."""
    found = {}
    for op in REGISTRY.values():
        module = inspect.getmodule(inspect.unwrap(op.kernel)).__name__
        if module.startswith("npslim.ops."):
            found.setdefault(module.rpartition(".")[2], []).append(op)
    return found


def pages():
    """{file: text}: an index and a page for each family."""
    found = {}
    lines = ["# Ops", "", f"The {len(REGISTRY)} ops of the registry, by the file that defines them. Kernels, gradients",
             "and cases are shown as they stand in the source; the tests come from the same block.", ""]  # fmt: skip
    for family, ops in sorted(families().items()):
        module = sys.modules[f"npslim.ops.{family}"]
        head = [*ORPHAN, f"# {family}", "", "[All ops](index.md)", "", escaped(inspect.getdoc(module) or ""), ""]
        found[f"ops/{family}.md"] = "\n".join(head + [line for op in ops for line in section(op)])
        lines.append(f"- [{family}]({family}.md): " + ", ".join(f"`{op.name}`" for op in ops))
    found["ops/index.md"] = "\n".join([*lines, ""])
    return found


def section(op):
    """One op."""
    lines = [f"## {op.name}", "", f"`{op.name}{op.__signature__}`: node type `{op.type}`", "", escaped(op.doc), ""]
    if op.name in FORMULAS:
        lines += ["$$" + FORMULAS[op.name] + "$$", ""]
    lines += code(inspect.unwrap(op.kernel), "Kernel")
    lines += cases(op)
    if op.vjp_rule is not None:
        lines += code(op.vjp_rule, "Gradient: `g` is the derivative of the loss by the output `y`")
    elif not op.differentiable:
        lines += ["**Gradient**: none; it counts as a constant.", ""]
    return [*lines, *drawn(op)]


def code(function, title):
    try:
        text = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        return []
    return [f"**{title}**", "", "````python", text, "````", ""]


def cases(op):
    """A table of the cases that the tests run: shapes in, attributes, shapes out."""
    rows = []
    for case in op.all_cases:
        found = shapes(op, case)
        if found is not None and found not in rows:
            rows.append(found)
    if not rows:
        return []
    attributes = any(row[1] for row in rows)
    lines = ["**Shapes**, of the cases that the tests run", ""]
    lines += ["| in | attributes | out |", "| --- | --- | --- |"] if attributes else ["| in | out |", "| --- | --- |"]
    for inputs, attrs, outputs in rows[:MOST]:
        lines.append(f"| {inputs} | {attrs} | {outputs} |" if attributes else f"| {inputs} | {outputs} |")
    if len(rows) > MOST:
        lines += ["", f"and {len(rows) - MOST} more"]
    return [*lines, ""]


def shapes(op, case):
    """(inputs, attributes, outputs) of a case as texts; None if it needs more than its arrays."""
    try:
        with slim.Graph().as_default():
            tensors = [as_tensor(a) for a in case.draw(np.random.default_rng(7))]
            made = op(*tensors, **case.attrs)
    except Exception:
        return None
    made = made if isinstance(made, tuple) else (made,)
    attrs = ", ".join(f"`{k}={str(v)[:40]}`" for k, v in case.attrs.items()).replace("|", "\\|")
    return (", ".join(f"`{t.spec}`" for t in tensors) or "nothing", attrs,
            ", ".join(f"`{t.spec}`" for t in made if hasattr(t, "spec")) or "nothing")  # fmt: skip


def drawn(op):
    """The op with its gradient as a picture; of a function of one number also its curve and that of its slope."""
    if op.vjp_rule is None or not op.all_cases:
        return []
    try:
        with slim.Graph().as_default() as graph:
            arrays = op.all_cases[0].draw(np.random.default_rng(7))
            tensors = [slim.placeholder(a.dtype, a.shape, name=op.parameter(i)) for i, a in enumerate(arrays)]
            y = op(*tensors, **op.all_cases[0].attrs)
            first = y if not isinstance(y, tuple) else y[0]
            grads = [g for g in slim.gradients(first, tensors) if g is not None]
            if not grads or len(graph.nodes) > 60:
                return []
            picture = svg([first, *(getattr(g, "values", g) for g in grads)], open="all", folding=False)
    except Exception:
        return []
    lines = ["**Picture**", "", "```{raw} html", f'<div class="picture">{picture}</div>', "```", ""]
    return lines + curve(op)


def curve(op):
    """The op and its slope between -3 and 3, for functions of one number that keep its shape."""
    if op.variadic or len(op.parameters) != 1 or op.all_cases[0].attrs:
        return []
    grid = np.linspace(-3, 3, 121)
    try:
        with slim.Graph().as_default(), slim.Session(kernels="plain") as session:
            x = slim.placeholder(slim.float64, [None])
            y = op(x)
            (slope,) = slim.gradients(y, x)
            values, slopes = session.run([y, slope], {x: grid})
    except Exception:
        return []
    if values.shape != grid.shape or op.shape_rule.__name__ not in ("same", "floats"):
        return []
    grid = np.round(grid, 3)
    curves = [(op.name, values), ("its slope", slopes)]
    panels = "".join(
        panel(name, list(zip(grid.tolist(), v.tolist(), strict=True)), i) for i, (name, v) in enumerate(curves)
    )
    return ["```{raw} html", f'<div class="curves">{panels}</div>', "```", ""]
