"""Where new nodes go: the scopes of a graph. Names are unique, and follow TensorFlow's rules.

Checkpoints, filters and old programs rely on names. Each thread has its own scopes; the names in use are the graph's.

before: tensor.py   next: graph.py
"""

import contextlib
import re
import threading
from typing import Any

from npslim.errors import ArgumentTypeError, ScopeError
from npslim.tensor import Node

_VALID_NODE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\\-/]*")
_VALID_SCOPE_NAME = re.compile(r"[A-Za-z0-9_.\\\-/]*")


class _Here(threading.local):
    """What a thread's new nodes get from the `with` blocks around them."""

    def __init__(self):
        self.name = ""
        self.controls: tuple[Node, ...] = ()
        self.device: Any = ""
        self.frame = self.forward = None
        self.gradients: dict[str, str] = {}

    @contextlib.contextmanager
    def set(self, **changes):
        """Other values for some of it, until the block is left."""
        own = self.__dict__  # this thread's
        before = {key: own[key] for key in changes}
        own.update(changes)
        try:
            yield
        finally:
            own.update(before)


class Scopes:
    """The part of a Graph that knows names, and what new nodes get from the scopes around them."""

    def __init__(self):
        self.lock = threading.RLock()
        self._here = _Here()
        self._names_in_use = {}

    # ---- names

    def unique_name(self, name, mark_as_used=True):
        """`name` inside the current name scope, with `_1`, `_2` ... if it is taken (case does not count)."""
        with self.lock:
            if self._here.name:
                name = f"{self._here.name}/{name}"
            key, used = name.lower(), self._names_in_use
            i = used.get(key, 0)
            if mark_as_used:
                used[key] = i + 1
            if i > 0:
                base = key
                while key in used:
                    key = f"{base}_{i}"
                    i += 1
                if mark_as_used:
                    used[key] = 1
                name = f"{name}_{i - 1}"
            return name

    def node_name(self, name):
        """The unique name for a node that is asked to be called `name`; 'a/b/' means exactly 'a/b'."""
        if name.endswith("/"):
            return name[:-1]
        if not _VALID_NODE_NAME.fullmatch(name) and not (self._here.name and _VALID_SCOPE_NAME.fullmatch(name)):
            raise ScopeError("This is not a valid name for a node.", expected="letters, digits and ._-/", got=name)
        return self.unique_name(name)

    def get_name_scope(self):
        """The current name scope, without a slash at its end."""
        return self._here.name

    @contextlib.contextmanager
    def name_scope(self, name):
        """Prefix names with a unique form of `name`; 'a/' means exactly that scope, None or '' the root."""
        if name and not isinstance(name, str):
            raise ArgumentTypeError("The name of a scope is a string.", got=repr(name))
        if name and not _VALID_SCOPE_NAME.fullmatch(name) or name and not self._here.name and name[0] in "_/-\\":
            raise ScopeError("This is not a valid name for a scope.", expected="letters, digits and ._-/", got=name)
        here = self._here
        before = here.name
        here.name = "" if not name else name[:-1] if name.endswith("/") else self.unique_name(name)
        try:  # not by `set`: every op opens a scope
            yield here.name + "/" if here.name else ""
        finally:
            here.name = before

    # ---- what else new nodes get

    def device(self, device_name_or_function):
        """Note a device, a name or a function of the node, on new nodes; the session decides where things run."""
        named = device_name_or_function
        return self._here.set(device=named if isinstance(named, str) or callable(named) else named or "")

    @contextlib.contextmanager
    def colocate_with(self, op, ignore_existing=False):
        """Accepted for old programs: everything of a session is in one place."""
        yield

    def made_by(self, node):
        """New nodes belong to the gradient of `node`, and carry its user's line: the line that asked for the value."""
        return self._here.set(frame=node.frame, forward=node)

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map):
        """New nodes of a type that is in the dictionary get the gradient registered under the name it gives.

        See `npslim.autograd.registered.RegisterGradient`. Raises TypeError for anything but a dictionary of names.
        """
        if not isinstance(op_type_map, dict) or not all(
            isinstance(n, str) for pair in op_type_map.items() for n in pair
        ):
            raise ArgumentTypeError(
                "gradient_override_map takes a dictionary.", expected="{type of a node: name of a gradient}",
                got=repr(op_type_map),
            )  # fmt: skip
        with self._here.set(gradients={**self._here.gradients, **op_type_map}):
            yield
