"""The graphs and sessions that a thread has entered: the innermost of each is its default."""

import threading

from npslim.errors import InvalidArgumentError


class _Entered(threading.local):
    def __init__(self):
        self.graphs = []
        self.sessions = []


_entered = _Entered()


def graphs():
    """This thread's stack of default graphs; the global one, below all of them, is not in it."""
    return _entered.graphs


def sessions():
    """This thread's stack of default sessions."""
    return _entered.sessions


def leave(entered, one):
    """Take `one` out of the list of what was entered: where it was entered last, for it may be in it several times."""
    del entered[len(entered) - 1 - entered[::-1].index(one)]


def get_default_session():
    """The innermost session entered in this thread, or None."""
    return _entered.sessions[-1] if _entered.sessions else None


def session_for(session):
    """`session`, or the default one if it is None. Raises InvalidArgumentError if there is none."""
    session = session or get_default_session()
    if session is None:
        raise InvalidArgumentError(
            "There is no session to compute this.", hint="with Session(): ..., or pass session=, or session.run(x)"
        )
    return session
