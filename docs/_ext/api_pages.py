"""The API from docstrings: a page for each module or package below npslim, the ops left to pages of their own."""

import importlib
import inspect
import pkgutil
import re

import npslim
from npslim.op import Op

# Not in the sidebar: it would hold every page, on every page, and take most of the time of a build.
ORPHAN = ["---", "orphan: true", "---", ""]
LEFT_OUT = {"ops", "__main__", "examples", "cli", "py"}


def units():
    """{name of a module or package below npslim: [its modules]}."""
    found = {}
    for info in pkgutil.walk_packages(npslim.__path__, "npslim."):
        unit = info.name.split(".")[1]
        if unit not in LEFT_OUT and not unit.startswith("_"):
            found.setdefault(unit, []).append(importlib.import_module(info.name))
    return found


def pages():
    """{file: text}: an index and the pages."""
    found, lines = {}, ["# API", "", "From the docstrings. The ops are in [pages of their own](../ops/index.md).", ""]
    for unit, modules in sorted(units().items()):
        text = page(unit, modules)
        if text is None:
            continue
        found[f"api/{unit}.md"] = text
        summary = (inspect.getdoc(modules[0]) or "").split("\n")[0]
        lines.append(f"- [`npslim.{unit}`]({unit}.md): {escaped(summary)}")
    found["api/index.md"] = "\n".join([*lines, ""])
    return found


def page(unit, modules):
    """The page of a unit; None if it has nothing public."""
    lines = [
        *ORPHAN,
        f"# npslim.{unit}",
        "",
        "[All modules](index.md)",
        "",
        escaped(inspect.getdoc(modules[0]) or ""),
        "",
    ]
    some = False
    for module in modules:
        members = [(n, o) for n, o in vars(module).items() if is_public(n, o, module)]
        if not members:
            continue
        some = True
        if module is not modules[0]:
            lines += [f"## {module.__name__}", "", escaped(inspect.getdoc(module) or ""), ""]
        for name, thing in members:
            lines += described(f"{module.__name__}.{name}", thing)
    return "\n".join(lines) if some else None


def is_public(name, thing, module):
    """Whether `thing` is a function or class of that module for users to read of."""
    made_here = getattr(thing, "__module__", None) == module.__name__
    return not name.startswith("_") and made_here and (inspect.isroutine(thing) or inspect.isclass(thing)) and not (
        isinstance(thing, Op)
    )  # fmt: skip


def described(full_name, thing):
    """A function or class as lines of MyST."""
    if inspect.isclass(thing):
        lines = [f"::::::{{py:class}} {full_name}{signature(thing)}", "", escaped(inspect.getdoc(thing) or ""), ""]
        for name, member in vars(thing).items():
            if name.startswith("_") or not getattr(member, "__doc__", None):
                continue
            if isinstance(member, property):
                lines += [f":::::{{py:property}} {name}", "", escaped(inspect.getdoc(member)), ":::::", ""]
            elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
                inner = getattr(member, "__func__", member)
                lines += [f":::::{{py:method}} {name}{signature(inner)}", "", escaped(inspect.getdoc(inner) or ""),
                          ":::::", ""]  # fmt: skip
        return [*lines, "::::::", ""]
    return [
        f"::::::{{py:function}} {full_name}{signature(thing)}",
        "",
        escaped(inspect.getdoc(thing) or ""),
        "::::::",
        "",
    ]


def signature(thing):
    """The signature as text, functions among the defaults by their names."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return "(...)"
    text = re.sub(r"<(?:function|class|op|bound method) '?([\w.<>]+)'?[^,)]*>", lambda m: m[1].rpartition(".")[2], text)
    text = re.sub(r"<[^,()]* object at 0x[0-9a-f]+>", "...", text)
    return re.sub(r"\s+", " ", text)


def escaped(text):
    """A docstring as Markdown: what looks like HTML or a link outside of code is text."""
    parts = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(parts), 2):
        parts[i] = parts[i].replace("<", "\\<").replace("](", "]\\(").replace("$", "\\$").replace("*", "\\*")
        parts[i] = re.sub(r"(?<!\w)\[(?=[^\]]*\])", r"\\[", parts[i])
    return "".join(parts)
