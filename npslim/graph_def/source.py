"""A node of a GraphDef on its way into a graph, and the table of functions that bring it there.

    @imports("LeakyRelu")
    def _(n):
        return leaky_relu(*n.inputs, alpha=n.real("alpha", 0.2), name=n.name)

A converter gives the node's outputs: a tensor, several, or none. An output that nobody may ask for can be a function
that defines it. Attributes that no converter has read are refused, since they could change what the node means.

before: tensors.py   next: branches.py
"""

import numpy as np

from npslim.convert import constant_value
from npslim.errors import InvalidArgumentError, UnimplementedError
from npslim.graph_def.tensors import dtype_of, make_ndarray, shape_of
from npslim.ops import state
from npslim.ops.branches import stands_for_state
from npslim.ops.create import fill
from npslim.registry import REGISTRY

CONVERTERS = {}  # TensorFlow's name of an op -> the function that brings a node of it into the graph
_HARMLESS = {
    "use_locking",
    "use_cudnn_on_gpu",
    "container",
    "shared_name",
    "N",
    "grad_a",
    "grad_b",
    "grad_x",
    "grad_y",
    "incompatible_shape_error",
    "Truncate",
    "num_args",
    "debug_name",
    "_class",
    "_output_shapes",
}  # fmt: skip - attributes of placement, and those that repeat what the inputs tell


def imports(*types):
    """Put a function into the table, for ops of these types."""

    def put(function):
        for type in types:
            CONVERTERS[type] = function
        return function

    return put


def direct(**names):
    """Ops whose inputs are those of npslim's op of that name, and that need no attributes: type=name, or several."""
    for type, name in names.items():
        made = REGISTRY[name]
        CONVERTERS[type] = lambda n, made=made: made(*n.inputs, name=n.name)


class Source:
    """The node `node_def` while it is imported: inputs, and attributes under the type that they are asked for."""

    def __init__(self, importer, node_def, full_name, inputs):
        self.importer = importer
        self.graph = importer.graph
        self.node_def = node_def
        self.full_name = full_name
        self.name = full_name + "/"  # exactly that name, for an op
        self._inputs = inputs
        self._read = set()

    # ---- inputs

    def __len__(self):
        return len(self._inputs)

    def ref(self, i):
        """Input `i`, which is the state of a variable."""
        found = self._at(i)
        if not stands_for_state(found):
            raise InvalidArgumentError("The input is no variable.", expected="a variable's state", got=found)
        return found

    def input(self, i):
        """Input `i` as a value: of a variable, what it holds when the node runs."""
        found = self._at(i)
        if stands_for_state(found):
            with self.scope():
                found = self._inputs[i] = state.read(found, name="read")
        return found

    def given(self, i):
        """Input `i` as it is: a variable's state, or a value."""
        return self._at(i)

    def put(self, i, tensor):
        """Make `tensor` input `i`."""
        self._inputs[i] = tensor

    def _at(self, i):
        if not -len(self) <= i < len(self):
            raise InvalidArgumentError("An input is missing.", expected=f"more than {i} inputs", got=len(self))
        return self._inputs[i]

    @property
    def inputs(self):
        """All inputs as values."""
        return [self.input(i) for i in range(len(self))]

    def is_ref(self, i):
        """Whether input `i` is the state of a variable."""
        return stands_for_state(self._at(i))

    def known(self, i):
        """The value of input `i` as an array. Raises UnimplementedError if it is not known before the graph runs."""
        found = constant_value(self.input(i))
        if found is None:
            raise UnimplementedError(
                f"Input {i} must be known while the graph is defined.", expected="a constant", got=self.input(i)
            )
        return found

    def numbers(self, i):
        """The known input `i`: an int, or a tuple of them."""
        found = self.known(i)
        return found.item() if found.ndim == 0 else tuple(found.ravel().tolist())

    def like(self, i):
        """A tensor whose shape is what input `i` lists, to be looked at for its shape alone."""
        sizes = self.input(i)
        if sizes.op.op.name in ("shape", "shape_n"):
            return sizes.op.inputs[sizes.value_index]
        with self.scope():
            return fill(sizes, np.float32(0))

    def scope(self):
        """Where the parts of a node go that takes several ops."""
        return self.graph.name_scope(self.name)

    @property
    def changes_state(self):
        """Whether the node is given the state of a variable and does more than read it."""
        ops = (state.read, state.is_variable_initialized)
        node = self.graph.get_operation_by_name(self.full_name)
        return bool(node.op.refs) and node.op not in ops

    # ---- attributes

    def has(self, name):
        """Whether the attribute is given."""
        return name in self.node_def.attr

    def attr(self, name, kind, default=None):
        """The attribute as its AttrValue holds it; `default` if it is not given. Raises InvalidArgumentError."""
        self._read.add(name)
        if name not in self.node_def.attr:
            if default is None:
                raise InvalidArgumentError("An attribute is missing.", expected=name, got=sorted(self.node_def.attr))
            return default
        value = self.node_def.attr[name]
        if value.WhichOneof("value") != kind:
            raise InvalidArgumentError(
                f"The attribute {name} is of another kind.", expected=kind, got=value.WhichOneof("value")
            )
        return getattr(value, kind)

    def integer(self, name, default=None):
        """An int."""
        return self.attr(name, "i", default)

    def real(self, name, default=None):
        """A number."""
        return self.attr(name, "f", default)

    def flag(self, name, default=None):
        """A bool."""
        return self.attr(name, "b", default)

    def text(self, name, default=None):
        """A string."""
        value = self.attr(name, "s", default)
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def dtype(self, name, default=None):
        """A NumPy dtype."""
        return dtype_of(self.attr(name, "type", default))

    def shape(self, name):
        """A shape: a tuple of int and None, or None."""
        return shape_of(self.attr(name, "shape"))

    def array(self, name):
        """An array."""
        return make_ndarray(self.attr(name, "tensor"))

    def integers(self, name, default=None):
        """A tuple of int."""
        if default is not None and not self.has(name):
            self._read.add(name)
            return default
        return tuple(self.attr(name, "list").i)

    def only(self, name, kind, value):
        """Refuse the node unless the attribute has this one value, or is not given."""
        found = self.attr(name, kind, value)
        if found != value:
            raise UnimplementedError(f"npslim has no such {self.node_def.op}.", expected=f"{name} {value}", got=found)

    def ignore(self, *names):
        """Attributes that change nothing here."""
        self._read.update(names)

    def unread(self):
        """The attributes that were not asked for and may mean something."""
        for name, value in self.node_def.attr.items():
            types = value.WhichOneof("value") == "type" or (value.WhichOneof("value") == "list" and value.list.type)
            if name not in self._read and name not in _HARMLESS and name[:1] != "_" and not types:
                yield name
