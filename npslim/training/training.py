"""The functions of `slim.training.training`: a train op, and a loop that is driven by hooks."""

import functools

from npslim import learning
from npslim.errors import InvalidArgumentError
from npslim.hooks import SummarySaverHook
from npslim.learning import add_gradients_summaries, clip_gradient_norms, multiply_gradients
from npslim.monitored import MonitoredTrainingSession
from npslim.optimizers import Optimizer

__all__ = [
    "add_gradients_summaries", "clip_gradient_norms", "clip_gradient_norms_fn", "create_train_op",
    "multiply_gradients", "train",
]  # fmt: skip

_USE_GLOBAL_STEP = 0


def clip_gradient_norms_fn(max_norm):
    """A function of (gradient, variable) pairs that limits each gradient's L2 norm: a `transform_grads_fn`."""
    return functools.partial(clip_gradient_norms, max_norm=max_norm)


def create_train_op(
    total_loss,
    optimizer,
    global_step=_USE_GLOBAL_STEP,
    update_ops=None,
    variables_to_train=None,
    transform_grads_fn=None,
    summarize_gradients=False,
    gate_gradients=Optimizer.GATE_OP,
    aggregation_method=None,
    colocate_gradients_with_ops=False,
    check_numerics=True,
):
    """A tensor that makes one training step when it is run, and gives the loss.

    transform_grads_fn: takes and gives the list of (gradient, variable) pairs. The other arguments are those of
    `slim.learning.create_train_op`.
    """
    return learning.make_train_op(
        total_loss, optimizer, global_step, update_ops, variables_to_train, transform_grads_fn, summarize_gradients,
        gate_gradients, aggregation_method, colocate_gradients_with_ops, check_numerics,
    )  # fmt: skip


def train(
    train_op,
    logdir,
    master="",
    is_chief=True,
    scaffold=None,
    hooks=None,
    chief_only_hooks=None,
    save_checkpoint_secs=600,
    save_summaries_steps=100,
    config=None,
    max_wait_secs=7200,
    run_metadata=None,
):
    """Run `train_op` until a hook asks to stop or the data ends; returns the last loss, None if no step was made.

    logdir: for checkpoints and summaries; a checkpoint in it is taken up. None for neither, and no hooks that need it.
    Raises ValueError if logdir is None but summaries or checkpoints are asked for by `is_chief`'s hooks.
    """
    if logdir is None and is_chief and any(isinstance(h, SummarySaverHook) for h in chief_only_hooks or ()):
        raise InvalidArgumentError("logdir cannot be None when chief_only_hooks write summaries.")
    loss = None
    with MonitoredTrainingSession(
        master, is_chief, logdir, scaffold, hooks, chief_only_hooks, save_checkpoint_secs if logdir else None,
        save_summaries_steps if logdir else None, None, config, max_wait_secs=max_wait_secs,
    ) as session:  # fmt: skip
        while not session.should_stop():
            loss = session.run(train_op, run_metadata=run_metadata)
    return loss
