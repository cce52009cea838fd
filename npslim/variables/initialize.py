"""Giving variables their first values, or values at hand."""

import numpy as np

from npslim.errors import ShapeError
from npslim.ops import state
from npslim.spec import compatible, show_shape
from npslim.variables.find import get_unique_variable, global_variables, local_variables


def variables_initializer(var_list, name="init"):
    """A node that gives each of `var_list` its initial value."""
    return state.group(*(var.initializer for var in var_list), name=name)


def global_variables_initializer():
    """A node that initializes all global variables."""
    return variables_initializer(global_variables())


def local_variables_initializer():
    """A node that initializes all local variables."""
    return variables_initializer(local_variables())


def report_uninitialized_variables(var_list=None, name="report_uninitialized_variables"):
    """A 1-d string tensor: the names of the variables (global and local ones unless given) without a value."""
    var_list = global_variables() + local_variables() if var_list is None else list(var_list)
    return state.uninitialized_names(*var_list, name=name)


def assign_from_values(var_names_to_values):
    """(node, feed_dict): running the node with the feeds sets the variables, given by name, to the values.

    A value of another shape and as many elements is reshaped.
    """
    assigns, feeds = [], {}
    for name, value in var_names_to_values.items():
        var = get_unique_variable(name)
        value = np.asarray(value, var.dtype.dtype)
        if not compatible(value.shape, var.spec.shape):
            if value.size != var.shape.num_elements():
                raise ShapeError(
                    f"{name}: the value does not have the variable's shape.",
                    expected=show_shape(var.spec.shape), got=show_shape(value.shape),
                )  # fmt: skip
            value = value.reshape(var.spec.shape)
        feed = state.placeholder(dtype=var.dtype.dtype, shape=value.shape, name=f"{var.op.name}/value")
        feeds[feed] = value
        assigns.append(state.assign(var, feed).op)
    return state.group(*assigns), feeds


def assign_from_values_fn(var_names_to_values):
    """A function of a session that sets the variables, given by name, to the values."""
    node, feeds = assign_from_values(var_names_to_values)
    return lambda session: session.run(node, feeds)
