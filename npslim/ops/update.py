"""The updates of optimizers: each is one op on a variable's state, its slots, and a gradient.

Kernels give the cells new arrays; they never write into the old ones. The order of operations is TensorFlow's.
"""

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.spec import Spec, compatible, show_shape


def updated(var, *inputs):
    """The shape rule of updates: like the variable, whose gradient has the same shape."""
    grad = inputs[-1]
    if not compatible(var.shape, grad.shape):
        raise ShapeError(
            "The gradient does not have the variable's shape.",
            expected=show_shape(var.shape),
            got=show_shape(grad.shape),
        )
    return Spec(var.shape, var.dtype)


@op(type="ApplyGradientDescent", refs=("var",), stateful=True)
def apply_gradient_descent(var, alpha, delta):
    """var -= alpha * delta."""
    with var.lock:
        var.value = var.initialized() - alpha * delta
        return var.value


apply_gradient_descent.shape(updated)


@op(type="ApplyMomentum", refs=("var", "accum"), stateful=True)
def apply_momentum(var, accum, lr, momentum, grad, *, use_nesterov=False):
    """accum = momentum * accum + grad; var -= lr * accum (Polyak, 1964).

    use_nesterov: var -= lr * (grad + momentum * accum) (Sutskever et al., 2013).
    """
    with var.lock:
        accum.value = accum.initialized() * momentum + grad
        step = grad * lr + accum.value * momentum * lr if use_nesterov else accum.value * lr
        var.value = var.initialized() - step
        return var.value


apply_momentum.shape(updated)


@op(type="SparseApplyMomentum", refs=("var", "accum"), stateful=True, alike=("lr", "momentum", "grad"))
def sparse_apply_momentum(var, accum, lr, momentum, indices, grad, *, use_nesterov=False):
    """`apply_momentum` on the rows `indices` (no repeats) alone: other rows do not move."""
    with var.lock:
        rows = accum.initialized()[indices] * momentum + grad
        step = grad * lr + rows * momentum * lr if use_nesterov else rows * lr
        accum.value, var.value = accum.value.copy(), var.initialized().copy()
        accum.value[indices] = rows
        var.value[indices] = var.value[indices] - step
        return var.value


@sparse_apply_momentum.shape
def _(var, accum, lr, momentum, indices, grad):
    return Spec(var.shape, var.dtype)


@op(type="ApplyAdam", refs=("var", "m", "v"), stateful=True)
def apply_adam(var, m, v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad):
    """Moving averages of the gradient and its square, corrected for their start at zero (Kingma and Ba, 2014)."""
    xp = array_module(grad)
    with var.lock:
        corrected = lr * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
        m.value = m.initialized() + (grad - m.value) * (1 - beta1)
        v.value = v.initialized() + (grad * grad - v.value) * (1 - beta2)
        var.value = var.initialized() - m.value * corrected / (xp.sqrt(v.value) + epsilon)
        return var.value


apply_adam.shape(updated)
