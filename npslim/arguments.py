"""Checks of arguments that many functions make alike. Their errors name the user's line."""

from npslim.caller import user_line
from npslim.errors import ArgumentTypeError, InvalidArgumentError


def check_function(value, what, optional=False):
    """Raise ArgumentTypeError unless `value`, the argument `what`, can be called; `optional`: None is fine, too."""
    if not (callable(value) or optional and value is None):
        raise ArgumentTypeError(
            f"{what} cannot be called.", expected="a function", got=repr(value), made_at=user_line()
        )


def check_choice(value, choices, what, error=InvalidArgumentError):
    """Raise InvalidArgumentError, or another `error`, unless `value` is one of `choices`, names of a `what`."""
    if value not in choices:
        raise error(f"Unknown {what}.", expected=" or ".join(choices), got=repr(value), made_at=user_line())
