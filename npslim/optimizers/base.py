"""UPDATE. From gradients to assignments: an optimizer makes one update node for each variable.

What it remembers of a variable is a slot, a variable of its own named `<variable>/<slot>`, saved like any other.

before: variables/sharing.py   next: checkpoint.py
"""

from npslim.autograd import gradients
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.indexed_slices import IndexedSlices
from npslim.initializers import zeros_initializer
from npslim.ops import state
from npslim.ops.counting import unique
from npslim.ops.indexing import dense
from npslim.ops.logic import cast
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import size
from npslim.scopes import name_scope, variable_scope
from npslim.variables import Variable, get_variable, trainable_variables


class Optimizer:
    """Base of all optimizers: `minimize(loss)` is `apply_gradients(compute_gradients(loss))`.

    A new optimizer says which slots it needs (`_create_slots`) and how a variable is updated (`_apply_dense`, and
    `_apply_sparse` where rows can be updated alone).
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, use_locking, name):
        if not name:
            raise InvalidArgumentError("An optimizer needs a name.", got=repr(name))
        self._name = name
        self._slots = {}
        self._non_slots = {}

    def get_name(self):
        """The optimizer's name."""
        return self._name

    def minimize(
        self,
        loss,
        global_step=None,
        var_list=None,
        gate_gradients=GATE_OP,
        aggregation_method=None,
        colocate_gradients_with_ops=False,
        name=None,
        grad_loss=None,
    ):
        """A node that computes the gradients of `loss`, updates the variables and adds one to `global_step`.

        var_list: TRAINABLE_VARIABLES unless given. grad_loss: what the loss is weighted with. The other arguments are
        accepted for old programs. Raises ValueError if no variable has a gradient.
        """
        grads_and_vars = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if not any(grad is not None for grad, _ in grads_and_vars):
            raise InvalidArgumentError(
                "No gradients provided for any variable: the loss depends on none of them.",
                expected="a loss computed from the variables", got=[var.op.name for _, var in grads_and_vars],
                made_at=user_line(),
            )  # fmt: skip
        return self.apply_gradients(grads_and_vars, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss,
        var_list=None,
        gate_gradients=GATE_OP,
        aggregation_method=None,
        colocate_gradients_with_ops=False,
        grad_loss=None,
    ):
        """A list of (gradient, variable); the gradient is None where the loss does not depend on the variable.

        var_list, grad_loss: as for `minimize`, and so the other arguments. Raises ValueError if there are no variables.
        """
        var_list = trainable_variables() if var_list is None else list(var_list)
        if not var_list:
            names = ", ".join([var.op.name for var in trainable_variables()][:4])
            raise InvalidArgumentError(
                "No variables to optimize.", expected="trainable variables", got="none", made_at=user_line(),
                hint=f"is the scope of var_list right? Some that there are: {names}" if names else None,
            )  # fmt: skip
        _check_variables(var_list)
        grads = gradients(loss, var_list, grad_ys=grad_loss)
        return list(zip(grads, var_list, strict=True))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """A node that updates the variables by a list of (gradient, variable), then adds one to `global_step`.

        Raises ValueError if there is no gradient at all.
        """
        grads_and_vars = [(grad, var) for grad, var in grads_and_vars]
        if not grads_and_vars:
            raise InvalidArgumentError(
                "No variables provided.", expected="(gradient, variable) pairs", got="none", made_at=user_line()
            )
        _check_variables(var for _, var in grads_and_vars)
        usable = [(self._as_gradient(grad), var) for grad, var in grads_and_vars if grad is not None]
        if not usable:
            raise InvalidArgumentError(
                "No gradients provided for any variable.", got=[var.op.name for _, var in grads_and_vars],
                made_at=user_line(),
            )  # fmt: skip
        with control_dependencies(None):
            self._create_slots([var for _, var in usable])
        with name_scope(name, self._name) as scope:
            self._prepare()
            updates = []
            for grad, var in usable:
                with name_scope(f"update_{var.op.name.replace('/', '_')}"):
                    updates.append(self._update(grad, var))
            if global_step is None:
                train_op = self._finish(updates, scope)
            else:
                with control_dependencies([self._finish(updates, "update")]):
                    train_op = global_step.assign_add(1, name=scope).op
        collection = get_default_graph().get_collection_ref(GraphKeys.TRAIN_OP)
        if train_op not in collection:
            collection.append(train_op)
        return train_op

    @staticmethod
    def _as_gradient(grad):
        return grad if isinstance(grad, IndexedSlices) else as_tensor(grad)

    def _update(self, grad, var):
        """The update of `var`, then its constraint, if it has one."""
        node = self._apply_sparse(grad, var) if isinstance(grad, IndexedSlices) else self._apply_dense(grad, var)
        if var.constraint is None:
            return node
        with control_dependencies([node]):
            return var.assign(var.constraint(var.read_value())).op

    # ---- for subclasses

    def _create_slots(self, var_list):
        """Make the slots of `var_list`."""

    def _prepare(self):
        """Make tensors of the hyperparameters."""

    def _apply_dense(self, grad, var):
        """A node that updates `var` by the tensor `grad`."""
        raise NotImplementedError

    def _apply_sparse(self, grad, var):
        """A node that updates `var` by the rows `grad`; as a whole, unless an optimizer knows better."""
        return self._apply_dense(dense(grad.values, grad.indices, as_tensor(var)), var)

    def _finish(self, update_ops, name_scope):
        """A node that runs after all updates."""
        return state.group(*update_ops, name=name_scope)

    # ---- slots

    def get_slot(self, var, name):
        """The slot `name` of `var`, a Variable, or None."""
        return self._slots.get(name, {}).get(var)

    def get_slot_names(self):
        """The names of the slots, sorted."""
        return sorted(self._slots)

    def variables(self):
        """All variables that the optimizer has made, by name."""
        found = [*self._non_slots.values(), *(v for slot in self._slots.values() for v in slot.values())]
        return sorted(found, key=lambda var: var.name)

    def _slot(self, var, name, scope_name, initializer=None):
        """The slot `name` of `var`, made as `<var>/<scope_name>` and zero at first unless there is an initializer."""
        slots = self._slots.setdefault(name, {})
        if var not in slots:
            with variable_scope(None, f"{var.op.name}/{scope_name}"):
                slots[var] = get_variable(
                    "", shape=var.spec.shape, dtype=var.dtype, initializer=initializer or zeros_initializer(),
                    trainable=False,
                )  # fmt: skip
        return slots[var]

    def _zeros_slot(self, var, name, scope_name):
        return self._slot(var, name, scope_name)

    def _non_slot(self, initial_value, name, beside):
        """A variable of the optimizer itself, one for each graph."""
        key = (name, beside.graph)
        if key not in self._non_slots:
            self._non_slots[key] = Variable(initial_value, trainable=False, name=name)
        return self._non_slots[key]


def _check_variables(var_list):
    """Raises TypeError for what is not a variable."""
    for var in var_list:
        if not isinstance(var, Variable):
            raise ArgumentTypeError(
                "Only variables can be optimized.", expected="a Variable", got=repr(var), made_at=user_line()
            )


def hyperparameter(value, name):
    """A hyperparameter (a number, a tensor, or a function that gives one) as a tensor."""
    return as_tensor(value() if callable(value) else value, name=name)


def like(value, var):
    """A hyperparameter's tensor in the dtype of `var`."""
    return value if value.spec.dtype == var.spec.dtype else cast(value, dtype=var.spec.dtype)


def summed_rows(grad):
    """(rows, indices) of an IndexedSlices, rows of one index added up."""
    indices, place = unique(grad.indices)
    return unsorted_segment_sum(grad.values, place, size(indices)), indices
