"""SESSION. What users run a graph with: it checks fetches and feeds, keeps plans and the state, and shows each step.

before: run.py   next: autograd/reverse.py
"""

from collections.abc import Iterator, ValuesView
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npslim.backend import device_module, one_blas_thread, running_on, to_device, to_host
from npslim.cells import Cell, Store
from npslim.convert import as_array, is_state, read_of
from npslim.defaults import leave, sessions
from npslim.dtypes import as_dtype
from npslim.errors import (
    ArgumentTypeError,
    DTypeError,
    FailedPreconditionError,
    GraphError,
    InvalidArgumentError,
    NotFoundError,
    ShapeError,
)
from npslim.fast.rewrite import rewrite, rewrite_roughly
from npslim.fast.workers import available, running
from npslim.graph import get_default_graph
from npslim.indexed_slices import IndexedSlices
from npslim.plan import REWRITES, check_kernels, make_plan, stand_in
from npslim.run import Run, execute, given, perform, seen
from npslim.spec import compatible, show_shape
from npslim.tensor import Node, Tensor

REWRITES["fast"], REWRITES["rough"] = rewrite, rewrite_roughly


@dataclass(frozen=True, eq=False)
class Event:
    """What `Session.step` yields when a node has run.

    number: its place in the run. node: the Node. inputs, outputs: values, on the host and not to be written to; a
    variable's state is None before it is initialized. dropped, faded: names of the tensors whose value no later node
    reads, or of which only the shape is read from here on. held: bytes of the values that are kept after this node.
    """

    number: int
    node: Node
    inputs: list
    outputs: list
    dropped: tuple
    faded: tuple
    held: int

    @property
    def phase(self):
        """ "backward" for a node of a gradient, "update" for one that changes state, else "forward"."""
        if self.node.forward is not None:
            return "backward"
        return "update" if self.node.op.refs and not self.node.op.only_reads else "forward"

    def __str__(self):
        outputs = ", ".join(seen(t, y) for t, y in zip(self.node.outputs, self.outputs, strict=True))
        line = f"{self.number:5d}  {self.phase:8s}  {self.node.name:40s} {self.node.type:20s} {outputs or '-'}"
        for word, names in (("fades", self.faded), ("drops", self.dropped)):
            line += f"  {word} " + ", ".join(names) if names else ""
        return line


class Session:
    """Runs parts of a graph.

    kernels: "fast" runs a rewritten plan, "plain" the textbook's kernels, which give the same, "reference" accumulates
    in float64 and rounds once. "rough" is "fast" with a quicker algorithm for convolutions by 3x3 that loses about one
    digit of seven (docs/decisions/0010).
    threads: how many the fast kernels may use, all cores if None; the bits are the same for any number.
    device: "cpu", or "gpu" for CuPy. `target` and `config` are accepted for old programs and change nothing.
    """

    def __init__(self, target="", graph=None, config=None, *, kernels="fast", device="cpu", threads=None):
        self.graph = graph or get_default_graph()
        self.kernels = check_kernels(kernels)
        self.threads = check_threads(threads)
        self.device = device
        self.module = device_module(device)
        self.store = Store()
        self.closed = False
        self.waited, self.input_queue = 0.0, None  # what InputMeter looks at
        self._plans = {}
        self._entered = []

    def run(self, fetches, feed_dict=None, options=None, run_metadata=None) -> Any:
        """The values of `fetches`, in the same structure.

        fetches: a tensor, node (gives None), variable, name, IndexedSlices, or any nesting of these in lists, tuples,
        named tuples and dictionaries. A variable gives its value after the run's assignments. feed_dict:
        {tensor: value}; any tensor may be fed.
        Raises what the kernels raise, with a note of the node, its line and its inputs.
        """
        self._check_open()
        leaves = []
        structure = self._flatten(fetches, leaves)
        feeds = self._feeds(feed_dict)
        leaves = [read_of(leaf) if is_state(leaf) and read_of(leaf) in feeds else leaf for leaf in leaves]
        results = self._run(leaves, feeds)
        return _rebuild(structure, iter(results))

    def _run(self, leaves, feeds, failed=None):
        plan = self.plan(tuple(dict.fromkeys(leaves)), tuple(feeds))
        run = Run(self)
        try:
            with running_on(self.module), one_blas_thread, running(self.threads):
                values = execute(plan, feeds, run)
        except BaseException as error:
            if failed is not None:
                failed(error)
            raise
        finally:
            run.settle()
            if failed is None:
                self.waited += run.waited
                self.input_queue = run.queue or self.input_queue
        return [_fetched(values[plan.slots[leaf]]) if isinstance(leaf, Tensor) else None for leaf in leaves]

    @property
    def graph_def(self):
        """The session's graph as a GraphDef."""
        return self.graph.as_graph_def()

    def step(self, fetches, feed_dict=None) -> Iterator[Event]:
        """Run `fetches` one node at a time: yields an `Event` for each, when it has run.

        The kernels are the textbook's, or the reference's if the session is of that kind; the order, the values that
        are dropped and the effects on variables are those of `run`. Who stops early has run what was yielded, and
        nothing more. A generator that is not asked for its first event runs nothing.
        """
        self._check_open()
        leaves = []
        self._flatten(fetches, leaves)
        feeds = self._feeds(feed_dict)
        leaves = [read_of(leaf) if is_state(leaf) and read_of(leaf) in feeds else leaf for leaf in leaves]
        kernels = "reference" if self.kernels == "reference" else "plain"
        return self._stepped(make_plan(tuple(dict.fromkeys(leaves)), tuple(feeds), kernels, self.device), feeds)

    def _stepped(self, plan, feeds):
        values, run = given(plan, feeds), Run(self)
        names = {slot: tensor.name for tensor, slot in plan.slots.items()}
        alive = {slot for slot, value in enumerate(values) if value is not None}
        try:
            for number, step in enumerate(plan.steps):
                inputs = [_looked_at(values[slot]) for slot in step.inputs]
                with running_on(self.module), one_blas_thread, running(self.threads):
                    perform([replace(step, fade=(), drop=())], values, plan.slots, run)
                outputs = [_looked_at(values[slot]) for slot in step.outputs]
                for slot in step.fade:
                    values[slot] = stand_in(values[slot])
                for slot in step.drop:
                    values[slot] = None
                alive = (alive | set(step.outputs)) - {*step.drop, *step.fade}
                yield Event(
                    number, step.node, inputs, outputs,
                    dropped=tuple(names[slot] for slot in step.drop),
                    faded=tuple(names[slot] for slot in step.fade),
                    held=sum(getattr(values[slot], "nbytes", 0) for slot in alive),
                )  # fmt: skip
        finally:
            run.settle()

    def plan(self, fetches, fed):
        """The plan for these fetches and feeds, made once."""
        key = (fetches, frozenset(fed))
        if key not in self._plans:
            self._plans[key] = make_plan(fetches, fed, self.kernels, self.device, self.threads)
        return self._plans[key]

    def explain(self, fetches, feed_dict=None):
        """The plan of `run(fetches, feed_dict)` as text, one line a step: its output, floating-point operations and
        kernel, with the algorithm and where the result is put; which nodes it fuses; which values are faded to their
        shape or dropped after it. Nothing is run; the feeds' values are not used.
        """
        leaves = []
        self._flatten(fetches, leaves)
        fed = tuple(self._feed_tensor(key) for key, _ in _feed_items(feed_dict))
        return self.plan(tuple(dict.fromkeys(leaves)), fed).describe()

    def make_callable(self, fetches, feed_list=None, accept_options=False):
        """A function that takes the values of `feed_list` and returns those of `fetches`."""
        return lambda *values: self.run(fetches, dict(zip(feed_list or (), values, strict=True)))

    def make_producer(self, node, failed):
        """A function that runs `node`. If that raises, `failed(error)` is called before anybody goes on who waits for
        the elements that the run took: what comes after a lost element must not take its place.
        """

        def produce():
            self._check_open()
            self._run([node], {}, failed)

        return produce

    # ---- fetches

    def _flatten(self, fetches, leaves) -> Any:
        """The structure of `fetches` with numbers of places in `leaves` instead of tensors."""
        if isinstance(fetches, Tensor):
            leaves.append(self._fetch(fetches))
            return _LEAF
        if isinstance(fetches, dict):
            return type(fetches)((key, self._flatten(value, leaves)) for key, value in fetches.items())
        if isinstance(fetches, tuple) and hasattr(fetches, "_fields"):
            return type(fetches)(*(self._flatten(x, leaves) for x in fetches))
        if isinstance(fetches, ValuesView):  # in Python 2 the values of a dictionary were a list
            fetches = list(fetches)
        if isinstance(fetches, list | tuple):
            return type(fetches)(self._flatten(x, leaves) for x in fetches)
        if hasattr(fetches, "_components"):  # a sparse tensor and the like: several tensors, one value
            parts, rebuild = fetches._components()
            return _Composite(self._flatten(list(parts), leaves), rebuild)
        if isinstance(fetches, IndexedSlices):
            return _Composite(self._flatten([fetches.values, fetches.indices], leaves), IndexedSlicesValue)
        leaves.append(self._fetch(fetches))
        return _LEAF

    def _fetch(self, fetch):
        if type(fetch) is Tensor and fetch.graph is self.graph:
            return fetch
        try:
            found = self.graph.as_graph_element(fetch)
        except NotFoundError as error:
            raise InvalidArgumentError(f"Fetch {fetch!r}: {error.message}") from None
        except ArgumentTypeError:
            raise ArgumentTypeError(
                f"Fetch argument {fetch!r} cannot be fetched.", expected="a tensor, a node, or the name of one",
                got=f"{fetch!r} of type {type(fetch).__name__}",
            ) from None  # fmt: skip
        return found

    # ---- feeds

    def _feed_tensor(self, key):
        try:
            own = type(key) is Tensor and key.graph is self.graph
            tensor = key if own else self.graph.as_graph_element(key, allow_operation=False)
        except NotFoundError as error:
            raise InvalidArgumentError(f"Cannot feed {key!r}: {error.message}") from None
        except (ArgumentTypeError, GraphError):
            raise ArgumentTypeError(
                f"Cannot feed {key!r}.", expected="a tensor of this session's graph, or the name of one",
                got=f"{key!r} of type {type(key).__name__}",
            ) from None  # fmt: skip
        return read_of(tensor) if is_state(tensor) else tensor

    def _feeds(self, feed_dict):
        feeds = {}
        for key, value in _feed_items(feed_dict):
            tensor = self._feed_tensor(key)
            feeds[tensor] = to_device(self._checked(tensor, value), self.module)
        return feeds

    def _checked(self, tensor, value):
        spec = tensor.spec
        array = value if type(value) is np.ndarray and value.dtype == spec.dtype else self._converted(tensor, value)
        if not compatible(array.shape, spec.shape):
            raise ShapeError(
                f"Cannot feed a value of shape {show_shape(array.shape)} to {tensor.name}.",
                expected=show_shape(spec.shape), got=show_shape(array.shape), made_at=tensor.op.made_at,
            )  # fmt: skip
        return array

    def _converted(self, tensor, value):
        dtype = tensor.spec.dtype
        if isinstance(value, Tensor | Node) or hasattr(value, "_as_tensor"):
            raise ArgumentTypeError(
                "The value of a feed cannot be a tensor.", expected="an array or a number", got=value,
                hint="run the tensor first and feed what it gives",
            )  # fmt: skip
        value = to_host(value)
        try:
            return value if isinstance(value, np.ndarray) and value.dtype == dtype else as_array(value, dtype)
        except (DTypeError, ArgumentTypeError, InvalidArgumentError) as error:
            kind = type(error) if isinstance(error, TypeError) else InvalidArgumentError
            raise kind(
                f"Cannot feed {tensor.name}.", expected=as_dtype(dtype).name, got=error.message,
                made_at=tensor.op.made_at,
            ) from None  # fmt: skip

    # ---- life

    def as_default(self):
        """A context in which this is the default session of the thread; its graph stays what it was."""
        return _AsDefault(self)

    def close(self):
        """Release the session's state; a later run raises."""
        self.closed = True
        for cell in list(self.store.cells.values()):
            if cell.release is not None:
                cell.release()
        self.store = Store()
        self._plans = {}

    def _check_open(self):
        if self.closed:
            raise FailedPreconditionError("The session is closed.", hint="a new Session() begins with fresh variables")

    def __enter__(self):
        contexts = [self.graph.as_default(), self.as_default()]
        for context in contexts:
            context.__enter__()
        self._entered.append(contexts)
        return self

    def __exit__(self, *exc):
        for context in reversed(self._entered.pop()):
            context.__exit__(*exc)
        self.close()


def check_threads(threads):
    """`threads`, or the number of cores for None. Raises InvalidArgumentError."""
    if threads is None:
        return available()
    if not isinstance(threads, int) or threads < 1:
        raise InvalidArgumentError("These are no threads.", expected="an integer >= 1, or None", got=threads)
    return threads


class InteractiveSession(Session):
    """A session that is the default one from its creation until `close()`."""

    def __init__(self, target="", graph=None, config=None, **kwargs):
        super().__init__(target, graph, config, **kwargs)
        sessions().append(self)

    def close(self):
        if self in sessions():
            leave(sessions(), self)
        super().close()


class _AsDefault:
    def __init__(self, session):
        self.session = session

    def __enter__(self):
        sessions().append(self.session)
        return self.session

    def __exit__(self, *_):
        leave(sessions(), self.session)


class IndexedSlicesValue(tuple):
    """The value of an IndexedSlices: (values, indices)."""

    def __new__(cls, values, indices):
        return super().__new__(cls, (values, indices))

    @property
    def values(self):
        return self[0]

    @property
    def indices(self):
        return self[1]


_LEAF = object()


class _Composite:
    def __init__(self, structure, rebuild):
        self.structure = structure
        self.rebuild = rebuild


def _rebuild(structure: Any, results) -> Any:
    """`structure` with each leaf replaced by the next of `results`."""
    if structure is _LEAF:
        return next(results)
    if isinstance(structure, _Composite):
        return structure.rebuild(*_rebuild(structure.structure, results))
    if isinstance(structure, dict):
        return type(structure)((key, _rebuild(value, results)) for key, value in structure.items())
    if hasattr(structure, "_fields"):
        return type(structure)(*(_rebuild(x, results) for x in structure))
    return type(structure)(_rebuild(x, results) for x in structure)


def _looked_at(value):
    """A value as an event shows it: on the host, and no copy where it is there already."""
    return to_host(value.value if isinstance(value, Cell) else value)


def _fetched(value):
    """A value as the user gets it: on the host, its own memory, a NumPy scalar for rank 0."""
    value = value.initialized() if isinstance(value, Cell) else value
    value = to_host(value)
    if isinstance(value, np.ndarray):
        return value.copy() if value.ndim else value[()]
    return value


def _feed_items(feed_dict):
    """(key, value) pairs, composite keys such as sparse tensors taken apart."""
    if feed_dict is not None and not isinstance(feed_dict, dict):
        raise ArgumentTypeError("feed_dict is no dictionary.", expected="{tensor: value}", got=type(feed_dict).__name__)
    for key, value in (feed_dict or {}).items():
        if type(key) is Tensor:
            yield key, value
        elif hasattr(key, "_components"):
            yield from zip(key._components()[0], value, strict=True)
        elif isinstance(key, list | tuple):
            yield from zip(key, value, strict=True)
        else:
            yield key, value
