"""Run the lessons and store what they print and draw: the documentation shows them as they are stored.

    python tools/run_lessons.py               # all of docs/lessons
    python tools/run_lessons.py 03 07         # those whose names begin so

Needs the extra `test`. The tests run the lessons too, and leave the files alone.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat

LESSONS = Path(__file__).resolve().parent.parent / "docs" / "lessons"


def run(path, folder):
    """The notebook, run in `folder` by a kernel of its own."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(notebook, timeout=60, resources=resources)
    return client.execute()


def settled(notebook):
    """Without what differs from one execution to the next and nobody reads: times, and the names of cells' files."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    return nbformat.reads(re.sub(r"[^\s\"\\<>]*ipykernel_\d+/\d+\.py", "cell", nbformat.writes(notebook)), as_version=4)


def main(chosen):
    """Run the lessons whose names begin with one of `chosen`, or all."""
    for path in sorted(LESSONS.glob("*.ipynb")):
        if not chosen or path.name.startswith(tuple(chosen)):
            start = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(settled(run(path, folder)), path)
            print(f"{path.name:32s} {time.monotonic() - start:5.1f} s {path.stat().st_size / 1e3:6.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
