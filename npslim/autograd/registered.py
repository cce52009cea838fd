"""Gradients of one's own, by name, for nodes made within `graph.gradient_override_map`: guided backpropagation, say.

@RegisterGradient("GuidedRelu")
def _(op, grad):
    return relu(grad) * cast(greater(op.outputs[0], 0.0), grad.dtype)
"""

from npslim.errors import AlreadyExistsError, ArgumentTypeError, GradientError
from npslim.indexed_slices import IndexedSlices
from npslim.ops.indexing import dense
from npslim.ops.shape import zeros_like

_FUNCTIONS = {}


class GradientExists(AlreadyExistsError, KeyError):
    """Two gradients of one name."""


class RegisterGradient:
    """Decorates a function `f(node, *gradients of its outputs)` that gives the gradient of each input, or None.

    Raises TypeError for a name that is no string, GradientExists (a KeyError) for a name that has one.
    """

    def __init__(self, op_type):
        if not isinstance(op_type, str):
            raise ArgumentTypeError("A gradient has a name.", expected="a string", got=repr(op_type))
        self._name = op_type

    def __call__(self, f):
        if self._name in _FUNCTIONS:
            raise GradientExists(
                f"There is a gradient named {self._name!r}.", expected="a new name", got=repr(self._name)
            )
        _FUNCTIONS[self._name] = f
        return f


def registered_pull(name, node, gradients):
    """The cotangents of the inputs of `node` by the gradient `name`. Raises GradientError, a LookupError."""
    if name not in _FUNCTIONS:
        raise GradientError(
            f"There is no gradient named {name!r}.", expected=f"one of {sorted(_FUNCTIONS) or 'none'}",
            got=f"node {node.name} ({node.type})", made_at=node.made_at,
            hint=f"register it: @RegisterGradient({name!r})",
        )  # fmt: skip
    whole = [
        dense(g.values, g.indices, g.dense_like) if isinstance(g, IndexedSlices) else zeros_like(t) if g is None else g
        for g, t in zip(gradients, node.outputs, strict=True)
    ]
    found = _FUNCTIONS[name](node, *whole)
    found = list(found) if isinstance(found, list | tuple) else [found]
    if len(found) != len(node.inputs):
        raise GradientError(
            f"The gradient {name!r} gives the wrong number of gradients.",
            expected=f"{len(node.inputs)} for {node.name}", got=len(found), made_at=node.made_at,
        )  # fmt: skip
    return found
