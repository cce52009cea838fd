"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`.
"""

import importlib
import pkgutil

for _family in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_family.name}")
