"""Training: `create_train_op` ties a loss to an optimizer; `train` runs the loop, saves, and resumes."""

import os
import time

from npslim import tf_summary
from npslim.checkpoint import Saver, kept_checkpoints, latest_checkpoint
from npslim.errors import InvalidArgumentError, OutOfRangeError
from npslim.events import open_writer
from npslim.graph import GraphKeys, IndexedSlices, control_dependencies, get_collection_ref, get_default_graph
from npslim.log import logger
from npslim.op import as_tensor
from npslim.ops import state
from npslim.ops.debug import check_numerics
from npslim.ops.elementwise import multiply
from npslim.ops.logic import cast, equal
from npslim.ops.norm import clip_by_norm, global_norm
from npslim.ops.shape import identity
from npslim.optimizers import Optimizer
from npslim.scopes import name_scope
from npslim.session import Session
from npslim.variables import (
    Variable,
    get_or_create_global_step,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
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


def train_step(sess, train_op, global_step, train_step_kwargs):
    """Make one step; returns (loss, whether to stop).

    train_step_kwargs: may hold tensors `should_log` and `should_stop`, evaluated after the step.
    """
    start = time.monotonic()
    total_loss, step = sess.run([train_op, global_step])
    seconds = time.monotonic() - start
    if "should_log" in train_step_kwargs and sess.run(train_step_kwargs["should_log"]):
        logger.info("global step %d: loss = %.4f (%.3f sec/step)", step, total_loss, seconds)
    should_stop = "should_stop" in train_step_kwargs and bool(sess.run(train_step_kwargs["should_stop"]))
    return total_loss, should_stop


def train(
    train_op,
    logdir,
    train_step_fn=train_step,
    train_step_kwargs=_USE_DEFAULT,
    log_every_n_steps=1,
    graph=None,
    master="",
    is_chief=True,
    global_step=None,
    number_of_steps=None,
    init_op=_USE_DEFAULT,
    init_feed_dict=None,
    local_init_op=_USE_DEFAULT,
    init_fn=None,
    ready_op=_USE_DEFAULT,
    summary_op=_USE_DEFAULT,
    save_summaries_secs=600,
    summary_writer=_USE_DEFAULT,
    startup_delay_steps=0,
    saver=None,
    save_interval_secs=600,
    sync_optimizer=None,
    session_config=None,
    session_wrapper=None,
    trace_every_n_steps=None,
    ignore_live_threads=False,
):
    """Train until `number_of_steps` of the global step, saving to `logdir`; returns the last loss.

    train_op: from `create_train_op`. logdir: a folder, made if missing; a checkpoint in it is taken up; None saves
    nothing. train_step_fn: `f(session, train_op, global_step, kwargs)` gives (loss, stop). init_fn: `f(session)`,
    called after a fresh start, not after a restore. saver: a Saver, all global variables unless given.
    Ends when an input runs out (OutOfRangeError). Raises ValueError for an empty list of train ops or a negative
    number_of_steps.
    """
    if train_op is None:
        raise InvalidArgumentError("train_op cannot be None.", expected="a tensor of create_train_op", got=None)
    if number_of_steps is not None and number_of_steps <= 0:
        raise InvalidArgumentError("`number_of_steps` must be either None or a positive number.", got=number_of_steps)
    if logdir is None and summary_op not in (_USE_DEFAULT, None):
        raise InvalidArgumentError("Cannot provide summary_op because logdir=None.", got=summary_op)
    graph = graph or get_default_graph()
    with graph.as_default():
        global_step = get_or_create_global_step(graph) if global_step is None else global_step
        saver = saver or Saver()
        nodes = {
            "init": global_variables_initializer() if init_op is _USE_DEFAULT else init_op,
            "local_init": local_variables_initializer() if local_init_op is _USE_DEFAULT else local_init_op,
            "ready": report_uninitialized_variables() if ready_op is _USE_DEFAULT else ready_op,
        }
        if train_step_kwargs == _USE_DEFAULT:
            train_step_kwargs = _default_train_step_kwargs(global_step, number_of_steps, log_every_n_steps, logdir)
    session = Session(graph=graph, config=session_config)
    with session.as_default():
        _start(session, nodes, logdir, saver, init_feed_dict, init_fn)
        wrapped = session_wrapper(session) if session_wrapper is not None else session
        keeper = _Keeper(session, saver, logdir if is_chief else None, global_step, save_interval_secs)
        with open_writer(logdir if summary_writer is _USE_DEFAULT else None) as writer:
            return _loop(wrapped, train_op, train_step_fn, train_step_kwargs, global_step, keeper, writer)


def _default_train_step_kwargs(global_step, number_of_steps, log_every_n_steps, logdir):
    with name_scope("train_step"):
        kwargs = {"logdir": logdir} if logdir else {}
        step = global_step.read_value() if isinstance(global_step, Variable) else global_step
        if number_of_steps:
            kwargs["should_stop"] = step >= number_of_steps
        if log_every_n_steps > 0:
            kwargs["should_log"] = equal(step % log_every_n_steps, as_tensor(0, step.spec.dtype))
        return kwargs


def _start(session, nodes, logdir, saver, init_feed_dict, init_fn):
    """Restore the latest checkpoint of `logdir`, or initialize."""
    latest = latest_checkpoint(logdir) if logdir else None
    if latest is not None:
        logger.info("Restoring parameters from %s", latest)
        saver.restore(session, latest)
        saver.recover_last_checkpoints(kept_checkpoints(logdir))
    elif nodes["init"] is not None:
        session.run(nodes["init"], init_feed_dict)
        if init_fn is not None:
            init_fn(session)
    if nodes["local_init"] is not None:
        session.run(nodes["local_init"])
    missing = session.run(nodes["ready"]) if nodes["ready"] is not None else ()
    if len(missing):
        raise InvalidArgumentError(
            "Variables are not initialized.", got=", ".join(name.decode() for name in missing),
            hint="give train() an init_op or init_fn that covers them, or a checkpoint that holds them",
        )  # fmt: skip


class _Keeper:
    """Saves to the log folder now and then, and at the end."""

    def __init__(self, session, saver, logdir, global_step, interval_secs):
        self.session, self.saver, self.global_step = session, saver, global_step
        self.prefix = os.path.join(logdir, "model.ckpt") if logdir else None
        self.interval = interval_secs
        self.saved_at, self.saved_step = time.monotonic(), None

    def save(self):
        """Save, unless this step is saved."""
        step = int(self.session.run(self.global_step))
        if self.prefix and step != self.saved_step:
            self.saver.save(self.session, self.prefix, global_step=step)
            self.saved_step, self.saved_at = step, time.monotonic()

    def save_if_due(self):
        """Save if the last time is longer ago than the interval."""
        if self.interval is not None and time.monotonic() - self.saved_at >= self.interval:
            self.save()


def _loop(session, train_op, train_step_fn, train_step_kwargs, global_step, keeper, writer):
    """Step until a step says stop; returns the last loss."""
    total_loss = None
    logger.info("Starting training.")
    should_stop = "should_stop" in train_step_kwargs and bool(session.run(train_step_kwargs["should_stop"]))
    try:
        while not should_stop:
            total_loss, should_stop = train_step_fn(session, train_op, global_step, train_step_kwargs)
            writer.scalars(int(session.run(global_step)), total_loss=total_loss)
            keeper.save_if_due()
    except OutOfRangeError as error:
        logger.info("Caught OutOfRangeError. Stopping training. %s", str(error).split("\n")[0])
    except KeyboardInterrupt:
        keeper.save()
        raise
    keeper.save()
    logger.info("Finished training! Saved the last step.")
    return total_loss
