"""The global step: the variable that counts the steps of a training run."""

from npslim.dtypes import int64
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import zeros_initializer
from npslim.variables.sharing import VariableExists, get_variable


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
