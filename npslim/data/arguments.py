"""Arguments of datasets: numbers that may be tensors, functions that return datasets, values of generators."""

import glob

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_array, as_tensor, constant_value, contains_tensor
from npslim.data.stages import Item
from npslim.data.structure import checked, mapped
from npslim.data.traced import Context, Function
from npslim.dtypes import as_dtype
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError
from npslim.ops.queue import as_array_of
from npslim.spec import as_shape
from npslim.tensor import Tensor

_TEXT = np.dtype(object)


def number(x):
    """An int, or an integer tensor whose value is not known yet."""
    if contains_tensor(x):
        tensor = as_tensor(x)
        known = constant_value(tensor)
        if known is None:
            return tensor
        x = known
    try:
        return int(x)
    except (TypeError, ValueError):
        raise ArgumentTypeError("This is no whole number.", expected="an integer", got=repr(x)) from None


def flag(x):
    """A bool, or a boolean tensor whose value is not known yet."""
    if not contains_tensor(x):
        return bool(x)
    tensor = as_tensor(x)
    known = constant_value(tensor)
    return tensor if known is None else bool(known)


def positive(x, what, name):
    """`number(x)`. Raises InvalidArgumentError if it is known and below 1."""
    x = number(x)
    return check_positive(x, what, name) if isinstance(x, int) else x


def check_positive(n, what, name):
    """`n`. Raises InvalidArgumentError if it is below 1."""
    if n < 1:
        raise InvalidArgumentError(f"{what}: {name} must be greater than zero.", expected=">= 1", got=n)
    return n


def check_shard(num_shards, index):
    """Raises InvalidArgumentError unless 0 <= index < num_shards."""
    if not 0 <= index < num_shards:
        raise InvalidArgumentError(
            "shard: the index must be below the number of shards.", expected=f"0 <= index < {num_shards}", got=index
        )


def padded_shape(shape):
    """A shape to pad to, -1 standing for an unknown size. shape: a list, a TensorShape, or a tensor of known value."""
    if isinstance(shape, Tensor):
        known = constant_value(shape)
        if known is None:
            raise InvalidArgumentError("padded_batch: the shapes must be known while defining.", got=shape)
        shape = known.tolist()
    if isinstance(shape, np.ndarray | list | tuple):
        shape = [None if size == -1 else size for size in shape]
    return as_shape(shape)


def filler(leaf, value):
    """The value that a leaf is padded with. Raises TypeError for another dtype."""
    if isinstance(value, Tensor):
        value = constant_value(value)
    array = as_array(value)
    if array.dtype.kind != leaf.dtype.kind or array.ndim:
        raise DTypeError(
            "padded_batch: the value to pad with must be a scalar of the dtype of the elements.",
            expected=as_dtype(leaf.dtype).name, got=repr(value), made_at=user_line(),
        )  # fmt: skip
    return array.astype(leaf.dtype)[()]


def fitted(element, value, what):
    """The leaves of a value that a Python generator gave, as arrays. Raises TypeError, or ValueError for a shape."""

    def leaves(structure, value):
        if isinstance(structure, dict):
            if not isinstance(value, dict) or sorted(value) != sorted(structure):
                raise _misfit(element, value, what)
            return [leaf for key in sorted(structure) for leaf in leaves(structure[key], value[key])]
        if isinstance(structure, tuple):
            if not isinstance(value, list | tuple) or len(value) != len(structure):
                raise _misfit(element, value, what)
            return [leaf for one, some in zip(structure, value, strict=True) for leaf in leaves(one, some)]
        return [checked(structure, value, what)]

    return tuple(leaves(element, value))


def _misfit(element, value, what):
    return ArgumentTypeError(
        f"{what} has another structure.", expected=mapped(lambda leaf: as_dtype(leaf.dtype).name, element),
        got=repr(value)[:200],
    )  # fmt: skip


def check_tensors(function, what):
    """Raises ArgumentTypeError if a function returned a dataset."""
    if hasattr(function.result, "stream"):
        raise ArgumentTypeError(
            f"{what}: the function returned a dataset.", expected="tensors", got=function.result, made_at=user_line(),
            hint="flat_map and interleave take functions that return datasets",
        )  # fmt: skip


def opener(what, element, function):
    """(Function, opener) of a function that returns a dataset: `opener(context)` gives the items of the dataset of an
    item.
    """
    traced = Function(what, element, function)
    inner = traced.result
    if not hasattr(inner, "stream"):
        raise ArgumentTypeError(
            "The function must return a Dataset.", expected="a dataset", got=repr(inner), made_at=user_line()
        )
    used = inner.uses()
    fetches = [traced.branch.adopt(x) if isinstance(x, Tensor) else traced.branch.adopt_node(x) for x in used]
    places = [i for i, x in enumerate(fetches) if x is not None]

    def opened(context):
        call = traced.fetching(context, [fetches[i] for i in places])

        def items(item):
            found = call(item, context.count(traced.name))
            values = dict(zip((used[i] for i in places), found, strict=True))
            return inner.stream(Context(context.session, values, context.tolerant))

        return items

    return traced, opened


def matching_files(patterns, context):
    """The names of the files that match the patterns of the only item of `patterns`, sorted, as items."""
    (item,) = patterns.stream(context)
    patterns = [pattern.decode() for pattern in item.values[0].ravel()]
    found = sorted({name for pattern in patterns for name in glob.glob(pattern)})
    if not found:
        raise InvalidArgumentError("list_files: no file matches.", expected="a file", got=", ".join(patterns))
    return (Item((as_array_of(name.encode(), _TEXT),)) for name in found)
