"""Every blocked update gives the bits of its plain op, in place and into new arrays."""

import numpy as np
import pytest

from npslim.fast import update
from npslim.fast.workers import sharing
from npslim.op import REGISTRY
from npslim.session import Cell

NUMBERS = {
    "apply_gradient_descent": [0.1],
    "apply_momentum": [0.1, 0.9],
    "apply_adam": [0.81, 0.998, 0.01, 0.9, 0.999, 1e-8],
    "apply_rms_prop": [0.01, 0.9, 0.8, 1e-4],
    "apply_centered_rms_prop": [0.01, 0.9, 0.8, 1e-4],
    "apply_adagrad": [0.02],
    "apply_adadelta": [0.5, 0.95, 1e-6],
    "apply_ftrl": [0.1, 0.02, 0.01, 0.03, -0.5],
    "apply_proximal_gradient_descent": [0.1, 0.02, 0.01],
    "apply_proximal_adagrad": [0.1, 0.02, 0.01],
    "apply_adagrad_da": [0.1, 0.02, 0.01, 7],
}


def test_all_of_them_are_here():
    assert NUMBERS.keys() == update.UPDATES.keys()


def cells(count, shape, dtype):
    """Variables and slots: the first of any sign, the others positive, as sums of squares are; some of them zero."""
    rng, made = np.random.default_rng(1), [Cell(str(i)) for i in range(count)]
    for i, cell in enumerate(made):
        cell.value = (rng.normal(size=shape) if not i else rng.exponential(size=shape) + 0.05).astype(dtype)
        cell.value.reshape(-1)[::7] *= i > 0
    return made


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", NUMBERS)
def test_an_update_has_the_bits_of_its_op(name, dtype, new, monkeypatch):
    monkeypatch.setattr(update, "BLOCK", 1000)
    block_update, count = update.UPDATES[name]
    kernel, shape = REGISTRY[name].kernel, (83, 60)
    blocked = update.blocked(block_update, kernel, count, *((update.new,) if new else ()))
    plain, fast, rng = cells(count, shape, dtype), cells(count, shape, dtype), np.random.default_rng(2)
    numbers = [np.dtype(dtype).type(x) for x in NUMBERS[name]]
    for _ in range(3):
        grad = rng.normal(size=shape).astype(dtype)
        grad[rng.random(shape) < 0.1] = 0
        kept = [cell.value for cell in fast] if new else []
        before = [value.copy() for value in kept]
        with np.errstate(all="ignore"), sharing(2):
            kernel(*plain, *numbers, grad)
            blocked(*fast, *numbers, grad)
        for a, b in zip(plain, fast, strict=True):
            assert a.value.dtype == b.value.dtype == dtype
            np.testing.assert_array_equal(a.value.view(f"i{a.value.itemsize}"), b.value.view(f"i{a.value.itemsize}"))
        for value, copy in zip(kept, before, strict=False):
            np.testing.assert_array_equal(value, copy)
