"""What is imported when it is first asked for: it is there for whoever asks, and nothing is lost until then."""

import ast
import operator
import subprocess
import sys
from pathlib import Path

import pytest

import npslim as slim
from npslim import layers
from npslim.later import Table, names_later


def run(code):
    """What a fresh process prints."""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout.split()


def for_type_checkers(package):
    """{(module, name)} of the imports that stand under `if TYPE_CHECKING`."""
    tree = ast.parse(Path(str(package.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = (line for line in block.body if isinstance(line, ast.ImportFrom))
    return {(line.module, alias.name) for line in imports for alias in line.names}


@pytest.mark.parametrize("package", [slim, layers], ids=lambda package: package.__name__)
def test_type_checkers_read_what_is_imported(package):
    """The table that the program follows and the imports that editors read give the same objects."""
    listed = {name for names in package._LATER.values() for name in names.split()}
    listed |= {module.rpartition(".")[2] for module in package._LATER} & set(package.__all__)
    seen = for_type_checkers(package)
    assert {name for _, name in seen} == listed
    for module, name in seen:
        assert getattr(__import__(module, fromlist=[name]), name) is getattr(package, name)


def test_importing_npslim_leaves_out_what_a_net_does_not_need():
    loaded = run("import npslim, sys; print(*sys.modules)")
    left_out = ["nets", "show", "data.tfrecord", "checkpoint", "queues", "metrics", "ops.strings", "testing", "tf"]
    assert not {f"npslim.{name}" for name in left_out} & set(loaded)
    assert not {"logging", "difflib", "zipfile", "fractions", "csv", "html"} & set(loaded)


def test_no_module_takes_the_place_of_a_name():
    """A package's attribute is set when its module of that name is imported, even long after the attribute was."""
    code = """
import importlib, pkgutil, npslim, npslim.layers
packages = npslim, npslim.layers
before = [{name: getattr(package, name) for name in package.__all__} for package in packages]
for package in packages:
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name not in ("npslim.__main__", "npslim.pytest_plugin"):
            importlib.import_module(module.name)
for package, names in zip(packages, before):
    print(*[name for name, value in names.items() if getattr(package, name) is not value])
"""
    assert run(code) == []


def test_names_are_listed_before_they_are_imported():
    code = "import npslim; print(*set(npslim.__all__) - set(dir(npslim)), hasattr(npslim, 'no_such_name'))"
    assert run(code) == ["False"]


def test_a_missing_name_raises_as_of_any_module():
    with pytest.raises(AttributeError, match="module 'npslim' has no attribute 'conv2e'"):
        _ = slim.conv2e
    with pytest.raises(ImportError, match="cannot import name 'conv2e'"):
        from npslim import conv2e  # noqa: F401, PLC0415


def test_the_registry_is_complete_for_whoever_looks_at_it():
    code = "import npslim; few = dict.__len__(npslim.REGISTRY); many = len(npslim.REGISTRY); print(few < many, many)"
    assert run(code) == ["True", str(sum(_defined_by_npslim(op) for op in slim.REGISTRY.values()))]


def _defined_by_npslim(op):
    """Whether a fresh process has the op: those of tests and of `npslim.data` come when they are imported."""
    module = op.kernel.__module__
    return module.startswith("npslim.") and not module.startswith("npslim.data.")


def test_an_op_is_found_by_its_name():
    code = "from npslim import REGISTRY as ops; print(ops['solved'].name, ops.get('no_such_op'), 'svd' in ops)"
    assert run(code) == ["solved", "None", "False"]


def test_an_op_of_a_program_meets_those_that_nobody_has_imported():
    code = """
import npslim
from npslim.errors import InternalError
def solved(x):
    "Nothing."
try:
    npslim.op(solved)
except InternalError as error:
    print(error)
"""
    assert "There are two ops 'solved'." in " ".join(run(code))


def test_every_operator_works_at_once():
    code = """
import npslim
from npslim.registry import OPERATORS
from npslim.tensor import Operators
x, n, b = npslim.constant([4.0, 2.0]), npslim.constant([4, 2]), npslim.constant([True, False])
used = [x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x, x // 2, 2 // x, x % 3, 3 % x, x**2, 2**x, -x, abs(x)]
used += [x < 1, x <= 1, x > 1, x >= 1, b & b, True & b, b | b, True | b, b ^ b, True ^ b, ~b, x[0], n // 3, n % 3]
used += [npslim.reshape(x, [1, 2]) @ npslim.reshape(x, [2, 1]), [[1.0, 2.0]] @ npslim.reshape(x, [2, 1])]
npslim.Session().run(used)
named = {name for name in vars(Operators) if getattr(vars(Operators)[name], "__closure__", None)}
print(*[name for name in named if name not in OPERATORS])
"""
    assert run(code) == []


def test_notebooks_and_graph_definitions_work_at_once():
    code = """
import npslim
x = npslim.constant(1.0)
print("<" in npslim.get_default_graph()._repr_html_(), len(npslim.get_default_graph().as_graph_def().node))
"""
    assert run(code) == ["True", "1"]


def test_a_program_that_sets_the_level_of_the_log_is_heard():
    code = """
import logging, npslim
logging.getLogger("npslim").setLevel(logging.ERROR)
from npslim.logs import logger
print(logger.level == logging.ERROR, len(logger.handlers))
"""
    assert run(code) == ["True", "1"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module that gives `word`, and a table that another one fills."""
    (tmp_path / "later_package").mkdir()
    (tmp_path / "later_package" / "__init__.py").write_text(
        "from npslim.later import Table, names_later\ntable = Table()\ntable.later = ['later_package.filler']\n"
        "__getattr__, __dir__ = names_later(__name__, {'later_package.words': 'word'})\n"
    )
    (tmp_path / "later_package" / "words.py").write_text("word = object()\n")
    (tmp_path / "later_package" / "filler.py").write_text("from later_package import table\ntable['a'] = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("later_package")
    for name in [name for name in sys.modules if name.partition(".")[0] == "later_package"]:
        del sys.modules[name]


def test_a_name_is_imported_once(package):
    assert "later_package.words" not in sys.modules and "word" in dir(package) and "words" in dir(package)
    word = package.word
    assert vars(package)["word"] is word and package.words.word is word


def test_a_table_keeps_what_it_has(package):
    table = package.table
    table["b"] = 2
    assert table["b"] == 2 and "later_package.filler" not in sys.modules
    assert table["a"] == 1 and dict(table) == {"b": 2, "a": 1}
    with pytest.raises(KeyError):
        table["c"]
    assert table.get("c", 3) == 3 and "c" not in table


LOOKS = [list, dict, set, sorted, *map(operator.methodcaller, ("keys", "values", "items"))]


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_a_table_is_at_all_of_it(package, look):
    assert len(look(package.table)) == 1


def test_the_length_of_a_table_is_that_of_all_of_it(package):
    assert len(package.table) == 1


def test_an_error_of_the_import_is_not_hidden(package):
    package.table.later = ["later_package.no_such_module"]
    with pytest.raises(ModuleNotFoundError):
        len(package.table)
    getter, _ = names_later("later_package", {"later_package.no_such_module": "name"})
    with pytest.raises(ModuleNotFoundError):
        getter("name")
    assert Table() == {}
