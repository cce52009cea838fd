"""Iterators of datasets as nodes: an iterator is state of the session, `get_next` a node that takes its next element.

An element that a run takes has a number, the run's ticket, so that threads which share an iterator and feed a queue do
not change the order of the data.
"""

import time
from typing import Any

import numpy as np

from npslim.backend import to_host
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data.structure import Leaf, assembled, check_same_types, flat, mapped, packed, parts_of
from npslim.data.traced import Context
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import (
    ArgumentTypeError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    ShapeError,
)
from npslim.graph import control_dependencies, needed
from npslim.op import op
from npslim.ops.queue import as_array_of
from npslim.ops.queue_state import Tickets
from npslim.ops.sparse import SparseTensor
from npslim.spec import Spec, TensorShape, as_shape, compatible, show_shape
from npslim.tensor import Node, Tensor

_HANDLE = np.dtype(object)


class Place:
    """Where an iterator is in its dataset."""

    def __init__(self, name):
        self.name = name
        self.tickets = Tickets()
        self._items: Any = None
        self._context: Any = None
        self._error = None
        self._begun, self._given, self._saved = None, 0, None

    def state(self):
        """({what JSON holds}, elements): what `restore` needs."""
        if self._saved is not None:
            return self._saved, []
        firsts = {} if self._context is None else dict(self._context.firsts)
        return {"given": self._given, "taken": self.tickets.next, "draws": firsts}, []

    def restore(self, facts, elements):
        """Go on after the element at which `state` was asked for, at once if it has begun, or when it begins."""
        self._saved = facts
        if self._begun is not None:
            self.start(*self._begun)

    def start(self, dataset, session, values):
        """Begin at the first element."""
        self._begun = dataset, session, values
        self._context = Context(session, values)
        if self._saved is not None:
            self._context.begin_as(self._saved["draws"])
        self._items, self._error, self._given = dataset.stream(self._context), None, 0

    def _catch_up(self):
        facts, self._saved = self._saved, None
        self.tickets.next = facts["taken"]
        while self._given < facts["given"] and next(self._items, None) is not None:
            self._given += 1

    def next(self):
        """The next element's values. Raises OutOfRangeError at the end; an error that was raised is raised again."""
        if self._items is None:
            raise FailedPreconditionError(
                f"The iterator '{self.name}' has not been initialized.", expected="a run of its initializer first"
            )
        if self._error is not None:
            raise self._error
        try:
            if self._saved is not None:
                self._catch_up()
            values = next(self._items).values
            self._given += 1
            return values
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None
        except Exception as error:
            self._error = error
            raise

    def stop(self):
        """Let go of everything: the session is closed."""
        self._items = self._begun = self._context = None


def _place(cell, store) -> Any:
    if cell.value is None:
        place = store.take_up(cell.name, Place(cell.name))
        cell.value, cell.release = as_array_of(place, _HANDLE), place.stop
    return cell.value


def _tensors(dataset):
    return [x for x in dataset.uses() if isinstance(x, Tensor)]


@op(type="IteratorV2", stateful=True, differentiable=False)
def iterator(*, run=None, node=None):
    """The iterator itself, a scalar that the other ops take."""
    cell = run.cell(node.name)
    with cell.lock:
        return _place(cell, run.store)


@op(stateful=True, differentiable=False)
def one_shot_iterator(*, dataset, run=None, node=None):
    """An iterator that begins with its first use, and cannot begin again."""
    cell = run.cell(node.name)
    with cell.lock:
        if cell.value is None:
            uses = dataset.uses()
            values = [to_host(x) for x in run.execute(uses, {})]
            _place(cell, run.store)[()].start(dataset, run.session, dict(zip(uses, values, strict=True)))
        return cell.value


@op(type="MakeIterator", stateful=True, alike=(), refs=("tensors",), differentiable=False)
def make_iterator(handle, *tensors, dataset, run=None):
    """Begin at the first element of the dataset. tensors: the values of those that the dataset uses."""
    place, values = handle[()], [to_host(x) for x in tensors]
    values = [np.array(x) if isinstance(x, np.ndarray) else x for x in values]
    with run.cell(place.name).lock:
        place.start(dataset, run.session, dict(zip(_tensors(dataset), values, strict=True)))


@op(stateful=True, alike=(), host=("handle",), differentiable=False)
def iterator_get_next(handle, *, specs, run=None):
    """The next element: its parts."""
    place = handle[()]
    start = time.monotonic()
    with run.cell(place.name).lock:
        parts = tuple(parts_of(place.next()))
        run.hold(place.tickets, place.tickets.take())
    run.waited += time.monotonic() - start
    for part, spec in zip(parts, specs, strict=True):
        if not compatible(part.shape, spec.shape):
            raise ShapeError(
                "The element does not have the shape that was promised.", expected=show_shape(spec.shape),
                got=show_shape(part.shape),
            )  # fmt: skip
    return parts


@op(stateful=True, alike=(), host=("handle",), differentiable=False)
def iterator_to_string_handle(handle):
    """The name of the iterator: string []."""
    return as_array_of(handle[()].name.encode(), _HANDLE)


@op(type="IteratorFromStringHandleV2", stateful=True, host=("string",), differentiable=False)
def iterator_from_string_handle(string, *, run=None):
    """The iterator of the name `string` in this session."""
    name = string[()].decode()
    value = run.cell(name).value
    if value is None:
        raise NotFoundError(f"There is no iterator '{name}' in this session.", expected="run string_handle()", got=name)
    return value


for _handle in (iterator, one_shot_iterator, iterator_from_string_handle):
    _handle.shape(lambda *_: Spec((), _HANDLE))
iterator_to_string_handle.shape(lambda handle: Spec((), _HANDLE))
make_iterator.shape(lambda handle, *tensors: ())
iterator_get_next.shape(lambda handle, *, specs: specs)


class Iterator:
    """Where a graph gets the elements of a dataset. Made by a dataset, by `from_structure` or `from_string_handle`."""

    def __init__(self, handle, initializer, element):
        self._handle, self._initializer, self._element = handle, initializer, element

    @staticmethod
    def from_structure(output_types, output_shapes=None, shared_name=None, output_classes=None):
        """An iterator of any dataset with elements of these dtypes and shapes; `make_initializer` says which.

        All three arguments have the elements' structure; shapes default to unknown ones, classes to Tensor.
        """
        return Iterator(iterator(), None, element_of(output_types, output_shapes, output_classes))

    @staticmethod
    def from_string_handle(string_handle, output_types, output_shapes=None, output_classes=None):
        """The iterator whose `string_handle()` had the value of the string scalar `string_handle`, in each run anew."""
        handle = iterator_from_string_handle(as_tensor(string_handle, _HANDLE))
        return Iterator(handle, None, element_of(output_types, output_shapes, output_classes))

    @property
    def initializer(self):
        """The node that (again) begins at the first element. Raises ValueError if the iterator has none of its own."""
        if self._initializer is None:
            raise InvalidArgumentError(
                "The iterator does not have an initializer.", got=self._handle.op.type,
                hint="dataset.make_initializable_iterator(), or make_initializer(dataset) of from_structure",
            )  # fmt: skip
        return self._initializer

    def make_initializer(self, dataset, name=None):
        """A node that begins at the first element of `dataset`.

        Raises TypeError if its elements have another structure, other dtypes, or shapes that do not fit.
        """
        check_same_types(self._element, dataset.element, "make_initializer")
        for mine, its in zip(flat(self._element), flat(dataset.element), strict=True):
            if not compatible(mine.shape, its.shape):
                raise ArgumentTypeError(
                    "make_initializer: the dataset has other shapes.", expected=show_shape(mine.shape),
                    got=show_shape(its.shape), made_at=user_line(),
                )  # fmt: skip
        return initializer_of(self._handle, dataset, name)

    def get_next(self, name=None):
        """The next element, in the dataset's structure. A run raises OutOfRangeError after the last one."""
        leaves = flat(self._element)
        specs = tuple(spec for leaf in leaves for spec in leaf.specs)
        parts = iterator_get_next(self._handle, specs=specs, name=name)
        return packed(self._element, assembled(leaves, parts, SparseTensor))

    def string_handle(self, name=None):
        """A string scalar that stands for this iterator, to be fed to `from_string_handle`'s."""
        return iterator_to_string_handle(self._handle, name=name)

    @property
    def output_types(self):
        """The dtypes, in the elements' structure."""
        return types_of(self._element)

    @property
    def output_shapes(self):
        """The static shapes, in the elements' structure."""
        return shapes_of(self._element)

    @property
    def output_classes(self):
        """Tensor or SparseTensor, in the elements' structure."""
        return classes_of(self._element)


# ---- from datasets to iterators


def make_initializable_iterator(dataset, shared_name=None):
    """An Iterator of `dataset` that a run of its `initializer` begins, and begins anew."""
    handle = iterator()
    return Iterator(handle, initializer_of(handle, dataset), dataset.element)


def initializer_of(handle, dataset, name=None):
    """The node that makes the iterator `handle` begin at the first element of `dataset`."""
    with control_dependencies([x for x in dataset.uses() if isinstance(x, Node)]):
        return make_iterator(handle, *_tensors(dataset), dataset=dataset, name=name)


def make_one_shot_iterator(dataset):
    """An Iterator of `dataset` that needs no initializer, and runs once.

    Raises ValueError if the dataset uses placeholders, variables, tables or anything else that is state.
    """
    for node in needed(dataset.uses()):
        if node.op.stateful or node.op.refs or node.op.name in ("variable", "placeholder"):
            raise InvalidArgumentError(
                "make_one_shot_iterator: the dataset uses state.", expected="values known from the graph alone",
                got=f"{node.name} ({node.type}), made at {node.made_at}",
                hint="make_initializable_iterator() takes it",
            )  # fmt: skip
    return Iterator(one_shot_iterator(dataset=dataset), None, dataset.element)


# ---- what is known of elements


def element_of(types, shapes, classes):
    """The structure of leaves that dtypes, shapes and classes of the same structure describe."""
    leaves = flat(types)
    shapes = [None] * len(leaves) if shapes is None else [as_shape(s) for s in flat_shapes(types, shapes)]
    kinds = [Tensor] * len(leaves) if classes is None else flat(classes)
    if len(shapes) != len(leaves) or len(kinds) != len(leaves):
        raise InvalidArgumentError(
            "Dtypes, shapes and classes must have one structure.", expected=types, got=f"{shapes}, {kinds}",
            made_at=user_line(),
        )  # fmt: skip
    return packed(types, [Leaf(numpy_dtype(t), s, k is SparseTensor) for t, s, k in zip(leaves, shapes, kinds,
                                                                                       strict=True)])  # fmt: skip


def flat_shapes(structure, shapes):
    """The shapes in `shapes`, whose nesting is that of `structure`; a shape may be a tuple itself."""
    if isinstance(structure, dict):
        return [shape for key in sorted(structure) for shape in flat_shapes(structure[key], shapes[key])]
    if isinstance(structure, tuple):
        if not isinstance(shapes, tuple) or len(shapes) != len(structure):
            raise InvalidArgumentError(
                "The shapes do not have the structure of the elements.", expected=f"{len(structure)} shapes",
                got=shapes, made_at=user_line(),
            )  # fmt: skip
        return [shape for one, some in zip(structure, shapes, strict=True) for shape in flat_shapes(one, some)]
    return [shapes]


def types_of(element):
    """The dtypes of a structure of leaves."""
    return mapped(lambda leaf: as_dtype(leaf.dtype), element)


def shapes_of(element):
    """The static shapes of a structure of leaves."""
    return mapped(lambda leaf: TensorShape(leaf.shape), element)


def classes_of(element):
    """Tensor or SparseTensor for each leaf of a structure."""
    return mapped(lambda leaf: SparseTensor if leaf.sparse else Tensor, element)
