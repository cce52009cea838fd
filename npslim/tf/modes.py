"""Switches between TensorFlow's modes: npslim has one, that of TensorFlow 1, with graphs."""

import contextlib
import functools

from npslim.errors import UnimplementedError
from npslim.scopes import name_scope, variable_scope


def executing_eagerly():
    """False: graphs are defined first."""
    return False


def disable_eager_execution():
    """Nothing: there is none."""


def disable_v2_behavior():
    """Nothing: npslim behaves as TensorFlow 1."""


def enable_resource_variables():
    """Nothing: a variable's value is read where it stands in the order of definition, as with resource variables."""


def disable_resource_variables():
    """Nothing; see `enable_resource_variables`."""


def resource_variables_enabled():
    """True: see `enable_resource_variables`."""
    return True


def init_scope():
    """A context that changes nothing."""
    return contextlib.nullcontext()


def op_scope(values, name, default_name=None):
    """`name_scope` with the argument order of TensorFlow 0.x."""
    return name_scope(name, default_name, values)


def NoGradient(op_type):  # noqa: N802 - TensorFlow's name
    """Nothing: an op of npslim says itself that it has no gradient."""


def no_regularizer(_):
    """No penalty, and no regularizer of an outer scope either."""
    return None


def make_template(name_, func_, create_scope_now_=False, unique_name_=None, custom_getter_=None, **kwargs):
    """`func_` as a function that makes its variables when it is first called, and shares them from then on."""
    if custom_getter_ is not None:
        raise UnimplementedError("make_template: custom_getter_ is not supported.")
    opened = None

    def open_scope():
        nonlocal opened
        if opened is None:
            with variable_scope(unique_name_, name_) as opened:
                pass
            return variable_scope(opened)
        return variable_scope(opened, reuse=made)

    made = None

    @functools.wraps(func_)
    def template(*args, **more):
        nonlocal made
        with open_scope():
            result = func_(*args, **{**kwargs, **more})
        made = True
        return result

    if create_scope_now_:
        with open_scope():
            pass
    return template
