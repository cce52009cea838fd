"""The tree of npslim: imports go down only and never in a circle, and `import npslim` loads nothing optional.

The sources are read, not run, so this test speaks even when the package cannot be imported.
"""

import ast
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# Level, then its modules and packages from low to high. `a then b`: b may import a. `a | b`: neither imports the other.
# Plain neighbours may import each other as long as there is no cycle, and so may the files of one package.
TABLE = """
0  fingerprint later nested parameters graph_keys then registry
0  errors logs crc32c wire then proto_fields array_reader then proto
0  backend dtypes spec _io then hdf5 sstable then tf_checkpoint
1  proto_text hdf5_tree pickle_machine tfjs_files then foreign_hdf5 torch_files then checkpoint_files then array_files
1  caller then arguments
1  defaults shown indexed_slices shape_rules then tensor then graph_scopes convert then graph then op | scopes
2  ops then flops then plan profiler then fast
3  cells then run then session | autograd then autograd.check
4  image variables partitioners initializers regularizers moving_averages schedules hparams functional lookup
5  layers losses metrics optimizers tf_summary summaries events queues data resume checkpoint graph_def
5  layer_objects then rnn_cell then rnn checkpoint_reader preprocessing progress curves trainer_lock
6  model_analyzer doctor hooks then replicas monitored show then learning evaluation nets supervisor then training
6  testing then pytest_plugin
7  __init__ tf exercises then cli then __main__
"""

# Modules that see less than their level would allow, and modules that few may see.
ONLY_SEES = {
    "_io": {"errors", "backend"},
    "hdf5": {"errors", "backend", "_io", "array_reader"},
    "tf_checkpoint": {"errors", "_io", "wire", "crc32c", "sstable", "array_reader"},
    "hdf5_tree": {"errors", "_io", "array_reader"},
    "foreign_hdf5": {"errors", "array_reader", "hdf5_tree"},
    "pickle_machine": {"errors", "array_reader"},
    "torch_files": {"errors", "_io", "array_reader", "pickle_machine"},
    "tfjs_files": {"errors", "_io", "array_reader"},
    "checkpoint_files": {"errors", "logs", "_io", "hdf5", "hdf5_tree", "foreign_hdf5", "sstable", "tf_checkpoint"},
}
ONLY_SEEN_BY = {"tf": {"cli"}, "__main__": set()}

CORE = {"numpy", "scipy", "h5py", "threadpoolctl"}
OPTIONAL = {
    "cupy",
    "cupyx",
    "tensorboardX",
    "google",
    "matplotlib",
    "tqdm",
    "PIL",
    "mpi4py",
    "google_crc32c",
    "simplejpeg",
    "cramjam",
    "jax",
    "onnx",
    "onnxruntime",
    "pytest",
    "tensorflow",
    "torch",
}  # fmt: skip - google: protobuf
GPU = {"cupy", "cupyx"}  # only backend.py names these

ROOT = Path(importlib.util.find_spec("npslim").submodule_search_locations[0])


@dataclass(frozen=True)
class Import:
    """One imported name: `target` in full, the `line`, and whether it stands at module level."""

    target: str
    line: int
    at_top: bool


def parse(table):
    """{name: (level, place within the level, alternative)} from the text above."""
    places = {}
    for row in table.strip().splitlines():
        level, names = row.split(maxsplit=1)
        for place, step in enumerate(names.split(" then ")):
            alternatives = step.split(" | ")
            for i, alternative in enumerate(alternatives):
                for name in alternative.split():
                    places[name] = (int(level), place, i if len(alternatives) > 1 else None)
    return places


def modules_of(root):
    """{name below npslim: path}; a package goes by its own name, npslim itself by `__init__`.

    The examples that a wheel carries are programs, above everything.
    """
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] == "examples":
            continue
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        found[".".join(parts)] = path
    return found


class Reader(ast.NodeVisitor):
    """Collects a module's imports, those for type checkers left out, and the names and strings that it holds."""

    def __init__(self, package):
        self.package = package  # what a relative import starts from
        self.depth = 0
        self.imports = []
        self.wildcards = []
        self.words = []

    def visit_If(self, node):
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "_typing.TYPE_CHECKING"):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name, node)

    def visit_ImportFrom(self, node):
        base = self.package[: len(self.package) - node.level + 1] if node.level else []
        source = ".".join([*base, *filter(None, [node.module])])
        for alias in node.names:
            if alias.name == "*":
                self.wildcards.append(node.lineno)
                self.add(source, node)
            else:
                self.add(f"{source}.{alias.name}", node)

    def visit_Call(self, node):
        called = ast.unparse(node.func).split(".")[-1]
        if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
            self.add(str(node.args[0].value), node)
        self.generic_visit(node)

    def visit_Name(self, node):
        self.words.append((node.id, node.lineno))

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.words.append((node.value, node.lineno))

    def add(self, target, node):
        self.imports.append(Import(target, node.lineno, at_top=self.depth == 0))


def read(name, path):
    """The Reader of one module."""
    parts = [] if name == "__init__" else name.split(".")
    reader = Reader(["npslim", *(parts if path.name == "__init__.py" else parts[:-1])])
    reader.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return reader


def within(target, modules):
    """The module of npslim that the import of `target` runs, or None if it belongs to another package."""
    first, *parts = target.split(".")
    if first != "npslim":
        return None
    while parts and ".".join(parts) not in modules:
        parts.pop()
    return ".".join(parts) or "__init__"


def row_of(module, places):
    """The longest name in the table that `module` is or lies in; None if there is none."""
    parts = module.split(".")
    return next((name for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in places), None)


def downward(user, used, places):
    """Whether the table lets `user` import `used`, both rows of it."""
    if user.split(".")[0] == used.split(".")[0]:
        return True
    if used in ONLY_SEEN_BY and user not in ONLY_SEEN_BY[used]:
        return False
    if user in ONLY_SEES and used not in ONLY_SEES[user]:
        return False
    *rank, side = places[user]
    *lower, other = places[used]
    return lower < rank or (lower == rank and side == other)


def cycle_in(edges):
    """One cycle of the graph {module: modules it imports} as a list, or None."""
    done = set()
    for start in edges:
        path, pending = [], [(start, False)]
        while pending:
            module, leaving = pending.pop()
            if leaving:
                done.add(path.pop())
            elif module in path:
                return [*path[path.index(module) :], module]
            elif module not in done:
                path.append(module)
                pending.append((module, True))
                pending.extend((used, False) for used in sorted(edges.get(module, ())))
    return None


def problems_of(root, table=TABLE):
    """What is wrong with the tree of modules at `root`, one sentence each."""
    places, modules = parse(table), modules_of(root)
    problems, edges = [], {}
    for module, path in modules.items():
        where = f"npslim/{path.relative_to(root).as_posix()}"
        row = row_of(module, places)
        if row is None:
            problems.append(
                f"{where} has no level: add `{module}` to the row of TABLE in tests/test_imports.py where it belongs."
            )
            continue
        reader = read(module, path)
        problems += [f"{where}:{line} imports *: name what is meant." for line in reader.wildcards]
        if module != "backend":
            problems += [
                f"{where}:{line} names {word.split('.')[0]}: only backend.py does."
                for word, line in reader.words
                if word.split(".")[0] in GPU
            ]
        for item in reader.imports:
            used, package = within(item.target, modules), item.target.split(".")[0]
            if used is not None:
                if used != module:
                    edges.setdefault(module, set()).add(used)
                used_row = row_of(used, places)
                if used_row is not None and not downward(row, used_row, places):
                    missing = used == "__init__" and item.target != "npslim"
                    fault = f"{item.target}, which is no module" if missing else f"npslim.{used}, which {row} may not"
                    problems.append(f"{where}:{item.line} imports {fault} (see TABLE).")
            elif package in GPU and module != "backend":
                problems.append(f"{where}:{item.line} imports {package}: only backend.py does.")
            elif package in OPTIONAL and item.at_top:
                problems.append(f"{where}:{item.line} imports {package} at module level: it is optional.")
            elif package not in OPTIONAL | CORE | sys.stdlib_module_names:
                problems.append(f"{where}:{item.line} imports {package}: npslim does not depend on it.")
    if not problems and (cycle := cycle_in(edges)):  # an import upward closes circles too; it is the one to name
        problems.append(f"modules import in a circle: {' -> '.join(cycle)}.")
    return problems


def test_imports_go_down_only():
    problems = problems_of(ROOT)
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("package", sorted(OPTIONAL - {"google"}))
def test_importing_npslim_loads_no(package, loaded):
    assert package not in loaded


@pytest.fixture(scope="module")
def loaded():
    """The top-level modules that a fresh process holds after `import npslim`."""
    code = "import npslim, sys; print(*{name.split('.')[0] for name in sys.modules})"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr
    names = set(process.stdout.split())
    assert "npslim" in names
    return names


# The checker itself: a tree with one fault must give that fault and nothing else.

SOUND = {
    "__init__.py": "from npslim.layers import dense",
    "errors.py": "",
    "backend.py": "import numpy\ndef gpu():\n    import cupy\n    return cupy",
    "graph.py": "from npslim.errors import GraphError",
    "op.py": "from npslim import graph",
    "scopes.py": "import npslim.graph",
    "ops/__init__.py": "from npslim.ops import conv",
    "ops/conv.py": "'''On CuPy, cupy too.'''\nfrom ..op import op",
    "session.py": "from npslim.ops.conv import conv2d",
    "autograd/__init__.py": "from npslim.autograd.check import check",
    "autograd/check.py": "from npslim.session import Session\nfrom npslim.autograd import reverse",
    "autograd/reverse.py": "from npslim.ops import conv",
    "layers/__init__.py": "",
    "layers/dense.py": "from npslim.layers import f\nif TYPE_CHECKING:\n    import cupy, npslim.nets",
    "events.py": "def write():\n    import tensorboardX",
    "_io.py": "import os",
    "spec.py": "",
    "tf.py": "import npslim",
    "cli/__init__.py": "from npslim import conv2d\ndef run():\n    from npslim import tf",
}


def problems_with(tmp_path, **changes):
    for name, text in (SOUND | changes).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return problems_of(tmp_path)


def test_a_sound_tree_passes(tmp_path):
    assert problems_with(tmp_path) == []


FAULTS = [
    ("graph.py", "import npslim.op", "graph.py:1 imports npslim.op, which graph may not"),
    ("op.py", "from npslim.ops.conv import conv2d", "op.py:1 imports npslim.ops.conv, which op may not"),
    ("op.py", "def f():\n    from .scopes import arg_scope", "op.py:2 imports npslim.scopes, which op may not"),
    ("session.py", "from npslim import autograd", "session.py:1 imports npslim.autograd, which session may not"),
    (
        "autograd/reverse.py",
        "import npslim.session",
        "reverse.py:1 imports npslim.session, which autograd may not",
    ),
    ("layers/dense.py", "import npslim", "dense.py:1 imports npslim.__init__, which layers may not"),
    (
        "layers/dense.py",
        "from npslim.missing import f",
        "dense.py:1 imports npslim.missing.f, which is no module",
    ),
    ("ops/conv.py", "import importlib as i\ni.import_module('npslim.layers')", "conv.py:2 imports npslim.layers"),
    ("_io.py", "import npslim.spec", "_io.py:1 imports npslim.spec, which _io may not"),
    ("__init__.py", "from npslim import tf", "__init__.py:1 imports npslim.tf, which __init__ may not"),
    ("graph.py", "from npslim.errors import *", "graph.py:1 imports *"),
    ("session.py", "def f():\n    import cupy", "session.py:2 imports cupy: only backend.py does"),
    ("session.py", "gpu = 'cupy'", "session.py:1 names cupy: only backend.py does"),
    ("session.py", "f = 'cupy.cuda'", "session.py:1 names cupy: only backend.py does"),
    ("events.py", "import tensorboardX", "events.py:1 imports tensorboardX at module level"),
    (
        "events.py",
        "try:\n    from tqdm import tqdm\nexcept ImportError:\n    pass",
        "events.py:2 imports tqdm at module",
    ),
    ("events.py", "class A:\n    import PIL.Image", "events.py:2 imports PIL at module level"),
    ("events.py", "def f():\n    import theano", "events.py:2 imports theano: npslim does not depend on it"),
    ("novel.py", "", "npslim/novel.py has no level: add `novel` to the row of TABLE in tests/test_imports.py"),
    ("novel/__init__.py", "", "npslim/novel/__init__.py has no level: add `novel` to the row"),
]


@pytest.mark.parametrize("file, text, message", FAULTS)
def test_a_fault_is_found(tmp_path, file, text, message):
    problems = problems_with(tmp_path, **{file: text})
    assert len(problems) == 1 and message in problems[0], problems


def test_a_circle_is_found(tmp_path):
    circle = {
        "layers/a.py": "from npslim.layers import b",
        "layers/b.py": "def f():\n    from npslim.layers.a import g",
    }
    assert problems_with(tmp_path, **circle) == ["modules import in a circle: layers.a -> layers.b -> layers.a."]
