"""Decorators that old libraries put on their functions; here they change nothing."""


def deprecated(date, instructions, warn_once=True):
    """Marks a function that will go; it stays as it is."""
    return lambda function: function


def deprecated_args(date, instructions, *deprecated_arg_names_or_tuples, **kwargs):
    """Marks arguments that will go; the function stays as it is."""
    return lambda function: function
