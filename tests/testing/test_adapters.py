"""Adapters: npslim's own everywhere, those of frameworks where these are installed, and what is said where not."""

import importlib.util

import pytest

from npslim.errors import InvalidArgumentError, MissingExtraError
from npslim.testing import adapters, golden_cases
from npslim.testing.runner import counted

FRAMEWORKS = [name for name in adapters.NAMES if name != "npslim"]
BUILT = [golden_cases(name)[0] for name in ("layers.conv2d", "losses.mean_squared_error", "optimizers.Momentum")]
SOME = [*golden_cases("conv2d"), *golden_cases("reduce_sum"), *golden_cases("tanh"), *golden_cases("matmul")[:9]]


def test_npslim_is_right_and_maps_everything():
    others = [golden_cases(name)[0] for name in ("layers.batch_norm", "losses.log_loss", "optimizers.Adam")]
    assert counted(adapters.run_adapter("npslim", SOME + others))["passed"] == len(SOME) + 3


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework(name):
    if importlib.util.find_spec(name) is None or (name == "onnxruntime" and importlib.util.find_spec("onnx") is None):
        with pytest.raises(MissingExtraError, match="is not installed.(.|\n)*pip install"):
            list(adapters.run_adapter(name, SOME))
        return
    counts = counted(adapters.run_adapter(name, SOME))
    assert counts["failed"] == 0 and counts["passed"] > len(SOME) / 2
    outcomes = {r.outcome for r in adapters.run_adapter(name, BUILT)}
    if name == "torch" or (name == "tensorflow" and importlib.util.find_spec("tf_slim")):
        assert outcomes == {"passed"}
    else:
        assert "failed" not in outcomes


def test_other_names_are_refused():
    with pytest.raises(InvalidArgumentError, match="torch, jax"):
        list(adapters.run_adapter("theano", SOME))


def test_what_an_adapter_raises_fails_its_case_alone(monkeypatch):
    from npslim.testing.adapters import on_npslim

    def answer(case):
        if case.id == SOME[0].id:
            raise RuntimeError("no kernel")
        return dict(case.answers)

    monkeypatch.setattr(on_npslim, "answer", answer)
    first, second = adapters.run_adapter("npslim", SOME[:2])
    assert first.outcome == "failed" and first.reason == "it raised RuntimeError: no kernel"
    assert second.outcome == "passed"
