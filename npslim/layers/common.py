"""What all layers share: the scope they work in, their variables, and how they end.

A layer opens its scope, makes `weights`, computes, and ends with a normalizer or biases, the activation, and the
collections that its output goes to. Each layer says only what is its own.
"""

import contextlib
from typing import Any

from npslim.arguments import check_choice, check_function
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.graph import get_default_graph
from npslim.ops.normalize import bias_add
from npslim.ops.shape import shape
from npslim.scopes import name_scope, variable_scope
from npslim.spec import show_shape
from npslim.variables import model_variable


class Layer:
    """A layer at work inside its variable scope."""

    def __init__(self, scope, inputs, trainable, variables_collections, outputs_collections):
        self.scope = scope
        self.inputs = inputs
        self.trainable = trainable
        self.variables_collections = variables_collections
        self.outputs_collections = outputs_collections

    def variable(self, name, shape, initializer=None, regularizer=None, trainable=None):
        """A model variable `<scope>/name` of the inputs' dtype, in the collections that the caller asked for."""
        return model_variable(
            name, shape=shape, dtype=self.inputs.dtype, initializer=initializer, regularizer=regularizer,
            collections=collections_for(self.variables_collections, name),
            trainable=self.trainable if trainable is None else trainable,
        )  # fmt: skip

    def normalize_or_bias(self, outputs, normalizer_fn, normalizer_params, initializer, regularizer, data_format=None):
        """`normalizer_fn(outputs)` if there is one, else `outputs` plus a variable `biases`, unless it has no
        initializer.
        """
        check_function(normalizer_fn, "normalizer_fn", optional=True)
        if normalizer_fn is not None:
            return normalizer_fn(outputs, **(normalizer_params or {}))
        if initializer is None:
            return outputs
        channels = outputs.spec.shape[1 if first_channels(data_format) else -1]
        biases = self.variable("biases", [channels], initializer, regularizer)
        return bias_add(outputs, biases, data_format="NCHW" if first_channels(data_format) else "NHWC")

    def finish(self, outputs, activation_fn=None):
        """`activation_fn(outputs)` if there is one, put into the collections that the caller asked for."""
        check_function(activation_fn, "activation_fn", optional=True)
        if activation_fn is not None:
            outputs = activation_fn(outputs)
        return collect_named_outputs(self.outputs_collections, self.scope.name, outputs)


@contextlib.contextmanager
def layer(
    scope, default_name, inputs, reuse=None, trainable=True, variables_collections=None, outputs_collections=None
):
    """Open the variable scope of a layer; yields a `Layer`."""
    with variable_scope(scope, default_name, [inputs], reuse=reuse) as opened:
        yield Layer(opened, as_tensor(inputs), trainable, variables_collections, outputs_collections)


@contextlib.contextmanager
def layer_without_variables(scope, default_name, inputs):
    """Open the name scope of a layer that has no variables; yields (its name, the inputs as a tensor)."""
    with name_scope(scope, default_name, [inputs]) as opened:
        yield opened, as_tensor(inputs)


def collections_for(collections, name):
    """The collections for variable `name`: those of a dictionary under that name, or all of a list."""
    return collections.get(name) if isinstance(collections, dict) else collections


def collect_named_outputs(collections, alias, outputs):
    """Add `outputs` to `collections`, with `alias` to find it by; returns it."""
    if collections:
        append_tensor_alias(outputs, alias)
        get_default_graph().add_to_collections(collections, outputs)
    return outputs


def append_tensor_alias(tensor, alias):
    """Add a name to `tensor.aliases`."""
    tensor.aliases = [*getattr(tensor, "aliases", ()), alias.rstrip("/")]
    return tensor


def gather_tensors_aliases(tensors):
    """All aliases of `tensors`, their names for those without."""
    return [alias for tensor in tensors for alias in get_tensor_aliases(tensor)]


def get_tensor_aliases(tensor):
    """The aliases of `tensor`, or its name if it has none."""
    return getattr(tensor, "aliases", None) or [tensor.name.removesuffix(":0")]


def convert_collection_to_dict(collection, clear_collection=False):
    """{alias: tensor} of a collection, in its order."""
    graph = get_default_graph()
    tensors = graph.get_collection(collection)
    if clear_collection:
        graph.clear_collection(collection)
    return {alias: tensor for tensor in tensors for alias in get_tensor_aliases(tensor)}


def first_channels(data_format):
    """True if the channels are the second dimension. Raises ValueError for an unknown format."""
    if data_format is None:
        return False
    check_choice(data_format, _FORMATS, "data_format")
    return data_format.startswith("NC")


_FORMATS = ("NHWC", "NCHW", "NWC", "NCW", "NDHWC", "NCDHW")


def known_channels(inputs, data_format=None):
    """The number of channels of `inputs`. Raises ValueError if it is not known."""
    shape = inputs.spec.shape
    channels = None if shape is None or len(shape) < 2 else shape[1 if first_channels(data_format) else -1]
    if channels is None:
        raise ShapeError(
            "The number of channels of the inputs must be known.",
            expected="a known size of the " + ("second" if first_channels(data_format) else "last") + " dimension",
            got=f"{inputs.name} {show_shape(shape)}", made_at=user_line(),
        )  # fmt: skip
    return channels


def static_shape(tensor) -> tuple[Any, ...]:
    """The sizes of `tensor` as far as they are known. Raises ShapeError if not even their number is."""
    if tensor.spec.shape is None:
        raise ShapeError("The rank must be known.", expected="a rank", got=tensor.name, made_at=user_line())
    return tensor.spec.shape


def sizes_of(tensor):
    """The sizes of `tensor`, whose rank is known, as a reshape takes them: an int where known, else a scalar."""
    sizes = list(static_shape(tensor))
    if sizes.count(None) == 1:
        return [-1 if n is None else n for n in sizes]
    at_run_time = shape(tensor) if None in sizes else None
    return [at_run_time[i] if n is None else n for i, n in enumerate(sizes)]


def n_of(value, n, what):
    """`value` as a list of `n` ints: one for all, or one each. Raises ValueError."""
    values = [value] * n if isinstance(value, int) else list(value)
    if len(values) != n or any(not isinstance(v, int) or v < 1 for v in map(_as_int, values)):
        raise InvalidArgumentError(
            f"{what} does not fit.", expected=f"a positive integer, or {n} of them", got=value, made_at=user_line()
        )
    return [int(v) for v in values]


def _as_int(value):
    return int(value) if hasattr(value, "__index__") else value
