"""The pytest plugin, in a pytest of its own: cases as parameters, wider bounds, a report, clear errors."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
import pytest


@pytest.mark.npslim("matmul", transpose_a=False, transpose_b=[False])
def test_right(case, matches):
    matches(case.inputs["a"] @ case.inputs["b"])


@pytest.mark.npslim("^matmul-0$")
def test_transposed(case, matches):
    b = case.inputs["b"]
    matches(case.inputs["a"] @ b.reshape(b.shape[::-1]).T)


@pytest.mark.npslim("^reduce_sum-0", x=(3, 50), axis=1, keepdims=False)
def test_half(case, matches):
    matches(case.inputs["x"].astype(np.float16).sum(1, dtype=np.float32))


def test_of_another_kind():
    pass
"""


@pytest.fixture
def run(tmp_path):
    def start(program, *options):
        (tmp_path / "test_mine.py").write_text(program)
        command = [sys.executable, "-m", "pytest", "-p", "npslim.pytest_plugin", "--strict-markers", "-W", "error"]
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        environment.pop("PYTEST_ADDOPTS", None)
        process = subprocess.run(
            [*command, "-p", "no:cacheprovider", *options], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=False, timeout=120,
        )  # fmt: skip
        return process.returncode, process.stdout + process.stderr

    return start


def test_cases_become_tests_and_a_report(run):
    status, text = run(PROGRAM)
    assert status == 1
    assert "test_mine.py::test_transposed[matmul-0]" in text and "test_mine.py::test_half[" in text
    assert "2 failed" in text
    assert "likely cause: the weights are transposed: b has its last two dimensions the other way round" in text
    report = text[text.index("golden cases of npslim") :]
    matmul, cause, half, half_cause = (line.strip() for line in report.splitlines()[1:5])
    assert matmul.startswith("matmul") and "match, largest error" in matmul and matmul.endswith("ulp")
    assert cause.startswith("likely cause of 1: the weights are transposed")
    assert half.startswith("reduce_sum") and "0 of    1 match" in half
    assert half_cause == "likely cause of 1: the arithmetic is only as exact as float16 or TF32"


def test_a_narrower_precision_is_allowed_for(run):
    status, text = run(PROGRAM, "-k", "half or other", "--npslim-precision", "float16")
    assert status == 0 and "2 passed" in text and "1 of    1 match" in text


def test_a_catalogue_is_read(run, tmp_path):
    from npslim.testing import golden_cases, write_catalogue

    write_catalogue(tmp_path / "golden.h5", golden_cases("^matmul-0$"))
    status, text = run(PROGRAM, "-k", "transposed", "--npslim-catalogue", "golden.h5")
    assert status == 2 and "a catalogue has its grid already" in text
    text_without_grids = PROGRAM.replace(", transpose_a=False, transpose_b=[False]", "").replace(
        '"^reduce_sum-0", x=(3, 50), axis=1, keepdims=False', '"matmul"'
    )
    status, text = run(text_without_grids, "-k", "right", "--npslim-catalogue", "golden.h5")
    assert status == 0 and "1 passed" in text


BAD = {
    '@pytest.mark.npslim("no_such_op")\ndef test(case): pass': "There are no such golden cases",
    '@pytest.mark.npslim("matmul")\ndef test(): pass': "has an argument `case`",
    "@pytest.mark.npslim(1)\ndef test(case): pass": "takes the name of an op, got (1,)",
}


@pytest.mark.parametrize("program", BAD)
def test_mistakes_in_the_mark_are_explained(run, program):
    status, text = run("import pytest\n" + program)
    assert status != 0 and BAD[program] in text and "test_mine.py::test" in text


def test_the_package_brings_the_plugin():
    path = Path(__file__).resolve().parent.parent / "pyproject.toml"
    points = tomllib.loads(path.read_text())["project"]["entry-points"]["pytest11"]
    assert points == {"npslim": "npslim.pytest_plugin"}
