"""Optimizers with an L1 and an L2 penalty in the step itself."""

from npslim.ops import update
from npslim.optimizers.by_formula import FormulaOptimizer, checked


class ProximalGradientDescentOptimizer(FormulaOptimizer):
    """Gradient steps towards a minimum under penalties (Duchi & Singer, 2009)."""

    _whole, _rows = update.apply_proximal_gradient_descent, update.sparse_apply_proximal_gradient_descent

    def __init__(
        self, learning_rate, l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False,
        name="ProximalGradientDescent",
    ):  # fmt: skip
        numbers = {
            "learning_rate": learning_rate, "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }  # fmt: skip
        super().__init__(use_locking, name, [], numbers)


class ProximalAdagradOptimizer(FormulaOptimizer):
    """Adagrad's steps towards a minimum under penalties. Slot: ProximalAdagrad.

    Raises ValueError unless initial_accumulator_value is positive.
    """

    _whole, _rows = update.apply_proximal_adagrad, update.sparse_apply_proximal_adagrad
    _order = ("accumulator",)

    def __init__(
        self, learning_rate, initial_accumulator_value=0.1, l1_regularization_strength=0.0,
        l2_regularization_strength=0.0, use_locking=False, name="ProximalAdagrad",
    ):  # fmt: skip
        checked(initial_accumulator_value, "initial_accumulator_value", positive=True)
        numbers = {
            "learning_rate": learning_rate, "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }  # fmt: skip
        super().__init__(use_locking, name, [("accumulator", initial_accumulator_value)], numbers)


class FtrlOptimizer(FormulaOptimizer):
    """Follow the regularized leader (McMahan et al., 2013). Slots: Ftrl and Ftrl_1.

    l2_shrinkage_regularization_strength: an L2 penalty on the weights, not on the step. beta: stabilizes the first
    steps. Raises ValueError for negative strengths or initial values, or a positive learning_rate_power.
    """

    _whole, _rows = update.apply_ftrl, update.sparse_apply_ftrl
    _order = ("accum", "linear")

    def __init__(
        self, learning_rate, learning_rate_power=-0.5, initial_accumulator_value=0.1, l1_regularization_strength=0.0,
        l2_regularization_strength=0.0, use_locking=False, name="Ftrl", accum_name=None, linear_name=None,
        l2_shrinkage_regularization_strength=0.0, beta=None,
    ):  # fmt: skip
        checked(initial_accumulator_value, "initial_accumulator_value")
        checked(-learning_rate_power, "-learning_rate_power")
        checked(l1_regularization_strength, "l1_regularization_strength")
        checked(l2_regularization_strength, "l2_regularization_strength")
        checked(l2_shrinkage_regularization_strength, "l2_shrinkage_regularization_strength")
        l2 = l2_regularization_strength + (beta or 0.0) / (2.0 * learning_rate) if beta else l2_regularization_strength
        numbers = {
            "learning_rate": learning_rate, "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2, "l2_shrinkage": l2_shrinkage_regularization_strength,
            "learning_rate_power": learning_rate_power,
        }  # fmt: skip
        super().__init__(use_locking, name, [("accum", initial_accumulator_value), ("linear", 0.0)], numbers)
