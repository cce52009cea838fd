"""TF-Slim's ways to add summaries: named by the tensors themselves."""

from npslim import tf_summary as summary
from npslim.convert import as_tensor
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.debug import Print
from npslim.ops.reduce import zero_fraction


def _name_of(tensor, name, prefix, postfix=None):
    name = name or tensor.op.name
    return "/".join(part for part in (prefix, name, postfix) if part)


def _printed(summary_op, tensor, name, print_summary):
    """`summary_op`, which prints `tensor` when it runs if asked to, in the collection SUMMARIES."""
    if print_summary:
        summary_op = Print(summary_op, [tensor], name)
    get_default_graph().add_to_collection(GraphKeys.SUMMARIES, summary_op)
    return summary_op


def add_histogram_summary(tensor, name=None, prefix=None):
    """The distribution of `tensor`, called `prefix/name`; name is the tensor's unless given."""
    return summary.histogram(_name_of(tensor, name, prefix), tensor)


def add_image_summary(tensor, name=None, prefix=None, print_summary=False):
    """The first images of `tensor` `[n, h, w, c]`. print_summary: also print its values when the summary runs."""
    name = _name_of(tensor, name, prefix)
    return _printed(summary.image(name, tensor, collections=[]), tensor, name, print_summary)


def add_scalar_summary(tensor, name=None, prefix=None, print_summary=False):
    """One number. print_summary: also print it when the summary runs."""
    name = _name_of(tensor, name, prefix)
    return _printed(summary.scalar(name, tensor, collections=[]), tensor, name, print_summary)


def add_zero_fraction_summary(tensor, name=None, prefix=None, print_summary=False):
    """The share of zeros in `tensor`, called `prefix/name/Fraction_of_Zero_Values`."""
    name = _name_of(tensor, name, prefix, "Fraction_of_Zero_Values")
    share = zero_fraction(as_tensor(tensor))
    return _printed(summary.scalar(name, share, collections=[]), share, name, print_summary)


def add_histogram_summaries(tensors, prefix=None):
    """A histogram of each of `tensors`."""
    return [add_histogram_summary(tensor, prefix=prefix) for tensor in tensors]


def add_image_summaries(tensors, prefix=None):
    """An image summary of each of `tensors`."""
    return [add_image_summary(tensor, prefix=prefix) for tensor in tensors]


def add_scalar_summaries(tensors, prefix=None, print_summary=False):
    """A scalar summary of each of `tensors`."""
    return [add_scalar_summary(tensor, prefix=prefix, print_summary=print_summary) for tensor in tensors]


def add_zero_fraction_summaries(tensors, prefix=None):
    """A summary of the share of zeros of each of `tensors`."""
    return [add_zero_fraction_summary(tensor, prefix=prefix) for tensor in tensors]
