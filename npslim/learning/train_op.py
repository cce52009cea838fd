"""The train op: ties a loss to an optimizer, with everything that has to happen in a step."""

from npslim import tf_summary
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import control_dependencies, get_collection_ref, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.indexed_slices import IndexedSlices
from npslim.logs import logger
from npslim.ops import state
from npslim.ops.debug import check_numerics
from npslim.ops.elementwise import multiply
from npslim.ops.logic import cast
from npslim.ops.norm import clip_by_norm, global_norm
from npslim.ops.shape import identity
from npslim.optimizers import Optimizer
from npslim.scopes import name_scope
from npslim.variables import (
    get_or_create_global_step,
    trainable_variables,
)

_USE_GLOBAL_STEP = _USE_DEFAULT = 0


def clip_gradient_norms(gradients_to_variables, max_norm):
    """The (gradient, variable) pairs with each gradient's L2 norm at most `max_norm`."""
    clipped = []
    for grad, var in gradients_to_variables:
        if isinstance(grad, IndexedSlices):
            grad = grad.with_values(clip_by_norm(grad.values, max_norm))
        elif grad is not None:
            grad = clip_by_norm(grad, max_norm)
        clipped.append((grad, var))
    return clipped


def add_gradients_summaries(grads_and_vars):
    """A histogram and the norm of each gradient: `<variable>/gradient` and `<variable>/gradient_norm`.

    Returns the summaries.
    """
    summaries = []
    for grad, var in grads_and_vars:
        if grad is None:
            logger.info("Var %s has no gradient", var.op.name)
            continue
        values = grad.values if isinstance(grad, IndexedSlices) else grad
        summaries.append(tf_summary.histogram(var.op.name + "/gradient", values))
        summaries.append(tf_summary.scalar(var.op.name + "/gradient_norm", global_norm([values])))
    return summaries


def multiply_gradients(grads_and_vars, gradient_multipliers):
    """The pairs with gradients multiplied as `gradient_multipliers`, {variable or its op name: factor}, says.

    Raises ValueError for no list, no dictionary, an empty dictionary, or a multiplier of a gradient that is None.
    """
    if not isinstance(grads_and_vars, list):
        raise InvalidArgumentError(
            "`grads_and_vars` must be a list.", expected="a list", got=type(grads_and_vars).__name__
        )
    if not isinstance(gradient_multipliers, dict) or not gradient_multipliers:
        raise InvalidArgumentError(
            "`gradient_multipliers` must be a dictionary that is not empty.", expected="{variable: factor}",
            got=repr(gradient_multipliers),
        )  # fmt: skip
    multiplied = []
    for grad, var in grads_and_vars:
        key = var if var in gradient_multipliers else var.op.name
        if key in gradient_multipliers:
            if grad is None:
                raise InvalidArgumentError("Requested multiple of `None` gradient.", got=var.op.name)
            dtype = grad.values.spec.dtype if isinstance(grad, IndexedSlices) else grad.spec.dtype
            factor = cast(as_tensor(gradient_multipliers[key]), dtype=dtype)
            if isinstance(grad, IndexedSlices):
                grad = grad.with_values(grad.values * factor)
            else:
                grad = multiply(grad, factor)
        multiplied.append((grad, var))
    return multiplied


def create_train_op(
    total_loss,
    optimizer,
    global_step=_USE_GLOBAL_STEP,
    update_ops=None,
    variables_to_train=None,
    clip_gradient_norm=0,
    summarize_gradients=False,
    gate_gradients=Optimizer.GATE_OP,
    aggregation_method=None,
    colocate_gradients_with_ops=False,
    gradient_multipliers=None,
    check_numerics=True,
):
    """A tensor that makes one training step when it is run, and gives the loss.

    total_loss: a scalar. global_step: a variable, made if not given; None for none. update_ops: run before the step;
    the collection UPDATE_OPS unless given, since moving averages live there. variables_to_train: all trainable ones
    unless given. clip_gradient_norm: the largest L2 norm of each gradient, 0 for no limit. gradient_multipliers: see
    `multiply_gradients`. summarize_gradients: see `add_gradients_summaries`. check_numerics: a loss that is not finite
    raises.
    """

    def transform(grads):
        if gradient_multipliers:
            with name_scope("multiply_grads"):
                grads = multiply_gradients(grads, gradient_multipliers)
        if clip_gradient_norm > 0:
            with name_scope("clip_grads"):
                grads = clip_gradient_norms(grads, clip_gradient_norm)
        return grads

    return make_train_op(
        total_loss, optimizer, global_step, update_ops, variables_to_train, transform, summarize_gradients,
        gate_gradients, aggregation_method, colocate_gradients_with_ops, check_numerics,
    )  # fmt: skip


def make_train_op(
    total_loss, optimizer, global_step, update_ops, variables_to_train, transform_grads_fn, summarize_gradients,
    gate_gradients, aggregation_method, colocate_gradients_with_ops, check_numerics,
):  # fmt: skip
    """`create_train_op` with any function of the list of (gradient, variable) pairs, or None."""
    if global_step is _USE_GLOBAL_STEP:
        global_step = get_or_create_global_step()
    total_loss = _after_updates(total_loss, update_ops)
    variables = trainable_variables() if variables_to_train is None else list(variables_to_train)
    _check_trainable(variables)
    grads = optimizer.compute_gradients(
        total_loss, variables, gate_gradients=gate_gradients, aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )  # fmt: skip
    if transform_grads_fn is not None:
        grads = transform_grads_fn(grads)
    if summarize_gradients:
        with name_scope("summarize_grads"):
            add_gradients_summaries(grads)
    grad_updates = optimizer.apply_gradients(grads, global_step=global_step)
    with name_scope("train_op"):
        if check_numerics:
            total_loss = _check_numerics(total_loss, message="LossTensor is inf or nan")
        with control_dependencies([grad_updates]):
            train_op = identity(total_loss)
    collection = get_collection_ref(GraphKeys.TRAIN_OP)
    if train_op not in collection:
        collection.append(train_op)
    return train_op


_check_numerics = check_numerics


def _after_updates(total_loss, update_ops):
    """The loss, which then waits for `update_ops`."""
    collected = get_default_graph().get_collection(GraphKeys.UPDATE_OPS)
    update_ops = collected if update_ops is None else list(update_ops)
    if not set(collected).issubset(update_ops):
        logger.warning("update_ops in create_train_op does not contain all the update_ops in GraphKeys.UPDATE_OPS")
    if not update_ops:
        return total_loss
    with control_dependencies(update_ops):
        barrier = state.no_op(name="update_barrier")
    return state.with_dependencies([barrier], total_loss)


def _check_trainable(variables):
    trainable = set(trainable_variables())
    for var in variables:
        if var not in trainable:
            raise InvalidArgumentError(
                "A variable that is to be trained is not trainable.",
                expected="a member of TRAINABLE_VARIABLES",
                got=var,
            )
