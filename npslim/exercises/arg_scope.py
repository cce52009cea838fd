"""Tests of the exercise `arg_scope`."""

import threading

from npslim.exercises import Wrong
from npslim.exercises.common import named


def made(answer):
    """The answer's arg_scope, and two functions that it can set."""
    decorate = named(answer, "add_arg_scope")

    @decorate
    def conv(x, depth=1, padding="SAME"):
        """A convolution."""
        return x, depth, padding

    @decorate
    def pool(x, padding="VALID"):
        return x, padding

    return named(answer, "arg_scope"), conv, pool


def equal(found, expected, what):
    if found != expected:
        raise Wrong(f"{what} gives {found!r}, expected {expected!r}.")


def check_without_a_scope(answer):
    """Outside of all scopes a decorated function is what it was: pass on *args and **kwargs, return the result."""
    _, conv, _ = made(answer)
    equal(conv(0, padding="A"), (0, 1, "A"), "conv(0, padding='A')")


def check_the_name_stays(answer):
    """functools.wraps keeps the name and the docstring."""
    _, conv, _ = made(answer)
    equal((conv.__name__, conv.__doc__), ("conv", "A convolution."), "(conv.__name__, conv.__doc__)")


def check_a_default(answer):
    """Keep a dictionary {function: {argument: value}}; a decorated function looks itself up there when it is called."""
    scope, conv, _ = made(answer)
    with scope([conv], padding="B"):
        equal(conv(0), (0, 1, "B"), "conv(0) in arg_scope([conv], padding='B')")


def check_the_call_wins(answer):
    """Merge as {**defaults, **kwargs}: what stands on the right wins."""
    scope, conv, _ = made(answer)
    with scope([conv], padding="B"):
        equal(conv(0, padding="C"), (0, 1, "C"), "conv(0, padding='C')")


def check_other_functions_are_left_alone(answer):
    """A scope is for the functions of its list, and for no others."""
    scope, conv, pool = made(answer)
    with scope([conv], padding="B"):
        equal(pool(0), (0, "VALID"), "pool(0) in a scope of conv")


def check_it_ends(answer):
    """Put back what was before in a `finally`: a scope ends by an exception too."""
    scope, conv, _ = made(answer)
    try:
        with scope([conv], padding="B"):
            raise KeyError
    except KeyError:
        pass
    equal(conv(0), (0, 1, "SAME"), "conv(0) after the scope")


def check_nesting(answer):
    """An inner scope adds to the outer one, and wins where both speak. Copy the dictionaries: the outer one must not
    change."""
    scope, conv, pool = made(answer)
    with scope([conv, pool], padding="B"):
        with scope([conv], depth=7):
            equal(conv(0), (0, 7, "B"), "conv(0) in two scopes")
            with scope([conv], padding="C"):
                equal(conv(0), (0, 7, "C"), "conv(0) in three scopes")
        equal(conv(0), (0, 1, "B"), "conv(0) back in the outer scope")
        equal(pool(0), (0, "B"), "pool(0) in the outer scope")


def check_threads(answer):
    """Another thread must not see this thread's scope: keep the dictionary in a contextvars.ContextVar."""
    scope, conv, _ = made(answer)
    seen = []
    with scope([conv], padding="B"):
        thread = threading.Thread(target=lambda: seen.append(conv(0)))
        thread.start()
        thread.join()
    equal(seen, [(0, 1, "SAME")], "conv(0) in another thread")
