"""Programs under test: right ones, and ones that crash, hang, write nothing, the wrong shape or NaN."""

import json
import sys

import pytest

from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.testing import golden_cases, run_cases

PROGRAM = """
import json, os, sys, time
import numpy as np
case, out = sys.argv[1], sys.argv[2]
facts = json.load(open(os.path.join(case, "case.json")))
x = {a["key"]: np.load(os.path.join(case, a["file"])) for a in facts["arrays"]
     if a["key"].startswith(("inputs/", "cotangents/"))}
def write(key, array):
    np.save(os.path.join(out, next(a["file"] for a in facts["arrays"] if a["key"] == key)), array)
def product(facts, x):
    a, b, g = x["inputs/a"], x["inputs/b"], x.get("cotangents/y")
    a = a.swapaxes(-1, -2) if facts["attrs"]["transpose_a"] else a
    b = b.swapaxes(-1, -2) if facts["attrs"]["transpose_b"] else b
    return a @ b
y = product(facts, x)
"""

BODIES = {
    "right": 'write("outputs/y", y)',
    "crash": 'print("no such kernel"); sys.exit(3)',
    "abort": "os.abort()",
    "hang": "time.sleep(60)",
    "nothing": "pass",
    "wrong shape": 'write("outputs/y", y.ravel())',
    "nan": 'y[0] = np.nan; write("outputs/y", y)',
    "wrong dtype": 'write("outputs/y", y.astype(np.float64))',
    "garbage": 'open(os.path.join(out, "outputs.y.npy"), "w").write("hello")',
    "skip": "sys.exit(77)",
    "skip with reason": 'open(os.path.join(out, "skipped.txt"), "w").write("not mine")',
    "wrong": 'write("outputs/y", y * np.float32(1.001))',
}
WORDS = {
    "right": ("passed", ""),
    "crash": ("failed", "it crashed: exit status 3\n    no such kernel"),
    "abort": ("failed", "it crashed: signal 6"),
    "hang": ("failed", "it did not end within 1 s"),
    "nothing": ("failed", "it wrote nothing: no outputs.y.npy"),
    "wrong shape": ("failed", "it has the shape [6], not [3, 2]"),
    "nan": ("failed", "2 of 6 elements are out of bounds, 2 of them NaN"),
    "wrong dtype": ("failed", "it is float64, not float32"),
    "garbage": ("failed", "cannot be read"),
    "skip": ("skipped", "the program does not do it"),
    "skip with reason": ("skipped", "not mine"),
    "wrong": ("failed", "6 of 6 elements are out of bounds"),
}


@pytest.fixture
def program(tmp_path):
    def write(body):
        path = tmp_path / "program.py"
        path.write_text(PROGRAM + body)
        return f"{sys.executable} {path}"

    return write


@pytest.fixture
def cases():
    return [golden_cases("matmul")[i] for i in (0, 3)]


@pytest.mark.parametrize("body", BODIES)
def test_a_program(body, program, cases):
    command = program(BODIES[body]) + " {case} {out}"
    (result,) = run_cases(command, cases[:1], timeout=1.0 if body == "hang" else 60.0, forward=True)
    outcome, words = WORDS[body]
    assert result.outcome == outcome and words in result.reason, result.describe()
    assert result.id in result.describe()


def test_the_rest_goes_on_when_one_case_fails(program, cases):
    body = 'if facts["id"] == "matmul-0": sys.exit(1)\nwrite("outputs/y", y)'
    results = list(run_cases(program(body) + " {case} {out}", cases, jobs=2, forward=True))
    assert [(r.id, r.outcome) for r in results] == [("matmul-0", "failed"), ("matmul-3", "passed")]


def test_gradients_are_asked_for(program, cases):
    (result,) = run_cases(program('write("outputs/y", y)') + " {case} {out}", cases[:1])
    assert result.outcome == "failed" and result.reason == "it did not write gradients.a.npy, gradients.b.npy"
    body = BODIES["right"] + '\ng = x["cotangents/y"]\nwrite("gradients/a", g @ x["inputs/b"].T)'
    body += '\nwrite("gradients/b", x["inputs/a"].T @ g)'
    (result,) = run_cases(program(body) + " {case} {out}", cases[:1])
    assert result.outcome == "passed" and len(result.differences) == 3


def test_a_mismatch_is_described(program, cases):
    (result,) = run_cases(program(BODIES["wrong"]) + " {case} {out}", cases[:1], forward=True)
    assert "likely cause: every element is 1.001 times what it should be" in result.describe()
    assert "first at [0, 0]: got" in result.describe() and "ulp" in result.describe()


def test_the_answers_are_not_in_the_question(program, cases):
    body = 'open(os.path.join(out, "skipped.txt"), "w").write(" ".join(sorted(os.listdir(case))))'
    (result,) = run_cases(program(body) + " {case} {out}", cases[:1])
    assert result.reason == "case.json cotangents.y.npy inputs.a.npy inputs.b.npy"


ALL_AT_ONCE = """
import os, subprocess, sys
for id in sorted(os.listdir(sys.argv[1])):
    if id == "matmul-3":
        sys.exit(5)
    os.makedirs(os.path.join(sys.argv[2], id))
    subprocess.run([*{command!r}.split(), os.path.join(sys.argv[1], id), os.path.join(sys.argv[2], id)], check=True)
"""


def test_a_program_that_takes_all_cases_at_once(program, cases, tmp_path):
    one = program(BODIES["right"])
    many = tmp_path / "many.py"
    many.write_text(ALL_AT_ONCE.format(command=one))
    results = list(run_cases(f"{sys.executable} {many} {{cases}} {{outs}}", cases, forward=True))
    assert [(r.outcome, r.reason) for r in results] == [("passed", ""), ("failed", "it crashed: exit status 5")]


def test_a_hanging_program_takes_its_children_along(program, cases, tmp_path):
    body = f'import subprocess; p = subprocess.Popen(["sleep", "60"]); open(r"{tmp_path}/pid", "w").write(str(p.pid))'
    list(run_cases(program(body + "; time.sleep(60)") + " {case} {out}", cases[:1], timeout=2.0))
    pid = int((tmp_path / "pid").read_text())
    with open(f"/proc/{pid}/stat", encoding="ascii") if _alive(pid) else open("/dev/null", encoding="ascii") as file:
        assert file.read().split()[2:3] in ([], ["Z"])


def _alive(pid):
    import os

    return os.path.exists(f"/proc/{pid}/stat")


def test_bad_commands_are_refused(cases):
    with pytest.raises(InvalidArgumentError, match="COMMAND {case} {out}"):
        list(run_cases("true {case}", cases))
    with pytest.raises(NotFoundError, match="cannot be started"):
        list(run_cases("/no/such/program {case} {out}", cases))


def test_the_command_line(program, tmp_path, capsys):
    from npslim.cli import main

    target = str(tmp_path / "golden")
    assert main(["golden", "make", target, "--only", "^matmul-[03]$"]) == 0
    assert "2 cases (2 of ops), 2 with gradients" in capsys.readouterr().out
    assert main(["golden", "make", target]) == 1
    assert "would overwrite" in capsys.readouterr().err
    assert main(["golden", "list", "--only", "^conv2d-0", "--grid", "stride=1,2", "w=3x3x2x4"]) == 0
    assert "conv2d-0.strides=2.w=3x3x2x4  float32  x[2, 5, 4, 2] w[3, 3, 2, 4]  strides=2" in capsys.readouterr().out
    report = tmp_path / "report.json"
    right = program(BODIES["right"]) + " {case} {out}"
    assert main(["golden", "check", target, "--forward", "--runner", right, "--report", str(report)]) == 0
    assert capsys.readouterr().out.endswith("2 passed, 0 failed, 0 skipped\n")
    assert [r["outcome"] for r in json.loads(report.read_text())] == ["passed", "passed"]
    (tmp_path / "golden" / "matmul-0" / "inputs.a.npy").write_bytes(b"")
    assert main(["golden", "check", target, "--forward", "--runner", right]) == 1
    printed = capsys.readouterr().out
    assert "FAILED matmul-0" in printed and printed.endswith("1 passed, 1 failed, 0 skipped\n")
    assert main(["golden", "check", "--adapter", "npslim", "--only", "^matmul"]) == 0
    assert main(["golden", "check", target, "--adapter", "npslim", "--seed", "1"]) == 1
    assert "has its grid and seed already" in capsys.readouterr().err
    assert main(["golden", "list", "--grid", "stride"]) == 1
    assert "ARGUMENT=VALUE,VALUE" in capsys.readouterr().err
