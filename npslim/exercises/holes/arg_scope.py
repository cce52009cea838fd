"""Exercise: defaults for arguments that nest.

    @add_arg_scope
    def conv(x, depth, padding="SAME"): ...

    with arg_scope([conv], padding="VALID"):
        conv(x, 3)                    # is called with padding="VALID"
        conv(x, 3, padding="SAME")    # what is said at the call wins

Check with: python -m npslim exercise check arg_scope.py
"""

import contextlib
import functools


def add_arg_scope(function):
    """Decorate `function`, so that `arg_scope` can give its arguments other defaults."""
    raise NotImplementedError


@contextlib.contextmanager
def arg_scope(functions, **defaults):
    """Within it, calls of `functions` get `defaults` for the arguments that they are not given. Inner scopes win."""
    raise NotImplementedError
    yield
