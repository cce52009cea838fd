"""Synchronous replicas in one process: several steps' gradients are averaged into one update."""

from typing import Any

from npslim.convert import as_tensor
from npslim.errors import FailedPreconditionError, InvalidArgumentError
from npslim.graph import control_dependencies
from npslim.hooks import SessionRunHook
from npslim.indexed_slices import IndexedSlices
from npslim.initializers import zeros_initializer
from npslim.ops.cond import cond
from npslim.ops.indexing import dense
from npslim.ops.logic import equal
from npslim.ops.shape import zeros_like
from npslim.ops.state import group, no_op
from npslim.optimizers import Optimizer
from npslim.queues import QueueRunner
from npslim.queues.kinds import FIFOQueue
from npslim.scopes import name_scope, variable_scope
from npslim.variables import Variable, get_variable, global_variables, report_uninitialized_variables


class SyncReplicasOptimizer(Optimizer):
    """`opt`, which updates by the mean of the gradients of `replicas_to_aggregate` steps.

    In TensorFlow so many workers take one step each; here one process takes that many steps, with the same result for
    the same batches: a batch as large as memory does not hold. The global step counts the updates. What is gathered so
    far is in variables, `<variable>/<name>` and `<name>/gathered`, and is saved with the others. The first update of
    `variable_averages`, an ExponentialMovingAverage of `variables_to_average`, comes with the first update.
    total_num_replicas and the tokens of TensorFlow's queues are accepted, and mean nothing.
    """

    def __init__(
        self, opt, replicas_to_aggregate, total_num_replicas=None, variable_averages=None, variables_to_average=None,
        use_locking=False, name="sync_replicas",
    ):  # fmt: skip
        super().__init__(use_locking, name)
        if replicas_to_aggregate < 1:
            raise InvalidArgumentError(
                "SyncReplicasOptimizer: there must be a replica.", expected=">= 1", got=replicas_to_aggregate
            )
        if (variable_averages is None) != (variables_to_average is None):
            raise InvalidArgumentError(
                "variable_averages and variables_to_average go together.", expected="both or none"
            )
        self._opt, self._count = opt, int(replicas_to_aggregate)
        self._averages, self._averaged = variable_averages, variables_to_average
        self.chief_init_op = self.local_step_init_op = self.ready_for_local_init_op = None

    def compute_gradients(self, *args, **kwargs):
        """The gradients of the optimizer inside."""
        return self._opt.compute_gradients(*args, **kwargs)

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """A node that gathers the gradients, and with the last of them updates the variables and `global_step`.

        Raises ValueError without a global step, or if there is no gradient.
        """
        if global_step is None:
            raise InvalidArgumentError(
                "Global step is required to check staleness.", expected="global_step", got="None"
            )
        pairs = [(_whole(grad, var), var) for grad, var in grads_and_vars if grad is not None]
        if not pairs:
            raise InvalidArgumentError("No gradients provided for any variable.", expected="(gradient, variable) pairs")
        with name_scope(name, self._name):
            with control_dependencies(None):
                gathered = Variable(0, trainable=False, name="gathered")
                sums = [self._sum(var) for _, var in pairs]
                self._opt._create_slots([var for _, var in pairs])
                if self._averages is not None:
                    self._averages.create(self._averaged)
            added = [total.assign_add(grad) for total, (grad, _) in zip(sums, pairs, strict=True)]
            with control_dependencies([*added, gathered.assign_add(1)]):
                full = equal(gathered.read_value(), self._count)
            variables = [var for _, var in pairs]
            train_op: Any = cond(full, lambda: self._update_all(sums, variables, gathered, global_step), no_op)
        self.chief_init_op = self.local_step_init_op = no_op(name="sync_init")
        self.ready_for_local_init_op = report_uninitialized_variables(global_variables())
        return train_op.op if hasattr(train_op, "op") else train_op

    def _sum(self, var):
        with variable_scope(None, f"{var.op.name}/{self._name}"):
            return get_variable(
                "", shape=var.spec.shape, dtype=var.dtype, initializer=zeros_initializer(), trainable=False
            )

    def _update_all(self, sums, variables, gathered, global_step):
        means = [total.read_value() / float(self._count) for total in sums]
        with control_dependencies(means):
            update = self._opt.apply_gradients(list(zip(means, variables, strict=True)), global_step)
        with control_dependencies([update]):
            done = [total.assign(zeros_like(total.read_value())) for total in sums]
            if self._averages is not None:
                done.append(self._averages.apply(self._averaged))
            return group(gathered.assign(0), *done)

    def _made(self):
        if self.chief_init_op is None:
            raise FailedPreconditionError(
                "Should be called after apply_gradients().", expected="apply_gradients() before"
            )

    def get_chief_queue_runner(self):
        """A queue runner that ends at once. Raises FailedPreconditionError before `apply_gradients`."""
        self._made()
        queue = FIFOQueue(1, ["int64"], name="sync_token_q")
        with control_dependencies([queue.close()]):
            at_its_end = queue.dequeue()
        return QueueRunner(queue, [at_its_end])

    def get_init_tokens_op(self, num_tokens=-1):
        """A node that does nothing. Raises FailedPreconditionError before `apply_gradients`."""
        self._made()
        return no_op(name="no_tokens")

    def make_session_run_hook(self, is_chief, num_tokens=-1):
        """A hook that does nothing."""
        return SessionRunHook()

    def get_slot(self, *args, **kwargs):
        """A slot of the optimizer inside."""
        return self._opt.get_slot(*args, **kwargs)

    def get_slot_names(self, *args, **kwargs):
        """The slots' names of the optimizer inside."""
        return self._opt.get_slot_names(*args, **kwargs)

    def variables(self):
        """The variables of the optimizer inside."""
        return self._opt.variables()


def _whole(grad, var):
    """The gradient as one tensor."""
    return dense(grad.values, grad.indices, as_tensor(var)) if isinstance(grad, IndexedSlices) else as_tensor(grad)
