"""Frameworks that are tested by the catalogue, one file each: how they spell npslim's ops.

An adapter is a module with `setup()`, which imports the framework or raises MissingExtraError, and `answer(case)`,
which gives {"outputs/y": array, "gradients/x": array}, or raises `Unmapped` for a case that it does not spell.
"""

import importlib

from npslim.errors import InvalidArgumentError
from npslim.testing.adapters.common import Unmapped
from npslim.testing.runner import Result, judged

NAMES = ("npslim", "torch", "jax", "onnxruntime", "tensorflow")


def run_adapter(name, cases, precision=None, forward=False):
    """Yield a `Result` for each case. Raises MissingExtraError if the framework is not installed."""
    if name not in NAMES:
        raise InvalidArgumentError("There is no such adapter.", expected=", ".join(NAMES), got=name)
    adapter = importlib.import_module(f"npslim.testing.adapters.on_{name}")
    adapter.setup()
    forward = forward or getattr(adapter, "FORWARD_ONLY", False)
    for case in cases:
        yield _result(adapter, case, precision, forward)


def _result(adapter, case, precision, forward):
    try:
        answers = adapter.answer(case)
    except Unmapped as reason:
        return Result(case.id, "skipped", str(reason))
    except Exception as error:  # whatever a framework raises is its answer to this case alone
        return Result(case.id, "failed", f"it raised {type(error).__name__}: {str(error)[:300]}")
    wanted = {k for k in case.answers if not (forward and k.startswith("gradients/"))}
    return judged(case, {k: a for k, a in answers.items() if k in wanted}, precision)
