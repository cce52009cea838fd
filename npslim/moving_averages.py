"""Exponential moving averages of values."""

from npslim.initializers import zeros_initializer
from npslim.op import as_tensor
from npslim.ops.elementwise import pow as power
from npslim.scopes import name_scope, variable_scope
from npslim.variables import get_variable, model_variable


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
