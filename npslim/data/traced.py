"""Functions of a dataset, and what they run in. A function is traced once into a branch of the graph.

What it uses from outside it captures; it gets those values when an iterator is initialized.
"""

import threading
import zlib
from typing import Any

import numpy as np

from npslim.arguments import check_function
from npslim.backend import one_blas_thread, running_on, to_host
from npslim.caller import user_line
from npslim.cells import philox_key
from npslim.convert import as_tensor
from npslim.data.structure import assembled, component, flat, leaf_of, mapped, packed, parts_of, tensors_of
from npslim.errors import ArgumentTypeError
from npslim.graph import get_default_graph
from npslim.ops.branches import Branch
from npslim.ops.queue_state import Tickets
from npslim.ops.sparse import SparseTensor
from npslim.run import Run
from npslim.tensor import Tensor

_FREE = Tickets()  # of functions: their elements have numbers, and nobody waits for them


class Context:
    """What the iterator of a dataset has: the values of the tensors that the dataset uses, and its state.

    values: {tensor: array}. state: what datasets keep from one epoch to the next. tolerant: items whose function
    fails are left out.
    """

    def __init__(self, session, values, tolerant=False):
        self.session, self.values, self.tolerant = session, values, tolerant
        self.state = {}
        self.firsts = {}  # {name: what `count(name)` gave at first}

    def value(self, x):
        """The value of an argument of a dataset: a number, or that of a tensor."""
        return self.values[x] if isinstance(x, Tensor) else x

    def number(self, x):
        """The value of an argument as a Python int."""
        return int(self.value(x))

    def forgiving(self):
        """The same context for sources whose failing items are left out."""
        other = Context(self.session, self.values, tolerant=True)
        other.state, other.firsts = self.state, self.firsts
        return other

    def count(self, name):
        """How often `count(name)` was called in this session before."""
        store = self.session.store
        with store.lock:
            number = store.draws.get(name, 0)
            store.draws[name] = number + 1
            self.firsts.setdefault(name, number)
        return number

    def begin_as(self, firsts):
        """Count as the context did whose `firsts` these are."""
        with self.session.store.lock:
            self.session.store.draws.update(firsts)

    def epoch(self, key):
        """How often `epoch(key)` was called in this context before."""
        number = self.state.get(key, 0)
        self.state[key] = number + 1
        return number

    def random(self, graph, seed, name, again):
        """The generator of the stage `name` for a new epoch; with `again` the same as in the first one.

        The bits depend on the seeds of graph and stage and on the epoch; without any seed they are always new.
        """
        start, number = self.state.get((name, "start")), self.epoch((name, "epoch"))
        if start is None:
            start = self.state[name, "start"] = self.count(name) if graph.seed is None and seed is None else 0
        first = self.session.store.entropy if graph.seed is None and seed is None else graph.seed or 0
        second = zlib.crc32(name.encode()) if seed is None else self.number(seed)
        key = philox_key(first, second)
        return np.random.Generator(np.random.Philox(key=key, counter=[0, start, 2, 0 if again else number]))

    def evaluate(self, fetches, feeds, number=None):
        """The values of tensors (and nodes) on the host. number: of the element, for random numbers of its own."""
        run = Run(self.session)
        if number is not None:
            run.ticket = (_FREE, number)
        with np.errstate(all="ignore"), running_on(self.session.module), one_blas_thread:
            return [to_host(value) for value in run.execute(fetches, feeds)]


class Function:
    """A Python function of elements, as a branch: `inner` stand for its arguments, `result` is what it returned.

    The function may return a dataset, which then is `result`.
    """

    def __init__(self, what, element, function):
        check_function(function, f"{what}: the function")
        self.made_at = user_line()
        graph = get_default_graph()
        with graph.name_scope(what) as scope:
            self.name = scope[:-1]
            self.branch = Branch(graph)
            with self.branch.as_default():
                leaves = flat(element)
                self.inner = [self.branch.stand_in(spec, "args_0") for leaf in leaves for spec in leaf.specs]
                args = packed(element, assembled(leaves, self.inner, SparseTensor))
                result = function(*args) if type(args) is tuple else function(args)
                self.result: Any = self._adopted(what, result)

    def _adopted(self, what, result):
        if hasattr(result, "stream"):
            return result
        result = tuple(result) if isinstance(result, list) else result
        return mapped(lambda value: self._leaf(what, value), result)

    def _leaf(self, what, value):
        if value is None:
            raise ArgumentTypeError(f"{what}: the function must return tensors.", expected="tensors", got="None",
                                    made_at=self.made_at)  # fmt: skip
        value = component(value)
        if isinstance(value, SparseTensor):
            return SparseTensor(*(self.branch.adopt(part) for part in tensors_of(value)))
        return self.branch.adopt(as_tensor(value))

    @property
    def element(self):
        """The structure of leaves of what the function gives."""
        return mapped(leaf_of, self.result)

    def uses(self):
        """The tensors from outside that it uses, and the nodes that it waits for, once it is complete."""
        return [*self.branch.captured, *(node for node in self.branch.outer_controls if node is not None)]

    def fetching(self, context, fetches):
        """A function from the values of an element, and its number, to those of `fetches`."""
        given = {inner: context.values[outer] for outer, inner in self.branch.captured.items()}

        def call(item, number):
            feeds = dict(zip(self.inner, parts_of(item.values), strict=True))
            try:
                return context.evaluate(fetches, {**feeds, **given}, number)
            except Exception as error:
                _note(error, f"  dataset  {self.name}, element {number}" + _from(item))
                raise

        return call

    def bound(self, context):
        """A function from an item and its number to the values of the leaves of the result."""
        leaves = flat(self.element)
        call = self.fetching(context, [part for leaf in flat(self.result) for part in tensors_of(leaf)])
        return lambda item, number: tuple(assembled(leaves, call(item, number)))


_noting = threading.Lock()


def _note(error, text):
    with _noting:
        error.add_note(text)


def _from(item):
    return f"\n  record   {item.origin}" if item.origin else ""
