"""Every lesson runs from its first cell to its last by a kernel of its own, and shows pictures where it should."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "docs" / "lessons").glob("*.ipynb"))
MOST = 1_000_000  # bytes of a notebook with its outputs


def test_there_are_eight():
    assert [path.name[:2] for path in LESSONS] == [f"0{k}" for k in range(1, 9)]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson(path, tmp_path, monkeypatch):
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package)
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    stored = [bool(cell.outputs) for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    done = runpy.run_path(str(ROOT / "tools" / "run_lessons.py"))["run"](path, tmp_path)
    nbformat.validate(done)
    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    shown = [output for cell in cells for output in cell.outputs]
    assert [bool(cell.outputs) for cell in cells] == stored, (
        "run tools/run_lessons.py: what is stored is of another version"
    )
    assert not [output for output in shown if output.get("name") == "stderr"]
    if any(".svg(" in cell.source for cell in cells):
        assert any("<svg" in output.get("data", {}).get("text/html", "") for output in shown)
    assert len(json.dumps(done)) < MOST and path.stat().st_size < MOST
