"""Run the golden catalogue in the frameworks that are installed, and write docs/frameworks.md.

    python tools/frameworks_table.py torch jax onnxruntime tensorflow=PATH/OF/ANOTHER/python

A framework that does not go with the others is run by the Python that is named, which has it, NumPy and npslim.
What the page says about a case that differs stands in NOTES; a difference without a note fails.
"""

import importlib.metadata
import pickle
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from npslim.testing import make_cases
from npslim.testing.adapters import run_adapter

TARGET = Path(__file__).resolve().parent.parent / "docs" / "frameworks.md"
TITLES = {
    "npslim": "npslim", "torch": "PyTorch", "jax": "JAX", "onnxruntime": "ONNX Runtime", "tensorflow": "TensorFlow"
}  # fmt: skip
PACKAGES = {"tensorflow": ("tensorflow", "tf_slim")}  # where not the name alone
NOTES = {
    "log_softmax-5": "logits 60 apart: 8.8e-27 is lost when 1 is added to it",
    "sigmoid-2": "x = -30",
    "sigmoid_cross_entropy_with_logits-2": "a logit of 30",
    "digamma-0": "near the root at 1.46 the series cancels",
    "lgamma-0": "near the roots at 1 and 2 the approximation cancels",
    "reduce_mean-9": "a mean over no elements",
    "einsum-6": "an equation with a repeated letter, or none, is refused",
    "max_pool2d-6": "dilated pools have no gradient",
    "cumprod-8": "the gradient divides by the elements, and some are 0",
    "depthwise_conv2d_native-1": "the gradient by the filter of an empty batch is what the memory held",
    "hsv_to_rgb-0": "no gradient is defined, and zeros are given",
    "softmax_cross_entropy_with_logits-1": "the labels do not sum to 1, which the gradient takes for granted",
    "softmax_cross_entropy_with_logits-5": "the labels do not sum to 1, which the gradient takes for granted",
    "layers.batch_norm-2": "given moments have no gradients",
    "layers.scale_gradient-0": "TF-Slim 1.1 calls a decorator in a way that TensorFlow 2 refuses",
    "fused_batch_norm-0": "cotangents of the mean and the variance are dropped",
    "fused_batch_norm-2": "cotangents of the mean and the variance are dropped",
    "fused_batch_norm-5": "no gradients by a given mean and variance",
    "fused_batch_norm-6": "an empty batch: NaN for the mean that was given",
    "fused_batch_norm-7": "no gradients by a given mean and variance",
}
INTRODUCTION = """\
# How frameworks differ

The golden catalogue, float32, run in each framework by its adapter (`python -m npslim golden check --adapter torch`),
on a CPU. This page is made by `tools/frameworks_table.py`, which ran
{versions},
on {machine}.

An answer is right within 4 * eps * the sum of the |terms| of each element (see [golden cases](golden.md)). A case that
a framework has no function for is not counted. ONNX Runtime has no gradients. Layers (`layers.`), losses (`losses.`)
and optimizers (`optimizers.`) are run in TensorFlow through TF-Slim and its own losses and optimizers, in PyTorch as
far as one call of it computes the same formula.
"""


def versions(name):
    """A framework and its version, and those of what its adapter uses beside it."""
    titles, names = {**TITLES, "tf_slim": "TF-Slim"}, importlib.metadata.packages_distributions()
    found = {p: importlib.metadata.version(names[p][0]) for p in PACKAGES.get(name, (name,))}
    return " with ".join(f"{titles[p]} {version}" for p, version in found.items())


def worst(result, part):
    """The largest error of outputs, or of gradients, in units of the bound."""
    return max((d.worst for d in result.differences if d.key.startswith(part)), default=None)


def run(name):
    """([Result] of a framework, its version)."""
    cases, _ = make_cases()
    results = [r for r in run_adapter(name, cases) if r.outcome != "skipped"]
    print(name, sum(r.outcome == "passed" for r in results), "of", len(results), flush=True)
    return results, "" if name == "npslim" else versions(name)


def run_by(python, name):
    """The same, by another Python."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results"
        subprocess.run([python, __file__, "--save", path, name], check=True)
        return pickle.loads(path.read_bytes())


def summary(found):
    """A row for each framework."""
    yield "| framework | functions | cases | right | with gradients | largest error where right, in bounds | in ulp |"
    yield "|---|---|---|---|---|---|---|"
    for name, results in found.items():
        passed = [r for r in results if r.outcome == "passed"]
        graded = [r for r in results if worst(r, "gradients") is not None]
        good = sum(r.outcome == "passed" for r in graded)
        ops = len({r.id.rsplit("-", 1)[0] for r in results})
        ulp = max(d.ulp for r in passed for d in r.differences)
        largest = max(r.worst for r in passed)
        gradients = f"{good} of {len(graded)}" if graded else "none"
        yield f"| {TITLES[name]} | {ops} | {len(results)} | {len(passed)} | {gradients} | {largest:.2f} | {ulp:.0f} |"


def failures(found):
    """A row for each case that differs."""
    yield "| case | framework | what differs | by how much | why |"
    yield "|---|---|---|---|---|"
    rows = [(r.id, name, r) for name, results in found.items() for r in results if r.outcome == "failed"]
    for id, name, result in sorted(rows, key=lambda row: row[:2]):
        wrong = next((d for d in result.differences if d.problem), None)
        if wrong is None:
            what, how = result.reason.split(":")[0].replace("|", ""), "no answer"
        elif wrong.index is None:
            what, how = wrong.key, wrong.problem
        else:
            what, how = wrong.key, f"got {wrong.actual:.9g} for {wrong.expected:.9g}"
        yield f"| `{id}` | {TITLES[name]} | {what} | {how} | {NOTES[id]} |"


def by_op(found):
    """A row for each op: the largest error in units of the bound, over outputs and gradients."""
    yield "| function | " + " | ".join(TITLES[name] for name in found) + " |"
    yield "|---" * (len(found) + 1) + "|"
    others = [name for name in found if name != "npslim"]
    errors = {}
    for name, results in found.items():
        for r in results:
            row = errors.setdefault(r.id.rsplit("-", 1)[0], {}).setdefault(name, [])
            row.append(r.worst if r.outcome == "passed" else np.inf)
    for op, row in sorted(errors.items()):
        if any(name in row for name in others):
            yield f"| {op} | " + " | ".join(_cell(row.get(name)) for name in found) + " |"


def _cell(errors):
    if errors is None:
        return ""
    right = [e for e in errors if np.isfinite(e)]
    text = f"{max(right):.2f}" if right else ""
    return text + (f" ({len(errors) - len(right)} differ)" if len(right) < len(errors) else "")


def main(names):
    """Write the page; after `--save`, the results of one framework to a file."""
    if names[0] == "--save":
        Path(names[1]).write_bytes(pickle.dumps(run(names[2])))
        return
    pairs = [name.partition("=") for name in ("npslim", *names)]
    answers = {name: run_by(python, name) if python else run(name) for name, _, python in pairs}
    found = {name: results for name, (results, _) in answers.items()}
    ran = ", ".join(version for _, version in answers.values() if version)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    parts = [
        INTRODUCTION.format(versions=ran, machine=machine), "\n".join(summary(found)),
        "## Cases that differ", "\n".join(failures(found)),
        "## By function: the largest error in units of the bound", "\n".join(by_op(found)),
    ]  # fmt: skip
    TARGET.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
