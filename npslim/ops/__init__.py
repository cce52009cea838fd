"""The plain ops, one file per family. Adding an op edits one of these files and nothing else.

Importing a family puts its ops into the registry; the names that users call are listed in `npslim/__init__.py`. A
family that nothing imports is imported when the registry is asked for an op that it lacks, or for all.
"""

import pkgutil

from npslim.later import names_later
from npslim.registry import OPERATORS, REGISTRY

_FAMILIES = [f"{__name__}.{family.name}" for family in pkgutil.iter_modules(__path__)]
REGISTRY.later += _FAMILIES
OPERATORS.later.append(f"{__name__}.quotients")
__getattr__, __dir__ = names_later(__name__, dict.fromkeys(_FAMILIES, ""))
