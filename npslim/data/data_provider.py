"""Providers of data: named tensors that change with each run."""

from npslim.caller import user_line
from npslim.errors import InvalidArgumentError


class DataProvider:
    """Maps names of items to tensors. items_to_tensors: that dictionary. num_samples: how many records there are."""

    def __init__(self, items_to_tensors, num_samples):
        self._items_to_tensors, self._num_samples = items_to_tensors, num_samples

    def get(self, items):
        """The tensors of `items`, a list of names, in their order. Raises ValueError for an unknown name."""
        known = self.list_items()
        for item in items:
            if item not in known:
                raise InvalidArgumentError(
                    f"There is no item {item!r}.", expected=" or ".join(map(repr, known)), got=repr(item),
                    made_at=user_line(),
                )  # fmt: skip
        return [self._items_to_tensors[item] for item in items]

    def list_items(self):
        """The names of the items."""
        return list(self._items_to_tensors)

    def num_samples(self):
        """How many records there are."""
        return self._num_samples
