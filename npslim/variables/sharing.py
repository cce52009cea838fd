"""`get_variable`: a variable of the current scope is made, or shared with whoever made it.

before: base.py   next: optimizers/base.py
"""

import functools
import inspect
from typing import Any

from npslim.arguments import check_function
from npslim.caller import user_line
from npslim.convert import as_array, as_tensor, contains_tensor
from npslim.dtypes import as_dtype, float32
from npslim.errors import AlreadyExistsError, DTypeError, NotFoundError, ShapeError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import glorot_uniform_initializer, zeros_initializer
from npslim.partitioners import say_that_it_stays_whole
from npslim.scopes import AUTO_REUSE, get_variable_scope, variable_store
from npslim.spec import as_shape, compatible, is_full, show_shape
from npslim.variables.base import Variable, outermost


def get_variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=None,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    custom_getter=None,
    constraint=None,
    synchronization=None,
    aggregation=None,
):
    """The variable `name` of the current variable scope: made, or shared, as the scope's `reuse` says.

    initializer: `f(shape, dtype=)`, or a value; the scope's or Xavier's unless given. regularizer: `f(weights)` gives a
    loss, added to REGULARIZATION_LOSSES when the variable is made. trainable, collections, validate_shape, constraint:
    see `Variable`. custom_getter: called as `f(getter, name=, ...)` with all that a variable is made from, in place of
    making it. A variable with a partitioner stays whole, and the log says so once. The other arguments are accepted
    for old programs.
    Raises ValueError if it exists and is not to be reused, is to be reused and does not exist, or exists with another
    shape or dtype.
    """
    scope = get_variable_scope()
    getter = custom_getter or scope.custom_getter
    full_name = "/".join(part for part in (scope.name, name) if part)
    arguments: dict[str, Any] = dict(
        shape=shape,
        dtype=float32 if dtype is None and scope.dtype is None else as_dtype(dtype or scope.dtype),
        initializer=initializer if initializer is not None else scope.initializer,
        regularizer=regularizer if regularizer is not None else scope.regularizer,
        reuse=scope.reuse,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        partitioner=partitioner or scope.partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )
    if dtype is None and initializer is not None and not callable(initializer):
        arguments["dtype"] = as_dtype(_value(initializer).dtype)
    if getter is None:
        return _shared_or_new(full_name, **arguments)
    return getter(_shared_or_new, name=full_name, **arguments)


def _shared_or_new(
    name,
    shape=None,
    dtype=float32,
    initializer=None,
    regularizer=None,
    reuse=None,
    trainable=None,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    constraint=None,
    synchronization=None,
    aggregation=None,
    **_,
):
    store = variable_store()
    found = store.variables.get(name)
    if found is not None:
        _check_shared(found, name, shape, dtype, reuse)
        return found
    if reuse and reuse is not AUTO_REUSE:
        raise NotShared(
            f"Variable {name} does not exist, or was not created with get_variable().",
            expected="a variable made before, since reuse=True", got=name, made_at=user_line(),
            hint="reuse=AUTO_REUSE makes it when it is missing",
        )  # fmt: skip
    check_function(regularizer, "regularizer", optional=True)
    say_that_it_stays_whole(name, partitioner)
    made = _new_variable(name, shape, dtype, initializer, trainable, collections, validate_shape, constraint)
    store.variables[name] = made
    if regularizer is not None:
        graph = made.graph
        with graph.as_default(), graph.name_scope(name + "/Regularizer/"):
            loss = regularizer(made)
        if loss is not None:
            graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return made


class NotShared(NotFoundError, ValueError):
    """A variable that is to be reused does not exist."""


def _check_shared(found, name, shape, dtype, reuse):
    if not reuse:
        raise VariableExists(
            f"Variable {name} already exists, disallowed.",
            expected="a new name", got=name, made_at=found.op.made_at,
            hint="did you mean to set reuse=True or reuse=AUTO_REUSE in the variable scope?",
        )  # fmt: skip
    if shape is not None and not compatible(as_shape(shape), found.spec.shape):
        raise ShapeError(
            f"Trying to share variable {name}, but its shape is another one.",
            expected=show_shape(found.spec.shape), got=show_shape(as_shape(shape)), made_at=found.op.made_at,
        )  # fmt: skip
    if dtype is not None and as_dtype(dtype) != found.dtype:
        raise DTypeError(
            f"Trying to share variable {name}, but its dtype is another one.",
            expected=found.dtype.name, got=as_dtype(dtype).name, made_at=found.op.made_at,
        )  # fmt: skip


class VariableExists(AlreadyExistsError, ValueError):
    """A variable of that name exists and is not to be shared."""


def _value(initializer, dtype=None):
    """An initializer that is a value: a tensor, or an array, of which the variable makes its own node."""
    return as_tensor(initializer, dtype) if contains_tensor(initializer) else as_array(initializer, dtype)


def _new_variable(name, shape, dtype, initializer, trainable, collections, validate_shape, constraint):
    dtype = as_dtype(dtype)
    shape = None if shape is None else as_shape(shape)
    if initializer is None:
        initializer = glorot_uniform_initializer() if dtype.is_floating else zeros_initializer()
    if inspect.isclass(initializer):
        initializer = initializer()
    if callable(initializer):
        if not is_full(shape):
            raise ShapeError(
                f"Shape of a new variable ({name}) must be fully defined.", expected="every size known",
                got=show_shape(shape), made_at=user_line(),
            )  # fmt: skip
        initial_value = functools.partial(initializer, list(shape or ()), dtype=dtype)
    else:
        initial_value = _value(initializer, dtype.dtype)
        if shape is not None and not compatible(shape, as_shape(initial_value.shape)):
            raise ShapeError(
                f"{name}: the initial value does not have the shape that is asked for.",
                expected=show_shape(shape), got=show_shape(as_shape(initial_value.shape)), made_at=user_line(),
            )  # fmt: skip
    graph = outermost(get_default_graph())
    if name == get_variable_scope().name:
        name += "/"  # a slot: it is called what its scope is called
    with graph.as_default(), graph.name_scope(None):
        return Variable(
            initial_value, trainable=trainable is None or trainable, collections=collections, name=name, dtype=dtype,
            validate_shape=validate_shape, constraint=constraint,
        )  # fmt: skip
