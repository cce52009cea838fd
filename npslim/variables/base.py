"""A variable is state with a name, an initial value and a place in collections.

It is three nodes: `<name>` is its state, `<name>/Assign` gives it the initial value, `<name>/read` is its value as a
plain use sees it, from before the assignments of a run. `read_value()` defines a later read.

before: autograd/check.py   next: sharing.py
"""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import numpy_dtype
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops import state
from npslim.ops.cond import cond
from npslim.spec import TensorShape, as_shape, is_full, show_shape
from npslim.tensor import Operators


class Variable(Operators):
    """State that a session keeps between runs.

    initial_value: a tensor, an array, or a function without arguments that returns one. collections: where the variable
    is put, GLOBAL_VARIABLES unless given; TRAINABLE_VARIABLES besides if `trainable`. validate_shape: False if the
    shape may change. shape: the static shape, that of the initial value unless given. constraint: what an optimizer
    applies to the value after each update. The other arguments are accepted for old programs.
    Raises ValueError without an initial value, or for one of unknown shape (unless validate_shape is False).
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
            raise InvalidArgumentError(
                "A variable needs an initial value.", got="initial_value=None", made_at=user_line()
            )
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
        """The graph that the nodes are in."""
        return self._ref.graph

    @property
    def device(self):
        """The device that is noted on the node of the state."""
        return self._ref.device

    @property
    def dtype(self):
        """The element type, a DType."""
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
