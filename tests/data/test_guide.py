"""The programs of docs/data.md run, one after the other, in one folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from npslim.cli import main

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_guide(tmp_path, capsys):
    pytest.importorskip("PIL")
    assert "python -m npslim data make digits DATA" in GUIDE
    assert main(["data", "make", "digits", str(tmp_path / "DATA")]) == 0
    for program in re.findall(r"```python\n(.*?)```", GUIDE, re.S):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "guide" / "model.ckpt-20.h5").exists()
    for action in ("inspect", "verify"):
        assert main(["data", action, *map(str, (tmp_path / "DATA").glob("*.tfrecord"))]) == 0
