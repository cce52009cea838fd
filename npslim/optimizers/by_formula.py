"""Optimizers whose update is one formula, for whole variables and for rows alone."""

from typing import Any

from npslim.errors import InvalidArgumentError
from npslim.initializers import constant_initializer
from npslim.optimizers.base import Optimizer, hyperparameter, like, summed_rows


def checked(value, name, least=0.0, positive=False):
    """`value`. Raises ValueError for a number below `least`, or equal to it if it must be `positive`."""
    if isinstance(value, int | float) and (value <= least if positive else value < least):
        raise InvalidArgumentError(f"{name} is too small.", expected=f"{'>' if positive else '>='} {least}", got=value)
    return value


class FormulaOptimizer(Optimizer):
    """An optimizer that says its slots, its hyperparameters and its two ops.

    slots: (name, initial value) each, made in this order under the optimizer's name. `_order`: their names in the order
    that the op takes them. numbers: {name: hyperparameter} in the order that the op takes them.
    """

    _whole: Any = None
    _rows: Any = None
    _order: Any = ()

    def __init__(self, use_locking, name, slots, numbers):
        super().__init__(use_locking, name)
        self._slot_values, self._numbers = slots, numbers

    def _create_slots(self, var_list):
        for var in var_list:
            for slot, initial in self._slot_values:
                self._slot(var, slot, self._name, constant_initializer(initial))

    def _prepare(self):
        self._tensors = [hyperparameter(value, name) for name, value in self._numbers.items()]

    def _ops(self) -> Any:
        """The op for whole variables, and the one for rows."""
        return self._whole, self._rows

    def _inputs(self, var):
        slots = [self.get_slot(var, name) for name in self._order]
        return (var, *slots, *(like(x, var) for x in self._tensors))

    def _apply_dense(self, grad, var):
        update, _ = self._ops()
        return update(*self._inputs(var), grad, name=update.node_name).op

    def _apply_sparse(self, grad, var):
        rows, indices = summed_rows(grad)
        _, update = self._ops()
        return update(*self._inputs(var), indices, rows, name=update.node_name).op
