"""Decoders of TensorFlow's Examples: from parsed features to items such as pictures and boxes.

An ItemHandler says which features it needs (`keys`) and makes one tensor of them (`tensors_to_item`).
"""

import abc
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data.data_decoder import DataDecoder
from npslim.dtypes import as_dtype, int64, numpy_dtype, uint8
from npslim.errors import InvalidArgumentError
from npslim.graph import control_dependencies
from npslim.ops.cond import cond
from npslim.ops.debug import Assert
from npslim.ops.image_codec import read_pictures
from npslim.ops.join import concat
from npslim.ops.logic import cast, equal
from npslim.ops.parsing import parse_single_example, parse_single_sequence_example
from npslim.ops.reduce import reduce_all
from npslim.ops.segment import unsorted_segment_sum
from npslim.ops.shape import expand_dims, identity, reshape, shape, size, transpose
from npslim.ops.sparse import SparseTensor as Sparse
from npslim.ops.sparse import sparse_reorder, sparse_reshape, sparse_tensor_to_dense
from npslim.spec import as_shape


class ItemHandler(abc.ABC):
    """Makes one item of some features. keys: their names, a string or a list. Raises ValueError if there are none."""

    def __init__(self, keys):
        if not isinstance(keys, list | tuple):
            keys = [keys]
        self._keys = list(keys)

    @property
    def keys(self):
        """The names of the features."""
        return self._keys

    @abc.abstractmethod
    def tensors_to_item(self, keys_to_tensors):
        """The item, of {name of a feature: its tensor}."""


class ItemHandlerCallback(ItemHandler):
    """An item that `func(keys_to_tensors)` makes."""

    def __init__(self, keys, func):
        super().__init__(keys)
        self._func = func

    def tensors_to_item(self, keys_to_tensors):
        return self._func(keys_to_tensors)


def _dense(tensor, default_value=None):
    return sparse_tensor_to_dense(tensor, default_value) if isinstance(tensor, Sparse) else tensor


def _box_keys(keys, prefix):
    """The four names of boxes' sides. Raises ValueError for another number of them."""
    if keys is None:
        keys = ["ymin", "xmin", "ymax", "xmax"]
    elif len(keys) != 4:
        raise InvalidArgumentError("A box has four keys.", expected="4 keys", got=keys, made_at=user_line())
    return [(prefix or "") + key for key in keys]


class BoundingBox(ItemHandler):
    """Boxes `[n, 4]` of four features, ymin, xmin, ymax, xmax unless `keys` says otherwise; `prefix` before each."""

    def __init__(self, keys=None, prefix=""):
        self._prefix, self._full_keys = prefix, _box_keys(keys, prefix)
        super().__init__(self._full_keys)

    def tensors_to_item(self, keys_to_tensors):
        sides = []
        for key in self._full_keys:
            side = keys_to_tensors[key]
            side = side.values if isinstance(side, Sparse) else side
            sides.append(expand_dims(side, axis=0))
        return transpose(concat(sides, 0))


class BoundingBoxSequence(ItemHandler):
    """Boxes `[steps, n, 4]` of four lists of features.

    return_dense: padded with `default_value`; else a SparseTensor.
    """

    def __init__(self, keys=None, prefix=None, return_dense=True, default_value=-1.0):
        self._full_keys = _box_keys(keys, prefix)
        self._return_dense, self._default = return_dense, default_value
        super().__init__(self._full_keys)

    def tensors_to_item(self, keys_to_tensors):
        return _stacked_sides([keys_to_tensors[key] for key in self._full_keys], self._return_dense, self._default)


def _stacked_sides(sides, dense, default):
    """Sparse `[steps, n]` each as one `[steps, n, sides]`."""
    if dense:
        return concat([expand_dims(_dense(side, default), axis=2) for side in sides], 2)
    places, values = [], []
    for i, side in enumerate(sides):
        column = reshape(cast(side.values, dtype=np.dtype(np.float64)) * 0 + i, [-1, 1])
        places.append(concat([side.indices, cast(column, dtype=int64.dtype)], 1))
        values.append(side.values)
    sizes = concat([sides[0].dense_shape, as_tensor([len(sides)], int64.dtype)], 0)
    return sparse_reorder(Sparse(concat(places, 0), concat(values, 0), sizes))


class NumBoxesSequence(ItemHandler):
    """How many boxes each step has: int64 `[steps]`, counted in the features `keys`.

    check_consistency: a run raises where they have different numbers.
    """

    def __init__(self, keys=None, check_consistency=True):
        keys = ["ymin", "xmin", "ymax", "xmax"] if keys is None else keys
        keys = [keys] if isinstance(keys, str) else list(keys)
        if not keys:
            raise InvalidArgumentError("NumBoxesSequence needs a key.", got=keys)
        self._check = check_consistency and len(keys) > 1
        super().__init__(keys)

    def tensors_to_item(self, keys_to_tensors):
        counts = []
        for key in self._keys:
            one = keys_to_tensors[key]
            steps = one.indices[:, 0]
            counts.append(unsorted_segment_sum(steps * 0 + 1, steps, one.dense_shape[0]))
        if not self._check:
            return counts[0]
        same = [reduce_all(equal(counts[0], other)) for other in counts[1:]]
        message = "The features of the boxes have different numbers."
        with control_dependencies([Assert(one, [message]) for one in same]):
            return identity(counts[0])


class KeypointsSequence(ItemHandler):
    """Points `[steps, n, 2]` of two lists of features, y and x unless `keys` says otherwise.

    return_dense: padded with `default_value`; else a SparseTensor.
    """

    def __init__(self, keys=None, prefix=None, return_dense=True, default_value=-1.0):
        if keys is None:
            keys = ["y", "x"]
        elif len(keys) != 2:
            raise InvalidArgumentError("A point has two keys.", expected="2 keys", got=keys, made_at=user_line())
        self._full_keys = [(prefix or "") + key for key in keys]
        self._return_dense, self._default = return_dense, default_value
        super().__init__(self._full_keys)

    def tensors_to_item(self, keys_to_tensors):
        return _stacked_sides([keys_to_tensors[key] for key in self._full_keys], self._return_dense, self._default)


class Tensor(ItemHandler):
    """A feature as it is, or in a shape.

    shape_keys: features that hold the shape, one of a vector or several of numbers. shape: the shape. default_value:
    what a SparseTensor is filled with. Raises ValueError if both are given.
    """

    def __init__(self, tensor_key, shape_keys: Any = None, shape=None, default_value: Any = 0):
        if shape_keys and shape is not None:
            raise InvalidArgumentError("Cannot specify both shape_keys and shape parameters.", got=(shape_keys, shape))
        if shape_keys and not isinstance(shape_keys, list):
            shape_keys = [shape_keys]
        self._tensor_key, self._shape_keys = tensor_key, shape_keys
        self._shape, self._default_value = shape, default_value
        super().__init__([tensor_key, *(shape_keys or [])])

    def tensors_to_item(self, keys_to_tensors):
        tensor, wanted = keys_to_tensors[self._tensor_key], self._shape
        if self._shape_keys:
            parts = [reshape(_dense(keys_to_tensors[key]), [-1]) for key in self._shape_keys]
            wanted = concat([cast(p, dtype=np.dtype(np.int32)) for p in parts], 0)
        if isinstance(tensor, Sparse):
            if wanted is not None:
                tensor = sparse_reshape(tensor, cast(as_tensor(wanted), dtype=int64.dtype))
            default = self._default_value
            return sparse_tensor_to_dense(tensor, default.encode() if isinstance(default, str) else default)
        return tensor if wanted is None else reshape(tensor, wanted)


class LookupTensor(Tensor):
    """A feature looked up in a table: `table.lookup` of what Tensor gives."""

    def __init__(self, tensor_key, table, shape_keys=None, shape=None, default_value=""):
        self._table = table
        super().__init__(tensor_key, shape_keys, shape, default_value)

    def tensors_to_item(self, keys_to_tensors):
        return self._table.lookup(super().tensors_to_item(keys_to_tensors))


class BackupHandler(ItemHandler):
    """What `handler` makes, or where that is empty in a record, what `backup` makes. Raises ValueError for others."""

    def __init__(self, handler, backup):
        if not isinstance(handler, ItemHandler) or not isinstance(backup, ItemHandler):
            raise InvalidArgumentError("Handler and backup are ItemHandlers.", got=(handler, backup))
        self._handler, self._backup = handler, backup
        super().__init__([*handler.keys, *(key for key in backup.keys if key not in handler.keys)])

    def tensors_to_item(self, keys_to_tensors):
        item = self._handler.tensors_to_item(keys_to_tensors)
        return cond(
            equal(size(item), as_tensor(0, np.dtype(np.int32))),
            lambda: self._backup.tensors_to_item(keys_to_tensors), lambda: identity(item),
        )  # fmt: skip


class SparseTensor(ItemHandler):
    """A SparseTensor of features: indices_key ("indices"), values_key ("values"), shape_key or `shape`.

    densify: as a dense tensor, with `default_value` elsewhere. Raises ValueError if both shapes are given.
    """

    def __init__(self, indices_key=None, values_key=None, shape_key=None, shape=None, densify=False, default_value=0):
        self._indices_key, self._values_key = indices_key or "indices", values_key or "values"
        if shape_key and shape is not None:
            raise InvalidArgumentError("Cannot specify both shape_key and shape parameters.", got=(shape_key, shape))
        self._shape_key, self._shape = shape_key, shape
        self._densify, self._default_value = densify, default_value
        super().__init__([self._indices_key, self._values_key, *([shape_key] if shape_key else [])])

    def tensors_to_item(self, keys_to_tensors):
        indices, values = keys_to_tensors[self._indices_key], keys_to_tensors[self._values_key]
        if self._shape_key:
            wanted = keys_to_tensors[self._shape_key]
            wanted = wanted.values if isinstance(wanted, Sparse) else wanted
        elif self._shape is not None:
            wanted = as_tensor(self._shape, int64.dtype)
        else:
            wanted = indices.dense_shape
        columns = shape(wanted)[0]
        flat = indices.values if isinstance(indices, Sparse) else indices
        places = reshape(cast(flat, dtype=int64.dtype), [-1, columns])
        found = Sparse(places, values.values if isinstance(values, Sparse) else values, cast(wanted, dtype=int64.dtype))
        return sparse_tensor_to_dense(found, self._default_value) if self._densify else found


class Image(ItemHandler):
    """A picture of a feature with its file (JPEG, PNG, GIF's first frame, BMP) or its raw pixels.

    image_key ("image/encoded"), format_key ("image/format"): the features; the format is "raw" or "RAW" for pixels.
    shape: of the picture, if it is known; needed for raw pixels. channels: 1 or 3, or 4. dtype: of the pixels.
    repeated: the feature holds several pictures: `[n, ...]`. dct_method: of JPEGs, see `decode_jpeg`.
    """

    def __init__(
        self, image_key=None, format_key=None, shape=None, channels=3, dtype=uint8, repeated=False, dct_method=""
    ):
        self._image_key, self._format_key = image_key or "image/encoded", format_key or "image/format"
        super().__init__([self._image_key, self._format_key])
        self._shape, self._channels, self._dtype, self._repeated = shape, channels, as_dtype(dtype), repeated
        self._jpeg = (("fastdct", dct_method != "INTEGER_ACCURATE"),)

    def tensors_to_item(self, keys_to_tensors):
        contents, kind = (_dense(keys_to_tensors[key]) for key in (self._image_key, self._format_key))
        shape = (None, None, self._channels) if self._shape is None else as_shape(self._shape)
        return read_pictures(
            contents if self._repeated else reshape(contents, []), reshape(kind, [-1]), shape=shape,
            channels=self._channels, dtype=numpy_dtype(self._dtype), jpeg=self._jpeg,
        )  # fmt: skip


class TFExampleDecoder(DataDecoder):
    """Decodes serialized Examples.

    keys_to_features: {name: FixedLenFeature, VarLenFeature ...}. items_to_handlers: {name of an item: ItemHandler}.
    """

    def __init__(self, keys_to_features, items_to_handlers):
        self._keys_to_features, self._items_to_handlers = keys_to_features, items_to_handlers

    def list_items(self):
        """The names of the items."""
        return list(self._items_to_handlers)

    def decode(self, serialized_example, items=None):
        """The tensors of `items` (all unless given) of one serialized Example, in their order."""
        example = parse_single_example(serialized_example, self._keys_to_features)
        return _items(self._items_to_handlers, items, example)


def _items(handlers, items, tensors):
    found = []
    for item in handlers if items is None else items:
        handler = handlers[item]
        found.append(handler.tensors_to_item({key: tensors[key] for key in handler.keys}))
    return found


class TFSequenceExampleDecoder(DataDecoder):
    """Decodes serialized SequenceExamples.

    keys_to_context_features, keys_to_sequence_features: {name: feature} of the context and of the steps. Raises
    ValueError for a name that is in both.
    """

    def __init__(self, keys_to_context_features, keys_to_sequence_features, items_to_handlers):
        both = set(keys_to_context_features) & set(keys_to_sequence_features)
        if both:
            raise InvalidArgumentError("Context and sequence share names of features.", got=sorted(both))
        self._context, self._sequence = keys_to_context_features, keys_to_sequence_features
        self._items_to_handlers = items_to_handlers

    def list_items(self):
        """The names of the items."""
        return list(self._items_to_handlers)

    def decode(self, serialized_example, items=None):
        """The tensors of `items` (all unless given) of one serialized SequenceExample, in their order."""
        context, lists = parse_single_sequence_example(serialized_example, self._context, self._sequence)
        return _items(self._items_to_handlers, items, {**context, **lists})
