"""Rows of a tensor that is not there as a whole: the gradient of a gather."""

from typing import Any

from npslim.errors import InvalidArgumentError
from npslim.registry import OPERATORS


class Composite:
    """What several tensors make up; it goes by the name, the node and the dtype of its `values`."""

    values: Any

    @property
    def name(self):
        return self.values.name

    @property
    def op(self):
        return self.values.op

    @property
    def dtype(self):
        return self.values.dtype

    @property
    def graph(self):
        return self.values.graph

    @property
    def device(self):
        return self.values.device


class IndexedSlices(Composite):
    """Rows `values` for the places `indices` of a larger tensor: the gradient of a gather.

    `values`: `[n, ...]`; `indices`: `[n]`, integers, repeats are added up. `dense_like` is a tensor of the full shape,
    `dense_shape` its sizes: one of them is enough, the other is defined when it is asked for.
    """

    def __init__(self, values, indices, dense_shape=None, dense_like=None):
        self.values = values
        self.indices = indices
        self._dense_shape = dense_shape
        self._dense_like = dense_like

    @property
    def dense_shape(self):
        """The full shape as a tensor, or None if nothing is known of it."""
        if self._dense_shape is None and self._dense_like is not None:
            self._dense_shape = OPERATORS["shape"](self._dense_like)
        return self._dense_shape

    @property
    def dense_like(self):
        """A tensor of the full shape. Raises InvalidArgumentError if nothing is known of it."""
        if self._dense_like is None:
            if self._dense_shape is None:
                raise InvalidArgumentError("The full shape of an IndexedSlices is not known.", expected="dense_shape")
            self._dense_like = OPERATORS["zeros"](self._dense_shape, self.dtype)
        return self._dense_like

    def with_values(self, values, indices=None):
        """These slices with other values, and perhaps other indices."""
        indices = self.indices if indices is None else indices
        return IndexedSlices(values, indices, self._dense_shape, self._dense_like)

    def __repr__(self):
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r})"
