"""Converters for TensorArrays, which loops of TensorFlow 1 read and write: `map_fn`, `scan`, recurrent networks.

An array is two outputs there: a handle, and a *flow* that orders reads and writes. Here the flow is the rows, and the
handle is their number.

before: gradients.py   next: variables.py
"""

from npslim.errors import UnimplementedError
from npslim.graph_def.source import imports
from npslim.ops import indexing, rows, shape, state


@imports("TensorArrayV3")
def _(n):
    n.ignore("dynamic_size", "clear_after_read", "identical_element_shapes", "tensor_array_name")
    if n.flag("dynamic_size", False):
        raise UnimplementedError("npslim's arrays do not grow.", expected="dynamic_size False", got=True)
    n.ignore("element_shape")  # where it says anything, the first value that is written says it too
    handle = shape.identity(n.input(0), name=n.name)
    with n.scope():
        return handle, rows.empty_rows(n.input(0), dtype=n.dtype("dtype"))


@imports("TensorArrayReadV3")
def _(n):
    n.dtype("dtype")
    return indexing.gather(n.input(2), n.input(1), name=n.name)


@imports("TensorArrayGatherV3")
def _(n):
    n.dtype("dtype")
    found = indexing.gather(n.input(2), n.input(1), name=n.name)
    element = n.shape("element_shape") if n.has("element_shape") else None
    if element is not None:
        found.set_shape((None, *element))
    return found


@imports("TensorArrayWriteV3", "TensorArrayScatterV3")
def _(n):
    return rows.put_rows(n.input(3), n.input(1), n.input(2), name=n.name)


@imports("TensorArraySizeV3")
def _(n):
    return shape.identity(n.input(0), name=n.name)


@imports("TensorArrayCloseV3")
def _(n):
    return state.no_op(name=n.name)
