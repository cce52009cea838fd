"""TensorArray: tensors of one shape that the turns of a loop write and read by number.

What it holds is one tensor, its *flow*, with a row for each element. A write makes a new flow, and the object that
`write` returns carries it: the chain of objects says what is read when, and gradients need no rules of their own.

before: rows.py   next: branches.py
"""

from npslim.caller import user_line
from npslim.convert import as_array, as_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import DTypeError, InvalidArgumentError, ShapeError
from npslim.ops.create import range_, zeros
from npslim.ops.elementwise import add
from npslim.ops.indexing import gather
from npslim.ops.join import concat
from npslim.ops.reduce import reduce_max
from npslim.ops.rows import empty_rows, grown_rows, put_rows, written_rows
from npslim.ops.shape import identity, reshape, shape
from npslim.ops.state import no_op
from npslim.scopes import name_scope
from npslim.spec import TensorShape, as_shape, merge, show_shape


class TensorArray:
    """`size` tensors of one dtype and one shape, a loop variable of `while_loop` that `cond` may return, too.

    dynamic_size: a write beyond the end makes it larger. element_shape: the shape of every element, as far as it is
    known; infer_shape: what is written says more about it. Elements that nobody wrote are zeros, if their shape is
    known. A run raises InvalidArgumentError for an index out of range, and for a read before any write told the shape.
    The other arguments are accepted, and change nothing: elements may be read as often as one likes.
    """

    def __init__(
        self, dtype, size=None, dynamic_size=None, clear_after_read=None, tensor_array_name=None, handle=None,
        flow=None, infer_shape=True, element_shape=None, colocate_with_first_write_call=True, name=None,
    ):  # fmt: skip
        self._type, self._grows, self._infers = numpy_dtype(dtype), bool(dynamic_size), infer_shape
        self._element = [as_shape(element_shape)]  # one list for all arrays that come from this one
        if flow is None and size is None:
            raise InvalidArgumentError("TensorArray: how many elements?", expected="size", got=size)
        if flow is not None:
            self.flow = as_tensor(flow, self._type)
            return
        with name_scope(name or tensor_array_name, "TensorArray"):
            known = self._element[0]
            if known is None or None in known:
                self.flow = empty_rows(size, dtype=self._type)
            else:
                self.flow = zeros([size, *known], self._type)

    def with_flow(self, flow):
        """The same array with another flow."""
        other = object.__new__(TensorArray)
        other.__dict__.update(self.__dict__, flow=flow)
        return other

    @property
    def dtype(self):
        """The dtype of the elements."""
        return as_dtype(self._type)

    @property
    def dynamic_size(self):
        """Whether a write beyond the end makes the array larger."""
        return self._grows

    @property
    def element_shape(self):
        """What is known of every element's shape."""
        return TensorShape(self._element[0])

    @property
    def handle(self):
        """The flow: there is nothing else."""
        return self.flow

    def size(self, name=None):
        """How many elements there are, an int32 scalar."""
        return identity(shape(self.flow)[0], name=name or "TensorArraySize")

    def identity(self):
        """The same array behind an `identity`."""
        return self.with_flow(identity(self.flow))

    def write(self, index, value, name=None):
        """An array with `value` at `index`. Raises TypeError or ValueError for another dtype or shape."""
        with name_scope(name, "TensorArrayWrite"):
            value = self._checked(value)
            self._learn(value.spec.shape)
            return self._put(as_tensor(index), value, last=index)

    def scatter(self, indices, value, name=None):
        """An array with the rows of `value` at `indices`."""
        with name_scope(name, "TensorArrayScatter"):
            value, indices = self._checked(value), as_tensor(indices)
            self._learn(None if value.spec.shape is None else value.spec.shape[1:])
            return self._put(indices, value, last=reduce_max(indices) if self._grows else None)

    def unstack(self, value, name=None):
        """An array of the rows of `value`."""
        value = self._checked(value)
        return self.scatter(range_(shape(value)[0]), value, name=name or "TensorArrayUnstack")

    def split(self, value, lengths, name=None):
        """An array of the pieces of `value`, which all have the same length. Raises InvalidArgumentError for others."""
        with name_scope(name, "TensorArraySplit"):
            value, counts = self._checked(value), as_array(lengths)
            if counts.size == 0 or (counts != counts[0]).any():
                raise InvalidArgumentError(
                    "TensorArray: the elements of an array have one shape.", expected="equal lengths",
                    got=counts.tolist(), made_at=user_line(), hint="tf.split gives pieces of any lengths",
                )  # fmt: skip
            rest = shape(value)[1:]
            rows = reshape(value, _joined([len(counts), int(counts[0])], rest))
            rows.set_shape([len(counts), int(counts[0]), *(value.spec.shape or (None,))[1:]])
            return self.unstack(rows)

    def read(self, index, name=None):
        """The element at `index`."""
        return self._shaped(gather(self._written(), as_tensor(index), name=name or "TensorArrayRead"), ())

    def gather(self, indices, name=None):
        """The elements at `indices` `[n]`, stacked: `[n, ...]`."""
        return self._shaped(gather(self._written(), as_tensor(indices), name=name or "TensorArrayGather"), (None,))

    def stack(self, name=None):
        """All elements: `[size, ...]`."""
        return self._shaped(identity(self._written(), name=name or "TensorArrayStack"), (None,))

    def concat(self, name=None):
        """All elements, one after the other along their first dimension."""
        with name_scope(name, "TensorArrayConcat"):
            rows = self.stack()
            joined = reshape(rows, _joined([-1], shape(rows)[2:]))
            known = self._element[0]
            if known:
                joined.set_shape([None, *known[1:]])
            return joined

    def close(self, name=None):
        """Nothing: an array is gone when nobody needs it."""
        return no_op(name=name or "TensorArrayClose")

    def _checked(self, value):
        value = as_tensor(value) if hasattr(value, "dtype") else as_tensor(value, self._type)
        if value.spec.dtype != self._type:
            raise DTypeError(
                "TensorArray: an element of another dtype.",
                expected=self._type,
                got=value.spec.dtype,
                made_at=user_line(),
            )
        return value

    def _learn(self, found):
        """Note the shape of an element."""
        if not self._infers and self._element[0] is None:
            return
        try:
            self._element[0] = merge(self._element[0], found)
        except ValueError:
            raise ShapeError(
                "TensorArray: an element of another shape.", expected=show_shape(self._element[0]),
                got=show_shape(found), made_at=user_line(), hint="infer_shape=False leaves the shape open",
            ) from None  # fmt: skip

    def _put(self, indices, value, last):
        flow = self.flow if not self._grows else grown_rows(self.flow, add(as_tensor(last), 1))
        return self.with_flow(put_rows(flow, indices, value))

    def _written(self):
        return written_rows(self.flow, element=self._element[0])

    def _shaped(self, found, first):
        if self._element[0] is not None:
            found.set_shape((*first, *self._element[0]))
        return found


def _joined(first, rest):
    return concat(as_tensor(first), rest, axis=0)
