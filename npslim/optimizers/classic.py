"""Gradient descent, momentum, Adam."""

from npslim.convert import as_tensor
from npslim.graph import control_dependencies
from npslim.ops import state, update
from npslim.optimizers.base import Optimizer, hyperparameter, like, summed_rows


class GradientDescentOptimizer(Optimizer):
    """var -= learning_rate * gradient."""

    def __init__(self, learning_rate, use_locking=False, name="GradientDescent"):
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self):
        self._lr = hyperparameter(self._learning_rate, "learning_rate")

    def _apply_dense(self, grad, var):
        return update.apply_gradient_descent(var, like(self._lr, var), grad, name="ApplyGradientDescent").op

    def _apply_sparse(self, grad, var):
        return state.scatter_sub(var, grad.indices, grad.values * like(self._lr, var), name="ScatterSub").op


class MomentumOptimizer(Optimizer):
    """Momentum (Polyak, 1964), or Nesterov's (Sutskever et al., 2013). Slot: Momentum."""

    def __init__(self, learning_rate, momentum, use_locking=False, name="Momentum", use_nesterov=False):
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._use_nesterov = learning_rate, momentum, use_nesterov

    def _create_slots(self, var_list):
        for var in var_list:
            self._zeros_slot(var, "momentum", self._name)

    def _prepare(self):
        self._lr = hyperparameter(self._learning_rate, "learning_rate")
        self._rate = hyperparameter(self._momentum, "momentum")

    def _apply_dense(self, grad, var):
        return update.apply_momentum(
            var, self.get_slot(var, "momentum"), like(self._lr, var), like(self._rate, var), grad,
            use_nesterov=self._use_nesterov, name="ApplyMomentum",
        ).op  # fmt: skip

    def _apply_sparse(self, grad, var):
        rows, indices = summed_rows(grad)
        return update.sparse_apply_momentum(
            var, self.get_slot(var, "momentum"), like(self._lr, var), like(self._rate, var), indices, rows,
            use_nesterov=self._use_nesterov, name="SparseApplyMomentum",
        ).op  # fmt: skip


class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, 2014). Slots: Adam and Adam_1, the moving averages of the gradient and of its square."""

    def __init__(self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, use_locking=False, name="Adam"):
        super().__init__(use_locking, name)
        self._learning_rate, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _create_slots(self, var_list):
        first = min(var_list, key=lambda var: var.name)
        self._powers = (
            self._non_slot(float(self._beta1), "beta1_power", first),
            self._non_slot(float(self._beta2), "beta2_power", first),
        )
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _prepare(self):
        named = dict(learning_rate=self._learning_rate, beta1=self._beta1, beta2=self._beta2, epsilon=self._epsilon)
        self._tensors = [hyperparameter(value, name) for name, value in named.items()]

    def _apply_dense(self, grad, var):
        inputs = (*(as_tensor(power) for power in self._powers), *self._tensors)
        return update.apply_adam(
            var, self.get_slot(var, "m"), self.get_slot(var, "v"), *(like(x, var) for x in inputs), grad,
            name="ApplyAdam",
        ).op  # fmt: skip

    def _finish(self, update_ops, name_scope):
        _, beta1, beta2, _ = self._tensors
        with control_dependencies(update_ops):
            advanced = [
                power.assign(power * like(beta, power)).op
                for power, beta in zip(self._powers, (beta1, beta2), strict=True)
            ]
        return state.group(*update_ops, *advanced, name=name_scope)
