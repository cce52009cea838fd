"""Optimizers that give each coordinate a step size of its own."""

from typing import Any

from npslim.convert import as_tensor
from npslim.ops import update
from npslim.optimizers.by_formula import FormulaOptimizer, checked


class AdagradOptimizer(FormulaOptimizer):
    """Adagrad (Duchi et al., 2011). Slot: Adagrad. Raises ValueError unless initial_accumulator_value is positive."""

    _whole, _rows = update.apply_adagrad, update.sparse_apply_adagrad
    _order = ("accumulator",)

    def __init__(self, learning_rate, initial_accumulator_value=0.1, use_locking=False, name="Adagrad"):
        checked(initial_accumulator_value, "initial_accumulator_value", positive=True)
        super().__init__(
            use_locking, name, [("accumulator", initial_accumulator_value)], {"learning_rate": learning_rate}
        )


class AdadeltaOptimizer(FormulaOptimizer):
    """Adadelta (Zeiler, 2012). Slots: Adadelta and Adadelta_1, the averages of the squared gradients and steps."""

    _whole, _rows = update.apply_adadelta, update.sparse_apply_adadelta
    _order = ("accum", "accum_update")

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-8, use_locking=False, name="Adadelta"):
        numbers = {"lr": learning_rate, "rho": rho, "epsilon": epsilon}
        super().__init__(use_locking, name, [("accum", 0.0), ("accum_update", 0.0)], numbers)


class RMSPropOptimizer(FormulaOptimizer):
    """RMSProp (Tieleman & Hinton, 2012), with momentum; `centered`: by the gradient's variance (Graves, 2013).

    Slots: RMSProp, the mean square, then (if centered) the mean, then the momentum.
    """

    def __init__(
        self, learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, use_locking=False, centered=False,
        name="RMSProp",
    ):  # fmt: skip
        slots = [("rms", 1.0), ("mg", 0.0), ("momentum", 0.0)] if centered else [("rms", 1.0), ("momentum", 0.0)]
        numbers = {"learning_rate": learning_rate, "decay": decay, "momentum": momentum, "epsilon": epsilon}
        super().__init__(use_locking, name, slots, numbers)
        self._centered = centered

    @property
    def _order(self):
        return ("mg", "rms", "momentum") if self._centered else ("rms", "momentum")

    def _ops(self):
        if self._centered:
            return update.apply_centered_rms_prop, update.sparse_apply_centered_rms_prop
        return update.apply_rms_prop, update.sparse_apply_rms_prop


class AdagradDAOptimizer(FormulaOptimizer):
    """Adagrad with dual averaging (Duchi et al., 2011), for sparse linear models.

    global_step: the variable that counts the steps. Slots: AdagradDA and AdagradDA_1, the sums of the gradients and of
    their squares. Raises ValueError unless the initial value of the latter is positive.
    """

    _whole, _rows = update.apply_adagrad_da, update.sparse_apply_adagrad_da
    _order = ("gradient_accumulator", "gradient_squared_accumulator")

    def __init__(
        self, learning_rate, global_step, initial_gradient_squared_accumulator_value=0.1,
        l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False, name="AdagradDA",
    ):  # fmt: skip
        start: Any = initial_gradient_squared_accumulator_value
        checked(start, "initial_gradient_squared_accumulator_value", positive=True)
        numbers = {
            "learning_rate": learning_rate, "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength, "step": lambda: as_tensor(global_step) + 1,
        }  # fmt: skip
        slots = [("gradient_accumulator", 0.0), ("gradient_squared_accumulator", start)]
        super().__init__(use_locking, name, slots, numbers)
