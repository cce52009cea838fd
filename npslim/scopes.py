"""Scopes: defaults for arguments (arg_scope), names of nodes (name_scope), names and sharing of variables.

`arg_scope` keeps its defaults in a ContextVar, so threads do not see each other's, and checks an argument's name when
the scope is opened. Variable scopes follow TensorFlow's rules for names, reuse and inheritance.
"""

import contextlib
import contextvars
import copy
import functools
import inspect
import threading
import types
from collections.abc import Mapping
from typing import Any

from npslim.arguments import check_function
from npslim.errors import ArgumentTypeError, ScopeError, nearest
from npslim.graph import get_default_graph
from npslim.parameters import Parameters
from npslim.shown import Shown

# ---- arg_scope

_scoped = {}  # key -> the parameters of the function, and whether it takes any others
_current: contextvars.ContextVar[Mapping] = contextvars.ContextVar("arg_scope", default=types.MappingProxyType({}))


class ArgScope(dict, Shown):
    """The defaults that an `arg_scope` yields: {key of a function: {argument: value}}."""

    @staticmethod
    def name_of(key):
        """The name of the function of that key."""
        return _name(_scoped[key][2]) if key in _scoped else key


def arg_scope_func_key(op):
    """The key under which an arg_scope keeps the defaults of `op`."""
    return getattr(op, "_key_op", str(op))


def add_arg_scope(func):
    """Decorate `func` so that `arg_scope` can set its arguments."""
    check_function(func, "What add_arg_scope decorates")
    key = str(func)

    @functools.wraps(func)
    def func_with_args(*args, **kwargs):
        defaults = _current.get().get(key)
        if not defaults:
            return func(*args, **kwargs)
        by_place = names[: len(args)]  # these win as well, where TF-Slim says that they are given twice
        return func(*args, **({k: v for k, v in defaults.items() if k not in by_place} | kwargs))

    func_with_args._key_op = key  # pyright: ignore[reportAttributeAccessIssue]
    takes = Parameters.of(func)
    names = takes.positional
    _scoped[key] = ((*names, *takes.keywords), takes.any_keyword, func)
    return func_with_args


def has_arg_scope(func):
    """True if `func` is decorated with `add_arg_scope`."""
    return arg_scope_func_key(func) in _scoped


def arg_scoped_arguments(func):
    """The names of the arguments of `func` that have a default, and so are the ones a scope is for."""
    if not has_arg_scope(func):
        raise ScopeError(f"{_name(func)} is not decorated with add_arg_scope.", got=func)
    parameters = inspect.signature(_scoped[arg_scope_func_key(func)][2]).parameters.values()
    return tuple(p.name for p in parameters if p.default is not p.empty)


def current_arg_scope():
    """The defaults in force: {key of a function: {argument: value}}. Pass it to `arg_scope` to enter it again."""
    return _current.get()


@contextlib.contextmanager
def arg_scope(list_ops_or_scope, **kwargs):
    """Set defaults of the arguments `kwargs` for the functions in a list; or enter again the scope that `as` gave.

    Scopes nest, and inner ones win. Yields the defaults in force.
    Raises ScopeError (a ValueError) for a function that is not decorated with `add_arg_scope`, and for an argument
    that one of the functions does not have. TF-Slim finds the latter only when the function is called.
    """
    if isinstance(list_ops_or_scope, Mapping):
        if kwargs:
            raise ScopeError(
                "A scope that is entered again takes no further arguments.",
                expected="arg_scope(scope)",
                got=sorted(kwargs),
            )
        scope = ArgScope(list_ops_or_scope)
    else:
        if not isinstance(list_ops_or_scope, list | tuple):
            raise ArgumentTypeError(
                "arg_scope takes a list of functions, or a scope.", expected="arg_scope([f, g], argument=value)",
                got=repr(list_ops_or_scope),
            )  # fmt: skip
        scope = ArgScope(_current.get())
        for func in list_ops_or_scope:
            _check_arguments(func, kwargs)
            key = arg_scope_func_key(func)
            scope[key] = {**scope.get(key, {}), **kwargs}
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


def _check_arguments(func, kwargs):
    if not has_arg_scope(func):
        raise ScopeError(
            f"{_name(func)} is not decorated with @add_arg_scope.",
            expected="functions decorated with add_arg_scope", got=func, hint="npslim.add_arg_scope(f) makes it one",
        )  # fmt: skip
    names, takes_any, _ = _scoped[arg_scope_func_key(func)]
    for argument in kwargs:
        if argument not in names and not takes_any:
            near = nearest(argument, names, n=2)
            raise ScopeError(
                f"{_name(func)}() has no argument {argument}.",
                expected="any of " + ", ".join(names), got=argument, hint=f"{' or '.join(near)}?" if near else None,
            )  # fmt: skip


def _name(func):
    return getattr(func, "__name__", repr(func))


# ---- name scopes


@contextlib.contextmanager
def name_scope(name, default_name=None, values=None):
    """Prefix the names of new nodes with `name`, or with `default_name` if that is None.

    `values`: tensors whose graph the scope is opened in. 'a/' means exactly that scope.
    """
    name = default_name if name is None else name
    if name is None and values is not None:
        raise ScopeError("At least one of name and default_name is needed.", got="None and None")
    graph = next((v.graph for v in values or () if hasattr(v, "graph")), None)
    default = get_default_graph()
    if graph is None or hasattr(default, "outer"):
        graph = default
    with graph.as_default() if graph is not default else contextlib.nullcontext(), graph.name_scope(name) as scope:
        yield scope


# ---- variable scopes


class _Reuse:
    """AUTO_REUSE: share a variable that exists, else make it."""

    def __repr__(self):
        return "AUTO_REUSE"


AUTO_REUSE = _Reuse()


class VariableScope:
    """A prefix of variables' names, with whether they are shared, and defaults for `get_variable`."""

    def __init__(self, name="", reuse=False, original_name_scope="", **defaults):
        self._name = name
        self.reuse = reuse
        self.original_name_scope = original_name_scope
        self.initializer = defaults.get("initializer")
        self.regularizer = defaults.get("regularizer")
        self.caching_device = defaults.get("caching_device")
        self.partitioner = defaults.get("partitioner")
        self.custom_getter = defaults.get("custom_getter")
        self.constraint = defaults.get("constraint")
        self.dtype = defaults.get("dtype")
        self.use_resource = defaults.get("use_resource")

    @property
    def name(self):
        return self._name

    def reuse_variables(self):
        """From here on, variables of this scope must exist."""
        self.reuse = True

    def set_initializer(self, initializer):
        """Set the default initializer."""
        self.initializer = initializer

    def set_regularizer(self, regularizer):
        """Set the default regularizer."""
        self.regularizer = regularizer

    def set_custom_getter(self, custom_getter):
        """Set the function that `get_variable` goes through."""
        self.custom_getter = custom_getter

    def __repr__(self):
        return f"<VariableScope '{self.name}' reuse={self.reuse}>"


class VariableStore:
    """The variables of a graph that can be shared, and how often each scope was opened."""

    def __init__(self):
        self.variables = {}
        self.regularized = set()
        self.opened = {}
        self._thread = threading.local()

    @property
    def scope(self):
        """The current scope of this thread."""
        if not hasattr(self._thread, "scope"):
            self._thread.scope = VariableScope()
        return self._thread.scope

    @scope.setter
    def scope(self, scope):
        self._thread.scope = scope

    def close_inner(self, name):
        """Forget how often the scopes inside `name` were opened: their default names begin again."""
        for inner in self.opened:
            if not name or inner.startswith(name + "/"):
                self.opened[inner] = 0

    def unique(self, prefix):
        """`prefix` with _1, _2 ... until no scope of that name was opened inside the current one."""
        full = _joined(self.scope.name, prefix)
        if not self.opened.get(full):
            return prefix
        i = 1
        while self.opened.get(f"{full}_{i}"):
            i += 1
        return f"{prefix}_{i}"


def variable_store(graph: Any = None):
    """The VariableStore of `graph` (the outermost graph, inside a branch of a cond)."""
    graph = graph or get_default_graph()
    while getattr(graph, "outer", None) is not None:
        graph = graph.outer
    return graph.extras.setdefault("variable_store", VariableStore())


def get_variable_scope():
    """The current variable scope."""
    return variable_store().scope


def _joined(outer, inner):
    return f"{outer}/{inner}" if outer else inner


@contextlib.contextmanager
def variable_scope(
    name_or_scope,
    default_name=None,
    values=None,
    initializer=None,
    regularizer=None,
    caching_device=None,
    partitioner=None,
    custom_getter=None,
    reuse=None,
    dtype=None,
    use_resource=None,
    constraint=None,
    auxiliary_name_scope=True,
):
    """Prefix the names of variables and nodes, share variables, and set defaults for `get_variable`.

    name_or_scope: a name; a VariableScope, which is entered again; or None for a unique form of `default_name`.
    reuse: None inherits, True demands that variables exist, AUTO_REUSE shares those that do.
    The other arguments are defaults for variables made inside. Yields the VariableScope.
    """
    if name_or_scope is None and default_name is None:
        raise ArgumentTypeError("A variable scope needs name_or_scope or default_name.", got="None and None")
    if not isinstance(name_or_scope, str | VariableScope | None):
        raise ArgumentTypeError("name_or_scope is a name or a VariableScope.", got=repr(name_or_scope))
    if not isinstance(reuse, bool | _Reuse | None):
        raise ScopeError("reuse cannot be this.", expected="True, False, None or AUTO_REUSE", got=repr(reuse))
    store = variable_store()
    if name_or_scope is None:
        if reuse:
            raise ScopeError("reuse=True cannot be used without a name_or_scope.", got=f"default_name={default_name!r}")
        name_or_scope = store.unique(default_name)
        shown = default_name
    else:
        shown = name_or_scope if isinstance(name_or_scope, str) else name_or_scope.name.split("/")[-1]
    graph = get_default_graph()
    names = graph.name_scope(shown) if auxiliary_name_scope and shown else _same_name_scope(graph)
    with names as node_scope, _pure_variable_scope(store, name_or_scope, node_scope, reuse) as scope:
        given = dict(
            initializer=initializer, regularizer=regularizer, caching_device=caching_device, partitioner=partitioner,
            dtype=dtype, use_resource=use_resource, constraint=constraint,
        )  # fmt: skip
        for key, value in given.items():
            if value is not None:
                setattr(scope, key, value)
        if custom_getter is not None:
            scope.custom_getter = _nested_getter(custom_getter, scope.custom_getter)
        yield scope


@contextlib.contextmanager
def _same_name_scope(graph):
    scope = graph.get_name_scope()
    yield scope + "/" if scope else ""


@contextlib.contextmanager
def _pure_variable_scope(store, name_or_scope, node_scope, reuse):
    outer, counts = store.scope, None
    if isinstance(name_or_scope, VariableScope):
        scope = copy.copy(name_or_scope)
        store.opened[scope.name] = store.opened.get(scope.name, 0) + 1
        counts = dict(store.opened)
    else:
        scope = copy.copy(outer)
        scope._name = _joined(outer.name, name_or_scope)
        scope.original_name_scope = node_scope
        store.opened[scope.name] = store.opened.get(scope.name, 0) + 1
    scope.reuse = reuse or scope.reuse
    store.scope = scope
    try:
        yield scope
    finally:
        store.close_inner(scope.name)
        if counts is not None:
            store.opened = counts
        store.scope = outer


def scopes_opened():
    """How often each scope was opened so far: what default names are numbered by. For `opened_again`."""
    return dict(variable_store().opened)


@contextlib.contextmanager
def opened_again(scope, opened):
    """Enter `scope` again with the numbers of `scopes_opened()`: the same default names, and so the same variables."""
    store = variable_store()
    before, store.opened = store.opened, dict(opened)
    try:
        with variable_scope(scope, reuse=True) as again:
            yield again
    finally:
        store.opened = before


def _nested_getter(custom_getter, outer):
    """`custom_getter`, whose inner getter is the one of the outer scope."""
    if outer is None:
        return custom_getter
    return lambda getter, *args, **kwargs: custom_getter(functools.partial(outer, getter), *args, **kwargs)


@contextlib.contextmanager
def variable_op_scope(values, name_or_scope, default_name=None, **kwargs):
    """`variable_scope` with the argument order of TensorFlow 0.x."""
    with variable_scope(name_or_scope, default_name, values, **kwargs) as scope:
        yield scope
