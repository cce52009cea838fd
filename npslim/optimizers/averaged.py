"""An optimizer that keeps moving averages of what it trains."""

from npslim.checkpoint import Saver
from npslim.errors import FailedPreconditionError, NotFoundError
from npslim.graph import control_dependencies
from npslim.moving_averages import ExponentialMovingAverage
from npslim.ops.state import no_op
from npslim.optimizers.base import Optimizer
from npslim.variables import global_variables


class MovingAverageOptimizer(Optimizer):
    """`opt`, whose every step also updates moving averages of the variables (Polyak & Juditsky, 1992).

    average_decay, num_updates: see ExponentialMovingAverage. `swapping_saver` saves the averages under the variables'
    names, so that an evaluation that restores them uses the averages. sequential_update: average after the step.
    """

    def __init__(self, opt, average_decay=0.9999, num_updates=None, sequential_update=True):
        super().__init__(False, opt.get_name())
        self._optimizer, self._sequential = opt, sequential_update
        self._ema = ExponentialMovingAverage(average_decay, num_updates=num_updates)
        self._swapped = None

    def compute_gradients(self, *args, **kwargs):
        """The gradients of the optimizer inside."""
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """A node that updates the variables, then their averages."""
        grads_and_vars = list(grads_and_vars)
        train_op = self._optimizer.apply_gradients(grads_and_vars, global_step=global_step, name=name)
        variables = [var for grad, var in grads_and_vars if grad is not None]
        self._swapped = {var: self._ema for var in variables}
        with control_dependencies([train_op] if self._sequential else []):
            averaged = self._ema.apply(variables)
        with control_dependencies([train_op, averaged]):
            return no_op(name="moving_average_update")

    def swapping_saver(self, var_list=None, name="swapping_saver", **kwargs):
        """A Saver that writes the averages under the variables' names, and the variables under the averages'.

        Raises FailedPreconditionError before `apply_gradients`, ValueError where an average is not among var_list.
        """
        if self._swapped is None:
            raise FailedPreconditionError("Must call apply_gradients or minimize before creating the swapping_saver.")
        listed = global_variables() if var_list is None else var_list
        names = dict(listed) if isinstance(listed, dict) else {var.op.name: var for var in listed}
        by_variable = {var: key for key, var in names.items()}
        for var in self._swapped:
            average = self._ema.average(var)
            if var not in by_variable or average not in by_variable:
                raise NotFoundError("Variable to swap is not among those saved.", got=var.op.name)
            names[by_variable[var]], names[by_variable[average]] = average, var
        return Saver(names, name=name, **kwargs)

    def get_slot(self, var, name):
        """A slot of the optimizer inside."""
        return self._optimizer.get_slot(var, name)

    def get_slot_names(self):
        """The slots' names of the optimizer inside."""
        return self._optimizer.get_slot_names()

    def variables(self):
        """The variables of the optimizer inside."""
        return self._optimizer.variables()
