"""The updates of optimizers: each is one op on a variable's state, its slots, and a gradient.

Kernels give the cells new arrays; they never write into the old ones. The order of operations is TensorFlow's.
"""

import inspect

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


# ---- updates that are a formula: of the variable, its slots, the hyperparameters and the gradient


def _formula(name, type, slots, doc):
    """Define two ops by a formula that gives the new variable and slots: `name`, and `sparse_<name>` for rows alone.

    The formula takes xp, the variable, its slots, the hyperparameters and the gradient.
    """

    def define(formula):
        def whole(var, *rest):
            cells, others = (var, *rest[: len(slots)]), rest[len(slots) :]
            with var.lock:
                old = [cell.initialized() for cell in cells]
                for cell, value in zip(cells, formula(array_module(old[0]), *old, *others), strict=True):
                    cell.value = value
                return var.value

        def rows_alone(var, *rest):
            cells, (*others, indices, grad) = (var, *rest[: len(slots)]), rest[len(slots) :]
            with var.lock:
                rows = [cell.initialized()[indices] for cell in cells]
                for cell, value in zip(cells, formula(array_module(grad), *rows, *others, grad), strict=True):
                    cell.value = cell.value.copy()
                    cell.value[indices] = value
                return var.value

        return _with_cells(whole, name, type, formula, slots, doc), _with_cells(
            rows_alone, f"sparse_{name}", f"Sparse{type}", formula, slots, f"`{name}` on the rows `indices` alone."
        )

    return define


def _with_cells(kernel, name, type, formula, slots, doc):
    """`kernel` as an op whose parameters have the formula's names."""
    numbers = list(inspect.signature(formula).parameters)[2 + len(slots) : -1]
    last = ["indices", "grad"] if name.startswith("sparse_") else ["grad"]
    names = ["var", *slots, *numbers, *last]
    kernel.__signature__ = inspect.Signature(
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
    )
    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, type=type, refs=("var", *slots), stateful=True, alike=(*numbers, "grad"))
    made.shape(lambda var, *inputs: Spec(var.shape, var.dtype)) if last[0] == "indices" else made.shape(updated)
    return made


@_formula("apply_adagrad", "ApplyAdagrad", ("accum",), "accum += grad ** 2; var -= lr * grad / sqrt(accum).")
def _adagrad(xp, var, accum, lr, grad):
    accum = accum + grad * grad
    return var - lr * grad / xp.sqrt(accum), accum


apply_adagrad, sparse_apply_adagrad = _adagrad


@_formula(
    "apply_adadelta", "ApplyAdadelta", ("accum", "accum_update"),
    "Steps as large as the steps before, relative to the gradients before (Zeiler, 2012).",
)  # fmt: skip
def _adadelta(xp, var, accum, accum_update, lr, rho, epsilon, grad):
    accum = accum * rho + grad * grad * (1 - rho)
    step = xp.sqrt(accum_update + epsilon) / xp.sqrt(accum + epsilon) * grad
    return var - step * lr, accum, accum_update * rho + step * step * (1 - rho)


apply_adadelta, sparse_apply_adadelta = _adadelta


@_formula(
    "apply_rms_prop", "ApplyRMSProp", ("ms", "mom"),
    "The gradient divided by the root of its mean square, with momentum (Tieleman & Hinton, 2012).",
)  # fmt: skip
def _rms_prop(xp, var, ms, mom, lr, rho, momentum, epsilon, grad):
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = mom * momentum + lr * grad / xp.sqrt(ms + epsilon)
    return var - mom, ms, mom


apply_rms_prop, sparse_apply_rms_prop = _rms_prop


@_formula(
    "apply_centered_rms_prop", "ApplyCenteredRMSProp", ("mg", "ms", "mom"),
    "`apply_rms_prop` with the gradient's variance in place of its mean square (Graves, 2013).",
)  # fmt: skip
def _centered_rms_prop(xp, var, mg, ms, mom, lr, rho, momentum, epsilon, grad):
    ms = ms + (grad * grad - ms) * (1 - rho)
    mg = mg + (grad - mg) * (1 - rho)
    mom = mom * momentum + lr * grad / xp.sqrt(ms - mg * mg + epsilon)
    return var - mom, mg, ms, mom


apply_centered_rms_prop, sparse_apply_centered_rms_prop = _centered_rms_prop


def _shrunk(xp, var, step, l1, l2):
    """The point nearest to `var` under an L1 and an L2 penalty, for a step of that size (Duchi & Singer, 2009)."""
    return xp.sign(var) * xp.maximum(xp.abs(var) - step * l1, 0) / (1 + l2 * step)


@_formula(
    "apply_proximal_gradient_descent", "ApplyProximalGradientDescent", (),
    "A gradient step, then the point that an L1 and an L2 penalty ask for (Duchi & Singer, 2009).",
)  # fmt: skip
def _proximal_gradient_descent(xp, var, lr, l1, l2, grad):
    return (_shrunk(xp, var - lr * grad, lr, l1, l2),)


apply_proximal_gradient_descent, sparse_apply_proximal_gradient_descent = _proximal_gradient_descent


@_formula(
    "apply_proximal_adagrad", "ApplyProximalAdagrad", ("accum",),
    "Adagrad's step, then the point that an L1 and an L2 penalty ask for.",
)  # fmt: skip
def _proximal_adagrad(xp, var, accum, lr, l1, l2, grad):
    accum = accum + grad * grad
    step = lr / xp.sqrt(accum)
    return _shrunk(xp, var - step * grad, step, l1, l2), accum


apply_proximal_adagrad, sparse_apply_proximal_adagrad = _proximal_adagrad


@_formula(
    "apply_adagrad_da", "ApplyAdagradDA", ("gradient_accum", "square_accum"),
    "Dual averaging: the variable follows from all gradients so far and the step's number (Duchi et al., 2011).",
)  # fmt: skip
def _adagrad_da(xp, var, gradient_accum, square_accum, lr, l1, l2, step, grad):
    gradient_accum, square_accum = gradient_accum + grad, square_accum + grad * grad
    total = xp.sign(gradient_accum) * xp.maximum(xp.abs(gradient_accum) - l1 * step, 0)
    return -lr * total / (l2 * step * lr + xp.sqrt(square_accum)), gradient_accum, square_accum


apply_adagrad_da, sparse_apply_adagrad_da = _adagrad_da


@_formula(
    "apply_ftrl", "ApplyFtrl", ("accum", "linear"),
    "Follow the regularized leader, coordinate by coordinate (McMahan et al., 2013).",
)  # fmt: skip
def _ftrl(xp, var, accum, linear, lr, l1, l2, shrinkage, power, grad):
    grown = accum + grad * grad
    sigma = (grown**-power - accum**-power) / lr
    linear = linear + grad + 2 * shrinkage * var - sigma * var
    quadratic = grown**-power / lr + 2 * l2
    moved = (xp.sign(linear) * l1 - linear) / quadratic
    return xp.where(xp.abs(linear) > l1, moved, xp.zeros_like(var)), grown, linear


apply_ftrl, sparse_apply_ftrl = _ftrl
