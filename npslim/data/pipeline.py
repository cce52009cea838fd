"""Datasets as tf.data has them: sources of elements, and what is done to these one after the other.

A Dataset is a description. It computes nothing before an iterator of it is initialized; then its tensors get their
values, and each `get_next` pulls one element through the stages. Elements are structures of tensors: tuples, named
tuples and dictionaries; a list is a tensor. The order depends on the seeds alone: `map` and `prefetch` may work on
threads, and do not change it.
"""

import functools
import itertools
import os
from typing import Any

import numpy as np

from npslim.arguments import check_function
from npslim.backend import to_host
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.data import iterators
from npslim.data.arguments import (
    check_positive,
    check_shard,
    check_tensors,
    filler,
    fitted,
    flag,
    matching_files,
    number,
    opener,
    padded_shape,
    positive,
)
from npslim.data.stages import (
    Item,
    ahead,
    groups,
    in_parallel,
    interleaved,
    repeated,
    shuffled,
)
from npslim.data.structure import (
    Leaf,
    assembled,
    check_same_types,
    component,
    flat,
    leaf_of,
    mapped,
    packed,
    padded,
    row_leaf,
    rows_of,
    stacked,
    tensors_of,
    widest,
)
from npslim.data.traced import Context, Function
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, UnimplementedError, range_of
from npslim.graph import control_dependencies, get_default_graph
from npslim.op import op
from npslim.spec import Spec
from npslim.tensor import Node, Tensor

AUTOTUNE = -1
_INT64 = np.dtype(np.int64)
_MANY = 1 << 62


class Dataset:
    """Elements one after the other. Made by the functions that begin with `from_` and by methods of other datasets.

    element: the structure of an element, a Leaf in place of each tensor. stream(context): an iterator over Items.
    sources: the datasets it is made of; uses: tensors (and nodes) of the graph whose values it needs.
    """

    def __init__(self, element, stream, sources=(), uses=()):
        self.element, self.stream = element, stream
        self._sources, self._uses = tuple(sources), tuple(x for x in uses if isinstance(x, Tensor | Node))

    def uses(self):
        """The tensors and nodes of the graph that this dataset and those it is made of need, each once."""
        return list(dict.fromkeys([x for source in self._sources for x in source.uses()] + list(self._uses)))

    def _then(self, stream, *uses, element=None):
        """A dataset of the same elements, or of those that `element` describes, made by `stream(context)`."""
        return Dataset(self.element if element is None else element, stream, [self], uses)

    # ---- sources

    @staticmethod
    def from_tensors(tensors, name=None):
        """One element: `tensors`, a structure of what can become a tensor (sparse tensors too)."""
        structure = mapped(component, tensors)
        parts = [part for leaf in flat(structure) for part in tensors_of(leaf)]
        element = mapped(leaf_of, structure)

        def stream(context):
            yield Item(tuple(assembled(flat(element), map(context.value, parts))))

        return Dataset(element, stream, uses=parts)

    @staticmethod
    def from_tensor_slices(tensors, name=None):
        """An element for each entry along the first dimension of `tensors`, which is of the same size for all.

        Raises ValueError for scalars and for first dimensions that are known to differ.
        """
        whole = Dataset.from_tensors(tensors)
        element = mapped(row_leaf, whole.element)
        sizes = {leaf.shape[0] for leaf in flat(whole.element) if leaf.shape} - {None}
        if len(sizes) > 1:
            raise ShapeError(
                "from_tensor_slices: the first dimensions differ.", expected="one size", got=sorted(sizes),
                made_at=user_line(),
            )  # fmt: skip
        return Dataset(element, whole.unbatch().stream, [whole])

    @staticmethod
    def from_sparse_tensor_slices(sparse_tensor):
        """An element (indices, values, dense_shape) for each row of a sparse tensor."""
        rows = Dataset.from_tensor_slices(sparse_tensor)
        leaf = rows.element

        def stream(context):
            for item in rows.stream(context):
                yield Item(tuple(item.values[0]))

        return Dataset(tuple(Leaf(spec.dtype, spec.shape) for spec in leaf.specs), stream, [rows])

    @staticmethod
    def from_generator(generator, output_types, output_shapes=None, args=None, name=None):
        """What `generator(*args)` yields; it is called anew for every pass over the data.

        output_types, output_shapes: of an element, in its structure. args: tensors, of which the generator gets the
        values. A run raises TypeError for a value of another type, ValueError for another shape or structure.
        """
        check_function(generator, "from_generator: generator")
        element = iterators.element_of(output_types, output_shapes, None)
        args = [as_tensor(x) for x in args or ()]

        def stream(context):
            values: Any = generator(*(context.value(x) for x in args))
            for i, value in enumerate(values):
                yield Item(fitted(element, value, f"from_generator: element {i}"))

        return Dataset(element, stream, uses=args)

    @staticmethod
    def range(*args, name=None):
        """The numbers from `start` (0) to below `stop` by `step` (1), int64: range(stop), range(start, stop, step)."""
        if not 1 <= len(args) <= 3:
            raise InvalidArgumentError("range takes start, stop and step.", expected="1 to 3 numbers", got=args)
        numbers = [number(x) for x in args]

        def stream(context):
            for i in range(*(context.number(x) for x in numbers)):
                yield Item((np.array(i, _INT64),))

        return Dataset(Leaf(_INT64, ()), stream, uses=numbers)

    @staticmethod
    def zip(datasets, name=None):
        """Elements put together, a structure of those of `datasets` (a structure too); ends with the shortest.

        Raises TypeError for a list, or for anything else that is no dataset.
        """
        sources = flat(datasets)
        for source in sources:
            _check_dataset("zip", source, "a structure of datasets: a tuple, not a list")

        def stream(context):
            for items in zip(*(source.stream(context) for source in sources), strict=False):
                yield Item(
                    tuple(value for item in items for value in item.values), range_of(item.origin for item in items)
                )

        return Dataset(packed(datasets, [source.element for source in sources]), stream, sources)

    @staticmethod
    def list_files(file_pattern, shuffle=None, seed=None, name=None):
        """The names of the files that match `file_pattern`, a string or a vector of them; in random order by default.

        A run of the initializer raises InvalidArgumentError if there are none.
        """
        patterns = Dataset.from_tensors(file_pattern)
        found = Dataset(Leaf(np.dtype(object), ()), lambda context: matching_files(patterns, context), [patterns])
        return found if shuffle is False else found.shuffle(_MANY, seed=seed)

    # ---- which elements, in which order

    def repeat(self, count=None, name=None):
        """The elements `count` times over; for ever for None or -1."""
        count = number(-1 if count is None else count)
        return self._then(lambda context: repeated(lambda: self.stream(context), context.number(count)), count)

    def take(self, count, name=None):
        """The first `count` elements; all for -1."""
        count = number(count)

        def stream(context):
            n = context.number(count)
            return itertools.islice(self.stream(context), n if n >= 0 else None)

        return self._then(stream, count)

    def skip(self, count, name=None):
        """The elements after the first `count`; none for -1."""
        count = number(count)

        def stream(context):
            n = context.number(count)
            return itertools.islice(self.stream(context), n, None) if n >= 0 else iter(())

        return self._then(stream, count)

    def shard(self, num_shards, index, name=None):
        """Every `num_shards`-th element, from number `index` on. Raises ValueError unless 0 <= index < num_shards."""
        num_shards, index = number(num_shards), number(index)
        if isinstance(num_shards, int) and isinstance(index, int):
            check_shard(num_shards, index)

        def stream(context):
            shards, first = context.number(num_shards), context.number(index)
            check_shard(shards, first)
            return itertools.islice(self.stream(context), first, None, shards)

        return self._then(stream, num_shards, index)

    def concatenate(self, dataset, name=None):
        """These elements, and then those of `dataset`. Raises TypeError if they differ in structure or dtype."""
        _check_dataset("concatenate", dataset)
        check_same_types(self.element, dataset.element, "concatenate")
        pairs = zip(flat(self.element), flat(dataset.element), strict=True)
        element = packed(self.element, [a.with_shape(widest(a.shape, b.shape)) for a, b in pairs])

        def stream(context):
            return itertools.chain.from_iterable(source.stream(context) for source in (self, dataset))

        return Dataset(element, stream, [self, dataset])

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=None, name=None):
        """Random order: each element is drawn from the next `buffer_size` ones.

        The order depends on `seed` and the graph's seed; without either it is always new. With
        reshuffle_each_iteration (the default) each epoch of a `repeat` has an order of its own.
        """
        size, seed = positive(buffer_size, "shuffle", "buffer_size"), None if seed is None else number(seed)
        graph, again = get_default_graph(), reshuffle_each_iteration is False
        name = graph.unique_name("ShuffleDataset")

        def stream(context):
            n = check_positive(context.number(size), "shuffle", "buffer_size")
            return shuffled(self.stream(context), n, context.random(graph, seed, name, again))

        return self._then(stream, size, seed)

    def cache(self, filename="", name=None):
        """The same elements; from the second epoch of a `repeat` on they come from memory, if the first was complete.

        A file as the cache is not supported.
        """
        if filename:
            raise UnimplementedError("cache keeps elements in memory only.", expected="no file name", got=filename)
        key = object()

        def stream(context):
            if key in context.state:
                yield from context.state[key]
                return
            kept = []
            for item in self.stream(context):
                kept.append(item)
                yield item
            context.state[key] = kept

        return self._then(stream)

    def prefetch(self, buffer_size=None, name=None):
        """The same elements, up to `buffer_size` of them made in advance on a thread; AUTOTUNE stands for 4."""
        size = number(AUTOTUNE if buffer_size is None else buffer_size)

        def stream(context):
            n = context.number(size)
            return ahead(self.stream(context), 4 if n < 0 else n) if n else self.stream(context)

        return self._then(stream, size)

    def enumerate(self, start=0, name=None):
        """Pairs (number, element), numbers from `start` on."""
        return Dataset.zip((Dataset.range(start, _MANY), self))

    # ---- functions of elements

    def map(self, map_func, num_parallel_calls=None, deterministic=None, name=None):
        """`map_func` of each element: it is called once, with tensors, and defines ops.

        Of an element that is a tuple it gets the parts as arguments. num_parallel_calls: how many threads work on
        elements at once; order and random numbers stay the same. Variables that it reads have the values of when the
        iterator was initialized. Errors are noted with the file and the record, where the element has one.
        """
        function = Function("MapDataset", self.element, map_func)
        check_tensors(function, "map")
        calls = 1 if num_parallel_calls is None else number(num_parallel_calls)

        def stream(context):
            run = function.bound(context)

            def one(numbered):
                number, item = numbered
                try:
                    return Item(run(item, number), item.origin)
                except Exception:
                    if not context.tolerant:
                        raise
                    return None

            n = context.number(calls)
            n = os.cpu_count() or 1 if n < 0 else n
            source = ((context.count(function.name), item) for item in self.stream(context))
            found = map(one, source) if n <= 1 else in_parallel(source, one, n)
            return (item for item in found if item is not None)

        return self._then(stream, calls, *function.uses(), element=function.element)

    map_with_legacy_function = map

    def filter(self, predicate, name=None):
        """The elements for which `predicate`, a function as `map` takes it, gives True. It must be a boolean scalar."""
        function = Function("FilterDataset", self.element, predicate)
        leaf = function.element
        if not isinstance(leaf, Leaf) or leaf.dtype != bool or leaf.shape not in ((), None):
            raise ArgumentTypeError(
                "filter: the predicate must return a boolean scalar.", expected="bool []",
                got=leaf.specs[0] if isinstance(leaf, Leaf) else leaf, made_at=user_line(),
            )  # fmt: skip

        def stream(context):
            run = function.bound(context)
            return (item for item in self.stream(context) if run(item, context.count(function.name))[0])

        return self._then(stream, *function.uses())

    filter_with_legacy_function = filter

    def flat_map(self, map_func, name=None):
        """The elements of the dataset that `map_func` returns for each element, one dataset after the other."""
        function, opened = opener("FlatMapDataset", self.element, map_func)

        def stream(context):
            return itertools.chain.from_iterable(map(opened(context), self.stream(context)))

        return self._then(stream, *function.uses(), element=function.result.element)

    def interleave(
        self, map_func, cycle_length=None, block_length=None, num_parallel_calls=None, deterministic=None, name=None
    ):
        """The elements of the datasets that `map_func` returns, of `cycle_length` of them in turn, `block_length` each.

        cycle_length: 10 by default, where TensorFlow takes the number of cores. num_parallel_calls changes nothing.
        """
        cycle = positive(10 if cycle_length in (None, AUTOTUNE) else cycle_length, "interleave", "cycle_length")
        block = positive(1 if block_length is None else block_length, "interleave", "block_length")
        function, opened = opener("InterleaveDataset", self.element, map_func)

        def stream(context):
            return interleaved(self.stream(context), opened(context), context.number(cycle), context.number(block))

        return self._then(stream, cycle, block, *function.uses(), element=function.result.element)

    def apply(self, transformation_func):
        """`transformation_func(self)`, a dataset."""
        return _check_dataset("apply", transformation_func(self))

    def reduce(self, initial_state, reduce_func, name=None):
        """`state = reduce_func(state, element)` for all elements, from `initial_state` on; gives the last state."""
        state = mapped(as_tensor, initial_state)
        element = mapped(leaf_of, state)
        function = Function("ReduceDataset", (element, self.element), reduce_func)
        check_same_types(element, function.element, "reduce")
        pairs = zip(flat(element), flat(function.element), strict=True)
        leaves = [a.with_shape(widest(a.shape, b.shape)) for a, b in pairs]
        uses = list(dict.fromkeys([*self.uses(), *function.uses()]))
        tensors = [x for x in uses if isinstance(x, Tensor)]
        with control_dependencies([x for x in uses if isinstance(x, Node)]):
            found = reduce_dataset(
                *flat(state), *tensors, dataset=self, function=function, tensors=tuple(tensors),
                specs=tuple(leaf.specs[0] for leaf in leaves), name=name,
            )  # fmt: skip
        return packed(state, found)

    # ---- several elements as one, and one as several

    def batch(self, batch_size, drop_remainder=False, num_parallel_calls=None, deterministic=None, name=None):
        """`batch_size` elements, stacked along a new first dimension; the last batch may be smaller.

        A run raises InvalidArgumentError for elements of different shapes.
        """
        leaves = flat(self.element)
        joins = [functools.partial(stacked, leaf) for leaf in leaves]
        return self._batched("batch", batch_size, drop_remainder, joins, [leaf.shape for leaf in leaves])

    def padded_batch(self, batch_size, padded_shapes=None, padding_values=None, drop_remainder=False, name=None):
        """`batch_size` elements, filled up at their ends to `padded_shapes`, stacked along a new first dimension.

        padded_shapes, padding_values: in the structure of an element; None or -1 as a size stands for the largest of
        the batch. Values are 0 or the empty string by default. A run raises DataLossError for an element larger than
        the shape it is padded to.
        """
        leaves = flat(self.element)
        if any(leaf.sparse for leaf in leaves):
            raise ArgumentTypeError("padded_batch: sparse tensors cannot be padded.", expected="dense ones",
                                    got=iterators.classes_of(self.element), made_at=user_line())  # fmt: skip
        shapes = [leaf.shape for leaf in leaves]
        if padded_shapes is not None:
            shapes = [padded_shape(s) for s in iterators.flat_shapes(self.element, padded_shapes)]
        fillers = [b"" if leaf.dtype == object else leaf.dtype.type(0) for leaf in leaves]
        if padding_values is not None:
            several = isinstance(padding_values, tuple | dict)
            given = flat(padding_values) if several else [padding_values] * len(leaves)
            fillers = [f if g is None else filler(leaf, g) for f, g, leaf in zip(fillers, given, leaves, strict=True)]
        joins = [_padding(shape, value) for shape, value in zip(shapes, fillers, strict=True)]
        return self._batched("padded_batch", batch_size, drop_remainder, joins, shapes)

    def _batched(self, what, batch_size, drop_remainder, joins, shapes):
        size, drop = positive(batch_size, what, "batch_size"), flag(drop_remainder)
        n = size if isinstance(size, int) and drop is True else None

        def stream(context):
            count = check_positive(context.number(size), what, "batch_size")
            for items in groups(self.stream(context), count, bool(context.value(drop))):
                columns = zip(*(item.values for item in items), strict=True)
                values = tuple(join(column) for join, column in zip(joins, columns, strict=True))
                yield Item(values, range_of(item.origin for item in items))

        shapes = [None if shape is None else (n, *shape) for shape in shapes]
        leaves = [leaf.with_shape(shape) for leaf, shape in zip(flat(self.element), shapes, strict=True)]
        return self._then(stream, size, drop, element=packed(self.element, leaves))

    def unbatch(self, name=None):
        """An element for each entry along the first dimension of each element."""
        leaves = flat(self.element)

        def stream(context):
            for item in self.stream(context):
                pairs = list(zip(leaves, item.values, strict=True))
                sizes = [int(value.dense_shape[0]) if leaf.sparse else len(value) for leaf, value in pairs]
                if len(set(sizes)) > 1:
                    raise InvalidArgumentError(
                        "The first dimensions of an element's parts differ.", expected="one size", got=sizes
                    )
                for values in zip(*(rows_of(leaf, value) for leaf, value in pairs), strict=True):
                    yield Item(values, item.origin)

        return self._then(stream, element=mapped(row_leaf, self.element))

    # ---- what it gives, and to whom

    def make_one_shot_iterator(self):
        """An Iterator that needs no initializer; see `iterators.make_one_shot_iterator`."""
        return iterators.make_one_shot_iterator(self)

    def make_initializable_iterator(self, shared_name=None):
        """An Iterator with an initializer; see `iterators.make_initializable_iterator`."""
        return iterators.make_initializable_iterator(self, shared_name)

    @property
    def output_types(self):
        """The dtypes, in the elements' structure."""
        return iterators.types_of(self.element)

    @property
    def output_shapes(self):
        """The static shapes, in the elements' structure."""
        return iterators.shapes_of(self.element)

    @property
    def output_classes(self):
        """Tensor or SparseTensor, in the elements' structure."""
        return iterators.classes_of(self.element)

    def with_options(self, options, name=None):
        """The dataset itself: there is nothing to set."""
        return self

    def __iter__(self):
        raise ArgumentTypeError(
            "A dataset cannot be iterated while the graph is defined.", got=self,
            hint="make_one_shot_iterator().get_next(), run by a session",
        )  # fmt: skip

    def __repr__(self):
        specs = mapped(lambda leaf: f"{'sparse ' * leaf.sparse}{Spec(leaf.shape, leaf.dtype)}", self.element)
        return f"<{type(self).__name__} {specs}>"


def _padding(shape, value):
    return lambda column: padded(column, shape, value)


def _check_dataset(what, dataset, expected="a Dataset"):
    if not isinstance(dataset, Dataset):
        raise ArgumentTypeError(f"{what}: this is no dataset.", expected=expected, got=repr(dataset),
                                made_at=user_line())  # fmt: skip
    return dataset


@op(type="DatasetReduce", stateful=True, alike=(), refs=("inputs",), differentiable=False)
def reduce_dataset(*inputs, dataset, function, tensors, specs, run=None):
    """The last state, from the first (as many inputs as `specs`) on. The other inputs: the values of `tensors`."""
    state, used = inputs[: len(specs)], [to_host(x) for x in inputs[len(specs) :]]
    context = Context(run.session, dict(zip(tensors, used, strict=True)))
    call = function.bound(context)
    for item in dataset.stream(context):
        state = call(Item((*state, *item.values), item.origin), context.count(function.name))
    return tuple(state)


reduce_dataset.shape(lambda *inputs, specs: specs)
