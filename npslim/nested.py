"""Nestings of lists, tuples, named tuples and dictionaries, and the leaves in them."""

from typing import Any


def flat(structure: Any):
    """The leaves of nested lists, tuples, named tuples and dictionaries."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flat(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in flat(part)]
    return [structure]


def mapped(function, structure: Any):
    """`structure` with each leaf replaced by `function(leaf)`."""
    if isinstance(structure, dict):
        return type(structure)((key, mapped(function, structure[key])) for key in sorted(structure))
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(mapped(function, part) for part in structure))
    if isinstance(structure, list | tuple):
        return type(structure)(mapped(function, part) for part in structure)
    return function(structure)


def packed(structure: Any, leaves):
    """`structure` with its leaves replaced by `leaves`, in order."""
    leaves = iter(leaves)
    return mapped(lambda _: next(leaves), structure)


def outline(structure: Any):
    """The structure in words, with a `*` for each leaf: "[*, {'a': *}]"."""
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{key!r}: {outline(structure[key])}" for key in sorted(structure)) + "}"
    if isinstance(structure, tuple) and (names := getattr(structure, "_fields", None)) is not None:
        fields = zip(names, structure, strict=True)
        return f"{type(structure).__name__}({', '.join(f'{key}={outline(part)}' for key, part in fields)})"
    if isinstance(structure, list | tuple):
        inside = ", ".join(outline(part) for part in structure)
        return f"[{inside}]" if isinstance(structure, list) else f"({inside})"
    return "*"
