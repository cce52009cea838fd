"""Variables: state with a name, an initial value and a place in collections; how to make, share, find and count them.

A variable is three nodes: `<name>` is its state, `<name>/Assign` gives it the initial value, `<name>/read` is its value
as a plain use sees it, from before the assignments of a run. `read_value()` defines a later read.

before: autograd/reverse.py   next: optimizers.py
"""

import contextlib
import functools
import inspect
import re
from typing import Any

import numpy as np

from npslim.caller import check_function
from npslim.convert import as_array, as_tensor, contains_tensor
from npslim.dtypes import as_dtype, float32, int64, numpy_dtype
from npslim.errors import (
    AlreadyExistsError,
    ArgumentTypeError,
    DTypeError,
    InvalidArgumentError,
    NotFoundError,
    ShapeError,
)
from npslim.graph import device, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import glorot_uniform_initializer, zeros_initializer
from npslim.ops import state
from npslim.ops.control import cond
from npslim.partitioners import say_that_it_stays_whole
from npslim.scopes import AUTO_REUSE, VariableScope, add_arg_scope, get_variable_scope, variable_store
from npslim.spec import TensorShape, as_shape, compatible, is_full, show_shape
from npslim.tensor import Operators


class Variable(Operators):
    """State that a session keeps between runs.

    initial_value: a tensor, an array, or a function without arguments that returns one. collections: where the variable
    is put, GLOBAL_VARIABLES unless given; TRAINABLE_VARIABLES besides if `trainable`. validate_shape: False if the
    shape may change. Raises ValueError for an initial value of unknown shape (unless validate_shape is False).
    """

    def __init__(
        self,
        initial_value=None,
        trainable=True,
        collections=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        expected_shape=None,
        import_scope=None,
        constraint=None,
        use_resource=None,
        synchronization=None,
        aggregation=None,
        shape=None,
    ):
        if initial_value is None:
            raise InvalidArgumentError("A variable needs an initial value.", got="initial_value=None")
        if not isinstance(collections, list | tuple | set | None):
            raise ArgumentTypeError(
                "collections is a list of names.", expected="a list or tuple", got=repr(collections)
            )
        graph = outermost(get_default_graph())
        with graph.as_default(), graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            value = self._initial_value(graph, initial_value, dtype)
            if validate_shape and not is_full(value.spec.shape):
                raise ShapeError(
                    f"{scope[:-1]}: the initial value's shape is not known.", expected="a shape fully known",
                    got=show_shape(value.spec.shape), hint="validate_shape=False allows any shape",
                )  # fmt: skip
            known = as_shape(shape) if shape is not None else value.spec.shape if validate_shape else None
            self._ref = state.variable(shape=known, dtype=value.spec.dtype, name=scope)
            self.initializer = state.assign(self._ref, value, validate_shape=validate_shape, name="Assign").op
            self._read = state.read(self._ref, name="read")
        self.initial_value = value
        self.trainable = trainable is None or bool(trainable)
        self.constraint = constraint
        collections = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        if self.trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(collections, self)

    @staticmethod
    def _initial_value(graph, initial_value, dtype):
        dtype = None if dtype is None else numpy_dtype(dtype)
        if not callable(initial_value):
            return as_tensor(initial_value, dtype, name="initial_value")
        with graph.name_scope("Initializer"):
            return as_tensor(initial_value(), dtype, name="initial_value")

    @classmethod
    def of_nodes(cls, ref, initializer, read, trainable=True):
        """The variable of nodes that exist: its state, its first assignment, and its value (None: defined here)."""
        made = cls.__new__(cls)
        made._ref, made.initializer = ref, initializer
        made._read = state.read(ref, name=f"{ref.op.name}/read/") if read is None else read
        made.initial_value = initializer.inputs[1]
        made.trainable, made.constraint = trainable, None
        return made

    # ---- what the engine asks for

    def _as_tensor(self):
        return self._read

    def _as_ref(self):
        return self._ref

    def _as_graph_element(self):
        return self._ref

    # ---- what it is

    @property
    def name(self):
        """'scope/name:0'."""
        return self._ref.name

    @property
    def op(self):
        """The node of the state; `op.name` is the name without ':0'."""
        return self._ref.op

    @property
    def graph(self):
        return self._ref.graph

    @property
    def device(self):
        return self._ref.device

    @property
    def dtype(self):
        return self._ref.dtype

    @property
    def spec(self):
        """Shape and dtype."""
        return self._ref.spec

    @property
    def shape(self):
        """The static shape, a TensorShape."""
        return TensorShape(self._ref.spec.shape)

    def get_shape(self):
        """The static shape, a TensorShape."""
        return self.shape

    def set_shape(self, shape):
        """Add what is known of the shape."""
        self._ref.set_shape(shape)
        self._read.set_shape(shape)

    # ---- reading

    def value(self):
        """The value from before the run's assignments."""
        return self._read

    def read_value(self):
        """A new read: the value as it is at this place of the program."""
        return state.read(self._ref, name="read")

    def initialized_value(self):
        """The value if the variable is initialized, else its initial value: to initialize another one with."""
        return cond(state.is_variable_initialized(self._ref), self.read_value, lambda: self.initial_value)

    def eval(self, session=None):
        """The value, computed by `session` or the default session."""
        return self._read.eval(session=session)

    # ---- writing

    def assign(self, value, use_locking=False, name=None, read_value=True):
        """A tensor: the new value, once it is assigned."""
        return state.assign(self._ref, as_tensor(value, self.spec.dtype), name=name)

    def assign_add(self, delta, use_locking=False, name=None, read_value=True):
        """A tensor: the value, once `delta` is added to it."""
        return state.assign_add(self._ref, as_tensor(delta, self.spec.dtype), name=name)

    def assign_sub(self, delta, use_locking=False, name=None, read_value=True):
        """A tensor: the value, once `delta` is subtracted from it."""
        return state.assign_sub(self._ref, as_tensor(delta, self.spec.dtype), name=name)

    def scatter_sub(self, sparse_delta, use_locking=False, name=None):
        """Subtract the rows of an IndexedSlices."""
        return state.scatter_sub(self._ref, sparse_delta.indices, sparse_delta.values, name=name)

    def scatter_add(self, sparse_delta, use_locking=False, name=None):
        """Add the rows of an IndexedSlices."""
        return state.scatter_add(self._ref, sparse_delta.indices, sparse_delta.values, name=name)

    def scatter_update(self, sparse_delta, use_locking=False, name=None):
        """Set the rows of an IndexedSlices."""
        return state.scatter_update(self._ref, sparse_delta.indices, sparse_delta.values, name=name)

    def count_up_to(self, limit):
        """Add one until `limit`, then raise OutOfRangeError; the value before adding."""
        return state.count_up_to(self._ref, limit=limit)

    def load(self, value, session=None):
        """Set the value in `session` (or the default one) at once."""
        feed = {self.initializer.inputs[1]: value}
        self.initializer.run(feed, session)

    def ref(self):
        """A hashable reference; a variable is one itself."""
        return self

    def __repr__(self):
        return f"<Variable '{self.name}' {self.spec}>"


def outermost(graph):
    """The graph that branches of conds and bodies of loops belong to: variables live there."""
    while getattr(graph, "outer", None) is not None:
        graph = graph.outer
    return graph


# ---- get_variable


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
    loss, added to REGULARIZATION_LOSSES when the variable is made. A variable with a partitioner stays whole, and the
    log says so once.
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
            expected="a variable made before, since reuse=True", got=name,
            hint="reuse=AUTO_REUSE makes it when it is missing",
        )  # fmt: skip
    check_function(regularizer, "regularizer")
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
                got=show_shape(shape),
            )  # fmt: skip
        initial_value = functools.partial(initializer, list(shape or ()), dtype=dtype)
    else:
        initial_value = _value(initializer, dtype.dtype)
        if shape is not None and not compatible(shape, as_shape(initial_value.shape)):
            raise ShapeError(
                f"{name}: the initial value does not have the shape that is asked for.",
                expected=show_shape(shape), got=show_shape(as_shape(initial_value.shape)),
            )  # fmt: skip
    graph = outermost(get_default_graph())
    if name == get_variable_scope().name:
        name += "/"  # a slot: it is called what its scope is called
    with graph.as_default(), graph.name_scope(None):
        return Variable(
            initial_value, trainable=trainable is None or trainable, collections=collections, name=name, dtype=dtype,
            validate_shape=validate_shape, constraint=constraint,
        )  # fmt: skip


# ---- slim's variables


@add_arg_scope
def variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=True,
    collections=None,
    caching_device=None,
    device=None,
    partitioner=None,
    custom_getter=None,
    use_resource=None,
    synchronization=None,
    aggregation=None,
):
    """A variable of the current scope, made or shared; see `get_variable`.

    device: a name, or a function of the node, noted on the variable. collections: GLOBAL_VARIABLES unless given.
    custom_getter: called in place of `get_variable`, with its arguments and the scope's `reuse`.
    """
    collections = list(dict.fromkeys([GraphKeys.GLOBAL_VARIABLES] if collections is None else collections))
    getter = get_variable
    if custom_getter is not None:
        getter = functools.partial(custom_getter, reuse=get_variable_scope().reuse)
    with _on(device):
        return getter(
            name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer, trainable=trainable,
            collections=collections, caching_device=caching_device, partitioner=partitioner, use_resource=use_resource,
            synchronization=synchronization, aggregation=aggregation,
        )  # fmt: skip


def _on(where):
    return contextlib.nullcontext() if where is None else device(where)


class VariableDeviceChooser:
    """A device function that deals variables out to the tasks of a job, one after the other.

    num_tasks: 0 for one place only. job_name, replica: of the device's name. device_type, device_index: of every task.
    Devices are noted on the nodes; a session is in one place all the same.
    """

    def __init__(self, num_tasks=0, job_name="ps", device_type="CPU", device_index=0, replica=None):
        self._job_name, self._device_type, self._device_index = job_name, device_type, device_index
        self._replica, self._num_tasks = replica, num_tasks
        self._next_task_id = 0

    def __call__(self, op):
        """The device of a node: the next task's for a variable, the last one's for others."""
        job = ""
        if self._num_tasks > 0 and self._job_name:
            task = self._next_task_id
            if op is not None and getattr(op, "type", "") == "VariableV2":
                self._next_task_id = (task + 1) % self._num_tasks
            replica = "" if self._replica is None else f"/replica:{self._replica}"
            job = f"/job:{self._job_name}{replica}/task:{task}"
        return f"{job}/device:{self._device_type}:{self._device_index}"


@add_arg_scope
def model_variable(
    name,
    shape=None,
    dtype=float32,
    initializer=None,
    regularizer=None,
    trainable=True,
    collections=None,
    caching_device=None,
    device=None,
    partitioner=None,
    custom_getter=None,
    use_resource=None,
    synchronization=None,
    aggregation=None,
):
    """A variable that is part of the model: in MODEL_VARIABLES and GLOBAL_VARIABLES besides `collections`."""
    collections = [*(collections or ()), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(
        name, shape=shape, dtype=dtype, initializer=initializer, regularizer=regularizer, trainable=trainable,
        collections=collections, caching_device=caching_device, device=device, partitioner=partitioner,
        custom_getter=custom_getter, use_resource=use_resource, synchronization=synchronization,
        aggregation=aggregation,
    )  # fmt: skip


def local_variable(initial_value, validate_shape=True, name=None, use_resource=None):
    """A variable that is not saved and not trained: in LOCAL_VARIABLES."""
    return Variable(
        initial_value,
        trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES],
        validate_shape=validate_shape,
        name=name,
    )


def global_variable(initial_value, validate_shape=True, name=None, use_resource=None):
    """A variable that is saved and not trained: in GLOBAL_VARIABLES."""
    return Variable(
        initial_value,
        trainable=False,
        collections=[GraphKeys.GLOBAL_VARIABLES],
        validate_shape=validate_shape,
        name=name,
    )


def add_model_variable(var):
    """Add `var` to MODEL_VARIABLES, if it is not there."""
    if var not in get_model_variables():
        get_default_graph().add_to_collection(GraphKeys.MODEL_VARIABLES, var)


# ---- finding variables


def get_variables(scope=None, suffix=None, collection=GraphKeys.GLOBAL_VARIABLES):
    """The variables of `collection` whose name begins with `scope` (a regular expression or a VariableScope).

    suffix: what the name, without ':0', ends with.
    """
    scope = scope.name if isinstance(scope, VariableScope) else scope
    for what, value in (("scope", scope), ("suffix", suffix)):
        if value is not None and not isinstance(value, str):
            raise ArgumentTypeError(f"The {what} is a string.", expected="a string", got=repr(value))
    if suffix is not None:
        scope = (scope or "") + ".*" + (suffix if ":" in suffix else suffix + ":")
    return get_default_graph().get_collection(collection, scope)


def get_model_variables(scope=None, suffix=None):
    """The variables of MODEL_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope=None, suffix=None):
    """The variables of LOCAL_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope=None, suffix=None):
    """The variables of TRAINABLE_VARIABLES; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix, scope=None):
    """The variables whose name ends with `suffix`."""
    return get_variables(scope=scope, suffix=suffix)


def get_variables_by_name(given_name, scope=None):
    """The variables whose last name is `given_name`, in any scope."""
    if not isinstance(given_name, str):
        raise ArgumentTypeError("A name is a string.", expected="a string", got=repr(given_name))
    return get_variables(scope=scope, suffix=f"/{given_name}:|^{given_name}:")


def get_unique_variable(var_op_name):
    """The variable whose name is exactly `var_op_name`. Raises ValueError if there is none."""
    candidates = get_variables(scope=re.escape(var_op_name))
    for candidate in candidates:
        if candidate.op.name == var_op_name:
            return candidate
    raise InvalidArgumentError(
        f"Couldn't find variable {var_op_name}.", expected=var_op_name,
        got=", ".join(c.op.name for c in candidates) or "no variable whose name begins like that",
    )  # fmt: skip


def get_variable_full_name(var):
    """The name that a checkpoint keeps `var` under."""
    return var.op.name


def get_variables_to_restore(include=None, exclude=None):
    """The global variables whose names begin with one of `include` (all if None) and with none of `exclude`."""
    if include is not None and not isinstance(include, list | tuple | set):
        raise ArgumentTypeError("include is a list of scopes.", expected="a list or tuple", got=repr(include))
    if exclude is not None and not isinstance(exclude, list | tuple | set):
        raise ArgumentTypeError("exclude is a list of scopes.", expected="a list or tuple", got=repr(exclude))
    found = get_variables() if include is None else [v for scope in include for v in get_variables(scope)]
    left_out = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in found if v not in left_out]


def filter_variables(var_list, include_patterns=None, exclude_patterns=None, reg_search=True):
    """The variables whose name (with ':0') matches one of `include_patterns`, if given, and none of `exclude_patterns`.

    reg_search: look anywhere in the name; False: from its beginning.
    """
    match = re.search if reg_search else re.match

    def matches(var, patterns):
        return any(match(pattern, var.name) for pattern in patterns)

    return [
        var
        for var in var_list
        if (include_patterns is None or matches(var, include_patterns)) and not matches(var, exclude_patterns or ())
    ]


def global_variables(scope=None):
    """The variables that are saved: GLOBAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope=None):
    """The variables that are not saved: LOCAL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope=None):
    """The variables that optimizers train: TRAINABLE_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope=None):
    """The variables that make up the model: MODEL_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope=None):
    """The variables that have a moving average: MOVING_AVERAGE_VARIABLES."""
    return get_default_graph().get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


# ---- initializing


def variables_initializer(var_list, name="init"):
    """A node that gives each of `var_list` its initial value."""
    return state.group(*(var.initializer for var in var_list), name=name)


def global_variables_initializer():
    """A node that initializes all global variables."""
    return variables_initializer(global_variables())


def local_variables_initializer():
    """A node that initializes all local variables."""
    return variables_initializer(local_variables())


def report_uninitialized_variables(var_list=None, name="report_uninitialized_variables"):
    """A 1-d string tensor: the names of the variables (global and local ones unless given) without a value."""
    var_list = global_variables() + local_variables() if var_list is None else list(var_list)
    return state.uninitialized_names(*var_list, name=name)


def assign_from_values(var_names_to_values):
    """(node, feed_dict): running the node with the feeds sets the variables, given by name, to the values.

    A value of another shape and as many elements is reshaped.
    """
    assigns, feeds = [], {}
    for name, value in var_names_to_values.items():
        var = get_unique_variable(name)
        value = np.asarray(value, var.dtype.dtype)
        if not compatible(value.shape, var.spec.shape):
            if value.size != var.shape.num_elements():
                raise ShapeError(
                    f"{name}: the value does not have the variable's shape.",
                    expected=show_shape(var.spec.shape), got=show_shape(value.shape),
                )  # fmt: skip
            value = value.reshape(var.spec.shape)
        feed = state.placeholder(dtype=var.dtype.dtype, shape=value.shape, name=f"{var.op.name}/value")
        feeds[feed] = value
        assigns.append(state.assign(var, feed).op)
    return state.group(*assigns), feeds


def assign_from_values_fn(var_names_to_values):
    """A function of a session that sets the variables, given by name, to the values."""
    node, feeds = assign_from_values(var_names_to_values)
    return lambda session: session.run(node, feeds)


# ---- the global step


def get_global_step(graph=None):
    """The global step of `graph`, or None. Raises ValueError if there are several."""
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        raise InvalidArgumentError("There are several global steps.", expected="one", got=[v.name for v in found])
    found = found or [v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.name == "global_step:0"]
    if not found:
        return None
    assert_global_step(found[0])
    return found[0]


def create_global_step(graph=None):
    """A new global step: int64, 0 at first, not trained. Raises ValueError if there is one."""
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise VariableExists('"global_step" already exists.', got=get_global_step(graph).name)
    with graph.as_default(), graph.name_scope(None):
        return get_variable(
            GraphKeys.GLOBAL_STEP, shape=[], dtype=int64, initializer=zeros_initializer(), trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )  # fmt: skip


def get_or_create_global_step(graph=None):
    """The global step of `graph`, made if there is none."""
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor):
    """Raises TypeError unless it is an integer of rank 0, InvalidArgumentError unless it is a variable or tensor."""
    spec = getattr(global_step_tensor, "spec", None)
    if spec is None or spec.dtype.kind not in "iu" or spec.shape not in ((), None):
        raise ArgumentTypeError(
            "This is not a global step.", expected="an integer variable or tensor of shape []", got=global_step_tensor
        )


def assert_or_get_global_step(graph=None, global_step_tensor=None):
    """`global_step_tensor`, checked, or the graph's global step."""
    if global_step_tensor is None:
        return get_global_step(graph)
    assert_global_step(global_step_tensor)
    return global_step_tensor


def global_step(session, global_step_tensor):
    """The value of the global step in `session`, an int."""
    return int(session.run(global_step_tensor))
