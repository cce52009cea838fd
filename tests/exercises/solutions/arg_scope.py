import contextlib
import contextvars
import functools
import types

current = contextvars.ContextVar("current", default=types.MappingProxyType({}))


def add_arg_scope(function):
    @functools.wraps(function)
    def scoped(*args, **kwargs):
        return function(*args, **{**current.get().get(scoped, {}), **kwargs})

    return scoped


@contextlib.contextmanager
def arg_scope(functions, **defaults):
    scope = dict(current.get())
    for function in functions:
        scope[function] = {**scope.get(function, {}), **defaults}
    token = current.set(scope)
    try:
        yield
    finally:
        current.reset(token)
