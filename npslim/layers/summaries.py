"""Summaries of what layers make: variables, weights, biases and activations."""

import functools
import re

from npslim import tf_summary as summary
from npslim.dtypes import float32
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.logic import cast, equal, less
from npslim.ops.reduce import reduce_mean

__all__ = [
    "summarize_activation", "summarize_activations", "summarize_biases", "summarize_collection", "summarize_tensor",
    "summarize_tensors", "summarize_variables", "summarize_weights",
]  # fmt: skip


def summarize_tensor(tensor, tag=None):
    """A scalar summary for shape [], else a histogram, called `tag` or `<name>_summary`."""
    tag = tag or f"{tensor.op.name}_summary"
    return summary.histogram(tag, tensor) if tensor.get_shape().ndims else summary.scalar(tag, tensor)


def summarize_activation(op):
    """A histogram of a tensor, and for a relu or sigmoid how many elements are at the flat ends."""
    name = op.op.name
    if op.op.type in ("Relu", "Softplus", "Relu6"):
        summary.scalar(f"{name}/zeros", _share(less(op, 0.0) if op.op.type == "Softplus" else equal(op, 0.0)))
    if op.op.type == "Relu6":
        summary.scalar(f"{name}/sixes", _share(equal(op, 6.0)))
    return summary.histogram(f"{name}/activation", op)


def _share(condition):
    return reduce_mean(cast(condition, dtype=float32.dtype))


def summarize_tensors(tensors, summarizer=summarize_tensor):
    """`summarizer` of each of `tensors`."""
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(collection, name_filter=None, summarizer=summarize_tensor):
    """`summarizer` of everything in a collection whose name begins with a match of `name_filter`."""
    found = get_default_graph().get_collection(collection)
    if name_filter is not None:
        found = [x for x in found if re.match(name_filter, x.op.name)]
    return summarize_tensors(found, summarizer)


summarize_variables = functools.partial(summarize_collection, GraphKeys.GLOBAL_VARIABLES)
summarize_weights = functools.partial(summarize_collection, GraphKeys.WEIGHTS)
summarize_biases = functools.partial(summarize_collection, GraphKeys.BIASES)


def summarize_activations(name_filter=None, summarizer=summarize_activation):
    """`summarizer` of everything in the collection ACTIVATIONS whose name begins with a match of `name_filter`."""
    return summarize_collection(GraphKeys.ACTIVATIONS, name_filter, summarizer)
