"""`optimize_loss`: a train op from a loss, an optimizer's name and a few choices, in one call."""

from typing import Any

from npslim import optimizers
from npslim import tf_summary as summary
from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.indexed_slices import IndexedSlices
from npslim.initializers import constant_initializer
from npslim.moving_averages import assign_moving_average
from npslim.ops.elementwise import maximum, minimum
from npslim.ops.functions import exp, log, sqrt, square
from npslim.ops.logic import cast, less, where
from npslim.ops.norm import clip_by_global_norm, global_norm
from npslim.ops.random import truncated_normal
from npslim.ops.shape import ones_like, shape
from npslim.ops.state import with_dependencies
from npslim.scopes import variable_scope
from npslim.variables import get_global_step, get_variable, trainable_variables

OPTIMIZER_CLS_NAMES = {
    "Adagrad": optimizers.AdagradOptimizer,
    "Adam": optimizers.AdamOptimizer,
    "Ftrl": optimizers.FtrlOptimizer,
    "Momentum": lambda learning_rate: optimizers.MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": optimizers.RMSPropOptimizer,
    "SGD": optimizers.GradientDescentOptimizer,
}

OPTIMIZER_SUMMARIES = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]


def optimize_loss(
    loss,
    global_step,
    learning_rate,
    optimizer,
    gradient_noise_scale=None,
    gradient_multipliers=None,
    clip_gradients=None,
    learning_rate_decay_fn=None,
    update_ops=None,
    variables=None,
    name=None,
    summaries: Any = None,
    colocate_gradients_with_ops=False,
    increment_global_step=True,
):
    """A tensor that makes one step of training when it is run, and gives the loss.

    loss: a scalar. global_step: a variable, or None. learning_rate: a number or tensor; a variable `learning_rate`
    holds it. optimizer: a name in OPTIMIZER_CLS_NAMES, an Optimizer or its class, or a function of the learning
    rate (or of nothing). gradient_noise_scale: times the learning rate, the deviation of noise added to the gradients.
    gradient_multipliers: {variable or its name: factor}. clip_gradients: the largest global norm, or a function of the
    (gradient, variable) pairs, such as `adaptive_clipping_fn()`. learning_rate_decay_fn: `f(learning_rate,
    global_step)`. update_ops: run before the step; UPDATE_OPS unless given. variables: those to train. summaries: names
    of OPTIMIZER_SUMMARIES. increment_global_step: whether the step counts.
    Raises ValueError for arguments that make no sense, and where no gradient can be had.
    """
    loss, step = as_tensor(loss), global_step if global_step is not None else get_global_step()
    with variable_scope(name, "OptimizeLoss", [loss, global_step]):
        update_ops = set(get_default_graph().get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops)
        if update_ops:
            loss = with_dependencies(list(update_ops), loss)
        rate = _learning_rate(learning_rate, optimizer, learning_rate_decay_fn, step)
        wanted = ["loss", "learning_rate", "global_gradient_norm"] if summaries is None else list(summaries)
        _check_summaries(wanted)
        if rate is not None and "learning_rate" in wanted:
            summary.scalar("learning_rate", rate)
        opt = _optimizer(optimizer, rate)
        variables = trainable_variables() if variables is None else list(variables)
        gradients: Any = opt.compute_gradients(loss, variables, colocate_gradients_with_ops=colocate_gradients_with_ops)
        if gradient_noise_scale is not None:
            gradients = _with_noise(gradients, gradient_noise_scale)
        if gradient_multipliers is not None:
            gradients = _multiplied(gradients, gradient_multipliers)
        if "global_gradient_norm" in wanted or "gradient_norm" in wanted:
            summary.scalar("global_norm/gradient_norm", global_norm([g for g, _ in gradients]))
        gradients = _clipped(gradients, clip_gradients)
        if "loss" in wanted:
            summary.scalar("loss", loss)
        _summarize(gradients, wanted)
        if clip_gradients is not None and ("global_gradient_norm" in wanted or "gradient_norm" in wanted):
            summary.scalar("global_norm/clipped_gradient_norm", global_norm([g for g, _ in gradients]))
        train = opt.apply_gradients(gradients, global_step=global_step if increment_global_step else None, name="train")
        return with_dependencies([train], loss)


def _learning_rate(learning_rate, optimizer, decay_fn, step):
    """The learning rate's tensor, or None if the optimizer has its own. Raises ValueError."""
    if learning_rate is None:
        if isinstance(optimizer, str):
            raise InvalidArgumentError(
                "Learning rate is None, but should be specified if optimizer is a string.", got=optimizer,
                made_at=user_line(),
            )  # fmt: skip
        return None
    if hasattr(learning_rate, "op") and as_tensor(learning_rate).spec.rank == 0:
        rate = as_tensor(learning_rate)
    elif isinstance(learning_rate, float | int) and not isinstance(learning_rate, bool):
        if learning_rate < 0:
            raise InvalidArgumentError("Invalid learning_rate.", expected=">= 0", got=learning_rate)
        rate = get_variable("learning_rate", [], trainable=False, initializer=constant_initializer(learning_rate))
    else:
        raise InvalidArgumentError("Learning rate should be a scalar tensor or a number.", got=repr(learning_rate))
    if decay_fn is not None:
        if step is None:
            raise InvalidArgumentError("global_step is required for learning_rate_decay_fn.", got=None)
        rate = decay_fn(rate, step)
    return rate


def _check_summaries(summaries):
    for one in summaries:
        check_choice(one, OPTIMIZER_SUMMARIES, "summary")


def _optimizer(optimizer: Any, rate):
    """An Optimizer of what the caller gave. Raises ValueError."""
    if isinstance(optimizer, str):
        check_choice(optimizer, OPTIMIZER_CLS_NAMES, "optimizer")
        return OPTIMIZER_CLS_NAMES[optimizer](learning_rate=rate)
    if isinstance(optimizer, type) and rate is None:
        raise InvalidArgumentError("Learning rate is None, but the optimizer's class needs one.", got=optimizer)
    if isinstance(optimizer, optimizers.Optimizer):
        return optimizer
    if callable(optimizer):
        made = optimizer(rate) if rate is not None else optimizer()
        if isinstance(made, optimizers.Optimizer):
            return made
    raise InvalidArgumentError(
        "Unrecognized optimizer.", expected="a name, an Optimizer, its class, or a function that gives one",
        got=optimizer, made_at=user_line(),
    )  # fmt: skip


def _changed(grad, change):
    """`grad` with its values changed."""
    return grad.with_values(change(grad.values)) if isinstance(grad, IndexedSlices) else change(grad)


def _with_noise(gradients, scale):
    def noisy(values):
        return values + truncated_normal(shape(values), dtype=values.dtype) * scale

    return [(None if grad is None else _changed(grad, noisy), var) for grad, var in gradients]


def _multiplied(gradients, multipliers):
    multiplied = []
    for grad, var in gradients:
        factor = multipliers.get(var, multipliers.get(var.op.name, multipliers.get(var.name)))
        if grad is not None and factor is not None:
            grad = _changed(
                grad, lambda values, factor=factor: values * cast(as_tensor(factor), dtype=values.spec.dtype)
            )
        multiplied.append((grad, var))
    return multiplied


def _clipped(gradients, clip_gradients):
    if clip_gradients is None:
        return gradients
    if isinstance(clip_gradients, float):
        clipped, _ = clip_by_global_norm([grad for grad, _ in gradients], clip_gradients)
        return list(zip(clipped, (var for _, var in gradients), strict=True))
    if callable(clip_gradients):
        return clip_gradients(gradients)
    raise InvalidArgumentError("Unknown type for clip_gradients.", expected="a float or a function", got=clip_gradients)


def _summarize(gradients, wanted):
    for grad, var in gradients:
        values = grad.values if isinstance(grad, IndexedSlices) else grad
        if values is None:
            continue
        name = var.name.replace(":", "_")
        if "gradients" in wanted:
            summary.histogram(f"gradients/{name}", values)
        if "gradient_norm" in wanted:
            summary.scalar(f"gradient_norm/{name}", global_norm([values]))


def adaptive_clipping_fn(
    std_factor=2.0, decay=0.95, static_max_norm=None, global_step=None, report_summary=False, epsilon=1e-8, name=None
):
    """A function that clips gradients by a limit that follows them: for `optimize_loss`'s clip_gradients.

    The limit is exp(mean + std_factor * deviation) of the logarithm of the global norm, moving averages with `decay`;
    gradients above it are scaled down to the mean. static_max_norm: the limit is never above this. global_step: the
    averages begin more quickly. Makes the variables `AdaptiveMaxNorm/mean` and `/sq_mean`.
    """

    def clip(grads_and_vars):
        gradients = [grad for grad, _ in grads_and_vars]
        norm = global_norm(gradients)
        limit, mean = _adaptive_limit(norm, std_factor, decay, global_step, epsilon, name)
        if report_summary:
            summary.scalar("global_norm/adaptive_max_gradient_norm", limit)
        if static_max_norm is not None:
            limit = minimum(limit, as_tensor(static_max_norm, norm.spec.dtype))
        factor = where(less(norm, limit), ones_like(norm), exp(mean) / norm)
        scaled = [None if grad is None else _changed(grad, lambda values: values * factor) for grad in gradients]
        return list(zip(scaled, (var for _, var in grads_and_vars), strict=True))

    return clip


def _adaptive_limit(norm, std_factor, decay, global_step, epsilon, name):
    """(limit, mean of the logarithm)."""
    with variable_scope(name, "AdaptiveMaxNorm", [norm]):
        logarithm = log(norm + epsilon)
        if global_step is not None:
            step = cast(as_tensor(global_step), dtype=float32.dtype)
            decay = minimum(as_tensor(decay, float32.dtype), step / (step + 1.0))

        def average(name, value):
            variable = get_variable(
                name, shape=value.spec.shape, dtype=value.dtype, initializer=constant_initializer(0.0), trainable=False
            )
            return assign_moving_average(variable, value, decay, zero_debias=False)

        mean = average("mean", logarithm)
        square_mean = average("sq_mean", square(logarithm))
        deviation = sqrt(maximum(as_tensor(epsilon, norm.spec.dtype), square_mean - square(mean)))
        return exp(mean + std_factor * deviation), mean


__all__ = ["OPTIMIZER_CLS_NAMES", "OPTIMIZER_SUMMARIES", "adaptive_clipping_fn", "optimize_loss"]
