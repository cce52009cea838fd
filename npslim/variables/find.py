"""Finding variables: those of a collection, by scope, name or pattern."""

import re

from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.scopes import VariableScope


def get_variables(scope=None, suffix=None, collection=GraphKeys.GLOBAL_VARIABLES):
    """The variables of `collection` whose name begins with `scope` (a regular expression or a VariableScope).

    suffix: what the name, without ':0', ends with.
    """
    scope = scope.name if isinstance(scope, VariableScope) else scope
    for what, value in (("scope", scope), ("suffix", suffix)):
        if value is not None and not isinstance(value, str):
            raise ArgumentTypeError(f"The {what} is a string.", expected="a string", got=repr(value))
    if suffix is not None:
        scope = (scope or "") + ".*" + (suffix if ":" in suffix else suffix + ":")
    return get_default_graph().get_collection(collection, scope)


def get_model_variables(scope=None, suffix=None):
    """The variables of MODEL_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope=None, suffix=None):
    """The variables of LOCAL_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope=None, suffix=None):
    """The variables of TRAINABLE_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix, scope=None):
    """The variables whose name ends with `suffix`."""
    return get_variables(scope=scope, suffix=suffix)


def get_variables_by_name(given_name, scope=None):
    """The variables whose last name is `given_name`, in any scope."""
    if not isinstance(given_name, str):
        raise ArgumentTypeError("A name is a string.", expected="a string", got=repr(given_name))
    return get_variables(scope=scope, suffix=f"/{given_name}:|^{given_name}:")


def get_unique_variable(var_op_name):
    """The variable whose name is exactly `var_op_name`. Raises ValueError if there is none."""
    candidates = get_variables(scope=re.escape(var_op_name))
    for candidate in candidates:
        if candidate.op.name == var_op_name:
            return candidate
    raise InvalidArgumentError(
        f"Couldn't find variable {var_op_name}.", expected=var_op_name,
        got=", ".join(c.op.name for c in candidates) or "no variable whose name begins like that",
    )  # fmt: skip


def get_variable_full_name(var):
    """The name that a checkpoint keeps `var` under."""
    return var.op.name


def get_variables_to_restore(include=None, exclude=None):
    """The global variables whose names begin with one of `include` (all if None) and with none of `exclude`."""
    for what, scopes in (("include", include), ("exclude", exclude)):
        if not isinstance(scopes, list | tuple | set | None):
            raise ArgumentTypeError(f"{what} is a list of scopes.", expected="a list or tuple", got=repr(scopes))
    found = get_variables() if include is None else [v for scope in include for v in get_variables(scope)]
    left_out = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in found if v not in left_out]


def filter_variables(var_list, include_patterns=None, exclude_patterns=None, reg_search=True):
    """The variables whose name (with ':0') matches one of `include_patterns`, if given, and none of `exclude_patterns`.

    reg_search: look anywhere in the name; False: from its beginning.
    """
    match = re.search if reg_search else re.match

    def matches(var, patterns):
        return any(match(pattern, var.name) for pattern in patterns)

    return [
        var
        for var in var_list
        if (include_patterns is None or matches(var, include_patterns)) and not matches(var, exclude_patterns or ())
    ]


def global_variables(scope=None):
    """The variables that are saved: GLOBAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope=None):
    """The variables that are not saved: LOCAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope=None):
    """The variables that optimizers train: TRAINABLE_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope=None):
    """The variables that make up the model: MODEL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope=None):
    """The variables that have a moving average: MOVING_AVERAGE_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)
