"""A hole fails at its first test, the reference solution passes all, near misses get the fitting hint."""

import subprocess
import sys
from pathlib import Path

import pytest

from npslim import exercises
from npslim.errors import AlreadyExistsError, NotFoundError

SOLUTIONS = Path(__file__).parent / "solutions"
ROOT = Path(exercises.__file__).parent

# exercise, what is changed in the solution, what it is changed to, the test that must find it, a word of its hint
MISTAKES = [
    ("conv2d", "p // 2, p - p // 2", "p - p // 2, p // 2", "same with an odd zero", "smaller half"),
    ("conv2d", "[:, ::stride, ::stride]", "", "stride", "0, s, 2 s"),
    ("conv2d", "@ w.reshape", "@ w[::-1, ::-1].reshape", "several windows", "windows"),
    ("conv2d", 'padding == "SAME"', "False", "same keeps the size", "k - 1 zeros"),
    ("conv2d_gradients", "+= g", "= g", "input gradient", "+="),
    ("conv2d_gradients", "uvco", "vuco", "filter gradient of one window", "slope by w is x"),
    ("batch_norm_backward", " - g.mean(axis=0)", "", "a constant g changes nothing", "takes it away"),
    ("batch_norm_backward", " - normed * (g * normed).mean(axis=0)", "", "x", "three ways"),
    ("batch_norm_backward", "var(axis=0)", "var(axis=0, ddof=1)", "gamma", "biased"),
    ("batch_norm_backward", "(g * normed).sum(axis=0), g.sum(axis=0)", "g.sum(axis=0), (g * normed).sum(axis=0)", "beta", "sum"),
    ("batch_norm_backward", "x.var(axis=0) + epsilon", "x.var(axis=0) + 1e-3", "epsilon", "argument"),
    ("momentum", "momentum * a + g", "momentum * a + (1 - momentum) * g", "the first step is descent", "begins at zero"),
    ("momentum", "momentum * a if", "momentum * momentum * a if", "nesterov", "Nesterov"),
    ("momentum", "    a = momentum * a + g", "    a *= momentum\n    a += g", "inputs are left alone", "new one"),
    ("arg_scope", "{**current.get().get(scoped, {}), **kwargs}", "{**kwargs, **current.get().get(scoped, {})}", "the call wins", "right wins"),
    ("arg_scope", "    @functools.wraps(function)\n", "", "the name stays", "wraps"),
    ("arg_scope", "{**scope.get(function, {}), **defaults}", "defaults", "nesting", "adds to the outer one"),
    ("arg_scope", "    finally:\n        current.reset(token)", "    finally:\n        pass", "it ends", "finally"),
    ("new_op", "1.0 - s", "1.0 + s", "gradient", "slope is"),
    ("new_op", "/ (1 + array_module(x).exp(-x))", "/ (np.float64(1) + array_module(x).exp(-x))", "float32 is kept", "float32 out"),
    ("new_op", "swish.shape(same)", "", "shape rule", "swish.shape(same)"),
    ("new_op", ", lambda rng: (np.zeros((0, 2)),)", "", "cases", "empty arrays"),
]  # fmt: skip


@pytest.mark.parametrize("name", exercises.NAMES)
def test_a_hole_fails_at_its_first_test_and_says_so(name, tmp_path):
    path = exercises.start(name, tmp_path)
    (result,) = exercises.check(path)
    assert "hole" in result.problem and result.hint and f"{name}.py:" in result.line


@pytest.mark.parametrize("name", exercises.NAMES)
def test_the_reference_solution_passes(name):
    results = list(exercises.check(SOLUTIONS / f"{name}.py"))
    assert [r.title for r in results] == list(exercises.tests_of(name))
    assert not [(r.title, r.problem) for r in results if r.problem]
    assert len(results) >= 5


@pytest.mark.parametrize("name, right, wrong, title, word", MISTAKES, ids=[f"{m[0]}-{m[3]}" for m in MISTAKES])
def test_a_mistake_is_found_with_its_hint(name, right, wrong, title, word, tmp_path):
    text = (SOLUTIONS / f"{name}.py").read_text(encoding="utf-8")
    assert right in text
    path = tmp_path / f"{name}.py"
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    *passed, failed = exercises.check(path)
    assert all(result.problem is None for result in passed)
    assert failed.title == title, f"{failed.title}: {failed.problem}"
    assert failed.problem and word in " ".join(failed.hint.split())


def test_every_test_has_a_hint():
    for name in exercises.NAMES:
        for title, test in exercises.tests_of(name).items():
            assert test.__doc__, f"{name}: {title}"


def test_no_solution_is_shipped():
    shipped = [path.read_text(encoding="utf-8") for path in (ROOT / "holes").glob("*.py")]
    assert len(shipped) == len(exercises.NAMES) and all("raise NotImplementedError" in text for text in shipped)


def test_nobodys_work_is_overwritten(tmp_path):
    exercises.start("momentum", tmp_path).write_text("mine")
    with pytest.raises(AlreadyExistsError, match="exists already"):
        exercises.start("momentum", tmp_path)
    assert (tmp_path / "momentum.py").read_text() == "mine"


def test_unknown_exercises_and_files_are_refused(tmp_path):
    with pytest.raises(NotFoundError, match="no exercise 'swim'"):
        exercises.start("swim", tmp_path)
    with pytest.raises(NotFoundError, match="no such file"):
        list(exercises.check(tmp_path / "conv2d.py"))


def test_a_file_that_python_cannot_read(tmp_path):
    (tmp_path / "momentum.py").write_text("def momentum_step(:\n")
    (result,) = exercises.check(tmp_path / "momentum.py")
    assert "SyntaxError" in result.problem


def command(cwd, *arguments):
    return subprocess.run([sys.executable, "-m", "npslim", "exercise", *arguments], cwd=cwd, capture_output=True,
                          text=True, check=False)  # fmt: skip


def test_commands(tmp_path):
    listed = command(tmp_path, "list").stdout
    assert all(name in listed for name in exercises.NAMES)
    assert "has a hole" in command(tmp_path, "start", "momentum").stdout
    done = command(tmp_path, "check", "momentum.py")
    assert done.returncode == 1 and "not yet  the first step is descent" in done.stdout and "0 of 6" in done.stdout
    (tmp_path / "momentum.py").write_text((SOLUTIONS / "momentum.py").read_text())
    done = command(tmp_path, "check", "momentum.py")
    assert done.returncode == 0 and "6 of 6: all done" in done.stdout
