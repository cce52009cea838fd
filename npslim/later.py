"""What is imported only once it is asked for: names of packages (PEP 562), and tables that modules fill.

A program that trains a net has no use for most of npslim; it should not wait for it.
"""

import importlib
import sys


def names_later(package, table):
    """`__getattr__` and `__dir__` of `package`, for names that its modules give when they are first asked for.

    table: {module: names}; one without names is an attribute itself, and so is every module of the package. The same
    imports stand in the package under `if TYPE_CHECKING`, for editors and type checkers.
    """
    inside = [module for module, names in table.items() if not names or module.rpartition(".")[0] == package]
    modules = {module.rpartition(".")[2]: module for module in inside}
    names = {name: module for module, names in table.items() for name in names.split()}

    def __getattr__(name):  # noqa: N807 - Python's name
        if name in names:
            found = getattr(importlib.import_module(names[name]), name)
        elif name in modules:
            found = importlib.import_module(modules[name])
        else:
            holder = sys.modules[package]
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=holder)
        setattr(sys.modules[package], name, found)  # so that it is asked for once
        return found

    def __dir__():  # noqa: N807 - Python's name
        return sorted({*vars(sys.modules[package]), *names, *modules})

    return __getattr__, __dir__


class Table(dict):
    """A dictionary that modules fill when they are imported.

    Those listed in `later` are imported when a name is missing, and when anyone looks at all of it.
    """

    def __init__(self):
        super().__init__()
        self.later = []

    def complete(self):
        """The table with what the modules of `later` put into it."""
        for module in self.later:  # again, if another thread is at it: imports wait for each other
            importlib.import_module(module)
        self.later = []
        return self

    def __missing__(self, name):
        if not self.later:
            raise KeyError(name)
        return self.complete()[name]

    def __contains__(self, name):
        return super().__contains__(name) or dict.__contains__(self.complete(), name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def __iter__(self):
        return dict.__iter__(self.complete())

    def __len__(self):
        return dict.__len__(self.complete())

    def keys(self):
        return dict.keys(self.complete())

    def values(self):
        return dict.values(self.complete())

    def items(self):
        return dict.items(self.complete())
