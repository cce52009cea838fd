"""Variables: state with a name, an initial value and a place in collections.

base.py says what a variable is, sharing.py how a scope's variables are made and shared; the others make the kinds that
slim tells apart, find variables, give them values, and keep the global step.
"""

from npslim.variables.base import Variable, outermost
from npslim.variables.find import (
    filter_variables,
    get_local_variables,
    get_model_variables,
    get_trainable_variables,
    get_unique_variable,
    get_variable_full_name,
    get_variables,
    get_variables_by_name,
    get_variables_by_suffix,
    get_variables_to_restore,
    global_variables,
    local_variables,
    model_variables,
    moving_average_variables,
    trainable_variables,
)
from npslim.variables.initialize import (
    assign_from_values,
    assign_from_values_fn,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
    variables_initializer,
)
from npslim.variables.kinds import (
    VariableDeviceChooser,
    add_model_variable,
    global_variable,
    local_variable,
    model_variable,
    variable,
)
from npslim.variables.sharing import NotShared, VariableExists, get_variable
from npslim.variables.step import (
    assert_global_step,
    assert_or_get_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)

__all__ = [
    "NotShared", "Variable", "VariableDeviceChooser", "VariableExists", "add_model_variable",
    "assert_global_step", "assert_or_get_global_step", "assign_from_values", "assign_from_values_fn",
    "create_global_step", "filter_variables", "get_global_step", "get_local_variables", "get_model_variables",
    "get_or_create_global_step", "get_trainable_variables", "get_unique_variable", "get_variable",
    "get_variable_full_name", "get_variables", "get_variables_by_name", "get_variables_by_suffix",
    "get_variables_to_restore", "global_step", "global_variable", "global_variables",
    "global_variables_initializer", "local_variable", "local_variables", "local_variables_initializer",
    "model_variable", "model_variables", "moving_average_variables", "outermost",
    "report_uninitialized_variables", "trainable_variables", "variable", "variables_initializer",
]  # fmt: skip
