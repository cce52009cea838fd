"""The updates of optimizers that few use, block by block: see `update.py`.

The operations and their order are those of the formulas in `ops/update.py`. A block's new values may be written where
its present ones are: each of those is read before.
"""

import numpy as np


def adadelta(outs, values, lr, rho, epsilon, grad, desk):
    """Steps as large as the steps before, relative to the gradients before."""
    step, root = (part[: grad.size] for part in desk[:2])
    (var, accum, steps), (old, old_accum, old_steps) = outs, values
    _mean_square(old_accum, rho, grad, accum, step)
    np.sqrt(np.add(old_steps, epsilon, out=step), out=step)
    np.sqrt(np.add(accum, epsilon, out=root), out=root)
    np.divide(step, root, out=step)
    np.multiply(step, grad, out=step)
    _mean_square(old_steps, rho, step, steps, root)
    np.multiply(step, lr, out=step)
    np.subtract(old, step, out=var)


def _mean_square(old, rho, x, out, working):
    """`old * rho + x * x * (1 - rho)`."""
    np.multiply(x, x, out=working)
    np.multiply(working, 1 - rho, out=working)
    np.multiply(old, rho, out=out)
    np.add(out, working, out=out)


def centered_rms_prop(outs, values, lr, rho, momentum, epsilon, grad, desk):
    """RMSProp with the gradient's variance in place of its mean square."""
    step, root = (part[: grad.size] for part in desk[:2])
    (var, mg, ms, mom), (old, old_mg, old_ms, old_mom) = outs, values
    np.multiply(grad, grad, out=step)
    _moved(old_ms, step, 1 - rho, ms)
    np.copyto(step, grad)
    _moved(old_mg, step, 1 - rho, mg)
    np.multiply(mg, mg, out=root)
    np.subtract(ms, root, out=root)
    np.add(root, epsilon, out=root)
    np.multiply(lr, grad, out=step)
    np.divide(step, np.sqrt(root, out=root), out=step)
    np.multiply(old_mom, momentum, out=mom)
    np.add(mom, step, out=mom)
    np.subtract(old, mom, out=var)


def _moved(old, towards, rate, out):
    """`old + (towards - old) * rate`, in the place of `towards` on the way."""
    np.subtract(towards, old, out=towards)
    np.multiply(towards, rate, out=towards)
    np.add(old, towards, out=out)


def proximal_gradient_descent(outs, values, lr, l1, l2, grad, desk):
    """A gradient step, then the point that an L1 and an L2 penalty ask for."""
    moved, size = (part[: grad.size] for part in desk[:2])
    np.multiply(lr, grad, out=moved)
    np.subtract(values[0], moved, out=moved)
    np.subtract(np.abs(moved, out=size), lr * l1, out=size)
    _with_sign_of(moved, size, outs[0])
    np.divide(size, 1 + l2 * lr, out=outs[0])


def _with_sign_of(x, size, sign):
    """`sign(x) * maximum(size, 0)`, in the place of `size`.

    sign: room for the sign, which takes NumPy twelve times as long in the place of x.
    """
    np.maximum(size, 0, out=size)
    np.multiply(np.sign(x, out=sign), size, out=size)


def proximal_adagrad(outs, values, lr, l1, l2, grad, desk):
    """Adagrad's step, then the point that an L1 and an L2 penalty ask for."""
    step, moved, size = (part[: grad.size] for part in desk[:3])
    (var, accum), (old, old_accum) = outs, values
    np.multiply(grad, grad, out=step)
    np.add(old_accum, step, out=accum)
    np.divide(lr, np.sqrt(accum, out=step), out=step)
    np.multiply(step, grad, out=moved)
    np.subtract(old, moved, out=moved)
    np.multiply(step, l1, out=size)
    np.subtract(np.abs(moved, out=var), size, out=size)
    _with_sign_of(moved, size, var)
    np.add(1, np.multiply(l2, step, out=step), out=step)
    np.divide(size, step, out=var)


def adagrad_da(outs, values, lr, l1, l2, number, grad, desk):
    """Dual averaging: the variable follows from all gradients so far and the step's number."""
    size, sign = (part[: grad.size] for part in desk[:2])
    var, gradients, squares = outs
    np.add(values[1], grad, out=gradients)
    np.multiply(grad, grad, out=size)
    np.add(values[2], size, out=squares)
    np.subtract(np.abs(gradients, out=size), l1 * number, out=size)
    _with_sign_of(gradients, size, sign)
    np.multiply(-lr, size, out=size)
    np.add(l2 * number * lr, np.sqrt(squares, out=sign), out=sign)
    np.divide(size, sign, out=var)


def ftrl(outs, values, lr, l1, l2, shrinkage, power, grad, desk):
    """Follow the regularized leader, coordinate by coordinate."""
    root, before, moved = (part[: grad.size] for part in desk[:3])
    (var, accum, linear), (old, old_accum, old_linear) = outs, values
    np.copyto(before, old_accum)
    before **= -power
    np.multiply(grad, grad, out=root)
    np.add(old_accum, root, out=accum)
    np.copyto(root, accum)
    root **= -power
    np.divide(np.subtract(root, before, out=before), lr, out=before)
    np.add(old_linear, grad, out=linear)
    np.add(linear, np.multiply(2 * shrinkage, old, out=moved), out=linear)
    np.subtract(linear, np.multiply(before, old, out=before), out=linear)
    np.add(np.divide(root, lr, out=root), 2 * l2, out=root)
    np.multiply(np.sign(linear, out=moved), l1, out=moved)
    np.divide(np.subtract(moved, linear, out=moved), root, out=moved)
    var.fill(0)
    np.copyto(var, moved, where=np.abs(linear, out=before) > l1)


RARE = {  # op: (its update, how many variables it changes)
    "apply_adadelta": (adadelta, 3),
    "apply_centered_rms_prop": (centered_rms_prop, 4),
    "apply_proximal_gradient_descent": (proximal_gradient_descent, 1),
    "apply_proximal_adagrad": (proximal_adagrad, 2),
    "apply_adagrad_da": (adagrad_da, 3),
    "apply_ftrl": (ftrl, 3),
}
