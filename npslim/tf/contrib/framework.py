"""`tf.contrib.framework`: arg_scope, and slim's variables."""

import types

from npslim import variables as _variables
from npslim.checkpoint import assign_from_checkpoint, assign_from_checkpoint_fn
from npslim.checkpoint_reader import init_from_checkpoint, list_variables, load_checkpoint, load_variable
from npslim.convert import contains_tensor as is_tensor
from npslim.convert import convert_to_tensor as convert_to_tensor_or_sparse_tensor
from npslim.scopes import add_arg_scope, arg_scope, arg_scoped_arguments, current_arg_scope, has_arg_scope
from npslim.tf import nest
from npslim.tf.deprecation import deprecated, deprecated_args
from npslim.tf.missing import reporter
from npslim.variables import (
    VariableDeviceChooser,
    add_model_variable,
    assert_global_step,
    assert_or_get_global_step,
    assign_from_values,
    assign_from_values_fn,
    create_global_step,
    filter_variables,
    get_global_step,
    get_local_variables,
    get_model_variables,
    get_or_create_global_step,
    get_trainable_variables,
    get_unique_variable,
    get_variable_full_name,
    get_variables,
    get_variables_by_name,
    get_variables_by_suffix,
    get_variables_to_restore,
    global_variable,
    local_variable,
    model_variable,
    variable,
)

python = types.SimpleNamespace(
    ops=types.SimpleNamespace(variables=_variables, arg_scope=arg_scope, add_arg_scope=add_arg_scope)
)

__getattr__ = reporter(__name__, lambda: globals())
