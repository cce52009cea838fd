"""Tell which names of TensorFlow a program uses, which of them npslim has, and change its imports.

python -m npslim port train.py eval.py            # a report: name, file and line, nearest names of what is missing
python -m npslim port --write train.py            # also change the imports; the old file stays as train.py.orig
"""

import ast
import difflib
import importlib
import os
import shutil
from collections import defaultdict

from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.tf.install import answer
from npslim.tf.missing import LEFT_OUT

NAME = "port"
HELP = "report the TensorFlow names of programs, and change their imports"

# The module of TensorFlow, what it is here, and the name that old programs give it.
_ROOTS = {
    "tensorflow": "npslim.tf",
    "tensorflow.compat.v1": "npslim.tf",
    "tensorflow.contrib.slim": "npslim",
    "tensorflow.contrib.slim.nets": "npslim.nets",
    "tensorflow.contrib.slim.python.slim.nets": "npslim.nets",
    "tf_slim": "npslim",
}


def add_arguments(parser):
    """The programs, and whether to change them."""
    parser.add_argument("programs", nargs="+", help="Python files")
    parser.add_argument("--write", action="store_true", help="change the imports, keeping FILE.orig")


def run(args):
    """Print the report; the exit status is 1 if any name is missing."""
    missing = 0
    for path in args.programs:
        program = Program(path)
        missing += report(program)
        if args.write:
            changed = program.ported()
            if changed == program.source:
                print(f"{path}: nothing to change")
                continue
            shutil.copyfile(path, path + ".orig")
            with open(path, "w", encoding="utf-8") as file:
                file.write(changed)
            print(f"{path}: imports changed; the program as it was is {path}.orig")
    return 1 if missing else 0


class Program:
    """A Python file: `source`, and `uses`, {full name within npslim: lines}."""

    def __init__(self, path):
        self.path = path
        if not os.path.isfile(path):
            raise NotFoundError(f"{path}: there is no such file.", expected="a Python program", got=path)
        with open(path, encoding="utf-8") as file:
            self.source = file.read()
        try:
            self._tree = ast.parse(self.source, path)
        except SyntaxError as error:
            raise InvalidArgumentError(
                f"{path}:{error.lineno}: this is not Python 3.", got=(error.text or "").strip(),
                hint="2to3 or futurize change programs of Python 2",
            ) from None  # fmt: skip
        self.aliases, self._imports, self.unknown = {}, [], []
        self._find_imports()
        self.uses = self._find_uses()

    def _find_imports(self):
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._note(node, alias.name, alias.asname or alias.name.split(".")[0], alias.asname is not None)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    self._note(node, f"{node.module}.{alias.name}", alias.asname or alias.name, True)

    def _note(self, node, module, name, renamed):
        if module.split(".")[0] not in ("tensorflow", "tf_slim"):
            return
        place = _place(module if renamed else module.split(".")[0])
        found = answer(module if renamed else module.split(".")[0]) if place is None else _object(place)
        if found is None or (not renamed and _place(module) is None and answer(module) is None):
            self.unknown.append((module, node.lineno))
        if found is not None:
            self.aliases[name] = found
        if node not in self._imports:
            self._imports.append(node)

    def _find_uses(self):
        uses = defaultdict(list)
        inner = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and id(node) not in inner:
                parts, here = [], node
                while isinstance(here, ast.Attribute):
                    parts.append(here.attr)
                    inner.add(id(here))
                    here = here.value
                if isinstance(here, ast.Name) and here.id in self.aliases:
                    uses[".".join([here.id, *reversed(parts)])].append(node.lineno)
        return dict(uses)

    def resolve(self, name):
        """How far a name is found: (the part that is, what comes next or None). Names of values end the search."""
        first, *rest = name.split(".")
        here, at = self.aliases[first], first
        for part in rest:
            try:
                here = getattr(here, part)
            except (AttributeError, ImportError):
                return (at, part) if _is_namespace(here) else (name, None)
            at = f"{at}.{part}"
        return at, None

    def names_of(self, name):
        """The names that the namespace `name` has."""
        first, *rest = name.split(".")
        here = self.aliases[first]
        for part in rest:
            here = getattr(here, part)
        return [n for n in dir(here) if not n.startswith("_")]

    def ported(self):
        """The source with its imports of TensorFlow changed to npslim's.

        Imports of TensorFlow's inner modules stay; before the first of them comes a call of `npslim.tf.install()`.
        """
        lines = self.source.split("\n")
        kept = [node for node in self._imports if any(_ported(node, alias) is None for alias in node.names)]
        first_kept = min(kept, key=lambda node: node.lineno, default=None)
        for node in sorted(self._imports, key=lambda node: -node.lineno):
            texts = [INSTALL] if node is first_kept else []
            texts += [_ported(node, alias) or _as_it_was(node, alias) for alias in node.names]
            lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + text for text in texts]
        return "\n".join(lines)


INSTALL = "import npslim.tf; npslim.tf.install()  # answers for the inner modules of TensorFlow"


def _as_it_was(node, alias):
    head = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
    return f"{head}{alias.name}" + (f" as {alias.asname}" if alias.asname else "")


def _ported(node, alias):
    """The line in place of one imported name, or None where it stays as it is."""
    from_module = isinstance(node, ast.ImportFrom)
    module = f"{node.module}.{alias.name}" if from_module else alias.name
    if module.split(".")[0] not in ("tensorflow", "tf_slim"):
        return None if from_module else f"import {module}" + (f" as {alias.asname}" if alias.asname else "")
    name = alias.asname or (alias.name if from_module else alias.name.split(".")[0])
    place = _place(module if from_module or alias.asname else module.split(".")[0])
    if place is None:
        return None
    if _is_module(place):
        return f"import {place} as {name}"
    where, _, what = place.rpartition(".")
    if not _is_module(where):
        return None
    return f"from {where} import {what}" + (f" as {name}" if name != what else "")


def _place(module):
    """Where a module or a name of TensorFlow is in npslim, or None."""
    for root in sorted(_ROOTS, key=len, reverse=True):
        if module == root or module.startswith(root + "."):
            place = _ROOTS[root] + module[len(root) :]
            return place if _object(place) is not None else None
    return None


def _object(place):
    """What is at a dotted name, or None."""
    first, *rest = place.split(".")
    here = importlib.import_module(first)
    at = first
    for part in rest:
        at = f"{at}.{part}"
        try:
            here = getattr(here, part)
        except AttributeError:
            try:
                here = importlib.import_module(at)
            except ImportError:
                return None
    return here


def _is_module(place):
    try:
        importlib.import_module(place)
    except ImportError:
        return False
    return True


def _is_namespace(value):
    return hasattr(value, "__dict__") and not callable(value)


def report(program):
    """Print what a program uses; returns how many names are missing."""
    here, gone = [], []
    for name, lines in sorted(program.uses.items()):
        found, lacks = program.resolve(name)
        (here if lacks is None else gone).append((name, lines, found, lacks))
    print(f"{program.path}: {len(here) + len(gone)} names of TensorFlow, {len(here)} in npslim, {len(gone)} missing")
    for module, line in program.unknown:
        print(f"  {program.path}:{line}: npslim has no module {module}")
    for name, lines, found, lacks in gone:
        print(f"  {program.path}:{_shown(lines)}: {name}: {_reason(program, found, lacks)}")
    return len(gone) + len(program.unknown)


def _shown(lines):
    """The first few line numbers."""
    numbers = sorted(set(lines))
    return ", ".join(map(str, numbers[:8])) + (" ..." if len(numbers) > 8 else "")


def _reason(program, found, lacks):
    """Why a name is missing, or what comes near it."""
    if lacks in LEFT_OUT:
        return LEFT_OUT[lacks]
    near = difflib.get_close_matches(lacks, program.names_of(found), 3)
    return f"did you mean {' or '.join(f'{found}.{n}' for n in near)}?" if near else f"{found} has no {lacks}"
