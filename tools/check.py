"""Everything that must hold before a change is merged, in one command.

    python tools/check.py                 # all steps, stopping at the first that fails
    python tools/check.py --all           # all steps, whatever fails
    python tools/check.py lint types      # these steps only

Steps: format and lint (ruff), types (pyright), tests (pytest), examples (every file of examples/, each in a fresh
process and an empty folder). Each prints its seconds; the exit status is the number of steps that failed.

It needs the extra `test`: pip install -e '.[test]'. Pyright is a program for Node.js; its wheel carries the program and
the extra `nodejs` of that wheel carries Node, so all of it comes from PyPI and none is fetched on the first run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = [sys.executable, "-m"]


def run(command, folder=ROOT):
    """Whether the command succeeds in that folder, with this source tree to import."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode == 0


def check_examples():
    """Runs every example, the rest too when one fails."""
    failed = []
    for example in sorted((ROOT / "examples").glob("*.py")):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            if not run([sys.executable, str(example)], folder):
                failed.append(example.name)
        print(f"     {example.name}: {time.monotonic() - start:.1f} s", flush=True)
    if failed:
        print("failed:", *failed)
    return not failed


STEPS = {
    "format": lambda: run([*MODULE, "ruff", "format", "--check", "."]),
    "lint": lambda: run([*MODULE, "ruff", "check", "."]),
    "types": lambda: run([*MODULE, "pyright", "--pythonpath", sys.executable]),
    "tests": lambda: run([*MODULE, "pytest", "-q", "-n", "2"]),
    "examples": check_examples,
}


def main(arguments=None):
    """Runs the chosen steps; returns how many failed."""
    parser = argparse.ArgumentParser(description="Run what must hold before a change is merged.")
    parser.add_argument("steps", nargs="*", metavar="step", help=f"any of: {', '.join(STEPS)} (default: all of them)")
    parser.add_argument("--all", action="store_true", help="go on after a step that fails")
    options = parser.parse_args(arguments)
    for name in options.steps:
        if name not in STEPS:
            parser.error(f"no step {name!r}; there are {', '.join(STEPS)}")

    failed = []
    for name in options.steps or STEPS:
        print(f"---- {name}", flush=True)
        start = time.monotonic()
        passed = STEPS[name]()
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {time.monotonic() - start:.1f} s", flush=True)
        if not passed:
            failed.append(name)
            if not options.all:
                break
    print(f"FAILED: {', '.join(failed)}" if failed else "all ok")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
