"""Every example runs in a fresh process, and so do the programs and fragments in the documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ARGUMENTS = {"digits.py": ["--steps", "10", "--logdir", "run"], "fine_tuning.py": ["--steps", "30"]}
FRAGMENT = "import numpy as np\nfrom npslim.op import op\nfrom npslim.shape_rules import same\n"
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


def test_programs_in_the_manner_of_tf_slim(tmp_path):
    old = ROOT / "examples" / "old"
    for steps in ("5", "20"):  # the second call goes on where the first one stopped
        out = run(
            tmp_path, str(old / "train_digits.py"), "--data_dir=d", "--train_dir=m", f"--max_number_of_steps={steps}"
        )
    assert "Finished at a loss of" in out
    assert (tmp_path / "m" / "model.ckpt-20.h5").exists()
    out = run(tmp_path, str(old / "eval_digits.py"), "--data_dir", "d", "--checkpoint_dir", "m", "--eval_dir", "e")
    accuracy, recall = (float(line.split()[1]) for line in out.splitlines()[-2:])
    assert 0.5 < accuracy < recall <= 1
    assert list((tmp_path / "e").glob("*tfevents*"))
    run(tmp_path, str(old / "finetune_digits.py"), "--data_dir=d", "--checkpoint_path=m", "--train_dir=p",
        "--max_number_of_steps=5")  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(old / "eval_digits.py"), "--data_dir=d", "--checkpoint_dir=p"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and "logits/weights: [64, 2] in the checkpoint, [64, 10] in the graph" in done.stderr


def test_readme(tmp_path):
    (program,) = blocks("README.md")
    run(tmp_path, "-c", program)
    assert (tmp_path / "runs" / "readme" / "model.ckpt-20.h5").exists()


def test_adding_an_op(tmp_path):
    (block,) = blocks("docs/adding-an-op.md")
    run(tmp_path, "-c", FRAGMENT + block + CHECK)
