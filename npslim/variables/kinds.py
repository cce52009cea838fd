"""The kinds of variables that slim tells apart: model, global and local ones; and the devices noted on them."""

import contextlib
import functools

from npslim.dtypes import float32
from npslim.graph import device, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.scopes import add_arg_scope, get_variable_scope
from npslim.variables.base import Variable
from npslim.variables.find import get_model_variables
from npslim.variables.sharing import get_variable


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
