"""From a GraphDef to nodes of an npslim graph, with TensorFlow's names.

before: loops.py   next: meta.py
"""

import copy
import heapq

from npslim.convert import as_tensor, is_state
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError, OpError, UnimplementedError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_def import arrays, gradients, native, network, tensor_arrays, variables  # noqa: F401 - converters
from npslim.graph_def.conditions import ORDERLY, Conditions
from npslim.graph_def.loops import ENTERS, EXITS, LOOPING, MERGES, NEXTS, Loop, frames_of
from npslim.graph_def.messages import GraphDef, NodeDef
from npslim.graph_def.source import CONVERTERS, Source
from npslim.graph_def.tables import behind_fills
from npslim.graph_def.tensors import make_tensor_proto
from npslim.logs import logger
from npslim.ops import state
from npslim.ops.branches import Branch
from npslim.ops.shape import identity
from npslim.tensor import Node, Tensor

SAVING = {
    "Save",
    "SaveV2",
    "SaveSlices",
    "Restore",
    "RestoreV2",
    "RestoreSlice",
    "ShardedFilename",
    "ShardedFilespec",
    "MergeV2Checkpoints",
}  # fmt: skip - a Saver of npslim does what these did
_SHOWN = 20


def import_graph_def(graph_def, input_map=None, return_elements=None, name=None, op_dict=None, producer_op_list=None):
    """Define the nodes of a GraphDef in the default graph, under the scope `name` ("import" unless given, "" for none).

    input_map: {tensor's name in `graph_def`: tensor to take in its place}. return_elements: names of nodes and tensors
    in `graph_def`; they come back as a list of nodes and tensors, else None. The nodes that save and restore are left
    out. Functions are not read; of a condition both sides are computed; a loop becomes one `while_loop`, under whose
    node its inner nodes lie. Random numbers are others than TensorFlow's.
    Raises UnimplementedError for ops that npslim lacks, with a list of them, before anything is defined;
    InvalidArgumentError (a ValueError) for a graph that is not sound and for names that it does not have.
    Source: tf.import_graph_def of TensorFlow 1.15.
    """
    if not isinstance(graph_def, GraphDef):
        raise ArgumentTypeError("graph_def must be a GraphDef.", expected="GraphDef", got=type(graph_def).__name__)
    made = Importer(graph_def, input_map, name).run()
    return None if return_elements is None else [made.element(found) for found in return_elements]


class Importer:
    """One import: the nodes of a GraphDef by name, and what has become of them.

    assets: {name of a constant: path of a file of its own that the graph may read}.
    """

    def __init__(
        self, graph_def, input_map=None, name=None, clear_devices=False, skip_unsupported=False, assets=None
    ):  # fmt: skip
        self.graph = get_default_graph()
        self.clear_devices = clear_devices
        self.node_defs = {}
        for node_def in graph_def.node:
            if self.node_defs.setdefault(node_def.name, node_def) is not node_def:
                raise InvalidArgumentError("Two nodes have one name.", expected="different names", got=node_def.name)
        self.sources = {key: [parsed(i) for i in node_def.input] for key, node_def in self.node_defs.items()}
        self._check_sources()
        self._put_assets(assets or {})
        self.order = self._order({})
        self.frames = frames_of(self, self.order)
        self.order = self._order(self._behind_loops() | behind_fills(self))
        self.map = self._map(input_map or {})
        self.left_out = self._left_out(skip_unsupported)
        self.conditions = Conditions()
        self.outputs = {}
        self.nodes = {}
        self.names = {}
        self.exits = {}  # of loops that are defined: the tensor each gives
        self.frame = ()
        self.prefix = name

    # ---- before anything is defined

    def _check_sources(self):
        for key, sources in self.sources.items():
            for source, _ in sources:
                if source not in self.node_defs:
                    raise InvalidArgumentError(
                        f"The input of {key} is not in the graph.", expected="the name of a node", got=source
                    )

    def _put_assets(self, assets):
        """Let the constants that name a file hold the path that it has now."""
        for key, path in assets.items():
            if key not in self.node_defs or self.node_defs[key].op != "Const":
                raise InvalidArgumentError("The path of an asset is no constant of the graph.", got=key)
            made = NodeDef()
            made.CopyFrom(self.node_defs[key])
            made.attr["value"].tensor.CopyFrom(make_tensor_proto(path.encode()))
            self.node_defs[key] = made
        self.graph.extras.setdefault("assets", set()).update(path.encode() for path in assets.values())

    def _behind_loops(self):
        """{name of an Exit: the Enters of its loop}, all of which it waits for."""
        enters, found = {}, {}
        for key, frame in self.frames.items():
            if self.node_defs[key].op in ENTERS:
                enters.setdefault(frame, []).append(key)
        for key in self.frames:
            if self.node_defs[key].op in EXITS:
                found[key] = enters[self.frames[self.sources[key][0][0]]]
        return found

    def _order(self, further):
        """The names, inputs first (and `further` ones), otherwise in the order of the file; what a loop brings back to
        its beginning does not count. Raises InvalidArgumentError for any other circle.
        """
        place = {key: i for i, key in enumerate(self.node_defs)}
        keys = list(self.node_defs)
        consumers, missing = {}, {}
        for key, sources in self.sources.items():
            back = self.node_defs[key].op in MERGES
            needed = {source for source, _ in sources if not (back and self.node_defs[source].op in NEXTS)}
            needed.update(further.get(key, ()))
            for source in needed:
                consumers.setdefault(source, []).append(key)
            missing[key] = len(needed)
        ready = [place[key] for key, count in missing.items() if not count]
        heapq.heapify(ready)
        order = []
        while ready:
            key = keys[heapq.heappop(ready)]
            order.append(key)
            for consumer in consumers.get(key, ()):
                missing[consumer] -= 1
                if not missing[consumer]:
                    heapq.heappush(ready, place[consumer])
        if len(order) < len(keys):
            circle = sorted(key for key, count in missing.items() if count)
            raise InvalidArgumentError(
                "Nodes depend on each other in a circle.", expected="an order", got=circle[:_SHOWN]
            )
        return order

    def _map(self, input_map):
        """{(name, output): tensor} from what the caller gives. Raises InvalidArgumentError for names without a node."""
        found, unknown = {}, []
        for key, value in input_map.items():
            source = parsed(key)
            if source[0] not in self.node_defs:
                unknown.append(key)
            elif source[1] is None:
                found[source] = self.graph.as_graph_element(value)
            else:
                found[source] = as_tensor(value)
        if unknown:
            raise InvalidArgumentError(
                "Attempted to map inputs that were not found in graph_def.", expected="names of nodes", got=unknown
            )
        return found

    def _left_out(self, skip_unsupported):
        """The names of nodes that are not imported. Raises UnimplementedError for ops that npslim lacks."""
        unknown, left_out = {}, set()
        unread = {
            key for key, node_def in self.node_defs.items()
            if native.NATIVE not in node_def.attr and not any(node_def.op in t for t in (CONVERTERS, ORDERLY, LOOPING))
        }  # fmt: skip
        saving = self._saving(unread)
        for key in self.order:
            op = self.node_defs[key].op
            sources = {source for source, index in self.sources[key] if (source, index) not in self.map}
            if key not in saving and key in unread:
                unknown.setdefault(op, []).append(key)
            if key in saving or op in unknown or sources & left_out:
                left_out.add(key)
        if unknown and not skip_unsupported:
            rows = [f"{op}: {len(keys)}, the first is {keys[0]!r}" for op, keys in sorted(unknown.items())]
            raise UnimplementedError(
                f"npslim cannot import {sum(map(len, unknown.values()))} nodes of this graph.",
                expected="ops that npslim has", got="\n".join(rows),
            )  # fmt: skip
        if left_out:
            logger.info("%d nodes are left out of the import, such as %s", len(left_out), sorted(left_out)[0])
        return left_out

    def _saving(self, unread):
        """The names of nodes that save and restore: these ops, what depends on them, and those of `unread` that only
        they need, the choice of a file's name say.
        """
        consumers, found = {}, set()
        for key in self.order:
            sources = {source for source, index in self.sources[key] if (source, index) not in self.map}
            for source in sources:
                consumers.setdefault(source, []).append(key)
            if self.node_defs[key].op in SAVING or sources & found:
                found.add(key)
        only = set(found)
        for key in reversed(self.order):
            if key in consumers and only.issuperset(consumers[key]):
                only.add(key)
        return found | only & unread

    # ---- defining

    def run(self):
        """Define the nodes; returns this."""
        graph = self.graph
        name = "import" if self.prefix is None else self.prefix
        with graph.name_scope(name or None) as scope, graph.control_dependencies(None):
            self.prefix = scope
            self.names.update({key: self._reserved(key) for key in self.order if key not in self.left_out})
            with graph.name_scope(None):
                for key in self.names:
                    if not self.frames[key] and self.node_defs[key].op not in ENTERS:
                        self._define(key)
        if not isinstance(graph, Branch):
            graph.extras.pop("branches", None)
        return self

    def of_branch(self, graph_def, mapped):
        """An importer that has defined the graph of a branch in the default graph, with the tensors of `mapped`."""
        made = Importer(graph_def, mapped, self.prefix, self.clear_devices)
        made.left_out |= {parsed(name)[0] for name in mapped}
        return made.run()

    def inside(self, frame, values):
        """An importer of the nodes of a loop into the current graph, a branch; `values` are what some of them give."""
        made = copy.copy(self)
        made.graph, made.frame, made.conditions, made.exits = get_default_graph(), frame, Conditions(), {}
        made.outputs = {key: list(v) if isinstance(v, tuple) else [v] for key, v in values.items()}
        made.nodes = {}
        return made

    def value(self, source):
        """The tensor of `source`, a value of this loop, once the nodes that it needs are defined."""
        needed, todo = set(), [source[0]]
        while todo:
            key = todo.pop()
            if key in needed or key in self.outputs or len(self.frames[key]) < len(self.frame):
                continue
            needed.add(key)
            if self.node_defs[key].op in EXITS:
                inner = self.frames[self.sources[key][0][0]]
                enters = [k for k in self.order if self.frames[k] == inner and self.node_defs[k].op in ENTERS]
                todo += [name for enter in enters for name, _ in self.sources[enter]]
            elif self.node_defs[key].op not in ENTERS:
                todo += [name for name, _ in self.sources[key]]
        with self.graph.name_scope(None):
            for key in self.order:
                if key in needed and self.frames[key] == self.frame:
                    self._define(key)
            return self.output(*source)

    def _reserved(self, key):
        """The unique name for the node `key`, so that no part of another node takes it."""
        if not key or key.endswith("/"):
            raise InvalidArgumentError("This is not a valid name for a node.", expected="letters", got=repr(key))
        return self.graph.node_name(key)

    def _define(self, key):
        node_def, full_name = self.node_defs[key], self.names[key]
        try:
            if node_def.op in EXITS:
                self.outputs[key] = [identity(self._exit(key), name=f"{full_name}/")]
                self.nodes[key] = self.outputs[key][0].op
                return
            controls = [source for source in self.sources[key] if source[1] is None and self._is_here(source)]
            sources = [source for source in self.sources[key] if source[1] is not None]
            n = Source(self, node_def, full_name, [self.output(*source) for source in sources])
            convert = native.convert if native.NATIVE in node_def.attr else CONVERTERS.get(node_def.op)
            device = "" if self.clear_devices else node_def.device
            with self.graph.device(device), control_dependencies([self._node(source) for source in controls]):
                found = self.conditions.convert(n, convert, sources, [source for source, _ in controls])
                if is_state(found) and f"{key}/read" not in self.node_defs:
                    state.read(found, name=f"{full_name}/read/")  # what a plain use of the variable is
            unread = list(n.unread()) if node_def.op not in ORDERLY else []
            if unread:
                raise UnimplementedError(
                    "Attributes are not known to npslim.", expected="the op's known attributes", got=unread
                )
            self.nodes[key] = self.graph.get_operation_by_name(full_name)
        except OpError as error:
            raise _located(error, node_def) from None
        except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
            message = f"{type(error).__name__}: {error}"
            raise _located(DataLossError("The node makes no sense.", got=message), node_def) from error
        self.outputs[key] = (
            [] if isinstance(found, Node) else list(found) if isinstance(found, tuple | list) else [found]
        )

    def _is_here(self, source):
        """Whether the node of a control input is defined in this graph: values that come into a loop are not."""
        return source in self.map or source[0] in self.nodes

    def _exit(self, key):
        """The tensor that a loop gives at its Exit `key`."""
        if key not in self.exits:
            frame = self.frames[self.sources[key][0][0]]
            loop = Loop(self, frame)
            self.exits.update(loop.define())
            sides = self.conditions.of([self.sources[enter][0] for enter in loop.enters], ())
            for name in loop.exits:
                self.conditions.put(name, sides)
        return self.exits[key]

    def _node(self, source):
        return self.map.get(source) or self.nodes[source[0]]

    def output(self, key, index):
        """The tensor that output `index` of the node `key` has become. Raises InvalidArgumentError."""
        if (key, index) in self.map:
            return self.map[key, index]
        outputs = self.outputs[key]
        if index >= len(outputs):
            raise InvalidArgumentError(f"{key} has no output {index}.", expected=f"< {len(outputs)}", got=index)
        if not isinstance(outputs[index], Tensor):
            with self.graph.name_scope(None), self.graph.control_dependencies(None):
                outputs[index] = outputs[index]()
        return outputs[index]

    # ---- after it

    def element(self, name):
        """The node or tensor that has `name` in the GraphDef. Raises InvalidArgumentError."""
        is_tensor = ":" in name
        key, index = parsed(name)
        if is_tensor and (key, index) in self.map:
            return self.map[key, index]
        if key in self.left_out:
            raise InvalidArgumentError(f"The node {key!r} was left out of the import.", got=self.node_defs[key].op)
        if key not in self.nodes:
            raise InvalidArgumentError(f"Requested return_element {name!r} not found in graph_def.", got=name)
        return self.output(key, index) if is_tensor else self.nodes[key]


def parsed(text):
    """(name, output) of "name", "name:1", or (name, None) of a control input "^name". Raises InvalidArgumentError."""
    if text.startswith("^"):
        return text[1:], None
    name, colon, index = text.rpartition(":")
    if not colon:
        return text, 0
    if not (index.isascii() and index.isdigit()):
        raise InvalidArgumentError("This is not a tensor's name.", expected="'node:0'", got=text)
    return name, int(index)


def _located(error, node_def):
    """`error`, its message beginning with the node at fault."""
    made = type(error)("")
    made.message = f"{node_def.name!r} ({node_def.op}) of the graph that is imported: {error.message}"
    made.args = (made.message,)
    return made
