"""DEFINE. A `Node` is one application of an op, a `Tensor` is one of its outputs. Neither holds a value.

A node knows its inputs, its attributes, a unique name, and the user's line that made it. A tensor knows its node, and
what is known of its shape and dtype.

before: spec.py   next: graph_scopes.py
"""

from npslim.caller import show_frame
from npslim.defaults import session_for
from npslim.dtypes import DTYPES
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.registry import OPERATORS
from npslim.shown import Shown
from npslim.spec import Spec, TensorShape, as_shape, merge, show_shape


def _operator(method):
    def apply(self, *others):
        return OPERATORS[method](self, *others)

    apply.__name__ = method
    return apply


class Operators(Shown):
    """Python's operators for tensors and variables: each is the op that `OPERATORS` names."""

    __slots__ = ("__weakref__",)

    __add__, __radd__ = _operator("__add__"), _operator("__radd__")
    __sub__, __rsub__ = _operator("__sub__"), _operator("__rsub__")
    __mul__, __rmul__ = _operator("__mul__"), _operator("__rmul__")
    __truediv__, __rtruediv__ = _operator("__truediv__"), _operator("__rtruediv__")
    __floordiv__, __rfloordiv__ = _operator("__floordiv__"), _operator("__rfloordiv__")
    __mod__, __rmod__ = _operator("__mod__"), _operator("__rmod__")
    __pow__, __rpow__ = _operator("__pow__"), _operator("__rpow__")
    __matmul__, __rmatmul__ = _operator("__matmul__"), _operator("__rmatmul__")
    __and__, __rand__ = _operator("__and__"), _operator("__rand__")
    __or__, __ror__ = _operator("__or__"), _operator("__ror__")
    __xor__, __rxor__ = _operator("__xor__"), _operator("__rxor__")
    __lt__, __le__ = _operator("__lt__"), _operator("__le__")
    __gt__, __ge__ = _operator("__gt__"), _operator("__ge__")
    __neg__, __abs__, __invert__ = _operator("__neg__"), _operator("__abs__"), _operator("__invert__")
    __getitem__ = _operator("__getitem__")
    __array_priority__ = 100  # so that ndarray + tensor asks the tensor

    def __iter__(self):
        raise ArgumentTypeError(
            "A tensor cannot be iterated: it has no value yet.", got=self, hint="unstack(x) gives its parts"
        )

    def __bool__(self):
        raise ArgumentTypeError(
            "A tensor has no truth value while the graph is defined.", got=self, hint="cond(x, true_fn, false_fn)"
        )

    def __array__(self, *_, **__):
        raise ArgumentTypeError(
            "A tensor has no value while the graph is defined.", got=self, hint="session.run(x) computes it"
        )


class Tensor(Operators):
    """Output `value_index` of a node. It has a name, a dtype and a static shape, and no value."""

    __slots__ = ("op", "value_index", "spec", "aliases")

    def __init__(self, node, value_index, spec):
        self.op = node
        self.value_index = value_index
        self.spec = spec

    @property
    def name(self):
        """'scope/node:0'."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self):
        """The graph that the node is in."""
        return self.op.graph

    @property
    def device(self):
        """The device that is noted on the node."""
        return self.op.device

    @property
    def dtype(self):
        """The element type, a DType."""
        return DTYPES[self.spec.dtype]

    @property
    def shape(self):
        """The static shape, a TensorShape."""
        return TensorShape(self.spec.shape)

    def get_shape(self):
        """The static shape, a TensorShape."""
        return self.shape

    def set_shape(self, shape):
        """Add what is known of the static shape. Raises ValueError if it contradicts what was known."""
        self.spec = Spec(merge(self.spec.shape, as_shape(shape)), self.spec.dtype, self.spec.known)

    def consumers(self):
        """The nodes that take this tensor as an input."""
        return [node for node in self.graph.nodes[self.op.index + 1 :] if any(x is self for x in node.inputs)]

    def eval(self, feed_dict=None, session=None):
        """The value, computed by `session` or the default session."""
        return session_for(session).run(self, feed_dict)

    def __repr__(self):
        return f"<Tensor '{self.name}' {self.spec}>"


class Node(Shown):
    """One application of an op: inputs, attributes, outputs, a unique name, and the user's line that made it.

    `forward`: for a node of a backward pass, the node whose gradient it helps to compute; else None.
    """

    __slots__ = (
        "graph", "index", "op", "name", "inputs", "attrs", "outputs", "control_inputs", "device", "frame", "forward",
        "__weakref__",
    )  # fmt: skip

    def __init__(self, graph, op, name, inputs, attrs, control_inputs, device, frame, forward=None):
        self.graph = graph
        self.index = len(graph.nodes)
        self.op = op
        self.name = name
        self.inputs = tuple(inputs)
        self.attrs = attrs
        self.control_inputs = tuple(control_inputs)
        self.device = device(self) if callable(device) else device
        self.frame = frame
        self.forward = forward
        self.outputs: tuple[Tensor, ...] = ()

    @property
    def type(self):
        """TensorFlow's name for the op: 'Conv2D', 'MatMul' ..."""
        return self.op.type

    @property
    def made_at(self):
        """'file:line' of the user's code that made this node."""
        return show_frame(self.frame)

    def get_attr(self, name):
        """The attribute `name`. Raises ValueError if the node has none of that name."""
        if name not in self.attrs:
            raise InvalidArgumentError(
                f"{self.name} has no attribute {name!r}.", expected=f"one of {sorted(self.attrs)}", got=name
            )
        return self.attrs[name]

    def values(self):
        """The output tensors."""
        return self.outputs

    def run(self, feed_dict=None, session=None):
        """Run this node in `session` or the default session."""
        session_for(session).run(self, feed_dict)

    def describe(self):
        """One line: index, name, op, outputs, inputs."""
        outputs = " ".join(str(t.spec) for t in self.outputs) or "-"
        inputs = ", ".join(t.name for t in self.inputs)
        return f"{self.index:5d}  {self.name:40s} {self.type:20s} {outputs:24s} <- {inputs}".rstrip()

    def __repr__(self):
        return f"<Node '{self.name}' type={self.type}>"


def shapes_of(tensors):
    """'x float32 [?, 3], w float32 [3, 4]': for messages."""
    return ", ".join(f"{t.name} {DTYPES[t.spec.dtype].name} {show_shape(t.spec.shape)}" for t in tensors)
