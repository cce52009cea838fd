"""The demo as a user meets it: training, a second process that agrees, resuming, evaluating alone, a clear error."""

import re
import subprocess
import sys

from npslim.hdf5 import Reader


def demo(cwd, *arguments):
    command = [sys.executable, "-m", "npslim", "demo", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def crcs(path):
    with Reader(path) as reader:
        return {name: reader.crc32(name) for name in reader.names()}


def test_demo(tmp_path):
    first = demo(tmp_path, "--steps", "12", "--logdir", "a")
    assert first.returncode == 0, first.stderr
    accuracies = re.findall(r"test accuracy ([0-9.]+)", first.stdout)
    assert len(accuracies) == 2 and accuracies[0] == accuracies[1]
    assert "training from the beginning to step 12" in first.stdout
    assert "step 12/12" in first.stderr  # no terminal: lines
    assert (tmp_path / "a" / "curves.png").exists() or (tmp_path / "a" / "curves.svg").exists()
    alone = demo(tmp_path, "--steps", "0", "--logdir", "a")
    assert re.findall(r"test accuracy ([0-9.]+)", alone.stdout) == accuracies[:1]
    again = demo(tmp_path, "--steps", "12", "--logdir", "a")
    assert "is at step 12 already" in again.stdout

    for steps in ("5", "12"):
        resumed = demo(tmp_path, "--steps", steps, "--logdir", "b")
    assert "training from step 5" in resumed.stdout
    assert crcs(tmp_path / "a" / "model.ckpt-12.h5") == crcs(tmp_path / "b" / "model.ckpt-12.h5")


def test_nothing_to_evaluate(tmp_path):
    done = demo(tmp_path, "--steps", "0", "--logdir", "none")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("NotFoundError: There is no checkpoint to evaluate.")


def test_commands_are_listed(tmp_path):
    done = subprocess.run([sys.executable, "-m", "npslim", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "demo" in done.stdout


def test_a_training_is_summed_up(tmp_path):
    demo(tmp_path, "--steps", "3", "--logdir", "a")
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{part}"' in page for part in ("curves", "confusion", "examples", "filters"))
    (tmp_path / "a" / "report.html").unlink()
    command = [sys.executable, "-m", "npslim", "report", "a", "--out", "b.html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "the report is in b.html" in done.stdout
    page = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert 'id="curves"' in page and "conv1/conv1_1/weights" in page and 'id="confusion"' not in page


def test_nothing_to_report_on(tmp_path):
    command = [sys.executable, "-m", "npslim", "report", "nothing"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "There is no training to report on." in done.stderr
