"""The interface of decoders: from one record to named tensors."""

import abc


class DataDecoder(abc.ABC):
    """Turns a record into items. Subclasses say which (`list_items`) and how (`decode`)."""

    @abc.abstractmethod
    def decode(self, data, items):
        """The tensors of `items`, names, made of the record `data`, in their order."""

    @abc.abstractmethod
    def list_items(self):
        """The names of the items."""
