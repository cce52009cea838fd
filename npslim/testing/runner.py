"""Test any program by golden cases: start it, wait for it, read what it wrote, compare.

A program is given the folder of a question and an empty folder for its answers, `COMMAND {case} {out}`; or, where its
start takes long, a folder of such folders for all cases at once, `COMMAND {cases} {outs}`. It writes a .npy file for
each answer, named as in case.json. Exit status 77, or a file skipped.txt, says that it does not do this case.
"""

import concurrent.futures
import os
import shlex
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field

import numpy as np

from npslim.errors import InvalidArgumentError, NotFoundError, OpError
from npslim.testing.case import file_of
from npslim.testing.compare import differences
from npslim.testing.diagnose import diagnose
from npslim.testing.files import load_array, write_case

SKIP_STATUS, SKIP_FILE = 77, "skipped.txt"
_SHOWN = 400  # characters of what a program that failed said last


@dataclass
class Result:
    """What became of one case: "passed", "failed" or "skipped"; the reason; how the answers differ; a likely cause."""

    id: str
    outcome: str
    reason: str = ""
    differences: list = field(default_factory=list)
    cause: str | None = None

    @property
    def worst(self):
        """The largest error in units of the bound."""
        return max((d.worst for d in self.differences), default=0.0)

    def describe(self):
        """Some lines for a reader."""
        lines = [f"{self.outcome.upper()} {self.id}{': ' + self.reason if self.reason else ''}"]
        lines += ["  " + d.describe().replace("\n", "\n  ") for d in self.differences if d.problem]
        return "\n".join([*lines, *([f"  likely cause: {self.cause}"] if self.cause else ())])


def judged(case, answers, precision=None):
    """The `Result` of a case from its answers, {"outputs/y": array}."""
    found = differences(answers, case, precision)
    wrong = [d for d in found if d.problem]
    if not wrong:
        return Result(case.id, "passed", differences=found)
    return Result(case.id, "failed", str(wrong[0].problem), found, diagnose(answers, case, precision))


def run_cases(command, cases, timeout=60.0, jobs=1, precision=None, forward=False):
    """Yield a `Result` for each case, in order, whatever happens to the program.

    command: a command line with {case} and {out}, or {cases} and {outs}. timeout: seconds for one start. jobs: programs
    at once. forward: only the outputs are asked for, not the gradients. Raises InvalidArgumentError for a command
    without places, NotFoundError if there is no such program.
    """
    words = shlex.split(command)
    together = any("{cases}" in w for w in words)
    if not any(("{outs}" if together else "{out}") in w for w in words) or not (
        together or any("{case}" in w for w in words)
    ):
        raise InvalidArgumentError(
            "The command says not where the case and the answers go.", expected="COMMAND {case} {out}", got=command
        )
    ask = _Asking(words, timeout, precision, forward)
    with tempfile.TemporaryDirectory(prefix="npslim-golden-") as folder:
        if together:
            yield from ask.all_at_once(cases, folder)
        elif jobs > 1:
            with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                yield from pool.map(lambda case: ask.one(case, folder), cases)
        else:
            for case in cases:
                yield ask.one(case, folder)


class _Asking:
    """One way of asking a program."""

    def __init__(self, words, timeout, precision, forward):
        self.words, self.timeout, self.precision, self.forward = words, timeout, precision, forward

    def one(self, case, folder):
        """Start the program for one case."""
        question, out = os.path.join(folder, "in", case.id), os.path.join(folder, "out", case.id)
        write_case(question, case.question())
        os.makedirs(out)
        problem = self._started({"case": question, "out": out})
        return self._read(case, out, problem)

    def all_at_once(self, cases, folder):
        """Start the program once for all."""
        questions, outs = os.path.join(folder, "in"), os.path.join(folder, "out")
        os.makedirs(outs)
        for case in cases:
            write_case(os.path.join(questions, case.id), case.question())
        problem = self._started({"cases": questions, "outs": outs})
        for case in cases:
            out = os.path.join(outs, case.id)
            written = os.path.isdir(out) and os.listdir(out)
            yield self._read(case, out, None if written else problem)

    def _started(self, places):
        """Run the program; returns what went wrong, or None."""
        words = list(self.words)
        for place, path in places.items():
            words = [word.replace("{" + place + "}", path) for word in words]
        nothing, pipe, both = subprocess.DEVNULL, subprocess.PIPE, subprocess.STDOUT
        try:
            process = subprocess.Popen(words, stdin=nothing, stdout=pipe, stderr=both, start_new_session=True)
        except OSError as error:
            raise NotFoundError(
                "The program cannot be started.", expected="a program", got=f"{words[0]}: {error}"
            ) from None
        try:
            said, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            return f"it did not end within {self.timeout:g} s"
        if process.returncode == SKIP_STATUS:
            return SKIP_FILE
        if process.returncode:
            how = f"signal {-process.returncode}" if process.returncode < 0 else f"exit status {process.returncode}"
            last = said.decode(errors="replace").strip()[-_SHOWN:]
            return f"it crashed: {how}" + (f"\n  {last}".replace("\n", "\n  ") if last else "")
        return None

    def _read(self, case, out, problem):
        if problem == SKIP_FILE or os.path.exists(os.path.join(out, SKIP_FILE)):
            return Result(case.id, "skipped", _reason(out))
        if problem:
            return Result(case.id, "failed", problem)
        wanted = [key for key in case.answers if not (self.forward and key.startswith("gradients/"))]
        there = {key: path for key in wanted if os.path.exists(path := os.path.join(out, file_of(key)))}
        if not there:
            return Result(case.id, "failed", f"it wrote nothing: no {file_of(wanted[0])}")
        try:
            answers = {key: load_array(path) for key, path in there.items()}
        except OpError as error:
            return Result(case.id, "failed", str(error).replace("\n", "; "))
        result = judged(case, answers, self.precision)
        missing = [file_of(key) for key in wanted if key not in there]
        if missing and result.outcome == "passed":
            return Result(case.id, "failed", f"it did not write {', '.join(missing)}", result.differences)
        return result


def _kill(process):
    """End the program and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.communicate()


def _reason(out):
    try:
        with open(os.path.join(out, SKIP_FILE), encoding="utf-8", errors="replace") as file:
            return file.read(_SHOWN).strip()
    except OSError:
        return "the program does not do it"


def counted(results):
    """{outcome: number}."""
    outcomes = [r.outcome for r in results]
    return {o: outcomes.count(o) for o in ("passed", "failed", "skipped")}


def as_facts(result):
    """A result as JSON holds it."""
    parts = [
        {"key": d.key, "worst": _finite(d.worst), "ulp": _finite(d.ulp), "problem": d.problem}
        for d in result.differences
    ]
    return {
        "id": result.id,
        "outcome": result.outcome,
        "reason": result.reason,
        "cause": result.cause,
        "answers": parts,
    }


def _finite(x):
    return float(x) if np.isfinite(x) else str(x)
