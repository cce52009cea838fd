"""What notebooks ask of an object: `_repr_html_`. How each class is shown is said in `npslim.show.views`."""

import functools
import importlib

VIEWS = []  # the modules that say it, imported when a notebook first asks


@functools.singledispatch
def as_html(thing) -> str | None:
    """`thing` as HTML; None where nobody said how, so that a notebook shows its `repr`."""
    return None


class Shown:
    """A notebook shows this as `as_html` says."""

    __slots__ = ()

    def _repr_html_(self):
        while VIEWS:
            importlib.import_module(VIEWS.pop())
        return as_html(self)
