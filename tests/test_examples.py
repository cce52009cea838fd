"""Every example runs in a fresh process, and so do the programs and fragments in the documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = {"digits.py": ["--steps", "10", "--logdir", "run"]}
FRAGMENT = "import numpy as np\nfrom npslim.op import op, same\n"
CHECK = """
from npslim.autograd import check_gradients
for case in cube.all_cases:
    arrays = case.draw(np.random.default_rng(0))
    assert np.allclose(cube.kernel(*arrays), cube.reference(*arrays))
    check_gradients(cube, arrays, order=2)
"""


def run(cwd, *command):
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def blocks(document):
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.S)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_example(tmp_path, name):
    assert run(tmp_path, str(ROOT / "examples" / name), *ARGUMENTS.get(name, []))


def test_readme(tmp_path):
    (program,) = blocks("README.md")
    run(tmp_path, "-c", program)
    assert (tmp_path / "runs" / "readme" / "model.ckpt-20.h5").exists()


def test_adding_an_op(tmp_path):
    (block,) = blocks("docs/adding-an-op.md")
    run(tmp_path, "-c", FRAGMENT + block + CHECK)
