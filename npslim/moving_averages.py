"""Exponential moving averages of values."""

from npslim.convert import as_tensor
from npslim.dtypes import float32
from npslim.errors import DTypeError, InvalidArgumentError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import zeros_initializer
from npslim.ops.create import zeros
from npslim.ops.elementwise import minimum
from npslim.ops.elementwise import pow as power
from npslim.ops.logic import cast
from npslim.ops.state import group
from npslim.scopes import name_scope, variable_scope
from npslim.variables import Variable, get_variable, model_variable, trainable_variables


def assign_moving_average(variable, value, decay, zero_debias=True, name=None, in_model=False):
    """A tensor: `variable`, once it is set to `variable - (variable - value) * (1 - decay)`.

    zero_debias: correct for the start at zero, as Adam does (Kingma and Ba, 2014), with the variables `biased` and
    `local_step`, made in the scope `<variable>`; `in_model` counts these among the model's.
    """
    with name_scope(name, "AssignMovingAvg", [variable, value]) as scope:
        value = as_tensor(value, variable.spec.dtype)
        rate = as_tensor(1.0 - decay, variable.spec.dtype, "decay")
        if zero_debias:
            return _debiased(variable, value, rate, scope, in_model)
        return variable.assign_sub((as_tensor(variable) - value) * rate, name=scope)


def _debiased(variable, value, rate, scope, in_model):
    """Average from zero in `biased`, count in `local_step`, and divide by what the start at zero has taken away."""
    with variable_scope(variable.op.name, values=[variable, value]):
        make = model_variable if in_model else get_variable
        dtype, zeros = variable.dtype, zeros_initializer()
        biased = make("biased", variable.spec.shape, dtype=dtype, initializer=zeros, trainable=False)
        local_step = make("local_step", [], dtype=dtype, initializer=zeros, trainable=False)
    new_biased = biased.assign_sub((as_tensor(biased) - value) * rate, name=scope + "biased")
    new_step = local_step.assign_add(1.0)
    return variable.assign(new_biased / (1.0 - power(1.0 - rate, new_step)))


class ExponentialMovingAverage:
    """Moving averages of variables, which often do better in an evaluation: `average -= (1 - decay) * (average - x)`.

    num_updates: a step, which makes the decay smaller at first: min(decay, (1 + num_updates) / (10 + num_updates)).
    zero_debias: averages of tensors are corrected for their start at zero. As in TensorFlow.
    """

    def __init__(self, decay, num_updates=None, zero_debias=False, name="ExponentialMovingAverage"):
        self._decay, self._num_updates, self._zero_debias, self._name = decay, num_updates, zero_debias, name
        self._averages, self._applied = {}, set()

    @property
    def name(self):
        """What the averages' names end with."""
        return self._name

    def apply(self, var_list=None):
        """A node that updates the averages of `var_list` (trainable variables unless given), made at the first call.

        An average of a variable begins with its value, one of a tensor with zero. Raises TypeError for what is not
        floating, ValueError for an average that there is already.
        """
        var_list = trainable_variables() if var_list is None else list(var_list)
        for var in var_list:
            self._check(var)
        self.create(var_list)
        self._applied.update(var_list)
        with name_scope(None, self._name) as scope:
            decay = self._current_decay()
            updates = [self._updated(var, decay) for var in var_list]
            return group(*updates, name=scope)

    def create(self, var_list):
        """Make the averages of `var_list`, which `apply` does besides; before it where it stands in a condition."""
        with control_dependencies(None):
            for var in var_list:
                if var not in self._averages:
                    self._make(var)

    def _check(self, var):
        if not var.dtype.is_floating:
            raise DTypeError("The variables must be half, float, or double.", expected="a floating dtype", got=var)
        if var in self._applied:
            raise InvalidArgumentError("The moving average is computed already.", got=var.name)

    def _make(self, var):
        graph = get_default_graph()
        if isinstance(var, Variable):
            average = Variable(var.initialized_value(), trainable=False, name=self.average_name(var))
            graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
        else:
            average = Variable(zeros(var.shape.as_list(), var.dtype), trainable=False, name=self.average_name(var))
        self._averages[var] = average

    def _current_decay(self):
        if self._num_updates is None:
            return self._decay
        steps = cast(as_tensor(self._num_updates), dtype=float32.dtype)
        return minimum(as_tensor(self._decay, float32.dtype), (1.0 + steps) / (10.0 + steps))

    def _updated(self, var, decay):
        average = self._averages[var]
        debias = self._zero_debias and not isinstance(var, Variable)
        if hasattr(decay, "op"):
            decay = cast(decay, dtype=average.spec.dtype)
        value = var.read_value() if isinstance(var, Variable) else as_tensor(var)  # after the updates it waits for
        return assign_moving_average(average, value, decay, zero_debias=debias)

    def average(self, var):
        """The Variable that holds the average of `var`, or None."""
        return self._averages.get(var)

    def average_name(self, var):
        """'<name of var>/ExponentialMovingAverage'."""
        return f"{var.op.name}/{self._name}"

    def variables_to_restore(self, moving_avg_variables=None):
        """{name in the checkpoint: variable}: variables that have averages under the averages' names, others as they
        are. For a Saver of an evaluation.
        """
        graph = get_default_graph()
        if moving_avg_variables is None:
            kept = graph.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES)
            moving_avg_variables = [*graph.get_collection(GraphKeys.TRAINABLE_VARIABLES), *kept]
        averaged = dict.fromkeys(moving_avg_variables)
        named = {self.average_name(var): var for var in averaged}
        own = {var.op.name for var in averaged} | set(named)
        rest = {v.op.name: v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.op.name not in own}
        return {**named, **rest}
